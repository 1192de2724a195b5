"""For `pytest -p`: every app keeps its sessions on the server, by Flask-Session."""

import functools
import tempfile

from cachelib import FileSystemCache
from flask import Flask
from flask_session import Session

folder = tempfile.TemporaryDirectory(prefix="flask-housekey-")
original = Flask.__init__


@functools.wraps(original)
def init(app, *args, **kwargs):
    original(app, *args, **kwargs)
    cache = FileSystemCache(folder.name, threshold=0)
    # Permanent ones, which Flask-Session makes by default, are spared by strong protection.
    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=cache, SESSION_PERMANENT=False)
    Session(app)


Flask.__init__ = init

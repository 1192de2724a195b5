"""For `pytest -p`: every app keeps Flask's own sessions. A subclass is not replaced by `LoginManager.init_app`."""

from flask import Flask
from flask.sessions import SecureCookieSessionInterface


class Kept(SecureCookieSessionInterface):
    pass


Flask.session_interface = Kept()

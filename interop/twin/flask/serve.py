"""Serves the Flask twin with gunicorn. The settings come from the environment; see settings.py."""

import sys

from gunicorn.app.base import BaseApplication

from app import create_app
from settings import SettingError, read_settings


class Server(BaseApplication):
    """gunicorn with our options instead of a command line."""

    def __init__(self, settings, options):
        self.settings = settings
        self.options = options
        super().__init__()

    def load_config(self):
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self):
        # In the worker: a connection to SQLite must not survive a fork.
        return create_app(self.settings)


def main():
    try:
        settings = read_settings()
    except SettingError as error:
        sys.exit(f"twin (Flask): {error}")
    options = {
        "bind": f"127.0.0.1:{settings.port}",
        "worker_class": "gthread",
        "workers": 1,
        "threads": 4,
        "accesslog": "-",
        # A stopped twin ends without waiting.
        "graceful_timeout": 1,
    }
    Server(settings, options).run()


if __name__ == "__main__":
    main()

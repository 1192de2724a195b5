"""What the tests share: apps on three kinds of session, and the real Flask-Login beside them."""

import os
import sys

import pytest
from flask import Flask, session
from flask.sessions import SecureCookieSessionInterface

# The source of the real Flask-Login, as upstream's tests came with it.
sys.path.append(os.environ["FLASK_LOGIN_SOURCE"])

import flask_housekey  # noqa: E402
from stores import cluster, nobody, postgres, prefix, redis_server, store, table, watched  # noqa: E402, F401

KEY = "3b0f1a9c5d7e42688c1de97f60ab5432"


class User(flask_housekey.UserMixin):
    """A user of both packages."""

    def __init__(self, id, active=True):
        self.id = id
        self.active = active

    @property
    def is_active(self):
        return self.active


class FlaskSessions(SecureCookieSessionInterface):
    """Flask's own, which stay where a program has a class of its own."""


def rust(app):
    pass


def flasks(app):
    app.session_interface = FlaskSessions()


def on_the_server(app):
    from cachelib import SimpleCache
    from flask_session import Session

    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=SimpleCache(), SESSION_PERMANENT=False)
    Session(app)


KINDS = {"rust": rust, "flasks": flasks, "on_the_server": on_the_server}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def site(package=flask_housekey, kind=rust, users=None, **config):
    """An app whose users log in at /login/<id>, with `package` for Flask-Login."""
    app = Flask("site")
    app.config.update(SECRET_KEY=KEY, TESTING=True)
    app.config.update(config)
    kind(app)
    manager = package.LoginManager(app)
    app.users = {"1": User("1"), "2": User("2")} if users is None else users
    app.asked = []

    @manager.user_loader
    def load_user(user_id):
        app.asked.append(user_id)
        return app.users.get(user_id)

    @app.get("/")
    def index():
        return "open to all"

    @app.get("/login/<user_id>")
    def login(user_id):
        from flask import request

        remember = "remember" in request.args
        return str(package.login_user(app.users[user_id], remember=remember))

    @app.get("/logout")
    def logout():
        return str(package.logout_user())

    @app.get("/who")
    def who():
        return str(package.current_user.get_id())

    @app.get("/whole")
    def whole():
        return {
            "user": package.current_user.get_id(),
            "fresh": package.login_fresh(),
            "remembered": package.login_remembered(),
        }

    @app.get("/guarded")
    @package.login_required
    def guarded():
        return "guarded"

    @app.get("/fresh")
    @package.fresh_login_required
    def fresh():
        return "fresh"

    @app.get("/put/<value>")
    def put(value):
        session["value"] = value
        return "put"

    @app.get("/value")
    def value():
        return str(session.get("value"))

    return app


def close_browser(client):
    """The browser forgets its session, and keeps its remember token."""
    client.delete_cookie("session")


def cookies(response):
    """The cookies that a response sets, by their names."""
    fields = response.headers.getlist("Set-Cookie")
    return {field.split("=", 1)[0]: field for field in fields}

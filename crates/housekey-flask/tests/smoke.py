"""A visitor logs in and out on the flask_housekey that is installed. `wheels` runs it, with nothing of the repository in reach."""

import os
import sys
import tempfile

import flask_housekey
from flask import Flask
from flask_housekey import (
    LoginManager,
    UserMixin,
    current_user,
    fresh_login_required,
    login_required,
    login_user,
    logins,
    logout_user,
)


class User(UserMixin):
    id = "mia"


def site(folder):
    app = Flask(__name__)
    app.secret_key = "b1946ac92492d2347c6235b4d2611184"
    app.config["HOUSEKEY_LOGIN_STORE"] = f"sqlite:///{folder}/logins.db"
    manager = LoginManager(app)
    manager.user_loader(lambda id: User() if id == "mia" else None)

    @app.get("/")
    @login_required
    def home():
        return f"Hello {current_user.id}"

    @app.get("/logins")
    @fresh_login_required
    def list_logins():
        return str(len(logins()))

    @app.post("/log-in")
    def log_in():
        return str(login_user(User(), remember=True))

    @app.post("/log-out")
    def log_out():
        return str(logout_user())

    return app


def main():
    assert flask_housekey.__file__.startswith(sys.prefix), flask_housekey.__file__
    with tempfile.TemporaryDirectory() as folder:
        client = site(folder).test_client()
        assert client.get("/").status_code == 401
        assert client.post("/log-in").text == "True"
        assert client.get("/").text == "Hello mia"
        assert client.get("/logins").text == "1"
        client.delete_cookie("session")
        assert client.get("/").text == "Hello mia", "the remember token brings them back"
        if hasattr(os, "fork"):
            assert in_a_child(lambda: client.get("/").text == "Hello mia"), "in a child of a process that has used the store"
        copied = client.get_cookie("session").value
        assert client.post("/log-out").text == "True"
        assert client.get("/").status_code == 401
        client.set_cookie("session", copied)
        assert client.get("/").status_code == 401, "a copied cookie is worth nothing after a logout"
    print(f"flask_housekey {flask_housekey.__version__} on Python {sys.version.split()[0]}: logged in and out")


def in_a_child(holds):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if holds() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


main()

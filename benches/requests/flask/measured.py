"""Flask alone, and with Flask-Login: the site that is measured. WITH_LOGIN and USERS say which, FOLDER where to."""

import os
import sqlite3
from pathlib import Path

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user

MIA = "471"
COUNT = 1000


class Member(UserMixin):
    def __init__(self, id, name):
        self.id = id
        self.name = name


def in_memory():
    all_of_them = {str(n): Member(str(n), f"user {n}") for n in range(1, COUNT + 1)}
    all_of_them[MIA].name = "mia"
    return all_of_them.get


def in_sqlite(file):
    # gunicorn's one thread is not the one that imports this.
    db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    db.execute("pragma journal_mode = wal")
    db.execute("create table users (id text primary key, name text not null)")
    names = [(str(n), "mia" if str(n) == MIA else f"user {n}") for n in range(1, COUNT + 1)]
    db.executemany("insert into users (id, name) values (?, ?)", names)

    def find(id):
        row = db.execute("select id, name from users where id = ?", (id,)).fetchone()
        return Member(*row) if row else None

    return find


find = in_memory() if os.environ["USERS"] == "memory" else in_sqlite(Path(os.environ["FOLDER"]) / "users.db")
app = Flask(__name__)
app.secret_key = "b1946ac92492d2347c6235b4d2611184"


@app.get("/")
@app.get("/about")
@app.get("/articles/<title>")
@app.get("/static/<path:path>", endpoint="files")
def public(**_):
    return "Hello everybody"


if os.environ["WITH_LOGIN"] == "1":
    logins = LoginManager(app)
    logins.login_view = "sign_in_page"
    logins.login_message = None
    logins.user_loader(find)

    @app.get("/dashboard")
    @login_required
    def dashboard():
        return f"Hello {current_user.name}"

    @app.get("/sign-in")
    def sign_in_page():
        return "Sign in"

    @app.post("/sign-in")
    def sign_in():
        login_user(find(MIA))
        return "", 204

else:

    @app.get("/dashboard")
    def dashboard():
        if request.cookies.get("signed-in") != "1":
            return redirect("/sign-in?next=%2Fdashboard")
        return f"Hello {find(MIA).name}"

    @app.post("/sign-in")
    def sign_in():
        return "", 204, {"Set-Cookie": "signed-in=1"}

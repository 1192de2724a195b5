"""The sites to measure: one small site on bare Flask, with Flask-Login, and with flask_housekey."""

from io import BytesIO

import flask_housekey
import flask_login
from flask import Flask, session
from werkzeug.test import EnvironBuilder

KEY = "b1946ac92492d2347c6235b4d2611184"
MIA = "471"


class Member:
    """A typical user class: the program's own, with the library's mixin."""

    def __init__(self, id, name):
        self.id = id
        self.name = name


def site(library=None, key=True, **config):
    """The site, with a login library or none. Without a key it has no session either."""
    app = Flask("site")
    app.secret_key = KEY if key else None
    app.config.update(config)

    @app.get("/public")
    def public():
        return "Hello everybody"

    @app.get("/read")
    def read():
        return f"Last seen: {session['seen']}"

    @app.get("/write")
    def write():
        session["seen"] = 2 if session["seen"] == 1 else 1
        return "Noted"

    if library is None:

        @app.get("/dashboard")
        def dashboard():
            return f"Hello {MEMBERS[None][MIA].name}"

        return app

    manager = library.LoginManager(app)
    manager.user_loader(MEMBERS[library].get)

    @app.get("/dashboard")
    @library.login_required
    def dashboard():
        return f"Hello {library.current_user.name}"

    @app.post("/log-in/<id>")
    def log_in(id):
        library.login_user(MEMBERS[library][id], remember=True)
        session["seen"] = 1
        return "Welcome"

    @app.post("/log-out")
    def log_out():
        library.logout_user()
        return "Goodbye"

    return app


def _members(*mixins):
    member = type("Member", (Member, *mixins), {})
    members = {str(n): member(str(n), f"user {n}") for n in range(1, 1001)}
    members[MIA].name = "mia"
    return members


MEMBERS = {
    None: _members(),
    flask_login: _members(flask_login.UserMixin),
    flask_housekey: _members(flask_housekey.UserMixin),
}


_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
}
_ENVIRON = EnvironBuilder(headers=_HEADERS).get_environ()


def environ(path, cookies=None, method="GET"):
    """The environ that a WSGI server passes for such a request."""
    made = dict(_ENVIRON, PATH_INFO=path, RAW_URI=path, REQUEST_URI=path, REQUEST_METHOD=method, REMOTE_ADDR="203.0.113.7")
    made["wsgi.input"] = BytesIO()
    if cookies:
        made["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return made


def ask(app, environ):
    """The status, the header fields and the text of the response."""
    head = []

    def start_response(status, headers, exc_info=None):
        head[:] = status, headers

    body = app.wsgi_app(dict(environ), start_response)
    text = b"".join(body).decode()
    body.close()
    return head[0], head[1], text


def cookies_after(headers, cookies=None):
    """The cookies that a browser has after a response with these header fields."""
    cookies = dict(cookies or {})
    for field, value in headers:
        if field != "Set-Cookie":
            continue
        pair, _, attributes = value.partition(";")
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            cookies.pop(name, None)
        else:
            cookies[name] = value
    return cookies


def log_in(app, id=MIA):
    """The cookies after a login."""
    status, headers, _ = ask(app, environ(f"/log-in/{id}", method="POST"))
    assert status == "200 OK", status
    return cookies_after(headers)

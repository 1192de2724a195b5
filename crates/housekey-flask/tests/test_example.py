"""The example site: people log in, see where they are logged in, and end it."""

import importlib
import pathlib
import re
import sys

import pytest

EXAMPLE = pathlib.Path(__file__).parents[3] / "examples" / "flask"
DESK = {"Accept": "text/html", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"}
PHONE = {"Accept": "text/html", "User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"}
RIGHT = {"name": "mia", "password": "correct horse", "remember": "yes"}


@pytest.fixture
def app(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLE)
    for name in ("app", "signed_in", "user_agents"):
        sys.modules.pop(name, None)
    app = importlib.import_module("app").app
    app.config.update(TESTING=True, HOUSEKEY_LOGIN_STORE="memory:")
    yield app
    for name in ("app", "signed_in", "user_agents"):
        sys.modules.pop(name, None)


def test_people_log_in_and_see_and_end_their_logins(app):
    desk, phone = app.test_client(), app.test_client()
    away = desk.get("/account/logins/", headers=DESK)
    assert away.location == "/sign-in?next=%2Faccount%2Flogins%2F"
    form = desk.get(away.location, headers=DESK).text
    assert 'name="next" value="/account/logins/"' in form
    wrong = desk.post("/sign-in", data={**RIGHT, "password": "wrong", "next": "/account/logins/"}, headers=DESK)
    assert wrong.status_code == 401 and 'value="/account/logins/"' in wrong.text
    assert desk.post("/sign-in", data={**RIGHT, "next": "/account/logins/"}, headers=DESK).location == "/account/logins/"
    assert phone.post("/sign-in", data={**RIGHT, "next": "//evil.example"}, headers=PHONE).location == "/"
    page = desk.get("/account/logins/", headers=DESK).text
    assert "Firefox on Linux" in page and "Safari on iPhone" in page and page.count("This browser") == 1
    assert desk.post("/account/logins/end-others", headers=DESK).location == "/account/logins/"
    assert "Signed out everywhere else: 1." in desk.get("/account/logins/", headers=DESK).text
    assert phone.get("/", headers=PHONE).status_code == 303
    own = re.search(r'action="(/account/logins/[^"]+/end)"', desk.get("/account/logins/", headers=DESK).text)[1]
    desk.post(own, headers=DESK)
    assert desk.get("/", headers=DESK).status_code == 303


def test_a_login_that_is_not_fresh_confirms_its_password(app):
    client = app.test_client()
    client.post("/sign-in", data=RIGHT, headers=DESK)
    client.delete_cookie("session")
    assert client.get("/", headers=DESK).status_code == 200
    away = client.get("/account/logins/", headers=DESK)
    assert away.location == "/sign-in?next=%2Faccount%2Flogins%2F"
    assert "Confirm it" in client.get(away.location, headers=DESK).text
    assert client.post("/sign-in", data={**RIGHT, "next": "/account/logins/"}, headers=DESK).location == "/account/logins/"
    assert client.get("/account/logins/", headers=DESK).status_code == 200


@pytest.mark.parametrize(
    "user_agent, words",
    [
        (None, "An unknown browser"),
        ("curl/8.5", "A program called curl"),
        ("\u2603", "An unknown program"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh) Version/18.0 Safari/605.1", "Safari on Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64) Version/26.0 Safari/605.1", "A WebKit browser on Linux"),
        ("Mozilla/5.0 (something)", "An unknown browser"),
    ],
)
def test_a_user_agent_is_described_in_words(app, user_agent, words):
    assert sys.modules["user_agents"].heading(user_agent) == words

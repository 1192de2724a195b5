"""The configuration counts as it is when it is used."""

from datetime import timedelta

import pytest
from conftest import KEY, close_browser, cookies, flasks, on_the_server, rust, site
from flask import session
from flask_housekey import current_user, login_user


@pytest.mark.parametrize("kind", [rust, flasks])
def test_what_is_changed_after_the_first_request_holds_from_then_on(kind):
    app = site(kind=kind)
    client = app.test_client()
    client.get("/login/1?remember")
    app.config["REMEMBER_COOKIE_NAME"] = "other_token"
    app.config["SESSION_COOKIE_NAME"] = "other_session"
    assert client.get("/who").text == "None"
    response = client.get("/login/2?remember")
    assert set(cookies(response)) == {"other_token", "other_session"}
    assert client.get("/who").text == "2"
    app.config["SECRET_KEY"] = "another key altogether"
    assert client.get("/who").text == "None"
    app.login_manager.login_view = "/later"
    assert client.get("/guarded").location == "/later?next=%2Fguarded"
    app.config["LOGIN_DISABLED"] = True
    assert client.get("/guarded").status_code == 200


def test_a_key_may_come_late_or_never():
    app = site(SECRET_KEY=None)
    client = app.test_client()
    assert client.get("/who").text == "None"
    assert client.get("/value").text == "None"
    assert client.get("/guarded").status_code == 401
    for path in ("/put/1", "/login/1", "/login/1?remember"):
        with pytest.raises(RuntimeError, match="key"):
            client.get(path)
    app.secret_key = KEY
    client.get("/login/1")
    assert client.get("/who").text == "1"
    app.secret_key = b"\xff\xfe\x00 not text"
    assert client.get("/who").text == "None"
    client.get("/login/1?remember")
    close_browser(client)
    assert client.get("/who").text == "1"
    app.secret_key = 5
    with pytest.raises(TypeError, match="SECRET_KEY must be"):
        client.get("/who")


def test_sessions_on_the_server_need_no_key_but_a_remembered_login_does():
    app = site(kind=on_the_server, SECRET_KEY=None)
    client = app.test_client()
    client.get("/login/1")
    assert client.get("/who").text == "1"
    with pytest.raises(RuntimeError, match="cannot be remembered without a key"):
        client.get("/login/1?remember")


def test_a_value_that_no_browser_takes_is_an_error_where_it_is_sent_and_not_before(kind):
    wrong = {"REMEMBER_COOKIE_SAMESITE": "sometimes", "REMEMBER_COOKIE_PATH": "no/slash"}
    for key, value in wrong.items():
        app = site(kind=kind, **{key: value})
        client = app.test_client()
        client.get("/login/1")
        assert client.get("/who").text == "1"
        with pytest.raises(Exception, match="(?i)same_?site|path"):
            client.get("/login/1?remember")
    app = site(kind=kind, REMEMBER_COOKIE_DURATION="a year")
    client = app.test_client()
    client.get("/login/1")
    assert client.get("/who").text == "1"
    with pytest.raises(Exception, match="REMEMBER_COOKIE_DURATION must be a datetime.timedelta, instead got: a year"):
        client.get("/login/1?remember")


def test_a_session_cookie_that_no_browser_takes_is_an_error_where_it_is_sent():
    app = site(SESSION_COOKIE_SAMESITE="sometimes", REMEMBER_COOKIE_SAMESITE="never", TESTING=False)
    client = app.test_client()
    assert client.get("/who").text == "None"
    assert client.get("/put/1").status_code == 500
    app.config.update(SESSION_COOKIE_SAMESITE="Lax", REMEMBER_COOKIE_SAMESITE="Strict")
    response = client.get("/login/1?remember")
    assert "SameSite=Lax" in cookies(response)["session"]
    assert "SameSite=Strict" in cookies(response)["remember_token"]


def test_durations_that_browsers_cannot_keep_are_made_to_fit():
    for duration in (timedelta(days=36500), timedelta(seconds=-5), 0, timedelta(microseconds=1)):
        app = site(REMEMBER_COOKIE_DURATION=duration, PERMANENT_SESSION_LIFETIME=duration)
        client = app.test_client()
        assert client.get("/login/1?remember").status_code == 200
    with app.test_request_context():
        login_user(app.users["1"], remember=True, duration=timedelta(days=36500))


def test_the_stricter_rules_come_back_with_one_key():
    for strict in (False, True):
        app = site(SESSION_PROTECTION="strong", HOUSEKEY_STRICT=strict)
        client = app.test_client()
        client.get("/login/1", headers={"User-Agent": "one"})
        client.get("/put/cart", headers={"User-Agent": "one"})
        assert client.get("/who", headers={"User-Agent": "another"}).text == "None"
        expected = "None" if strict else "cart"
        assert client.get("/value", headers={"User-Agent": "another"}).text == expected


def test_what_was_made_for_one_user_is_not_for_shared_caches_unless_the_app_says_so(kind):
    for private, expected in ((True, "private, no-store"), (False, None)):
        app = site(kind=kind, HOUSEKEY_PRIVATE_RESPONSES=private)
        client = app.test_client()
        response = client.get("/login/1")
        assert response.headers.get("Cache-Control") == expected
        response = client.get("/who")
        assert response.headers.get("Cache-Control") == expected
        assert response.headers["Vary"] == "Cookie"
        assert "Cache-Control" not in app.test_client().get("/who").headers
    app = site(kind=kind)

    @app.get("/public")
    def public():
        return current_user.get_id(), {"Cache-Control": "public, max-age=60"}

    client = app.test_client()
    client.get("/login/1")
    assert client.get("/public").headers["Cache-Control"] == "public, max-age=60"


def test_remember_tokens_are_refreshed_at_each_request_if_the_app_says_so(kind):
    app = site(kind=kind, REMEMBER_COOKIE_REFRESH_EACH_REQUEST=True)
    client = app.test_client()
    assert "remember_token" not in cookies(client.get("/who"))
    client.get("/login/1")
    # Everybody who is logged in, as in Flask-Login 0.6.3.
    assert "remember_token" in cookies(client.get("/who"))
    app.config["REMEMBER_COOKIE_REFRESH_EACH_REQUEST"] = False
    assert "remember_token" not in cookies(client.get("/who"))


def test_freezegun_and_patches_of_the_clock_are_the_clock_of_the_cookies(monkeypatch):
    from datetime import datetime

    class Then(datetime):
        @classmethod
        def utcnow(cls):
            return datetime(2030, 1, 1)

    app = site()
    monkeypatch.setattr("flask_housekey.login_manager.datetime", Then)
    response = app.test_client().get("/login/1?remember")
    assert "Expires=Wed, 01 Jan 2031 00:00:00 GMT" in cookies(response)["remember_token"]
    monkeypatch.undo()
    response = app.test_client().get("/login/1?remember")
    assert "2031" not in cookies(response)["remember_token"].split("Expires=")[1][:16]


@pytest.mark.parametrize(
    "key, value, error, words",
    [
        ("SECRET_KEY_FALLBACKS", "abc", TypeError, "a list of keys"),
        ("SECRET_KEY_FALLBACKS", b"abc", TypeError, "a list of keys"),
        ("SESSION_PROTECTION", "Strong", ValueError, '"basic", "strong" or None'),
        ("SESSION_PROTECTION", "none", ValueError, '"basic", "strong" or None'),
        ("HOUSEKEY_REQUIRE_LOGIN", "False", ValueError, "True or False"),
        ("HOUSEKEY_STRICT", "0", ValueError, "True or False"),
        ("HOUSEKEY_PRIVATE_RESPONSES", "no", ValueError, "True or False"),
        ("HOUSEKEY_LOGIN_STORE", "redis://localhost?nope=1", ValueError, "HOUSEKEY_LOGIN_STORE: redis-py does not accept this URL"),
    ],
)
def test_a_value_that_cannot_be_meant_is_an_error_that_says_so(key, value, error, words):
    app = site(**{key: value})
    with pytest.raises(error, match=words):
        app.test_client().get("/who")

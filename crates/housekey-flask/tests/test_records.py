"""Logins that have records: people see them, end them, and what has ended is over in every copy."""

import json
import logging
from contextlib import contextmanager
from datetime import timedelta

import flask_housekey
import pytest
from conftest import User, close_browser, cookies, flasks, on_the_server, rust, site
from flask import Blueprint, Flask, jsonify, session
from flask.views import MethodView
from flask_housekey import (
    LoginManager,
    confirm_login,
    current_user,
    end_login,
    end_other_logins,
    fresh_login_required,
    login_exempt,
    login_failed,
    login_required,
    login_user,
    logins,
    next_url,
    update_auth_hash,
)
from flask_housekey.errors import NotFresh, StoreUnavailable
from flask_housekey.stores import MemoryLoginStore


class Stamped(User):
    """A user whose password can change."""

    stamp = "first"

    def session_auth_hash(self):
        return self.stamp


def with_records(kind=rust, users=None, **config):
    config.setdefault("HOUSEKEY_LOGIN_STORE", MemoryLoginStore())
    app = site(kind=kind, users=users, **config)

    @app.get("/logins")
    def list_logins():
        return [
            {
                "id": login.id,
                "current": login.current,
                "address": login.address,
                "user_agent": login.user_agent,
                "remembered": login.remembered,
                "made": login.created_at.isoformat(),
                "seen": login.last_seen_at.isoformat(),
            }
            for login in logins()
        ]

    @app.post("/end/<login_id>")
    def end(login_id):
        return jsonify(end_login(login_id))

    @app.post("/end-others")
    def end_others():
        return jsonify(end_other_logins())

    return app


@contextmanager
def hearing(signal):
    """What a signal gives meanwhile."""
    told = []

    def note(sender, **arguments):
        told.append(arguments)

    with signal.connected_to(note):
        yield told


def test_people_see_where_they_are_logged_in_and_end_it(kind):
    app = with_records(kind)
    phone, desk = app.test_client(), app.test_client()
    phone.get("/login/1", headers={"User-Agent": "Phone"})
    desk.get("/login/1", headers={"User-Agent": "Desk"})
    listed = desk.get("/logins", headers={"User-Agent": "Desk"}).json
    assert [(login["user_agent"], login["current"]) for login in listed] in (
        [("Desk", True), ("Phone", False)],
        [("Phone", False), ("Desk", True)],
    )
    of_phone = next(login for login in listed if not login["current"])
    assert of_phone["made"].endswith("+00:00") and of_phone["address"] == "127.0.0.1"

    other = app.test_client()
    other.get("/login/2")
    assert other.post(f"/end/{of_phone['id']}").json is False
    assert phone.get("/who", headers={"User-Agent": "Phone"}).text == "1"
    assert desk.post(f"/end/{of_phone['id']}", headers={"User-Agent": "Desk"}).json is True
    assert phone.get("/who", headers={"User-Agent": "Phone"}).text == "None"
    assert desk.get("/who", headers={"User-Agent": "Desk"}).text == "1"
    assert desk.post("/end/nonsense", headers={"User-Agent": "Desk"}).status_code == 404


def test_all_other_logins_end_at_once(kind):
    app = with_records(kind)
    clients = [app.test_client() for _ in range(3)]
    for client in clients:
        client.get("/login/1")
    assert clients[0].post("/end-others").json == 2
    assert [client.get("/who").text for client in clients] == ["1", "None", "None"]


def test_a_copy_of_a_session_is_worthless_after_the_logout(kind):
    app = with_records(kind)
    client, thief = app.test_client(), app.test_client()
    client.get("/login/1")
    stolen = client.get_cookie("session").value
    thief.set_cookie("session", stolen)
    assert thief.get("/who").text == "1"
    client.get("/logout")
    thief.set_cookie("session", stolen)
    assert thief.get("/who").text == "None"


def test_a_session_of_flask_logins_gets_a_record_and_goes_with_it(kind):
    import flask_login

    before = site(flask_login, kind)
    client = before.test_client()
    client.get("/login/1")
    app = with_records(kind)
    app.session_interface = before.session_interface if kind is not rust else app.session_interface
    now = app.test_client()
    name, value = "session", client.get_cookie("session").value
    now.set_cookie(name, value)
    copy = app.test_client()
    copy.set_cookie(name, value)
    # The same login as far as anybody can tell.
    listed = now.get("/logins").json
    assert [login["current"] for login in listed] == [True]
    assert [login["id"] for login in copy.get("/logins").json] == [listed[0]["id"]]
    now.get("/logout")
    copy.set_cookie(name, value)
    assert copy.get("/who").text == "None"


def test_what_is_listed_and_ended_needs_a_fresh_login(kind):
    app = with_records(kind)
    client = app.test_client()
    assert client.get("/logins").status_code == 403
    client.get("/login/1?remember")
    close_browser(client)
    assert client.get("/whole").json == {"user": "1", "fresh": False, "remembered": True}
    assert client.get("/logins").status_code == 403
    with app.test_request_context(headers={"Cookie": "x=y"}), pytest.raises(NotFresh):
        logins()


def test_a_store_that_is_not_there_says_which_key_to_set():
    app = with_records(HOUSEKEY_LOGIN_STORE=None)
    client = app.test_client()
    client.get("/login/1")
    with pytest.raises(RuntimeError, match="HOUSEKEY_LOGIN_STORE"):
        client.get("/logins")


def test_a_changed_password_ends_all_other_logins(kind):
    user = Stamped("1")
    app = with_records(kind, users={"1": user})

    @app.post("/password")
    @login_required
    def change():
        user.stamp = "second"
        update_auth_hash()
        return current_user.get_id()

    one, other = app.test_client(), app.test_client()
    one.get("/login/1")
    other.get("/login/1")
    assert one.post("/password").text == "1"
    assert (one.get("/who").text, other.get("/who").text) == ("1", "None")
    user.stamp = "third"
    assert one.get("/who").text == "None"


def test_a_changed_password_ends_logins_without_a_store_too(kind):
    user = Stamped("1")
    app = site(kind=kind, users={"1": user})
    client = app.test_client()
    client.get("/login/1")
    assert client.get("/who").text == "1"
    user.stamp = b"bytes count as well"
    assert client.get("/who").text == "None"
    user.stamp = 7
    client.get("/logout")
    with pytest.raises(TypeError, match="session_auth_hash"):
        client.get("/login/1")


def at(monkeypatch, seconds):
    """Sets the clock of the rules to so many seconds after a day in 2026."""
    from datetime import datetime

    class Clock(datetime):
        @classmethod
        def utcnow(cls):
            return datetime(2026, 3, 1) + timedelta(seconds=seconds)

    monkeypatch.setattr("flask_housekey.login_manager.datetime", Clock)


def test_logins_end_by_themselves(monkeypatch):
    app = with_records(HOUSEKEY_IDLE_TIMEOUT=timedelta(minutes=10), HOUSEKEY_ABSOLUTE_TIMEOUT=3600)
    client = app.test_client()
    at(monkeypatch, 0)
    client.get("/login/1")
    for seconds in (500, 1000, 1500, 2000, 2500, 3000, 3500):
        at(monkeypatch, seconds)
        assert client.get("/who").text == "1", seconds
    at(monkeypatch, 3600)
    assert client.get("/who").text == "None"
    client.get("/login/1")
    at(monkeypatch, 4300)
    assert client.get("/who").text == "None"


def test_a_remember_token_that_rotates_shows_that_it_was_copied(monkeypatch):
    app = with_records(HOUSEKEY_REMEMBER_FORMAT="rotating")
    with hearing(flask_housekey.remember_token_stolen) as told:
        owner, thief = app.test_client(), app.test_client()
        at(monkeypatch, 0)
        owner.get("/login/1?remember")
        thief.set_cookie("remember_token", owner.get_cookie("remember_token").value)
        close_browser(owner)
        at(monkeypatch, 1000)
        assert owner.get("/who").text == "1"
        assert owner.get("/who").text == "1"
        at(monkeypatch, 2000)
        assert thief.get("/who").text == "None"
        assert owner.get("/who").text == "None"
    assert told == [{"user_id": "1", "reason": None}]


def test_there_are_no_more_logins_than_the_configuration_says(kind):
    app = with_records(kind, HOUSEKEY_MAX_LOGINS=2)
    with hearing(flask_housekey.user_login_ended) as ended:
        clients = [app.test_client() for _ in range(3)]
        for client in clients:
            client.get("/login/1")
    assert sorted(client.get("/who").text for client in clients) == ["1", "1", "None"]
    assert {"user_id": "1", "reason": "too_many_logins"} in ended


def test_a_full_account_is_refused_if_the_configuration_says_so():
    app = with_records(HOUSEKEY_MAX_LOGINS=1, HOUSEKEY_WHEN_FULL="refuse")
    first, second = app.test_client(), app.test_client()
    first.get("/login/1")
    assert second.get("/login/1").status_code == 403
    assert first.get("/who").text == "1"


class Away:
    """A store whose server is down."""

    def _fail(self, *arguments, **named):
        raise ConnectionError("the database is down")

    create = load = update = touch = delete = delete_by_user = list_by_user = delete_expired = _fail


def test_a_store_that_is_away_is_a_503_that_logs_nobody_out(kind):
    store = MemoryLoginStore()
    app = with_records(kind, HOUSEKEY_LOGIN_STORE=store)
    client = app.test_client()
    client.get("/login/1")
    app.config["HOUSEKEY_LOGIN_STORE"] = Away()
    for method, url in [("get", "/who"), ("get", "/guarded"), ("get", "/logins"), ("post", "/end-others"), ("get", "/login/2")]:
        answer = getattr(client, method)(url)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), url
    assert client.get("/").text == "open to all"
    with app.test_request_context(headers={"Cookie": f"session={client.get_cookie('session').value}"}):
        with pytest.raises(StoreUnavailable) as caught:
            current_user.get_id()
        assert "database is down" in str(caught.value.__cause__)
        assert "database" not in caught.value.description
    app.config["HOUSEKEY_LOGIN_STORE"] = store
    assert client.get("/who").text == "1"


def test_an_administrator_lists_and_ends_logins():
    app = with_records()
    client, other = app.test_client(), app.test_client()
    client.get("/login/1", headers={"User-Agent": "Desk"})
    other.get("/login/1")
    manager = app.login_manager
    with app.app_context(), hearing(flask_housekey.user_login_ended) as told:
        login = next(it for it in manager.logins_of(1) if it.user_agent == "Desk")
        assert manager.end_login(login.id) and not manager.end_login(login.id)
    assert told == [{"user_id": "1", "reason": "ended_by_application"}]
    assert client.get("/who", headers={"User-Agent": "Desk"}).text == "None"
    with app.app_context(), hearing(flask_housekey.user_login_ended) as told:
        assert manager.end_logins_of(1) == 1
        assert manager.delete_expired_logins() == 0
    assert told == [{"user_id": "1", "reason": "ended_by_application"}]
    assert other.get("/who").text == "None"


def test_flask_logins_lists_ends_and_purges():
    app = with_records()
    client = app.test_client()
    client.get("/login/1", headers={"User-Agent": "Desk"})
    run = app.test_cli_runner().invoke
    listed = run(args=["logins", "list", "1"]).output
    login_id = listed.split()[0]
    assert "Desk" in listed and "127.0.0.1" in listed
    assert "no logins" in run(args=["logins", "list", "9"]).output
    cases = [
        (["end", login_id], 0, f"Ended login {login_id}."),
        (["end", login_id], 1, "no login"),
        (["end", "nonsense"], 1, "not the id of a login"),
        (["end"], 2, "--user"),
        # One id in 64 begins with a hyphen.
        (["end", "-is0nX2BApYSMIqDKptAOg"], 1, "There is no login -is0nX2BApYSMIqDKptAOg"),
        (["end", "--user", "1"], 0, "Ended 0 logins of user 1."),
        (["purge"], 0, "Deleted 0 expired records."),
    ]
    for arguments, code, words in cases:
        result = run(args=["logins", *arguments])
        assert (result.exit_code, words in result.output) == (code, True), (arguments, result.output)
    bare = site().test_cli_runner().invoke(args=["logins", "list", "1"])
    assert bare.exit_code == 1 and "HOUSEKEY_LOGIN_STORE" in bare.output


def test_one_login_in_so_many_deletes_what_has_expired(monkeypatch):
    store = MemoryLoginStore()
    app = with_records(HOUSEKEY_LOGIN_STORE=store, HOUSEKEY_IDLE_TIMEOUT=60)
    at(monkeypatch, 0)
    app.test_client().get("/login/2")
    at(monkeypatch, 10_000)
    monkeypatch.setattr("flask_housekey.login.random", lambda: 0)
    app.test_client().get("/login/1")
    with app.app_context():
        assert app.login_manager.delete_expired_logins() == 0


def test_a_purge_that_fails_does_not_refuse_a_login(monkeypatch, caplog):
    app = with_records()
    monkeypatch.setattr("flask_housekey.login.random", lambda: 0)

    def fail(self):
        raise ConnectionError

    monkeypatch.setattr(flask_housekey.sessions.Session, "purge", fail, raising=False)
    client = app.test_client()
    assert client.get("/login/1").text == "True"
    assert "expired logins were not deleted" in caplog.text


def test_events_are_signals_and_lines_in_the_log(caplog):
    caplog.set_level(logging.DEBUG, "flask_housekey")
    user = Stamped("1")
    app = with_records(users={"1": user})
    told = []

    @app.post("/attempt")
    def attempt():
        login_failed(user)
        login_failed()
        return "wrong"

    def note(name):
        def handler(sender, **arguments):
            # The rules are done, so a handler may ask.
            current_user.get_id()
            told.append((name, sender is app, arguments))

        return handler

    names = ["user_login_failed", "user_login_ended", "session_rejected", "remember_token_rejected", "next_rejected"]
    handlers = [note(name) for name in names]
    for name, handler in zip(names, handlers):
        getattr(flask_housekey, name).connect(handler)
    client = app.test_client()
    client.post("/attempt")
    client.get("/login/1")
    user.stamp = "second"
    client.get("/who")
    client.set_cookie("session", "forged")
    client.set_cookie("remember_token", "1|forged")
    client.get("/who")
    assert told == [
        ("user_login_failed", True, {"user_id": "1", "reason": None}),
        ("user_login_failed", True, {"user_id": None, "reason": None}),
        ("user_login_ended", True, {"user_id": "1", "reason": "auth_hash_changed"}),
        ("session_rejected", True, {"user_id": None, "reason": "bad_signature"}),
        ("remember_token_rejected", True, {"user_id": None, "reason": "bad_signature"}),
    ]
    lines = [record.getMessage() for record in caplog.records if record.name == "flask_housekey"]
    assert "event='logged_in' user_id='1' address='127.0.0.1'" in lines
    assert "event='login_ended' user_id='1' reason='auth_hash_changed' address='127.0.0.1'" in lines
    assert not any("forged" in line for line in lines)


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("HOUSEKEY_IDLE_TIMEOUT", "an hour", "HOUSEKEY_IDLE_TIMEOUT must be a timedelta"),
        ("HOUSEKEY_IDLE_TIMEOUT", True, "HOUSEKEY_IDLE_TIMEOUT must be a timedelta"),
        ("HOUSEKEY_IDLE_TIMEOUT", timedelta(days=40), "HOUSEKEY_IDLE_TIMEOUT"),
        ("HOUSEKEY_ABSOLUTE_TIMEOUT", 10**9, "HOUSEKEY_ABSOLUTE_TIMEOUT must be"),
        ("HOUSEKEY_ABSOLUTE_TIMEOUT", 0, "HOUSEKEY_"),
        ("HOUSEKEY_MAX_LOGINS", "many", "HOUSEKEY_MAX_LOGINS must be a whole number"),
        ("HOUSEKEY_MAX_LOGINS", 0, "HOUSEKEY_MAX_LOGINS"),
        ("HOUSEKEY_WHEN_FULL", "shout", "HOUSEKEY_WHEN_FULL must be \"end_oldest\" or \"refuse\""),
        ("HOUSEKEY_REMEMBER_FORMAT", "timed", "HOUSEKEY_REMEMBER_FORMAT"),
        ("HOUSEKEY_ANSWER_AS", "xml", "HOUSEKEY_ANSWER_AS must be"),
        ("HOUSEKEY_NEXT_ORIGINS", "https://a.example", "HOUSEKEY_NEXT_ORIGINS must be a list of texts"),
        ("HOUSEKEY_LOGIN_STORE", "mysql://x", "HOUSEKEY_LOGIN_STORE"),
        ("HOUSEKEY_LOGIN_STORE", 7, "HOUSEKEY_LOGIN_STORE"),
        ("HOUSEKEY_IDEL_TIMEOUT", 60, "knows no configuration key HOUSEKEY_IDEL_TIMEOUT"),
    ],
)
def test_a_wrong_setting_says_which_key_it_is(key, value, words):
    app = with_records(**{key: value})
    with pytest.raises((ValueError, TypeError)) as caught:
        app.test_client().get("/who")
    assert words in str(caught.value)
    app.testing = False
    assert app.test_client().get("/who").status_code == 500


def test_timeouts_without_a_store_are_refused():
    app = site(HOUSEKEY_IDLE_TIMEOUT=60)
    with pytest.raises(ValueError, match="HOUSEKEY_LOGIN_STORE"):
        app.test_client().get("/who")


def test_a_short_session_lifetime_shortens_the_usual_idle_timeout():
    app = with_records(PERMANENT_SESSION_LIFETIME=timedelta(minutes=5))
    assert app.test_client().get("/login/1").text == "True"

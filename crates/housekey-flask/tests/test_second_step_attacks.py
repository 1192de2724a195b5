"""What has begun is finished once, in its browser, in time, and by nobody else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from conftest import on_the_server, rust
from flask import session
from flask_housekey import begin_login, finish_login, pending_login_refused
from flask_housekey.stores import MemoryLoginStore
from test_managers import with_staff
from test_records import Stamped, at, hearing
from test_second_step import START, STORES, copy_of, half, in_two_steps


def refused(client, **more):
    """Why it cannot be finished; None if it had not even begun."""
    with hearing(pending_login_refused) as told:
        assert client.get("/finish", **more).status_code == 401
    assert client.get("/second", **more).status_code == 302
    return told[0]["reason"] if told else None


def test_what_has_begun_is_finished_once_where_there_is_a_store(kind):
    app = in_two_steps(kind, MemoryLoginStore())
    client = half(app)
    copy = copy_of(client, app)
    assert client.get("/finish").text == "1"
    # A session on the server is gone, with what had begun in it.
    assert refused(copy) == (None if kind is on_the_server else "used")
    assert copy.get("/who").text == "None"
    assert client.get("/who").text == "1"


def test_without_a_store_a_copy_can_be_finished_too_until_it_expires(monkeypatch):
    at(monkeypatch, 0)
    app = in_two_steps()
    client = half(app)
    first, second = copy_of(client, app), copy_of(client, app)
    client.get("/finish")
    assert first.get("/finish").status_code == 200
    at(monkeypatch, 600)
    assert refused(second) == "expired"


def test_only_one_of_many_simultaneous_requests_finishes_it(kind):
    app = in_two_steps(kind, MemoryLoginStore())
    client = half(app)
    copies = [copy_of(client, app) for _ in range(8)]
    with ThreadPoolExecutor(len(copies)) as pool:
        answers = list(pool.map(lambda copy: copy.get("/finish").status_code, copies))
    assert sorted(answers) == [200] + [401] * 7
    assert len(logins_of(app, "1")) == 1


def logins_of(app, user_id):
    with app.app_context():
        return app.login_manager.logins_of(user_id)


@STORES
def test_one_request_finishes_it_once(kind, store):
    client = half(in_two_steps(kind, store()))
    assert client.get("/finish-twice").status_code == 401
    assert client.get("/who").text == "1"


@STORES
def test_it_expires_in_minutes(kind, store, monkeypatch):
    app = in_two_steps(kind, store())
    for query, seconds in [("1", 600), ("1?expires_in=60", 60)]:
        at(monkeypatch, 0)
        client = half(app, query)
        expires_at = client.get("/pending").json["expires_at"]
        assert expires_at == (START + timedelta(seconds=seconds)).isoformat()
        at(monkeypatch, seconds - 1)
        assert client.get("/second").status_code == 200
        at(monkeypatch, seconds)
        assert refused(client) == "expired"
    with pytest.raises(ValueError, match="expires_in"):
        app.test_client().get("/begin/1?expires_in=7200")


@STORES
def test_it_is_good_in_one_browser_as_session_protection_says(kind, store):
    mine, theirs = {"User-Agent": "one"}, {"User-Agent": "another"}
    for protection, reason in [("basic", "another_browser"), ("strong", "another_browser"), (None, None)]:
        app = in_two_steps(kind, store(), SESSION_PROTECTION=protection)
        thief = copy_of(half(app, headers=mine), app)
        if reason is None:
            assert thief.get("/finish", headers=theirs).text == "1"
        else:
            assert refused(thief, headers=theirs) == reason


@STORES
def test_it_ends_with_the_user_and_with_their_password(kind, store):
    def new_password(app):
        app.users["1"].stamp = "second"

    def blocked(app):
        app.users["1"].active = False

    def gone(app):
        del app.users["1"]

    for end, reason in [(new_password, "auth_hash_changed"), (blocked, "user_inactive"), (gone, "user_gone")]:
        app = in_two_steps(kind, store(), users={"1": Stamped("1")})
        client = half(app)
        end(app)
        assert refused(client) == reason


@STORES
def test_what_has_begun_is_nothing_once_another_user_has_logged_in(kind, store):
    client = half(in_two_steps(kind, store()))
    client.get("/login/2")
    assert client.get("/finish").status_code == 401
    assert client.get("/who").text == "2"


def test_a_flask_login_peer_that_logs_a_user_in_over_it_leaves_nothing_to_finish(kind):
    app = in_two_steps(kind)

    @app.get("/peer")
    def peer():
        session.update(_user_id="2", _fresh=True)
        return "in"

    client = half(app)
    client.get("/peer")
    assert refused(client) == "another_login"
    assert client.get("/who").text == "2"


@STORES
def test_a_logout_or_a_cancellation_ends_what_has_begun(kind, store):
    app = in_two_steps(kind, store())
    for path in ("/logout", "/cancel"):
        client = half(app)
        copy = copy_of(client, app)
        assert client.get(path).status_code == 200
        assert refused(client) is None
        if app.config["HOUSEKEY_LOGIN_STORE"] is not None:
            assert refused(copy) == (None if kind is on_the_server else "used")
        assert client.get("/cancel").status_code == 200
    client = app.test_client()
    client.get("/put/milk")
    client.get("/begin/1")
    client.get("/cancel")
    assert client.get("/value").text == "milk"


def test_a_proof_is_nothing_without_its_login(kind):
    app = in_two_steps(kind, MemoryLoginStore())
    client = app.test_client()
    client.get("/login/1")
    client.get("/begin-confirmation")
    thief = copy_of(client, app)
    client.get("/logout")
    assert thief.get("/second").status_code == 302
    assert thief.get("/finish").status_code == 401
    assert thief.get("/who").text == "None"


@pytest.mark.parametrize("value", ["x", 7, None, [], {}, {"user": "1"}, {"user": True}, {"user": ["1"]}])
def test_a_value_that_nobody_here_wrote_is_nothing(kind, value):
    app = in_two_steps(kind)

    @app.get("/write")
    def write():
        session["_pending_login"] = value
        return "written"

    client = app.test_client()
    client.get("/write")
    assert client.get("/pending").json["pending"] is None
    assert client.get("/finish").status_code == 401
    client.get("/begin/1")
    assert client.get("/finish").text == "1"


def test_its_cookie_is_nothing_under_another_name():
    app = with_staff(rust)
    staff = app.staff
    steps = {
        "/begin": lambda: begin_login(app.users["1"]),
        "/finish": finish_login,
        "/staff/begin": lambda: staff.login.begin(app.employees["1"]),
        "/staff/finish": staff.login.finish,
    }
    for path, step in steps.items():
        app.add_url_rule(path, path, lambda step=step: str(step()))
    for begin, own, finish in [("/begin", "session", "/staff/finish"), ("/staff/begin", "staff_session", "/finish")]:
        begun = app.test_client()
        begun.get(begin)
        value = begun.get_cookie(own).value
        for name in ("session", "staff_session", "remember_token", "staff_remember_token"):
            if name != own:
                client = app.test_client()
                client.set_cookie(name, value)
                assert client.get("/both").json == [None, None], name
                assert client.get(finish).status_code == 401, name
        assert begun.get(begin.replace("begin", "finish")).status_code == 200


def test_a_session_on_the_server_gets_a_new_id_at_each_step():
    app = in_two_steps(on_the_server)
    client = app.test_client()
    client.get("/put/planted")
    ids = [client.get_cookie("session").value]
    for path in ("/begin/1", "/finish"):
        client.get(path)
        ids.append(client.get_cookie("session").value)
    assert len(set(ids)) == 3

"""Flask's session in Rust: a mapping as Flask's own, looked at only when somebody looks."""

import copy
import json
import uuid
from collections.abc import MutableMapping
from datetime import datetime, timezone

import flask_housekey
import pytest
from conftest import KEY, FlaskSessions, close_browser, cookies, flasks, on_the_server, rust, site
from flask import Flask, flash, get_flashed_messages, session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_housekey import LoginManager
from flask_housekey.sessions import RustSessions, Session
from markupsafe import Markup


def test_a_session_is_a_mapping_as_flasks_own():
    app = site()
    with app.test_request_context():
        kept = session._get_current_object()
        assert isinstance(kept, (Session, SessionMixin, MutableMapping))
        assert not kept and kept == {} and len(kept) == 0 and not kept.modified
        kept["a"] = 1
        assert kept.modified and kept["a"] == 1 and "a" in kept and kept.get("b", 2) == 2
        kept.update({"b": [1]}, c=None)
        assert list(kept) == ["a", "b", "c"] and dict(kept) == {"a": 1, "b": [1], "c": None}
        assert kept.setdefault("a", 5) == 1 and kept.setdefault("d", 5) == 5
        assert kept.pop("d") == 5 and kept.pop("d", None) is None
        with pytest.raises(KeyError, match="gone"):
            kept["gone"]
        with pytest.raises(KeyError):
            del kept["gone"]
        with pytest.raises(KeyError):
            kept.pop("gone")
        del kept["c"]
        assert sorted(kept.items()) == [("a", 1), ("b", [1])] and kept | {"e": 1} == {"a": 1, "b": [1], "e": 1}
        kept |= {"e": 1}
        assert kept.copy() == {"a": 1, "b": [1], "e": 1} == kept
        assert "'e': 1" in repr(kept)
        kept.permanent = True
        assert kept["_permanent"] is True and kept.permanent
        kept.clear()
        assert kept == {} and not kept.permanent


VALUES = {
    "text": "Grüße, 佐藤 \x00 \" \\",
    "number": 12345678901234567890123,
    "float": 1.5,
    "nested": {"a": [1, {"b": None}], " t": [1]},
    "tuple": (1, ("a", 2)),
    "bytes": b"\x00\xff",
    "markup": Markup("<b>"),
    "uuid": uuid.UUID(int=7),
    "date": datetime(2026, 11, 29, 9, 0, tzinfo=timezone.utc),
}


def test_everything_that_flask_can_keep_comes_back_unchanged_and_flask_reads_it():
    apps = {"flask": site(kind=flasks), "rust": site()}
    for app in apps.values():
        app.add_url_rule("/keep", "keep", lambda: session.update(VALUES) or "kept")
        app.add_url_rule("/changes", "changes", lambda: session.update(more=1) or "changed")

        def differ():
            return {key: repr(session.get(key)) for key in VALUES if session.get(key) != VALUES[key]}

        app.add_url_rule("/differ", "differ", differ)
    for writer, reader in (("rust", "rust"), ("rust", "flask"), ("flask", "rust")):
        ours, theirs = apps[writer].test_client(), apps[reader].test_client()
        ours.get("/keep")
        theirs.set_cookie("session", ours.get_cookie("session").value)
        assert theirs.get("/differ").json == {}
        # A login and a value leave them as they are.
        theirs.get("/login/1")
        theirs.get("/changes")
        ours.set_cookie("session", theirs.get_cookie("session").value)
        assert ours.get("/differ").json == {}
        assert ours.get("/who").text == "1"


def test_nothing_is_read_or_sent_where_nobody_looks():
    app = site()
    client = app.test_client()
    client.get("/login/1")
    app.asked.clear()
    response = client.get("/")
    assert app.asked == []
    assert "Vary" not in response.headers and "Set-Cookie" not in response.headers
    assert "Cache-Control" not in response.headers
    response = client.get("/value")
    assert response.headers["Vary"] == "Cookie" and "Set-Cookie" not in response.headers
    assert app.asked == []


def test_a_session_is_sent_when_it_was_changed_and_deleted_when_it_is_empty():
    app = site()
    app.add_url_rule("/clear", "clear", lambda: session.clear() or "cleared")
    app.add_url_rule("/pop", "pop", lambda: str(session.pop("value", None)))
    client = app.test_client()
    assert cookies(client.get("/put/1"))["session"].endswith("; HttpOnly; Path=/")
    assert cookies(client.get("/value")) == {}
    assert cookies(client.get("/put/2"))
    assert client.get("/value").text == "2"
    assert "Max-Age=0" in cookies(client.get("/pop"))["session"]
    assert cookies(client.get("/pop")) == {} and cookies(client.get("/clear")) == {}


def test_what_is_changed_inside_a_value_goes_out_if_the_program_says_so():
    app = site()
    app.add_url_rule("/begin", "begin", lambda: session.update(list=[]) or "begun")

    @app.get("/append/<said>")
    def append(said):
        session["list"].append(said)
        if said == "aloud":
            session.modified = True
        return "appended"

    app.add_url_rule("/list", "list", lambda: session["list"])
    app.add_url_rule("/touch", "touch", lambda: setattr(session, "modified", True) or "touched")
    client = app.test_client()
    client.get("/begin")
    client.get("/append/quietly")
    assert client.get("/list").json == []
    client.get("/append/aloud")
    assert client.get("/list").json == ["aloud"]
    # Even if nothing changed, so that its lifetime starts again.
    assert "session" in cookies(client.get("/touch"))
    assert client.get("/list").json == ["aloud"]


def test_a_permanent_session_is_sent_again_by_flasks_setting():
    for refresh, expected in ((True, {"session"}), (False, set())):
        app = site(SESSION_REFRESH_EACH_REQUEST=refresh)
        app.add_url_rule("/stay", "stay", lambda: setattr(session, "permanent", True) or "stays")
        client = app.test_client()
        assert "Expires=" in cookies(client.get("/stay"))["session"]
        assert set(cookies(client.get("/value"))) == expected


def test_a_session_that_is_too_large_is_not_sent_and_says_so(recwarn):
    app = site()
    client = app.test_client()
    client.get("/put/kept")
    response = client.get("/put/" + "".join(str(uuid.uuid4()) for _ in range(200)))
    assert response.status_code == 200 and cookies(response) == {}
    assert "max_cookie_size" in str(recwarn.pop(UserWarning).message)
    assert client.get("/value").text == "kept"


def test_flashed_messages_go_their_way_beside_a_login(kind):
    app = site(kind=kind)
    app.add_url_rule("/flash", "flash", lambda: flash("Hello.", "greeting") or "flashed")
    app.add_url_rule("/flashes", "flashes", lambda: get_flashed_messages(with_categories=True))
    client = app.test_client()
    client.get("/flash")
    client.get("/login/1")
    assert client.get("/flashes").json == [["greeting", "Hello."]]
    assert client.get("/flashes").json == [] and client.get("/who").text == "1"


def test_keys_that_are_not_text_become_text_as_in_flask():
    app = site()
    app.add_url_rule("/keys", "keys", lambda: session.update({1: "one"}) or "kept")
    app.add_url_rule("/all", "all", lambda: dict(session))
    client = app.test_client()
    client.get("/keys")
    assert client.get("/all").json == {"1": "one"}
    client.get("/login/1")
    assert client.get("/who").text == "1" and client.get("/all").json["1"] == "one"


def test_a_value_that_is_not_json_is_the_programs_error():
    app = site(PROPAGATE_EXCEPTIONS=True)
    app.add_url_rule("/object", "object", lambda: session.update(value=object()) or "kept")
    with pytest.raises(TypeError, match="not JSON serializable"):
        app.test_client().get("/object")


def test_the_session_is_another_interfaces_where_it_was_not_as_flask_has_it():
    own = SecureCookieSessionInterface()
    own.salt = "of-its-own"
    for kept in (FlaskSessions(), own):
        app = Flask("app")
        app.session_interface = kept
        LoginManager(app)
        assert app.session_interface is kept
    app = Flask("app")
    LoginManager(app)
    assert isinstance(app.session_interface, RustSessions)
    # A second manager, and programs that sign by the interface.
    LoginManager(app)
    app.secret_key = KEY
    client = app.test_client()
    app.add_url_rule("/put", "put", lambda: session.update(a=1) or "put")
    client.get("/put")
    serializer = app.session_interface.get_signing_serializer(app)
    assert serializer.loads(client.get_cookie("session").value) == {"a": 1}


def test_sessions_that_come_to_the_app_after_the_login_manager_are_served_too():
    app = site()
    on_the_server(app)
    client = app.test_client()
    client.get("/login/1?remember")
    assert client.get("/who").text == "1"
    assert "." not in client.get_cookie("session").value
    close_browser(client)
    assert client.get("/whole").json == {"user": "1", "fresh": False, "remembered": True}


def test_what_python_and_the_rules_change_in_one_request_is_seen_by_both(kind):
    from flask_housekey import current_user, login_fresh, login_user, logout_user

    app = site(kind=kind)
    with app.test_request_context():
        session["cart"] = [1]
        login_user(app.users["1"])
        assert session["_user_id"] == "1" and session["_fresh"] is True and session["cart"] == [1]
        session["_fresh"] = False
        assert not login_fresh()
        session["_user_id"] = "2"
        app.login_manager._load_user()
        assert current_user.get_id() == "2" and app.asked == ["2"]
        del session["_user_id"]
        app.login_manager._load_user()
        assert current_user.is_anonymous
        login_user(app.users["1"])
        assert session["_user_id"] == "1"
        logout_user()
        assert [key for key in session if key != "_permanent"] == []


def test_another_user_finds_nothing_of_the_one_before(kind):
    app = site(kind=kind)
    client = app.test_client()
    client.get("/login/1")
    client.get("/put/secret")
    client.get("/login/1")
    assert client.get("/value").text == "secret"
    client.get("/login/2")
    assert client.get("/value").text == "None" and client.get("/who").text == "2"
    client.get("/put/secret")
    client.get("/logout")
    assert client.get("/value").text == "None"


def test_a_test_may_look_into_the_session_between_two_requests(kind):
    app = site(kind=kind)
    client = app.test_client()
    client.get("/login/1")
    with client.session_transaction() as kept:
        assert kept["_user_id"] == "1"
        kept["_user_id"] = "2"
        kept["value"] = "of the test"
    assert client.get("/who").text == "2" and client.get("/value").text == "of the test"


def test_a_session_and_its_user_can_still_be_read_when_the_response_is_gone(kind):
    from flask_housekey import current_user, login_user

    app = site(kind=kind)
    with app.test_client() as client:
        client.get("/login/1")
        client.get("/put/1")
        assert session["value"] == "1" and current_user.get_id() == "1" and json.dumps(dict(session))
        if kind is rust:
            with pytest.raises(RuntimeError, match="the response has gone out"):
                login_user(app.users["2"])


def test_a_session_that_is_marked_as_unmodified_is_not_sent(kind):
    app = site(kind=kind)

    @app.get("/unsaid")
    def unsaid():
        session["new"] = "s"
        session.modified = False
        return str(flask_housekey.current_user.get_id())

    app.get("/new")(lambda: str(session.get("new")))
    client = app.test_client()
    client.get("/login/1")
    assert "session" not in cookies(client.get("/unsaid"))
    if kind.__name__ != "on_the_server":
        assert client.get("/new").text == "None"


def test_a_session_can_be_copied_and_reversed():
    app = site()
    with app.test_request_context():
        session["a"], session["b"] = [1], 2
        own = session._get_current_object()
        assert list(reversed(own)) == ["b", "a"]
        assert copy.copy(own) == {"a": [1], "b": 2}
        deep = copy.deepcopy(own)
        deep["a"].append(2)
        assert session["a"] == [1]

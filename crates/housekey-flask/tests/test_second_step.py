"""A login in two steps: after the first alone, the visitor is still anonymous."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from conftest import User, close_browser, rust, site
from flask import redirect, request, session
from flask_housekey import (
    LoginManager,
    begin_confirmation,
    begin_login,
    cancel_login,
    current_user,
    finish_login,
    login_user,
    next_url,
    pending_login,
    pending_login_refused,
    pending_login_required,
    user_logged_in,
    user_login_begun,
    user_login_confirmed,
)
from flask_housekey.stores import MemoryLoginStore
from test_managers import with_staff
from test_records import Away, at, hearing

STORES = pytest.mark.parametrize("store", [MemoryLoginStore, lambda: None], ids=["store", "no_store"])
START = datetime(2026, 3, 1, tzinfo=timezone.utc)


def how(spans=("duration", "lifetime", "expires_in"), moments=("until", "authenticated_at")):
    """What the query says of a login: flags, seconds, and seconds since the start."""
    said = {}
    for name, value in request.args.items():
        if name in spans:
            said[name] = timedelta(seconds=int(value))
        elif name in moments:
            said[name] = START + timedelta(seconds=int(value))
        else:
            said[name] = value
    return said


def in_two_steps(kind=rust, store=None, users=None, **config):
    app = site(kind=kind, users=users, HOUSEKEY_LOGIN_STORE=store, **config)
    app.login_manager.login_view = "sign_in"

    @app.get("/sign-in")
    def sign_in():
        return "the login page"

    @app.get("/log-in-with/<user_id>")
    def log_in_with(user_id):
        return str(login_user(app.users[user_id], **how()))

    @app.get("/begin/<user_id>")
    def begin(user_id):
        return str(begin_login(app.users[user_id], **how()))

    @app.get("/begin-confirmation")
    @app.get("/begin-confirmation/<user_id>")
    def begin_to_confirm(user_id=None):
        begin_confirmation(app.users[user_id] if user_id else None, **how())
        return "begun"

    @app.get("/second")
    @pending_login_required
    def second():
        return "a code, please"

    @app.get("/pending")
    def pending():
        found = pending_login()
        if found is None:
            return {"pending": None, "current": current_user.get_id()}
        return {
            "pending": found.user.get_id(),
            "current": current_user.get_id(),
            "id": found.id,
            "next": found.next,
            "expires_at": found.expires_at.isoformat(),
            "is_confirmation": found.is_confirmation,
        }

    @app.get("/finish")
    def finish():
        current_user.get_id()
        user = finish_login()
        assert current_user == user
        return str(user.get_id())

    @app.get("/finish-twice")
    def finish_twice():
        finish_login()
        finish_login()

    @app.get("/finish-and-go")
    def finish_and_go():
        finish_login()
        return redirect(next_url("/"))

    @app.get("/cancel")
    def cancel():
        cancel_login()
        return "cancelled"

    return app


def half(app, query="1", **more):
    """A browser that has taken the first step."""
    client = app.test_client()
    assert client.get(f"/begin/{query}", **more).text == "True"
    return client


def copy_of(client, app):
    """Another browser with its session cookie."""
    copy = app.test_client()
    copy.set_cookie("session", client.get_cookie("session").value)
    return copy


@STORES
def test_a_user_who_has_taken_one_step_is_nobody_until_the_second(kind, store):
    app = in_two_steps(kind, store())
    client = half(app)
    assert client.get("/who").text == "None"
    for path, status in [("/guarded", 302), ("/fresh", 302), ("/second", 200)]:
        assert client.get(path).status_code == status, path
    begun = client.get("/pending").json
    assert (begun["pending"], begun["current"], begun["is_confirmation"]) == ("1", None, False)
    assert len(begun["id"]) == 22
    with hearing(user_logged_in) as told:
        assert client.get("/finish").text == "1"
    assert [it["user"].id for it in told] == ["1"]
    assert client.get("/whole").json == {"user": "1", "fresh": True, "remembered": False}
    assert client.get("/second").status_code == 302


@STORES
def test_the_request_that_begins_it_has_no_user_from_then_on(kind, store):
    app = in_two_steps(kind, store())

    @app.get("/look")
    def look():
        before = current_user.get_id()
        begin_login(app.users["2"])
        return [before, current_user.get_id()]

    client = app.test_client()
    client.get("/login/1")
    assert client.get("/look").json == ["1", None]


def test_a_second_step_without_a_first_leads_to_the_login_page_and_not_back(kind):
    app = in_two_steps(kind)
    client = app.test_client()
    assert client.get("/second").location == "/sign-in"
    client.get("/login/1")
    assert client.get("/second").location == "/sign-in"
    assert client.get("/finish").status_code == 401
    app.config["USE_SESSION_FOR_NEXT"] = True
    assert app.test_client().get("/second").location == "/sign-in"


def test_programs_get_a_problem_and_a_handler_of_the_program_comes_first():
    app = in_two_steps(HOUSEKEY_ANSWER_AS="negotiated")
    answer = app.test_client().get("/second", headers={"Accept": "application/json"})
    assert (answer.status_code, json.loads(answer.text)["type"]) == (401, "urn:housekey:problem:login-not-begun")
    answer = app.test_client().get("/second", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    app.login_manager.unauthorized_handler(lambda: ("own", 418))
    assert app.test_client().get("/second").status_code == 418


def test_a_blocked_user_begins_nothing():
    app = in_two_steps(users={"1": User("1", active=False)})
    client = app.test_client()
    assert client.get("/begin/1").text == "False"
    assert client.get("/pending").json["pending"] is None


def test_a_loader_that_fails_forgets_nothing(kind):
    app = in_two_steps(kind, MemoryLoginStore())
    client = half(app)
    users, app.users = app.users, None
    for path in ["/second", "/pending", "/finish"]:
        with pytest.raises(AttributeError):
            client.get(path)
    app.users = users
    assert client.get("/finish").text == "1"


def test_a_store_that_fails_finishes_nothing_and_it_can_be_tried_again(kind):
    store = MemoryLoginStore()
    app = in_two_steps(kind, store)
    client = half(app)
    app.config["HOUSEKEY_LOGIN_STORE"] = Away()
    for path in ["/second", "/finish"]:
        assert client.get(path).status_code == 503, path
    app.config["HOUSEKEY_LOGIN_STORE"] = store
    assert client.get("/finish").text == "1"


@STORES
def test_a_login_that_begins_ends_the_one_that_was_there(kind, store):
    app = in_two_steps(kind, store())
    for user_id in ("1", "2"):
        client = app.test_client()
        client.get("/login/2?remember=1")
        client.get("/put/secret")
        assert client.get(f"/begin/{user_id}").text == "True"
        assert client.get("/who").text == "None"
        assert client.get("/value").text == "None"
        assert client.get_cookie("remember_token") is None
        assert client.get("/finish").text == user_id
        assert client.get("/who").text == user_id


@STORES
def test_the_terms_of_the_first_step_are_those_of_the_login(kind, store, monkeypatch):
    at(monkeypatch, 0)
    client = half(in_two_steps(kind, store()), "1?remember=1&duration=3600")
    close_browser(client)
    assert client.get("/pending").json == {"pending": None, "current": None}
    client.get("/begin/1?remember=1&duration=3600")
    assert "Expires=Sun, 01 Mar 2026 01:00:00 GMT" in str(client.get("/finish").headers)
    close_browser(client)
    assert client.get("/whole").json == {"user": "1", "fresh": False, "remembered": True}
    for term in ("lifetime=60", "until=60"):
        at(monkeypatch, 0)
        client.get("/logout")
        client.get(f"/begin/1?{term}")
        client.get("/finish")
        at(monkeypatch, 59)
        assert client.get("/who").text == "1", term
        at(monkeypatch, 60)
        assert client.get("/who").text == "None", term


@STORES
@pytest.mark.parametrize("config", [{}, {"HOUSEKEY_STRICT": True}, {"USE_SESSION_FOR_NEXT": True}])
def test_the_way_back_is_kept_if_it_is_safe_and_there_once_it_is_finished(kind, store, config):
    app = in_two_steps(kind, store(), **config)
    for way, kept, leads_to in [("/who", "/who", "/who"), ("https://evil.example/", None, "/")]:
        client = half(app, f"1?next={way}")
        assert client.get("/pending").json["next"] == kept
        assert client.get("/finish-and-go").location == leads_to


@STORES
def test_two_steps_make_a_login_fresh_that_goes_on_meanwhile(kind, store):
    app = in_two_steps(kind, store())
    client = app.test_client()
    client.get("/login/1?remember=1")
    close_browser(client)
    assert client.get("/whole").json["fresh"] is False
    assert client.get("/begin-confirmation/2").status_code == 401
    assert client.get("/begin-confirmation").text == "begun"
    assert client.get("/whole").json == {"user": "1", "fresh": False, "remembered": True}
    begun = client.get("/pending").json
    assert (begun["pending"], begun["current"], begun["is_confirmation"]) == ("1", "1", True)
    copy = copy_of(client, app)
    with hearing(user_login_confirmed) as confirmed, hearing(user_logged_in) as logged_in:
        assert client.get("/finish").text == "1"
    assert (len(confirmed), len(logged_in)) == (1, 0)
    assert client.get("/whole").json == {"user": "1", "fresh": True, "remembered": True}
    assert client.get("/finish").status_code == 401
    if app.config["HOUSEKEY_LOGIN_STORE"] is not None:
        assert copy.get("/finish").status_code == 401
    for path in ("/begin-confirmation", "/begin-confirmation/1"):
        assert app.test_client().get(path).status_code == 401


class Numbered(User):
    def get_id(self):
        return self.id


@STORES
@pytest.mark.parametrize("number", [7, -7, 2**70])
def test_an_id_that_is_an_integer_stays_one(kind, store, number):
    users = {number: Numbered(number)}
    # The session keeps numbers of 64 bits; larger ones reach the loader as text until the login is finished.
    users[str(number) if number > 2**63 else number] = users[number]
    app = in_two_steps(kind, store(), users=users)

    @app.get("/begin-number")
    def begin_number():
        return str(begin_login(app.users[number]))

    @app.get("/kept")
    def kept():
        return {key: repr(session[key]) for key in ("_user_id",) if key in session}

    client = app.test_client()
    client.get("/begin-number")
    assert client.get("/second").status_code == 200
    assert client.get("/finish").text == str(number)
    assert client.get("/kept").json == {"_user_id": str(number)}
    assert client.get("/guarded").text == "guarded"
    client.get("/begin-confirmation")
    assert client.get("/finish").text == str(number)
    if number < 2**63:
        assert app.asked and all(type(it) is int for it in app.asked)


@STORES
def test_it_survives_a_program_that_reads_and_writes_the_session_between(kind, store):
    app = in_two_steps(kind, store())

    @app.get("/around/<user_id>")
    def around(user_id):
        session["before"] = 1
        begin_login(app.users[user_id], next="/somewhere?a=1&b=\"é\"")
        session["after"] = dict(session)["before"]
        session.modified = True
        return str(pending_login().user.get_id())

    client = app.test_client()
    assert client.get("/around/1").text == "1"
    client.get("/put/milk")
    assert client.get("/pending").json["next"] == "/somewhere?a=1&b=\"é\""
    assert client.get("/finish").text == "1"
    assert client.get("/value").text == "milk"


def test_several_managers_have_their_own_second_steps(kind):
    app = with_staff(kind)
    staff = app.staff

    @app.get("/staff/begin/<user_id>")
    def staff_begin(user_id):
        return str(staff.login.begin(app.employees[user_id], remember=True))

    @app.get("/staff/second")
    @staff.pending_login_required
    def staff_second():
        return staff.login.pending().user.get_id()

    @app.get("/begin/<user_id>")
    def begin(user_id):
        return str(begin_login(app.users[user_id]))

    @app.get("/second")
    @pending_login_required
    def second():
        return pending_login().user.get_id()

    app.get("/staff/finish")(lambda: staff.login.finish().get_id())
    app.get("/staff/cancel", endpoint="cancel")(lambda: str(staff.login.cancel()))
    client = app.test_client()
    client.get("/login/1")
    with hearing(user_login_begun) as told:
        assert client.get("/staff/begin/7").text == "True"
    assert told == [{"user_id": "7", "reason": None, "manager": staff}]
    assert client.get("/both").json == ["1", None]
    assert client.get("/staff/second").text == "7"
    assert client.get("/second").status_code == 401
    assert client.get("/begin/2").text == "True"
    assert (client.get("/second").text, client.get("/staff/second").text) == ("2", "7")
    assert client.get("/staff/finish").text == "7"
    assert client.get("/both").json == [None, "7"]
    assert client.get("/staff/second").location.endswith("/staff/login")
    client.get("/staff/begin/7")
    client.get("/staff/cancel")
    assert client.get("/staff/finish").status_code == 401


def test_it_is_told_in_signals_and_in_the_log(caplog):
    app = in_two_steps(store=MemoryLoginStore())
    with caplog.at_level("INFO", logger="flask_housekey"), hearing(user_login_begun) as begun:
        client = half(app)
        copy = copy_of(client, app)
        client.get("/finish")
        with hearing(pending_login_refused) as told:
            copy.get("/second")
            copy.get("/second")
    assert begun == [{"user_id": "1", "reason": None}]
    assert told == [{"user_id": "1", "reason": "used"}]
    lines = [(it.event, it.levelname) for it in caplog.records]
    assert lines == [("login_begun", "INFO"), ("logged_in", "INFO"), ("pending_login_refused", "INFO")]


def test_a_manager_without_users_has_no_second_step():
    app = site()
    LoginManager(name="staff").init_app(app)
    with app.test_request_context():
        assert app.extensions["flask_housekey"]["staff"].manager.login.pending() is None

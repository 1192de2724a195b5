"""How long what is known of a request lives: no longer than it, not beyond the response, and in no other request."""

import gc
import json
import weakref
from threading import Thread

import flask_housekey
import pytest
from conftest import User, close_browser, cookies, on_the_server, site
from flask import Response, copy_current_request_context, request, session, stream_with_context
from flask_housekey import LoginManager, login_user, logout_user
from test_managers import with_staff


def test_another_app_that_gets_the_same_environ_knows_nobody_of_the_first():
    apps = [with_staff(lambda app: None, SECRET_KEY=key) for key in ("a" * 32, "b" * 32)]
    first, second = apps

    @first.get("/handed-on")
    def handed_on():
        assert first.staff.current_user.get_id() == "1"
        request.environ["PATH_INFO"] = "/both"
        return Response.from_app(second.wsgi_app, request.environ).get_data()

    client = first.test_client()
    client.get("/staff/login/1")
    assert json.loads(client.get("/handed-on").text) == [None, None]


def in_a_copied_context(change):
    thread = Thread(target=copy_current_request_context(change))
    thread.start()
    thread.join()
    return "done"


def test_a_change_in_a_copied_context_is_a_change_of_the_request(kind):
    app = with_staff(kind)
    app.get("/copied/logout")(lambda: in_a_copied_context(logout_user))
    app.get("/copied/staff/logout", endpoint="out")(lambda: in_a_copied_context(app.staff.login.logout_user))
    app.get("/copied/login", endpoint="in")(
        lambda: in_a_copied_context(lambda: login_user(app.users["1"], remember=True))
    )
    client = app.test_client()
    client.get("/login/1?remember=1")
    client.get("/staff/login/7?remember=1")
    assert client.get("/both").json == ["1", "7"]
    client.get("/copied/staff/logout")
    close_browser(client)
    assert client.get("/both").json == ["1", None]
    client.get("/copied/logout")
    assert client.get("/both").json == [None, None]
    assert "remember_token" in cookies(client.get("/copied/login"))


def test_a_request_inside_of_a_request_takes_nothing_from_it(kind):
    app = with_staff(kind)

    @app.get("/outer")
    def outer():
        app.staff.login.logout_user()
        logout_user()
        app.test_client().get("/both")
        return "out"

    client = app.test_client()
    client.get("/login/1?remember=1")
    client.get("/staff/login/7?remember=1")
    client.get("/outer")
    close_browser(client)
    assert client.get("/both").json == [None, None]


@pytest.mark.parametrize("looks", [False, True])
def test_a_change_after_the_response_is_an_error_whether_somebody_looked_before_or_not(looks):
    app = with_staff(lambda app: None)
    changes = {
        "logout": logout_user,
        "login": lambda: login_user(app.users["2"]),
        "confirm": flask_housekey.confirm_login,
        "staff": app.staff.login.logout_user,
    }

    @app.get("/stream/<change>")
    def stream(change):
        if looks:
            flask_housekey.current_user.get_id(), app.staff.current_user.get_id()

        def body():
            with pytest.raises(RuntimeError, match="response"):
                changes[change]()
            yield "refused"

        return Response(stream_with_context(body()))

    client = app.test_client()
    client.get("/login/1")
    client.get("/staff/login/7")
    for change in changes:
        assert client.get(f"/stream/{change}").text == "refused", change
    assert client.get("/both").json == ["1", "7"]


def test_a_user_that_leads_to_its_request_is_given_back(kind):
    app = site(kind=kind)
    alive = []

    @app.login_manager.user_loader
    def load_user(user_id):
        user = User(user_id)
        # As an exception does that was caught, by the frames of its traceback.
        user.request, user.session = request._get_current_object(), session._get_current_object()
        alive.append(weakref.ref(user))
        return user

    client = app.test_client()
    client.get("/login/1")
    for _ in range(20):
        client.get("/who")
    gc.collect()
    assert len(alive) == 20
    assert sum(user() is not None for user in alive) <= 1


def test_a_loader_may_log_in_the_user_that_it_has_found(kind):
    app = site(kind=kind)

    @app.login_manager.request_loader
    def load_by_header(request):
        user = app.users.get(request.headers.get("X-Remote-User"))
        if user is not None:
            login_user(user)
        return user

    client = app.test_client()
    assert client.get("/guarded", headers={"X-Remote-User": "1"}).text == "guarded"
    assert client.get("/who").text == "1"


def test_threads_that_share_a_request_and_its_session_never_panic():
    app = site()

    @app.get("/shared")
    def shared():
        wrong = []

        def change():
            for number in range(3000):
                session["k"] = number
                del session["k"]

        def look():
            for number in range(300):
                session["next"] = f"/zo\u00eb{number}"
                flask_housekey.login_remembered()

        def run(act):
            try:
                act()
            except BaseException as error:
                wrong.append(repr(error))

        threads = [Thread(target=copy_current_request_context(lambda act=act: run(act))) for act in (change, look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return wrong

    client = app.test_client()
    client.get("/login/1")
    assert client.get("/shared").json == []


def test_a_named_manager_needs_no_other():
    app = site()
    del app.login_manager
    alone = LoginManager(name="alone")
    alone.init_app(app)
    alone.user_loader(app.users.get)
    app.get("/alone")(lambda: str(alone.current_user.get_id()))
    assert app.test_client().get("/alone").text == "None"


@pytest.mark.parametrize("is_in_use", [False, True])
def test_an_id_of_a_session_that_somebody_planted_is_worth_nothing_after_the_login(is_in_use):
    app = site(kind=on_the_server)
    attacker, victim = app.test_client(), app.test_client()
    planted = "planted"
    if is_in_use:
        attacker.get("/put/1")
        planted = attacker.get_cookie("session").value
    for client in (attacker, victim):
        client.set_cookie("session", planted)
    assert victim.get("/login/1").text == "True"
    assert victim.get("/who").text == "1"
    assert attacker.get("/who").text == "None"

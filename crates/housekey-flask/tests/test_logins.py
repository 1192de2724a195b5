"""What Flask-Login's tests do not pin: loaders, ids, freshness, protection, signals."""

import gc
import threading
import traceback
import uuid
import weakref
from enum import Enum

import flask_housekey
import pytest
from conftest import User, close_browser, cookies, site
from flask import Blueprint, copy_current_request_context, g, request, session, stream_with_context
from flask_housekey import (
    LoginManager,
    confirm_login,
    current_user,
    login_user,
    logout_user,
    session_protected,
    user_accessed,
    user_loaded_from_cookie,
    user_loaded_from_request,
    user_logged_in,
    user_logged_out,
)
from flask_housekey.visits import visit_of


def test_a_loader_that_asks_for_the_current_user_is_told_so(kind):
    app = site(kind=kind)

    @app.login_manager.user_loader
    def load_user(user_id):
        return current_user.get_id()

    client = app.test_client()
    client.get("/login/1")
    with pytest.raises(RuntimeError, match="asked for current_user"):
        client.get("/who")

    @app.login_manager.request_loader
    def load_from_request(request):
        return app.users["1"] if current_user.is_authenticated else None

    with pytest.raises(RuntimeError, match="asked for current_user"):
        app.test_client().get("/who")


def test_a_loader_may_look_into_the_session_and_what_follows_is_seen_there(kind):
    app = site(kind=kind)

    @app.login_manager.user_loader
    def gone(user_id):
        assert session["value"] == "of the user" and session["_user_id"] == user_id
        session["seen"] = True

    @app.get("/left")
    def left():
        before = current_user.get_id()
        return {"before": before, "left": [key for key in session if key != "_permanent"]}

    client = app.test_client()
    client.get("/login/1")
    client.get("/put/of the user")
    assert client.get("/left").json == {"before": None, "left": []}
    assert client.get("/value").text == "None"


class DatabaseIsDown(Exception):
    pass


def test_an_exception_of_a_loader_comes_out_as_it_went_in(kind):
    app = site(kind=kind)
    client = app.test_client()
    client.get("/login/1?remember")
    raised = DatabaseIsDown("of the loader")

    @app.login_manager.user_loader
    def this_very_loader(user_id):
        raise raised

    with pytest.raises(DatabaseIsDown) as caught:
        client.get("/who")
    assert caught.value is raised
    frames = [frame.name for frame in traceback.extract_tb(raised.__traceback__)]
    assert "this_very_loader" in frames and "_load_user" in frames
    # By the remember token too, and by an API key.
    close_browser(client)
    with pytest.raises(DatabaseIsDown):
        client.get("/who")
    app.login_manager.request_loader(this_very_loader)
    with pytest.raises(DatabaseIsDown):
        app.test_client().get("/who")
    # Nobody is logged out for it.
    app.login_manager.user_loader(app.users.get)
    assert client.get("/who").text == "1"


def test_a_user_who_logs_out_while_the_database_is_down_is_logged_out(kind):
    app = site(kind=kind, TESTING=False)
    client = app.test_client()
    client.get("/login/1?remember")

    @app.login_manager.user_loader
    def fails(user_id):
        raise DatabaseIsDown

    assert client.get("/logout").status_code == 500
    app.login_manager.user_loader(app.users.get)
    assert client.get("/who").text == "None"
    assert client.get_cookie("remember_token") is None


def test_an_id_that_is_a_number_stays_one(kind):
    class Numbered(User):
        def get_id(self):
            return self.id

    app = site(kind=kind, users={7: Numbered(7)})
    app.add_url_rule("/in", "in", lambda: str(login_user(app.users[7], remember=True)))
    app.add_url_rule("/id", "id", lambda: repr(session["_user_id"]))
    client = app.test_client()
    client.get("/in")
    assert client.get("/who").text == "7" and client.get("/id").text == "7"
    assert app.asked == [7]
    # The remember token has no types.
    close_browser(client)
    client.get("/who")
    assert app.asked == [7, "7"]


def test_an_id_that_is_neither_text_nor_a_number_becomes_text(kind):
    id = uuid.UUID(int=7)
    user = User(str(id))
    user.get_id = lambda: id
    app = site(kind=kind, users={str(id): user})
    with app.test_request_context():
        login_user(user)
        assert session["_user_id"] == str(id) and current_user is not None
        app.login_manager._load_user()
        assert current_user.id == str(id) and app.asked == [str(id)]


def test_the_current_user_may_be_logged_in_once_more(kind):
    app = site(kind=kind)
    app.add_url_rule("/again", "again", lambda: str(login_user(current_user, remember=True)))
    client = app.test_client()
    client.get("/login/1")
    assert "remember_token" in cookies(client.get("/again"))
    close_browser(client)
    assert client.get("/who").text == "1"


def test_ids_that_name_nobody_cannot_log_in():
    app = site()
    for id in (None, "", "None"):
        with app.test_request_context():
            user = User(id)
            user.get_id = lambda: id
            with pytest.raises(ValueError, match="cannot log in"):
                login_user(user)
            assert dict(session) == {}


def test_an_inactive_user_is_out_at_the_next_request(kind):
    app = site(kind=kind)
    client = app.test_client()
    client.get("/login/1?remember")
    client.get("/put/secret")
    app.users["1"].active = False
    assert client.get("/guarded").status_code == 401
    app.users["1"].active = True
    assert client.get("/guarded").status_code == 401
    assert client.get("/value").text == "None"
    with app.test_request_context():
        app.users["1"].active = False
        assert login_user(app.users["1"]) is False and dict(session) == {}
        assert login_user(app.users["1"], force=True) is True
        assert current_user.id == "1" and not current_user.is_authenticated


def test_without_a_user_loader_the_request_names_the_user_and_the_session_stays(kind):
    app = site(kind=kind)
    app.login_manager._user_callback = None

    @app.login_manager.request_loader
    def by_session(request):
        return app.users.get(session.get("_user_id"))

    client = app.test_client()
    client.get("/login/1")
    assert client.get("/who").text == "1"
    # The loaders may change between two requests.
    app.login_manager.user_loader(lambda user_id: User("of the loader"))
    assert client.get("/who").text == "of the loader"
    app.login_manager._user_callback = None
    assert client.get("/who").text == "1"


def test_a_token_that_leads_nowhere_does_not_stand_before_an_api_key():
    app = site()
    app.login_manager.request_loader(lambda request: app.users.get(request.args.get("key")))
    client = app.test_client()
    client.set_cookie("remember_token", "1|forged")
    assert client.get("/who?key=2").text == "2"
    response = client.get("/who?key=2")
    assert "Authorization" in response.headers["Vary"]
    assert response.headers["Cache-Control"] == "private, no-store"
    assert client.get("/fresh?key=2").status_code == 401


def test_protection_is_about_logins_alone_and_by_the_apps_mode_first(kind):
    agents = ({"User-Agent": "one"}, {"User-Agent": "another"})
    for mode, of_manager, expected in (
        ("basic", None, ("1", False)),
        ("strong", None, (None, False)),
        (None, "strong", ("1", True)),
        ("", "strong", ("1", True)),
        (..., "strong", (None, False)),
        (..., None, ("1", True)),
    ):
        app = site(kind=kind)
        app.login_manager.session_protection = of_manager
        if mode is not ...:
            app.config["SESSION_PROTECTION"] = mode
        client = app.test_client()
        client.get("/login/1", headers=agents[0])
        client.get("/put/cart", headers=agents[0])
        heard = []
        with session_protected.connected_to(lambda sender: heard.append(sender)):
            found = client.get("/whole", headers=agents[1]).json
        assert (found["user"], found["fresh"]) == expected, mode
        assert heard == ([] if expected[1] else [app])
        assert client.get("/value", headers=agents[1]).text == "cart"
        # A visitor who only has a cart is left alone.
        client = app.test_client()
        client.get("/put/cart", headers=agents[0])
        assert cookies(client.get("/who", headers=agents[1])) == {}


def test_a_formula_of_the_programs_own_says_which_client_it_is(kind):
    app = site(kind=kind, SESSION_PROTECTION="strong")
    app.login_manager._session_identifier_generator = lambda: request.headers.get("X-Device", "")
    client = app.test_client()
    client.get("/login/1", headers={"X-Device": "5", "User-Agent": "one"})
    with client.session_transaction() as kept:
        assert kept["_id"] == "5"
    assert client.get("/who", headers={"X-Device": "5", "User-Agent": "another"}).text == "1"
    assert client.get("/who", headers={"X-Device": "6"}).text == "None"


def test_handlers_of_signals_may_look_up_the_user(kind):
    app = site(kind=kind)
    app.login_manager.request_loader(lambda request: app.users.get(request.args.get("key")))
    heard = []

    def hears(name):
        def handler(sender, user=None):
            assert sender is app
            heard.append((name, user and user.get_id(), current_user.get_id()))

        return handler

    signals = {
        "accessed": user_accessed,
        "from cookie": user_loaded_from_cookie,
        "from request": user_loaded_from_request,
        "in": user_logged_in,
        "out": user_logged_out,
    }
    handlers = {name: hears(name) for name in signals}
    for name, signal in signals.items():
        signal.connect(handlers[name], app)
    client = app.test_client()
    client.get("/login/1?remember")
    client.get("/who")
    close_browser(client)
    client.get("/who")
    client.get("/logout")
    client.get("/who?key=2")
    assert heard == [
        ("in", "1", "1"),
        ("accessed", None, "1"),
        ("accessed", None, "1"),
        ("from cookie", "1", "1"),
        ("accessed", None, "1"),
        ("out", "1", "1"),
        ("accessed", None, "2"),
        ("from request", "2", "2"),
    ]


def test_a_login_without_remember_me_deletes_the_token_that_is_there(kind):
    app = site(kind=kind)
    client = app.test_client()
    client.get("/login/1?remember")
    client.get("/login/2")
    close_browser(client)
    assert client.get("/who").text == "None"


def test_confirming_makes_fresh_what_a_token_brought_back(kind):
    app = site(kind=kind)
    app.add_url_rule("/confirm", "confirm", lambda: str(confirm_login()))
    client = app.test_client()
    client.get("/login/1?remember")
    close_browser(client)
    assert client.get("/fresh").status_code == 401
    client.get("/confirm")
    assert client.get("/fresh").status_code == 200
    # By somebody who is not logged in it is remembered, and opens nothing.
    client = app.test_client()
    client.get("/confirm")
    assert client.get("/whole").json == {"user": None, "fresh": True, "remembered": False}
    assert client.get("/fresh").status_code == 401


def test_a_program_may_set_the_current_user_itself():
    app = site()
    app.before_request(lambda: app.login_manager._update_request_context_with_user(app.users["2"]))
    client = app.test_client()
    assert client.get("/guarded").status_code == 200 and app.asked == []

    class Double:
        def _load_user(self):
            g._login_user = app.users["1"]

    app = site()
    app.login_manager = Double()
    assert app.test_client().get("/who").text == "1"


def test_an_app_without_a_login_manager_says_so():
    from flask import Flask

    app = Flask("app")
    with app.test_request_context(), pytest.raises(AttributeError, match="login_manager"):
        login_user(User("1"))
    assert not current_user


def test_two_apps_of_one_manager_have_their_own_configuration(kind):
    manager = LoginManager()
    manager.user_loader(lambda user_id: User(user_id))
    sites = []
    for name in ("one", "other"):
        app = site(kind=kind, SESSION_COOKIE_NAME=name)
        manager.init_app(app)
        client = app.test_client()
        client.get("/login/1")
        assert client.get_cookie(name) is not None
        assert client.get("/who").text == "1"
        sites.append(app)
    assert sites[0].login_manager is sites[1].login_manager is manager


def test_one_app_may_call_another_in_the_middle_of_a_request(kind):
    inner = site(kind=kind, SESSION_COOKIE_NAME="inner", REMEMBER_COOKIE_NAME="inner_token")
    outer = site(kind=kind)

    @outer.get("/calls")
    def calls():
        before = current_user.get_id()
        environ = {**request.environ, "PATH_INFO": "/who"}
        inside = b"".join(inner.wsgi_app(environ, lambda *_: None)).decode()
        assert inside == "None"
        logout_user()
        return f"{before} {current_user.get_id()}"

    client = outer.test_client()
    client.get("/login/1?remember")
    assert client.get("/calls").text == "1 None"
    assert client.get("/who").text == "None"


def test_many_threads_look_at_their_own_requests_and_at_one_request_together(kind):
    app = site(kind=kind, users={str(number): User(str(number)) for number in range(8)})
    wrong = []

    def browse(number):
        client = app.test_client()
        client.get(f"/login/{number}?remember")
        for _ in range(20):
            if client.get("/who").text != str(number):
                wrong.append(number)
            close_browser(client)

    threads = [threading.Thread(target=browse, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_threads_that_look_at_one_request_load_its_user_once(kind):
    app = site(kind=kind)
    second_asks = threading.Event()

    @app.login_manager.user_loader
    def waits_for_the_second(user_id):
        app.asked.append(user_id)
        second_asks.wait(10)
        return app.users[user_id]

    @app.get("/two")
    def two():
        found = []

        def ask():
            if app.asked:
                second_asks.set()
            user, source, signal = visit_of().load_user()
            found.append((user.get_id(), source, signal))

        threads = [threading.Thread(target=copy_current_request_context(ask)) for _ in range(2)]
        threads[0].start()
        while not app.asked:
            pass
        threads[1].start()
        for thread in threads:
            thread.join()
        return found

    client = app.test_client()
    client.get("/login/1")
    assert client.get("/two").json == [["1", "session", None]] * 2
    assert app.asked == ["1"]


def test_a_streamed_response_may_look_up_the_user(kind):
    app = site(kind=kind)

    @app.get("/stream")
    def stream():
        return stream_with_context(str(current_user.get_id()) for _ in range(2))

    client = app.test_client()
    client.get("/login/1")
    assert client.get("/stream").text == "11"


def test_nothing_of_a_request_stays_behind(kind):
    app = site(kind=kind)
    seen = []

    class Seen(User):
        pass

    @app.login_manager.user_loader
    def load_user(user_id):
        user = Seen(user_id)
        user.request = request._get_current_object()
        seen.append(weakref.ref(user))
        seen.append(weakref.ref(request._get_current_object()))
        return user

    client = app.test_client()
    client.get("/login/1?remember")
    client.get("/who")
    close_browser(client)
    client.get("/who")
    client.get("/logout")
    gc.collect()
    assert len(seen) >= 4 and all(ref() is None for ref in seen)

    app_ref = weakref.ref(app)
    del app, client, load_user
    gc.collect()
    assert app_ref() is None


class Touchy(User):
    """A user whose end asks who is there."""

    ends = []

    def __del__(self):
        try:
            self.ends.append(str(session.get("_user_id")))
        except RuntimeError:
            self.ends.append("outside")


def test_a_user_object_may_end_whenever_it_likes(kind):
    app = site(kind=kind)
    app.login_manager.user_loader(lambda user_id: Touchy(user_id, active=user_id != "2"))

    @app.get("/often")
    def often():
        for user_id in ("1", "2", "1"):
            session["_user_id"] = user_id
            app.login_manager._load_user()
            login_user(Touchy(user_id))
            logout_user()
        g.pop("_login_user")
        return "done"

    assert app.test_client().get("/often").text == "done"
    gc.collect()
    assert Touchy.ends


def test_a_visitor_who_has_to_log_in_is_sent_there_by_any_method():
    app = site()
    app.login_manager.login_view = "/login?lang=en"
    app.login_manager.login_message = None
    view = flask_housekey.login_required(lambda: "any")
    app.add_url_rule("/any", "any", view, methods=["GET", "POST"])
    for method in ("GET", "POST", "HEAD"):
        response = app.test_client().open("/any?a=1", method=method)
        assert response.status_code == 302
        assert response.location == "/login?lang=en&next=%2Fany%3Fa%3D1"
        assert "Set-Cookie" not in response.headers
    assert app.test_client().options("/any").status_code == 200


def test_the_way_back_may_be_kept_in_the_session(kind):
    app = site(kind=kind, USE_SESSION_FOR_NEXT=True, SESSION_PROTECTION="strong")
    app.login_manager.login_view = "/login"

    @app.post("/login")
    def log_in():
        login_user(app.users["1"])
        return session.pop("next", "nowhere")

    client = app.test_client()
    assert client.get("/guarded?a=1").location == "/login"
    assert client.get("/who").text == "None"
    assert client.post("/login").text == "/guarded?a=1"
    assert client.post("/login").text == "nowhere"
    # Of another user it is not.
    with client.session_transaction() as kept:
        kept["_user_id"], kept["next"] = "2", "/of/another"
    assert client.post("/login").text == "nowhere"


def test_login_views_may_be_set_one_by_one():
    app = site()
    shop, blog = Blueprint("shop", "shop"), Blueprint("blog", "blog")
    with app.app_context():
        flask_housekey.set_login_view("/login")
        assert app.login_manager.login_view == "/login"
        flask_housekey.set_login_view("/shop/login", blueprint=shop)
        flask_housekey.set_login_view("/other")
    for blueprint in (shop, blog):
        view = flask_housekey.login_required(lambda: "page")
        blueprint.add_url_rule(f"/{blueprint.name}", "page", view)
        app.register_blueprint(blueprint)
    client = app.test_client()
    assert client.get("/shop").location == "/shop/login?next=%2Fshop"
    assert client.get("/guarded").location == "/other?next=%2Fguarded"
    assert client.get("/blog").location == "/other?next=%2Fblog"


def test_an_id_is_the_text_that_a_user_gives_whatever_a_subclass_makes_of_it(kind):
    class Id(str, Enum):
        MIA = "x"

    class Exact(User):
        def get_id(self):
            return self.id

    app = site(kind=kind, users={"x": Exact(Id.MIA), "bad": Exact("\ud800")})
    client = app.test_client()
    client.get("/login/x")
    assert client.get("/guarded").text == "guarded"
    assert app.asked == ["x"]
    with pytest.raises(ValueError):
        client.get("/login/bad")

"""Which visitors may pass, what the others get, and where users go after they have logged in."""

from datetime import timedelta
from unittest import mock

import flask_housekey
import pytest
from conftest import User, site
from flask import Blueprint, abort, render_template_string, session
from flask.views import MethodView
from flask_housekey import fresh_login_required, login_exempt, login_required, next_url
from flask_housekey.stores import MemoryLoginStore
from test_records import at, with_records

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
PROGRAM = {"Accept": "application/json"}
SCRIPT = {"Sec-Fetch-Mode": "cors", "Accept": "*/*"}
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://localhost/page?tab=2"}


def negotiating(kind, **config):
    app = site(kind=kind, HOUSEKEY_ANSWER_AS="negotiated", **config)
    app.login_manager.login_view = "sign_in"

    @app.get("/sign-in")
    @login_exempt
    def sign_in():
        from flask import get_flashed_messages

        return {"messages": get_flashed_messages(), "next": session.get("next")}

    @app.get("/within")
    @fresh_login_required(within=timedelta(minutes=10))
    def within():
        return "within"

    return app


def test_each_asker_is_answered_in_a_form_that_it_can_use(kind):
    app = negotiating(kind)
    cases = [
        (BROWSER, "/guarded?page=2", 303, {"Location": "/sign-in?next=/guarded?page%3D2"}, ["Please log in to access this page."]),
        (PROGRAM, "/guarded", 401, {"Content-Type": "application/problem+json"}, []),
        (SCRIPT, "/guarded", 401, {"Content-Type": "application/problem+json"}, []),
        (HTMX, "/guarded", 401, {"HX-Redirect": "/sign-in?next=/page?tab%3D2"}, ["Please log in to access this page."]),
    ]
    for headers, url, status, fields, messages in cases:
        client = app.test_client()
        answer = client.get(url, headers=headers)
        assert answer.status_code == status, headers
        for name, value in fields.items():
            assert answer.headers[name].replace("%3F", "?").replace("%2F", "/") == value, (headers, answer.headers)
        assert "Accept" in answer.headers["Vary"]
        assert client.get("/sign-in").json["messages"] == messages, headers


def test_a_path_beyond_ascii_leads_back_to_itself(kind):
    app = negotiating(kind)

    @app.get("/caf\u00e9/<name>")
    @login_required
    def cafe(name):
        return name

    answer = app.test_client().get("/caf\u00e9/\u96ea?q=\u00fc", headers=BROWSER)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=%2Fcaf%25C3%25A9%2F%25E9%259B%25AA%3Fq%3D%25C3%25BC"


def test_the_way_back_is_in_the_session_where_the_configuration_says_so(kind):
    app = negotiating(kind, USE_SESSION_FOR_NEXT=True)
    client = app.test_client()
    assert client.get("/guarded?a=b", headers=BROWSER).headers["Location"] == "/sign-in"
    assert client.get("/sign-in").json["next"] == "/guarded?a=b"


def test_a_stale_login_is_told_how_old_it_may_be(monkeypatch):
    app = negotiating(lambda app: None)
    client = app.test_client()
    at(monkeypatch, 0)
    client.get("/login/1")
    assert client.get("/within").text == "within"
    at(monkeypatch, 601)
    answer = client.get("/within", headers=PROGRAM)
    assert answer.status_code == 401
    assert 'max_age="600"' in answer.headers["WWW-Authenticate"] or "600" in answer.text


def test_a_login_grows_stale_where_the_configuration_says_so(monkeypatch, kind):
    app = site(kind=kind, HOUSEKEY_FRESH_WITHIN=timedelta(minutes=10))
    client = app.test_client()
    at(monkeypatch, 0)
    client.get("/login/1")
    assert client.get("/fresh").text == "fresh"
    at(monkeypatch, 601)
    assert client.get("/fresh").status_code == 401
    assert client.get("/whole").json["fresh"] is False


def test_a_handler_of_the_programs_own_comes_before_the_negotiation():
    app = negotiating(lambda app: None)
    app.login_manager.unauthorized_handler(lambda: ("mine", 418))
    assert app.test_client().get("/guarded", headers=PROGRAM).status_code == 418


def test_one_without_a_login_page_is_refused():
    app = negotiating(lambda app: None)
    app.login_manager.login_view = None
    assert app.test_client().get("/guarded", headers=BROWSER).status_code == 401


SAFE = ["/", "/page", "/page?x=1#top", "/a//b"]
UNSAFE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "http:evil.example",
    "///evil.example",
    "/\tevil",
    "page\r\nSet-Cookie: x=y",
    " //evil.example",
    "",
]


def test_next_url_leads_to_this_site_alone(kind):
    app = site(kind=kind, HOUSEKEY_NEXT_ORIGINS=["https://shop.example"])

    @app.post("/go")
    def go():
        return next_url("/home")

    client = app.test_client()
    for url in [*SAFE, "https://shop.example/cart"]:
        assert client.post("/go", query_string={"next": url}).text == url
        assert client.post("/go", data={"next": url}).text == url
    for url in UNSAFE:
        assert client.post("/go", query_string={"next": url}).text == "/home", url
        assert client.post("/go", data={"next": url}).text == "/home", url
    assert client.post("/go").text == "/home"


def test_a_way_back_in_the_session_is_used_once(kind):
    app = site(kind=kind, USE_SESSION_FOR_NEXT=True)
    app.login_manager.login_view = "index"

    @app.get("/go")
    def go():
        return next_url("/home")

    client = app.test_client()
    client.get("/guarded?a=b")
    assert [client.get("/go").text for _ in range(2)] == ["/guarded?a=b", "/home"]


def requiring(**config):
    app = site(HOUSEKEY_REQUIRE_LOGIN=True, **config)
    app.login_manager.login_view = "sign_in"

    @app.get("/sign-in")
    def sign_in():
        return "the login page"

    @login_exempt
    @app.get("/open-above")
    def above():
        return "open"

    @app.get("/open-below")
    @login_exempt
    def below():
        return "open"

    class Open(MethodView):
        decorators = [login_exempt]

        def get(self):
            return "open"

    @login_exempt
    class Marked(MethodView):
        def get(self):
            return "open"

    class Closed(MethodView):
        def get(self):
            return "closed"

    app.add_url_rule("/open-class", view_func=Open.as_view("open_class"))
    app.add_url_rule("/marked-class", view_func=Marked.as_view("marked_class"))
    app.add_url_rule("/closed-class", view_func=Closed.as_view("closed_class"))
    public = login_exempt(Blueprint("public", __name__, url_prefix="/public"))
    private = Blueprint("private", __name__, url_prefix="/private", static_folder=".", static_url_path="/files")
    public.get("/", endpoint="page")(lambda: "open")
    private.get("/", endpoint="page")(lambda: "closed")
    # What is called static, where no folder is.
    public_name = Blueprint("other", __name__, url_prefix="/other")
    public_name.get("/", endpoint="static")(lambda: "closed")
    for blueprint in (public, private, public_name):
        app.register_blueprint(blueprint)
    return app


def test_where_a_login_is_required_by_default_only_exempt_views_are_open():
    app = requiring()
    client = app.test_client()
    for url in ["/open-above", "/open-below", "/open-class", "/marked-class", "/public/", "/sign-in", "/private/files/conftest.py"]:
        with client.get(url) as answer:
            assert answer.status_code == 200, url
    for url in ["/", "/who", "/closed-class", "/private/", "/other/", "/guarded"]:
        assert client.get(url).status_code == 302, url
        assert client.post(url).status_code in (302, 405), url
        assert client.options(url).status_code == 200, url
    assert client.get("/nowhere").status_code == 404
    app.login_manager.login_view = "/sign-in?from=here"
    assert client.get("/sign-in?x=y").status_code == 200
    app.config["LOGIN_DISABLED"] = True
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("login_view", ["sign_in", "/sign-in?from=here"])
def test_what_is_open_where_a_login_is_required_can_be_listed(login_view):
    app = requiring()
    app.login_manager.login_view = login_view
    with app.app_context():
        assert app.login_manager.public_endpoints() == [
            "above", "below", "marked_class", "open_class", "private.static", "public.page", "sign_in", "static",
        ]  # fmt: skip


def test_where_a_login_is_required_logged_in_users_pass():
    app = requiring()
    app.view_functions["login"]._login_exempt = True
    client = app.test_client()
    client.get("/login/1")
    assert client.get("/").text == "open to all"
    assert client.get("/closed-class").text == "closed"


def test_a_manager_may_require_a_login_without_configuration():
    app = site()
    app.login_manager.require_login = True
    client = app.test_client()
    assert client.get("/").status_code == 401
    app.config["HOUSEKEY_REQUIRE_LOGIN"] = False
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("hops, address", [(0, "10.0.0.9"), (1, "192.0.2.7"), (2, "198.51.100.1")])
def test_the_address_of_a_login_is_what_the_last_trusted_proxy_saw(hops, address):
    app = with_records(HOUSEKEY_TRUSTED_PROXIES=hops)
    client = app.test_client()
    seen = {"headers": {"X-Forwarded-For": "198.51.100.1, 192.0.2.7"}, "environ_base": {"REMOTE_ADDR": "10.0.0.9"}}
    client.get("/login/1", **seen)
    assert client.get("/logins", **seen).json[0]["address"] == address


def test_async_loaders_and_views_work(kind):
    app = site(kind=kind)

    @app.login_manager.user_loader
    async def load_user(user_id):
        return app.users.get(user_id)

    @app.login_manager.request_loader
    async def load_by_key(request):
        return app.users.get(request.headers.get("X-Api-Key"))

    @app.get("/async")
    @login_required
    async def waits():
        return flask_housekey.current_user.get_id()

    client = app.test_client()
    client.get("/login/1")
    assert client.get("/async").text == "1"
    assert app.test_client().get("/async").status_code == 401
    assert app.test_client().get("/async", headers={"X-Api-Key": "2"}).text == "2"


class Failing:
    """A login store that can be away."""

    def __init__(self):
        self.inner, self.fails = MemoryLoginStore(), False

    def __getattr__(self, name):
        if self.fails:
            raise ConnectionError("it is away")
        return getattr(self.inner, name)


HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://evil.example"}


@pytest.mark.parametrize("status", [400, 404, 503])
def test_an_error_page_that_asks_for_an_unknown_user_is_not_a_500(kind, status):
    store = Failing()
    app = with_records(kind, HOUSEKEY_LOGIN_STORE=store)
    app.config["TESTING"] = False
    for code in (400, 403, 404, 503):
        page = "{{ current_user.is_authenticated }} " + str(code)
        app.register_error_handler(code, lambda error, page=page, code=code: (render_template_string(page), code))
    app.get("/wrong/<int:code>")(lambda code: abort(code))
    client = app.test_client()
    assert client.get(f"/wrong/{status}").status_code == status
    assert client.get(f"/wrong/{status}", headers=HANDSHAKE).status_code == 403
    client.get("/login/1")
    store.fails = True
    answer = client.get(f"/wrong/{status}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_double_of_get_user_passes_where_a_login_is_required_by_default():
    app = requiring()
    with mock.patch("flask_housekey.utils._get_user", lambda: User("1")):
        assert app.test_client().get("/closed-class").text == "closed"


def test_an_async_handler_answers_denied_visitors():
    app = site()

    @app.login_manager.unauthorized_handler
    async def unauthorized():
        return "not you", 401

    answer = app.test_client().get("/guarded")
    assert (answer.text, answer.status_code) == ("not you", 401)

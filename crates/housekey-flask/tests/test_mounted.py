"""A site below a prefix: `SCRIPT_NAME` is what a WSGI server, Werkzeug's `ProxyFix` or a dispatcher says of it."""

import flask_housekey
import flask_login
import pytest
from conftest import flasks, rust, site
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

BROWSER = {"Accept": "text/html"}
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://localhost/app/page?tab=2"}


def mountable(package=flask_housekey, kind=rust, **config):
    app = site(package=package, kind=kind, **config)
    app.login_manager.login_view = "sign_in"
    app.login_manager.refresh_view = "sign_in"

    @app.get("/sign-in")
    def sign_in():
        from flask import session

        return {"next": session.get("next")}

    return app


def below_app(app):
    """The same program as a dispatcher mounts it."""
    return Client(DispatcherMiddleware(site(), {"/app": app}))


def behind_a_proxy(app):
    """The same behind a proxy that strips the prefix, and says so."""
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)
    return app.test_client()


NEXT = "?next=%2Fapp%2Fguarded%3Fpage%3D2"


@pytest.mark.parametrize(
    ("config", "location", "kept"),
    [
        ({}, "/app/sign-in" + NEXT, None),
        ({"USE_SESSION_FOR_NEXT": True}, "/app/sign-in", "/app/guarded?page=2"),
        ({"FORCE_HOST_FOR_REDIRECTS": "www.example.com"}, "//www.example.com/app/sign-in" + NEXT, None),
    ],
)
@pytest.mark.parametrize(("package", "kind"), [(flask_housekey, rust), (flask_login, flasks)])
def test_people_are_sent_where_flask_login_sends_them(package, kind, config, location, kept):
    mounted = below_app(mountable(package, kind, **config))
    answer = mounted.get("/app/guarded?page=2")
    assert (answer.status_code, answer.headers["Location"]) == (302, location)
    assert mounted.get("/app/sign-in").json["next"] == kept
    proxied = behind_a_proxy(mountable(package, kind, **config))
    answer = proxied.get("/guarded?page=2", headers={"X-Forwarded-Prefix": "/app"})
    assert (answer.status_code, answer.headers["Location"]) == (302, location)


@pytest.mark.parametrize("enter", [below_app, behind_a_proxy])
def test_negotiated_answers_name_addresses_below_the_prefix(kind, enter):
    app = mountable(kind=kind, HOUSEKEY_ANSWER_AS="negotiated")
    client, root = enter(app), "/app" if enter is below_app else ""
    prefix = {} if root else {"X-Forwarded-Prefix": "/app"}
    answer = client.get(f"{root}/guarded?page=2", headers=BROWSER | prefix)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/app/sign-in?next=%2Fapp%2Fguarded%3Fpage%3D2")
    answer = client.get(f"{root}/guarded", headers=HTMX | prefix)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/app/sign-in?next=%2Fapp%2Fpage%3Ftab%3D2")


def test_a_guarded_login_page_is_known_below_the_prefix():
    app = mountable(HOUSEKEY_ANSWER_AS="negotiated")
    app.login_manager.login_view = "guarded"
    assert below_app(app).get("/app/guarded", headers=BROWSER).status_code == 401

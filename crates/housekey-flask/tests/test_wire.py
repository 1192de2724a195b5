"""The cookies: any bytes in, and shared with the real Flask-Login."""

import random
import string

import flask_housekey
import flask_login
import pytest
from conftest import close_browser, cookies, flasks, rust, site


def hostile(random):
    """Something that no browser sends, or that some do."""
    kinds = (
        lambda: "".join(chr(random.randrange(1, 256)) for _ in range(random.randrange(60))),
        lambda: "".join(random.choice(string.punctuation) for _ in range(random.randrange(60))),
        lambda: "session=" + "".join(chr(random.randrange(32, 256)) for _ in range(40)),
        lambda: "remember_token=1|" + "".join(chr(random.randrange(32, 256)) for _ in range(128)),
        lambda: 'remember_token="\\303|\\' + str(random.randrange(1000)) + '"',
        lambda: "session=" + "A" * random.randrange(9000),
        lambda: "session=.eJ" + "x" * random.randrange(100) + ".a.b; session=a.b.c",
        lambda: "remember_token=" + "|" * random.randrange(100),
        lambda: "\x00\x01;;;===;session",
        lambda: "",
    )
    return random.choice(kinds)()


def test_every_input_is_answered_and_logs_nobody_in(kind):
    app = site(kind=kind, TESTING=False)
    client = app.test_client(use_cookies=False)
    source = random.Random(20261129)
    fields = ("HTTP_COOKIE", "HTTP_USER_AGENT", "HTTP_X_FORWARDED_FOR", "HTTP_ORIGIN", "HTTP_HOST", "REMOTE_ADDR")
    for _ in range(400):
        environ = {name: hostile(source) for name in source.sample(fields, source.randrange(1, 6))}
        environ["HTTP_HOST"] = source.choice(["localhost", "[::1]:80", "a.example"])
        response = client.get("/who", environ_overrides=environ)
        assert (response.status_code, response.text) == (200, "None"), environ
        response = client.get("/guarded", environ_overrides=environ)
        assert response.status_code == 401, environ
        # And such a visitor can log in.
        if source.random() < 0.2:
            response = client.get("/login/1?remember", environ_overrides=environ)
            assert response.status_code == 200, environ


def test_a_cookie_that_no_header_can_hold_does_not_take_the_others_with_it():
    app = site()
    client = app.test_client()
    client.get("/login/1")
    cookie = client.get_cookie("session").value
    plain = app.test_client(use_cookies=False)
    for before, after in (("a=\x01; ", ""), ("", "; b=\n"), ("\x7f; c=\xff; ", ";\x00")):
        environ = {"HTTP_COOKIE": f"{before}session={cookie}{after}"}
        assert plain.get("/who", environ_overrides=environ).text == "1", environ


def both(kind):
    """The same site on the two packages."""
    theirs = site(package=flask_login, kind=flasks)
    return site(kind=kind), theirs


def hand_over(browser, other):
    """The browser goes on at the other site, with all that it has."""
    for name in ("session", "remember_token"):
        cookie = browser.get_cookie(name)
        if cookie is None:
            other.delete_cookie(name)
        else:
            other.set_cookie(name, cookie.value)


@pytest.mark.parametrize("kind", [rust, flasks])
@pytest.mark.parametrize("agent", ["Mozilla/5.0", "", "caf\xe9 'it's' \"\\", None])
@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1"])
def test_a_browser_goes_from_one_to_the_other_and_back_and_is_who_it_was(kind, agent, address):
    environ = {"REMOTE_ADDR": address}
    if agent is None:
        environ["werkzeug.test.no_agent"] = True
    else:
        environ["HTTP_USER_AGENT"] = agent
    for first, second in (both(kind), both(kind)[::-1]):
        for app in (first, second):
            app.config["SESSION_PROTECTION"] = "strong"
        here, there = first.test_client(), second.test_client()

        def get(client, path):
            overrides = {key: value for key, value in environ.items() if key != "werkzeug.test.no_agent"}
            return client.get(path, environ_overrides=overrides)

        get(here, "/login/1?remember")
        hand_over(here, there)
        assert get(there, "/whole").json == {"user": "1", "fresh": True, "remembered": True}
        get(there, "/put/a value")
        hand_over(there, here)
        assert get(here, "/value").text == "a value"
        assert get(here, "/fresh").status_code == 200
        # Only the token is left.
        close_browser(here)
        hand_over(here, there)
        assert get(there, "/whole").json == {"user": "1", "fresh": False, "remembered": True}
        hand_over(there, here)
        assert get(here, "/fresh").status_code == 401
        get(here, "/logout")
        hand_over(here, there)
        assert get(there, "/who").text == "None" and there.get_cookie("remember_token") is None


def test_the_lines_of_the_cookies_are_the_same_to_the_byte():
    settings = {
        "REMEMBER_COOKIE_NAME": "kept",
        "REMEMBER_COOKIE_DOMAIN": "example.com",
        "REMEMBER_COOKIE_PATH": "/app",
        "REMEMBER_COOKIE_SECURE": True,
        "REMEMBER_COOKIE_HTTPONLY": False,
        "REMEMBER_COOKIE_SAMESITE": "Strict",
        "SESSION_COOKIE_NAME": "sid",
        "SESSION_COOKIE_DOMAIN": ".example.com",
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": True,
        "APPLICATION_ROOT": "/app",
    }
    for config in ({}, settings, {**settings, "SESSION_COOKIE_PARTITIONED": True, "SESSION_COOKIE_PATH": "/s"}):
        lines = []
        for package, kind in ((flask_housekey, rust), (flask_login, flasks)):
            app = site(package=package, kind=kind, **config)
            response = app.test_client().get("/login/1?remember", base_url="https://example.com/app")
            fields = response.headers.getlist("Set-Cookie")
            assert len(fields) == 2
            token, session = fields
            value, _, attributes = session.partition(";")
            # Its value has a time in it.
            lines.append((token.split("Expires")[0], token.split("GMT")[1], value.split("=")[0], attributes))
        assert lines[0] == lines[1], config


def test_a_remember_token_may_be_set_and_deleted_by_hand():
    lines = []
    for package, kind in ((flask_housekey, rust), (flask_login, flasks)):
        app = site(package=package, kind=kind, REMEMBER_COOKIE_DURATION=172800, REMEMBER_COOKIE_SAMESITE="Lax")
        with app.test_request_context():
            package.login_user(app.users["1"])
            response = app.make_response("")
            app.login_manager._set_cookie(response)
            (set_line,) = response.headers.getlist("Set-Cookie")
            lines.append(set_line.split("Expires")[0] + set_line.split("GMT")[1])
            response = app.make_response("")
            app.login_manager._clear_cookie(response)
            assert "Max-Age=0" in response.headers["Set-Cookie"]
            client = app.test_client()
            client.set_cookie("remember_token", set_line.split("=", 1)[1].split(";")[0])
            assert client.get("/who").text == "1"
    assert lines[0] == lines[1]


def test_the_helpers_say_what_flask_logins_say():
    apps = [site(), site(package=flask_login, kind=flasks)]
    for payload in ("1", "Müller", "a|b", "", "佐藤"):
        said = []
        for package, app in zip((flask_housekey, flask_login), apps):
            with app.test_request_context():
                cookie = package.encode_cookie(payload)
                assert package.decode_cookie(cookie) == payload
                said.append((cookie, package.encode_cookie(payload, key="other"), package.decode_cookie("1|x")))
        assert said[0] == said[1]
    views = ("/login", "/login?a=1&next=x", "https://sso.example/l", "//host/l", "http://localhost/login#top")
    targets = (None, "/p?x=1&y=ü", "http://localhost/p?x=1#f", "https://other.example/p", "")
    for view in views:
        for target in targets:
            said = []
            for package, app in zip((flask_housekey, flask_login), apps):
                with app.test_request_context():
                    said.append(package.login_url(view, target, "back"))
                    if target:
                        said.append(package.make_next_param(view, target))
            half = len(said) // 2
            assert said[:half] == said[half:], (view, target)


@pytest.mark.parametrize("kind", [rust, flasks])
def test_a_key_that_was_replaced_still_counts_and_is_not_used(kind):
    old, new = "an older key", "a newer key"
    app = site(kind=kind, SECRET_KEY=old)
    client = app.test_client()
    client.get("/login/1?remember")
    app.config.update(SECRET_KEY=new, SECRET_KEY_FALLBACKS=[old, old, ""])
    assert client.get("/whole").json["user"] == "1"
    close_browser(client)
    token = client.get_cookie("remember_token").value
    assert client.get("/who").text == "1"
    assert client.get_cookie("remember_token").value != token
    app.config["SECRET_KEY_FALLBACKS"].clear()
    close_browser(client)
    assert client.get("/who").text == "1"


def test_a_page_of_another_site_opens_no_websocket_as_the_visitor():
    app = site(TESTING=False)
    client = app.test_client()
    client.get("/login/1")
    for origin, status in (("http://localhost", 200), ("https://evil.example", 403), ("https://friend.example", 403)):
        headers = {"Upgrade": "websocket", "Origin": origin}
        assert client.get("/who", headers=headers).status_code == status
        # What looks at nobody is not ours to refuse.
        assert client.get("/", headers=headers).status_code == 200
    app.config["HOUSEKEY_WEBSOCKET_ORIGINS"] = ["https://friend.example"]
    assert client.get("/who", headers={"Upgrade": "websocket", "Origin": "https://friend.example"}).status_code == 200

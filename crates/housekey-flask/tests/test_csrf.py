"""What a page of another origin has its visitors send is refused. The rule's own cases are in door-tests."""

import pytest
from conftest import site
from flask import Blueprint
from flask_housekey import CsrfGuard

FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


def guarded(**config):
    app = site(**config)
    csrf = CsrfGuard(app)
    hooks = csrf.exempt(Blueprint("hooks", __name__, url_prefix="/hooks"))
    hooks.post("/")(lambda: "hook")
    app.register_blueprint(hooks)

    @app.post("/post")
    def post():
        return "posted"

    @app.post("/webhook")
    @csrf.exempt
    def webhook():
        return "received"

    return app


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        (FOREIGN, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example"}, 200),
        ({"Sec-Fetch-Site": "\u00ff", "Origin": "\u00ff\u00fe"}, 403),
    ],
)
def test_what_another_sites_page_has_sent_is_refused(headers, status):
    app = guarded(HOUSEKEY_TRUSTED_ORIGINS=["https://shop.example"])
    client = app.test_client()
    assert client.post("/post", headers=headers).status_code == status
    assert client.get("/", headers=headers).status_code == 200
    for url in ("/webhook", "/hooks/"):
        assert client.post(url, headers=headers).status_code == 200


def test_it_comes_before_the_login():
    app = guarded(HOUSEKEY_REQUIRE_LOGIN=True)
    client = app.test_client()
    assert client.post("/post", headers=FOREIGN).status_code == 403
    assert client.post("/nowhere", headers=FOREIGN).status_code == 403
    assert client.post("/post").status_code == 401


def test_a_wrong_origin_says_which_key_it_is():
    for wrong in ("https://shop.example", ["shop"]):
        with pytest.raises(ValueError, match="origin|HOUSEKEY_TRUSTED_ORIGINS"):
            guarded(HOUSEKEY_TRUSTED_ORIGINS=wrong).test_client().post("/post")

"""FlaskLoginClient: a browser whose user is logged in, or half logged in, from the start."""

import pytest
from conftest import User
from flask_housekey import FlaskLoginClient
from test_second_step import STORES, in_two_steps


def with_client(*args, **config):
    app = in_two_steps(*args, **config)
    app.test_client_class = FlaskLoginClient
    return app


@STORES
@pytest.mark.parametrize("protection", [None, "basic", "strong"])
def test_a_pending_user_has_taken_the_first_step_and_no_more(kind, store, protection):
    app = with_client(kind, store(), SESSION_PROTECTION=protection)
    client = app.test_client(pending_user=app.users["1"])
    assert client.get("/who").text == "None"
    for path, status in [("/guarded", 302), ("/fresh", 302), ("/second", 200)]:
        assert client.get(path).status_code == status, path
    begun = client.get("/pending").json
    assert (begun["pending"], begun["current"], begun["next"], begun["is_confirmation"]) == ("1", None, None, False)
    assert client.get("/finish").text == "1"
    assert client.get("/whole").json == {"user": "1", "fresh": True, "remembered": False}
    assert client.get("/second").status_code == 302


@STORES
def test_a_pending_user_can_call_it_off(kind, store):
    app = with_client(kind, store())
    client = app.test_client(pending_user=app.users["1"])
    assert client.get("/cancel").text == "cancelled"
    assert client.get("/second").status_code == 302
    assert client.get("/finish").status_code == 401


def test_each_client_has_a_login_of_its_own_and_the_others_none(kind):
    app = with_client(kind)
    ada, ben = (app.test_client(pending_user=app.users[id]) for id in "12")
    assert [client.get("/pending").json["pending"] for client in (ada, ben)] == ["1", "2"]
    assert ada.get("/finish").text == "1"
    assert ben.get("/who").text == "None"
    assert app.test_client().get("/second").status_code == 302
    again = app.test_client(pending_user=app.users["1"])
    assert again.get("/pending").json["id"] != ben.get("/pending").json["id"]


def test_a_user_is_logged_in_whole_and_has_begun_nothing(kind):
    app = with_client(kind)
    for fresh in [True, False]:
        client = app.test_client(user=app.users["1"], fresh_login=fresh)
        assert client.get("/who").text == "1"
        assert client.get("/second").status_code == 302


def test_a_blocked_user_and_two_users_at_once_are_mistakes():
    app = with_client(users={"1": User("1", active=False), "2": User("2")})
    with pytest.raises(ValueError, match="not active"):
        app.test_client(pending_user=app.users["1"])
    with pytest.raises(TypeError, match="not both"):
        app.test_client(user=app.users["2"], pending_user=app.users["2"])

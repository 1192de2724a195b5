"""When one login ends, and how old the proof is that it goes by."""

from datetime import datetime, timedelta, timezone

import pytest
from conftest import site
from flask_housekey import login_fresh, login_user
from test_records import at
from test_second_step import STORES, in_two_steps


@STORES
def test_a_login_ends_when_it_was_to_end_whatever_is_done_with_it(kind, store, monkeypatch):
    app = in_two_steps(kind, store())
    app.get("/confirm")(lambda: str(app.login_manager.login.confirm_login()))
    for terms in ("lifetime=60", "until=60", "lifetime=3600&until=60"):
        at(monkeypatch, 0)
        client = app.test_client()
        client.get(f"/log-in-with/1?{terms}")
        at(monkeypatch, 59)
        client.get("/confirm")
        assert client.get("/who").text == "1", terms
        at(monkeypatch, 60)
        assert client.get("/who").text == "None", terms


@STORES
def test_a_login_is_as_old_as_the_proof_that_it_goes_by(kind, store, monkeypatch):
    app = in_two_steps(kind, store())

    @app.get("/lately")
    def lately():
        return str(login_fresh(within=timedelta(minutes=10)))

    at(monkeypatch, 0)
    for seconds, fresh in [(-601, "False"), (-500, "True"), (500, "True")]:
        client = app.test_client()
        client.get(f"/log-in-with/1?authenticated_at={seconds}")
        assert client.get("/lately").text == fresh, seconds


def test_a_token_that_never_ends_remembers_no_login_that_does():
    app = in_two_steps()
    for path in ("/log-in-with", "/begin"):
        with pytest.raises(ValueError, match="remember"):
            app.test_client().get(f"{path}/1?lifetime=3600&remember=1")
    app = in_two_steps(HOUSEKEY_REMEMBER_FORMAT="timed")
    assert app.test_client().get("/log-in-with/1?lifetime=3600&remember=1").text == "True"


@pytest.mark.parametrize(
    "terms, error, words",
    [
        ({"until": datetime(2026, 3, 1)}, ValueError, r"until must have a time zone: write datetime.now\(timezone.utc\)"),
        ({"authenticated_at": datetime(2026, 3, 1)}, ValueError, "authenticated_at must have a time zone"),
        ({"until": 1772323200}, TypeError, "until must be a datetime.datetime"),
        ({"lifetime": 3600}, TypeError, "lifetime must be a datetime.timedelta"),
        ({"lifetime": timedelta(0)}, ValueError, "lifetime"),
        ({"lifetime": timedelta(days=-1)}, ValueError, "lifetime"),
        ({"lifetime": timedelta.max}, ValueError, "lifetime"),
    ],
)
def test_a_time_that_is_none_says_what_to_write(terms, error, words):
    app = site()
    with app.test_request_context(), pytest.raises(error, match=words):
        login_user(app.users["1"], **terms)


@pytest.mark.parametrize("until", [datetime.max, datetime.min.replace(day=3), datetime(1969, 1, 1)])
def test_any_moment_with_a_time_zone_is_taken(until):
    app = site()
    with app.test_request_context():
        assert login_user(app.users["1"], until=until.replace(tzinfo=timezone.utc))


def test_a_user_that_a_loader_logs_in_has_the_terms_too(monkeypatch):
    at(monkeypatch, 0)
    app = site()

    @app.login_manager.request_loader
    def by_key(request):
        if "X-Key" not in request.headers:
            return None
        login_user(app.users["1"], lifetime=timedelta(seconds=60))
        return app.users["1"]

    client = app.test_client()
    client.get("/who", headers={"X-Key": "yes"})
    assert client.get("/who").text == "1"
    at(monkeypatch, 60)
    assert client.get("/who").text == "None"

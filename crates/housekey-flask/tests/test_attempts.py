"""Attempts to guess a password: how many may fail, and who has to wait."""

import json
from datetime import datetime

import pytest
from conftest import rust, site
from flask import request
from flask_housekey import forgive_attempts, login_attempt, login_user
from flask_housekey.errors import TooManyAttempts
from flask_housekey.stores import AttemptSchedule, MemoryLoginStore
from flask_housekey.testing import check_attempt_store

FREE = 5
FREE_OF_AN_ADDRESS = 50
NOW = datetime(2026, 3, 1)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch):
    """No wait is over because a test took its time."""

    class Clock(datetime):
        @classmethod
        def utcnow(cls):
            return NOW

    monkeypatch.setattr("flask_housekey.login_manager.datetime", Clock)


def guarded(kind=rust, **config):
    """A site where everybody's password is "right"."""
    config.setdefault("HOUSEKEY_LOGIN_STORE", MemoryLoginStore())
    config.setdefault("HOUSEKEY_LIMIT_ATTEMPTS", True)
    app = site(kind=kind, **config)
    app.verified = []

    @app.post("/sign-in/<form>")
    def sign_in(form):
        name, password = request.data.decode().split("/")
        tried = login_attempt(form, name)
        app.verified.append(name)
        user = app.users.get(name.strip())
        if user is None or password != "right":
            return "wrong", 401
        tried.succeeded()
        login_user(user)
        return "hello"

    @app.post("/reset")
    def reset():
        forgive_attempts("password", request.data.decode())
        return "forgiven"

    return app


def type_in(client, name, password, form="password", **more):
    return client.post(f"/sign-in/{form}", data=f"{name}/{password}", **more)


def hammer(app, name):
    while type_in(app.test_client(), name, "guess").status_code != 429:
        pass


def test_a_guess_too_many_has_to_wait_and_nothing_is_verified(kind):
    app = guarded(kind)
    for _ in range(FREE):
        assert type_in(app.test_client(), "1", "guess").status_code == 401
    app.verified.clear()
    refused = type_in(app.test_client(), "1", "right")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Cache-Control"] == "no-store"
    assert "too many attempts: try again in" in refused.text
    assert app.verified == []
    assert type_in(app.test_client(), "2", "right").text == "hello"


def test_a_success_forgives():
    app = guarded()
    for _ in range(3):
        for _ in range(FREE - 1):
            assert type_in(app.test_client(), "1", "guess").status_code == 401
        assert type_in(app.test_client(), "1", "right").status_code == 200


def test_a_name_that_nobody_has_waits_as_one_that_somebody_has():
    app = guarded()
    for name in ("1", "nobody"):
        answers = [type_in(app.test_client(), name, "guess").status_code for _ in range(FREE + 1)]
        assert answers == [401] * FREE + [429]


def test_strangers_keep_nobody_out_of_a_browser_that_has_logged_in_before(kind):
    app = guarded(kind)
    owner = app.test_client()
    first = type_in(owner, "1", "right")
    [cookie] = [it for it in first.headers.getlist("Set-Cookie") if it.startswith("remember_token-browser=")]
    assert "HttpOnly" in cookie and "Expires=" in cookie
    owner.get("/logout")
    hammer(app, "1")
    assert type_in(owner, "1", "guess").status_code == 401
    assert type_in(owner, "1", "right").text == "hello"
    hammer(app, "2")
    assert type_in(owner, "2", "right").status_code == 429


def test_what_is_proved_at_one_form_counts_at_no_other():
    app = guarded()
    hammer(app, "1")
    assert type_in(app.test_client(), "1", "guess", form="code").status_code == 401


def test_after_a_reset_the_account_is_open_and_the_browser_is_known():
    app = guarded()
    owner = app.test_client()
    hammer(app, "1")
    owner.post("/reset", data="1")
    hammer(app, "1")
    assert type_in(owner, "1", "right").text == "hello"
    with app.app_context():
        app.login_manager.forgive_attempts("password", "1")
    assert type_in(app.test_client(), "1", "right").text == "hello"


def test_an_address_that_the_client_makes_up_neither_helps_nor_harms():
    app = guarded()
    for number in range(FREE_OF_AN_ADDRESS + 10):
        forged = {"X-Forwarded-For": "192.0.2.7"}
        assert type_in(app.test_client(), f"name-{number}", "guess", headers=forged).status_code == 401
    app = guarded(HOUSEKEY_TRUSTED_PROXIES=1)
    answers = []
    for number in range(FREE_OF_AN_ADDRESS + 10):
        forged = {"X-Forwarded-For": f"10.0.0.{number}, 192.0.2.7"}
        answers.append(type_in(app.test_client(), f"name-{number}", "guess", headers=forged).status_code)
    assert answers[:FREE_OF_AN_ADDRESS] == [401] * FREE_OF_AN_ADDRESS
    assert answers[FREE_OF_AN_ADDRESS] == 429


def test_programs_read_a_problem_and_a_view_can_say_it_itself():
    app = guarded(HOUSEKEY_ANSWER_AS="negotiated")

    @app.post("/own")
    def own():
        with pytest.raises(TooManyAttempts) as refused:
            login_attempt("password", "1")
        return f"wait {refused.value.seconds}"

    hammer(app, "1")
    refused = type_in(app.test_client(), "1", "right", headers={"Accept": "application/json"})
    problem = json.loads(refused.text)
    assert refused.content_type == "application/problem+json"
    assert problem["type"] == "urn:housekey:problem:too-many-attempts"
    assert problem["retry_after"] == int(refused.headers["Retry-After"])
    page = type_in(app.test_client(), "1", "right", headers={"Accept": "text/html"})
    assert page.content_type == "text/html; charset=utf-8"
    assert "Accept" in page.headers["Vary"]
    assert app.test_client().post("/own").text.startswith("wait ")


def test_one_attempt_in_so_many_deletes_what_is_forgotten(monkeypatch):
    store = MemoryLoginStore()
    app = guarded(HOUSEKEY_LOGIN_STORE=store)
    schedule = AttemptSchedule(free=5, first_delay=1, longest_delay=900, forgets_one_every=1800)
    old = int(NOW.timestamp()) - 10 * 24 * 60 * 60
    for number in range(200):
        store.count_attempt(number.to_bytes(16, "big"), schedule, old)
    chances = iter([*[0.02] * 3, 0.009])
    monkeypatch.setattr("flask_housekey.login.random", lambda: next(chances))
    kept = lambda: store.delete_expired_attempts(old + 1800, 1)  # noqa: E731
    assert kept() == 1
    for _ in range(3):
        type_in(app.test_client(), "1", "guess")
    assert kept() == 1
    type_in(app.test_client(), "1", "guess")
    assert kept() == 0, "nobody had to log in for that"


class AwayStore:
    """One that counts nothing."""

    def __init__(self):
        self.store = MemoryLoginStore()

    def __getattr__(self, name):
        return getattr(self.store, name)

    def count_attempt(self, key, schedule, now):
        raise OSError("the server is away")


def test_a_store_that_fails_lets_nobody_pass():
    app = guarded(HOUSEKEY_LOGIN_STORE=AwayStore())
    refused = type_in(app.test_client(), "1", "right")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert app.verified == []


@pytest.mark.parametrize("answer", [None, True, (True, 1), ("yes", 1, 2), (True, -1, 2)])
def test_an_invalid_answer_of_the_store_lets_nobody_pass(answer):
    store = AwayStore()
    store.count_attempt = lambda key, schedule, now: answer
    app = guarded(HOUSEKEY_LOGIN_STORE=store)
    assert type_in(app.test_client(), "1", "right").status_code == 503
    assert app.verified == []


def test_what_is_missing_is_reported():
    app = guarded(HOUSEKEY_LIMIT_ATTEMPTS=False)
    with pytest.raises(RuntimeError, match="set HOUSEKEY_LIMIT_ATTEMPTS to True"):
        type_in(app.test_client(), "1", "right")
    app = guarded(HOUSEKEY_LOGIN_STORE=None)
    with pytest.raises(ValueError, match="HOUSEKEY_LIMIT_ATTEMPTS: attempts are counted in the login store"):
        type_in(app.test_client(), "1", "right")

    class Older:
        def __getattr__(self, name):
            if "attempt" in name:
                raise AttributeError(name)
            return getattr(MemoryLoginStore(), name)

    app = guarded(HOUSEKEY_LOGIN_STORE=Older())
    with pytest.raises(TypeError, match="Older counts no attempts.*it has no method count_attempt"):
        type_in(app.test_client(), "1", "right")


def test_attempts_are_in_the_log_without_names(caplog):
    app = guarded()
    with caplog.at_level("DEBUG", logger="flask_housekey"):
        hammer(app, "somebody-by-name")
    [refused] = [it for it in caplog.records if it.event == "attempt_refused"]
    assert (refused.levelname, refused.reason) == ("INFO", "account")
    assert "somebody-by-name" not in caplog.text


def test_a_schedule_counts_as_the_rules_do():
    schedule = AttemptSchedule(free=2, first_delay=10, longest_delay=20, forgets_one_every=100)
    assert schedule.count(None, 1000) == (True, 0, 1100)
    assert schedule.count((0, 1100), 1000) == (True, 1010, 1200)
    assert schedule.count((1010, 1200), 1009) == (False, 1010, 0)
    assert schedule.take_back((1010, 1200), (1010, 1200), 1000) == (0, 1100)
    assert schedule.take_back((0, 1100), (0, 1100), 1000) is None
    assert (schedule.free, schedule.most) == (2, 3)


def test_every_store_counts_as_every_store_must(store):
    check_attempt_store(store)


def test_the_suite_finds_a_store_that_counts_for_itself():
    class Forgets(AwayStore):
        def count_attempt(self, key, schedule, now):
            return schedule.count(None, now)

    with pytest.raises(AssertionError):
        check_attempt_store(Forgets())

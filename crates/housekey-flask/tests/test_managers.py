"""Several login managers on one app, and several apps of one manager."""

from datetime import timedelta

import flask_housekey
import pytest
from conftest import User, close_browser, site
from flask import Blueprint, render_template_string
from flask_housekey import LoginManager, current_user, user_logged_in
from flask_housekey.stores import MemoryLoginStore
from test_records import at, hearing


def with_staff(kind, **config):
    """Members by the app's own manager, and staff by one of theirs. Both have a user 1."""
    app = site(kind=kind, **config)
    staff = app.staff = LoginManager(name="staff")
    staff.init_app(app)
    app.employees = {"1": User("1"), "7": User("7")}
    staff.user_loader(app.employees.get)
    staff.login_view = "staff_login"

    @app.get("/staff/login")
    def staff_login():
        return "the staff's login page"

    @app.get("/staff/login/<user_id>")
    def log_staff_in(user_id):
        from flask import request

        return str(staff.login.login_user(app.employees[user_id], remember="remember" in request.args))

    @app.get("/staff/logout")
    def log_staff_out():
        return str(staff.login.logout_user())

    @app.get("/both")
    def both():
        return [current_user.get_id(), staff.current_user.get_id()]

    @app.get("/staff/guarded")
    @staff.login_required
    def staff_guarded():
        return "of the staff"

    @app.get("/staff/fresh")
    @staff.fresh_login_required(within=timedelta(minutes=5))
    def staff_fresh():
        return "fresh"

    @app.get("/staff/logins")
    def staff_logins():
        return [login.id for login in staff.login.logins()]

    @app.get("/template")
    def template():
        return render_template_string("{{ current_user.get_id() }} {{ staff_user.get_id() }}")

    office = Blueprint("office", __name__, url_prefix="/office")
    office.before_request(staff.require_user)
    office.get("/", endpoint="page")(lambda: "the office")
    app.register_blueprint(office)
    return app


def test_one_managers_login_is_not_the_others(kind):
    app = with_staff(kind)
    client = app.test_client()
    client.get("/login/1")
    assert client.get("/both").json == ["1", None]
    client.get("/staff/login/7")
    assert client.get("/both").json == ["1", "7"]
    assert client.get("/template").text == "1 7"
    assert client.get("/staff/guarded").text == "of the staff" and client.get("/office/").text == "the office"
    client.get("/logout")
    assert client.get("/both").json == [None, "7"]
    client.get("/login/2")
    client.get("/staff/logout")
    assert client.get("/both").json == ["2", None]
    answer = client.get("/staff/guarded")
    assert (answer.status_code, answer.location) == (302, "/staff/login?next=%2Fstaff%2Fguarded")
    assert client.get("/office/").status_code == 302


def test_no_cookie_of_one_manager_is_worth_anything_as_the_others(kind):
    app = with_staff(kind)
    member = app.test_client()
    member.get("/login/1?remember")
    employee = app.test_client()
    employee.get("/staff/login/1?remember")
    cookies = {name: member.get_cookie(name).value for name in ("session", "remember_token")}
    cookies |= {name: employee.get_cookie(name).value for name in ("staff_session", "staff_remember_token")}
    for value in cookies.values():
        for name in ("staff_session", "staff_remember_token", "session", "remember_token"):
            if cookies[name] == value:
                continue
            thief = app.test_client()
            thief.set_cookie(name, value)
            assert thief.get("/both").json == [None, None], name


def test_each_manager_remembers_by_itself(kind):
    app = with_staff(kind)
    client = app.test_client()
    client.get("/login/2?remember")
    client.get("/staff/login/7?remember")
    for name in ("session", "staff_session"):
        client.delete_cookie(name)
    assert client.get("/both").json == ["2", "7"]
    client.get("/staff/logout")
    close_browser(client)
    assert client.get("/both").json == ["2", None]


def test_each_manager_has_its_own_settings_and_shares_the_others(monkeypatch):
    app = with_staff(
        lambda app: None,
        HOUSEKEY_LOGIN_STORE=MemoryLoginStore(),
        HOUSEKEY_STAFF_IDLE_TIMEOUT=60,
        HOUSEKEY_STAFF_SESSION_COOKIE_PATH="/staff",
        HOUSEKEY_STAFF_SESSION_COOKIE_NAME="desk",
    )
    client = app.test_client()
    at(monkeypatch, 0)
    client.get("/login/1")
    client.get("/staff/login/1")
    assert client.get_cookie("desk", path="/staff") is not None
    # Records of both are in one store, and apart.
    assert len(client.get("/staff/logins").json) == 1
    with app.app_context():
        assert len(app.login_manager.logins_of("1")) == len(app.staff.logins_of("1")) == 1
        assert app.login_manager.end_logins_of("1") == 1
    assert client.get("/staff/guarded").text == "of the staff"
    assert client.get("/who").text == "None"
    at(monkeypatch, 61)
    assert client.get("/staff/guarded").status_code == 302


def test_a_misspelled_setting_of_a_manager_is_an_error():
    app = with_staff(lambda app: None, HOUSEKEY_STAFF_IDEL_TIMEOUT=60)
    with pytest.raises(ValueError, match="HOUSEKEY_STAFF_IDEL_TIMEOUT"):
        app.test_client().get("/who")


def test_signals_say_which_manager_it_was_unless_it_is_the_apps_own(kind):
    app = with_staff(kind)
    client = app.test_client()
    with hearing(user_logged_in) as told:
        client.get("/login/1")
        client.get("/staff/login/7")
    assert [set(arguments) for arguments in told] == [{"user"}, {"user", "manager"}]
    assert told[1]["manager"] is app.staff


def test_flask_logins_ends_those_of_a_manager_that_has_a_name():
    app = with_staff(lambda app: None, HOUSEKEY_LOGIN_STORE=MemoryLoginStore())
    client = app.test_client()
    client.get("/staff/login/7")
    run = app.test_cli_runner().invoke
    assert "no logins" in run(args=["logins", "list", "7"]).output
    login_id = run(args=["logins", "list", "7", "--manager", "staff"]).output.split()[0]
    assert "Ended 1 login " in run(args=["logins", "end", "--user", "7", "--manager", "staff"]).output
    assert login_id
    assert client.get("/both").json == [None, None]
    unknown = run(args=["logins", "purge", "--manager", "guests"])
    assert unknown.exit_code == 1 and "It has staff" in unknown.output.replace("it has", "It has")


@pytest.mark.parametrize("name", ["Staff", "the staff", "", "st-aff", 7])
def test_a_name_is_a_short_word(name):
    with pytest.raises((ValueError, AttributeError)):
        LoginManager(name=name)


def test_one_manager_serves_several_apps():
    manager = LoginManager()
    one, other = site(), site()
    for app, users in ((one, {"1": User("1")}), (other, {"1": User("1")})):
        manager.init_app(app)
    manager.user_loader(lambda user_id: User(user_id))
    other.config["SESSION_COOKIE_NAME"] = "other"
    client = one.test_client()
    client.get("/login/1")
    assert client.get("/who").text == "1"
    assert other.test_client().get("/who").text == "None"

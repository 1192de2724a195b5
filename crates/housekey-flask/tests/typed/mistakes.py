"""What a type checker has to find: every line that is marked, and no other one."""

from __future__ import annotations

from flask import Flask, Request
from flask_housekey import (
    FlaskLoginClient,
    LoginManager,
    begin_login,
    end_login,
    fresh_login_required,
    login_exempt,
    login_required,
    login_user,
    logins,
)
from flask_housekey import login_requird  # wrong
from flask_housekey.stores import MemoryLoginStore
from flask_housekey.testing import check_login_store
from members import Member, Officer, login_manager, show


def member_or_none(user_id: str) -> Member | None: ...


def officer_or_none(user_id: str) -> Officer | None: ...


async def officer_later(user_id: str) -> Officer | None: ...


def by_list(user_id: list[str]) -> Member | None: ...


def by_request(request: Request) -> Member | None: ...


login_manager.user_loader(member_or_none)
login_manager.user_loader(officer_or_none)  # wrong
login_manager.user_loader(officer_later)  # wrong
login_manager.user_loader(by_list)  # wrong
login_manager.user_loader(by_request)  # wrong
login_manager.request_loader(by_request)
login_manager.request_loader(member_or_none)  # wrong
login_manager.unauthorized_handler(by_request)  # wrong


def view(app: Flask, member: Member, officer: Officer) -> None:
    login_manager.login.login_user(member)
    login_manager.login.login_user(officer)  # wrong
    login_manager.login.login_failed(officer)  # wrong
    login_manager.login.update_auth_hash(officer)  # wrong
    login_user(member)
    login_user(officer)
    login_user("mia")  # wrong
    login_user(member, remember="yes")  # wrong
    login_user(member, duration=3600)  # wrong
    login_user(member, until=3600)  # wrong
    begin_login(member, lifetime=3600)  # wrong
    login_manager.login.begin(officer)  # wrong
    print(login_manager.login.pending().user)  # wrong
    print(login_manager.login.finish().nmae)  # wrong
    print(login_manager.current_user.name)
    print(login_manager.current_user.nmae)  # wrong
    print(login_manager.login.user.name)  # wrong
    login_manager.session_protection = "strnog"  # wrong
    login_manager.login_store = object()  # wrong
    login_manager.login_view = b"sign_in"  # wrong
    login_manager.login_veiw = "sign_in"  # wrong
    end_login(7)  # wrong
    logins()[0].id = "7"  # wrong
    MemoryLoginStore().load("7", 0)  # wrong
    check_login_store({})  # wrong
    FlaskLoginClient(app, user="mia")  # wrong
    FlaskLoginClient(app, pending_user="mia")  # wrong
    show(7)
    show("7")  # wrong


def of_text(manager: LoginManager[str]) -> None: ...  # wrong


login_required("view")  # wrong
login_exempt("view")  # wrong
fresh_login_required(within=10)  # wrong
fresh_login_required(view, 10)  # wrong

"""A members' site and its staff, as a program with types writes it. The checkers find nothing in it, and it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from flask import Blueprint, Flask, Request, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from flask_housekey import (
    AnonymousUserMixin,
    FlaskLoginClient,
    LoginInfo,
    LoginManager,
    PendingLogin,
    UserMixin,
    begin_confirmation,
    begin_login,
    cancel_login,
    confirm_login,
    current_user,
    end_login,
    finish_login,
    fresh_login_required,
    login_exempt,
    login_fresh,
    login_required,
    login_user,
    logins,
    logout_user,
    next_url,
    pending_login,
    pending_login_required,
    user_logged_in,
    user_login_failed,
)
from flask_housekey.errors import TooManyLogins
from flask_housekey.stores import LoginStore, MemoryLoginStore, RedisLoginStore, SqlAlchemyLoginStore, SqliteLoginStore
from flask_housekey.typing import UserLike
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from typing_extensions import assert_type


class Base(DeclarativeBase):
    pass


class Member(UserMixin, Base):
    __tablename__ = "members"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    api_key: Mapped[str]
    is_blocked: Mapped[bool] = mapped_column(default=False)

    @property
    def is_active(self) -> bool:
        return not self.is_blocked


@dataclass
class Officer:
    """A user without the mixin, whose id is a number."""

    badge: int
    is_active: bool = True
    is_authenticated: bool = True

    def get_id(self) -> int:
        return self.badge


class Account(Base):
    """A user whose columns are what is asked."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    is_active: Mapped[bool]
    is_authenticated: Mapped[bool]

    def get_id(self) -> int:
        return self.id


engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
officers = {7: Officer(7)}

login_manager: LoginManager[Member] = LoginManager(login_store=MemoryLoginStore())
login_manager.login_view = "sign_in"
login_manager.session_protection = "strong"
staff = LoginManager[Officer](name="staff")
accounts: LoginManager[Account] = LoginManager(name="accounts")
anything = LoginManager(name="anything")


@login_manager.user_loader
def load_member(user_id: str) -> Member | None:
    with Session(engine) as session:
        return session.get(Member, user_id)


@login_manager.request_loader
async def load_by_key(request: Request) -> Member | None:
    with Session(engine) as session:
        return session.query(Member).filter_by(api_key=request.headers.get("X-Api-Key")).one_or_none()


@staff.user_loader
async def load_officer(badge: int) -> Officer | None:
    return officers.get(badge)


@login_manager.unauthorized_handler
def refuse() -> ResponseReturnValue:
    return {"error": "log in first"}, 401


@anything.user_loader
def load_anything(user_id):  # type: ignore[no-untyped-def]
    return None


@login_required
def show(number: int) -> str:
    # Only members come here.
    assert_type(login_manager.current_user, Member)
    return f"{login_manager.current_user.name}: {number}"


def greet() -> str:
    # Visitors come as well.
    user = login_manager.login.user
    assert_type(user, Member | AnonymousUserMixin | None)
    return f"Hello {user.name}" if isinstance(user, Member) else "Hello"


def sign_in() -> ResponseReturnValue:
    with Session(engine) as session:
        member = session.query(Member).filter_by(name=request.form["name"]).one_or_none()
    if member is None:
        login_manager.login.login_failed()
        return "wrong", 401
    try:
        if login_manager.login.login_user(member, remember=True, duration=timedelta(days=30)):
            return next_url("/")
    except TooManyLogins:
        return "too many", 403
    return "blocked", 403


def first_step() -> ResponseReturnValue:
    with Session(engine) as session:
        member = session.query(Member).filter_by(name=request.form["name"]).one()
    assert_type(login_manager.login.begin(member, next=request.args.get("next"), lifetime=timedelta(hours=8)), bool)
    return "a code, please"


@login_manager.pending_login_required
def second_step() -> str:
    pending = login_manager.login.pending()
    assert_type(pending, PendingLogin[Member] | None)
    name = pending.user.name if pending else ""
    assert_type(login_manager.login.finish(), Member)
    return name


@pending_login_required
def second_step_of_untyped_programs() -> str:
    pending = pending_login()
    assert pending is not None
    assert_type(pending.expires_at, datetime)
    if request.form["code"] != pending.user.code:
        cancel_login()
    return str(finish_login().name)


@fresh_login_required
def devices() -> list[dict[str, Any]]:
    assert_type(logins(), list[LoginInfo])
    return [{"id": it.id, "since": it.created_at.isoformat(), "this": it.current} for it in logins()]


@fresh_login_required(within=timedelta(minutes=10))
def sign_out_device(login_id: str) -> str:
    return str(end_login(login_id))


@login_manager.fresh_login_required(within=timedelta(minutes=10))
def danger() -> str:
    return str(login_fresh(within=timedelta(minutes=5)))


@staff.login_required
async def office() -> str:
    return str(staff.current_user.badge)


def report_for_duty(badge: int) -> str:
    return str(staff.login.login_user(officers[badge]))


def sign_out() -> str:
    logout_user()
    # As untyped programs have it.
    return str(current_user.whatever if current_user.is_authenticated else "out")


@login_exempt
class Status(MethodView):
    decorators = [login_required]

    def get(self) -> str:
        return "fine"


def welcome(app: Flask, user: Member | Officer, **_: Any) -> None:
    app.logger.info("%s is here", user.get_id())


def count(app: Flask, user_id: str | None, reason: str | None, **_: Any) -> None:
    app.logger.info("somebody is not %s", user_id)


def keep_what_they_decorate() -> None:
    """What goes into a decorator comes out with its type."""
    assert_type(show(7), str)
    assert_type(devices(), list[dict[str, Any]])
    assert_type(sign_out_device("7"), str)
    assert_type(login_exempt(Blueprint("open", __name__)), Blueprint)
    assert_type(login_exempt(Status), type[Status])
    assert_type(load_member("7"), Member | None)
    assert_type(fresh_login_required()(show)(7), str)


class Guest(AnonymousUserMixin):
    name = "guest"


def take_what_programs_give(manager: LoginManager[Member], members: dict[str, Member]) -> None:
    manager.user_loader(members.get)
    manager.user_loader(lambda user_id: members.get(user_id))
    manager.request_loader(lambda request: members.get(request.headers["X-Api-Key"]))
    manager.anonymous_user = Guest
    manager.localize_callback = str
    manager.login_message = None
    Blueprint("guarded", __name__).before_request(manager.require_user)

    @manager.user_loader
    def load_by_either(user_id: str | int) -> Member:
        return members[str(user_id)]


def stores() -> list[LoginStore]:
    """All are what a login manager takes."""
    return [
        MemoryLoginStore(),
        SqliteLoginStore("logins.db"),
        SqlAlchemyLoginStore(engine),
        RedisLoginStore("redis://localhost"),
    ]


def log_in_somebody(user: UserLike) -> bool:
    confirm_login()
    begin_confirmation(expires_in=timedelta(minutes=5))
    begin_login(user, True, until=datetime.now(timezone.utc))
    return login_user(user, True, timedelta(days=1), force=True, fresh=False, lifetime=timedelta(hours=1))


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="3b0f1a9c5d7e42688c1de97f60ab5432", TESTING=True)
    app.test_client_class = FlaskLoginClient
    login_manager.init_app(app)
    staff.init_app(app)
    user_logged_in.connect(welcome, app)
    user_login_failed.connect(count, app)
    app.add_url_rule("/show/<int:number>", view_func=show)
    app.add_url_rule("/greet", view_func=greet)
    app.add_url_rule("/sign_in", view_func=sign_in, methods=["POST"])
    app.add_url_rule("/first_step", view_func=first_step, methods=["POST"])
    app.add_url_rule("/second_step", view_func=second_step, methods=["POST"])
    app.add_url_rule("/devices", view_func=devices)
    app.add_url_rule("/office", view_func=office)
    app.add_url_rule("/office/<int:badge>", view_func=report_for_duty)
    app.add_url_rule("/sign_out", view_func=sign_out)
    app.add_url_rule("/status", view_func=Status.as_view("status"))
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.merge(Member(id=1, name="mia", api_key="key-of-mia"))
        session.commit()
    return app

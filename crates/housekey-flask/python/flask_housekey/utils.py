"""The functions for applications. The names are Flask-Login's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, overload

from flask import current_app, request, url_for
from werkzeug.local import LocalProxy

from . import _core
from .context import has_request, request_context, request_globals
from .events import tell
from .guards import guarded, has_not_begun, may_not_pass, may_not_pass_or_is_stale
from .login import Attempt, Login
from .visits import visit_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from flask import Blueprint

    from .guards import _Denial
    from .pending import PendingLogin
    from .typing import FunctionT, UserLike

#: The user of this request: the one who is logged in, or an anonymous one. None outside a request.
#: `LoginManager.current_user` is the same with the program's type.
current_user: Any = LocalProxy(lambda: _get_user())
_our_current_user = current_user


def encode_cookie(payload: str, key: str | bytes | None = None) -> str:
    """A text with its digest, as in the remember token's cookie. The key is SECRET_KEY unless given."""
    return _core.encode_cookie(payload, _secret_key(key))


def decode_cookie(cookie: str, key: str | bytes | None = None) -> str | None:
    """The contents of such a text, None if its digest is wrong."""
    return _core.decode_cookie(cookie, _secret_key(key))


def make_next_param(login_url: str, current_url: str) -> str:
    """The way back to `current_url`, without scheme and host if they are those of `login_url`."""
    return _core.make_next_param(login_url, current_url)


def expand_login_view(login_view: str) -> str:
    """The URL of a login view, given as a URL, a path or an endpoint."""
    if login_view.startswith(("https://", "http://", "/")):
        return login_view
    return url_for(login_view)


def login_url(login_view: str, next_url: str | None = None, next_field: str = "next") -> str:
    """The URL of a login view, with the way back to `next_url` in its query."""
    base = expand_login_view(login_view)
    if next_url is None:
        return base
    host = current_app.config.get("FORCE_HOST_FOR_REDIRECTS") or None
    return _core.login_url(base, next_url, next_field, host)


def login_fresh(within: timedelta | None = None) -> bool:
    """Whether the login is fresh: proved by a password in this session. With `within`, no longer ago than this
    timedelta."""
    return _login().is_fresh(within)


def login_remembered() -> bool:
    """Whether this browser is remembered as the current user's."""
    return _login().is_remembered()


def login_user(
    user: UserLike,
    remember: bool = False,
    duration: timedelta | None = None,
    force: bool = False,
    fresh: bool = True,
    *,
    lifetime: timedelta | None = None,
    until: datetime | None = None,
    authenticated_at: datetime | None = None,
) -> bool:
    """Logs a user in. False if they are not active and `force` is not set.

    `duration` is how long `remember` remembers them, if not for REMEMBER_COOKIE_DURATION. For `lifetime`, `until` and
    `authenticated_at`, see `Login.login_user`.
    """
    return _login().login_user(
        user, remember, duration, force, fresh, lifetime=lifetime, until=until, authenticated_at=authenticated_at
    )


def begin_login(
    user: UserLike,
    remember: bool = False,
    duration: timedelta | None = None,
    *,
    lifetime: timedelta | None = None,
    until: datetime | None = None,
    next: str | None = None,
    expires_in: timedelta | None = None,
) -> bool:
    """Begins a login in two steps, for a user who has taken the first: see `Login.begin`."""
    return _login().begin(
        user, remember, duration, lifetime=lifetime, until=until, next=next, expires_in=expires_in
    )


def begin_confirmation(
    user: UserLike | None = None, *, next: str | None = None, expires_in: timedelta | None = None
) -> None:
    """Begins a proof in two steps that the current user is there: see `Login.begin_confirmation`."""
    _login().begin_confirmation(user, next=next, expires_in=expires_in)


def pending_login() -> PendingLogin[Any] | None:
    """The login that has begun, if it counts: see `Login.pending`."""
    return _login().pending()


def finish_login() -> Any:
    """Logs in the user who has begun to, after the second step, and returns the user: see `Login.finish`."""
    return _login().finish()


def cancel_login() -> None:
    """Forgets a login that has begun: see `Login.cancel`."""
    _login().cancel()


def login_attempt(form: str, name: str) -> Attempt:
    """Counts an attempt to prove who somebody is, before a password or a code is verified: see `Login.attempt`."""
    return _login().attempt(form, name)


def forgive_attempts(form: str, name: str) -> None:
    """Forgets what strangers have tried at an account, and counts this browser apart from them: see `Login.forgive_attempts`."""
    _login().forgive_attempts(form, name)


def logout_user() -> bool:
    """Logs out the current user, empties the session and deletes the remember token. Always True."""
    return _login().logout_user()


def confirm_login() -> None:
    """Makes the login fresh. Call it after checking the password again."""
    _login().confirm_login()


def login_failed(user: UserLike | None = None) -> None:
    """See `Login.login_failed`."""
    _login().login_failed(user)


def update_auth_hash(user: UserLike | None = None) -> None:
    """See `Login.update_auth_hash`."""
    _login().update_auth_hash(user)


def logins() -> list[_core.LoginInfo]:
    """See `Login.logins`."""
    return _login().logins()


def end_login(login_id: str) -> bool:
    """See `Login.end_login`."""
    return _login().end_login(login_id)


def end_other_logins() -> int:
    """See `Login.end_other_logins`."""
    return _login().end_other_logins()


def next_url(default: str = "/", claimed: str | None = None) -> str:
    """Where to go after logging in: the `next` of the form, the query or the session, if it is an address of this site, or
    the default. HOUSEKEY_NEXT_ORIGINS lists other sites that are allowed."""
    if claimed is None:
        claimed = request.form.get("next") or _next_in_query()
    visit = visit_of()
    url = visit.next_url(claimed, default)
    tell(visit)
    return url


def _next_in_query() -> str | None:
    try:
        return request.args.get("next")
    except UnicodeDecodeError:
        # Werkzeug does not preserve a query's bytes if they are not UTF-8.
        return None


def login_required(func: FunctionT) -> FunctionT:
    """Lets only logged-in users reach the view. Others get the answer of `LoginManager.unauthorized`."""
    return guarded(func, _may_not_pass)


def pending_login_required(func: FunctionT) -> FunctionT:
    """Lets only users who have begun a login or a proof (`begin_login`, `begin_confirmation`) reach the view: for the pages of the
    second step. Others get the answer of `LoginManager.needs_pending_login`."""
    return guarded(func, _has_not_begun)


@overload
def fresh_login_required(func: FunctionT, *, within: timedelta | None = None) -> FunctionT: ...
@overload
def fresh_login_required(
    func: None = None, *, within: timedelta | None = None
) -> Callable[[FunctionT], FunctionT]: ...
def fresh_login_required(func: Callable[..., Any] | None = None, *, within: timedelta | None = None) -> Any:
    """Lets only users with a fresh login reach the view; with `within`, one that was proved no longer ago than this
    timedelta. Others get the answer of `LoginManager.unauthorized` or `LoginManager.needs_refresh`.

        @fresh_login_required
        @fresh_login_required(within=timedelta(minutes=10))
    """
    if func is None:
        return partial(fresh_login_required, within=within)
    return guarded(func, lambda: _may_not_pass_or_is_stale(within))


def set_login_view(login_view: str, blueprint: Blueprint | None = None) -> None:
    """Sets the login view of the app, or of one of its blueprints."""
    manager = current_app.login_manager  # type: ignore[attr-defined]
    views = manager.blueprint_login_views
    if blueprint is None and not views:
        manager.login_view = login_view
        return
    if manager.login_view is not None and None not in views:
        views[None] = manager.login_view
        manager.login_view = None
    if blueprint is None:
        views[None] = manager.login_view = login_view
    else:
        views[blueprint.name] = login_view


def _get_user() -> Any:
    if not has_request():
        return None
    g = request_globals()
    if not hasattr(g, "_login_user"):
        request_context().app.login_manager._load_user()  # type: ignore[attr-defined]
    return g._login_user


def _user_to_guard() -> Any:
    # Programs' tests replace either of them.
    return _get_user() if current_user is _our_current_user else current_user


def _may_not_pass() -> _Denial | None:
    manager = request_context().app.login_manager  # type: ignore[attr-defined]
    return may_not_pass(manager, _user_to_guard())


def _may_not_pass_or_is_stale(within: timedelta | None) -> _Denial | None:
    manager = request_context().app.login_manager  # type: ignore[attr-defined]
    return may_not_pass_or_is_stale(manager, _user_to_guard(), login_fresh, within)


def _has_not_begun() -> _Denial | None:
    manager = request_context().app.login_manager  # type: ignore[attr-defined]
    return has_not_begun(manager, pending_login())


def _login() -> Login[Any]:
    # Programs' tests replace `_get_user`.
    return Login(current_app.login_manager, current_user._get_current_object)  # type: ignore[attr-defined]


def _create_identifier() -> str:
    """What a session of this client stores to recognise it."""
    return visit_of().identity()


def _user_context_processor() -> dict[str, Any]:
    return {"current_user": _get_user()}


def _cookie_digest(payload: str, key: str | bytes | None = None) -> str:
    return encode_cookie(payload, key).rpartition("|")[2]


def _secret_key(key: str | bytes | None = None) -> bytes:
    used: str | bytes = current_app.config["SECRET_KEY"] if key is None else key
    return used.encode("latin1") if isinstance(used, str) else used

"""Which views need a login."""

from __future__ import annotations

from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, cast

from flask import current_app, g, request

from .config import EXEMPT_METHODS
from .context import request_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from flask import Flask
    from flask.typing import ResponseReturnValue

    from .login_manager import LoginManager
    from .pending import PendingLogin
    from .typing import ExemptT, FunctionT

    #: Answers denied visitors.
    _Denial = Callable[[], ResponseReturnValue]


def login_exempt(view: ExemptT) -> ExemptT:
    """Leaves a view, or a blueprint with all of its views, open to everybody where a login is required by default
    (`require_login`). Put it above or below `@app.route`."""
    view._login_exempt = True  # type: ignore[union-attr]
    return view


def is_marked(mark: str) -> bool:
    """Whether the view of this request, its class or one of its blueprints has this mark."""
    return _has_mark(mark, current_app, request.endpoint or "")


def _has_mark(mark: str, app: Flask, endpoint: str) -> bool:
    view = app.view_functions.get(endpoint)
    names = endpoint.split(".")[:-1]
    blueprints = [app.blueprints.get(".".join(names[:depth])) for depth in range(len(names), 0, -1)]
    places = (view, getattr(view, "view_class", None), *blueprints)
    return any(getattr(place, mark, False) for place in places)


def guarded(func: FunctionT, denied: Callable[[], _Denial | None]) -> FunctionT:
    """Wraps a view in a guard. `denied` returns the answer to a denied request, or None if the request may pass."""

    is_async = iscoroutinefunction(func)

    @wraps(func)
    def view(*args: Any, **kwargs: Any) -> Any:
        answer = None if is_open() else denied()
        if answer is not None:
            return answer()
        return current_app.ensure_sync(func)(*args, **kwargs) if is_async else func(*args, **kwargs)

    return cast("FunctionT", view)


def is_open() -> bool:
    """Whether this request needs no login for any view."""
    context = request_context()
    return context.request.method in EXEMPT_METHODS or context.app.config.get("LOGIN_DISABLED", False)


def may_not_pass(manager: LoginManager[Any], user: Any) -> _Denial | None:
    """The answer to a visitor who is not logged in. None for a user."""
    return None if user.is_authenticated else manager.unauthorized


def may_not_pass_or_is_stale(
    manager: LoginManager[Any],
    user: Any,
    is_fresh: Callable[[timedelta | None], bool],
    within: timedelta | None,
) -> _Denial | None:
    """The same, and also for a user whose login is not fresh."""
    denied = may_not_pass(manager, user)
    if denied is None and not is_fresh(within):
        # The answer says how old the login may be.
        g._flask_housekey_within = within
        return manager.needs_refresh
    return denied


def has_not_begun(manager: LoginManager[Any], pending: PendingLogin[Any] | None) -> _Denial | None:
    """The answer to a visitor who has not begun a login. None for a user who has."""
    return manager.needs_pending_login if pending is None else None


def is_exempt(manager: LoginManager[Any]) -> bool:
    """Whether this request is for a view that is open where a login is required by default: one that is marked, a static
    file, or the manager's login page."""
    # There is one: a request without a view does not reach a guard.
    endpoint: str = request.endpoint  # type: ignore[assignment]
    return _is_exempt(manager, current_app, endpoint, request.root_path + request.path)


def public_endpoints(manager: LoginManager[Any], app: Flask) -> list[str]:
    """The endpoints of all views for which that is true."""
    rules = app.url_map.iter_rules()
    return sorted({rule.endpoint for rule in rules if _is_exempt(manager, app, rule.endpoint, rule.rule)})


def _is_exempt(manager: LoginManager[Any], app: Flask, endpoint: str, path: str) -> bool:
    if _has_mark("_login_exempt", app, endpoint):
        return True
    # Pictures and style sheets, which the login page needs too.
    owner, _, name = endpoint.rpartition(".")
    static = app.blueprints.get(owner) if owner else app
    if name == "static" and static is not None and static.has_static_folder:
        return True
    pages = (manager.login_view, *manager.blueprint_login_views.values())
    return any(page and page.partition("?")[0] in (endpoint, path) for page in pages)

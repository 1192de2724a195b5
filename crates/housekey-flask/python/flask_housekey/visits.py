"""One request, as the rules see it: one visit for each login manager that is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, request
from flask.sessions import SecureCookieSessionInterface

from . import _core
from .context import request_context
from .sessions import Session, current_session

if TYPE_CHECKING:
    from typing import Any

    from flask import Response

#: The key of a request's visits, except one that is its session. Copies of its context have the same request. A request
#: made inside another one, or handed on to another app, is a different one.
_VISITS = "_flask_housekey_visits"


def visit_of(name: str | None = None) -> _core.Visit:
    """This request's visit to the login manager of this name; None for the app's own."""
    context = request_context()
    if name is not None:
        visit = _known(name)
        return _keep(name, Session(door(name), context.request.environ)) if visit is None else visit
    kept_in: Any = context.session
    # Not with isinstance, which goes through collections.abc.
    if type(kept_in) is Session:
        return kept_in
    visit = _visit_beside(kept_in)
    if visit is None:
        visit = _core.Visit(door(), request.environ, kept_in, _cookie_of_session())
    return _keep(None, visit)


def visit_if_any(name: str | None = None) -> _core.Visit | None:
    """The same, if it has been looked at. Does not count as a look itself."""
    if name is not None:
        return _known(name)
    kept_in = current_session()
    return kept_in if type(kept_in) is Session else _visit_beside(kept_in)


def finish(name: str | None, response: Response) -> None:
    """Puts the changes of a login into the response, except what is in the app's own session."""
    visit = visit_if_any(name)
    if name is not None:
        # Nothing else sends its session. A session that was not looked at is finished anyway, so that later changes
        # fail instead of being lost.
        if visit is None:
            visit = _keep(name, Session(door(name), request.environ))
        visit.finish_remembering(response)
        visit.save(response)
    elif visit is not None:
        visit.finish_remembering(response)


def door(name: str | None = None) -> _core.Door:
    """What the rules know about this app under the login manager of this name."""
    if name is None:
        # An app without a login manager raises its own error here.
        current_app.login_manager  # type: ignore[attr-defined]
    found: _core.Door = current_app.extensions["flask_housekey"][name]
    return found


def _visits() -> dict[str | None, _core.Visit]:
    kept: dict[str | None, _core.Visit] = request_context().request.__dict__.setdefault(_VISITS, {})
    return kept


def _keep(name: str | None, visit: _core.Visit) -> _core.Visit:
    _visits()[name] = visit
    return visit


def _known(name: str | None) -> _core.Visit | None:
    return _visits().get(name)


def _visit_beside(kept_in: Any) -> _core.Visit | None:
    visit = _known(None)
    return visit if visit is not None and visit.is_kept_in(kept_in) else None


def _cookie_of_session() -> str | None:
    """The cookie that held all of the session. None where it is kept on the server."""
    interface = current_app.session_interface
    if not isinstance(interface, SecureCookieSessionInterface):
        return None
    return request.cookies.get(interface.get_cookie_name(current_app))

"""One request, as the rules see it: one visit for each login manager that is asked."""

from weakref import ref

from flask import current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface

from . import _core
from .sessions import Session, current_session

#: Where a request finds its visits, but for one that is its session.
_VISIT = "flask_housekey.visit"


def visit_of(name=None):
    """This request's visit to the login manager of this name; None is the app's own."""
    if name is not None:
        return _known(name) or _keep(name, Session(door(name), request.environ))
    kept_in = session._get_current_object()
    if isinstance(kept_in, Session):
        g._flask_housekey_visit = kept_in
        return kept_in
    visit = _visit_beside(kept_in)
    if visit is None:
        visit = _core.Visit(door(), request.environ, kept_in, _cookie_of_session())
    return _keep(None, visit)


def visit_if_any(name=None):
    """The same, if anybody has looked at it. Does not count as a look itself."""
    if name is not None:
        return _known(name)
    kept_in = current_session()
    return kept_in if isinstance(kept_in, Session) else _visit_beside(kept_in)


def door(name=None):
    """What the rules know of this app under the login manager of this name."""
    # An app without a login manager says so, as it always has.
    current_app.login_manager
    return current_app.extensions["flask_housekey"][name]


def _keep(name, visit):
    # Copies of this context share it. Weakly, since a user may lead back to the request.
    request.environ[_key(name)] = ref(visit)
    setattr(g, f"_flask_housekey_visit_{name}" if name else "_flask_housekey_visit", visit)
    return visit


def _known(name):
    visit = request.environ.get(_key(name))
    return None if visit is None else visit()


def _key(name):
    return f"{_VISIT}.{name}" if name else _VISIT


def _visit_beside(kept_in):
    visit = _known(None)
    return visit if visit is not None and visit.is_kept_in(kept_in) else None


def _cookie_of_session():
    """The cookie that all of the session came in. None where it is kept on the server."""
    interface = current_app.session_interface
    if not isinstance(interface, SecureCookieSessionInterface):
        return None
    return request.cookies.get(interface.get_cookie_name(current_app))

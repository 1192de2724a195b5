"""What applications call. The names are Flask-Login's."""

from datetime import timedelta
from functools import wraps
from weakref import ref

from flask import current_app, g, has_request_context, request, session, url_for
from werkzeug.local import LocalProxy

from . import _core
from .config import EXEMPT_METHODS
from .sessions import Session, current_session
from .signals import (
    session_protected,
    user_logged_in,
    user_logged_out,
    user_login_confirmed,
)

#: The user of this request: the one who is logged in, or an anonymous one. None outside of a request.
current_user = LocalProxy(lambda: _get_user())

#: Where a request finds its visit, if the session is not ours.
_VISIT = "flask_housekey.visit"


def encode_cookie(payload, key=None):
    """A text with its digest, as the remember token's cookie has it. The key is SECRET_KEY unless given."""
    return _core.encode_cookie(payload, _secret_key(key))


def decode_cookie(cookie, key=None):
    """What such a text says, None if its digest is wrong."""
    return _core.decode_cookie(cookie, _secret_key(key))


def make_next_param(login_url, current_url):
    """The way back to `current_url`, without scheme and host where they are those of `login_url`."""
    return _core.make_next_param(login_url, current_url)


def expand_login_view(login_view):
    """The URL of a login view, which is given as a URL, a path or an endpoint."""
    if login_view.startswith(("https://", "http://", "/")):
        return login_view
    return url_for(login_view)


def login_url(login_view, next_url=None, next_field="next"):
    """The URL of a login view, with the way back to `next_url` in its query."""
    base = expand_login_view(login_view)
    if next_url is None:
        return base
    host = current_app.config.get("FORCE_HOST_FOR_REDIRECTS") or None
    return _core.login_url(base, next_url, next_field, host)


def login_fresh():
    """Whether the login is fresh: by a password that was given in this session."""
    # Session protection has its word first.
    _get_user()
    return _visit().is_fresh()


def login_remembered():
    """Whether this browser is remembered as the current user's."""
    if not hasattr(g, "_login_user"):
        _get_user()
    visit = _visit()
    visit.load_user()
    return visit.is_remembered()


def login_user(user, remember=False, duration=None, force=False, fresh=True):
    """Logs a user in. False if they are not active and `force` is not set.

    `duration` is how long they are remembered with `remember`, if not as long as REMEMBER_COOKIE_DURATION says.
    """
    if isinstance(user, LocalProxy):
        # current_user itself would be its own user.
        user = user._get_current_object()
    if not force and not user.is_active:
        return False
    manager = current_app.login_manager
    user_id = getattr(user, manager.id_attribute)()
    seconds = None
    if remember and duration is not None:
        if not isinstance(duration, timedelta):
            raise Exception(
                f"duration must be a datetime.timedelta, instead got: {duration}"
            )
        seconds = duration.total_seconds()
    _visit().log_in(user, user_id, bool(remember), seconds, bool(fresh), bool(force))
    manager._update_request_context_with_user(user)
    user_logged_in.send(current_app._get_current_object(), user=_get_user())
    return True


def logout_user():
    """Logs out the current user, empties the session and deletes the remember token. Always True."""
    try:
        user = _get_user()
    finally:
        # Logging out works while a database does not.
        _visit().log_out()
    user_logged_out.send(current_app._get_current_object(), user=user)
    current_app.login_manager._update_request_context_with_user()
    return True


def confirm_login():
    """Makes the login fresh, after the application has checked a password again."""
    _get_user()
    visit = _visit()
    visit.confirm()
    app = current_app._get_current_object()
    _tell_of_protection(app, visit)
    user_login_confirmed.send(app)


def login_required(func):
    """Lets only those have the view who are logged in. The others get what `LoginManager.unauthorized` answers."""
    return _guarded(func, _may_not_pass)


def fresh_login_required(func):
    """Lets only those have the view whose login is fresh. The others get what `LoginManager.unauthorized` or
    `LoginManager.needs_refresh` answers."""
    return _guarded(func, _may_not_pass_or_is_stale)


def set_login_view(login_view, blueprint=None):
    """Sets the login view of the app, or of one of its blueprints."""
    manager = current_app.login_manager
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


def _guarded(func, denied):
    @wraps(func)
    def view(*args, **kwargs):
        is_open = (
            request.method in EXEMPT_METHODS
            or current_app.config.get("LOGIN_DISABLED")
        )
        answer = None if is_open else denied()
        if answer is not None:
            return answer()
        return current_app.ensure_sync(func)(*args, **kwargs)

    return view


def _may_not_pass():
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized
    return None


def _may_not_pass_or_is_stale():
    denied = _may_not_pass()
    if denied is None and not login_fresh():
        return current_app.login_manager.needs_refresh
    return denied


def _get_user():
    if not has_request_context():
        return None
    if not hasattr(g, "_login_user"):
        current_app.login_manager._load_user()
    return g._login_user


def _visit():
    """This request, as the rules see it."""
    kept_in = session._get_current_object()
    if isinstance(kept_in, Session):
        return kept_in
    visit = _visit_beside(kept_in)
    if visit is None:
        environ = request.environ
        visit = _core.Visit(_door(), environ, kept_in)
        # Copies of this context share it. Weakly, since a user may lead back to the request.
        environ[_VISIT] = ref(visit)
    g._flask_housekey_visit = visit
    return visit


def _visit_if_any():
    """This request, as the rules see it, if anybody has looked at it. Does not count as a look itself."""
    kept_in = current_session()
    return kept_in if isinstance(kept_in, Session) else _visit_beside(kept_in)


def _visit_beside(kept_in):
    visit = request.environ.get(_VISIT)
    visit = visit() if visit is not None else None
    return visit if visit is not None and visit.is_kept_in(kept_in) else None


def _door():
    # An app without a login manager says so, as it always has.
    current_app.login_manager
    return current_app.extensions["flask_housekey"]


def _tell_of_protection(app, visit):
    if "session_protected" in visit.take_events():
        session_protected.send(app)


def _create_identifier():
    """What a session of this client keeps to be recognized by."""
    return _visit().identity()


def _user_context_processor():
    return {"current_user": _get_user()}


def _cookie_digest(payload, key=None):
    return encode_cookie(payload, key).rpartition("|")[2]


def _secret_key(key=None):
    if key is None:
        key = current_app.config["SECRET_KEY"]
    return key.encode("latin1") if isinstance(key, str) else key

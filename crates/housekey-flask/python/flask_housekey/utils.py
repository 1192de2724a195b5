"""What applications call. The names are Flask-Login's."""

from datetime import timedelta
from functools import partial, wraps
from random import random
from weakref import ref

from flask import current_app, g, has_request_context, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from werkzeug.local import LocalProxy

from . import _core
from .config import EXEMPT_METHODS
from .sessions import Session, current_session
from .events import logger, tell
from .signals import (
    user_logged_in,
    user_logged_out,
    user_login_confirmed,
)

#: The user of this request: the one who is logged in, or an anonymous one. None outside of a request.
current_user = LocalProxy(lambda: _get_user())

#: One login in so many deletes records of logins that have expired.
_PURGES = 1 / 1000

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


def login_fresh(within=None):
    """Whether the login is fresh: by a password that was given in this session. With `within`, no longer ago than this
    timedelta."""
    # Session protection has its word first.
    _get_user()
    visit = _visit()
    return visit.is_fresh() if within is None else visit.is_fresh_within(within.total_seconds())


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
    user = _own(user)
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
    visit = _visit()
    visit.log_in(user, user_id, bool(remember), seconds, bool(fresh), bool(force))
    manager._update_request_context_with_user(user)
    tell(visit)
    if random() < _PURGES:
        _purge(visit)
    user_logged_in.send(current_app._get_current_object(), user=_get_user())
    return True


def logout_user():
    """Logs out the current user, empties the session and deletes the remember token. Always True."""
    try:
        user = _get_user()
    finally:
        # Logging out works while a database does not.
        visit = _visit()
        visit.log_out()
    tell(visit)
    user_logged_out.send(current_app._get_current_object(), user=user)
    current_app.login_manager._update_request_context_with_user()
    return True


def confirm_login():
    """Makes the login fresh, after the application has checked a password again."""
    _get_user()
    visit = _visit()
    visit.confirm()
    tell(visit)
    user_login_confirmed.send(current_app._get_current_object())


def login_failed(user=None):
    """Tells that somebody did not prove who they say they are: for the log, and for a handler of `user_login_failed` that
    counts. Only the program knows. `user` is whose account it was, None if there is none of that name."""
    manager = current_app.login_manager
    user_id = "" if user is None else str(getattr(user, manager.id_attribute)())
    visit = _visit()
    visit.log_in_failed(user, user_id)
    tell(visit)


def update_auth_hash(user=None):
    """Keeps this browser in after the `session_auth_hash` of its user has changed, for instance with a new password. All
    their other logins end. Give it the user as they are after the change, if that is another object than `current_user`.

    Ask for `current_user` before the change, as `login_required` does: a look at the login afterwards ends it."""
    user = _own(current_user if user is None else user)
    visit = _visit()
    visit.update_auth_hash(user, str(getattr(user, current_app.login_manager.id_attribute)()))
    current_app.login_manager._update_request_context_with_user(user)
    tell(visit)


def logins():
    """The current user's logins, the one last used first: for a page where people see where they are logged in. Needs a
    login store, and a fresh login."""
    _get_user()
    return _visit().logins()


def end_login(login_id):
    """Ends one of the current user's logins, at once. False when they have none of this number, be it that it is over or that
    it is somebody else's."""
    _get_user()
    visit = _visit()
    ended = visit.end_login(login_id)
    tell(visit)
    return ended


def end_other_logins():
    """Ends all of the current user's logins but this one, at once, and says how many there were."""
    _get_user()
    visit = _visit()
    ended = visit.end_other_logins()
    tell(visit)
    return ended


def next_url(default="/", claimed=None):
    """Where to go after logging in: `next` of the form, of the query or of the session, if it is an address of this site,
    or the default. HOUSEKEY_NEXT_ORIGINS lists other sites that may be gone to."""
    if claimed is None:
        claimed = request.form.get("next") or _next_in_query()
    visit = _visit()
    url = visit.next_url(claimed, default)
    tell(visit)
    return url


def _next_in_query():
    try:
        return request.args.get("next")
    except UnicodeDecodeError:
        # Werkzeug does not read a query that has other bytes than UTF-8's in it as they are.
        return None


def login_exempt(view):
    """Leaves a view, or a blueprint with all of its views, open to everybody where a login is required by default
    (`require_login`). It goes above or below `@app.route`."""
    view._login_exempt = True
    return view


def login_required(func):
    """Lets only those have the view who are logged in. The others get what `LoginManager.unauthorized` answers."""
    return _guarded(func, _may_not_pass)


def fresh_login_required(func=None, *, within=None):
    """Lets only those have the view whose login is fresh, with `within` by a proof no longer ago than this timedelta. The
    others get what `LoginManager.unauthorized` or `LoginManager.needs_refresh` answers.

        @fresh_login_required
        @fresh_login_required(within=timedelta(minutes=10))
    """
    if func is None:
        return partial(fresh_login_required, within=within)
    return _guarded(func, _may_not_pass_or_is_stale, within)


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


def _guarded(func, denied, *args_of_denied):
    @wraps(func)
    def view(*args, **kwargs):
        answer = None if _is_open() else denied(*args_of_denied)
        if answer is not None:
            return answer()
        return current_app.ensure_sync(func)(*args, **kwargs)

    return view


def _is_open():
    return request.method in EXEMPT_METHODS or current_app.config.get("LOGIN_DISABLED")


def _may_not_pass():
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized
    return None


def _may_not_pass_or_is_stale(within):
    denied = _may_not_pass()
    if denied is None and not login_fresh(within):
        # For an answer that says how old the login may be.
        g._flask_housekey_within = within
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
        visit = _core.Visit(_door(), environ, kept_in, _cookie_of_session())
        # Copies of this context share it. Weakly, since a user may lead back to the request.
        environ[_VISIT] = ref(visit)
    g._flask_housekey_visit = visit
    return visit


def _cookie_of_session():
    """The cookie that all of the session came in. None where it is kept on the server."""
    interface = current_app.session_interface
    if not isinstance(interface, SecureCookieSessionInterface):
        return None
    return request.cookies.get(interface.get_cookie_name(current_app))


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


def _own(user):
    """The user behind a proxy: current_user itself would be its own user."""
    return user._get_current_object() if isinstance(user, LocalProxy) else user


def _purge(visit):
    """Deletes records of logins that have expired, so that the table does not grow where nobody runs `flask logins purge`. That
    it fails is no reason to refuse a login."""
    try:
        visit.purge()
    except Exception:
        logger.warning("expired logins were not deleted", exc_info=True)


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

"""What applications call. The names are Flask-Login's."""

from functools import partial

from flask import current_app, g, has_request_context, request, url_for
from werkzeug.local import LocalProxy

from . import _core
from .events import tell
from .guards import guarded, login_exempt, may_not_pass, may_not_pass_or_is_stale
from .login import Login
from .visits import visit_of

#: The user of this request: the one who is logged in, or an anonymous one. None outside of a request.
current_user = LocalProxy(lambda: _get_user())


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
    return _login().is_fresh(within)


def login_remembered():
    """Whether this browser is remembered as the current user's."""
    return _login().is_remembered()


def login_user(user, remember=False, duration=None, force=False, fresh=True):
    """Logs a user in. False if they are not active and `force` is not set.

    `duration` is how long they are remembered with `remember`, if not as long as REMEMBER_COOKIE_DURATION says.
    """
    return _login().login_user(user, remember, duration, force, fresh)


def logout_user():
    """Logs out the current user, empties the session and deletes the remember token. Always True."""
    return _login().logout_user()


def confirm_login():
    """Makes the login fresh, after the application has checked a password again."""
    _login().confirm_login()


def login_failed(user=None):
    """See `Login.login_failed`."""
    _login().login_failed(user)


def update_auth_hash(user=None):
    """See `Login.update_auth_hash`."""
    _login().update_auth_hash(user)


def logins():
    """See `Login.logins`."""
    return _login().logins()


def end_login(login_id):
    """See `Login.end_login`."""
    return _login().end_login(login_id)


def end_other_logins():
    """See `Login.end_other_logins`."""
    return _login().end_other_logins()


def next_url(default="/", claimed=None):
    """Where to go after logging in: `next` of the form, of the query or of the session, if it is an address of this site,
    or the default. HOUSEKEY_NEXT_ORIGINS lists other sites that may be gone to."""
    if claimed is None:
        claimed = request.form.get("next") or _next_in_query()
    visit = visit_of()
    url = visit.next_url(claimed, default)
    tell(visit)
    return url


def _next_in_query():
    try:
        return request.args.get("next")
    except UnicodeDecodeError:
        # Werkzeug does not read a query that has other bytes than UTF-8's in it as they are.
        return None


def login_required(func):
    """Lets only those have the view who are logged in. The others get what `LoginManager.unauthorized` answers."""
    return guarded(func, lambda: may_not_pass(current_app.login_manager, current_user))


def fresh_login_required(func=None, *, within=None):
    """Lets only those have the view whose login is fresh, with `within` by a proof no longer ago than this timedelta. The
    others get what `LoginManager.unauthorized` or `LoginManager.needs_refresh` answers.

        @fresh_login_required
        @fresh_login_required(within=timedelta(minutes=10))
    """
    if func is None:
        return partial(fresh_login_required, within=within)
    return guarded(
        func, lambda: may_not_pass_or_is_stale(current_app.login_manager, current_user, login_fresh, within)
    )


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


def _login():
    # Programs' tests put another `_get_user` in its place.
    return Login(current_app.login_manager, current_user._get_current_object)


def _create_identifier():
    """What a session of this client keeps to be recognized by."""
    return visit_of().identity()


def _user_context_processor():
    return {"current_user": _get_user()}


def _cookie_digest(payload, key=None):
    return encode_cookie(payload, key).rpartition("|")[2]


def _secret_key(key=None):
    if key is None:
        key = current_app.config["SECRET_KEY"]
    return key.encode("latin1") if isinstance(key, str) else key

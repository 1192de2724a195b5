"""Which views need a login."""

from functools import wraps

from flask import current_app, g, request

from .config import EXEMPT_METHODS


def login_exempt(view):
    """Leaves a view, or a blueprint with all of its views, open to everybody where a login is required by default
    (`require_login`). It goes above or below `@app.route`."""
    view._login_exempt = True
    return view


def guarded(func, denied):
    """The view for those alone who may pass. `denied` says what answers the others; None if they may."""

    @wraps(func)
    def view(*args, **kwargs):
        answer = None if is_open() else denied()
        if answer is not None:
            return answer()
        return current_app.ensure_sync(func)(*args, **kwargs)

    return view


def is_open():
    """Whether nobody needs a login for this request, whatever the view."""
    return request.method in EXEMPT_METHODS or current_app.config.get("LOGIN_DISABLED")


def may_not_pass(manager, user):
    """What answers somebody who is not logged in. None if they are."""
    return None if user.is_authenticated else manager.unauthorized


def may_not_pass_or_is_stale(manager, user, is_fresh, within):
    """The same, and for somebody whose login is not fresh."""
    denied = may_not_pass(manager, user)
    if denied is None and not is_fresh(within):
        # For an answer that says how old the login may be.
        g._flask_housekey_within = within
        return manager.needs_refresh
    return denied


def is_exempt(manager):
    """Whether this request is for a view that is open where a login is required by default: marked as such, a static file, or
    the manager's login page."""
    app = current_app
    view = app.view_functions.get(request.endpoint)
    blueprints = [app.blueprints.get(name) for name in request.blueprints]
    for marked in (view, getattr(view, "view_class", None), *blueprints):
        if getattr(marked, "_login_exempt", False):
            return True
    # Pictures and style sheets, which the login page needs too.
    owner, _, name = request.endpoint.rpartition(".")
    static = app.blueprints.get(owner) if owner else app
    if name == "static" and static is not None and static.has_static_folder:
        return True
    pages = (manager.login_view, *manager.blueprint_login_views.values())
    here = (request.endpoint, request.root_path + request.path)
    return any(page and page.partition("?")[0] in here for page in pages)

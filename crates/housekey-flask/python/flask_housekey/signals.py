"""The signals. Names, arguments and senders are Flask-Login's: the sender is the app.

They are sent when the rules are done, so a handler may ask for the current user.
"""

import warnings

from flask.signals import Namespace

_signals = Namespace()

#: A user was logged in. Also given: `user`.
user_logged_in = _signals.signal("logged-in")

#: A user was logged out. Also given: `user`, who may be the anonymous user.
user_logged_out = _signals.signal("logged-out")

#: A remember token brought a user back. Also given: `user`.
user_loaded_from_cookie = _signals.signal("loaded-from-cookie")

#: Deprecated. The `header_loader` found a user. Also given: `user`.
_user_loaded_from_header = _signals.signal("loaded-from-header")

#: The `request_loader` found a user. Also given: `user`.
user_loaded_from_request = _signals.signal("loaded-from-request")

#: A login was made fresh again.
user_login_confirmed = _signals.signal("login-confirmed")

#: Somebody has to log in first.
user_unauthorized = _signals.signal("unauthorized")

#: Somebody has to prove themselves again first.
user_needs_refresh = _signals.signal("needs-refresh")

#: Somebody asked who is there. Once a request.
user_accessed = _signals.signal("accessed")

#: The session came from another browser than it was made for.
session_protected = _signals.signal("session-protected")


def _deprecated(name):
    if name != "user_loaded_from_header":
        raise AttributeError(name)
    warnings.warn(
        "user_loaded_from_header is deprecated: use request_loader and user_loaded_from_request",
        DeprecationWarning,
        stacklevel=3,
    )
    return _user_loaded_from_header


def __getattr__(name):
    return _deprecated(name)

"""The defaults. The names are Flask-Login's."""

from datetime import timedelta

#: The name of the remember token's cookie.
COOKIE_NAME = "remember_token"

#: How long the remember token lives.
COOKIE_DURATION = timedelta(days=365)

#: Whether its cookie goes over HTTPS only.
COOKIE_SECURE = False

#: Whether scripts are kept from its cookie.
COOKIE_HTTPONLY = True

#: When its cookie goes with requests that other sites cause.
COOKIE_SAMESITE = None

#: What is flashed when somebody has to log in.
LOGIN_MESSAGE = "Please log in to access this page."
LOGIN_MESSAGE_CATEGORY = "message"

#: What is flashed when somebody has to prove themselves again.
REFRESH_MESSAGE = "Please reauthenticate to access this page."
REFRESH_MESSAGE_CATEGORY = "message"

#: The method of a user that says what they are found by again.
ID_ATTRIBUTE = "get_id"

#: The header that `header_loader` is given. Deprecated.
AUTH_HEADER_NAME = "Authorization"

#: The session keys that Flask-Login knows.
SESSION_KEYS = {
    "_user_id",
    "_remember",
    "_remember_seconds",
    "_id",
    "_fresh",
    "next",
}

#: The methods that a guarded view answers without a login.
EXEMPT_METHODS = {"OPTIONS"}

#: Whether the way back is kept in the session and not in the login page's URL.
USE_SESSION_FOR_NEXT = False


def config_key(key, name):
    """The configuration key of a login manager: that of one called "staff" is HOUSEKEY_STAFF_…"""
    return key if name is None else f"HOUSEKEY_{name.upper()}_{key.removeprefix('HOUSEKEY_')}"

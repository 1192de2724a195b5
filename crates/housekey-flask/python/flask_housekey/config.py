"""The defaults. The names are Flask-Login's."""

from __future__ import annotations

from datetime import timedelta

#: The name of the remember token's cookie.
COOKIE_NAME: str = "remember_token"

#: How long the remember token lives.
COOKIE_DURATION: timedelta = timedelta(days=365)

#: Whether its cookie is sent over HTTPS only.
COOKIE_SECURE: bool = False

#: Whether scripts cannot read its cookie.
COOKIE_HTTPONLY: bool = True

#: When its cookie is sent with requests that other sites cause.
COOKIE_SAMESITE: str | None = None

#: The message to flash when a visitor has to log in.
LOGIN_MESSAGE: str = "Please log in to access this page."
LOGIN_MESSAGE_CATEGORY: str = "message"

#: The message to flash when a user has to confirm the login.
REFRESH_MESSAGE: str = "Please reauthenticate to access this page."
REFRESH_MESSAGE_CATEGORY: str = "message"

#: The method of a user that returns the id by which the user is found again.
ID_ATTRIBUTE: str = "get_id"

#: The header that `header_loader` gets. Deprecated.
AUTH_HEADER_NAME: str = "Authorization"

#: The session keys that Flask-Login knows.
SESSION_KEYS: set[str] = {
    "_user_id",
    "_remember",
    "_remember_seconds",
    "_id",
    "_fresh",
    "next",
}

#: The methods for which a guarded view needs no login.
EXEMPT_METHODS: set[str] = {"OPTIONS"}

#: Whether the return address is kept in the session instead of the login page's URL.
USE_SESSION_FOR_NEXT: bool = False


def config_key(key: str, name: str | None) -> str:
    """The configuration key of a login manager: for one named "staff" it is HOUSEKEY_STAFF_…"""
    return key if name is None else f"HOUSEKEY_{name.upper()}_{key.removeprefix('HOUSEKEY_')}"

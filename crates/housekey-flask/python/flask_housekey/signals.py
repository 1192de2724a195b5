"""The signals. Names, arguments and senders are Flask-Login's: the sender is the app.

They are sent when the rules are done, so a handler may ask for the current user.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from blinker import NamedSignal, Namespace

_signals = Namespace()

#: A user was logged in. Also given: `user`.
user_logged_in: NamedSignal = _signals.signal("logged-in")

#: A user was logged out. Also given: `user`, who may be the anonymous user.
user_logged_out: NamedSignal = _signals.signal("logged-out")

#: A remember token brought a user back. Also given: `user`.
user_loaded_from_cookie: NamedSignal = _signals.signal("loaded-from-cookie")

#: Deprecated. The `header_loader` found a user. Also given: `user`.
_user_loaded_from_header: NamedSignal = _signals.signal("loaded-from-header")

#: The `request_loader` found a user. Also given: `user`.
user_loaded_from_request: NamedSignal = _signals.signal("loaded-from-request")

#: A login was made fresh again.
user_login_confirmed: NamedSignal = _signals.signal("login-confirmed")

#: A visitor has to log in first.
user_unauthorized: NamedSignal = _signals.signal("unauthorized")

#: A user has to confirm the login first.
user_needs_refresh: NamedSignal = _signals.signal("needs-refresh")

#: The current user was asked for. Once a request.
user_accessed: NamedSignal = _signals.signal("accessed")

#: The session came from another browser than it was made for.
session_protected: NamedSignal = _signals.signal("session-protected")

# The signals below are housekey's. They have `user_id`, text or None, and `reason`, a word or None.

#: The program said that an attempt to log in failed (`login_failed`).
user_login_failed: NamedSignal = _signals.signal("login-failed")

#: A user has taken the first of two steps (`begin_login`, `begin_confirmation`).
user_login_begun: NamedSignal = _signals.signal("login-begun")

#: A login that had begun came and cannot be finished: expired, from_the_future, used, another_browser, another_login,
#: auth_hash_changed, user_gone, user_inactive. With `used` or `another_browser` there may be a copy.
pending_login_refused: NamedSignal = _signals.signal("pending-login-refused")

#: A login was ended because it is no longer valid, or by somebody other than its owner: `reason` is one of user_gone,
#: user_inactive, auth_hash_changed, record_gone, no_record, cookie_replaced, idle, too_old, lifetime_over, too_many_logins,
#: ended_by_user, ended_by_application.
user_login_ended: NamedSignal = _signals.signal("login-ended")

#: A remember token came that had been used before: there is a copy. The login has been ended.
remember_token_stolen: NamedSignal = _signals.signal("remember-token-stolen")

#: A session cookie or a remember token came and was invalid: bad_signature, expired, from_the_future, bad_payload,
#: ambiguous, login_ended.
session_rejected: NamedSignal = _signals.signal("session-rejected")
remember_token_rejected: NamedSignal = _signals.signal("remember-token-rejected")

#: A return address was not safe and was dropped.
next_rejected: NamedSignal = _signals.signal("next-rejected")

#: By the rules' names for them.
_OF_EVENTS: dict[str, NamedSignal] = {
    "login_failed": user_login_failed,
    "login_begun": user_login_begun,
    "pending_login_refused": pending_login_refused,
    "login_ended": user_login_ended,
    "remember_token_stolen": remember_token_stolen,
    "session_rejected": session_rejected,
    "remember_token_rejected": remember_token_rejected,
    "next_rejected": next_rejected,
}


def _deprecated(name: str) -> NamedSignal:
    if name != "user_loaded_from_header":
        raise AttributeError(name)
    warnings.warn(
        "user_loaded_from_header is deprecated: use request_loader and user_loaded_from_request",
        DeprecationWarning,
        stacklevel=3,
    )
    return _user_loaded_from_header


if TYPE_CHECKING:
    user_loaded_from_header: NamedSignal
else:
    # A type checker would accept every misspelled name as one of this module's.
    def __getattr__(name: str) -> object:
        return _deprecated(name)

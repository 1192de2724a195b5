"""Flask-Login's API on housekey's rules.

    from flask_housekey import LoginManager, current_user, login_required, login_user, logout_user

Everything that Flask-Login 0.6.3 exports is here under the same name, plus housekey's own: login records that users can see
and end (`logins`, `end_login`, `end_other_logins`), `next_url`, `update_auth_hash`, `login_exempt`, and more signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .__about__ import __version__
from .config import (
    AUTH_HEADER_NAME,
    COOKIE_DURATION,
    COOKIE_HTTPONLY,
    COOKIE_NAME,
    COOKIE_SECURE,
    ID_ATTRIBUTE,
    LOGIN_MESSAGE,
    LOGIN_MESSAGE_CATEGORY,
    REFRESH_MESSAGE,
    REFRESH_MESSAGE_CATEGORY,
)
from ._core import LoginInfo
from .login import Attempt, Login
from .login_manager import LoginManager
from .mixins import AnonymousUserMixin, UserMixin
from .pending import PendingLogin
from .signals import (
    next_rejected,
    pending_login_refused,
    remember_token_rejected,
    remember_token_stolen,
    session_protected,
    session_rejected,
    user_accessed,
    user_loaded_from_cookie,
    user_loaded_from_request,
    user_logged_in,
    user_logged_out,
    user_login_begun,
    user_login_confirmed,
    user_login_ended,
    user_login_failed,
    user_needs_refresh,
    user_unauthorized,
)
from .signals import _deprecated
from .test_client import FlaskLoginClient
from .csrf import CsrfGuard
from .guards import login_exempt
from .utils import (
    begin_confirmation,
    begin_login,
    cancel_login,
    confirm_login,
    current_user,
    decode_cookie,
    encode_cookie,
    end_login,
    end_other_logins,
    finish_login,
    forgive_attempts,
    fresh_login_required,
    login_attempt,
    login_failed,
    login_fresh,
    login_remembered,
    login_required,
    login_url,
    login_user,
    logins,
    logout_user,
    make_next_param,
    next_url,
    pending_login,
    pending_login_required,
    set_login_view,
    update_auth_hash,
)

__all__ = [
    "__version__",
    "AnonymousUserMixin",
    "Attempt",
    "AUTH_HEADER_NAME",
    "begin_confirmation",
    "begin_login",
    "cancel_login",
    "confirm_login",
    "CsrfGuard",
    "COOKIE_DURATION",
    "COOKIE_HTTPONLY",
    "COOKIE_NAME",
    "COOKIE_SECURE",
    "current_user",
    "decode_cookie",
    "encode_cookie",
    "end_login",
    "end_other_logins",
    "finish_login",
    "FlaskLoginClient",
    "forgive_attempts",
    "fresh_login_required",
    "ID_ATTRIBUTE",
    "login_attempt",
    "login_exempt",
    "login_failed",
    "login_fresh",
    "LOGIN_MESSAGE",
    "LOGIN_MESSAGE_CATEGORY",
    "login_remembered",
    "login_required",
    "login_url",
    "login_user",
    "Login",
    "LoginInfo",
    "LoginManager",
    "logins",
    "logout_user",
    "make_next_param",
    "next_rejected",
    "next_url",
    "pending_login",
    "pending_login_refused",
    "pending_login_required",
    "PendingLogin",
    "REFRESH_MESSAGE",
    "REFRESH_MESSAGE_CATEGORY",
    "remember_token_rejected",
    "remember_token_stolen",
    "session_protected",
    "session_rejected",
    "set_login_view",
    "update_auth_hash",
    "user_accessed",
    "user_loaded_from_cookie",
    "user_loaded_from_request",
    "user_logged_in",
    "user_logged_out",
    "user_login_begun",
    "user_login_confirmed",
    "user_login_ended",
    "user_login_failed",
    "user_needs_refresh",
    "user_unauthorized",
    "UserMixin",
]

if TYPE_CHECKING:
    from .signals import user_loaded_from_header as user_loaded_from_header
else:
    # A type checker would accept every misspelled name as one of this package's.
    def __getattr__(name: str) -> object:
        return _deprecated(name)

"""Reports what happened, as signals and in Python's logging."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flask import current_app

from .signals import _OF_EVENTS, session_protected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blinker import NamedSignal
    from flask import Flask

    from . import _core

#: Logged at ERROR: a failing login store. At INFO: every change of a login. At WARNING: what looks like an attack. At
#: DEBUG: what was refused or invalid.
logger: logging.Logger = logging.getLogger("flask_housekey")

_LEVELS = {
    "logged_in": logging.INFO,
    "login_failed": logging.INFO,
    "attempt_refused": logging.INFO,
    "logged_out": logging.INFO,
    "loaded_from_cookie": logging.INFO,
    "login_confirmed": logging.INFO,
    "login_begun": logging.INFO,
    "pending_login_refused": logging.INFO,
    "login_ended": logging.INFO,
    "remember_token_stolen": logging.WARNING,
    "session_protected": logging.WARNING,
}


def of_manager(manager: Any) -> dict[str, Any]:
    """The extra argument of signals that are not about the app's own login manager. Programs' tests replace a manager with
    doubles that have no name."""
    return {} if getattr(manager, "name", None) is None else {"manager": manager}


def send_for(manager: Any, signal: NamedSignal, **arguments: Any) -> None:
    """Sends one of Flask-Login's signals for a login manager."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    signal.send(app, **arguments, **of_manager(manager))


def tell(visit: _core.Visit, more: Mapping[str, Any] = {}) -> None:
    """Reports what has happened in this visit since the last call. Signals also get `more`."""
    events = visit.take_events()
    if not events:
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    address = visit.client_address()
    for event, user_id, reason in events:
        log(event, user_id, reason, address)
        if event == "session_protected":
            # Flask-Login's signal, which has no arguments.
            session_protected.send(app, **more)
        else:
            send(app, event, user_id, reason, more)


def send(app: Flask, event: str, user_id: str | None, reason: str | None, more: Mapping[str, Any] = {}) -> None:
    """Sends the signal of an event, if it has one that Flask-Login does not send."""
    signal = _OF_EVENTS.get(event)
    if signal is not None:
        signal.send(app, user_id=user_id, reason=reason, **more)


def log(event: str, user_id: str | None, reason: str | None, address: str | None = None) -> None:
    """Logs an event. The fields are attributes of the log record too: `event`, `user_id`, `reason`, `address`."""
    # Several values of one cookie: an attacker has planted one.
    level = logging.WARNING if reason == "ambiguous" else _LEVELS.get(event, logging.DEBUG)
    if not logger.isEnabledFor(level):
        return
    fields = {"event": event, "user_id": user_id, "reason": reason, "address": address}
    text = " ".join(f"{name}={value!r}" for name, value in fields.items() if value is not None)
    logger.log(level, "%s", text, extra=fields)


def log_failure(error: BaseException) -> None:
    """Logs why a login store failed. Without a traceback: a driver's traceback may contain the values that it was given."""
    logger.error("the login store failed: %s: %s", type(error).__name__, error)

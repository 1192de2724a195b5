"""What the rules say has happened: as signals, and in Python's logging."""

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

#: A login store that fails at ERROR, every change of a login at INFO, what looks like an attack at WARNING, what was refused or counted for nothing at DEBUG.
logger: logging.Logger = logging.getLogger("flask_housekey")

_LEVELS = {
    "logged_in": logging.INFO,
    "login_failed": logging.INFO,
    "attempt_refused": logging.INFO,
    "logged_out": logging.INFO,
    "loaded_from_cookie": logging.INFO,
    "login_confirmed": logging.INFO,
    "login_ended": logging.INFO,
    "remember_token_stolen": logging.WARNING,
    "session_protected": logging.WARNING,
}


def of_manager(manager: Any) -> dict[str, Any]:
    """What signals give besides, where they are not about the app's own login manager. Programs have doubles of one in their
    tests, which know no name."""
    return {} if getattr(manager, "name", None) is None else {"manager": manager}


def send_for(manager: Any, signal: NamedSignal, **arguments: Any) -> None:
    """Sends a signal of Flask-Login's for a login manager."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    signal.send(app, **arguments, **of_manager(manager))


def tell(visit: _core.Visit, more: Mapping[str, Any] = {}) -> None:
    """Tells what has happened in this visit since this was called last. Signals give `more` besides."""
    events = visit.take_events()
    if not events:
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    address = visit.client_address()
    for event, user_id, reason in events:
        log(event, user_id, reason, address)
        if event == "session_protected":
            # Flask-Login's, which gives nothing.
            session_protected.send(app, **more)
        else:
            send(app, event, user_id, reason, more)


def send(app: Flask, event: str, user_id: str | None, reason: str | None, more: Mapping[str, Any] = {}) -> None:
    """Sends the signal of an event, if it has one that Flask-Login does not send."""
    signal = _OF_EVENTS.get(event)
    if signal is not None:
        signal.send(app, user_id=user_id, reason=reason, **more)


def log(event: str, user_id: str | None, reason: str | None, address: str | None = None) -> None:
    """Writes an event to the log. The fields are attributes of the record too: `event`, `user_id`, `reason`, `address`."""
    # Several values of one cookie: somebody has planted one.
    level = logging.WARNING if reason == "ambiguous" else _LEVELS.get(event, logging.DEBUG)
    if not logger.isEnabledFor(level):
        return
    fields = {"event": event, "user_id": user_id, "reason": reason, "address": address}
    text = " ".join(f"{name}={value!r}" for name, value in fields.items() if value is not None)
    logger.log(level, "%s", text, extra=fields)


def log_failure(error: BaseException) -> None:
    """Writes to the log why a login store could not do what it was asked. Without a traceback: that of a driver may have what it
    was asked in it."""
    logger.error("the login store failed: %s: %s", type(error).__name__, error)

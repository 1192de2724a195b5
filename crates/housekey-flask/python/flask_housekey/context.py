"""Finds the context of a request without Flask's proxies, which look it up for every attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import globals as _globals
from flask import has_request_context
from flask.globals import app_ctx, request_ctx

if TYPE_CHECKING:
    from flask.ctx import RequestContext

# Flask 3.2 has one context for both.
_request = getattr(_globals, "_cv_request", None)
_app = _globals._cv_app


def request_context() -> RequestContext:
    """The context of this request, with its `app`, `request` and `session`. Outside a request, Flask raises its own
    error."""
    context = None if _request is None else _request.get(None)
    if context is None:
        context = request_ctx._get_current_object()  # type: ignore[attr-defined]
    found: RequestContext = context
    return found


def has_request() -> bool:
    """Whether there is a request."""
    return has_request_context() if _request is None else _request.get(None) is not None


def request_globals() -> Any:
    """What `flask.g` stands for."""
    context = _app.get(None)
    if context is None:
        context = app_ctx._get_current_object()  # type: ignore[attr-defined]
    return context.g

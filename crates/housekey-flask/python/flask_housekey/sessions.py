"""Flask's session, kept in Rust: it is verified and decoded only when it is looked at."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from flask.sessions import SecureCookieSessionInterface, SessionMixin

from . import _core
from .context import request_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask, Request, Response
    from typing_extensions import Self


class Session(_core.Visit, SessionMixin):
    """One request's session, in Flask's cookie. A mapping like Flask's own, but not a `dict`."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.copy()!r}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Session):
            other = other.copy()
        return self.copy() == other

    __hash__ = None  # type: ignore[assignment]

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.copy())

    def __copy__(self) -> dict[str, Any]:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(self.copy(), memo)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return self.copy() | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(other) | self.copy()

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self.update(other)
        return self


class RustSessions(SecureCookieSessionInterface):
    """Sessions in Flask's own cookie, read and written by housekey.

    `LoginManager.init_app` puts it in the place of Flask's, if that is as Flask has it.
    """

    # Flask's types expect a dict.
    session_class = Session  # type: ignore[assignment]

    def __init__(self, door: _core.Door) -> None:
        self.door = door

    def open_session(self, app: Flask, request: Request) -> Session | None:  # type: ignore[override]
        if not app.secret_key:
            return None
        return Session(self.door, request.environ)

    def is_null_session(self, obj: object) -> bool:
        # Not with isinstance, which goes through collections.abc.
        return type(obj) is not Session and super().is_null_session(obj)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        # Not with isinstance, which goes through collections.abc.
        if type(session) is Session:
            session.save(response)
        else:
            super().save_session(app, session, response)


def salt_to_take_over(app: Flask) -> str | None:
    """The salt of the app's sessions if they are Flask's own, otherwise None."""
    interface = app.session_interface
    if isinstance(interface, RustSessions):
        return interface.salt
    ours = SecureCookieSessionInterface
    if type(interface) is not ours or vars(interface):
        return None
    as_flask_has_it = (
        ours.key_derivation == "hmac"
        and ours.digest_method().name == "sha1"
        and ours.serializer is _serializer
        and ours.session_class is _session_class
    )
    return ours.salt if as_flask_has_it else None


_serializer = SecureCookieSessionInterface.serializer
_session_class = SecureCookieSessionInterface.session_class


def current_session() -> SessionMixin:
    """The session of this request. Does not count as looking at it."""
    context: Any = request_context()
    found: SessionMixin
    try:
        found = context._session
    except AttributeError:
        found = context.session
    return found

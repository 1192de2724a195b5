"""Errors that are not the program's own fault. Flask answers each by itself, if nothing catches it.

An exception of a `user_loader` or a `request_loader` comes out as it went in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.exceptions import Forbidden, NotFound, ServiceUnavailable, TooManyRequests, Unauthorized

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class StoreUnavailable(ServiceUnavailable):
    """The login store does not answer, so the current user is unknown: 503, with `Retry-After`. Nobody is logged out. The
    store's own exception is the `__cause__`."""

    def __init__(self, description: str | None = None) -> None:
        super().__init__(description, retry_after=5)


class NotLoggedIn(Unauthorized):
    """There is no login to renew, to list or to end: 401."""


class NoPendingLogin(Unauthorized):
    """No login has begun here that can be finished: it took too long, was finished already, began in another browser, or the user
    changed meanwhile: 401. Send the user to the login page."""


class NotFresh(Forbidden):
    """Listing and ending logins requires a login that was proved just now: 403. Put `fresh_login_required` on the view."""


class TooManyLogins(Forbidden):
    """The user has as many logins as allowed, and all are in use: 403. Only with HOUSEKEY_WHEN_FULL = "refuse"."""


class InvalidLoginId(NotFound):
    """This is not the id of a login: 404."""


class ForeignOrigin(Forbidden):
    """A page of another origin opens a WebSocket as the visitor: 403. HOUSEKEY_WEBSOCKET_ORIGINS lists the origins that
    may."""


class TooManyAttempts(TooManyRequests):
    """Too many attempts have failed, and this one was not verified: 429, with `Retry-After`. `seconds` is how long to wait for the next
    one. Flask answers with a page, or with problem+json where HOUSEKEY_ANSWER_AS says so; catch it to say it in the program's own way.
    """

    def __init__(
        self,
        description: str | None = None,
        seconds: int = 1,
        body: str | None = None,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        super().__init__(description, retry_after=seconds)
        self.seconds = seconds
        self._body = body
        self._headers = headers

    def get_body(self, environ: WSGIEnvironment | None = None, scope: dict[str, object] | None = None) -> str:
        return super().get_body(environ, scope) if self._body is None else self._body

    def get_headers(
        self, environ: WSGIEnvironment | None = None, scope: dict[str, object] | None = None
    ) -> list[tuple[str, str]]:
        return super().get_headers(environ, scope) if self._headers is None else self._headers

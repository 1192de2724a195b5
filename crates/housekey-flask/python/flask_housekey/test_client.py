"""A test client that is logged in from the start. The name is Flask-Login's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import session
from flask.testing import FlaskClient

from .utils import begin_login

if TYPE_CHECKING:
    from .typing import UserLike


class FlaskLoginClient(FlaskClient):
    """`app.test_client(user=…)` with this as the app's `test_client_class`: a browser of this user.

    With `fresh_login=False` the login is not fresh. Session protection takes the browser for another one than the session
    was made for: turn SESSION_PROTECTION off in tests of protected views.

    `app.test_client(pending_user=…)` is a browser in which this user has taken the first step of a login in two, and no more: for a
    test of the second step's pages. It is the client's own browser, so session protection may stay on. ValueError if the user is not
    active. A client has one user or the other, or none.
    """

    def __init__(
        self,
        *args: Any,
        user: UserLike | None = None,
        fresh_login: bool = True,
        pending_user: UserLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if user is not None:
            if pending_user is not None:
                raise TypeError("a client has a user or a pending_user, and not both")
            with self.session_transaction() as kept:
                kept["_user_id"] = user.get_id()
                kept["_fresh"] = fresh_login
        if pending_user is not None:
            # As a request of this client would: what has begun is bound to its user agent and address.
            request = self.application.test_request_context(environ_base=self.environ_base)
            with self.session_transaction() as kept, request:
                if not begin_login(pending_user):
                    raise ValueError(f"pending_user is not active, and cannot begin a login: {pending_user!r}")
                kept.update(session.items())

"""A test client that is logged in from the start. The name is Flask-Login's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask.testing import FlaskClient

if TYPE_CHECKING:
    from .typing import UserLike


class FlaskLoginClient(FlaskClient):
    """`app.test_client(user=…)` with this as the app's `test_client_class`: a browser of this user.

    With `fresh_login=False` the login is not fresh. Session protection takes the browser for another one than the session
    was made for: turn SESSION_PROTECTION off in tests of protected views.
    """

    def __init__(self, *args: Any, user: UserLike | None = None, fresh_login: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if user is not None:
            with self.session_transaction() as session:
                session["_user_id"] = user.get_id()
                session["_fresh"] = fresh_login

"""What a request can do with its login."""

from __future__ import annotations

from functools import partial
from random import random
from typing import TYPE_CHECKING, Any, Generic

from flask import current_app, g, has_request_context, request
from werkzeug.local import LocalProxy

from . import _core
from .context import request_context
from .events import logger, of_manager, send_for, tell
from .pending import PendingLogin, moment, seconds, terms
from .signals import user_logged_in, user_logged_out, user_login_confirmed
from .typing import UserT
from .visits import visit_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from .login_manager import LoginManager
    from .mixins import AnonymousUserMixin

#: One in this many logins deletes records of expired logins.
_PURGES = 1 / 1000
#: One in this many counted attempts does so too, and deletes forgotten attempts. It deletes up to 1000 of each, which is
#: more than that many attempts leave, so the table does not grow under a flood of names.
_PURGES_OF_ATTEMPTS = 1 / 100


class Login(Generic[UserT]):
    """The login of this request, as one login manager sees it. Get it from `LoginManager.login`; the functions of this
    package use the app's own manager."""

    def __init__(
        self,
        manager: LoginManager[UserT],
        find_user: Callable[[], UserT | AnonymousUserMixin | None] | None = None,
    ) -> None:
        self._manager = manager
        self._find_user = find_user
        # Programs' tests replace the login manager with doubles that have no name.
        self._name = getattr(manager, "name", None)

    @property
    def user(self) -> UserT | AnonymousUserMixin | None:
        """The user of this request: the one who is logged in, or an anonymous one. None outside a request."""
        if self._find_user is not None:
            return self._find_user()
        if not has_request_context():
            return None
        name = user_attribute(self._name)
        if not hasattr(g, name):
            self._manager._load_user()
        user: UserT | AnonymousUserMixin = getattr(g, name)
        return user

    def login_user(
        self,
        user: UserT,
        remember: bool = False,
        duration: timedelta | None = None,
        force: bool = False,
        fresh: bool = True,
        *,
        lifetime: timedelta | None = None,
        until: datetime | None = None,
        authenticated_at: datetime | None = None,
    ) -> bool:
        """Logs a user in. False if they are not active and `force` is not set.

        `duration` is how long `remember` remembers them, if not for REMEMBER_COOKIE_DURATION.

        The login ends after `lifetime` (one second to 400 days), or at `until` if that is earlier, whatever is done with it, and its
        remember token ends no later. A remember token in Flask-Login's format never ends, so such a login cannot be remembered by it:
        a ValueError. `authenticated_at` is when the user proved themselves, if that is not just now, as an identity provider tells: the
        login is as fresh as that. Datetimes have a time zone.
        """
        user = _own(user)
        if not force and not user.is_active:
            return False
        manager = self._manager
        user_id = getattr(user, manager.id_attribute)()
        how = terms(remember, duration, lifetime, until)
        proved_at = moment("authenticated_at", authenticated_at)
        deferred = getattr(g, deferred_attribute(self._name), None)
        if deferred is not None:
            # A loader logs in the user that it has found. It has to return that user first.
            log_in = partial(self.login_user, user, remember, duration, force, fresh)
            deferred.append(partial(log_in, lifetime=lifetime, until=until, authenticated_at=authenticated_at))
            return True
        visit = self._visit()
        visit.log_in(user, user_id, how, proved_at, bool(fresh), bool(force))
        self._is_logged_in(visit, user)
        return True

    def begin(
        self,
        user: UserT,
        remember: bool = False,
        duration: timedelta | None = None,
        *,
        lifetime: timedelta | None = None,
        until: datetime | None = None,
        next: str | None = None,
        expires_in: timedelta | None = None,
    ) -> bool:
        """Begins a login in two steps: this user has taken the first one (their password was right) and is not logged in before
        `finish`. False if they are not active.

        `current_user` is anonymous until then, and a login that was there ends. What has begun is in the session, and counts in this
        browser, until the user's `session_auth_hash` changes, and for `expires_in`: ten minutes unless given, an hour at most.
        `remember`, `duration`, `lifetime` and `until` are those of the login in the end: see `login_user`. `next` is where to go then:
        `next_url` returns it, if it is safe.
        """
        user = _own(user)
        if not user.is_active:
            return False
        how = terms(remember, duration, lifetime, until)
        visit = self._visit()
        _core.begin_login(visit, user, self._raw_id_of(user), how, next, seconds("expires_in", expires_in))
        renew_session_id(visit)
        self._manager._update_request_context_with_user()
        self._tell(visit)
        return True

    def begin_confirmation(
        self, user: UserT | None = None, *, next: str | None = None, expires_in: timedelta | None = None
    ) -> None:
        """Begins a proof of the current user's identity in two steps: as `begin`, and their login goes on meanwhile. `finish` makes it
        fresh. `flask_housekey.errors.NotLoggedIn` if `user` is not logged in here."""
        current = self.user
        proved = current if user is None else _own(user)
        visit = self._visit()
        _core.begin_confirmation(visit, proved, self._raw_id_of(proved), next, seconds("expires_in", expires_in))
        self._tell(visit)

    def pending(self) -> PendingLogin[UserT] | None:
        """The login that has begun, if it counts: for the pages of the second step."""
        visit = self._visit()
        try:
            found = _core.pending_login(visit)
        finally:
            self._tell(visit)
        return None if found is None else PendingLogin(*found)

    def finish(self) -> UserT:
        """Logs in the user who has begun to, freshly, or makes their login fresh if that is what has begun. Call it after checking the
        second step. Loads the user again and returns them.

        With a login store, one of all copies of what has begun is finished, once. `flask_housekey.errors.NoPendingLogin`, a 401, when
        nothing has begun that counts.
        """
        visit = self._visit()
        try:
            user, is_confirmation = _core.finish_login(visit, self._manager.id_attribute)
        except BaseException:
            self._tell(visit)
            raise
        if is_confirmation:
            self._tell(visit)
            send_for(self._manager, user_login_confirmed)
        else:
            self._is_logged_in(visit, user)
        found: UserT = user
        return found

    def cancel(self) -> None:
        """Forgets a login that has begun, if one has. With a login store, every copy of it is worthless from now on. `logout_user` does
        this too."""
        visit = self._visit()
        _core.cancel_login(visit)
        self._tell(visit)

    def logout_user(self) -> bool:
        """Logs out the current user, empties the session and deletes the remember token. Always True."""
        try:
            user = self.user
        finally:
            # Logging out works while a database does not.
            visit = self._visit()
            visit.log_out()
        self._tell(visit)
        send_for(self._manager, user_logged_out, user=user)
        self._manager._update_request_context_with_user()
        return True

    def confirm_login(self) -> None:
        """Makes the login fresh. Call it after checking the password again."""
        self.user
        visit = self._visit()
        visit.confirm()
        self._tell(visit)
        send_for(self._manager, user_login_confirmed)

    def login_failed(self, user: UserT | None = None) -> None:
        """Reports a failed attempt to log in: for the log, and for a handler of `user_login_failed` that counts attempts.
        Only the program knows about it. `user` is whose account it was, None if the name is unknown."""
        user_id = "" if user is None else self._id_of(user)
        visit = self._visit()
        visit.log_in_failed(user, user_id)
        self._tell(visit)

    def attempt(self, form: str, name: str) -> Attempt:
        """Counts an attempt to log in: call it before you verify a password or a code. It counts as failed at once, so that many
        simultaneous ones cannot all pass. If the password or code is right, `succeeded` forgives it.

            tried = login_manager.login.attempt("password", name)
            if not check_password_hash(...):
                return wrong()
            tried.succeeded()

        `form` is the program's name for what is proved, and each form is counted by itself: "password" on every page that asks for it,
        "code" at a second step. `name` is what was typed, whether or not an account has that name.

        Needs HOUSEKEY_LIMIT_ATTEMPTS. Too many are `flask_housekey.errors.TooManyAttempts`, a 429.
        """
        visit = self._visit()
        try:
            attempt = _core.begin_attempt(visit, request.environ, form, name)
        finally:
            self._tell(visit)
        if random() < _PURGES_OF_ATTEMPTS:
            _purge(visit)
        return Attempt(self, visit, attempt)

    def forgive_attempts(self, form: str, name: str) -> None:
        """Forgets the failed attempts of strangers at an account, and counts this browser apart from them from now on: for somebody who
        has proved in another way that the account is theirs, for instance by a link in a mail."""
        visit = self._visit()
        _core.forgive_attempts(visit, form, name)
        self._tell(visit)

    def update_auth_hash(self, user: UserT | None = None) -> None:
        """Keeps this browser logged in after its user's `session_auth_hash` has changed, for instance with a new password.
        All their other logins end. Pass the user as they are after the change, if that is not the object in `current_user`.

        Use `current_user` before the change, as `login_required` does: looking at the login afterwards ends it.
        """
        changed = self.user if user is None else _own(user)
        visit = self._visit()
        visit.update_auth_hash(changed, self._id_of(changed))
        self._manager._update_request_context_with_user(changed)
        self._tell(visit)

    def is_fresh(self, within: timedelta | None = None) -> bool:
        """Whether the login is fresh: proved by a password in this session. With `within`, no longer ago than this
        timedelta."""
        # Session protection comes first.
        self.user
        visit = self._visit()
        return visit.is_fresh() if within is None else visit.is_fresh_within(within.total_seconds())

    def is_remembered(self) -> bool:
        """Whether this browser is remembered as the current user's."""
        self.user
        visit = self._visit()
        visit.load_user()
        return visit.is_remembered()

    def logins(self) -> list[_core.LoginInfo]:
        """The current user's logins, most recently used first: for a page that shows users where they are logged in. Needs
        a login store, and a fresh login."""
        self.user
        return self._visit().logins()

    def end_login(self, login_id: str) -> bool:
        """Ends one of the current user's logins, at once. False when none of them has this id, because it is over or
        belongs to another user."""
        self.user
        visit = self._visit()
        ended = visit.end_login(login_id)
        self._tell(visit)
        return ended

    def end_other_logins(self) -> int:
        """Ends all of the current user's other logins, at once, and returns how many there were."""
        self.user
        visit = self._visit()
        ended = visit.end_other_logins()
        self._tell(visit)
        return ended

    def _is_logged_in(self, visit: _core.Visit, user: Any) -> None:
        renew_session_id(visit)
        self._manager._update_request_context_with_user(user)
        self._tell(visit)
        if random() < _PURGES:
            _purge(visit)
        send_for(self._manager, user_logged_in, user=self.user)

    def _visit(self) -> _core.Visit:
        return visit_of(self._name)

    def _id_of(self, user: Any) -> str:
        return str(self._raw_id_of(user))

    def _raw_id_of(self, user: Any) -> Any:
        return getattr(user, self._manager.id_attribute)()

    def _tell(self, visit: _core.Visit) -> None:
        tell(visit, of_manager(self._manager))


class Attempt:
    """An attempt that may go on. It counts as failed until it has succeeded."""

    def __init__(self, login: Login[Any], visit: _core.Visit, attempt: _core.Attempt) -> None:
        self._login = login
        self._visit = visit
        self._attempt = attempt

    def succeeded(self) -> None:
        """The password or code was right: forgives the attempt and the earlier failures of the account or of this browser, and at the
        address only this attempt. From now on this browser is counted apart from strangers at this account: the response sets a
        cookie, which a logout leaves."""
        self._attempt.succeeded()
        self._login._tell(self._visit)


def deferred_attribute(name: str | None) -> str:
    """The attribute of `g` for the logins that a loader asks for while it is called."""
    return "_flask_housekey_deferred" if name is None else f"_flask_housekey_deferred_{name}"


def renew_session_id(visit: _core.Visit) -> None:
    """Gives the session of another interface a new id after a login, where possible: an attacker may have planted the old
    one, and would be logged in with it."""
    regenerate = getattr(current_app.session_interface, "regenerate", None)
    if regenerate is None:
        return
    kept_in: Any = request_context().session
    if not hasattr(kept_in, "sid") or not visit.is_kept_in(kept_in):
        return
    try:
        regenerate(kept_in)
    except BaseException:
        visit.log_out()
        raise


def user_attribute(name: str | None = None) -> str:
    """The attribute of `g` for the user. The name for the app's own manager is Flask-Login's."""
    return "_login_user" if name is None else f"_login_user_{name}"


def _own(user: Any) -> Any:
    """The user behind a proxy: current_user itself would be its own user."""
    return user._get_current_object() if isinstance(user, LocalProxy) else user


def _purge(visit: _core.Visit) -> None:
    """Deletes records of expired logins and forgotten attempts, so that their tables do not grow if nobody runs
    `flask logins purge`. A failure here does not refuse the login."""
    try:
        visit.purge()
    except Exception:
        logger.warning("expired logins were not deleted", exc_info=True)

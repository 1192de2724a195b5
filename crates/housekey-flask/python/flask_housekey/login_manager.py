"""The login manager. Names and attributes are Flask-Login's."""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, overload

from flask import current_app, request, session
from werkzeug.local import LocalProxy

from . import _core
from .answers import Answers
from .cli import logins_cli
from .config import (
    AUTH_HEADER_NAME,
    COOKIE_DURATION,
    COOKIE_HTTPONLY,
    COOKIE_NAME,
    COOKIE_SAMESITE,
    COOKIE_SECURE,
    ID_ATTRIBUTE,
    LOGIN_MESSAGE,
    LOGIN_MESSAGE_CATEGORY,
    REFRESH_MESSAGE,
    REFRESH_MESSAGE_CATEGORY,
    config_key,
)
from .context import request_context, request_globals
from .csrf import CsrfGuard
from .errors import ForeignOrigin, StoreUnavailable
from .events import log, of_manager, send, tell
from .guards import (
    guarded,
    has_not_begun,
    is_exempt,
    is_open,
    may_not_pass,
    may_not_pass_or_is_stale,
    public_endpoints,
)
from .loaders import ensure_sync
from .login import Login, deferred_attribute, user_attribute
from .mixins import AnonymousUserMixin
from .sessions import RustSessions, salt_to_take_over
from .signals import (
    _user_loaded_from_header,
    user_accessed,
    user_loaded_from_cookie,
    user_loaded_from_request,
)
from .stores import store_from_url
from .typing import UserT
from .utils import _create_identifier, _user_context_processor, _user_to_guard, encode_cookie
from .visits import door, finish, visit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Literal

    from blinker import NamedSignal
    from flask import Flask, Request, Response
    from flask.typing import ResponseReturnValue

    from ._core import LoginInfo
    from .stores import LoginStore
    from .typing import FunctionT

# The clock, as long as nothing has replaced `datetime`.
_datetime = datetime


class LoginManager(Answers, Generic[UserT]):
    """Knows which users may log in to an app, how to find them again, and where to send visitors to log in.

    Tell type checkers the program's user type with `login_manager: LoginManager[User] = LoginManager()`: then they know
    that the loaders return a `User`, that `login.login_user` takes one, and what `current_user` has. Without it, everything
    is allowed.
    """

    def __init__(
        self,
        app: Flask | None = None,
        add_context_processor: bool = True,
        *,
        name: str | None = None,
        login_store: LoginStore | str | None = None,
        require_login: bool = False,
    ) -> None:
        if name is not None and not (name.isidentifier() and name.islower() and name.isascii()):
            raise ValueError(f"name must be a short word in lower case, such as \"staff\", and is {name!r}")

        #: None for the app's own login manager, which the functions of this package use. Another manager on the same app
        #: has a name, for instance "staff", and separate logins in cookies of its own.
        self.name = name

        #: The user of this request by this manager. `flask_housekey.current_user` is the user by the app's own.
        #:
        #: For a type checker it has the program's own user type, since only users reach a view that `login_required`
        #: guards. In other views, use `login.user`: the same user, with a type that allows for visitors.
        self.current_user: UserT = LocalProxy(lambda: self.login.user)  # type: ignore[assignment]

        #: Makes the user object of a visitor who is not logged in.
        self.anonymous_user: Callable[[], Any] = AnonymousUserMixin

        #: Where visitors are sent to log in: an endpoint, a path or a URL. Without one they get a 401.
        self.login_view: str | None = None

        #: The same for single blueprints, by name.
        self.blueprint_login_views: dict[str | None, str] = {}

        #: The message to flash when a visitor is sent there, and its category. Text, an object that becomes text, or
        #: None.
        self.login_message: object = LOGIN_MESSAGE
        self.login_message_category: str = LOGIN_MESSAGE_CATEGORY

        #: Where users are sent to confirm their login. Without it they get a 401.
        self.refresh_view: str | None = None

        #: The message to flash when a user is sent there, and its category.
        self.needs_refresh_message: object = REFRESH_MESSAGE
        self.needs_refresh_message_category: str = REFRESH_MESSAGE_CATEGORY

        #: What happens to a session that comes from another browser: "basic", "strong", or None. The app's
        #: SESSION_PROTECTION takes precedence.
        self.session_protection: Literal["basic", "strong"] | None = "basic"

        #: Translates the messages into the visitor's language.
        self.localize_callback: Callable[[Any], str] | None = None

        #: Answer instead of the redirects.
        self.unauthorized_callback: Callable[[], ResponseReturnValue] | None = None
        self.needs_refresh_callback: Callable[[], ResponseReturnValue] | None = None

        #: The name of the method that returns the id by which a user is found again.
        self.id_attribute: str = ID_ATTRIBUTE

        #: Where login records are kept: see `flask_housekey.stores`. The app's HOUSEKEY_LOGIN_STORE takes precedence.
        self.login_store = login_store

        #: Whether every view needs a login unless it is `login_exempt`. The app's HOUSEKEY_REQUIRE_LOGIN takes
        #: precedence.
        self.require_login = require_login

        self._user_attribute = user_attribute(name)
        self._deferred_attribute = deferred_attribute(name)
        self._require_login_key = config_key("HOUSEKEY_REQUIRE_LOGIN", name)
        self._user_callback: Callable[[Any], Any] | None = None
        self._request_callback: Callable[[Request], Any] | None = None
        self._header_callback: Callable[[str], Any] | None = None
        self._session_identifier_generator: Callable[[], str] = _create_identifier

        if app is not None:
            self.init_app(app, add_context_processor)

    def init_app(self, app: Flask, add_context_processor: bool = True) -> None:
        """Adds logins to this app. From now on housekey keeps the app's own session, in the same cookie, unless the app has
        another session interface than Flask's. A named manager leaves the session alone: its logins have cookies of their
        own."""
        # Flask-AppBuilder, for one, passes current_app.
        if isinstance(app, LocalProxy):
            app = app._get_current_object()
        doors = app.extensions.setdefault("flask_housekey", {})
        if self.name is None:
            app.login_manager = self  # type: ignore[attr-defined]
            salt = salt_to_take_over(app)
            doors[None] = _core.Door(app, self, salt)
            if salt is not None:
                app.session_interface = RustSessions(doors[None])
        else:
            doors[self.name] = _core.Door(app, self, f"flask_housekey.{self.name}", self.name)
        app.preprocess_request = partial(self._preprocess, app.preprocess_request)  # type: ignore[method-assign]
        app.handle_exception = partial(self._handle_exception, app.handle_exception)  # type: ignore[method-assign]
        app.after_request(self._update_remember_cookie)
        app.cli.add_command(logins_cli)
        if add_context_processor:
            app.context_processor(self._user_context_processor)

    @property
    def login(self) -> Login[UserT]:
        """The login of this request by this manager: `login_manager.login.login_user(user)`."""
        return Login(self)

    def login_required(self, func: FunctionT) -> FunctionT:
        """As `flask_housekey.login_required`, for the logins of this manager."""
        return guarded(func, lambda: may_not_pass(self, self.login.user))

    def pending_login_required(self, func: FunctionT) -> FunctionT:
        """As `flask_housekey.pending_login_required`, for the logins of this manager."""
        return guarded(func, lambda: has_not_begun(self, self.login.pending()))

    @overload
    def fresh_login_required(self, func: FunctionT, *, within: timedelta | None = None) -> FunctionT: ...
    @overload
    def fresh_login_required(
        self, func: None = None, *, within: timedelta | None = None
    ) -> Callable[[FunctionT], FunctionT]: ...
    def fresh_login_required(self, func: Callable[..., Any] | None = None, *, within: timedelta | None = None) -> Any:
        """As `flask_housekey.fresh_login_required`, for the logins of this manager."""
        if func is None:
            return partial(self.fresh_login_required, within=within)
        return guarded(
            func, lambda: may_not_pass_or_is_stale(self, self.login.user, self.login.is_fresh, within)
        )

    def setup_app(self, app: Flask, add_context_processor: bool = True) -> None:
        """Deprecated: use `init_app`."""
        _deprecated("setup_app", "init_app")
        self.init_app(app, add_context_processor)

    @overload
    def user_loader(self, callback: Callable[[str], UserT | None]) -> Callable[[str], UserT | None]: ...
    @overload
    def user_loader(self, callback: Callable[[int], UserT | None]) -> Callable[[int], UserT | None]: ...
    @overload
    def user_loader(
        self, callback: Callable[[str], Coroutine[Any, Any, UserT | None]]
    ) -> Callable[[str], Coroutine[Any, Any, UserT | None]]: ...
    @overload
    def user_loader(
        self, callback: Callable[[int], Coroutine[Any, Any, UserT | None]]
    ) -> Callable[[int], Coroutine[Any, Any, UserT | None]]: ...
    def user_loader(self, callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Sets the function that finds a user by the return value of their `get_id`. It returns None for an unknown
        user."""
        self._user_callback = callback
        return callback

    @property
    def user_callback(self) -> Callable[[Any], Any] | None:
        return self._user_callback

    @overload
    def request_loader(self, callback: Callable[[Request], UserT | None]) -> Callable[[Request], UserT | None]: ...
    @overload
    def request_loader(
        self, callback: Callable[[Request], Coroutine[Any, Any, UserT | None]]
    ) -> Callable[[Request], Coroutine[Any, Any, UserT | None]]: ...
    def request_loader(self, callback: Callable[[Request], Any]) -> Callable[[Request], Any]:
        """Sets the function that finds a user by the request alone, for instance by an API key."""
        self._request_callback = callback
        return callback

    @property
    def request_callback(self) -> Callable[[Request], Any] | None:
        return self._request_callback

    def header_loader(self, callback: Callable[[str], UserT | None]) -> Callable[[str], UserT | None]:
        """Deprecated: use `request_loader`."""
        _deprecated("header_loader", "request_loader")
        self._header_callback = callback
        return callback

    def unauthorized_handler(self, callback: Callable[[], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
        """Sets the function that answers visitors who have to log in, instead of the redirect."""
        self.unauthorized_callback = callback
        return callback

    def needs_refresh_handler(self, callback: Callable[[], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
        """Sets the function that answers users who have to confirm their login, instead of the redirect."""
        self.needs_refresh_callback = callback
        return callback

    def require_user(self) -> ResponseReturnValue | None:
        """The answer to a visitor who is not logged in, None for a user:
        `blueprint.before_request(login_manager.require_user)` guards a blueprint."""
        # Flask answers a request that leads to no view.
        if request.endpoint is None or is_open() or is_exempt(self):
            return None
        user = _user_to_guard() if self.name is None else self.login.user
        denied = may_not_pass(self, user)
        return None if denied is None else denied()

    def public_endpoints(self) -> list[str]:
        """The endpoints that are open where a login is required by default (`require_login`), for a test of the program:
        those that are `login_exempt`, static files, the login page."""
        return public_endpoints(self, current_app._get_current_object())  # type: ignore[attr-defined]

    def _require_login(self) -> ResponseReturnValue | None:
        """Answers requests for views that need a login, where that is the default."""
        required = current_app.config.get(self._require_login_key, self.require_login)
        return self.require_user() if required else None

    def _preprocess(self, preprocess: Callable[[], Any]) -> Any:
        """Installs the hook once it has something to do, before Flask runs its hooks: the configuration may change, and a
        hook costs time at every request."""
        app = request_context().app
        if app.config.get(self._require_login_key, self.require_login):
            hooks = app.before_request_funcs.setdefault(None, [])
            if self._require_login not in hooks:
                # Before the program's own hooks, and after the CSRF guards, which come before anything else.
                guards = sum(isinstance(getattr(hook, "__self__", None), CsrfGuard) for hook in hooks)
                hooks.insert(guards, self._require_login)
        return preprocess()

    def _handle_exception(self, handle_exception: Callable[[Exception], Response], error: Exception) -> Response:
        """Answers the exception of an error page that asks for the current user while the user is unknown. Flask would turn it
        into a 500, and a visitor can cause that."""
        if isinstance(error, (ForeignOrigin, StoreUnavailable)):
            return request_context().app.finalize_request(error, from_error_handler=True)
        return handle_exception(error)

    def logins_of(self, user_id: str | int) -> list[LoginInfo]:
        """A user's logins, most recently used first: for an administrator. The program decides which callers may ask."""
        return door(self.name).logins_of(str(user_id))

    def end_login(self, login_id: str) -> bool:
        """Ends any user's login, at once. False if no login has this id."""
        user_id = door(self.name).end_login(login_id)
        if user_id is None:
            return False
        self._tell_of_ended(user_id, 1)
        return True

    def end_logins_of(self, user_id: str | int) -> int:
        """Ends all logins of a user, at once, and returns how many there were."""
        ended = door(self.name).end_logins_of(str(user_id))
        self._tell_of_ended(str(user_id), ended)
        return ended

    def forgive_attempts(self, form: str, name: str) -> None:
        """Forgets the failed attempts of strangers at an account, so that nobody has to wait there: for an administrator. This checks
        no rights; the program must."""
        door(self.name).forgive_attempts(form, name)

    def delete_expired_logins(self) -> int:
        """Deletes the records of expired logins and returns how many there were. Expired logins are invalid even before
        that. `flask logins purge` calls it, and one login in a thousand deletes some. It also deletes forgotten attempts; one
        attempt in a hundred deletes some of those."""
        return door(self.name).delete_expired_logins()

    def _tell_of_ended(self, user_id: str, count: int) -> None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        for _ in range(count):
            log("login_ended", user_id, "ended_by_application")
            send(app, "login_ended", user_id, "ended_by_application", of_manager(self))

    def _find_login_store(self, app: Flask, said: LoginStore | str) -> LoginStore:
        """The login store that the configuration or `login_store` names."""
        if not isinstance(said, str):
            return said
        try:
            return store_from_url(said, app.instance_path)
        except ValueError as error:
            raise ValueError(f"HOUSEKEY_LOGIN_STORE: {error}") from None

    def _update_request_context_with_user(self, user: Any = None) -> None:
        """Makes this the current user, or an anonymous one."""
        user = self.anonymous_user() if user is None else user
        setattr(request_globals(), self._user_attribute, user)

    def _load_user(self) -> None:
        """Finds the current user."""
        if self._user_callback is None and self._request_callback is None:
            raise Exception(
                "Missing user_loader or request_loader: a login manager needs to be told how users are found."
            )
        visit = visit_of(self.name)
        g = request_globals()
        deferred: list[Callable[[], bool]] = []
        setattr(g, self._deferred_attribute, deferred)
        try:
            user, source, signal = visit.load_user(again=hasattr(g, self._user_attribute))
        finally:
            g.pop(self._deferred_attribute, None)
        self._update_request_context_with_user(user)
        for log_in in deferred:
            log_in()
        app = request_context().app
        more = of_manager(self)
        if user_accessed.receivers:
            user_accessed.send(app, **more)
        tell(visit, more)
        if source == "cookie":
            signal = user_loaded_from_cookie
        if signal is not None:
            signal.send(app, user=user, **more)

    def _find_by_request(self) -> tuple[Any, NamedSignal] | None:
        """The user that the request itself proves, and the signal for it."""
        if self._request_callback is not None:
            user, signal = self._load_user_from_request(request), user_loaded_from_request
        else:
            name = current_app.config.get("AUTH_HEADER_NAME", AUTH_HEADER_NAME)
            header = request.headers.get(name)
            user, signal = self._load_user_from_header(header), _user_loaded_from_header
        return None if user is None else (user, signal)

    def _load_user_from_request(self, request: Request) -> Any:
        return ensure_sync(current_app, self._request_callback)(request)

    def _load_user_from_header(self, header: str | None) -> Any:
        if self._header_callback is None or header is None:
            return None
        return ensure_sync(current_app, self._header_callback)(header)

    def _update_remember_cookie(self, response: Response) -> Response:
        finish(self.name, response)
        return response

    def _user_context_processor(self) -> dict[str, Any]:
        if self.name is None:
            return _user_context_processor()
        return {f"{self.name}_user": self.login.user}

    def _set_cookie(self, response: Response) -> None:
        """Remembers the user of this session. `login_user` with `remember` does this for you."""
        config = current_app.config
        if "_remember_seconds" in session:
            duration = timedelta(seconds=session["_remember_seconds"])
        else:
            duration = config.get("REMEMBER_COOKIE_DURATION", COOKIE_DURATION)
        if isinstance(duration, int):
            duration = timedelta(seconds=duration)
        if not isinstance(duration, timedelta):
            raise Exception(
                f"REMEMBER_COOKIE_DURATION must be a datetime.timedelta, instead got: {duration}"
            )
        response.set_cookie(
            config.get("REMEMBER_COOKIE_NAME", COOKIE_NAME),
            value=encode_cookie(str(session["_user_id"])),
            expires=datetime.now(timezone.utc) + duration,
            domain=config.get("REMEMBER_COOKIE_DOMAIN"),
            path=config.get("REMEMBER_COOKIE_PATH", "/"),
            secure=config.get("REMEMBER_COOKIE_SECURE", COOKIE_SECURE),
            httponly=config.get("REMEMBER_COOKIE_HTTPONLY", COOKIE_HTTPONLY),
            samesite=config.get("REMEMBER_COOKIE_SAMESITE", COOKIE_SAMESITE),
        )

    def _clear_cookie(self, response: Response) -> None:
        """Deletes the browser's remember token. `logout_user` does this for you."""
        config = current_app.config
        response.delete_cookie(
            config.get("REMEMBER_COOKIE_NAME", COOKIE_NAME),
            domain=config.get("REMEMBER_COOKIE_DOMAIN"),
            path=config.get("REMEMBER_COOKIE_PATH", "/"),
            secure=config.get("REMEMBER_COOKIE_SECURE", COOKIE_SECURE),
            httponly=config.get("REMEMBER_COOKIE_HTTPONLY", COOKIE_HTTPONLY),
            samesite=config.get("REMEMBER_COOKIE_SAMESITE", COOKIE_SAMESITE),
        )

    @property
    def _login_disabled(self) -> bool:
        """Deprecated: use LOGIN_DISABLED of the app's configuration."""
        _deprecated("_login_disabled", "app.config['LOGIN_DISABLED']")
        disabled: bool = current_app.config.get("LOGIN_DISABLED", False)
        return disabled

    @_login_disabled.setter
    def _login_disabled(self, disabled: bool) -> None:
        _deprecated("_login_disabled", "app.config['LOGIN_DISABLED']")
        current_app.config["LOGIN_DISABLED"] = disabled


def _deprecated(name: str, instead: str) -> None:
    message = f"{name} is deprecated: use {instead}"
    warnings.warn(message, DeprecationWarning, stacklevel=3)

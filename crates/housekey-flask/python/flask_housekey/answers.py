"""The answers to denied requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import abort, current_app, flash, g, redirect, request, session
from werkzeug.urls import iri_to_uri

from .config import USE_SESSION_FOR_NEXT, config_key
from .events import send_for
from .signals import user_needs_refresh, user_unauthorized
from .utils import expand_login_view, login_url, make_next_param
from .visits import visit_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from flask.typing import ResponseReturnValue

    _Needs = Literal["login", "fresh", "pending"]


class Answers:
    """The part of a login manager that answers denied requests."""

    name: str | None
    login_view: str | None
    blueprint_login_views: dict[str | None, str]
    login_message: object
    login_message_category: str
    refresh_view: str | None
    needs_refresh_message: object
    needs_refresh_message_category: str
    localize_callback: Callable[[Any], str] | None
    unauthorized_callback: Callable[[], ResponseReturnValue] | None
    needs_refresh_callback: Callable[[], ResponseReturnValue] | None
    _session_identifier_generator: Callable[[], str]

    def unauthorized(self) -> ResponseReturnValue:
        """The answer for a visitor who has to log in."""
        return self._send_to_log_in("login")

    def needs_pending_login(self) -> ResponseReturnValue:
        """The answer for a visitor who opens a page of the second step without a begun login. It is that of `unauthorized`, without a
        return address: the page is of no use to a user who has taken both steps."""
        return self._send_to_log_in("pending")

    def needs_refresh(self) -> ResponseReturnValue:
        """The answer for a user who has to confirm the login."""
        send_for(self, user_needs_refresh)
        if self.needs_refresh_callback is not None:
            answer: ResponseReturnValue = current_app.ensure_sync(self.needs_refresh_callback)()
            return answer
        message, category = self.needs_refresh_message, self.needs_refresh_message_category
        return self._deny(self.refresh_view, message, category, "fresh")

    def _send_to_log_in(self, needs: _Needs) -> ResponseReturnValue:
        send_for(self, user_unauthorized)
        if self.unauthorized_callback is not None:
            answer: ResponseReturnValue = current_app.ensure_sync(self.unauthorized_callback)()
            return answer
        views = self.blueprint_login_views
        view = views.get(request.blueprint, self.login_view)
        return self._deny(view, self.login_message, self.login_message_category, needs)

    def _deny(self, view: str | None, message: object, category: str, needs: _Needs) -> ResponseReturnValue:
        answer_as = current_app.config.get("HOUSEKEY_ANSWER_AS")
        answer_as = current_app.config.get(config_key("HOUSEKEY_ANSWER_AS", self.name), answer_as)
        if answer_as in (None, "flask"):
            return self._send_to(view, message, category, leads_back=needs != "pending")
        within = g.get("_flask_housekey_within")
        url = iri_to_uri(request.url).split("/", 3)[3:]
        status, headers, body, is_told, way_back = visit_of(self.name).deny(
            request.environ,
            "/" + "".join(url),
            expand_login_view(view) if view else None,
            needs,
            None if within is None else within.total_seconds(),
        )
        if is_told:
            self._flash(message, category)
        if way_back is not None:
            self._keep_next(way_back)
        return current_app.response_class(body, status, headers)

    def _send_to(self, view: str | None, message: object, category: str, leads_back: bool) -> ResponseReturnValue:
        if not view:
            abort(401)
        self._flash(message, category)
        if not leads_back:
            return redirect(login_url(view))
        if not current_app.config.get("USE_SESSION_FOR_NEXT", USE_SESSION_FOR_NEXT):
            return redirect(login_url(view, next_url=request.url))
        self._keep_next(make_next_param(expand_login_view(view), request.url))
        return redirect(login_url(view))

    def _flash(self, message: Any, category: str) -> None:
        if not message:
            return
        if self.localize_callback is not None:
            message = self.localize_callback(message)
        flash(message, category=category)

    def _keep_next(self, url: str) -> None:
        # Beside a Flask-Login peer, a return address that does not name its browser is not kept.
        session["_id"] = self._session_identifier_generator()
        session["next"] = url

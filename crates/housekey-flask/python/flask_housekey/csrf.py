"""Cross-site request forgery: a page of another origin makes its visitor's browser send a request, with the visitor's
cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, request

from . import _core
from .guards import is_marked

if TYPE_CHECKING:
    from flask import Flask

    from .typing import ExemptT


class CsrfGuard:
    """Answers 403 to requests that a page of another origin makes its visitors send, by what browsers say about each
    request (`Sec-Fetch-Site`, and older ones `Origin`). Forms stay as they are: there are no tokens.

        csrf = CsrfGuard(app)

    GET, HEAD and OPTIONS always pass, and so do programs, which send neither field. It does not stop a GET that changes
    something. The pages of a sibling domain are as foreign as any other, unless HOUSEKEY_TRUSTED_ORIGINS lists them:
    `["https://shop.example"]`.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self._rules: tuple[list[str], _core.CsrfRules] | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Guards this app, before anything else that answers a request."""
        app.before_request_funcs.setdefault(None, []).insert(0, self._check)

    def exempt(self, view: ExemptT) -> ExemptT:
        """Lets anybody send to a view, or to the views of a blueprint: for endpoints that are called from elsewhere and
        have their own proof, such as the signature of a webhook."""
        view._csrf_exempt = True  # type: ignore[union-attr]
        return view

    def _check(self) -> None:
        if not is_marked("_csrf_exempt"):
            self._known_rules(current_app.config.get("HOUSEKEY_TRUSTED_ORIGINS") or []).admit(request.environ)

    def _known_rules(self, trusted: list[str]) -> _core.CsrfRules:
        known = self._rules
        if known is None or known[0] != trusted:
            if isinstance(trusted, str):
                raise ValueError(f"HOUSEKEY_TRUSTED_ORIGINS must be a list of texts, and is {trusted!r}")
            known = self._rules = (list(trusted), _core.CsrfRules(list(trusted)))
        return known[1]

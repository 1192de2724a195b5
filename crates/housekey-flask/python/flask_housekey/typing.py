"""Types for the annotations of programs, and of this package itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import typing_extensions
    from flask import Blueprint
    from sqlalchemy.orm import Mapped


class UserLike(Protocol):
    """What the package asks of a user. `UserMixin` has all of it, for a class that has an `id`."""

    # For mypy, a column of SQLAlchemy in the place of a property does not have the type of its values.
    @property
    def is_active(self) -> bool | Mapped[bool]:
        """Whether they may log in."""
        ...

    @property
    def is_authenticated(self) -> bool | Mapped[bool]:
        """Whether they pass `login_required`."""
        ...

    def get_id(self) -> object:
        """What the `user_loader` finds them by: text or a whole number. Other objects become text."""
        ...


if TYPE_CHECKING:
    #: The program's type of users, as in `LoginManager[User]`. `LoginManager()` alone is one of `Any`.
    UserT = typing_extensions.TypeVar("UserT", bound=UserLike, default=Any)
else:
    UserT = TypeVar("UserT", bound=UserLike)

#: A view, or another function of the program's, which a decorator gives back as it is.
FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

#: What `login_exempt` marks: a view, a class of views, or a blueprint.
ExemptT = TypeVar("ExemptT", bound="Callable[..., Any] | Blueprint")

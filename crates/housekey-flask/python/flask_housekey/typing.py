"""Types for the annotations of programs, and of this package itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import typing_extensions
    from flask import Blueprint
    from sqlalchemy.orm import Mapped


class UserLike(Protocol):
    """What the package requires of a user. `UserMixin` provides all of it, for a class that has an `id`."""

    # To mypy, an SQLAlchemy column in place of a property does not have the type of its values.
    @property
    def is_active(self) -> bool | Mapped[bool]:
        """Whether the user may log in."""
        ...

    @property
    def is_authenticated(self) -> bool | Mapped[bool]:
        """Whether the user passes `login_required`."""
        ...

    def get_id(self) -> object:
        """The id that the `user_loader` gets: text or an integer. Other objects become text."""
        ...


if TYPE_CHECKING:
    #: The program's user type, as in `LoginManager[User]`. `LoginManager()` alone has `Any`.
    UserT = typing_extensions.TypeVar("UserT", bound=UserLike, default=Any)
else:
    UserT = TypeVar("UserT", bound=UserLike)

#: A view, or another function of the program, which a decorator returns with its type unchanged.
FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

#: What `login_exempt` marks: a view, a class of views, or a blueprint.
ExemptT = TypeVar("ExemptT", bound="Callable[..., Any] | Blueprint")

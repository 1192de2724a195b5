"""Logins in two steps, and the lifetimes of single logins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeAlias

from .typing import UserT

#: How to make a login, in the form that the rules take: whether and for how many seconds to remember the browser, for how
#: many seconds the login lasts, and until when, in seconds since 1970.
Terms: TypeAlias = tuple[bool, float | None, float | None, float | None]


@dataclass(frozen=True)
class PendingLogin(Generic[UserT]):
    """A begun login: the first step was right, the second is still to come. Its user is not logged in."""

    #: The user who has begun it.
    user: UserT

    #: 22 characters, different for each begun login: for things that the program keeps about it, such as a challenge. It is
    #: not a secret and proves nothing.
    id: str

    #: Where to go afterwards, if the first step said so and it is safe.
    next: str | None

    #: When it expires, in UTC.
    expires_at: datetime

    #: Whether it makes an existing login fresh (`begin_confirmation`) rather than logging in.
    is_confirmation: bool


def terms(remember: bool, duration: timedelta | None, lifetime: timedelta | None, until: datetime | None) -> Terms:
    """How to make a login."""
    remembered_for = None
    if remember and duration is not None:
        if not isinstance(duration, timedelta):
            raise Exception(f"duration must be a datetime.timedelta, instead got: {duration}")
        remembered_for = duration.total_seconds()
    return bool(remember), remembered_for, seconds("lifetime", lifetime), moment("until", until)


def seconds(name: str, span: timedelta | None) -> float | None:
    """How long it is."""
    if span is None:
        return None
    if not isinstance(span, timedelta):
        raise TypeError(f"{name} must be a datetime.timedelta, instead got: {span!r}")
    return span.total_seconds()


def moment(name: str, time: datetime | None) -> float | None:
    """Seconds since 1970. A datetime without a time zone could be any of many moments."""
    if time is None:
        return None
    if not isinstance(time, datetime):
        raise TypeError(f"{name} must be a datetime.datetime, instead got: {time!r}")
    if time.utcoffset() is None:
        raise ValueError(
            f"{name} must have a time zone: write datetime.now(timezone.utc) for datetime.now(), and for a time in UTC "
            "without one, time.replace(tzinfo=timezone.utc)"
        )
    return time.timestamp()

"""`flask logins`: commands for an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click
from flask import current_app
from flask.cli import AppGroup

from .errors import InvalidLoginId, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._core import Door
    from .login_manager import LoginManager

_Answer = TypeVar("_Answer")

logins_cli: AppGroup = AppGroup("logins", help="Lists and ends logins, and deletes the records of those that have expired.")


_of_manager = click.option("--manager", "name", help="The name of the login manager, if it is not the app's own.")


def _manager(name: str | None) -> LoginManager[Any]:
    if name is None:
        return current_app.login_manager  # type: ignore[attr-defined,no-any-return]
    doors: dict[str | None, Door] = current_app.extensions.get("flask_housekey", {})
    if name not in doors:
        known = ", ".join(sorted(filter(None, doors))) or "none with a name"
        raise click.ClickException(f"This app has no login manager {name}: it has {known}.")
    return doors[name].manager


def _asking(ask: Callable[..., _Answer], *arguments: Any) -> _Answer:
    """Runs a query, and reports a failure in one line."""
    try:
        return ask(*arguments)
    except (StoreUnavailable, InvalidLoginId, RuntimeError, ValueError, TypeError, ImportError) as error:
        cause = error.__cause__
        message = getattr(error, "description", None) or str(error)
        raise click.ClickException(f"{message} ({cause})" if cause else message) from error


@logins_cli.command("list")
@click.argument("user_id")
@_of_manager
def list_logins(user_id: str, name: str | None) -> None:
    """Lists the logins of a user, most recently used first. USER_ID is the return value of the user's get_id."""
    found = _asking(_manager(name).logins_of, user_id)
    if not found:
        click.echo(f"User {user_id} has no logins.", err=True)
    for login in found:
        remembered = "remembered" if login.remembered else "-"
        seen = login.last_seen_at.strftime("%Y-%m-%d %H:%M UTC")
        made = login.created_at.strftime("%Y-%m-%d %H:%M UTC")
        agent = login.user_agent or "-"
        click.echo(f"{login.id}  seen {seen}  made {made}  {login.address or '-'}  {remembered}  {agent}")


# An id may begin with a hyphen.
@logins_cli.command("end", context_settings={"ignore_unknown_options": True})
@click.argument("login_id", required=False)
@click.option("--user", "user_id", help="End all logins of this user.")
@_of_manager
def end_logins(login_id: str | None, user_id: str | None, name: str | None) -> None:
    """Ends a login by its id, or all logins of a user. They are logged out at their next request."""
    if (login_id is None) == (user_id is None):
        raise click.UsageError("Give either the id of a login or --user USER_ID.")
    manager = _manager(name)
    if user_id is not None:
        ended = _asking(manager.end_logins_of, user_id)
        click.echo(f"Ended {ended} {'login' if ended == 1 else 'logins'} of user {user_id}.")
    elif _asking(manager.end_login, login_id):
        click.echo(f"Ended login {login_id}.")
    else:
        raise click.ClickException(f"There is no login {login_id} (any more).")


@logins_cli.command("purge")
@_of_manager
def purge(name: str | None) -> None:
    """Deletes the records of expired logins."""
    deleted = _asking(_manager(name).delete_expired_logins)
    click.echo(f"Deleted {deleted} expired {'record' if deleted == 1 else 'records'}.")

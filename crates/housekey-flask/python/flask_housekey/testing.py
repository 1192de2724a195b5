"""For the tests of programs that use flask_housekey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core

if TYPE_CHECKING:
    from .stores import AttemptStore, LoginStore

__all__ = ["check_attempt_store", "check_login_store"]


def check_login_store(store: LoginStore) -> None:
    """Checks that a store does what `LoginStore` says, one rule after the other, and then with 16 threads at once.

        def test_the_store(tmp_path):
            check_login_store(MyLoginStore(tmp_path))

    Give it an empty store that nothing else uses; it leaves records there. housekey's own stores are tested with this
    suite. It raises `AssertionError` at the first broken rule: the message states the rule, and the cause is the store's
    exception. It cannot see whether a record survives a restart, whether several processes see each other, and whether each
    operation finds its records by an index.
    """
    _core.check_login_store(store)


def check_attempt_store(store: AttemptStore) -> None:
    """Checks that a login store counts attempts as `AttemptStore` says, one rule after the other, and then with up to a thousand threads
    at once. Otherwise as `check_login_store`."""
    _core.check_attempt_store(store)

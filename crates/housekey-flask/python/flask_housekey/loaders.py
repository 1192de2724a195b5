"""Async loaders, for synchronous code."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask


def ensure_sync(app: Flask, loader: Any) -> Callable[[Any], Any]:
    """The loader as an ordinary function. An async loader may also be called from an async view, whose event loop must not
    block: then it runs on a thread of its own."""
    sync: Callable[[Any], Any] = app.ensure_sync(loader)
    is_sync = sync is loader
    if is_sync:
        return sync

    @wraps(loader)
    def load(argument: Any) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return sync(argument)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, asyncio.run, loader(argument)).result()

    return load

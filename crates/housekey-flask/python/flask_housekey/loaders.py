"""Loaders that are async, for code that is not."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps


def ensure_sync(app, loader):
    """The loader as an ordinary function. One that is async may also be asked by an async view, in whose event loop nothing can be
    waited for: there it runs on a thread of its own."""
    sync = app.ensure_sync(loader)
    if sync is loader:
        return loader

    @wraps(loader)
    def load(argument):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return sync(argument)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, asyncio.run, loader(argument)).result()

    return load

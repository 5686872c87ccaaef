"""Runs what starts an event loop of its own, wherever it is called from."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def in_own_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return `call(*args)` from a thread made for it: one that runs an event loop already refuses a second."""
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(call, *args, **kwargs).result()

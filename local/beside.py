"""A thread beside a block, of whose failure the block learns."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def said(error: BaseException) -> str:
    """An error in words, with what was noted at it, and the one that was being dealt with when it came up: where a
    repair fails, what was broken has often failed before.
    """
    words = "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    first = error
    while first.__cause__:
        first = first.__cause__
    before = None if first.__suppress_context__ else first.__context__
    return f"{words} (before that: {said(before)})" if before else words


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have a thread act until the block ends, which sets the event. What the thread failed of is raised then, or noted
    at what the block itself failed of: it may be the cause.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(1, "meanwhile") as pool:
        acting = pool.submit(act, stop)
        try:
            yield
        except BaseException as error:
            stop.set()
            if beside := acting.exception():
                error.add_note(f"beside it: {said(beside)}")
            raise
        finally:
            stop.set()
        acting.result()

"""Partitions shared out over processes: results in order, few at a time, and no wait for a process that is gone."""

import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any

AHEAD = 4
"""Tasks given out beyond one a process, so that none waits while the first of them takes longest."""
COLLECT_AFTER = (20_000, 20, 50)
"""As in services: there are no cycles to find here, and looking for them took a fortieth of a replay."""


class ProcessLostError(Exception):
    """A process that ran a partition ended before it was done."""


@contextmanager
def mapping(processes: int, partitions: int) -> Iterator[Callable[[Callable[[Any], Any], list[Any]], Iterator[Any]]]:
    """`map` over processes, results in order; processes that are still at work when the block fails are ended.

    Raises ProcessLostError.
    """
    workers, others = min(processes, partitions), set(multiprocessing.active_children())
    if workers < 2:
        yield map
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin)
    try:
        yield partial(_in_order, pool, workers + AHEAD)
    except BaseException as error:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise ProcessLostError(
                "a process of the run was killed, perhaps for want of memory: run it again"
            ) from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C, which reaches every process at a terminal, to the one that started this; look for cycles seldom."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(*COLLECT_AFTER)


def _in_order(pool: ProcessPoolExecutor, most: int, do: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
    """Results in the order of `tasks`, of which at most `most` are given out and not taken back."""
    given: deque[Future[Any]] = deque()
    for task in tasks:
        given.append(pool.submit(do, task))
        if len(given) == most:
            yield given.popleft().result()
    while given:
        yield given.popleft().result()

"""A worker with partitions to read again goes before others on full cores, where it may, until it has caught up.

    start ── first ──> caught up to its commits ── as others ──> partitions go or come ── first ──> …

What it owes is bounded by the rewind, so nobody waits long for it; what came while nobody read is worked off in turn.
"""

import asyncio
from collections.abc import Mapping

from faust.types import TP

from agents.runtime.app import WorkerApp
from agents.runtime.rewind import Span
from infra.scheduling import FIRST, own_niceness, rank
from windows.epochs import Epoch

LOOK_EVERY_S = 10.0
TRY_AGAIN_S = 0.25
"""Longer than the kernel turns others away for after it ranked a session."""


class Precedence:
    """When the worker goes first; `niceness` is how it ranks else, beside what its process was started with."""

    def __init__(self, app: WorkerApp, niceness: int) -> None:
        self._app, self._own, self._niceness = app, own_niceness(), niceness
        self._goes_first, self._turned_away = False, False

    async def began(self, _epoch: Epoch, _spans: Mapping[TP, Span]) -> None:
        """There is something to read again."""
        self._rank(first=True)

    async def lost(self, _partitions: set[TP]) -> None:
        """Others are about to come, or the same again."""
        self._rank(first=True)

    async def watch(self) -> None:
        """Go first from the start, and rank with others whenever all is read, until the worker stops."""
        self._rank(first=True)
        while not self._app.should_stop:
            await asyncio.sleep(TRY_AGAIN_S if self._turned_away else LOOK_EVERY_S)
            spans = self._app.spans
            if self._goes_first and spans and all(self._app.caught_up(tp) for tp in spans):
                self._rank(first=False)
            elif self._turned_away:
                self._rank(first=self._goes_first)

    def _rank(self, *, first: bool) -> None:
        self._goes_first = first
        self._turned_away = rank(self._own + (FIRST if first else self._niceness))


def watch_precedence(app: WorkerApp, niceness: int) -> None:
    """Have the worker go first when it should; to be called before its service listens, which reads much back."""
    precedence = Precedence(app, niceness)
    app.on_began(precedence.began)
    app.on_lost(precedence.lost)
    app.alongside(precedence.watch)

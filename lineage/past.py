"""The same page as at an earlier instant: the folds of the live state, fed with what stood in the topics then.

A tick comes at least every five seconds and telemetry every second, so half a minute of both gives graph and prices
whole. Cars are told when they change: a minute gives those of every zone that moved.
"""

from typing import Any

from infra.clients.errors import ClientError
from lineage.reader import Reader
from lineage.state import State
from topics.catalogue import DEAD_LETTERS, EVERY_TOPIC, LATE_EVENTS, QUOTES, SUPPLY_CELLS, SURGE, TELEMETRY

TICKS_BACK_MS = 30_000
CARS_BACK_MS = 60_000
LOSSES_BACK_MS = 60 * 60_000
MOST = 5_000
NEWEST_QUOTES = 100


class NothingKeptError(ClientError):
    """The topics hold nothing from that instant."""


async def boards_at(reader: Reader, at_ms: int) -> dict[str, dict[str, Any]]:
    """Values of every board as they stood at `at_ms`, epoch milliseconds UTC.

    Raises NothingKeptError, UnreachableError.
    """
    state = State()
    state.flows.began_ms = at_ms - TICKS_BACK_MS
    state.flows.begins, _ = await reader.begins_and_ends()
    for ago_ms in (60_000, 5_000, 0):
        state.flows.ends.looked(at_ms - ago_ms, await reader.ends_at(EVERY_TOPIC, at_ms - ago_ms))
    entries = await reader.between([SURGE, TELEMETRY], at_ms - TICKS_BACK_MS, at_ms, most=MOST)
    if not entries:
        raise NothingKeptError("the topics hold nothing from that instant: choose a later one")
    entries += await reader.between([SUPPLY_CELLS], at_ms - CARS_BACK_MS, at_ms, most=MOST)
    entries += await reader.between([QUOTES], 0, at_ms, most=NEWEST_QUOTES)
    entries += await reader.between([LATE_EVENTS, *DEAD_LETTERS], at_ms - LOSSES_BACK_MS, at_ms, most=MOST)
    for entry in sorted(entries, key=lambda entry: entry.timestamp_ms):
        state.take(entry)
    state.refresh_map()
    state.refresh_graph(at_ms)
    return {name: board.values for name, board in state.boards.items()}

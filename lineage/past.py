"""The same page as at an earlier instant: the folds of the live state, fed with what stood in the topics then.

A tick comes at least every five seconds and telemetry every second, so half a minute of both gives graph and prices
whole. Cars are told when they change: a minute gives those of every zone that moved.

What the topics no longer hold, ticks and quotes, comes from the recorder's tables; the graph rests on telemetry alone,
which is kept nowhere else, and is then said to be gone.
"""

from typing import Any

from infra.clients.consumer import Entry
from infra.clients.errors import ClientError
from lineage.kept import Kept, KeptRecord
from lineage.reader import Reader
from lineage.state import State
from topics.catalogue import DEAD_LETTERS, EVERY_TOPIC, LATE_EVENTS, QUOTES, SUPPLY_CELLS, SURGE, TELEMETRY, Topic

TICKS_BACK_MS = 30_000
CARS_BACK_MS = 60_000
LOSSES_BACK_MS = 60 * 60_000
QUOTES_BACK_MS = 30 * 60_000
MOST = 5_000
NEWEST_QUOTES = 100


class NothingKeptError(ClientError):
    """The topics hold nothing from that instant."""


async def boards_at(
    reader: Reader, at_ms: int, kept: Kept | None = None
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Values of every board as they stood at `at_ms`, epoch milliseconds UTC, and in sentences what is gone.

    Raises NothingKeptError, UnreachableError.
    """
    entries = await reader.between([SURGE, TELEMETRY], at_ms - TICKS_BACK_MS, at_ms, most=MOST)
    if not entries:
        return await _from_tables(kept, at_ms)
    state = State()
    state.flows.lasting = None
    state.flows.began_ms = at_ms - TICKS_BACK_MS
    state.flows.begins, _ = await reader.begins_and_ends()
    for ago_ms in (60_000, 5_000, 0):
        state.flows.ends.looked(at_ms - ago_ms, await reader.ends_at(EVERY_TOPIC, at_ms - ago_ms))
    entries += await reader.between([SUPPLY_CELLS], at_ms - CARS_BACK_MS, at_ms, most=MOST)
    entries += await reader.between([QUOTES], 0, at_ms, most=NEWEST_QUOTES)
    entries += await reader.between([LATE_EVENTS, *DEAD_LETTERS], at_ms - LOSSES_BACK_MS, at_ms, most=MOST)
    for entry in sorted(entries, key=lambda entry: entry.timestamp_ms):
        state.take(entry)
    state.refresh_map()
    state.refresh_graph(at_ms)
    return _values(state), []


async def _from_tables(kept: Kept | None, at_ms: int) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Map and quotes of an instant that the topics forgot, from PostgreSQL."""
    nothing = NothingKeptError("neither topics nor tables hold anything from that instant: choose another")
    if kept is None:
        raise NothingKeptError("the topics hold nothing from that instant, and no database is configured: choose later")
    ticks = await kept.ticks_until(at_ms, back_ms=TICKS_BACK_MS)
    quotes = await kept.quotes_until(at_ms, back_ms=QUOTES_BACK_MS)
    if not ticks and not quotes:
        raise nothing
    state = State()
    for topic, records in ((SURGE, ticks), (QUOTES, quotes)):
        for record in records:
            state.take(_entry(topic, record))
    state.refresh_map()
    gone = ["The topics no longer hold this instant: prices and quotes come from PostgreSQL, rates and cars are gone."]
    return _values(state), gone


def _values(state: State) -> dict[str, dict[str, Any]]:
    return {name: board.values for name, board in state.boards.items()}


def _entry(topic: Topic, kept: KeptRecord) -> Entry:
    return Entry(
        topic=topic,
        partition=kept.partition,
        offset=kept.offset,
        timestamp_ms=kept.appended_ms,
        key=None,
        headers=(),
        schema_id=None,
        record=kept.record,
    )

"""What must hold once a run of faults is over; each claim has a name and either holds or says why not.

A process that was stopped in the middle of a send finishes it when it wakes, whatever it is told later. Readers ignore
such records by rule: a tick of a lower epoch, a second answer to a request, a second decision on an acceptance. They
are set aside here by the same rules, written anew, and counted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from agents.recorder_rows import RECORDED, TABLE_OF
from infra.clients.database import Database, open_database
from infra.embedded.stack import EmbeddedStack
from tests.broker import services_checks as checks
from tests.broker.services_seen import Seen
from topics.catalogue import BOOKING_DECISIONS, QUOTES, SURGE

TABLES = sorted({table.name for table in TABLE_OF.values()})
Place = tuple[int, str, int, int]


@dataclass(slots=True)
class Verdict:
    """Claims by name, "" for those that hold; and what was counted on the way."""

    claims: dict[str, str] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return not any(self.claims.values())


@dataclass(slots=True)
class SetAside:
    """What readers ignore by rule."""

    stale_ticks: int = 0
    repeated_answers: int = 0
    conflicting_answers: int = 0
    repeated_decisions: int = 0
    conflicting_decisions: int = 0


def binding(seen: Seen) -> tuple[Seen, SetAside]:
    """The records that bind, and what was set aside."""
    aside = SetAside()
    entries = dict(seen.entries)
    entries[SURGE.name] = list(_of_newest_epoch(seen.of(SURGE), aside))
    quotes, aside.repeated_answers, aside.conflicting_answers = _first_of(
        seen.of(QUOTES), lambda e: e.record.request_id, lambda e: (e.record.outcome, e.record.amount_minor)
    )
    decisions, aside.repeated_decisions, aside.conflicting_decisions = _first_of(
        seen.of(BOOKING_DECISIONS),
        lambda e: (e.partition, e.record.acceptance_offset),
        lambda e: (e.record.outcome, e.record.decision_id, e.record.amount_minor),
    )
    entries |= {QUOTES.name: quotes, BOOKING_DECISIONS.name: decisions}
    return Seen(entries, seen.pings), aside


def _of_newest_epoch(ticks: Iterable[Any], aside: SetAside) -> Iterable[Any]:
    newest: dict[int, tuple[int, int]] = {}
    for entry in ticks:
        epoch = entry.record.epoch_generation, entry.record.epoch_started_ms
        if epoch < newest.get(entry.record.zone, epoch):
            aside.stale_ticks += 1
            continue
        newest[entry.record.zone] = epoch
        yield entry


def _first_of(
    entries: Iterable[Any], about: Callable[[Any], Any], says: Callable[[Any], Any]
) -> tuple[list[Any], int, int]:
    """The first record about each thing; how many came later, and how many of those say something else."""
    first: dict[Any, Any] = {}
    later = conflicting = 0
    for entry in entries:
        known = first.setdefault(about(entry), entry)
        if known is not entry:
            later += 1
            conflicting += says(known) != says(entry)
    return list(first.values()), later, conflicting


Recounted = Awaitable[tuple[int, dict[str, Any]]]
"""Exit status of the independent recount, and what it found."""


def recounting(stack: EmbeddedStack) -> "asyncio.Task[tuple[int, dict[str, Any]]]":
    """Begin the independent recount, in a process of its own."""
    return asyncio.create_task(asyncio.to_thread(checks.recount, stack))


async def judged(stack: EmbeddedStack, seen: Seen, database: Database, recounted: Recounted | None = None) -> Verdict:
    """Every claim about what stands in the topics and in the database; `recounted` may have begun before."""
    recounted = recounting(stack) if recounted is None else recounted
    verdict = Verdict()
    bound, aside = binding(seen)
    places = {
        "dead letters are the broken records": (checks.dead_letters(seen).keys(), checks.broken(seen)),
        "the ledger is the late events": (checks.ledger(seen).keys(), checks.late(seen)),
    }
    claims: dict[str, Callable[[], Awaitable[None]]] = {
        "supply and demand per cell equal the recount": lambda: _recounted(recounted, verdict),
        "one binding quote per request": lambda: _at_once(checks.check_quotes, bound),
        "one right decision per acceptance": lambda: _at_once(checks.check_decisions, bound),
        "ticks name what stood in the log, in order": lambda: _at_once(checks.check_ticks, bound),
        "panes equal their inputs read from the start": lambda: checks.check_table(stack.bootstrap, seen),
        "rows are the records": lambda: _rows_are_records(database, seen, verdict),
        **{name: _same(told, there) for name, (told, there) in places.items()},
    }
    for name, claim in claims.items():
        verdict.claims[name] = await _said(claim)
    verdict.counted |= {name: getattr(aside, name) for name in SetAside.__slots__}
    return verdict


async def _said(claim: Callable[[], Awaitable[None]]) -> str:
    try:
        await claim()
    except AssertionError as error:
        return str(error)[:600] or "does not hold"
    except KeyError as error:
        return f"names {error}, which is not there"
    return ""


async def _at_once(check: Callable[[Seen], None], seen: Seen) -> None:
    check(seen)


def _same(told: Iterable[Any], there: Iterable[Any]) -> Callable[[], Awaitable[None]]:
    async def compare() -> None:
        missing, unexpected = set(there) - set(told), set(told) - set(there)
        assert not missing, f"missing {sorted(missing)[:5]} and {len(missing)} in all"
        assert not unexpected, f"unexpected {sorted(unexpected)[:5]} and {len(unexpected)} in all"

    return compare


async def _recounted(recounted: Recounted, verdict: Verdict) -> None:
    status, said = await recounted
    names = ("pings", "requests", "decisions", "supply_cells", "demand_cells", "city_cells", "differences")
    verdict.counted |= {name: said[name] for name in names}
    assert status == 0, str(said["examples"])


async def _rows_are_records(database: Database, seen: Seen, verdict: Verdict) -> None:
    wanted = record_places(seen)
    found = await row_places(database)
    verdict.counted["rows"] = sum(map(len, found.values()))
    for table in TABLES:
        missing = set(wanted[table]) - set(found[table])
        assert not missing, f"{table} lacks {len(missing)} records, such as {sorted(missing)[:3]}"
        assert found[table] == wanted[table], f"{table} has rows of no record"


def record_places(seen: Seen) -> dict[str, list[Place]]:
    """Place of every record of the recorded topics, by table."""
    places: dict[str, list[Place]] = {table: [] for table in TABLES}
    for topic in RECORDED:
        places[TABLE_OF[topic.name].name] += [
            (entry.timestamp_ms // 86_400_000, topic.name, entry.partition, entry.offset) for entry in seen.of(topic)
        ]
    return {table: sorted(some) for table, some in places.items()}


async def row_places(database: Database) -> dict[str, list[Place]]:
    """Place of every row, by table; a row that is there twice is listed twice."""
    key = "day - '1970-01-01'::date, topic, partition, record_offset"
    async with open_database(database) as connection:
        found = {table: await connection.fetch(f"SELECT {key} FROM {table}") for table in TABLES}
    return {table: sorted(tuple(row) for row in rows) for table, rows in found.items()}

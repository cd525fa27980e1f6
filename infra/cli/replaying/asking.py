"""What a replay is asked for on the command line, and the plan that follows from it."""

import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import complain, is_terminal
from infra.cli.replaying.plans import tell_plan
from infra.cli.tail import parse_start

if TYPE_CHECKING:
    from infra.clients.registry import Registry
    from replay.capture import Capture
    from replay.plan import Plan

FETCH_WAIT_MS = 10
SETTLED_MS = 1_000
"""What is appended in this very moment may be readable in one partition and not yet in another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which recorded traffic."""

    start: str = ""
    end: str = ""
    zone: str = ""
    cell: str = ""
    quote: str = ""
    from_events: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no span of time or quote was named."""
        return not (self.start or self.end or self.quote)


def span_of(asked: Asked) -> tuple[int, int]:
    """First millisecond and the one after the last, a second ago at most. Raises CommandError."""
    now_ms = time.time_ns() // 1_000_000
    start_ms = _instant("--from", asked.start, now_ms)
    settled_ms = now_ms - SETTLED_MS
    end_ms = _instant("--to", asked.end, now_ms) if asked.end else settled_ms
    if end_ms > settled_ms:
        complain(f"--to {asked.end} is read as a second ago: what is younger may not be readable everywhere yet")
        end_ms = settled_ms
    if start_ms >= end_ms:
        raise CommandError(
            f"--from must be before --to, got {asked.start} and {asked.end or 'a second ago'}", ExitCode.USAGE
        )
    return start_ms, end_ms


def _instant(name: str, text: str, now_ms: int) -> int:
    try:
        at = parse_start(text, now_ms=now_ms, option=name)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    if not isinstance(at, int):
        raise CommandError(f"{name} must be an instant or an age such as -10m, got {text!r}", ExitCode.USAGE)
    return at


def zones_of(asked: Asked) -> frozenset[int]:
    """Zones asked for, none if all. Raises CommandError."""
    from windows.hexagons import CELL_RESOLUTION, ZONE_RESOLUTION, zone_of

    if asked.zone and asked.cell:
        raise CommandError("--zone and --cell exclude each other: choose one", ExitCode.USAGE)
    if asked.cell:
        return frozenset({zone_of(_index("--cell", asked.cell, CELL_RESOLUTION, "882a100d67fffff"))})
    if asked.zone:
        return frozenset({_index("--zone", asked.zone, ZONE_RESOLUTION, "862a100d7ffffff")})
    return frozenset()


def _index(name: str, text: str, resolution: int, example: str) -> int:
    from windows.hexagons import is_index

    try:
        index = int(text, 16)
    except ValueError:
        index = -1
    if not is_index(index, resolution):
        raise CommandError(
            f"{name} must be a hexadecimal H3 index of resolution {resolution} such as {example}, got {text!r}",
            ExitCode.USAGE,
        )
    return index


@asynccontextmanager
async def capturing(asked: Asked) -> AsyncIterator["Capture"]:
    """The brokers open for copying, with the plan made. Raises ClientError and CommandError."""
    from agents.runtime.raw_fetch import EVERY_RAW, install
    from infra.cli.session import open_session
    from infra.clients.admin import Admin
    from infra.clients.consumer import open_consumer, places_of
    from infra.clients.registry import Registry
    from replay.capture import BrokerOffsets, Capture
    from replay.plan import EVENTS_BACK_MS, TOPICS, planned

    if not asked.quote and not asked.start:
        raise CommandError("name a span with --from and --to, a quote with --quote, or a file", ExitCode.USAGE)
    if asked.quote and (asked.start or asked.end or asked.zone or asked.cell):
        raise CommandError("a quote has its own span: leave --from, --to, --zone and --cell out", ExitCode.USAGE)
    named = None if asked.quote else (*span_of(asked), zones_of(asked))
    session = open_session("replay")
    connection = session.connection
    install()  # before the consumer: without an object per record a quote's half an hour is read in seconds
    # One fetch is in flight per broker: one that waits at the end of a partition holds back the next one's.
    reading = {"value_deserializer": EVERY_RAW, "fetch_max_wait_ms": FETCH_WAIT_MS}
    async with Registry(connection) as registry, open_consumer(connection, **reading) as consumer:
        places = await places_of(consumer, tuple(dict.fromkeys((*TOPICS, *EVENTS_BACK_MS))))
        consumer.assign([place for held in places.values() for place in held])
        consumer.pause(*consumer.assignment())
        await consumer.end_offsets(list(consumer.assignment()))
        offsets = BrokerOffsets(consumer, places, connection.endpoints.bootstrap)
        async with Admin(connection, session.settings) as admin:
            keeping = await admin.keeping(
                {topic.name: [place.partition for place in held] for topic, held in places.items()}
            )
        from_ms, to_ms, zones = named or await _around_quote(asked.quote, registry)
        plan = await planned(
            offsets,
            from_ms,
            to_ms,
            now_ms=time.time_ns() // 1_000_000,
            zones=zones,
            quote_id=asked.quote,
            from_events=asked.from_events,
            keeping=keeping,
        )
        plan.schemas.update(await registry.versions_of(dict.fromkeys(span.topic for span in plan.spans)))
        yield Capture(connection, consumer, registry, plan)


async def _around_quote(quote_id: str, registry: "Registry") -> tuple[int, int, frozenset[int]]:
    """From when to when the quote and its tick were appended, and its zone."""
    from infra.cli.session import open_session
    from infra.clients.schema_ids import SchemaIds
    from lineage.evidence import Gathering
    from lineage.kept import kept_of
    from lineage.reader import open_reader

    session = open_session("replay")
    async with open_reader(session.connection, SchemaIds(registry)) as reader:
        gathering = Gathering(reader, kept_of(session.settings))
        placed = await gathering.placed(quote_id)
        ticked_ms = await gathering.ticked_ms(placed.quote)
    return ticked_ms or placed.appended_ms, placed.appended_ms + 1, frozenset({placed.quote.zone})


def refuse_gone(plan: "Plan") -> None:
    """Raise CommandError if nothing is there to be replayed, or what a replay rests on is not kept."""
    if not plan.expected:
        raise CommandError("no tick, quote or decision was recorded in that time: choose another")
    if plan.gone:
        raise CommandError(f"{plan.gone[0]}, a replay from there needs what was before: choose a later time")


def agreed(*, yes: bool) -> bool:
    """Whether to go on: said so, or asked at a terminal, where Ctrl-C ends at once.

    Raises CommandError if there is nobody to ask.
    """
    if yes:
        return True
    if not is_terminal():
        raise CommandError("nobody can be asked here: add --yes to go on, or --dry-run to see the plan only")
    complain("nothing is written to any broker")
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # that of asyncio waits until input returns
    try:
        return input("Go on? [y/N] ").strip().lower() in {"y", "yes"}
    finally:
        signal.signal(signal.SIGINT, handler)


async def captured(asked: Asked, path: Path, *, yes: bool, as_json: bool, dry_run: bool = False) -> bool:
    """Copy what was asked for into the file at `path`; whether it was. A dry run tells the plan and fails alike.

    Raises CommandError, ClientError.
    """
    from replay.archive import ArchiveError
    from replay.code_version import code_version

    async with capturing(asked) as capture:
        if dry_run or not as_json:
            tell_plan(capture.plan, as_json=as_json)
        refuse_gone(capture.plan)
        if dry_run or not agreed(yes=yes):
            return False
        try:
            await capture.write(path, code=code_version())
        except ArchiveError as error:
            raise CommandError(str(error)) from None
    return True

"""`faretide train offers`: what was offered and what became of it, as a file that models are fitted on."""

import asyncio
import csv
import gzip
import math
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeVar

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json
from infra.cli.written import writable_file

if TYPE_CHECKING:
    from infra.clients.connection import Connection
    from infra.clients.consumer import Entry
    from infra.clients.schema_ids import SchemaIds
    from pricing.learning.offers import Offers
    from simulation.lockstep.scenarios import Scenario
    from topics.catalogue import Topic

EXAMPLES = (
    "faretide train offers --from topics offers.csv.gz",
    "faretide train offers --from database --days 7 offers.csv.gz",
    "faretide train offers --from city --first-seed 501 --seeds 1 offers.csv.gz",
)
DAY_MS = 86_400_000
Output = Annotated[
    Path, typer.Argument(metavar="FILE", help="A CSV file to write, .gz compresses it.", callback=writable_file)
]
FirstSeed = Annotated[int, typer.Option(min=0, help="From the city: the first seed.")]
Seeds = Annotated[int, typer.Option(min=1, help="From the city: seeds, each all scenarios.")]
Scenarios = Annotated[str, typer.Option(help="From the city: names of scenarios with commas between, or all.")]
Drivers = Annotated[int, typer.Option(min=50, help="From the city: cars on the road.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON document.")]
Rows = TypeVar("Rows")
_QUOTES = (
    "SELECT record FROM quotes WHERE outcome = 'PRICED' AND now_ms >= $1 AND record IS NOT NULL "
    "ORDER BY day, topic, partition, record_offset"
)
_EVENTS = (
    "SELECT record FROM ride_events WHERE kind IN ('QUOTE_ACCEPTED', 'RIDE_STARTED') AND at_ms >= $1 "
    "AND record IS NOT NULL ORDER BY day, topic, partition, record_offset"
)


class Source(StrEnum):
    """Where offers are read from."""

    TOPICS = "topics"
    DATABASE = "database"
    CITY = "city"


def offers_command(
    output: Output,
    *,
    source: Annotated[
        Source, typer.Option("--from", help="topics, database, or city: the lockstep one.")
    ] = Source.TOPICS,
    days: Annotated[
        float, typer.Option(min=0.0, max=36_500.0, help="From topics and database: how many days back.")
    ] = 30.0,
    first_seed: FirstSeed = 501,
    seeds: Seeds = 1,
    scenario: Scenarios = "all",
    drivers: Drivers = 1_000,
    as_json: AsJson = False,
) -> None:
    """Write offers whose fate is settled: price, wait told, idle cars around, taken or not, seconds to pickup.

    Half an hour after its lock ran out an offer is settled. Quotes that name no idle cars are left out.
    """
    if source is Source.CITY:
        found = _of_city(range(first_seed, first_seed + seeds), drivers, scenario)
    else:
        since_ms = since("--days", days, DAY_MS)
        found = asyncio.run(_of_topics(since_ms) if source is Source.TOPICS else _of_database(since_ms))
    write_offers(found, output)
    taken, picked = int(found.accepted.sum()), int(found.picked.sum())
    if as_json:
        say_json({"file": str(output), "offers": found.at_ms.size, "accepted": taken, "picked_up": picked})
    else:
        say(f"{output}: {found.at_ms.size:,} offers, {taken:,} accepted, {picked:,} picked up")


def since(option: str, value: float, unit_ms: int) -> int:
    """The instant so many units ago, 0 at the earliest: a broker knows none before 1970.

    Raises CommandError naming the option if it is no finite number.
    """
    return max(0, time.time_ns() // 1_000_000 - round(finite(option, value) * unit_ms))


def finite(option: str, value: float) -> float:
    """The value of an option. Raises CommandError naming the option if it is no finite number."""
    if not math.isfinite(value):
        raise CommandError(f"{option} must be a finite number, got {value}", ExitCode.USAGE)
    return value


def read_offers(file: Path) -> "Offers":
    """The offers of a file.

    Raises CommandError naming the file.
    """
    from pricing.learning.offers import offers_of_csv

    return parsed(file, offers_of_csv)


def parsed(file: Path, of_csv: Callable[[TextIO], Rows]) -> Rows:
    """What `of_csv` makes of a file.

    Raises CommandError naming the file.
    """
    try:
        with opened(file, "r") as lines:
            return of_csv(lines)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}", ExitCode.USAGE) from error
    except (EOFError, UnicodeDecodeError, zlib.error) as error:
        raise CommandError(f"{file} cannot be read: {error}", ExitCode.USAGE) from error
    except (ValueError, OverflowError, csv.Error) as error:
        raise CommandError(f"{file}: {error}", ExitCode.USAGE) from error


def write_offers(offers: "Offers", file: Path) -> None:
    """Write the file; equal offers give equal bytes."""
    from pricing.learning.offers import csv_rows

    with opened(file, "w") as lines:
        csv.writer(lines, lineterminator="\n").writerows(csv_rows(offers))


@contextmanager
def opened(file: Path, mode: str) -> Iterator[TextIO]:
    """A text file to read or write, `mode` "r" or "w"; packed if it is named .gz."""
    import io

    with file.open(f"{mode}b") as raw:
        if file.suffix != ".gz":
            with io.TextIOWrapper(raw, encoding="utf-8", newline="") as text:
                yield text
            return
        # Neither the name nor the time of writing: the same offers are the same bytes.
        packed = gzip.GzipFile(filename="", fileobj=raw, mode=f"{mode}b", mtime=0)
        with packed, io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
            yield text


async def read_entries(
    connection: "Connection", topic: "Topic", ids: "SchemaIds", since_ms: int
) -> "AsyncIterator[Entry]":
    """Entries from `since_ms` to the topic's end that could be decoded."""
    from agents.runtime import raw_fetch
    from infra.clients.consumer import tail

    raw_fetch.install()  # anybody can write a record that aiokafka alone would meet again for ever
    async for entry in tail(connection, topic, ids, start=since_ms, follow=False):
        if entry.record is not None:
            yield entry


async def _of_topics(since_ms: int) -> "Offers":
    from infra.cli.session import open_session
    from infra.clients.registry import Registry
    from infra.clients.schema_ids import SchemaIds
    from pricing.learning.offers import offers_of
    from topics.catalogue import QUOTES, RIDE_EVENTS

    connection = open_session("train").connection
    until_ms = time.time_ns() // 1_000_000
    read: dict[str, list[Any]] = {}
    async with Registry(connection) as registry:
        for topic in (QUOTES, RIDE_EVENTS):
            entries = read_entries(connection, topic, SchemaIds(registry), since_ms)
            read[topic.name] = [entry.record async for entry in entries]
    return offers_of(read[QUOTES.name], read[RIDE_EVENTS.name], until_ms=until_ms)


async def _of_database(since_ms: int) -> "Offers":
    import orjson

    from infra.cli.session import open_session
    from infra.clients.database import connect_database, find_database
    from pricing.learning.offers import offers_of
    from topics.events import RideEventHappened, RideEventKind
    from topics.prices import QuoteAnswered, QuoteOutcome

    connection = await connect_database(find_database(open_session("train").settings))
    try:
        quotes = [orjson.loads(row["record"]) for row in await connection.fetch(_QUOTES, since_ms)]
        events = [orjson.loads(row["record"]) for row in await connection.fetch(_EVENTS, since_ms)]
    finally:
        await connection.close()
    return offers_of(
        (_record(QuoteAnswered, quote | {"outcome": QuoteOutcome(quote["outcome"])}) for quote in quotes),
        (_record(RideEventHappened, event | {"kind": RideEventKind(event["kind"])}) for event in events),
        until_ms=time.time_ns() // 1_000_000,
    )


def _record(kind: Any, said: dict[str, Any]) -> Any:  # noqa: ANN401  a record class of topics
    """The record of a row; fields of a newer release are passed over."""
    return kind(**{name: value for name, value in said.items() if name in kind.__dataclass_fields__})


def _of_city(seeds: range, drivers: int, wanted: str) -> "Offers":
    """Offers of the scenarios under the service's own pricing, one run after the other."""
    import sys

    from infra.cli.simulated_world import world_of
    from pricing.learning.offers import joined
    from simulation.lockstep.offers import recorded

    world, runs = world_of(drivers), []
    for seed in seeds:
        for scenario in scenarios_of(wanted):
            runs.append(recorded(world, scenario, seed))
            print(f"{scenario.name}, seed {seed}: {runs[-1].at_ms.size:,} offers", file=sys.stderr, flush=True)
    return joined(runs)


def scenarios_of(wanted: str) -> "list[Scenario]":
    """The scenarios of these names, with commas between, or all.

    Raises CommandError naming the unknown ones.
    """
    from simulation.lockstep.scenarios import SCENARIOS

    names = list(SCENARIOS) if wanted == "all" else wanted.split(",")
    unknown = sorted(set(names) - set(SCENARIOS))
    if unknown:
        raise CommandError(
            f"--scenario must be of {', '.join(SCENARIOS)}, or all, got {', '.join(unknown)}", ExitCode.USAGE
        )
    return [SCENARIOS[name] for name in names]

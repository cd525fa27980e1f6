"""`faretide train cars`: which cars stood where, minute by minute: what the forecast of supply is fitted on."""

import asyncio
import csv
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import CommandError
from infra.cli.offers import (
    AsJson,
    Drivers,
    FirstSeed,
    Output,
    Scenarios,
    Seeds,
    opened,
    parsed,
    read_entries,
    scenarios_of,
    since,
)
from infra.cli.output import say, say_json

if TYPE_CHECKING:
    from pricing.models.supply_recording import SupplySpan

EXAMPLES = (
    "faretide train cars --from topics --hours 72 cars.csv.gz",
    "faretide train cars --from city --first-seed 501 --scenario steady,rain cars.csv.gz",
)
HOUR_MS = 3_600_000


class Source(StrEnum):
    """Where minutes are read from."""

    TOPICS = "topics"
    CITY = "city"


def cars_command(
    output: Output,
    *,
    source: Annotated[Source, typer.Option("--from", help="topics, or city: the lockstep one.")] = Source.TOPICS,
    hours: Annotated[
        float, typer.Option(min=0.1, max=876_000.0, help="From topics: how many hours back, as far as they are kept.")
    ] = 24.0,
    first_seed: FirstSeed = 501,
    seeds: Seeds = 1,
    scenario: Scenarios = "all",
    drivers: Drivers = 1_000,
    as_json: AsJson = False,
) -> None:
    """Write idle, busy and soon free cars and accepted bookings of every cell and minute.

    From the topics a minute counts if all partitions of supply-cells and demand-cells were there and alive.
    """
    if source is Source.CITY:
        spans = _of_city(range(first_seed, first_seed + seeds), drivers, scenario)
    else:
        spans = asyncio.run(_of_topics(since("--hours", hours, HOUR_MS)))
        if not spans:
            raise CommandError(
                f"no minute of the last {hours:g} hours has counts of all partitions of supply-cells and demand-cells: "
                "are SUPPLY and DEMAND running, and did both begin within these hours? --hours reaches further back"
            )
    _write(spans, output)
    minutes = sum(span.at_ms.size for span in spans)
    if as_json:
        idle = sum(int(span.idle.sum()) for span in spans) / minutes
        say_json({"file": str(output), "spans": len(spans), "minutes": minutes, "mean_idle": round(idle, 1)})
    else:
        say(f"{output}: {minutes:,} minutes in {len(spans)} span{'s' if len(spans) > 1 else ''}")


def read_cars(file: Path) -> "list[SupplySpan]":
    """The minutes of a file.

    Raises CommandError naming the file.
    """
    from pricing.models.supply_recording import spans_of_csv

    return parsed(file, spans_of_csv)


def _write(spans: "list[SupplySpan]", file: Path) -> None:
    from pricing.models.supply_recording import csv_rows

    try:
        with opened(file, "w") as lines:
            csv.writer(lines, lineterminator="\n").writerows(csv_rows(spans))
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error


def _of_city(seeds: range, drivers: int, wanted: str) -> "list[SupplySpan]":
    """Minutes of the scenarios under the service's own pricing, one run after the other."""
    from infra.cli.simulated_world import world_of
    from simulation.lockstep.supply_minutes import minutes_of

    world, spans = world_of(drivers), []
    for seed in seeds:
        for scenario in scenarios_of(wanted):
            spans.append(minutes_of(world, scenario, seed))
            print(f"{spans[-1].name}: {spans[-1].at_ms.size} minutes", file=sys.stderr, flush=True)
    return spans


async def _of_topics(since_ms: int) -> "list[SupplySpan]":
    from infra.cli.session import open_session
    from infra.clients.registry import Registry
    from infra.clients.schema_ids import SchemaIds
    from pricing.learning.supply_log import BookingMinutes, CarMinutes, spans_of
    from topics.catalogue import DEMAND_CELLS, SUPPLY_CELLS

    connection = open_session("train").connection
    cars: dict[int, CarMinutes] = {}
    bookings: dict[int, BookingMinutes] = {}
    async with Registry(connection) as registry:
        ids = SchemaIds(registry)
        async for entry in read_entries(connection, SUPPLY_CELLS, ids, since_ms):
            of_cars = cars.get(entry.partition) or cars.setdefault(entry.partition, CarMinutes(entry.partition))
            of_cars.take(entry.record, entry.offset)
        async for entry in read_entries(connection, DEMAND_CELLS, ids, since_ms):
            booked = bookings.get(entry.partition) or bookings.setdefault(
                entry.partition, BookingMinutes(entry.partition)
            )
            booked.take(entry.record, entry.offset)
    for topic, logs in ((SUPPLY_CELLS, cars.values()), (DEMAND_CELLS, bookings.values())):
        say_passed_over(topic.name, sum(log.passed_over for log in logs))
    return spans_of(cars.values(), bookings.values()) if cars.keys() == bookings.keys() else []


def say_passed_over(topic: str, records: int) -> None:
    """Say on standard error how many records were not counted, if any."""
    if records:
        what = "record, whose arrays contradict" if records == 1 else "records, whose arrays contradict"
        print(f"{topic}: passed over {records:,} {what} each other", file=sys.stderr, flush=True)

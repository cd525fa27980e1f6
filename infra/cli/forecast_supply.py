"""`faretide forecast supply`: how many cars will stand idle where, in 5 to 60 minutes, from what the topics say now."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.cars import say_passed_over
from infra.cli.exits import CommandError
from infra.cli.offers import read_entries, since
from infra.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from infra.clients.consumer import Entry
    from pricing.models.idle_forecast import IdleForecast
    from pricing.surge.idle_outlook import CellOutlook
    from pricing.zones.zone_join import PartitionState
    from topics.control import ModelAnnounced

EXAMPLES = ("faretide forecast supply", "faretide forecast supply --top 5 --json")
HOUR_MS = 3_600_000


def supply_command(
    *,
    market: Annotated[str, typer.Option(help="The market whose model is asked.")] = "nyc",
    hours: Annotated[
        float, typer.Option(min=0.1, help="How far back to look for a complete snapshot of supply.")
    ] = 2.0,
    top: Annotated[int, typer.Option(min=1, help="So many cells, those with most idle cars first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON document.")] = False,
) -> None:
    """Forecast idle cars by cell, with p10 and p90, by the model `supply`.

    The champion's, or if there is none the one announced last. Reads supply-cells as PRICING does and changes nothing.
    Counts and forecasts are of the newest instant of the counts, which is told with its age: SUPPLY may have stopped.
    The forecast is net of riders, at prices like those of the minutes the model was fitted on.
    """
    states, announced = asyncio.run(_read(since("--hours", hours, HOUR_MS)))
    label, forecast = _forecast_of(announced, market)
    now_ms = max((zone.latest_ms for state in states for zone in state.zones.values()), default=0)
    complete = [state for state in states if state.supply.is_complete(now_ms)]
    if not complete:
        raise CommandError(
            f"no partition of supply-cells has a complete snapshot within {hours:g} hours: is SUPPLY running? "
            "--hours reaches further back"
        )
    from pricing.surge.idle_outlook import idle_outlook

    cells = [cell for state in complete for cell in idle_outlook(state, forecast, now_ms)]
    cells.sort(key=lambda cell: (-cell.idle, cell.cell))
    found = {
        "now_ms": now_ms,
        "age_ms": max(0, time.time_ns() // 1_000_000 - now_ms),
        "model": label,
        "partitions": len(states),
        "complete_partitions": len(complete),
        "idle": sum(cell.idle for cell in cells),
        "cells": [asdict(cell) | {"zone": f"{cell.zone:x}", "cell": f"{cell.cell:x}"} for cell in cells[:top]],
    }
    if as_json:
        say_json(found)
    else:
        _show(cells[:top], found)


def _forecast_of(announced: "list[ModelAnnounced]", market: str) -> "tuple[str, IdleForecast]":
    """What to call the model, and its forecast; of equal aliases the newest announcement counts, broken or not."""
    from pricing.models.behaviour_models import SUPPLY, small_choice
    from pricing.models.model_choice import CHAMPION
    from pricing.models.supply_forecast import SupplyShares

    of_supply = [one for one in announced if one.name == SUPPLY]
    champions = [one for one in of_supply if one.alias == CHAMPION]
    if not of_supply:
        raise CommandError("no model of supply is announced: see `faretide train supply`, `faretide models announce`")
    chosen = (champions or of_supply)[-1]
    choice = small_choice(chosen, 0).usable_in(market)
    label = f"{chosen.name}@{chosen.version}, the {chosen.alias}"
    if not isinstance(choice.value, SupplyShares):
        raise CommandError(f"{label}, cannot be used in {market}: {choice.fallback}")
    if choice.value.idle is None:
        raise CommandError(f"{label}, says which busy cars will be there, not how many stand idle: train it again")
    return label, choice.value.idle


async def _read(since_ms: int) -> "tuple[list[PartitionState], list[ModelAnnounced]]":
    from infra.cli.session import open_session
    from infra.clients.registry import Registry
    from infra.clients.schema_ids import SchemaIds
    from topics.catalogue import MODELS, SUPPLY_CELLS

    connection = open_session("forecast").connection
    async with Registry(connection) as registry:
        ids = SchemaIds(registry)
        announced = [entry.record async for entry in read_entries(connection, MODELS, ids, 0)]
        states, passed_over = await states_of(read_entries(connection, SUPPLY_CELLS, ids, since_ms))
    say_passed_over(SUPPLY_CELLS.name, passed_over)
    return states, announced


async def states_of(entries: "AsyncIterator[Entry]") -> "tuple[list[PartitionState], int]":
    """What stands in each partition of supply-cells, and how many records were passed over.

    A record whose arrays contradict each other changes nothing, as in pricing.
    """
    from pricing.zones.zone_join import PartitionState, apply_supply
    from pricing.zones.zone_state import KEPT_MS

    states: dict[int, PartitionState] = {}
    passed_over = 0
    async for entry in entries:
        state = states.get(entry.partition) or states.setdefault(entry.partition, PartitionState(entry.partition))
        try:
            changed = apply_supply(state, entry.record, entry.offset)
        except ValueError:
            passed_over += 1
            continue
        for zone in changed:
            state.zones[zone].forget(entry.record.now_ms - KEPT_MS)
    return [states[number] for number in sorted(states)], passed_over


def as_of(now_ms: int, age_ms: int) -> str:
    """When what is told as now was, and how long ago that is; plainly so if no policy would let a price stand on it.

    >>> as_of(1_700_000_000_000, 2_000)
    'as of 2023-11-14 22:13:20 UTC, 2 s ago'
    """
    from pricing.rules.policy_rules import RANGES

    _, longest_hold_ms = RANGES["stale_hold_ms"]
    at = f"as of {datetime.fromtimestamp(now_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC, {age_ms // 1_000:,} s ago"
    return (
        at if age_ms <= longest_hold_ms else f"{at}: that old, what is told as now may be long gone; is SUPPLY running?"
    )


def _show(cells: "list[CellOutlook]", found: dict[str, Any]) -> None:
    say(
        f"{found['idle']} idle cars, by {found['model']}; {found['complete_partitions']} of {found['partitions']} "
        f"partitions of supply-cells are complete; {as_of(int(found['now_ms']), int(found['age_ms']))}"
    )
    horizons = [f"in {later.in_min} min (p10-p90)" for later in cells[0].later] if cells else []
    rows = [
        (f"{cell.cell:x}", cell.idle, *(f"{later.mean:.1f} ({later.p10}-{later.p90})" for later in cell.later))
        for cell in cells
    ]
    say_table(("cell", "idle now", *horizons), rows)

"""`faretide forecast supply`: how many cars will stand idle where, in 5 to 60 minutes, from what the topics say now."""

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.cars import read_entries
from infra.cli.exits import CommandError
from infra.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from pricing.behaviour_models import SmallChoice
    from pricing.idle_forecast import IdleForecast
    from pricing.idle_outlook import CellOutlook
    from pricing.models import ModelBook
    from pricing.zone_join import PartitionState

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
    """Forecast idle cars by cell, with p10 and p90, by the champion of the model `supply`.

    Reads supply-cells as PRICING does and changes nothing. The forecast is net of riders, at prices like those of the
    minutes the model was fitted on.
    """
    states, book = asyncio.run(_read(time.time_ns() // 1_000_000 - round(hours * HOUR_MS)))
    choice = next(one for one in book.behaviour(market).choices if one.name == "supply")
    forecast = _forecast_of(choice, market)
    now_ms = max((zone.latest_ms for state in states for zone in state.zones.values()), default=0)
    complete = [state for state in states if state.supply.is_complete(now_ms)]
    if not complete:
        raise CommandError(
            f"no partition of supply-cells has a complete snapshot within {hours:g} hours: is SUPPLY running? "
            "--hours reaches further back"
        )
    from pricing.idle_outlook import idle_outlook

    cells = [cell for state in complete for cell in idle_outlook(state, forecast, now_ms)]
    cells.sort(key=lambda cell: (-cell.idle, cell.cell))
    found = {
        "now_ms": now_ms,
        "model": choice.label,
        "partitions": len(states),
        "complete_partitions": len(complete),
        "idle": sum(cell.idle for cell in cells),
        "cells": [asdict(cell) | {"zone": f"{cell.zone:x}", "cell": f"{cell.cell:x}"} for cell in cells[:top]],
    }
    if as_json:
        say_json(found)
    else:
        _show(cells[:top], found)


def _forecast_of(choice: "SmallChoice", market: str) -> "IdleForecast":
    from pricing.supply_forecast import SupplyShares

    if not isinstance(choice.value, SupplyShares):
        raise CommandError(
            f"no model of supply can be used in {market}: {choice.fallback}; announce one by `faretide models announce`"
        )
    if choice.value.idle is None:
        raise CommandError(
            f"{choice.label} says which busy cars will be there, not how many stand idle: train it again"
        )
    return choice.value.idle


async def _read(since_ms: int) -> "tuple[list[PartitionState], ModelBook]":
    from infra.cli.session import open_session
    from infra.clients.registry import Registry
    from infra.clients.schema_ids import SchemaIds
    from pricing.models import ModelBook
    from pricing.zone_join import PartitionState, apply_supply
    from pricing.zone_state import KEPT_MS
    from topics.catalogue import MODELS, SUPPLY_CELLS

    connection, book = open_session("forecast").connection, ModelBook()
    states: dict[int, PartitionState] = {}
    async with Registry(connection) as registry:
        ids = SchemaIds(registry)
        async for entry in read_entries(connection, MODELS, ids, 0):
            book.learn(entry.record, entry.offset)
        async for entry in read_entries(connection, SUPPLY_CELLS, ids, since_ms):
            state = states.get(entry.partition) or states.setdefault(entry.partition, PartitionState(entry.partition))
            for zone in apply_supply(state, entry.record, entry.offset):
                state.zones[zone].forget(entry.record.now_ms - KEPT_MS)
    return [states[number] for number in sorted(states)], book


def _show(cells: "list[CellOutlook]", found: dict[str, object]) -> None:
    say(
        f"{found['idle']} idle cars, by {found['model']}; {found['complete_partitions']} of {found['partitions']} "
        "partitions of supply-cells are complete"
    )
    horizons = [f"in {later.in_min} min (p10-p90)" for later in cells[0].later] if cells else []
    rows = [
        (f"{cell.cell:x}", cell.idle, *(f"{later.mean:.1f} ({later.p10}-{later.p90})" for later in cell.later))
        for cell in cells
    ]
    say_table(("cell", "idle now", *horizons), rows)

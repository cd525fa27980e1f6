"""`faretide markets`: where rides are priced, in which time zone and currency, and what is sold there."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import complain, say, say_json, say_table
from infra.cli.policy import AsJson, Author, BasedOn, DryRun, EffectiveFrom, File, Market, Reason

if TYPE_CHECKING:
    from infra.cli.control_log import ControlLog
    from pricing.rules.markets import Market as Compiled

EXAMPLES = ("faretide markets show", "faretide markets set docs/examples/london-market.json")
SET_EXAMPLES = (
    "faretide markets set docs/examples/london-market.json --dry-run",
    "faretide markets show nyc --as-file > nyc.json",
    "faretide markets set nyc.json --reason 'new fares' --effective-from 2026-11-24T06:00:00Z",
)
SHOW_EXAMPLES = ("faretide markets show", "faretide markets show nyc --as-file > nyc.json")
HISTORY_EXAMPLES = ("faretide markets history nyc",)
CHECK_EXAMPLES = ("faretide markets check",)


def set_command(
    file: File,
    author: Author = "",
    reason: Reason = "",
    effective_from: EffectiveFrom = "",
    based_on: BasedOn = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Publish the next version of a market, or its first.

    It is checked and compared with the one it replaces; nothing is published if a rule is broken, if it overlaps
    another market, if nothing differs, or if another version came out since the one it was made from.
    """
    from infra.cli.control_drafts import Said, market_draft, publish_file

    said = Said(author=author, reason=reason, effective_from=effective_from, based_on=based_on)
    publish_file("markets", file, market_draft, said, dry_run=dry_run, as_json=as_json)


def show_command(
    market: Annotated[str, typer.Argument(metavar="[MARKET]", help="Id of a market; by default all.")] = "",
    *,
    as_file: Annotated[bool, typer.Option("--as-file", help="As JSON to edit and set.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the markets in force, or one as a file."""
    from infra.cli.control_drafts import known_market, now_ms
    from infra.cli.control_files import text_of
    from infra.cli.control_log import read_log
    from topics.catalogue import MARKETS

    if as_file and not market:
        raise CommandError("--as-file needs the id of a MARKET", ExitCode.USAGE)
    log = read_log("markets")
    shown = known_market(log, market)[:1] if market else log.markets.in_force(now_ms())
    records = {one.offset: one.record for one in log.market_versions}
    if as_file:
        say(text_of(records[shown[0].offset], log.newest(MARKETS, market)))
    elif as_json:
        say_json([{"version": one.offset, "cells": len(one.jurisdiction_of), "record": records[one.offset]}
                  for one in shown])  # fmt: skip
    else:
        columns = ("market", "version", "time zone", "currency", "products", "cells by jurisdiction", "policy")
        say_table(columns, [_row(one, log, now_ms()) for one in shown])


def history_command(market: Market, *, as_json: AsJson = False) -> None:
    """List every version of a market: who defined it, why, and when it was in force."""
    from infra.cli.control_log import read_log
    from infra.cli.control_reports import show_history
    from topics.catalogue import MARKETS

    show_history(read_log("markets"), MARKETS, market, as_json=as_json)


def check_command(*, as_json: AsJson = False) -> None:
    """Check all markets and policies in force and to come against each other; exit code 1 if a rule is broken."""
    from infra.cli.control_checks import faults_of
    from infra.cli.control_drafts import now_ms
    from infra.cli.control_log import read_log

    log = read_log("markets")
    faults = faults_of(log, now_ms())
    if as_json:
        say_json({"markets": log.markets.names, "faults": faults})
    elif not faults:
        say(f"{len(log.markets.names)} markets and their policies are as they must be")
    else:
        for fault in faults:
            complain(fault)
    if faults:
        raise typer.Exit(ExitCode.FAILED)


def _row(market: "Compiled", log: "ControlLog", at_ms: int) -> tuple[object, ...]:
    held = Counter(market.jurisdiction_of.values())
    cells = ", ".join(f"{name or 'none'} {count:,}" for name, count in sorted(held.items()))
    policy = log.policies.at(market.name, at_ms)
    ruled = "built in" if policy.offset < 0 else f"version {policy.offset}{', frozen' if policy.rules.freeze else ''}"
    products = ", ".join(market.product_ids)
    return market.name, market.offset, market.time_zone, market.currency, products, cells, ruled

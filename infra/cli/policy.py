"""`faretide policy`: what bounds prices in a market, since when and why; change it, try it, freeze it."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from infra.cli.control_log import ControlLog
    from topics.control import PricingPolicySet

AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON document.")]
Market = Annotated[str, typer.Argument(metavar="MARKET", help="Id of the market, such as nyc.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="One JSON object, or - for standard input.")]
Author = Annotated[str, typer.Option(help="Who does this; by default the file's, else your login name.")]
Reason = Annotated[str, typer.Option(help="Why; by default the file's.")]
Because = Annotated[str, typer.Option("--reason", help="Why.")]
Orderer = Annotated[str, typer.Option("--author", help="Who does this; by default your login name.")]
EffectiveFrom = Annotated[
    str, typer.Option(metavar="WHEN", help="now or an instant such as 2026-11-24T06:00:00Z; by default the file's.")
]
BasedOn = Annotated[
    int | None, typer.Option(help="The newest version, which yours was made from; by default the file's.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and compare, publish nothing.")]

EXAMPLES = ("faretide policy show nyc", "faretide policy freeze nyc --reason 'prices look wrong'")
SET_EXAMPLES = (
    "faretide policy show nyc --as-file > nyc.json",
    "faretide policy set nyc.json --reason 'lower cap in New Jersey' --dry-run",
    "faretide policy set nyc.json --reason 'lower cap in New Jersey' --effective-from 2026-11-24T06:00:00Z",
)
SHOW_EXAMPLES = ("faretide policy show nyc", "faretide policy show nyc --version 3 --as-file > back.json")
HISTORY_EXAMPLES = ("faretide policy history nyc",)
DRY_RUN_EXAMPLES = ("faretide policy dry-run nyc.json --last 1h", "faretide policy dry-run nyc.json --last 10m --json")
FREEZE_EXAMPLES = ("faretide policy freeze nyc --reason 'prices look wrong'",)
UNFREEZE_EXAMPLES = ("faretide policy unfreeze nyc --reason 'the feed is back'",)
CAP_EXAMPLES = (
    "faretide policy cap nyc 1.5 --reason 'state of emergency'",
    "faretide policy cap nyc --lift --reason 'emergency over'",
)


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
    """Publish the next version of a market's policy.

    It is checked and compared with the one it replaces; nothing is published if a rule is broken, nothing differs, or
    another version came out since the one it was made from. Freeze and emergency cap stay as they are unless the file
    names them.
    """
    from infra.cli.control_drafts import Said, policy_draft, publish_file

    said = Said(author=author, reason=reason, effective_from=effective_from, based_on=based_on)
    publish_file("policy", file, policy_draft, said, dry_run=dry_run, as_json=as_json)


def show_command(
    market: Market,
    version: Annotated[int | None, typer.Option(help="This version; by default the one in force.")] = None,
    *,
    as_file: Annotated[bool, typer.Option("--as-file", help="As JSON to edit and set.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the policy in force in a market, or one of its versions."""
    from infra.cli.control_files import text_of
    from infra.cli.control_log import read_log
    from infra.cli.control_reports import differences, instant
    from pricing.rules.policy import built_in_policy
    from topics.catalogue import PRICING_POLICY

    log = read_log("policy")
    rules, offset = _version(log, market, version)
    if as_file:
        say(text_of(rules, log.newest(PRICING_POLICY, market)))
    elif as_json:
        say_json({"version": offset, "record": rules})
    else:
        by = (
            "built in" if offset < 0 else f"version {offset} by {rules.author}, from {instant(rules.effective_from_ms)}"
        )
        say(f"{market}: {by}: {rules.reason}")
        about = {"policy_id", "market", "effective_from_ms", "author", "reason", "based_on_offset"}
        plain = built_in_policy(market).rules
        values = [(one.field, one.after) for one in differences(plain, rules)]
        same = [(name, value) for name, value in asdict(rules).items() if name not in about | {"caps", "overrides"}]
        say_table(("field", "value"), sorted({**dict(same), **dict(values)}.items()))


def history_command(market: Market, *, as_json: AsJson = False) -> None:
    """List every version of a market's policy: who set it, why, and when it was in force."""
    from infra.cli.control_log import read_log
    from infra.cli.control_reports import show_history
    from topics.catalogue import PRICING_POLICY

    show_history(read_log("policy"), PRICING_POLICY, market, as_json=as_json)


def dry_run_command(
    file: File,
    last: Annotated[str, typer.Option(metavar="AGE", help="How far back, such as 10m or 1h.")] = "1h",
    top: Annotated[int, typer.Option(min=0, max=1000, help="How many cells to list.")] = 10,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a policy would have made of the ticks of the last hour.

    Every guardrail is applied again to the multipliers that the market wanted, as the ticks tell. What comes before
    the guardrails is left as it was: the wait target, floors below those then, and how riders answer other prices.
    """
    from infra.cli.control_files import read_values
    from infra.cli.dry_run import dry_run, tell

    effect = asyncio.run(dry_run(read_values(file), last))
    tell(effect, top=top, as_json=as_json)


def freeze_command(market: Market, reason: Because, author: Orderer = "", *, as_json: AsJson = False) -> None:
    """Hold every multiplier of a market at 1.00, or the cap where one is lower, from now on until `policy unfreeze`.

    Versions that are to begin later are frozen too. Overrides and locked prices stand. Quotes say so within 2 s.
    """
    _order(market, reason, author, as_json=as_json, freeze=True)


def unfreeze_command(market: Market, reason: Because, author: Orderer = "", *, as_json: AsJson = False) -> None:
    """Lift a freeze; multipliers rise again from 1.00 at the policy's rate."""
    _order(market, reason, author, as_json=as_json, freeze=False)


def cap_command(
    market: Market,
    reason: Because,
    multiplier: Annotated[
        float | None, typer.Argument(metavar="MULTIPLIER", help="No multiplier above this, such as 1.5.")
    ] = None,
    author: Orderer = "",
    *,
    lift: Annotated[bool, typer.Option("--lift", help="Lift the cap instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cap every multiplier of a market from now on, until the cap is lifted.

    Versions that are to begin later are capped too. Locked prices stand. Quotes say so within 2 s.
    """
    from infra.cli.exits import CommandError, ExitCode
    from pricing.rules.policy import HIGHEST

    if lift == (multiplier is not None):
        raise CommandError("give either a MULTIPLIER or --lift", ExitCode.USAGE)
    if multiplier is not None and not 0.01 <= multiplier <= HIGHEST / 100:  # what is no number is not within
        raise CommandError(f"MULTIPLIER must be from 0.01 to {HIGHEST / 100:.2f}, got {multiplier}", ExitCode.USAGE)
    hundredths = None if multiplier is None else round(multiplier * 100)
    _order(market, reason, author, as_json=as_json, emergency_cap_hundredths=hundredths)


def _order(market: str, reason: str, author: str, *, as_json: bool, **changes: object) -> None:
    from infra.cli.policy_orders import order, tell_order

    tell_order(asyncio.run(order(market, reason=reason, author=author, changes=changes)), as_json=as_json)


def _version(log: "ControlLog", market: str, version: int | None) -> "tuple[PricingPolicySet, int]":
    """A version and its offset, the one in force if none is named. Raises CommandError if there is no such version."""
    from infra.cli.control_drafts import known_market, now_ms
    from infra.cli.exits import CommandError
    from topics.catalogue import PRICING_POLICY

    known_market(log, market)
    if version is None:
        found = log.policies.at(market, now_ms())
        return found.rules, found.offset
    for one in log.versions(PRICING_POLICY, market):
        if one.offset == version:
            return one.record, one.offset
    raise CommandError(f"{market} has no policy version {version}: see `faretide policy history {market}`")

"""What a policy would have made of the ticks of the last hour: read from `surge.v1`, priced again, counted up."""

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from infra.cli.ages import age_ms
from infra.cli.control_drafts import Said, now_ms, policy_draft
from infra.cli.control_log import ControlLog, control_session
from infra.cli.control_reports import Difference
from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json, say_table
from infra.clients.consumer import Entry, tail
from pricing.explaining.policy_effect import QUANTILES, Changes, Effect
from pricing.explaining.what_if import Replay, published
from pricing.rules.markets import Market
from pricing.rules.policy import Policy, policy_of
from topics.catalogue import SURGE
from topics.control import PricingPolicySet
from topics.prices import SurgeTicked

ASSUMED = (
    "multipliers the market wanted are as recorded; every guardrail is applied again, each zone from its first tick on",
    "riders would not have answered other prices otherwise",
)
# Rules that act before what a tick records, and what is assumed of them.
BEFORE_THE_GUARDRAILS = {
    "wait_target_s": "the wait target stays as it was, since ticks do not carry what it was weighed against",
}


@dataclass(slots=True)
class DryRun:
    """The effect of the policy tried, and how well the same method gives what was published."""

    rules: PricingPolicySet
    assumed: list[str]
    effect: Effect = field(default_factory=Effect)
    control: Changes = field(default_factory=Changes)
    skipped: int = 0


async def dry_run(values: dict[str, Any], last: str) -> DryRun:
    """Try the policy in `values` on the ticks appended in that time. Raises CommandError if it breaks a rule."""
    back_ms = parse_age(last)
    async with control_session("policy") as session:
        log = await session.read()
        base = log.policies.succession.newest(str(values.get("market", "")))
        said = Said(reason="dry run", based_on=base, effective_from="now")
        draft = policy_draft(values, said, log, at_ms=now_ms())
        trial = _Trial(log, draft.record, draft.changes or [])
        start_ms = draft.record.effective_from_ms - back_ms
        async with aclosing(tail(session.connection, SURGE, session.ids, start=start_ms, follow=False)) as entries:
            async for entry in entries:
                trial.take(entry)
    return trial.result


class _Trial:
    """Prices the ticks of one market again, twice: under the policy tried, and under the one each was made with."""

    def __init__(self, log: ControlLog, rules: PricingPolicySet, changes: list[Difference]) -> None:
        self._policy = policy_of(rules, -1)
        self._markets: dict[int, Market] = log.markets_by_offset()
        self._policies: dict[int, Policy] = log.policies_by_offset()
        self._built_in = log.policies.at(rules.market, 0)
        self._tried, self._again = Replay(), Replay()
        self._epochs: dict[int, tuple[int, int]] = {}
        self.result = DryRun(rules, [*ASSUMED, *_assumed_of(changes)])

    def take(self, entry: Entry) -> None:
        """Take in one record of `surge.v1`; those of other markets and of zombies do not count."""
        tick: SurgeTicked | None = entry.record
        if tick is not None and (tick.market != self._policy.rules.market or self._is_zombie(tick)):
            return
        market = self._markets.get(tick.markets_offset) if tick else None
        policy = self._policies.get(tick.policy_offset, self._built_in) if tick else None
        if tick is None or market is None or policy is None:
            self.result.skipped += 1
            return
        if tick.cells:
            before = published(tick)
            self.result.effect.add(tick, market, before, self._tried.multipliers(tick, market, self._policy))
            self.result.control.add(self._again.multipliers(tick, market, policy) - before)

    def _is_zombie(self, tick: SurgeTicked) -> bool:
        epoch = tick.epoch_generation, tick.epoch_started_ms
        newest = self._epochs.setdefault(tick.zone, epoch)
        self._epochs[tick.zone] = max(newest, epoch)
        return epoch < newest


def _assumed_of(changes: list[Difference]) -> list[str]:
    """What is assumed beyond the usual, because of what the policy changes."""
    found = [said for name, said in BEFORE_THE_GUARDRAILS.items() if any(one.field == name for one in changes)]
    below = [one for one in changes if one.field.endswith("floor_hundredths") and one.after and one.after < 100]
    if below:
        found.append("a floor below those recorded lowers no multiplier, since lower ones were not looked for")
    above = [one for one in changes if one.field.endswith("cap_hundredths") and one.after and one.after > 400]
    if above:
        found.append("a cap above 4.00 and those recorded raises no multiplier, since higher ones were not looked for")
    return found


def parse_age(text: str) -> int:
    """Milliseconds of an age such as 90s, 10m, 1h, 2d.

    >>> parse_age("10m")
    600000
    """
    found_ms = age_ms(text)
    if found_ms is None:
        raise CommandError(f"--last must be an age such as 90s, 10m or 1h, got {text!r}", ExitCode.USAGE)
    return found_ms


def tell(run: DryRun, *, top: int, as_json: bool) -> None:
    """Print the effect. Raises CommandError if there was no tick to try it on."""
    effect = run.effect
    if not effect.ticks:
        raise CommandError(f"surge.v1 has no tick of {run.rules.market} in that time: nothing was compared")
    reproduced = 1.0 - run.control.share
    if as_json:
        say_json(_as_object(run, top, reproduced))
        return
    say(f"{effect.ticks:,} ticks of {len(effect.zones):,} zones, {effect.all.prices:,} prices")
    say(
        f"{effect.all.share:.1%} of prices would differ, in {len(effect.moved):,} of {len(effect.cells):,} cells; "
        "a price is one product in one cell at one tick"
    )
    groups = [("all", "", effect.all)]
    groups += [("jurisdiction", name or "none", changes) for name, changes in sorted(effect.by_jurisdiction.items())]
    groups += [("product", name, changes) for name, changes in sorted(effect.by_product.items())]
    heads = [f"{quantile:.0%}" for quantile in QUANTILES]
    say_table(("", "", "prices", "differ", *heads), [_row(*group) for group in groups], title="change where it differs")
    cells = [(f"{cell:x}", f"{mean / 100:+.3f}") for cell, mean in effect.top(top)]
    if cells:
        say_table(("cell", "mean change"), cells)
    for said in run.assumed:
        say(f"assumed: {said}")
    say(f"check: under the policies then in force the same method gives {reproduced:.2%} of what was published")
    if run.skipped:
        say(f"left out: {run.skipped:,} ticks that cannot be read or name a market or policy that is not there")


def _row(kind: str, name: str, changes: Changes) -> tuple[str, ...]:
    sizes = [f"{size / 100:+.2f}" for size in changes.quantiles()] or ["-"] * len(QUANTILES)
    return kind, name, f"{changes.prices:,}", f"{changes.share:.1%}", *sizes


def _as_object(run: DryRun, top: int, reproduced: float) -> dict[str, Any]:
    effect = run.effect
    return {
        "market": run.rules.market,
        "ticks": effect.ticks,
        "zones": len(effect.zones),
        "cells": len(effect.cells),
        "cells_changed": len(effect.moved),
        "all": _changes(effect.all),
        "by_jurisdiction": {name: _changes(changes) for name, changes in effect.by_jurisdiction.items()},
        "by_product": {name: _changes(changes) for name, changes in effect.by_product.items()},
        "top_cells": [{"cell": f"{cell:x}", "mean_change_hundredths": mean} for cell, mean in effect.top(top)],
        "assumed": run.assumed,
        "reproduced_share": reproduced,
        "skipped": run.skipped,
    }


def _changes(changes: Changes) -> dict[str, Any]:
    return {
        "prices": changes.prices,
        "changed": changes.changed,
        "share": changes.share,
        "quantiles_hundredths": {
            f"{quantile:g}": size for quantile, size in zip(QUANTILES, changes.quantiles(), strict=False)
        },
    }

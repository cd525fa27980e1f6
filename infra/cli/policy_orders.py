"""Freeze and emergency cap: an order changes the policy in force and every one to come, at once.

An order is made from whatever is newest: if somebody publishes meanwhile it is made again from that, since it changes
nothing but what it is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from infra.cli.control_drafts import Said, known_market, now_ms, renewed
from infra.cli.control_log import ControlLog, ControlSession, control_session
from infra.cli.control_reports import instant, refuse
from infra.cli.exits import CommandError
from infra.cli.output import say, say_json
from pricing.rules.markets import Market
from pricing.rules.policy import Policy
from pricing.rules.policy_rules import faults_of_policy
from topics.catalogue import PRICING_POLICY
from topics.control import PricingPolicySet

TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What an order left in force: the rules, and the versions published, none if it was so already."""

    market: str
    rules: PricingPolicySet
    versions: list[int]


async def order(market: str, *, reason: str, author: str, changes: Mapping[str, object]) -> Ordered:
    """Change these fields of the market's policy in force and of those to come.

    Raises CommandError if the market is unknown, no reason is given, or others kept publishing.
    """
    said, versions, lost = Said(author=author, reason=reason), [], 0
    async with control_session("policy") as session:
        log = await session.read()
        while due := _due(log, market, changes):
            offset, log, counts = await _next(session, log, due[0], said, changes)
            if counts:
                versions.append(offset)
            elif (lost := lost + 1) == TRIES:
                raise CommandError(f"{market} got another version {TRIES} times while this was tried: run it again")
    return Ordered(market=market, rules=log.policies.at(market, now_ms()).rules, versions=versions)


def _due(log: ControlLog, market: str, changes: Mapping[str, object]) -> list[Policy]:
    """Versions the order has yet to change, the one in force first."""
    known_market(log, market)
    at_ms = now_ms()
    versions = [log.policies.at(market, at_ms), *log.policies.after(market, at_ms)]
    return [one for one in versions if any(getattr(one.rules, name) != value for name, value in changes.items())]


async def _next(
    session: ControlSession, log: ControlLog, old: Policy, said: Said, changes: Mapping[str, object]
) -> tuple[int, ControlLog, bool]:
    """Publish the old version, changed; its offset, the log after it, and whether it counts."""
    market, at_ms = old.rules.market, now_ms()
    newest = log.newest(PRICING_POLICY, market)
    rules = renewed(old.rules, newest=newest, said=said, at_ms=at_ms, **changes)
    holding = log.markets.named(market, rules.effective_from_ms) or known_market(log, market)[0]
    refuse(_new_faults(rules, old.rules, holding, log.markets.names, at_ms))
    offset, after = await session.append(PRICING_POLICY, rules)
    [mine] = [one for one in after.versions(PRICING_POLICY, market) if one.offset == offset]
    return offset, after, not mine.problem


def _new_faults(
    rules: PricingPolicySet, old: PricingPolicySet, market: Market, markets: list[str], at_ms: int
) -> list[str]:
    """Faults that the version an order changes did not have: an emergency does not wait until those are mended."""
    same = replace(old, author="nobody", reason="none", effective_from_ms=rules.effective_from_ms)
    had = {*faults_of_policy(same, market, markets, at_ms)}
    return [each for each in faults_of_policy(rules, market, markets, at_ms) if each not in had]


def tell_order(ordered: Ordered, *, as_json: bool) -> None:
    """Print what is in force now."""
    rules = ordered.rules
    if as_json:
        say_json(
            {
                "market": ordered.market,
                "versions": ordered.versions,
                "freeze": rules.freeze,
                "emergency_cap_hundredths": rules.emergency_cap_hundredths,
                "author": rules.author,
                "reason": rules.reason,
            }
        )
        return
    cap = rules.emergency_cap_hundredths
    frozen = "frozen at 1.00" if rules.freeze else "not frozen"
    capped = "no emergency cap" if cap is None else f"emergency cap {cap / 100:.2f}"
    made = f"version {ordered.versions[0]}" if ordered.versions else "as it was already"
    say(f"{ordered.market}: {frozen}, {capped} ({made}, from {instant(rules.effective_from_ms)}, by {rules.author})")
    for offset in ordered.versions[1:]:
        say(f"version {offset} orders the same of one that is to begin later")

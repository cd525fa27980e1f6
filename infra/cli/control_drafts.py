"""From a file to the next version of a market or policy, checked, compared, and appended if it is to be."""

import asyncio
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any, Protocol

from infra.cli.control_files import login_name, parse_instant, read_values, record_of
from infra.cli.control_log import ControlLog, ControlSession, control_session
from infra.cli.control_reports import (
    Difference,
    differences,
    instant,
    known_markets,
    outrun,
    refuse,
    show_differences,
)
from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json
from pricing.rules.market_rules import faults_of_market, remarks_on_market
from pricing.rules.markets import Market, market_of
from pricing.rules.policy import policy_of
from pricing.rules.policy_rules import faults_of_policy, remarks_on_policy
from topics.catalogue import MARKETS, PRICING_POLICY, Topic
from topics.control import MarketDefined, PricingPolicySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the command line says about a version beside its file; None or empty where it says nothing."""

    author: str = ""
    reason: str = ""
    effective_from: str = ""
    based_on: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version that may be published: what it replaces, and what is worth knowing of it."""

    topic: Topic
    record: Any
    replaces: int
    changes: list[Difference] | None
    remarks: list[str]


class Drafted(Protocol):
    """A rule that makes a draft of a file's values: `policy_draft` or `market_draft`."""

    def __call__(self, values: dict[str, Any], said: Said, log: ControlLog, *, at_ms: int) -> Draft:
        """The draft at `at_ms`. Raises CommandError if it breaks a rule or was made from an older version."""
        ...


def policy_draft(values: dict[str, Any], said: Said, log: ControlLog, *, at_ms: int) -> Draft:
    """The policy in `values`, drafted at `at_ms`; freeze and cap are those in force unless the file names them.

    Raises CommandError if it breaks a rule or was made from an older version.
    """
    market_id = str(values.get("market", ""))
    filled = {"policy_id": f"{market_id}-{uuid.uuid4().hex[:12]}", **stamped(values, said, at_ms)}
    before = log.policies.at(market_id, at_ms).rules
    filled = {"freeze": before.freeze, "emergency_cap_hundredths": before.emergency_cap_hundredths, **filled}
    rules: PricingPolicySet = record_of(PRICING_POLICY, filled)
    market = log.markets.named(rules.market, max(at_ms, rules.effective_from_ms))
    refuse(faults_of_policy(rules, market, log.markets.names, at_ms))
    assert market is not None
    replaced = log.policies.at(rules.market, rules.effective_from_ms)
    _refuse_outrun(log, PRICING_POLICY, rules)
    later = log.policies.after(rules.market, rules.effective_from_ms)
    return Draft(
        topic=PRICING_POLICY,
        record=rules,
        replaces=replaced.offset,
        changes=differences(replaced.rules, policy_of(rules, -1).rules),
        remarks=[*remarks_on_policy(rules, market), *(_taking_over(one.offset, one.rules) for one in later)],
    )


def market_draft(values: dict[str, Any], said: Said, log: ControlLog, *, at_ms: int) -> Draft:
    """The market in `values`, drafted at `at_ms`.

    Raises CommandError if it breaks a rule or was made from an older version.
    """
    defined: MarketDefined = record_of(MARKETS, stamped(values, said, at_ms))
    others = [one for name in log.markets.names if name != defined.market for one in _versions_of(log, name, at_ms)]
    policies = [log.policies.at(defined.market, at_ms), *log.policies.after(defined.market, at_ms)]
    refuse(faults_of_market(defined, others, policies, at_ms))
    _refuse_outrun(log, MARKETS, defined)
    replaced = log.markets.named(defined.market, defined.effective_from_ms)
    standing = {one.offset: one.record for one in log.versions(MARKETS, defined.market)}
    remarks = remarks_on_market(market_of(defined, -1), others)
    if log.newest(PRICING_POLICY, defined.market) < 0:
        remarks.append(f"market {defined.market} has no policy: its prices do not move until `faretide policy set`")
    if replaced is not None and replaced.currency != defined.currency:
        remarks.append(f"quotes in {replaced.currency} keep their price until their lock ends")
    return Draft(
        topic=MARKETS,
        record=defined,
        replaces=replaced.offset if replaced else -1,
        changes=differences(standing[replaced.offset], defined) if replaced else None,
        remarks=remarks,
    )


def stamped(values: dict[str, Any], said: Said, at_ms: int) -> dict[str, Any]:
    """The values with who, why, from when and based on what: as said, else as in the file, else who is here and now."""
    filled = dict(values)
    filled["author"] = said.author or values.get("author") or login_name()
    filled["reason"] = said.reason or values.get("reason") or ""
    filled.setdefault("effective_from_ms", at_ms)
    if said.effective_from:
        filled["effective_from_ms"] = parse_instant(said.effective_from, now_ms=at_ms)
    if said.based_on is not None:
        filled["based_on_offset"] = said.based_on
    return filled


def publish_file(group: str, file: str, drafted: Drafted, said: Said, *, dry_run: bool, as_json: bool) -> None:
    """Draft the version in `file` from what stands now, tell what it changes, and append it unless it is a dry run.

    Raises CommandError.
    """
    values = read_values(file)

    async def run() -> None:
        async with control_session(group) as session:
            draft = drafted(values, said, await session.read(), at_ms=now_ms())
            await settle(session, draft, dry_run=dry_run, as_json=as_json)

    asyncio.run(run())


async def settle(session: ControlSession, draft: Draft, *, dry_run: bool, as_json: bool) -> None:
    """Tell what the draft changes and append it, unless it is a dry run or changes nothing."""
    if not as_json:
        _tell(draft)
    offset = None
    if not dry_run and draft.changes != []:
        offset = await append(session, draft.topic, draft.record)
    record = draft.record
    if as_json:
        say_json(
            {
                "market": record.market,
                "version": offset,
                "replaces": draft.replaces,
                "effective_from_ms": record.effective_from_ms,
                "changes": [one._asdict() for one in draft.changes or []],
                "remarks": draft.remarks,
            }
        )
    elif offset is not None:
        say(f"published as version {offset} of {record.market}, in force from {instant(record.effective_from_ms)}")
    else:
        say("nothing differs: nothing was published" if draft.changes == [] else "a dry run: nothing was published")


async def append(session: ControlSession, topic: Topic, record: Any) -> int:  # noqa: ANN401  the topic's class
    """Append a version and return its offset. Raises CommandError if it came after another made from the same."""
    offset, log = await session.append(topic, record)
    mine = next(one for one in log.versions(topic, record.market) if one.offset == offset)
    if mine.problem:
        raise outrun(log, topic, record.market, record.based_on_offset)
    return offset


def known_market(log: ControlLog, market: str) -> list[Market]:
    """The market's version in force and those to come. Raises CommandError if there is none."""
    versions = _versions_of(log, market, now_ms())
    if not versions:
        raise CommandError(f"market must be one that is defined, got {market!r}; {known_markets(log)}", ExitCode.USAGE)
    return versions


def now_ms() -> int:
    """The wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


def _versions_of(log: ControlLog, market: str, at_ms: int) -> list[Market]:
    begun = log.markets.named(market, at_ms)
    return [*([begun] if begun else []), *log.markets.after(market, at_ms)]


def _refuse_outrun(log: ControlLog, topic: Topic, record: Any) -> None:  # noqa: ANN401  the topic's class
    based_on = record.based_on_offset
    if based_on is None or based_on != log.newest(topic, record.market):
        raise outrun(log, topic, record.market, based_on)


def _taking_over(offset: int, rules: PricingPolicySet) -> str:
    return f"version {offset} by {rules.author} takes over at {instant(rules.effective_from_ms)} ({rules.reason})"


def _tell(draft: Draft) -> None:
    if draft.changes is None:
        say(f"{draft.record.market} is new")
    elif draft.changes:
        show_differences(draft.changes, "built in" if draft.replaces < 0 else f"version {draft.replaces}")
    for remark in draft.remarks:
        say(f"note: {remark}")


def renewed(rules: PricingPolicySet, *, newest: int, said: Said, at_ms: int, **changes: object) -> PricingPolicySet:
    """The next version of a policy with some of its rules changed, from the instant it would begin or from now on."""
    changed: PricingPolicySet = replace(
        rules,
        **changes,  # type: ignore[arg-type]  # fields of the record, by name
        policy_id=f"{rules.market}-{uuid.uuid4().hex[:12]}",
        effective_from_ms=max(at_ms, rules.effective_from_ms),
        author=said.author or login_name(),
        reason=said.reason,
        based_on_offset=newest,
    )
    return changed

"""What a person is shown of markets and policies: differences, histories, instants."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import complain, say_json, say_table

if TYPE_CHECKING:
    from infra.cli.control_log import ControlLog, Version
    from topics.catalogue import Topic

# What differs between any two versions and is told elsewhere.
_ABOUT_THE_VERSION = {"policy_id", "effective_from_ms", "author", "reason", "based_on_offset"}
# By what the items of a list are told apart.
_NAMED_BY = {"caps": ("jurisdiction",), "overrides": ("cell", "product"), "jurisdictions": ("jurisdiction",),
             "products": ("product",)}  # fmt: skip
_SHORTEST_UNSAID = 60


class Difference(NamedTuple):
    """One field that two versions of a record do not share; None where it is absent."""

    field: str
    before: Any
    after: Any


def differences(before: Any, after: Any) -> list[Difference]:  # noqa: ANN401  two records of one class
    """Every field that differs, named so that items of a list are found by what they are about.

    >>> from pricing.rules.policy import built_in_policy
    >>> from dataclasses import replace
    >>> rules = built_in_policy("nyc").rules
    >>> differences(rules, replace(rules, freeze=True))
    [Difference(field='freeze', before=False, after=True)]
    """
    old, new = (dict(_flat(asdict(record))) for record in (before, after))
    names = [*old, *(name for name in new if name not in old)]
    return [Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _flat(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if name in _ABOUT_THE_VERSION:
            continue
        if name not in _NAMED_BY:
            yield name, value
            continue
        for item in value:
            keys = _NAMED_BY[name]
            at = ",".join(_key(item[key]) for key in keys if item[key] != "")
            yield from ((f"{name}[{at}].{field}", inner) for field, inner in item.items() if field not in keys)


def _key(value: object) -> str:
    """A name, or the index of a cell the way H3 writes it."""
    return f"{value:x}" if isinstance(value, int) else str(value)


def show_differences(found: list[Difference], replaced: str) -> None:
    """Print a table of them; `replaced` names the version before."""
    say_table(("field", replaced, "proposed"), [(one.field, _short(one.before), _short(one.after)) for one in found])


def _short(value: object) -> str:
    if isinstance(value, list) and len(str(value)) > _SHORTEST_UNSAID:
        return f"{len(value)} points" if isinstance(value[0], dict) else f"{len(value)} values"
    return "-" if value is None else str(value)


def show_history(log: "ControlLog", topic: "Topic", market: str, *, as_json: bool) -> None:
    """Print every version of the market's record: who, why, and when it was in force."""
    versions = log.versions(topic, market)
    if not versions:
        raise CommandError(f"{topic.name} has no version for market {market!r}; {known_markets(log)}")
    spans = log.spans(topic, market)
    if as_json:
        say_json([_as_object(one, spans.get(one.offset)) for one in versions])
        return
    rows = [(one.offset, *_span(one, spans.get(one.offset)), one.record.author, _why(one)) for one in versions]
    say_table(("version", "in force from", "until", "author", "reason"), rows)


def _as_object(one: "Version", span: tuple[int, int | None] | None) -> dict[str, Any]:
    return {
        "version": one.offset,
        "appended_ms": one.appended_ms,
        "in_force_from_ms": span[0] if span else None,
        "in_force_until_ms": span[1] if span else None,
        "counts": not one.problem,
        "problem": one.problem,
        "record": one.record,
    }


def _span(one: "Version", span: tuple[int, int | None] | None) -> tuple[str, str]:
    if one.problem:
        return "never", "refused"
    if span is None:
        return "never", "replaced before it began"
    return instant(span[0]), "" if span[1] is None else instant(span[1])


def _why(one: "Version") -> str:
    ordered = []
    if getattr(one.record, "freeze", False):
        ordered.append("frozen")
    cap = getattr(one.record, "emergency_cap_hundredths", None)
    if cap is not None:
        ordered.append(f"cap {cap / 100:.2f}×")
    said = f"{one.record.reason} ({', '.join(ordered)})" if ordered else one.record.reason
    return f"{said}: {one.problem}" if one.problem else said


def instant(at_ms: int) -> str:
    """An instant for people, UTC to the second.

    >>> instant(1_396_324_800_000)
    '2014-04-01 04:00:00Z'
    """
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def known_markets(log: "ControlLog") -> str:
    """Which markets there are, for the end of a sentence."""
    names = log.markets.names
    return f"known are {', '.join(names)}" if names else "no market is defined: see `faretide markets set`"


def refuse(faults: list[str]) -> None:
    """Name each fault and end; nothing if there is none."""
    if not faults:
        return
    for fault in faults[:-1]:
        complain(fault)
    raise CommandError(faults[-1], ExitCode.USAGE)


def outrun(log: "ControlLog", topic: "Topic", market: str, based_on: int | None) -> CommandError:
    """What to say to somebody whose version is made from one that is no longer the newest."""
    newest = log.newest(topic, market)
    group = "policy" if topic.name.startswith("pricing-policy") else "markets"
    if based_on is None:
        return CommandError(
            f"based_on_offset must be given, here or by --based-on: the newest version of {market} is {newest}; begin "
            f"with `faretide {group} show {market} --as-file`",
            ExitCode.USAGE,
        )
    by = next((one for one in log.versions(topic, market) if one.offset == newest), None)
    said = f" ({by.record.author}: {by.record.reason})" if by else ""
    return CommandError(
        f"based_on_offset must be {newest}, the newest version of {market}{said}, got {based_on}: nothing took effect; "
        f"take that version into yours and say --based-on {newest}"
    )

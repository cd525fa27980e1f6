"""The plan of a replay, told to a person on one screen or to a script partition by partition."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.cli.live.wording import size
from infra.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from replay.plan import Plan, Span
    from topics.catalogue import Topic

MINUTE_MS = 60_000
ASSUMED_BYTES = "bytes are estimates: sizes on the brokers by the share of offsets that is read"
UNTOLD_BYTES = "bytes are not known: brokers tell them to whoever may Describe the cluster"
ASSUMED_SCHEMAS = "schemas are those registered; which ones records name shows when they are read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What a plan needs of one topic, by offsets; `size` is None where the brokers do not tell it.

    `snapshot` are those of which only what stood last is kept, `warm_up` the others appended before the span.
    """

    topic: "Topic"
    partitions: int
    snapshot: int
    warm_up: int
    span: int
    size: int | None


def needed(plan: "Plan") -> list[Needed]:
    """What the plan needs of each topic, in its order."""
    by_topic: dict[Topic, list[Span]] = {}
    for span in plan.spans:
        by_topic.setdefault(span.topic, []).append(span)
    return [
        Needed(
            topic=topic,
            partitions=len(spans),
            snapshot=sum(one.thinned for one in spans),
            warm_up=sum(one.records - one.thinned - one.expected for one in spans),
            span=sum(one.expected for one in spans),
            size=_summed(one.size for one in spans),
        )
        for topic, spans in by_topic.items()
    ]


def tell_plan(plan: "Plan", *, as_json: bool) -> None:
    """Print the plan."""
    topics = needed(plan)
    if as_json:
        say_json(as_object(plan, topics))
        return
    heads = ("topic × partitions", "back", "warm-up", "span", "bytes", "schema")
    rows = [
        (
            f"{one.topic.name} ×{one.partitions}",
            back(plan.warm_up_ms(one.topic)),
            f"{one.snapshot + one.warm_up:,}",
            f"{one.span:,}",
            size(one.size),
            _versions(plan.schemas.get(one.topic.name, ())),
        )
        for one in topics
    ]
    say_table(heads, rows, title="plan")
    total = _summed(one.size for one in topics)
    about = "" if total is None else f", about {size(total)},"
    records = sum(span.records for span in plan.spans)
    say(f"{records:,} records{about} of {len(topics)} topics to read, {plan.expected:,} outputs to make again")
    for one in topics:
        if one.snapshot:
            say(f"snapshot: of {one.snapshot:,} older records of {one.topic.name} what stood last of each kind")
    say(UNTOLD_BYTES if total is None else ASSUMED_BYTES)
    say(ASSUMED_SCHEMAS)
    for sentence in plan.gone:
        say(f"gone: {sentence}")


def as_object(plan: "Plan", topics: Sequence[Needed]) -> dict[str, Any]:
    """For JSON, with the offsets of every partition."""
    heads = ("topic", "partition", "warm_up_from", "from", "end", "records", "bytes_estimated")
    return {
        "from_ms": plan.from_ms,
        "to_ms": plan.to_ms,
        "zones": [f"{zone:x}" for zone in sorted(plan.zones)],
        "outputs": plan.expected,
        "records": sum(span.records for span in plan.spans),
        "bytes_estimated": _summed(one.size for one in topics),
        "gone": plan.gone,
        "topics": [
            {
                "topic": one.topic.name,
                "partitions": one.partitions,
                "warm_up_ms": plan.warm_up_ms(one.topic),
                "snapshot_records": one.snapshot,
                "warm_up_records": one.warm_up,
                "span_records": one.span,
                "bytes_estimated": one.size,
                "subject": one.topic.subject,
                "schemas": [
                    {"version": version, "id": number} for version, number in plan.schemas.get(one.topic.name, ())
                ],
            }
            for one in topics
        ],
        "spans": [
            dict(
                zip(
                    heads,
                    (one.topic.name, one.partition, one.first, one.from_offset, one.end, one.records, one.size),
                    strict=True,
                )
            )
            for one in plan.spans
        ],
    }


def back(warm_up_ms: int | None) -> str:
    """How long before the span reading begins.

    >>> back(None), back(2_010_000)
    ('whole', '34 min')
    """
    return "whole" if warm_up_ms is None else f"{-(-warm_up_ms // MINUTE_MS)} min"


def _versions(schemas: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"v{version}" for version, _ in schemas) or "none"


def _summed(sizes: Iterable[int | None]) -> int | None:
    found = list(sizes)
    known = [one for one in found if one is not None]
    return sum(known) if len(known) == len(found) else None

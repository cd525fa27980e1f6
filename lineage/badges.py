"""When a node of the graph wears a warning, and what it says.

A badge is a judgement with its evidence: code, sentence, severity. Thresholds stand beside each rule; a busy machine or
a pause of a second must not raise one, a fault that lasts must.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

STOPPED_MS = 12_000
"""Without a report, by the clock of those that do report: when the whole machine stands still, nobody has stopped."""
STARTING_MS = 60_000
"""A service never heard of may still be starting, on a slow machine behind all the others."""
STALE_MS = 15_000
STALE_PAUSES = 2
GROWTHS_NEEDED = 5
"""A silence counts when it is this many times the longest pause of a topic that was seen to grow this often."""
BEHIND_MS = 5_000
FEW_LATE = 5
LATE_SHARE = 0.02
"""Late events are no fault while they are few, or one in fifty of what came: a stuttering app or machine makes them."""
SLOW_MS: Mapping[str, float] = {"tick_ms": 500.0, "quote_ms": 2_000.0, "flush_ms": 2_000.0}
"""99 of 100 stay under these; above, prices age before they are out."""

Badge = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHealth:
    """What is known of one service; `behind_ms` over the last minute, oldest first."""

    heard: bool
    silent_ms: int
    behind_ms: Sequence[int]
    busy_share: float
    latency_ms: Mapping[str, Sequence[float]]
    refused: int
    late: int
    late_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicHealth:
    """What is known of one topic; `silent_ms` is -1 if no record of it was seen.

    `recent_rate` is records a second over the last minute; `growths` and `longest_pause_ms` are since watching began.
    `refused` and `late` are counts of the last minute, `late_share` the part of that minute's records that was late.
    """

    exists: bool
    outside: bool
    ever: bool
    silent_ms: int
    refused: int
    late: int
    late_share: float
    dead_letters: bool
    recent_rate: float
    growths: int = 0
    longest_pause_ms: int = 0


def badges_of_service(health: ServiceHealth) -> list[Badge]:
    """Warnings of a service, gravest first."""
    return list(_service(health))


def badges_of_topic(health: TopicHealth) -> list[Badge]:
    """Warnings of a topic, gravest first."""
    return list(_topic(health))


def _service(health: ServiceHealth) -> Iterator[Badge]:
    stopped = health.silent_ms > (STOPPED_MS if health.heard else STARTING_MS)
    if stopped:
        said = f"No report for {health.silent_ms // 1000} s." if health.heard else "No worker of this service reports."
        yield badge("stopped", "error", said)
    if stopped or not health.heard:
        return
    now_ms = health.behind_ms[-1] if health.behind_ms else 0
    if now_ms > BEHIND_MS:
        growing = now_ms > min(health.behind_ms[-10:]) + BEHIND_MS / 2
        said = f"Reads what was appended {now_ms / 1000:.0f} s ago" + (
            ", and falls further behind." if growing else "."
        )
        yield badge("growing lag" if growing else "behind", "error" if growing else "warning", said)
    for name, (_, high) in sorted(health.latency_ms.items()):
        limit = SLOW_MS.get(name)
        if limit is not None and (high < 0 or high > limit):
            measured = "beyond 10 s" if high < 0 else f"{high:.0f} ms"
            yield badge("slow", "warning", f"{name}: 99 % take up to {measured}; {limit:.0f} ms is still good.")
    if health.busy_share > 0.9:
        yield badge("busy", "warning", f"{health.busy_share:.0%} of a core: little is left for a peak.")
    if health.refused:
        yield badge("refusing", "warning", f"{_records(health.refused)} of its inputs refused in the last minute.")
    if _too_late(health.late, health.late_share):
        yield badge("late", "warning", f"{_records(health.late)} of its inputs late in the last minute.")


def _topic(health: TopicHealth) -> Iterator[Badge]:
    if not health.exists:
        yield badge("missing", "error", "The brokers have no such topic: create it with `faretide topics create`.")
        return
    if health.dead_letters:
        if health.recent_rate > 0:
            yield badge("dead letters", "error", "Records were refused in the last minute.")
        return
    if health.refused:
        yield badge("refused", "warning", f"{_records(health.refused)} refused by its readers in the last minute.")
    if _too_late(health.late, health.late_share):
        share = f"{health.late_share:.0%} of that minute's"
        yield badge("late", "warning", f"{_records(health.late)} too late for their panes in the last minute, {share}.")
    usual = health.growths >= GROWTHS_NEEDED
    if usual and health.silent_ms > max(STALE_MS, STALE_PAUSES * health.longest_pause_ms):
        yield badge("stale", "error", f"Nothing new for {health.silent_ms // 1000} s.")


def _too_late(late: int, share: float) -> bool:
    return late > FEW_LATE and share > LATE_SHARE


def _records(many: int) -> str:
    """A count as a sentence begins.

    >>> _records(1), _records(1200)
    ('1 record was', '1,200 records were')
    """
    return "1 record was" if many == 1 else f"{many:,} records were"


def badge(code: str, severity: str, sentence: str) -> Badge:
    """One warning as the page shows it."""
    return {"code": code, "severity": severity, "sentence": sentence}

"""What happened to each redriven record afterwards, as the topics tell.

published at p@o ──> refused again · late · answered · judged · or none of these: taken, and nothing said of it
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from infra.clients.consumer import Entry
from lineage.reader import Reader
from topics.catalogue import (
    BOOKING_DECISIONS,
    LATE_EVENTS,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    Topic,
    dead_letters_of,
    topic_named,
)

MOST = 100_000
SKEW_MS = 10_000
"""Clocks of broker and database may differ by this much."""

Row = Mapping[str, Any]
Published = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Fate:
    """One word for what happened, and a sentence about it."""

    word: str
    sentence: str


async def fates_of(reader: Reader, rows: Sequence[Row]) -> list[Fate]:
    """The fate of each audit row, in order. Raises UnreachableError."""
    published = [row for row in rows if row["published_offset"] is not None]
    told: dict[Published, Fate] = {}
    if published:
        from_ms = min(round(row["published_at"].timestamp() * 1000) for row in published) - SKEW_MS
        for name in sorted({row["source_topic"] for row in published}):
            keys = {row["record_key"] for row in published if row["source_topic"] == name}
            told |= await _answers(reader, topic_named(name), from_ms, keys)
        told |= await _refusals(reader, published, from_ms)
    return [_fate(row, told) for row in rows]


def _fate(row: Row, told: Mapping[Published, Fate]) -> Fate:
    if row["problem"] is not None:
        return Fate("not-published", row["problem"])
    if row["published_offset"] is None:
        return Fate("unknown", f"the command ended before it knew: look for the header of {row['redrive_id']}")
    place = row["source_topic"], row["published_partition"], row["published_offset"]
    return told.get(place, Fate("taken", "published, and neither refused nor late since"))


async def _refusals(reader: Reader, rows: Sequence[Row], from_ms: int) -> dict[Published, Fate]:
    """Records refused again, or late, by the place they were published at."""
    letters = [dead_letters_of(topic_named(name)) for name in sorted({row["source_topic"] for row in rows})]
    found: dict[Published, Fate] = {}
    for entry in await reader.between([*letters, LATE_EVENTS], from_ms, 2**62, most=MOST):
        said = entry.record
        if said is None:
            continue
        place = said.topic, said.partition, said.offset
        if entry.topic is LATE_EVENTS:
            found[place] = Fate("late", f"came {said.late_by_ms} ms after its pane's grace: counted nowhere")
        else:
            where = f"{entry.topic.name}@{entry.partition}@{entry.offset}"
            found[place] = Fate("refused-again", f"{said.rule} at attempt {said.attempt}: {said.sentence} ({where})")
    return found


async def _answers(reader: Reader, topic: Topic, from_ms: int, keys: set[bytes]) -> dict[Published, Fate]:
    """What the services answered to records of `topic` with those keys, by the place of the record."""
    answering = {QUOTE_REQUESTS.name: QUOTES, RIDE_EVENTS.name: BOOKING_DECISIONS}.get(topic.name)
    if answering is None:
        return {}
    starts = await reader.ends_at([answering], from_ms)
    _, ends = await reader.begins_and_ends()
    spans = {TopicPartition(*place): (first, ends[place]) for place, first in starts.items() if first < ends[place]}
    entries = await reader.spans(spans, lambda raw: raw.key in keys)
    return {place: fate for entry in entries if entry.record for place, fate in [_answered(topic, entry)]}


def _answered(topic: Topic, entry: Entry) -> tuple[Published, Fate]:
    said, where = entry.record, f"{entry.topic.name} {entry.partition}@{entry.offset}"
    if entry.topic is QUOTES:
        outcome = f"{said.outcome.lower()} {said.refusal}".strip()
        return (topic.name, entry.partition, said.request_offset), Fate("answered", f"{outcome} ({where})")
    outcome = f"{said.outcome.lower()} {said.refusal}".strip()
    return (topic.name, entry.partition, said.acceptance_offset), Fate("judged", f"{outcome} ({where})")

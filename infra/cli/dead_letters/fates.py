"""What happened to each redriven record afterwards, as the topics tell.

published at p@o ──> refused again · late · answered · judged · or none of these: taken, and nothing said of it
"""

from collections import defaultdict
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

SKEW_MS = 10_000
"""Clocks of broker and database may differ by this much."""
WITHIN_MS = 3_600_000
"""What is said of a record is said so soon, outages included: no more is read of topics that hold a week."""
ANSWERED_IN = {QUOTE_REQUESTS.name: QUOTES, RIDE_EVENTS.name: BOOKING_DECISIONS}

Row = Mapping[str, Any]
Published = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Fate:
    """One word for what happened, and a sentence about it."""

    word: str
    sentence: str


async def fates_of(reader: Reader, rows: Sequence[Row]) -> list[Fate]:
    """The fate of each audit row, in order. Raises UnreachableError."""
    together: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["published_offset"] is not None:
            together[row["redrive_id"], row["source_topic"]].append(row)
    told: dict[Published, Fate] = {}
    begins = (await reader.begins_and_ends())[0] if together else {}
    for (_, topic), published in together.items():
        told |= await _told(reader, topic_named(topic), published, begins)
    return [_fate(row, told) for row in rows]


def _fate(row: Row, told: Mapping[Published, Fate]) -> Fate:
    if row["problem"] is not None:
        return Fate("not-published", row["problem"])
    if row["published_offset"] is None:
        return Fate("unknown", f"no acknowledgement is noted: look for the header of {row['redrive_id']}")
    return told.get(_place(row), Fate("taken", "published, and neither refused nor late since"))


def _place(row: Row) -> Published:
    return row["source_topic"], row["published_partition"], row["published_offset"]


async def _told(
    reader: Reader, topic: Topic, rows: Sequence[Row], begins: Mapping[tuple[str, int], int]
) -> dict[Published, Fate]:
    """What is said of records of one redrive and topic; where topics no longer reach as far back, that.

    `begins` are the first offsets kept.
    """
    instants = [round(row["published_at"].timestamp() * 1000) for row in rows]
    from_ms, to_ms = min(instants) - SKEW_MS, max(instants) + WITHIN_MS
    telling = [dead_letters_of(topic), LATE_EVENTS]
    if topic.name in ANSWERED_IN:
        telling.append(ANSWERED_IN[topic.name])
    starts, stops = await reader.ends_at(telling, from_ms), await reader.ends_at(telling, to_ms)
    # Where what is kept begins after that instant, something may be gone; keys of letters and of records are the same.
    cut = sorted({place[0] for place, start in starts.items() if start <= begins[place] and begins[place] > 0})
    keys = {row["record_key"] for row in rows} | {b""}
    spans = {TopicPartition(*place): (start, stops[place]) for place, start in starts.items() if start < stops[place]}
    gone = Fate("forgotten", f"{' and '.join(cut)} no longer reach back to it")
    found = {_place(row): gone for row in rows} if cut else {}
    for entry in await reader.spans(spans, lambda raw: (raw.key or b"") in keys):
        if entry.record is not None:
            place, fate = _said(topic, entry)
            found[place] = fate
    return found


def _said(topic: Topic, entry: Entry) -> tuple[Published, Fate]:
    """Of which record an entry speaks, and what it says."""
    said, where = entry.record, f"{entry.topic.name} {entry.partition}@{entry.offset}"
    if entry.topic in {QUOTES, BOOKING_DECISIONS}:
        outcome = f"{said.outcome.lower()} {said.refusal}".strip()
        if entry.topic is QUOTES:
            return (topic.name, entry.partition, said.request_offset), Fate("answered", f"{outcome} ({where})")
        return (topic.name, entry.partition, said.acceptance_offset), Fate("judged", f"{outcome} ({where})")
    place = said.topic, said.partition, said.offset
    if entry.topic is LATE_EVENTS:
        return place, Fate("late", f"came {said.late_by_ms} ms after its pane's grace: counted nowhere")
    return place, Fate("refused-again", f"{said.rule} at attempt {said.attempt}: {said.sentence} ({where})")

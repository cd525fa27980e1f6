"""What was recorded beside what came out: bytes first, fields where they differ."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from replay.logs import codec_of
from replay.recording import Raw
from topics import wire
from topics.catalogue import Topic

# Fields that decide what a rider pays or is told; the others are numbers on the way there, and names of inputs.
DECISIONS = frozenset(
    {
        "amount_minor",
        "cells",
        "currency",
        "fallback",
        "multiplier_hundredths",
        "outcome",
        "products",
        "refusal",
        "smooth_hundredths",
        "valid_until_ms",
    }
)
SHOWN = 5
"""Differences of a partition told whole; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One record that came out otherwise: where it stands, what it is about, and each field as it was and is now."""

    topic: str
    partition: int
    offset: int
    about: str
    decides: bool
    fields: list[tuple[str, Any, Any]]


@dataclass(slots=True, kw_only=True)
class PartVerdict:
    """One partition of an output topic: how many records were compared, and how they came out.

    Hashes are over offset, key and value of the records that count, as recorded and as they came out.
    """

    topic: str
    partition: int
    records: int = 0
    differing: int = 0
    deciding: int = 0
    recorded_hash: str = ""
    replayed_hash: str = ""
    shown: list[Difference] = field(default_factory=list)


class Comparison:
    """Compares the records of one partition as they come."""

    def __init__(self, topic: Topic, partition: int) -> None:
        self._topic = topic
        self.verdict = PartVerdict(topic=topic.name, partition=partition)
        self._recorded, self._replayed = hashlib.sha256(), hashlib.sha256()

    def take(self, raw: Raw, recorded: Any, again: Any, *, about: str) -> bytes:  # noqa: ANN401  the topic's record class
        """Compare one record; return the value that came out, under the schema id of the recorded one."""
        verdict, value = self.verdict, raw.value or b""
        schema_id = wire.schema_id(value) or 0
        replayed = codec_of(self._topic, schema_id).encode(again)
        verdict.records += 1
        head = b"%d\x00%s\x00" % (raw.offset, raw.key or b"")
        self._recorded.update(head + value)
        self._replayed.update(head + replayed)
        if replayed != value:
            self._differs(raw, recorded, again, about)
        return replayed

    def done(self) -> PartVerdict:
        """The verdict, with its hashes."""
        self.verdict.recorded_hash, self.verdict.replayed_hash = self._recorded.hexdigest(), self._replayed.hexdigest()
        return self.verdict

    def _differs(self, raw: Raw, recorded: Any, again: Any, about: str) -> None:  # noqa: ANN401
        verdict = self.verdict
        told = differing(recorded, again) or [("bytes", "as recorded", "the same fields, other bytes")]
        decides = any(name in DECISIONS for name, _, _ in told)
        verdict.differing += 1
        verdict.deciding += decides
        if len(verdict.shown) < SHOWN:
            verdict.shown.append(
                Difference(
                    topic=verdict.topic,
                    partition=verdict.partition,
                    offset=raw.offset,
                    about=about,
                    decides=decides,
                    fields=told,
                )
            )


def differing(recorded: Any, again: Any) -> list[tuple[str, Any, Any]]:  # noqa: ANN401  records of one class
    """Fields that differ, each as it was and as it came out; lists by the first place that differs."""
    told: list[tuple[str, Any, Any]] = []
    for name in (one.name for one in fields(recorded)):
        was, now = getattr(recorded, name), getattr(again, name)
        if was != now:
            told.append((name, *_first_place(was, now)))
    return told


def _first_place(was: Any, now: Any) -> tuple[Any, Any]:  # noqa: ANN401
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        place = next(index for index, pair in enumerate(zip(was, now, strict=True)) if pair[0] != pair[1])
        return f"[{place}] {was[place]}", f"[{place}] {now[place]}"
    return was, now


def topic_hash(parts: Iterable[str]) -> str:
    """One hash of the partitions' hashes, in their order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(bytes.fromhex(part))
    return digest.hexdigest()

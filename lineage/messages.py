"""Pages of any topic, decoded: the newest, those around an instant or an offset, those that match.

A page is read on request and holds at most `MOST` records; a filter looks at no more than `LOOKED_AT` records of each
partition, and the answer says how many, so that "nothing found" is never mistaken for "nothing there".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from infra.clients.consumer import Entry
from infra.clients.errors import ClientError
from lineage.carried import zone_about
from lineage.reader import Reader
from lineage.shown import shown_entry
from topics.catalogue import Topic

MOST = 200
LOOKED_AT = 2_000

Seen = Callable[[dict[str, Any]], Any]
"""What somebody is shown of a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a page is to show. Without `before_ms` and `at` the newest; `partition` -1 means all of them.

    `from_ms` leaves out what was appended earlier: with `before_ms` it is a span, the last of which is shown.
    """

    topic: Topic
    partition: int = -1
    before_ms: int | None = None
    from_ms: int = 0
    at: tuple[int, int] | None = None
    zones: frozenset[int] = frozenset()
    """Only records about these zones; none means all, and those about no place."""
    key: str = ""
    text: str = ""
    limit: int = 50


async def page(reader: Reader, wanted: Wanted, seen: Seen = lambda entry: entry) -> dict[str, Any]:
    """Records newest first, with how many were looked at and where each partition begins and ends.

    A record matches if what is `seen` of it does: who is shown pseudonyms must not find out ids by asking for them.

    Raises ClientError if there is no such partition, UnreachableError.
    """
    begins, ends = await reader.begins_and_ends()
    numbers = [place.partition for place in reader.places[wanted.topic.name]]
    # The place, too: asked for a partition that is not there, the brokers' client tries for 40 s while all wait.
    asked = wanted.partition if wanted.at is None else wanted.at[0]
    if asked not in {-1, *numbers}:
        raise ClientError(f"partition must be one of {wanted.topic.name}'s 0 to {numbers[-1]}, got {asked}")
    looked = await _read(reader, wanted, [n for n in numbers if wanted.partition in {-1, n}], ends)
    about = [entry for entry in looked if not wanted.zones or zone_about(entry.record) in wanted.zones]
    entries = [shown_entry(entry) for entry in sorted(about, key=_newest_first)]
    matching = [entry for entry in entries if not (wanted.key or wanted.text) or _matches(seen(entry), wanted)]
    return {
        "topic": wanted.topic.name,
        "records": matching[: wanted.limit],
        "looked_at": len(looked),
        "matching": len(matching),
        "partitions": [[n, begins[wanted.topic.name, n], ends[wanted.topic.name, n]] for n in numbers],
    }


async def _read(
    reader: Reader, wanted: Wanted, numbers: Sequence[int], ends: dict[tuple[str, int], int]
) -> list[Entry]:
    if wanted.at is not None:
        partition, offset = wanted.at
        half = wanted.limit // 2
        return await reader.spans(
            {TopicPartition(wanted.topic.name, partition): (max(0, offset - half), offset + half + 1)}
        )
    most = LOOKED_AT if wanted.key or wanted.text or wanted.zones else wanted.limit
    if wanted.before_ms is not None:
        entries = await reader.between([wanted.topic], wanted.from_ms, wanted.before_ms, most=most)
        return [entry for entry in entries if entry.partition in numbers]
    spans = {n: (max(0, ends[wanted.topic.name, n] - most), ends[wanted.topic.name, n]) for n in numbers}
    return await reader.spans({TopicPartition(wanted.topic.name, n): span for n, span in spans.items()})


def _newest_first(entry: Entry) -> tuple[int, int, int]:
    return -entry.timestamp_ms, entry.partition, -entry.offset


def _matches(entry: dict[str, Any], wanted: Wanted) -> bool:
    """Whether key and content hold the texts asked for; `field=value` asks for one field."""
    if wanted.key and wanted.key not in (entry["key"] or ""):
        return False
    name, equals, value = wanted.text.partition("=")
    if equals and isinstance(entry["record"], dict) and name in entry["record"]:
        return str(entry["record"][name]) == value
    return not wanted.text or wanted.text in str(entry["record"]) or wanted.text in entry["problem"]

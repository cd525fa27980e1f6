"""Topics in files: what a recording is made of when no broker takes part."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from replay.about import About
from replay.archive import writing
from replay.records import Raw, packed, unpacked
from topics.catalogue import Topic
from topics.codec import ObjectCodec
from topics.schemas import text_of

Place = tuple[str, int]


class Spool(AbstractContextManager["Spool"]):
    """Appends records to one file per partition, at append times the caller gives; a context that closes its files."""

    def __init__(self, root: Path, partitions: Mapping[Topic, int]) -> None:
        """Every topic has so many `partitions`; schemas are numbered in their order, from 1."""
        self._root, self._partitions = root, dict(partitions)
        self._codecs = {topic: ObjectCodec(topic, number) for number, topic in enumerate(self._partitions, 1)}
        self._files: dict[Place, BinaryIO] = {}
        self._ends: dict[Place, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def schema_id(self, topic: Topic) -> int:
        """Number of the topic's schema."""
        return list(self._partitions).index(topic) + 1

    def encode(self, topic: Topic, record: Any) -> bytes:  # noqa: ANN401  the topic's record class
        """The framed value of a record."""
        return self._codecs[topic].encode(record)

    def append(self, topic: Topic, partition: int, key: bytes, value: bytes, appended_ms: int) -> int:
        """Append one value; its offset."""
        place = topic.name, partition
        if place not in self._files:
            self._files[place] = (self._root / f"{topic.name}-{partition}").open("wb")
        offset = self._ends.get(place, 0)
        self._files[place].write(packed(Raw(offset, appended_ms, key, value)))
        self._ends[place] = offset + 1
        return offset

    def pass_over(self, topic: Topic, partition: int) -> int:
        """Number a record that is not kept."""
        offset = self._ends.get((topic.name, partition), 0)
        self._ends[topic.name, partition] = offset + 1
        return offset

    def record(self, file: Path, *, code: str, from_ms: int, to_ms: int, events: tuple[Topic, ...]) -> None:
        """Write all of it as a recording; `events` are topics held from their first record on. Raises ArchiveError."""
        for each in self._files.values():
            each.flush()
        with writing(file, is_small=False) as archive:
            for topic, count in self._partitions.items():
                for number in range(count):
                    span = 0, self._ends.get((topic.name, number), 0)
                    archive.log(topic.name, number, span, self._read(topic, number))
            archive.schemas({self.schema_id(topic): text_of(topic) for topic in self._partitions})
            archive.about(
                About(
                    code=code,
                    from_ms=from_ms,
                    to_ms=to_ms,
                    partitions={topic.name: count for topic, count in self._partitions.items()} if events else {},
                    events_from_ms={topic.name: 1 for topic in events},
                )
            )

    def _read(self, topic: Topic, number: int) -> Iterator[Raw]:
        path = self._root / f"{topic.name}-{number}"
        if path.exists():
            with path.open("rb") as file:
                yield from unpacked(file)

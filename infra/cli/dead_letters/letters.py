"""Letters as they stand in the dead-letter topics, and those that a person means."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from infra.cli.output import complain
from infra.clients.connection import Connection
from infra.clients.consumer import Entry
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from lineage.reader import Reader, open_reader
from topics import wire
from topics.catalogue import DEAD_LETTERS, Topic, dead_letters_of, topic_named
from topics.codec import ObjectCodec
from topics.ledger import DeadLettered
from topics.refusals import Undecodable

MOST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which letters are meant; empty fields mean any. Times are epoch milliseconds of the letters' append."""

    topic: Topic | None = None
    error_class: str = ""
    rule: str = ""
    key: str = ""
    from_ms: int = 0
    to_ms: int = 2**62

    @property
    def places(self) -> Sequence[Topic]:
        """The dead-letter topics to look in."""
        return DEAD_LETTERS if self.topic is None else [dead_letters_of(self.topic)]

    def holds(self, letter: DeadLettered) -> bool:
        """Whether the letter is one of those meant."""
        return (
            self.error_class in {"", letter.error_class}
            and self.rule in {"", letter.rule}
            and self.key in {"", said_key(letter.key)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter where it stands; `record` is its value decoded, None if it cannot be, then `problem` says why."""

    dlq: Topic
    partition: int
    offset: int
    appended_ms: int
    letter: DeadLettered
    record: Any
    problem: str

    @property
    def place(self) -> str:
        """Where it stands, as the commands take it."""
        return f"{self.dlq.name}@{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class LetterBox:
    """Reads letters. Made by `open_letters`."""

    reader: Reader
    ids: SchemaIds

    async def find(self, wanted: Wanted) -> list[Letter]:
        """Letters meant, oldest first, of the last `MOST` of each partition; says where that may not be all.

        Raises UnreachableError.
        """
        entries = await self.reader.between(wanted.places, wanted.from_ms, wanted.to_ms, most=MOST)
        for (name, number), read in Counter((entry.topic.name, entry.partition) for entry in entries).items():
            if read >= MOST:
                complain(f"of {name} {number} the newest {MOST:,} letters were read only: --to names an earlier end")
        found = [entry for entry in entries if entry.record is not None and wanted.holds(entry.record)]
        return [await self._letter(entry) for entry in sorted(found, key=lambda entry: entry.timestamp_ms)]

    async def at(self, places: Sequence[tuple[Topic, int, int]]) -> dict[tuple[str, int, int], Letter]:
        """Letters at those places, without those no longer kept."""
        found = await self.reader.at(places)
        return {place: await self._letter(entry) for place, entry in found.items() if entry.record is not None}

    async def _letter(self, entry: Entry) -> Letter:
        record, problem = await self._decoded(entry.record)
        return Letter(
            dlq=entry.topic,
            partition=entry.partition,
            offset=entry.offset,
            appended_ms=entry.timestamp_ms,
            letter=entry.record,
            record=record,
            problem=problem,
        )

    async def _decoded(self, letter: DeadLettered) -> tuple[Any, str]:
        """The letter's value, read by the schema it names, which may have become known since."""
        schema_id = wire.schema_id(letter.value) if letter.value is not None else None
        if schema_id is not None:
            await self.ids.lookup(schema_id)
            if not self.ids.known(schema_id):
                return None, f"the registry has no Avro schema of id {schema_id}"
        try:
            codec = ObjectCodec(topic_named(letter.topic), schema_id=0)
            return codec.decode(letter.value, None if schema_id is None else self.ids.schema(schema_id)), ""
        except (Undecodable, ValueError) as error:
            return None, str(error)


@asynccontextmanager
async def open_letters(connection: Connection) -> AsyncIterator[LetterBox]:
    """A letter box on these servers. Raises UnreachableError, TopicMissingError."""
    async with Registry(connection) as registry:
        ids = SchemaIds(registry)
        async with open_reader(connection, ids) as reader:
            yield LetterBox(reader, ids)


def letter_place(text: str) -> tuple[Topic, int, int]:
    """Dead-letter topic, partition and offset of `driver-pings.v1.dlq@0@17`.

    Raises ValueError if it is no such place.

    >>> letter_place("driver-pings.v1.dlq@0@17")[1:]
    (0, 17)
    """
    name, _, rest = text.partition("@")
    partition, _, offset = rest.partition("@")
    topic = topic_named(name) if name.endswith(".dlq") else None
    if topic is None or not (partition.isdecimal() and offset.isdecimal()):
        raise ValueError(f"a letter's place must be TOPIC.dlq@PARTITION@OFFSET, got {text!r}")
    return topic, int(partition), int(offset)


def said_key(key: bytes | None) -> str:
    """A key for people; bytes that are no text are escaped."""
    return "" if key is None else key.decode(errors="backslashreplace")

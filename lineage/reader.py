"""Records read on request: single ones by place, pages of a topic, all between two instants.

One consumer outside every group serves one question after another; it commits nothing and is paused between
questions, so an idle dashboard asks the brokers for nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.runtime import raw_fetch
from infra.clients.connection import Connection
from infra.clients.consumer import Decoder, Entry, open_consumer, places_of
from infra.clients.errors import UnreachableError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.schema_ids import SchemaIds
from topics.catalogue import EVERY_TOPIC, Topic

WITHIN_S = 20.0
POLL_MS = 100

Span = tuple[int, int]
"""First offset and the one after the last."""

Keep = Callable[[ConsumerRecord], bool]
"""Whether a record, as it came, is wanted: what is not is never decoded."""


@dataclass(slots=True)
class Reader:
    """Answers one question at a time; others wait their turn."""

    connection: Connection
    ids: SchemaIds
    consumer: AIOKafkaConsumer
    places: Mapping[str, list[TopicPartition]]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _decoders: dict[str, Decoder] = field(default_factory=dict)

    async def at(self, wanted: Iterable[tuple[Topic, int, int]]) -> dict[tuple[str, int, int], Entry]:
        """Records by (topic, partition, offset); without those that are not there, or no longer. Raises ClientError."""
        found: dict[tuple[str, int, int], Entry] = {}
        rest = {place for place in wanted if place[2] >= 0 and place[1] < len(self.places[place[0].name])}
        while rest:
            # One offset of each partition at a time: a consumer stands at one place of a partition.
            turn = {(topic.name, number): (topic, number, offset) for topic, number, offset in rest}
            rest -= set(turn.values())
            spans = {TopicPartition(t.name, n): (offset, offset + 1) for t, n, offset in turn.values()}
            for entry in await self.spans(spans):
                found[entry.topic.name, entry.partition, entry.offset] = entry
        return found

    async def between(
        self,
        topics: Sequence[Topic],
        from_ms: int,
        to_ms: int,
        *,
        most: int,
        partition: int = -1,
        keep: Keep | None = None,
    ) -> list[Entry]:
        """Records of `topics` appended in [from_ms, to_ms), at most the last `most` of each partition (-1: of all).

        In order within a partition; only those that `keep` wants, the others are not decoded.
        """
        held = [place for topic in topics for place in self.places.get(topic.name, [])]
        places = [place for place in held if partition in {-1, place.partition}]
        async with self._asking("finding offsets"):
            ends = await self.consumer.end_offsets(places)
            starts = await self.consumer.offsets_for_times(dict.fromkeys(places, from_ms))
            stops = await self.consumer.offsets_for_times(dict.fromkeys(places, to_ms))
        spans: dict[TopicPartition, Span] = {}
        for place in places:
            start, stop = starts[place], stops[place]
            last = ends[place] if stop is None else stop.offset
            first = last if start is None else start.offset
            if first < last:
                spans[place] = (max(first, last - most), last)
        return await self.spans(spans, keep)

    async def spans(self, spans: Mapping[TopicPartition, Span], keep: Keep | None = None) -> list[Entry]:
        """Records of each span that `keep` wants, in order within a partition; what is no longer kept is left out."""
        if not spans:
            return []
        entries: list[Entry] = []
        async with self._asking("reading records"):
            waiting = await self._clip(spans)
            for place, (first, _) in waiting.items():
                self.consumer.seek(place, first)
            self.consumer.resume(*waiting)
            deadline_s = time.monotonic() + WITHIN_S
            while waiting and time.monotonic() < deadline_s:
                batches = await self.consumer.getmany(*waiting, timeout_ms=POLL_MS)
                if batches:
                    deadline_s = time.monotonic() + WITHIN_S
                for place, batch in batches.items():
                    last, decoder = waiting[place][1], self._decoder(place.topic)
                    wanted = [raw for raw in batch if raw.offset < last and (keep is None or keep(raw))]
                    entries += [await decoder.entry(raw) for raw in wanted]
                    await asyncio.sleep(0)  # who watches live is served between partitions
                for place in [p for p, (_, last) in waiting.items() if await self.consumer.position(p) >= last]:
                    del waiting[place]
                    self.consumer.pause(place)
        if waiting:
            raise UnreachableError(f"the brokers gave no record for {WITHIN_S:.0f} s of those asked for: try again")
        return entries

    async def _clip(self, spans: Mapping[TopicPartition, Span]) -> dict[TopicPartition, Span]:
        """The parts of the spans that the brokers still keep."""
        places = list(spans)
        begins = await self.consumer.beginning_offsets(places)
        ends = await self.consumer.end_offsets(places)
        clipped = {p: (max(first, begins[p]), min(last, ends[p])) for p, (first, last) in spans.items()}
        return {place: span for place, span in clipped.items() if span[0] < span[1]}

    async def begins_and_ends(self) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
        """First offsets kept and ends of every partition of the catalogue."""
        places = [place for held in self.places.values() for place in held]
        async with self._asking("looking at ends"):
            begins, ends = await asyncio.gather(
                self.consumer.beginning_offsets(places), self.consumer.end_offsets(places)
            )
        return {(p.topic, p.partition): o for p, o in begins.items()}, {
            (p.topic, p.partition): o for p, o in ends.items()
        }

    async def ends_at(self, topics: Sequence[Topic], at_ms: int) -> dict[tuple[str, int], int]:
        """Where each partition ended at that instant, by append time."""
        places = [place for topic in topics for place in self.places.get(topic.name, [])]
        async with self._asking("finding offsets"):
            ends = await self.consumer.end_offsets(places)
            found = await self.consumer.offsets_for_times(dict.fromkeys(places, at_ms))
        return {(p.topic, p.partition): ends[p] if stamp is None else stamp.offset for p, stamp in found.items()}

    async def ends_over(self, topic: Topic, instants: Sequence[int]) -> list[dict[tuple[str, int], int]]:
        """Where each partition of a topic ended at each of these instants, all asked for together."""
        places = self.places.get(topic.name, [])
        async with self._asking("finding offsets"):
            ends = await self.consumer.end_offsets(places)
            every = await asyncio.gather(
                *(self.consumer.offsets_for_times(dict.fromkeys(places, at_ms)) for at_ms in instants)
            )
        return [
            {(p.topic, p.partition): ends[p] if stamp is None else stamp.offset for p, stamp in found.items()}
            for found in every
        ]

    @asynccontextmanager
    async def _asking(self, doing: str) -> AsyncIterator[None]:
        async with self._turn:
            try:
                with kafka_errors(self.connection.endpoints.bootstrap, doing):
                    yield
            finally:
                # All stay assigned: a consumer forgets where topics are that it lets go, and cannot be asked of them.
                self.consumer.pause(*self.consumer.assignment())

    def _decoder(self, topic: str) -> Decoder:
        if topic not in self._decoders:
            self._decoders[topic] = Decoder(next(t for t in EVERY_TOPIC if t.name == topic), self.ids)
        return self._decoders[topic]


@asynccontextmanager
async def open_reader(connection: Connection, ids: SchemaIds) -> AsyncIterator[Reader]:
    """A reader of all topics of the catalogue. Raises UnreachableError, TopicMissingError."""
    raw_fetch.install()  # anybody can write a record that aiokafka alone would meet again for ever
    async with open_consumer(connection) as consumer:
        places = await places_of(consumer, EVERY_TOPIC)
        consumer.assign([place for held in places.values() for place in held])  # has it know every topic from now on
        consumer.pause(*consumer.assignment())
        await consumer.end_offsets(list(consumer.assignment()))  # one stopped before its assignment settled would hang
        yield Reader(connection, ids, consumer, {topic.name: held for topic, held in places.items()})

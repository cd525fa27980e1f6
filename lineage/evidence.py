"""The records a quote rests on, gathered from the topics, and from the database where the topics forgot them.

    quote ─> request, policy, market ─> tick ─> what `tick_evidence` gathers

What is no longer kept is told in a sentence and left out; the rest is explained all the same. Everything is read by the
offset that a record names; nothing is searched for but the quote's id.
"""

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from aiokafka import TopicPartition

from infra.clients.consumer import Entry
from infra.clients.errors import ClientError
from lineage.kept import Kept, KeptRecord
from lineage.tick_evidence import UNTOLD, At, Records, TickGathering
from pricing.explaining.explanation import Evidence, Place, named_by
from topics.catalogue import QUOTE_REQUESTS, QUOTES, SURGE, Topic, topic_named
from topics.prices import QuoteAnswered, SurgeTicked


class NoSuchQuoteError(ClientError):
    """There is no quote at the place, or of the id, asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A quote and what was read of it; `entries` by (topic, partition, offset) for whoever shows the records whole."""

    evidence: Evidence
    entries: Mapping[At, Entry]


class PlacedQuote(NamedTuple):
    """A quote and where it stands in quotes.v1."""

    quote: QuoteAnswered
    partition: int
    offset: int
    appended_ms: int


@dataclass(slots=True)
class Gathering:
    """Gathers the evidence of one quote."""

    records: Records
    kept: Kept | None = None
    _gone: list[str] = field(default_factory=list)
    _entries: dict[At, Entry] = field(default_factory=dict)

    async def at(self, partition: int, offset: int) -> Found:
        """Evidence of the quote at that place of quotes.v1. Raises NoSuchQuoteError, UnreachableError, ClientError."""
        return await self._of(*await self._placed_at(partition, offset))

    async def of_id(self, quote_id: str) -> Found:
        """Evidence of the quote of that id. Raises NoSuchQuoteError, UnreachableError, ClientError."""
        return await self._of(*await self.placed(quote_id))

    async def placed(self, quote_id: str) -> PlacedQuote:
        """The quote of that id: found by the database's index, else by reading all of quotes.v1.

        Raises NoSuchQuoteError, UnreachableError, ClientError.
        """
        kept = await self._kept(self.kept.quote(quote_id)) if self.kept else None
        if kept is not None:
            return await self._placed_kept(kept)
        begins, ends = await self.records.begins_and_ends()
        spans = {
            TopicPartition(name, number): (begin, ends[name, number])
            for (name, number), begin in begins.items()
            if name == QUOTES.name
        }
        needle = quote_id.encode()
        entries = await self.records.spans(spans, lambda raw: needle in (raw.value or b""))
        for entry in entries:  # the first of an id in its partition binds
            if entry.record is not None and entry.record.quote_id == quote_id:
                return await self._placed_at(entry.partition, entry.offset)
        older = "nor in the database" if self.kept else "and no database was asked for older ones"
        raise NoSuchQuoteError(f"no quote {quote_id!r} is in the records kept of {QUOTES.name}, {older}")

    async def ticked_ms(self, quote: QuoteAnswered) -> int | None:
        """When the tick of a quote was appended; None if it names none, or none that the topic keeps."""
        place = SURGE, quote.tick_partition, quote.tick_offset
        entry = (await self._read([place])).get((SURGE.name, *place[1:])) if quote.tick_offset >= 0 else None
        return entry.timestamp_ms if entry is not None and _is_of(entry.record, quote) else None

    async def _placed_at(self, partition: int, offset: int) -> PlacedQuote:
        entry = (await self._read([(QUOTES, partition, offset)])).get((QUOTES.name, partition, offset))
        if entry is not None:
            return PlacedQuote(entry.decoded(), partition, offset, entry.timestamp_ms)
        kept = await self._kept(self.kept.quote_at(partition, offset)) if self.kept else None
        if kept is None:
            raise NoSuchQuoteError(
                f"there is no quote at {partition}@{offset} of {QUOTES.name}: it was never there, or is no longer kept"
            )
        return await self._placed_kept(kept)

    async def _placed_kept(self, kept: KeptRecord) -> PlacedQuote:
        place = QUOTES.name, kept.partition, kept.offset
        entry = (await self._read([(QUOTES, kept.partition, kept.offset)])).get(place)
        if entry is None or entry.record != kept.record:
            self._gone.append(f"the quote is no longer in {QUOTES.name}: it is told from the database")
        return PlacedQuote(kept.record, kept.partition, kept.offset, kept.appended_ms)

    async def _of(self, quote: QuoteAnswered, partition: int, offset: int, appended_ms: int) -> Found:
        place = Place(part="quote", topic=QUOTES.name, partition=partition, offset=offset)
        named = named_by(quote, partition)
        found = await self._read((topic_named(one.topic), one.partition, one.offset) for one in named)
        for one in named:
            if one.part != "tick" and (one.topic, one.partition, one.offset) not in found:
                self._gone.append(f"the {one.part}, {one.topic} {one.partition}@{one.offset}, is no longer kept")
        request = found.get((QUOTE_REQUESTS.name, partition, quote.request_offset))
        evidence = Evidence(
            quote=quote,
            quote_place=place,
            quote_appended_ms=appended_ms,
            request=request.record if request else None,
            request_appended_ms=request.timestamp_ms if request else 0,
        )
        evidence = await self._with_tick(evidence)
        return Found(evidence=replace(evidence, gone=self._gone), entries=self._entries)

    async def _with_tick(self, evidence: Evidence) -> Evidence:
        quote = evidence.quote
        if quote.tick_offset < 0:
            return evidence
        place = (SURGE.name, quote.tick_partition, quote.tick_offset)
        said = f"the tick, {SURGE.name} {quote.tick_partition}@{quote.tick_offset}, is no longer"
        entry = self._entries.get(place)
        if entry is not None and _is_of(entry.record, quote):
            return await self._computed_again(evidence, entry.record, entry.timestamp_ms)
        kept = await self._kept(self.kept.tick(*place[1:], near_ms=quote.tick_now_ms)) if self.kept else None
        if kept is None or not _is_of(kept.record, quote):
            self._gone.append(f"{said} kept: {UNTOLD}")
            return evidence
        self._gone.append(f"{said} in the topic and is told from the database")
        return await self._computed_again(evidence, kept.record, kept.appended_ms)

    async def _computed_again(self, evidence: Evidence, tick: SurgeTicked, appended_ms: int) -> Evidence:
        gathering = TickGathering(self.records, self._gone)
        again, origins = await gathering.recomputed(tick, evidence.quote.tick_partition)
        return replace(evidence, tick=tick, tick_appended_ms=appended_ms, recomputed=again, origins=origins)

    async def _kept(self, asking: Awaitable[KeptRecord | None]) -> KeptRecord | None:
        """What the database answers; one that cannot answer is told, and the topics may know all the same."""
        try:
            return await asking
        except ClientError as error:
            self._gone.append(str(error))
            return None

    async def _read(self, wanted: Iterable[tuple[Topic, int, int]]) -> dict[At, Entry]:
        found = await self.records.at(wanted)
        self._entries.update(found)
        return found


def _is_of(tick: SurgeTicked | None, quote: QuoteAnswered) -> bool:
    """Whether it is the tick the quote was priced with: a topic made anew has other records at the same places."""
    return tick is not None and (tick.zone, tick.now_ms) == (quote.zone, quote.tick_now_ms)

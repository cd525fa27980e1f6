"""A recording without the people in it that still replays to the byte.

Ids are replaced by a keyed hash. Those derived from others (a quote's from its request's, a decision's from its
quote's) are derived again from the replaced ones, in inputs and expected outputs alike, so the rules make the same of
them. Headers, which may name ids, are left out, and so is the reason given for a policy or market: no output rests on
it. Coordinates stay: prices depend on them.
"""

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pricing.quotes.bookings import decision_id_of
from pricing.quotes.quote import quote_id_of
from replay.archive import Archive, ArchiveError, copied
from replay.contracts import Contracts
from replay.records import Raw
from topics.catalogue import (
    BOOKING_DECISIONS,
    DRIVER_PINGS,
    MARKETS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    Topic,
    topic_named,
)
from topics.events import RideEventHappened
from topics.prices import BookingJudged
from topics.schemas import schema_of
from topics.validity import LONGEST_TEXT_BYTES
from topics.wire import schema_id

ABOUT_PEOPLE = (QUOTES, QUOTE_REQUESTS, RIDE_EVENTS, BOOKING_DECISIONS, PRICING_POLICY, MARKETS, DRIVER_PINGS)


@dataclass(slots=True)
class Pseudonyms:
    """Replaces ids in the records of one file, all by the same key."""

    archive: Archive
    key: bytes
    _contracts: Contracts = field(init=False)
    _quotes: dict[str, str] = field(default_factory=dict)
    _events: dict[tuple[str, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._contracts = Contracts(self.archive.schemas)
        for number in self.archive.about.numbers(QUOTES.name):
            for raw in self.archive.log(QUOTES.name, number):
                quote = self._contracts.decode(QUOTES, raw.value)
                if quote is not None:
                    self._quotes[quote.quote_id] = quote_id_of(self.name(quote.request_id))
        for number in self.archive.about.numbers(RIDE_EVENTS.name):
            for raw in self.archive.log(RIDE_EVENTS.name, number):
                event = self._contracts.decode(RIDE_EVENTS, raw.value)
                if event is not None:
                    self._events[event.rider_id, raw.offset] = self.name(event.event_id)

    def name(self, identity: str) -> str:
        """The pseudonym of one id; nothing stays nothing, and what is too long to be taken stays so."""
        encoded = identity.encode()
        shortest = LONGEST_TEXT_BYTES + 1 if len(encoded) > LONGEST_TEXT_BYTES else 0
        return self._hashed(encoded).ljust(shortest, "0")

    def _hashed(self, said: bytes) -> str:
        return blake2b(said, key=self.key, digest_size=16).hexdigest() if said else ""

    def _key(self, recorded: bytes | None, before: str, after: str) -> bytes | None:
        """The altered id where the key was the id; another key stays another, so that the record stays refused."""
        if recorded is None:
            return None
        return after.encode() if recorded == before.encode() else self._hashed(recorded).encode()

    def quote_id(self, quote_id: str) -> str:
        """The quote id derived from the replaced request's, of a quote that is held; the pseudonym of any other."""
        return self._quotes.get(quote_id) or self.name(quote_id)

    def alter(self, name: str, raw: Raw) -> Raw | None:
        """The record without people; of one that nobody can read the place is left. Raises ArchiveError."""
        topic = topic_named(name)
        if topic not in ABOUT_PEOPLE:
            return raw._replace(headers=())
        record = self._contracts.decode(topic, raw.value)
        if record is None:
            return Raw(raw.offset, raw.appended_ms, None, b"")
        self._refuse_other_schemas(topic, raw)
        altered = self._record(topic, record)
        about = "driver_id" if topic is DRIVER_PINGS else "rider_id"
        key = raw.key
        if hasattr(record, about):
            key = self._key(raw.key, getattr(record, about), getattr(altered, about))
        return raw._replace(key=key, value=self._contracts.encode(topic, altered, raw.value), headers=())

    def _record(self, topic: Topic, record: Any) -> Any:  # noqa: ANN401  the topic's record class
        if topic in {PRICING_POLICY, MARKETS}:
            return replace(record, author=self.name(record.author), reason="")
        if topic is DRIVER_PINGS:
            return replace(record, driver_id=self.name(record.driver_id))
        altered = replace(record, rider_id=self.name(record.rider_id))
        if topic is QUOTE_REQUESTS:
            return replace(altered, request_id=self.name(record.request_id))
        if topic is QUOTES:
            return replace(altered, request_id=self.name(record.request_id), quote_id=self._quotes[record.quote_id])
        return self._event(altered) if topic is RIDE_EVENTS else self._decision(record, altered)

    def _event(self, event: RideEventHappened) -> RideEventHappened:
        quote_id = None if event.quote_id is None else self.quote_id(event.quote_id)
        driver_id = None if event.driver_id is None else self.name(event.driver_id)
        event_id, ride_id = self.name(event.event_id), self.name(event.ride_id)
        return replace(event, event_id=event_id, ride_id=ride_id, quote_id=quote_id, driver_id=driver_id)

    def _decision(self, recorded: BookingJudged, altered: BookingJudged) -> BookingJudged:
        quote_id = self.quote_id(recorded.quote_id)
        event_id = self._events.get((recorded.rider_id, recorded.acceptance_offset), "") if recorded.refusal else ""
        return replace(
            altered,
            quote_id=quote_id,
            ride_id=self.name(recorded.ride_id),
            decision_id=decision_id_of(quote_id, event_id),
        )

    def _refuse_other_schemas(self, topic: Topic, raw: Raw) -> None:
        """A field that this version does not know might name somebody."""
        number = schema_id(raw.value or b"")
        known = {field["name"] for field in schema_of(topic)["fields"]}
        written = self.archive.schemas[number] if number is not None else {"fields": []}
        if unknown := sorted({field["name"] for field in written["fields"]} - known):
            raise ArchiveError(
                f"{topic.name} holds records of a newer schema with {', '.join(unknown)}: they cannot be pseudonymised"
            )


def pseudonymised(source: Archive, target: Path, key: bytes) -> None:
    """Write a file like `source` without people. Raises ArchiveError."""
    names = Pseudonyms(source, key)
    copied(source, target, names.alter, pseudonymised=True, quote_id=names.quote_id(source.about.quote_id))

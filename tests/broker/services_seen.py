"""Every record of the catalogue's topics, as found once a load has been worked off."""

import asyncio
from dataclasses import dataclass
from typing import Any

from infra.clients.connection import Connection
from infra.clients.consumer import Edge, Entry, tail
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from tests.broker.services_load import FAULT
from tests.recount import lockstep
from topics.catalogue import (
    BOOKING_DECISIONS,
    CITY_DEMAND,
    DEAD_LETTERS,
    DEMAND_CELLS,
    DRIVER_PINGS,
    FORECAST_STATE,
    LATE_EVENTS,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
    TELEMETRY,
    Topic,
)

READ = (
    QUOTE_REQUESTS,
    RIDE_EVENTS,
    QUOTES,
    BOOKING_DECISIONS,
    LATE_EVENTS,
    SUPPLY_CELLS,
    DEMAND_CELLS,
    CITY_DEMAND,
    SURGE,
    FORECAST_STATE,
    MARKETS,
    PRICING_POLICY,
    MODELS,
    TELEMETRY,
    *DEAD_LETTERS,
)

Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """Every record of the catalogue's topics; pings, of which there may be millions, as columns."""

    entries: dict[str, list[Entry]]
    pings: lockstep.Pings | None = None

    @property
    def ping_count(self) -> int:
        """How many pings there are."""
        return 0 if self.pings is None else int(self.pings.offset.size)

    def ping_places(self, rows: Any) -> set[Place]:
        """Where the pings stand that `rows` marks."""
        if self.pings is None:
            return set()
        where = zip(self.pings.partition[rows].tolist(), self.pings.offset[rows].tolist(), strict=True)
        return {(DRIVER_PINGS.name, partition, offset) for partition, offset in where}

    def of(self, topic: Topic) -> list[Entry]:
        """Return the entries of a topic, each partition in order."""
        return self.entries[topic.name]

    def records(self, topic: Topic) -> list[Any]:
        """Return its records, all of which can be read."""
        return [entry.decoded() for entry in self.of(topic)]

    def good(self, topic: Topic) -> list[Entry]:
        """Return the entries not broken on purpose."""
        return [entry for entry in self.of(topic) if not fault_of(entry)]


async def seen(connection: Connection) -> Seen:
    """Read all there is."""
    found = {}
    async with Registry(connection) as registry:
        ids = SchemaIds(registry)
        for topic in READ:
            entries = tail(connection, topic, ids, start=Edge.EARLIEST, follow=False)
            found[topic.name] = sorted([e async for e in entries], key=lambda e: (e.partition, e.offset))
    servers = connection.endpoints
    pings = await asyncio.to_thread(lockstep.pings_of, servers.bootstrap, servers.registry_url)
    return Seen(found, pings and pings._replace(value=[]))


def fault_of(entry: Entry) -> str:
    """Return what the load broke about the record, "" if nothing."""
    return next(((value or b"").decode() for name, value in entry.headers if name == FAULT), "")


def place_of(entry: Entry) -> Place:
    """Return where a record stands."""
    return entry.topic.name, entry.partition, entry.offset

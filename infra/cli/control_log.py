"""Markets and policies as every worker sees them, read whole, and the next version appended.

Kafka cannot append on a condition. The condition therefore stands in the record: it says which version it was made
from, and every reader, this one too, lets it count only if that one was still the newest when it was appended
(`pricing.rules.versions`). A command appends, reads what came before, and so knows whether it won. A record of another
writer that names no version counts in any case; the command that comes after it is told.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.cli.session import open_session
from infra.clients.connection import Connection
from infra.clients.consumer import Edge, Entry, tail
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from pricing.rules.markets import Market, MarketBook, market_of
from pricing.rules.policy import Policy, PolicyBook, policy_of
from pricing.rules.versions import Scheduled, spans_of
from topics.catalogue import MARKETS, PRICING_POLICY, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One record of a control topic; `problem` says why it does not count, empty if it does."""

    offset: int
    appended_ms: int
    record: Any
    problem: str


@dataclass(slots=True)
class ControlLog:
    """All of both topics; the books hold what counts."""

    markets: MarketBook = field(default_factory=MarketBook)
    policies: PolicyBook = field(default_factory=PolicyBook)
    market_versions: list[Version] = field(default_factory=list)
    policy_versions: list[Version] = field(default_factory=list)

    def versions(self, topic: Topic, market: str) -> list[Version]:
        """Versions of one market that could be decoded, in order of offset."""
        every = self.market_versions if topic is MARKETS else self.policy_versions
        return [one for one in every if one.record is not None and one.record.market == market]

    def newest(self, topic: Topic, market: str) -> int:
        """Offset of the newest version that counts; -1 if there is none."""
        return (self.markets if topic is MARKETS else self.policies).succession.newest(market)

    def spans(self, topic: Topic, market: str) -> dict[int, tuple[int, int | None] | None]:
        """When each version that counts was in force, by offset."""
        counting = [one for one in self.versions(topic, market) if not one.problem]
        return spans_of(
            Scheduled(offset=one.offset, appended_ms=one.appended_ms, effective_from_ms=one.record.effective_from_ms)
            for one in counting
        )

    def markets_by_offset(self) -> dict[int, Market]:
        """Every version of every market that counts, as a tick names it."""
        return {one.offset: market_of(one.record, one.offset) for one in self.market_versions if not one.problem}

    def policies_by_offset(self) -> dict[int, Policy]:
        """Every version of every policy that counts, as a tick names it."""
        return {one.offset: policy_of(one.record, one.offset) for one in self.policy_versions if not one.problem}


@dataclass(frozen=True, slots=True)
class ControlSession:
    """Reads and appends to the control topics; made by `control_session`."""

    connection: Connection
    ids: SchemaIds
    publisher: Publisher

    async def read(self) -> ControlLog:
        """Both topics up to their ends as of now."""
        log = ControlLog()
        log.market_versions, log.policy_versions = await asyncio.gather(
            self._versions(MARKETS, log.markets.learn), self._versions(PRICING_POLICY, log.policies.learn)
        )
        return log

    async def append(self, topic: Topic, record: Any) -> tuple[int, ControlLog]:  # noqa: ANN401  the topic's class
        """Append a version; its offset, and the log up to it at least, which says whether it counts."""
        [written] = await self.publisher.written(topic, [await self.publisher.publish(topic, record)])
        return written.offset, await self.read()

    async def _versions(self, topic: Topic, learn: Callable[[Any, int], None]) -> list[Version]:
        async with aclosing(tail(self.connection, topic, self.ids, start=Edge.EARLIEST, follow=False)) as entries:
            return [_learnt(entry, learn) async for entry in entries]


def _learnt(entry: Entry, learn: Callable[[Any, int], None]) -> Version:
    """The version, put to the rule that workers put it to."""
    problem = entry.problem
    if entry.record is not None:
        try:
            learn(entry.record, entry.offset)
        except ValueError as error:
            problem = str(error)
    return Version(offset=entry.offset, appended_ms=entry.timestamp_ms, record=entry.record, problem=problem)


@asynccontextmanager
async def control_session(command: str) -> AsyncIterator[ControlSession]:
    """A session on the configured servers, for the command of that name. Raises ClientError and its kind."""
    connection = open_session(command).connection
    async with Registry(connection) as registry:
        schema_ids = await registry.ids_of([MARKETS, PRICING_POLICY])
        async with Publisher(connection, schema_ids, source=f"faretide/{command}", linger_ms=0) as publisher:
            yield ControlSession(connection, SchemaIds(registry), publisher)


def read_log(command: str) -> ControlLog:
    """Both control topics as they stand, for a command that only shows. Raises ClientError and its kind."""

    async def run() -> ControlLog:
        async with control_session(command) as session:
            return await session.read()

    return asyncio.run(run())

"""Everything one dashboard holds, and the questions its page may ask.

A question is a name and an async function from query parameters to JSON; it raises ValueError for parameters that make
no sense, ClientError for what cannot be answered. An operation is the same for operators alone, who may change things
by it; those are given by whoever starts the dashboard, for it writes nothing itself.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from infra.clients.connection import Connection
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from lineage.carried import carried
from lineage.evidence import Gathering
from lineage.explain import story_of
from lineage.hub import Hub
from lineage.kept import Kept
from lineage.marks import Marks
from lineage.messages import MOST, Seen, Wanted, page
from lineage.panes import panes_of
from lineage.past import boards_at
from lineage.pseudonyms import Pseudonyms
from lineage.reader import Reader, open_reader
from lineage.shown import place_of
from lineage.state import State
from lineage.volume import volume
from lineage.watching import Watching, now_ms
from topics.catalogue import topic_named
from topics.schemas import schema_of

HOUR_MS = 3_600_000
BARS = "60"
"""Bars of a volume, where the page does not say."""
Asked = Mapping[str, str]
Question = Callable[[Asked], Awaitable[Any]]
Operation = Callable[[Mapping[str, Any], str], Awaitable[Any]]
"""From a JSON object and who asks to the answer."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """One dashboard."""

    state: State
    hub: Hub
    watching: Watching
    reader: Reader
    browser: Reader
    """A second reader: a person's questions must not hold up the live view, nor the other way round."""
    pseudonyms: Pseudonyms
    kept: Kept | None
    """The recorder's tables, asked for what the topics forgot; None where no database is configured."""
    operations: Mapping[str, Operation] = field(default_factory=dict)
    marks: Marks = field(init=False)
    questions: Mapping[str, Question] = field(init=False)
    for_viewers: Mapping[str, Question] = field(init=False)
    """The same questions for those who are shown pseudonyms: they find people by these alone."""

    def __post_init__(self) -> None:
        self.marks = Marks(self.browser)
        self.questions = {
            "status": self._status,
            "quote": self._quote,
            "find-quote": self._find_quote,
            "messages": self._messages,
            "volume": self._volume,
            "carried": self._carried,
            "schema": self._schema,
            "cell": self._cell,
            "at": self._at,
            "marks": self._marks,
        }
        self.for_viewers = self.questions | {
            "find-quote": self._find_quote_by_pseudonym,
            "messages": partial(self._messages, seen=self.pseudonyms.hide),
        }

    async def _status(self, _asked: Asked) -> Any:  # noqa: ANN401  JSON
        return {
            "now_ms": now_ms(),
            "clients": len(self.hub.clients),
            "trouble": self.watching.trouble,
            "operations": sorted(self.operations),
            "raised": self.state.flows.lasting.raised if self.state.flows.lasting else [],
        }

    async def _quote(self, asked: Asked) -> Any:  # noqa: ANN401
        return story_of(await Gathering(self.browser, self.kept).at(*place_of(asked.get("place", ""))))

    async def _find_quote(self, asked: Asked) -> Any:  # noqa: ANN401
        """Where the quote of that id stands among the newest answers; `place` is null if it does not."""
        told = asked.get("id", "")
        for row in reversed(self.state.answers.rows.values()):
            if told and told == row["quote_id"]:
                return {"place": row["place"]}
        return await self._find_quote_by_pseudonym(asked)

    async def _find_quote_by_pseudonym(self, asked: Asked) -> Any:  # noqa: ANN401
        told = asked.get("id", "")
        for row in reversed(self.state.answers.rows.values()):
            if told and told == self.pseudonyms.name(row["quote_id"]):
                return {"place": row["place"]}
        return {"place": None}

    async def _messages(self, asked: Asked, seen: Seen = lambda entry: entry) -> Any:  # noqa: ANN401
        before = asked.get("before_ms")
        return await page(
            self.browser,
            Wanted(
                topic=topic_named(asked.get("topic", "")),
                partition=int(asked.get("partition", "-1")),
                before_ms=int(before) if before else None,
                from_ms=int(asked.get("from_ms") or "0"),
                at=place_of(asked["place"]) if asked.get("place") else None,
                zones=frozenset(int(zone, 16) for zone in asked.get("zones", "").split(",") if zone),
                key=asked.get("key", ""),
                text=asked.get("text", ""),
                limit=min(max(int(asked.get("limit", "50")), 1), MOST),
            ),
            seen,
        )

    async def _volume(self, asked: Asked) -> Any:  # noqa: ANN401
        until = int(asked.get("to_ms") or now_ms())
        return await volume(
            self.browser,
            topic_named(asked.get("topic", "")),
            from_ms=until - int(asked.get("span_ms") or HOUR_MS),
            to_ms=until,
            bars=int(asked.get("bars", BARS)),
            partition=int(asked.get("partition", "-1")),
        )

    async def _carried(self, asked: Asked) -> Any:  # noqa: ANN401
        """Which zones the newest records of some topics are about."""
        at_ms = int(asked.get("ms") or now_ms())
        names = [name for name in asked.get("topics", "").split(",") if name]
        return {name: await carried(self.browser, topic_named(name), at_ms=at_ms) for name in names}

    async def _schema(self, asked: Asked) -> Any:  # noqa: ANN401
        """The schema this version writes, and every version the registry holds."""
        topic = topic_named(asked.get("topic", ""))
        async with Registry(self.watching.connection) as registry:
            state, versions = await registry.state(topic), await registry.versions(topic)
        return {
            "subject": topic.subject,
            "schema": schema_of(topic),
            "schema_id": state.schema_id,
            "versions": [
                {"version": version, "id": schema_id, "schema": orjson.loads(text)}
                for version, schema_id, text in versions
            ],
            "compatibility": state.compatibility,
            "faults": state.faults,
        }

    async def _cell(self, asked: Asked) -> Any:  # noqa: ANN401
        try:
            cell = int(asked.get("cell", ""), 16)
        except ValueError:
            raise ValueError(f"cell must be an H3 index in hexadecimal, got {asked.get('cell')!r}") from None
        at_ms = int(asked.get("ms") or now_ms())
        panes = await panes_of(self.browser, cell, at_ms=at_ms)
        return {"history": self.state.city.past_of(cell), "panes": panes}

    async def _marks(self, asked: Asked) -> Any:  # noqa: ANN401
        """When policy, market and model were set and workers began, for the time line."""
        until = int(asked.get("to_ms") or now_ms())
        self.marks.heard(worker.newest for worker in self.state.flows.samples.workers.values())
        return await self.marks.between(int(asked.get("from_ms") or until - HOUR_MS), until)

    async def _at(self, asked: Asked) -> Any:  # noqa: ANN401
        at_ms = int(asked.get("ms", ""))
        boards, gone = await boards_at(self.browser, at_ms, self.kept)
        return {"at_ms": at_ms, "boards": boards, "gone": gone}


@asynccontextmanager
async def open_desk(
    connection: Connection, kept: Kept | None = None, operations: Mapping[str, Operation] | None = None
) -> AsyncIterator[Desk]:
    """A desk on these servers; nothing is read until its tasks run. Raises UnreachableError, TopicMissingError."""
    async with Registry(connection) as registry:
        ids = SchemaIds(registry)
        async with open_reader(connection, ids) as reader, open_reader(connection, ids) as browser:
            state, pseudonyms = State(), Pseudonyms()
            yield Desk(
                state=state,
                hub=Hub(state.boards.values(), pseudonyms, clock_ms=now_ms),
                watching=Watching(connection, ids, reader, state),
                reader=reader,
                browser=browser,
                pseudonyms=pseudonyms,
                kept=kept,
                operations=operations or {},
            )

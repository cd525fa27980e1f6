"""Counts made again from pings, requests and decisions: flush by flush, each from exactly the events it names.

    flush of the recording ──> read events up to its offsets ──> the service says what it says at that instant
                                                                 └> beside each recorded record its own, or none

An epoch that began in the recording begins where its worker began to read. One that began before is warmed up: what it
says counts once every driver it may count has pinged since events are held, and each pane from the first two-minute
boundary on that is held in full. Until then counts stay as recorded.

    events held   ├── 50 s ──┬──────────────> supply
                  ├─ 20 s ─┬─┴─ bucket ─┬───> demand, panes from here on

What the recorded epoch left unsaid in its last flush may have been cut off by a kill or by the end of the recording,
and is left unsaid.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from agents.counts_again import INPUTS, OUTPUTS, CountingAgain, Delivered, SourceAgain, opener
from agents.runtime.counting import FETCHED_LATELY_MS, Outgoing, Source
from demand.rewind import complete_from
from demand.rewind import rewind_start as demand_rewind
from replay.archive import Archive
from replay.contracts import Contracts
from replay.flushes import EpochHeard, Flush, FlushLists, Heard, Said
from replay.outputs import OutputLog
from replay.outputs import made as written
from replay.records import Raw
from supply.fleet import rewind_start as supply_rewind
from topics.catalogue import Topic
from topics.counts import CountKind
from windows.panes import BUCKET_MS, GRACE_MS, PANE_MS

MOST_RECORDS = 4_000
EXTRA = (("not-recorded", None),)
"""Header of an own record that stands beside none of the recording."""
Place = tuple[str, int]


@dataclass(slots=True)
class EventLog:
    """One partition of one input, read forward; `records` is what is held of it."""

    records: Iterator[Raw]
    _next: Raw | None = None

    def __post_init__(self) -> None:
        self._next = next(self.records, None)

    def skip(self, before_ms: int, offset: int) -> None:
        """Pass over what was appended before that instant, but for the record at `offset` and those after it."""
        while (raw := self._next) is not None and raw.appended_ms < before_ms and (offset < 0 or raw.offset < offset):
            self._next = next(self.records, None)

    def through(self, offset: int, partition: int) -> Iterator[list[Delivered]]:
        """What was not read yet up to and including `offset`, in runs."""
        run: list[Delivered] = []
        while (raw := self._next) is not None and raw.offset <= offset:
            run.append(Delivered(partition, raw.offset, raw.appended_ms, raw.key, raw.value, raw.headers))
            self._next = next(self.records, None)
            if len(run) == MOST_RECORDS:
                yield run
                run = []
        if run:
            yield run

    def has_read_before(self, appended_ms: int) -> bool:
        """Whether nothing is left that was appended before that instant."""
        return self._next is None or self._next.appended_ms >= appended_ms


@dataclass(slots=True)
class CountedAgain:
    """Makes what one source partition said again, and writes it down beside what was recorded."""

    archive: Archive
    service: str
    source: int
    lists: FlushLists
    heard: Heard
    outputs: Path
    _contracts: Contracts = field(init=False)
    _logs: dict[Topic, EventLog] = field(default_factory=dict)
    _flushed_ms: int = 0
    _pending: dict[Place, list[Raw]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._contracts = Contracts(self.archive.schemas)

    def write(self) -> None:
        """Make all flushes and write them, a log per zone partition under `outputs`."""
        about = self.archive.about
        places = {topic: about.numbers(topic.name) for topic in OUTPUTS[self.service]}
        again = CountingAgain(service=self.service, partitions=about.partitions, schemas=self.archive.schemas)
        opened, state, epoch = opener(again), None, None
        with ExitStack() as stack:
            logs = {
                (topic.name, number): stack.enter_context(OutputLog(self.outputs, topic.name, number))
                for topic, numbers in places.items()
                for number in numbers
            }
            for flush, is_last in _with_last(self.lists.flushes(places, self.source)):
                is_first = state is None or flush.epoch != epoch
                if state is None or is_first:
                    epoch, heard = flush.epoch, self.heard[self.source, flush.epoch]
                    state = opened(self._begin(flush, heard), heard.products[1])
                said = self._said(state, flush)
                if self._counts(flush, is_first=is_first):
                    self._beside(flush, said, logs, is_last=is_last)

    def _begin(self, flush: Flush, heard: EpochHeard) -> Source:
        """The source as its worker had it when the epoch began, with its inputs where it began to read."""
        topics, begun_here = INPUTS[self.service], self._begun_here(heard)
        stamp_ms = None if self.service == "supply" else _stamp_of(heard.complete_from_ms)
        since_ms = supply_rewind(flush.now_ms) if self.service == "supply" else demand_rewind(stamp_ms or 0)
        for topic, offset in zip(topics, flush.included, strict=False):
            log = self._logs[topic] = EventLog(self.archive.log(topic.name, self.source))
            if begun_here:
                log.skip(since_ms, offset)
        return Source(partition=self.source, epoch=flush.epoch, stamp_ms=stamp_ms, has_read_all=self._has_read_all)

    def _begun_here(self, heard: EpochHeard) -> bool:
        return heard.first_ms >= self.archive.about.held_from_ms(INPUTS[self.service])

    def _has_read_all(self, topic: str) -> bool:
        """As the worker could tell: of what came after its last fetch it did not know."""
        log = next(log for known, log in self._logs.items() if known.name == topic)
        return log.has_read_before(self._flushed_ms - FETCHED_LATELY_MS)

    def _said(self, state: SourceAgain, flush: Flush) -> list[Outgoing]:
        for topic, offset in zip(INPUTS[self.service], flush.included, strict=False):
            for run in self._logs[topic].through(offset, self.source):
                state.observe(topic, run)
        self._flushed_ms = flush.appended_ms
        return list(state.said(flush.now_ms, {one.kind for one in flush.said}))

    def _counts(self, flush: Flush, *, is_first: bool) -> bool:
        """Whether what the service says in this flush is known in full, and wanted."""
        about, heard = self.archive.about, self.heard[self.source, flush.epoch]
        if flush.appended_ms < about.from_ms or (is_first and not self._begun_here(heard)):
            return False
        return self.service != "supply" or supply_rewind(flush.now_ms) >= self._held_from_ms()

    def _held_from_ms(self) -> int:
        """Append time from which every event is held; 0 if they are from the topic's first record on."""
        about = self.archive.about
        parts = [about.part(topic.name, self.source) for topic in INPUTS[self.service]]
        return (
            0
            if all(part is not None and part.first == 0 for part in parts)
            else about.held_from_ms(INPUTS[self.service])
        )

    def _is_known(self, zone: int, pane_ms: int) -> bool:
        """Whether counts of the zone are asked for, and those of the pane can be made."""
        zones, held_ms = self.archive.about.zones, self._held_from_ms()
        if zones and zone and zone not in zones:
            return False
        first_ms = -(-(held_ms + GRACE_MS) // BUCKET_MS) * BUCKET_MS if held_ms else 0
        return not pane_ms or pane_ms >= first_ms

    def _beside(self, flush: Flush, said: list[Outgoing], logs: Mapping[Place, OutputLog], *, is_last: bool) -> None:
        """Put own records beside those of the flush."""
        own = {_name_of(one): one for one in said if self._is_known(*_about(one))}
        rows: dict[Place, list[Raw]] = defaultdict(list)
        schemas = {one.topic.name: one.schema for one in flush.said}
        for one in flush.said:
            if self._is_known(one.zone, one.pane_ms):
                made = own.pop(_name_of_said(one), None)
                rows[one.topic.name, one.partition].append(self._raw(one, made))
        for made in () if is_last else own.values():
            place = made.topic.name, made.partition
            if made.record.kind is CountKind.CELLS and place in logs:
                value = self._contracts.encode(made.topic, made.record, _like(schemas.get(made.topic.name, 0)))
                self._pending[place].append(Raw(0, 0, made.key, value, EXTRA))
        places = {(one.topic.name, one.partition): one for one in flush.said}
        for place, last in places.items():
            early = self._pending.pop(place, [])
            for raw in sorted(rows[place], key=lambda raw: raw.offset):
                logs[place].append(raw)
            for raw in early:
                logs[place].append(raw._replace(offset=last.offset, appended_ms=last.appended_ms))

    def _raw(self, one: Said, made: Outgoing | None) -> Raw:
        """The own record at the place of the recorded one; without a value where the service does not say it."""
        if made is None:
            return Raw(one.offset, one.appended_ms, None, None)
        value = self._contracts.encode(made.topic, made.record, _like(one.schema))
        return Raw(one.offset, one.appended_ms, made.key, value)


def _with_last(flushes: Iterator[Flush]) -> Iterator[tuple[Flush, bool]]:
    """Each flush, and whether it is the last of its epoch."""
    last: Flush | None = None
    for flush, following in pairwise(flushes):
        yield flush, following.epoch != flush.epoch
        last = following
    if last is not None:
        yield last, True


def _stamp_of(complete_from_ms: int | None) -> int | None:
    """The append time from which DEMAND had rewound, as far as it matters: what it says is complete follows from it."""
    if not complete_from_ms:
        return None
    stamp_ms = complete_from_ms + GRACE_MS + PANE_MS
    return stamp_ms if complete_from(stamp_ms) == complete_from_ms else None


def _like(schema: int) -> bytes:
    """A frame of that schema id."""
    return b"\0" + schema.to_bytes(4, "big", signed=True)


def _name_of(one: Outgoing) -> tuple[Any, ...]:
    return one.topic.name, one.partition, one.record.kind, *_about(one)


def _name_of_said(one: Said) -> tuple[Any, ...]:
    return one.topic.name, one.partition, one.kind, one.zone, one.pane_ms


def _about(one: Outgoing) -> tuple[int, int]:
    """Zone and pane of a record, 0 where it is about none."""
    return getattr(one.record, "zone", 0), getattr(one.record, "pane_start_ms", 0)


def merged(archive: Archive, topic: Topic, number: int, roots: list[Path]) -> Iterator[tuple[Raw | None, Raw | None]]:
    """Recorded and own records of one zone partition, in order: both; or one of them where the other is not.

    Where nothing was made again both are the recorded one, the very object.
    """
    own = heapq.merge(*(written(root, topic.name, number) for root in roots), key=lambda raw: raw.offset)
    following = next(own, None)
    for raw in archive.log(topic.name, number):
        if following is None or following.offset > raw.offset:
            yield raw, raw
        while following is not None and following.offset <= raw.offset:
            if following.headers == EXTRA:
                yield None, following._replace(headers=())
            else:
                yield raw, None if following.value is None else following
            following = next(own, None)

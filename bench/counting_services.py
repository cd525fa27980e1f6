"""SUPPLY and DEMAND where no broker brings them records and no timer their flush.

    delivered ──> waiting ──flush──> observed, at most a thousand at a time ──> counts

A city that is made in memory says what is delivered, when they flush, and when they begin anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.counts_again import INPUTS, CountingAgain, Delivered, SourceAgain, opener
from agents.runtime.counting import Outgoing, Source
from bench.spool import Spool
from demand.rewind import rewind_start as demand_rewind
from supply.fleet import rewind_start as supply_rewind
from topics.catalogue import Topic
from topics.counts import CountKind
from topics.schemas import parse, text_of
from windows.epochs import Epoch

MOST_BATCH = 1_000


@dataclass(slots=True, kw_only=True)
class CountingServices:
    """SUPPLY and DEMAND over what is delivered, their schemas those of `spool`; `partitions` of every topic by name.

    What is delivered is kept if they `restart`, since a new epoch reads some of it again.
    """

    spool: Spool
    partitions: Mapping[str, int]
    restart: bool
    _open: dict[str, Callable[[Source, Sequence[str]], SourceAgain]] = field(default_factory=dict)
    _sources: dict[tuple[str, int], SourceAgain] = field(default_factory=dict)
    _waiting: dict[tuple[Topic, int], list[Delivered]] = field(default_factory=dict)
    _recent: dict[tuple[Topic, int], list[Delivered]] = field(default_factory=dict)
    _fresh: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for service, inputs in INPUTS.items():
            schemas = {self.spool.schema_id(topic): parse(text_of(topic)) for topic in inputs}
            self._open[service] = opener(CountingAgain(service=service, partitions=self.partitions, schemas=schemas))

    def begin(self, epoch: Epoch, *, stamp_ms: int | None) -> None:
        """A new epoch of every source partition; with a stamp, what its rewind reaches is read again."""
        rewinds = {"supply": supply_rewind, "demand": demand_rewind}
        for service, inputs in INPUTS.items():
            for number in range(self.partitions[inputs[0].name]):
                source = Source(partition=number, epoch=epoch, stamp_ms=stamp_ms, has_read_all=lambda _topic: True)
                self._sources[service, number] = opened = self._open[service](source, ())
                self._fresh.add((service, number))
                since_ms = rewinds[service](stamp_ms or 0)
                for topic in inputs:
                    again = [one for one in self._recent.get((topic, number), ()) if one.timestamp >= since_ms]
                    if again:
                        opened.observe(topic, again)

    def deliver(self, topic: Topic, delivered: Delivered) -> None:
        """Have a record wait for the next flush."""
        self._waiting.setdefault((topic, delivered.partition), []).append(delivered)
        if self.restart:
            self._recent.setdefault((topic, delivered.partition), []).append(delivered)

    def flush(self, now_ms: int, *, is_alive: bool) -> list[Outgoing]:
        """What both services say of all that waits."""
        said: list[Outgoing] = []
        for (service, number), source in self._sources.items():
            for topic in INPUTS[service]:
                waiting = self._waiting.pop((topic, number), [])
                for place in range(0, len(waiting), MOST_BATCH):
                    source.observe(topic, waiting[place : place + MOST_BATCH])
            kinds = {CountKind.ALIVE} if is_alive else set()
            if (service, number) in self._fresh:
                kinds.add(CountKind.SNAPSHOT_COMPLETE)
            said += source.said(now_ms, kinds)
        self._fresh.clear()
        return said

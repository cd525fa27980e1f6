"""A recording run again: zone partitions first, each on its own, then rider partitions, which quote by their ticks.

    events ──> counts of every source partition, where a run begins there (see `counted_all`)
    file ──> zone partition 0 ─┐                 ┌─> rider partition 0 ─┐
             zone partition 1 ─┼──> own ticks ───┼─> rider partition 1 ─┼──> own outputs, verdict per topic
             …                 ┘                 └─> …                  ┘

Partitions share nothing but the file and the ticks on disk, so each may have a process. A process holds the panes of
one partition and a few minutes of records, however long the recording is.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from replay.answers import AnswerAgain, AnswerLog
from replay.archive import Archive
from replay.change import UNCHANGED, Change
from replay.contracts import Contracts
from replay.control import ControlHistory, NotHeldError
from replay.counted_all import AT_ONE_OFFSET, count_again
from replay.counts import PartitionCounts
from replay.memories import MemoryAgain, MemoryLog
from replay.outputs import OutputLog, Ticks, made
from replay.processes import mapping
from replay.records import Raw
from replay.ticks import TickAgain, TickLog
from replay.verdict import Judge, TopicVerdict, Unread
from topics.catalogue import BOOKING_DECISIONS, FORECAST_STATE, QUOTES, SURGE, Topic
from windows.epochs import Epoch
from windows.hexagons import zone_key

COMPARED = (SURGE, QUOTES, BOOKING_DECISIONS, FORECAST_STATE)
MOST_PROCESSES = 16

Report = Callable[[int], None]
"""Hears how many more outputs were made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run: a file, where own outputs go, and what is to be otherwise.

    With `is_compared` every output is held against the recorded one; without, decisions are not judged again.
    `known_anew` names epochs by zone partition as a run without the change found them (see `ticks`). `from_events`
    makes the counts again, too, and the ticks of those; the file must hold events.
    """

    file: Path
    outputs: Path
    change: Change = UNCHANGED
    is_compared: bool = True
    known_anew: dict[int, frozenset[Epoch]] | None = None
    from_events: bool = False


@dataclass(slots=True, kw_only=True)
class RunResult:
    """Verdicts by topic, and by zone partition the epochs whose worker had begun its city totals anew."""

    topics: dict[str, TopicVerdict] = field(default_factory=dict)
    anew: dict[int, frozenset[Epoch]] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        """Outputs made or tried."""
        return sum(verdict.records for verdict in self.topics.values())

    @property
    def is_identical(self) -> bool:
        """Whether something was made again, nothing differs, and of no output nothing can be said."""
        return self.outputs > 0 and not (self.differ or self.not_held)

    @property
    def differ(self) -> int:
        """Outputs that differ in any way."""
        return sum(verdict.differ for verdict in self.topics.values())

    @property
    def not_held(self) -> int:
        """Outputs that name inputs older than all that is held."""
        return sum(verdict.not_held for verdict in self.topics.values())

    def add(self, verdicts: Iterable[TopicVerdict]) -> None:
        """Take in the verdicts on one partition."""
        for verdict in verdicts:
            self.topics.setdefault(verdict.topic, TopicVerdict(topic=verdict.topic)).add(verdict)


def run(order: Order, *, processes: int = 0, report: Report = lambda _: None) -> RunResult:
    """Run the file of `order`, in as many processes as the machine has cores (1: in this one).

    Raises NotHeldError if it is to begin at events and the file holds none, and ProcessLostError.
    """
    about = Archive.opened(order.file, check=False).about
    result = RunResult()
    zones, riders = about.numbers(SURGE.name), about.numbers(QUOTES.name)
    if order.from_events and not about.events_from_ms:
        raise NotHeldError(f"{order.file} holds no events: record it with --from-events")
    with mapping(processes or min(os.cpu_count() or 1, MOST_PROCESSES), len(zones)) as mapped:
        if order.from_events:
            for verdict in count_again(order.file, order.outputs, mapped):
                result.add([verdict])
                report(verdict.records)
        for number, verdicts, anew in mapped(_zone_partition, [(order, number) for number in zones]):
            result.add(verdicts)
            result.anew[number] = anew
            report(sum(verdict.records for verdict in verdicts))
        for verdicts in mapped(_rider_partition, [(order, number) for number in riders]):
            result.add(verdicts)
            report(sum(verdict.records for verdict in verdicts))
    return result


def _zone_partition(task: tuple[Order, int]) -> tuple[int, list[TopicVerdict], frozenset[Epoch]]:
    order, number = task
    archive, contracts, control = _opened(order)
    counts = PartitionCounts(contracts, number, archive.log)
    if order.from_events:
        counts = PartitionCounts(contracts, number, partial(made, order.outputs), AT_ONE_OFFSET)
    known = None if order.known_anew is None else order.known_anew.get(number, frozenset())
    log = TickLog(archive, contracts, control, number, counts, zones=frozenset(archive.about.zones), known_anew=known)
    log.memories = MemoryLog(archive, contracts, control, number, counts) if order.is_compared else None
    log.as_arrays = True
    ticks, memories = Judge(SURGE.name, number), Judge(FORECAST_STATE.name, number)
    with (
        OutputLog(order.outputs, SURGE.name, number) as ticked,
        OutputLog(order.outputs, FORECAST_STATE.name, number) as remembered,
    ):
        for again in log.outputs():
            if isinstance(again, Unread):
                (ticks if again.topic is SURGE else memories).unread(again.raw.offset)
                continue
            key = zone_key(again.recorded.zone)
            if isinstance(again, MemoryAgain):
                _judged(memories, FORECAST_STATE, contracts, again, key, remembered)
            elif again.own is None and not again.problem:
                ticked.append(again.raw)
            else:
                _judged(ticks, SURGE, contracts, again, key, ticked)
                if again.is_older and order.is_compared:
                    ticked.append(again.raw)  # what is priced by it can be made, as by one that warms up
    verdicts = [ticks.ended(), memories.ended()]
    verdicts[0].zombies = log.zombies
    return number, verdicts, frozenset(log.anew)


def _rider_partition(task: tuple[Order, int]) -> list[TopicVerdict]:
    order, number = task
    archive, contracts, control = _opened(order)
    log = AnswerLog(archive, contracts, control, Ticks(order.outputs, contracts), number)
    quotes, decisions = Judge(QUOTES.name, number), Judge(BOOKING_DECISIONS.name, number)
    with (
        OutputLog(order.outputs, QUOTES.name, number) as answered,
        OutputLog(order.outputs, BOOKING_DECISIONS.name, number) as decided,
    ):
        for again in log.answers(judge_again=order.is_compared):
            if isinstance(again, Unread):
                (quotes if again.topic is QUOTES else decisions).unread(again.raw.offset)
                continue
            if again.own is None and not again.problem:
                continue
            key = again.recorded.rider_id.encode()
            if again.topic is QUOTES:
                _judged(quotes, QUOTES, contracts, again, key, answered)
            else:
                _judged(decisions, BOOKING_DECISIONS, contracts, again, key, decided)
    verdicts = [quotes.ended(), decisions.ended()]
    verdicts[0].repeats, verdicts[1].repeats = log.quote_repeats, log.decision_repeats
    return verdicts


def _judged(
    judge: Judge,
    topic: Topic,
    contracts: Contracts,
    again: TickAgain | MemoryAgain | AnswerAgain,
    key: bytes,
    written: OutputLog,
) -> None:
    """Write down what was made and hold it against what was recorded."""
    raw: Raw = again.raw
    if again.own is None:
        (judge.not_held if again.is_older else judge.not_made)(raw.offset, again.problem)
        return
    own = Raw(raw.offset, raw.appended_ms, key, contracts.encode(topic, again.own, raw.value))
    written.append(own)
    judge.compare_raw(raw, own, lambda one: contracts.decode(topic, one.value))


def _opened(order: Order) -> tuple[Archive, Contracts, ControlHistory]:
    archive = Archive.opened(order.file, check=False)
    contracts = Contracts(archive.schemas)
    return archive, contracts, ControlHistory(archive, contracts, order.change)

"""When SUPPLY and DEMAND spoke, and of what: the schedule by which their counts are made again.

Everything a source partition said in one flush shares its epoch, its instant and the offsets it includes, whichever
zone partition it went to:

    supply-cells 0   ──a──────c── d ──>          flush 1: a b      by epoch, instant, offsets
    supply-cells 1   ────b─────── d ──>          flush 2: c d d    (d goes to every partition)

Each zone partition is read once, and what it says of each source written down without the counts; the lists of all zone
partitions of one source, each in order, are then merged. A record of a lower epoch than the partition has heard of is a
zombie's and stands in no list.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from replay.archive import Archive
from replay.contracts import Contracts
from replay.records import Raw
from topics.catalogue import CITY_DEMAND, DEMAND_CELLS, SUPPLY_CELLS, Topic
from topics.columns import ColumnDecoder, Columns
from topics.counts import CountKind
from topics.schemas import Schema, schema_of
from topics.wire import schema_id
from windows.epochs import Epoch

COUNTED = (SUPPLY_CELLS, DEMAND_CELLS, CITY_DEMAND)
INCLUDES: dict[Topic, tuple[str, ...]] = {
    SUPPLY_CELLS: ("pings_offset",),
    DEMAND_CELLS: ("requests_offset", "decisions_offset"),
    CITY_DEMAND: ("requests_offset", "decisions_offset"),
}
KINDS = tuple(CountKind)
CHUNK = 4_000
ENTRY = np.dtype(
    [
        ("generation", np.int64),
        ("started_ms", np.int64),
        ("now_ms", np.int64),
        ("first_offset", np.int64),
        ("second_offset", np.int64),
        ("kind", np.int64),
        ("zone", np.int64),
        ("pane_ms", np.int64),
        ("offset", np.int64),
        ("appended_ms", np.int64),
        ("schema", np.int64),
    ]
)


class Said(NamedTuple):
    """One record of a flush: where it stands, of what kind, of which zone and pane (0 where it is about none)."""

    topic: Topic
    partition: int
    offset: int
    appended_ms: int
    kind: CountKind
    zone: int
    pane_ms: int
    schema: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flush:
    """All that one source partition said at one instant, and the last offset of each of its inputs included."""

    epoch: Epoch
    now_ms: int
    included: tuple[int, int]
    said: tuple[Said, ...]

    @property
    def appended_ms(self) -> int:
        """When the first of it was appended."""
        return min(one.appended_ms for one in self.said)


@dataclass(slots=True)
class EpochHeard:
    """What the records tell of one epoch of one source partition beside its counts.

    `first_ms` is its first instant in the recording. `products` is the order in which the writer met them, as said last
    before events are held, else first; `complete_from_ms` what its snapshot said, None if none is held.
    """

    first_ms: int
    products: tuple[int, tuple[str, ...]] = (0, ())
    complete_from_ms: int | None = None

    def take_in(self, other: "EpochHeard", events_from_ms: int) -> None:
        """What another zone partition heard of it."""
        self.first_ms = min(self.first_ms, other.first_ms)
        if self.complete_from_ms is None:
            self.complete_from_ms = other.complete_from_ms
        self.products = _seed(self.products, other.products, events_from_ms)


Heard = dict[tuple[int, Epoch], EpochHeard]
"""By source partition and epoch."""


@dataclass(slots=True)
class FlushLists:
    """The lists on disk under `root`."""

    root: Path
    _files: dict[tuple[str, int, int], Any] = field(default_factory=dict)

    def write(self, archive: Archive, topic: Topic, number: int, *, events_from_ms: int) -> tuple[Heard, int]:
        """Write the lists of one zone partition; what was heard of epochs, and how many records were a zombie's."""
        decoder = ColumnDecoder(_without_counts(topic), dict(archive.schemas))
        newest: dict[int, Epoch] = {}
        hearing = _Hearing(topic, events_from_ms)
        zombies = 0
        for chunk in _chunks(archive.log(topic.name, number)):
            columns = decoder.decode([raw.value for raw in chunk])
            entries, sources = _entries(topic, chunk, columns)
            for row, (entry, source) in enumerate(zip(entries.tolist(), sources.tolist(), strict=True)):
                epoch = Epoch(entry[0], entry[1])
                if epoch < newest.setdefault(source, epoch):
                    entries["schema"][row] = -1
                    zombies += 1
                    continue
                newest[source] = epoch
                hearing.hear((source, epoch), entry, chunk[int(columns.source_row[row])])
            wanted = (entries["appended_ms"] >= events_from_ms) & (entries["schema"] >= 0)
            for source in np.unique(sources[wanted]).tolist():
                with self._path(topic, number, source).open("ab") as file:
                    entries[wanted & (sources == source)].tofile(file)
        return hearing.heard(Contracts(archive.schemas)), zombies

    def flushes(self, topics: Mapping[Topic, Iterable[int]], source: int) -> Iterator[Flush]:
        """What the source said in these partitions, flush after flush."""
        lists = [self._said(topic, number, source) for topic, numbers in topics.items() for number in numbers]
        for (epoch, now_ms, included), rows in groupby(heapq.merge(*lists, key=_when), key=_when):
            yield Flush(epoch=Epoch(*epoch), now_ms=now_ms, included=included, said=tuple(row[1] for row in rows))

    def _said(self, topic: Topic, number: int, source: int) -> Iterator[tuple[tuple[Any, ...], Said]]:
        path = self._path(topic, number, source)
        if not path.exists():
            return
        with path.open("rb") as file:
            while (entries := np.fromfile(file, ENTRY, CHUNK)).size:
                for gen, started, now, first, second, kind, zone, pane, offset, appended, schema in entries.tolist():
                    said = Said(topic, number, offset, appended, KINDS[kind], zone, pane, schema)
                    yield ((gen, started), now, (first, second)), said

    def _path(self, topic: Topic, number: int, source: int) -> Path:
        directory = self.root / "flushes" / topic.name
        directory.mkdir(parents=True, exist_ok=True)
        return directory / f"{number}-{source}"


def _when(row: tuple[tuple[Any, ...], Said]) -> tuple[Any, ...]:
    return row[0]


def _chunks(records: Iterator[Raw]) -> Iterator[list[Raw]]:
    chunk: list[Raw] = []
    for raw in records:
        chunk.append(raw)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _without_counts(topic: Topic) -> Schema:
    """The topic's schema without its arrays: what a flush is told by, read at a fraction of the cost."""
    schema = schema_of(topic)
    kept = [one for one in schema["fields"] if not (isinstance(one["type"], dict) and one["type"]["type"] == "array")]
    return {**schema, "fields": kept}


def _entries(topic: Topic, chunk: list[Raw], columns: Columns) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A row per readable record, of dtype ENTRY, and its source partition."""
    entries = np.zeros(columns.rows, ENTRY)
    rows = columns.source_row.tolist()
    names = {"generation": "epoch_generation", "started_ms": "epoch_started_ms", "now_ms": "now_ms"}
    names |= dict(zip(("first_offset", "second_offset"), INCLUDES[topic], strict=False))
    names |= {"zone": "zone"} if topic is not CITY_DEMAND else {}
    names |= {"pane_ms": "pane_start_ms"} if topic is not SUPPLY_CELLS else {}
    for name, column in names.items():
        entries[name] = columns.ints(column)
    for place, kind in enumerate(KINDS):
        entries["kind"][columns.is_symbol("kind", kind)] = place
    entries["offset"] = [chunk[row].offset for row in rows]
    entries["appended_ms"] = [chunk[row].appended_ms for row in rows]
    entries["schema"] = [schema_id(chunk[row].value or b"") for row in rows]
    return entries, columns.ints("source_partition")


class _Hearing:
    """What one zone partition tells of epochs; only the few records that tell something new are decoded whole."""

    def __init__(self, topic: Topic, events_from_ms: int) -> None:
        self._topic, self._events_from_ms = topic, events_from_ms
        self._first_ms: dict[tuple[int, Epoch], int] = {}
        self._complete: dict[tuple[int, Epoch], Raw] = {}
        self._products: dict[tuple[int, Epoch], tuple[int, Raw]] = {}

    def hear(self, of: tuple[int, Epoch], entry: tuple[int, ...], raw: Raw) -> None:
        """Note one record."""
        now_ms, kind = entry[2], KINDS[entry[5]]
        self._first_ms.setdefault(of, now_ms)
        if kind is CountKind.SNAPSHOT_COMPLETE:
            self._complete.setdefault(of, raw)
        is_first_or_early = of not in self._products or now_ms < self._events_from_ms
        if kind is CountKind.CELLS and self._topic is not CITY_DEMAND and is_first_or_early:
            self._products[of] = now_ms, raw

    def heard(self, contracts: Contracts) -> Heard:
        """All that was heard."""
        found = {of: EpochHeard(first_ms=first_ms) for of, first_ms in self._first_ms.items()}
        for of, raw in self._complete.items():
            found[of].complete_from_ms = getattr(contracts.decode(self._topic, raw.value), "complete_from_ms", 0)
        for of, (now_ms, raw) in self._products.items():
            found[of].products = now_ms, tuple(contracts.decode(self._topic, raw.value).products)
        return found


def _seed(
    known: tuple[int, tuple[str, ...]], other: tuple[int, tuple[str, ...]], events_from_ms: int
) -> tuple[int, tuple[str, ...]]:
    """Of two lists of products with their instants the one to begin with: the last before events, else the first."""
    if not known[1] or not other[1]:
        return known if known[1] else other
    early, late = sorted((known, other))
    return late if late[0] < events_from_ms else early

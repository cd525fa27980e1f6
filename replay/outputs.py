"""What a run makes, on disk: one file of frames per partition, in order of offset, with an index beside it.

Quotes look ticks up in it by place, so the whole range need not be in memory; a comparison reads two of them side by
side.
"""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from pricing.quotes.prepared_tick import PreparedTick
from replay.contracts import Contracts
from replay.records import Raw, packed, unpacked
from topics.arrays import Int64s
from topics.catalogue import SURGE

TICKS_AT_HAND, TICK_BYTES = 1_024, 1 << 12


class OutputLog:
    """Appends records of one partition; a context that closes its files."""

    def __init__(self, root: Path, topic: str, partition: int) -> None:
        self._path = path_of(root, topic, partition)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._index = array("q")

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        return self

    def append(self, raw: Raw) -> None:
        """Append one record."""
        self._index.extend((raw.offset, self._file.tell()))
        self._file.write(packed(raw))

    def __exit__(self, *_error: object) -> None:
        self._file.close()
        self._path.with_suffix(".index").write_bytes(self._index.tobytes())


class Ticks:
    """Ticks of a run by place, made ready to answer quotes."""

    def __init__(self, root: Path, contracts: Contracts) -> None:
        self._root, self._contracts = root, contracts
        self._places: dict[int, Int64s] = {}
        self._at_hand: OrderedDict[tuple[int, int], PreparedTick] = OrderedDict()

    def at(self, partition: int, offset: int) -> PreparedTick | None:
        """The tick at that place of `surge.v1`; None if the run made none there."""
        found = self._at_hand.get((partition, offset))
        if found is None:
            places = self._index(partition)
            row = bisect_left(places[:, 0], offset)
            if row == len(places) or places[row, 0] != offset:
                return None
            with path_of(self._root, SURGE.name, partition).open("rb") as file:
                file.seek(places[row, 1])
                raw = next(unpacked(file, TICK_BYTES), None)
            tick = None if raw is None else self._contracts.decode(SURGE, raw.value)
            if tick is None:
                return None
            found = self._at_hand[partition, offset] = PreparedTick(tick, partition, offset)
            if len(self._at_hand) > TICKS_AT_HAND:
                self._at_hand.popitem(last=False)
        return found

    def _index(self, partition: int) -> Int64s:
        """Offset and place in the file of each tick, int64[n, 2], ascending: the file itself, mapped."""
        if partition not in self._places:
            path = path_of(self._root, SURGE.name, partition).with_suffix(".index")
            is_empty = not path.exists() or path.stat().st_size == 0  # such a file cannot be mapped
            flat = np.empty(0, np.int64) if is_empty else np.asarray(np.memmap(path, np.int64, "r"))
            self._places[partition] = flat.reshape(-1, 2)
        return self._places[partition]


def path_of(root: Path, topic: str, partition: int) -> Path:
    """The file of one partition. `with_suffix` must not take the topic's version for one: the partition is the name."""
    return root / topic / f"{partition}.log"


def made(root: Path, topic: str, partition: int) -> Iterator[Raw]:
    """Records a run made in one partition, none if it made none."""
    path = path_of(root, topic, partition)
    if path.exists():
        with path.open("rb") as file:
            yield from unpacked(file)

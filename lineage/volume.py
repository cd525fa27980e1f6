"""How many records a topic got over time, counted by offsets: exact, and nothing is read.

The broker says where each partition stood at each bar's edge, by append time; the difference is the bar.

    edges     t0      t1      t2      t3         offsets of partition 0:  10  14  14  30
    bars         4       0       16
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from lineage.reader import Reader
from topics.catalogue import Topic

MOST_BARS = 120
LONGEST_MS = 7 * 86_400_000


async def volume(reader: Reader, topic: Topic, *, from_ms: int, to_ms: int, bars: int, partition: int = -1) -> Any:  # noqa: ANN401  JSON
    """Records of `topic` per bar in [from_ms, to_ms), by append time; of one partition, or of all (-1).

    Raises ValueError for a span or number of bars that makes no sense, UnreachableError.
    """
    edges = edges_of(from_ms, to_ms, bars)
    return {"edges": edges, "records": between(await reader.ends_over(topic, edges), partition)}


def edges_of(from_ms: int, to_ms: int, bars: int) -> list[int]:
    """Edges of the bars, one more than there are bars.

    Raises ValueError.

    >>> edges_of(0, 100, 4)
    [0, 25, 50, 75, 100]
    """
    if not 0 <= from_ms < to_ms <= from_ms + LONGEST_MS:
        raise ValueError(f"the span must begin before it ends and be at most seven days, got {from_ms} to {to_ms}")
    if not 1 <= bars <= MOST_BARS:
        raise ValueError(f"bars must be 1 to {MOST_BARS}, got {bars}")
    return [from_ms + (to_ms - from_ms) * place // bars for place in range(bars + 1)]


def between(stood: Iterable[dict[tuple[str, int], int]], partition: int = -1) -> list[int]:
    """Records between one edge and the next, where `stood` are the offsets at each edge.

    >>> between([{("t", 0): 10, ("t", 1): 0}, {("t", 0): 14, ("t", 1): 1}, {("t", 0): 14, ("t", 1): 1}])
    [5, 0]
    """
    sums = [sum(end for place, end in ends.items() if partition in {-1, place[1]}) for ends in stood]
    return [after - before for before, after in pairwise(sums)]

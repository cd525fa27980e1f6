"""The order of writers of one source partition."""

from typing import NamedTuple


class Epoch(NamedTuple):
    """One assignment of a source partition to a worker: the highest speaks for the partition, lower ones are zombies.

    The consumer group's generation decides; a static member restarts within its generation, then the later start does.
    `started_ms` is the wall clock at the assignment, never repeated by a process and never below that of an epoch which
    committed one of the assigned partitions.

    >>> Epoch(7, 2_000) > Epoch(7, 1_000) > Epoch(6, 9_000)
    True
    """

    generation: int
    started_ms: int

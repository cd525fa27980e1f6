"""How long a worker takes from its start to its work, stage by stage.

    begun ── joined ── restored ── seeked ── read back ── first batch ── first output
             │         │           │         │            └ an agent has records
             │         │           │         └ what was said before is known: ticks, answers, policies
             │         │           └ each partition is read from where its rewind begins
             │         └ tables are there
             └ the group has given it partitions

Only the first time a stage is reached counts; what a later assignment takes is in the metrics.
"""

import time
from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)
LAST = "first output"


class Timeline:
    """Milliseconds from `begun_s` (monotonic) at which each stage was reached first."""

    def __init__(self, begun_s: float | None = None, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Begin now, or when the process did."""
        self._clock_s = clock_s
        self._begun_s = clock_s() if begun_s is None else begun_s
        self._reached_ms: dict[str, int] = {}

    @property
    def reached_ms(self) -> dict[str, int]:
        """The stages so far, in their order."""
        return dict(self._reached_ms)

    def reach(self, stage: str) -> None:
        """Note that a stage is reached; the last one says them all in one line of the log.

        >>> line = Timeline(begun_s=1.0, clock_s=lambda: 1.25)
        >>> line.reach("joined"), line.reach("joined"), line.reached_ms
        (None, None, {'joined': 250})
        """
        if stage in self._reached_ms:
            return
        self._reached_ms[stage] = round((self._clock_s() - self._begun_s) * 1000)
        if stage == LAST:
            cpu_ms = round(time.process_time() * 1000)
            _log.info(
                "worker works",
                cpu_ms=cpu_ms,
                **{f"{name.replace(' ', '_')}_ms": ms for name, ms in self._reached_ms.items()},
            )

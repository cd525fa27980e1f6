"""What a worker that is behind its input leaves out, in this order. Answers to requests are never left out.

    behind by      telemetry      SUPPLY publishes what changed
    under 2 s      every 1 s      with each flush, 4 times a second
    2 s and more   every 3 s      with each flush
    5 s and more   every 3 s      once a second

Each thing left out is only told later: counts are absolute, and a sample of telemetry covers the time since the last.
"""

from collections.abc import Iterable
from enum import IntEnum

from agents.runtime.telemetry import Standing

TELEMETRY_BEHIND_MS = 2_000
DETAIL_BEHIND_MS = 5_000
TELEMETRY_EVERY_MS = 3_000
DETAIL_EVERY_MS = 1_000


class Shed(IntEnum):
    """How much is left out; a level leaves out what those below it do."""

    NOTHING = 0
    TELEMETRY = 1
    DETAIL = 2


def behind_ms(standing: Iterable[Standing], now_ms: int) -> int:
    """Age of the newest record handed over of the partition that is furthest behind; 0 if all is handed over.

    >>> behind_ms([Standing(position=5, lag=0, appended_ms=1), Standing(position=5, lag=9, appended_ms=4_000)], 7_000)
    3000
    """
    return max((now_ms - known.appended_ms for known in standing if known.lag and known.appended_ms), default=0)


def shed_at(behind: int) -> Shed:
    """What to leave out when `behind` by so many milliseconds.

    >>> [shed_at(ms).name for ms in (1_999, 2_000, 5_000)]
    ['NOTHING', 'TELEMETRY', 'DETAIL']
    """
    if behind >= DETAIL_BEHIND_MS:
        return Shed.DETAIL
    return Shed.TELEMETRY if behind >= TELEMETRY_BEHIND_MS else Shed.NOTHING

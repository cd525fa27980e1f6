"""For how long nothing was written: by the services hit, by the others, and for any zone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.faults.inflict import TELLS, Inflicted

OF_ALL = {"kafka", "registry"}
"""Servers without which nobody writes, or starts."""
EVEN_S = 1.0


def silences_ms(done: Iterable[Inflicted], history: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Milliseconds from each fault to the next record of the service hit: the longest, by kind of fault and service."""
    longest: dict[str, int] = {}
    for inflicted in done:
        hit = inflicted.fault.hit
        if hit in TELLS:
            after = min((at for at in history.get(hit, ()) if at > inflicted.at_ms), default=None)
            if after is not None:
                name = f"{inflicted.fault.kind}: {hit}"
                longest[name] = max(longest.get(name, 0), after - inflicted.at_ms)
    return longest


def zone_stalls_ms(ticks: Iterable[Any], done: Sequence[Inflicted]) -> dict[str, int]:
    """The longest time a zone went without a tick: while PRICING or a server of all was hit, and at any other time."""
    stalls = {"affected": 0, "unaffected": 0}
    times: defaultdict[int, list[int]] = defaultdict(list)
    for entry in ticks:
        times[entry.record.zone].append(entry.timestamp_ms)
    hits = [one for one in done if one.fault.hit in OF_ALL | {"pricing"}]
    for instants in times.values():
        ordered = sorted(instants)
        for before, after in pairwise(ordered):
            hit = any(before <= one.until_ms + EVEN_S * 1000 and after >= one.at_ms for one in hits)
            name = "affected" if hit else "unaffected"
            stalls[name] = max(stalls[name], after - before)
    return stalls

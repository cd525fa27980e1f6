"""For how long nothing was written: of each partition of the services hit, and of any zone.

Instants are the broker's append times. A partition that spoke shortly before the fault is silent until it speaks again:
supply and demand by source partition, ticks and quotes by the partition they stand in.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.broker.services import OUTPUT
from tests.broker.services_seen import Seen
from tests.faults.inflict import Inflicted
from topics.catalogue import DEMAND_CELLS, SUPPLY_CELLS

OF_ALL = {"kafka", "registry"}
"""Servers without which nobody writes, or starts."""
EVEN_S = 1.0
SPOKE_WITHIN_MS = 5_000
UNDERWAY_MS = 20
"""What was on its way to the broker at the instant of the fault."""

Spoken = Mapping[str, Mapping[int, Sequence[int]]]
"""Service and partition -> append times of what it wrote, in order."""


def spoken(seen: Seen) -> dict[str, dict[int, list[int]]]:
    """When each partition of each service wrote."""
    found: dict[str, dict[int, list[int]]] = {}
    for service, topic in OUTPUT.items():
        of_service: defaultdict[int, list[int]] = defaultdict(list)
        for entry in seen.of(topic):
            by_source = topic in {SUPPLY_CELLS, DEMAND_CELLS}
            of_service[entry.record.source_partition if by_source else entry.partition].append(entry.timestamp_ms)
        found[service] = {number: sorted(times) for number, times in of_service.items()}
    return found


def silences_ms(done: Iterable[Inflicted], history: Spoken) -> dict[str, list[int]]:
    """Milliseconds from each fault until every partition that spoke before speaks again, by kind of fault and service.

    After a server's fault they count from its return, and for all services. How long the server's own start took is
    listed, too.
    """
    found: defaultdict[str, list[int]] = defaultdict(list)
    for inflicted in done:
        hit, kind = inflicted.fault.hit, inflicted.fault.kind
        if inflicted.back_ms:
            found[f"{kind}: it is back"].append(inflicted.back_ms)
        from_ms = inflicted.until_ms if inflicted.back_ms else inflicted.at_ms
        for service in history if hit in OF_ALL else (hit,):
            waits = [_wait_ms(times, inflicted.at_ms, from_ms) for times in history.get(service, {}).values()]
            if any(wait is not None for wait in waits):
                found[f"{kind}: {service}"].append(max(wait for wait in waits if wait is not None))
    return dict(found)


def _wait_ms(times: Sequence[int], at_ms: int, from_ms: int) -> int | None:
    """How long after `from_ms` the partition speaks; None if it did not before `at_ms`, or never again."""
    before, after = bisect_right(times, at_ms), bisect_right(times, from_ms + UNDERWAY_MS)
    if not before or times[before - 1] < at_ms - SPOKE_WITHIN_MS or after == len(times):
        return None
    return times[after] - from_ms


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

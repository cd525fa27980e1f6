"""Which zones a topic's records are about: the link between the map and the lineage.

A record is about the zone it names, or the one its cell or its place lies in. Records of the last seconds are read; of
a topic too large for that, the newest of each partition, and the answer says how many were looked at.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from infra.clients.consumer import Entry
from lineage.reader import Reader
from topics.catalogue import Topic
from windows.hexagons import cells_of, zone_of

SPAN_MS = 30_000
MOST = 1_500
PLACES = (("lat", "lon"), ("pickup_lat", "pickup_lon"))


async def carried(reader: Reader, topic: Topic, *, at_ms: int) -> Any:  # noqa: ANN401  JSON
    """Records per zone of the span before `at_ms`, and their rate; raises UnreachableError.

    `rates` are records a second of each zone. Where only the newest were looked at they are scaled to what came.
    """
    before, after = await reader.ends_at([topic], at_ms - SPAN_MS), await reader.ends_at([topic], at_ms)
    came = sum(after.values()) - sum(before.values())
    entries = await reader.between([topic], at_ms - SPAN_MS, at_ms, most=MOST)
    zones = counted(entries)
    scale = came / len(entries) if entries else 0.0
    return {
        "span_ms": SPAN_MS,
        "came": came,
        "looked_at": len(entries),
        "without_zone": len(entries) - sum(zones.values()),
        "rates": {f"{zone:x}": round(many * scale * 1000 / SPAN_MS, 3) for zone, many in zones.most_common()},
    }


def counted(entries: Iterable[Entry]) -> Counter[int]:
    """Records per zone; those about no place are left out."""
    return Counter(zone for entry in entries if (zone := zone_about(entry.record)))


def zone_about(record: Any) -> int:  # noqa: ANN401  a record class of the catalogue
    """The zone a record is about; 0 if it is about none.

    >>> from types import SimpleNamespace as Record
    >>> f"{zone_about(Record(zone=0, cell=0x882a100d67fffff)):x}", zone_about(Record(rider_id="ann"))
    ('862a100d7ffffff', 0)
    """
    if zone := getattr(record, "zone", 0):
        return int(zone)
    if cell := getattr(record, "cell", 0):
        return zone_of(int(cell))
    for lat, lon in PLACES:
        if hasattr(record, lat):
            return _zone_at(getattr(record, lat), getattr(record, lon))
    return 0


def _zone_at(lat: float, lon: float) -> int:
    """The zone of a place; 0 if it is on no map: such a record is a dead letter elsewhere."""
    try:
        return zone_of(int(cells_of(np.array([lat]), np.array([lon]))[0]))
    except ValueError:
        return 0

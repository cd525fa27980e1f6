"""The state of a partition's zones as rows of a table, so that its changelog can be cut at any record.

One table; keys begin with the partition number, since a table in memory keeps rows of partitions that have moved away:

    3                          how far partition 3 was read, and its sources
    3|862a100d7ffffff          one zone: cars, counts held back, applied offsets, and every pane changed since it was
                               last written to a row of its own
    3|862a100d7ffffff|170000   one pane of that zone, after it closed

A zone's row is whole: with the pane rows before it in the log it is the zone at its applied offsets. So order matters:

    flush 1   zone row {panes 20, 30}  pane row 20   …   partition row
    flush 2   zone row {panes 30, 40}                …   partition row
                                     ↑ cut here: pane 20 is read from its row or from the zone row, which has priority

1. A pane leaves the zone row only after a row of its own was written.
2. The partition row is last, so zones may be ahead of it but never behind, and they ignore what is delivered again.
3. Source offsets are committed only after the flush that includes them was acknowledged, so what a cut lost returns.

A pane thus costs one row of its own, and its zone one per flush in which it changed.
"""

from collections.abc import Container, Iterable, Iterator, MutableMapping
from typing import Any

from pricing.zones.row_format import (
    cars_packed,
    cars_unpacked,
    dense,
    pack,
    progress_packed,
    progress_unpacked,
    riders_packed,
    riders_unpacked,
    sparse,
    unpack,
)
from pricing.zones.zone_join import PartitionState
from pricing.zones.zone_state import KEPT_MS, SETTLE_MS, ZoneState
from windows.hexagons import zone_key
from windows.panes import PANE_MS, pane_start

Row = tuple[bytes, bytes | None]


def dirty_rows(state: PartitionState, now_ms: int) -> list[Row]:
    """Rows that bring the table up to `state`, in the order to write them; None deletes. They then count as written.

    Panes out of the longest window at `now_ms` are forgotten and deleted, and zones of which nothing is left.
    """
    rows: list[Row] = []
    oldest_ms, closed_ms = pane_start(now_ms - KEPT_MS), pane_start(now_ms - SETTLE_MS)
    for zone in list(state.zones.values()):
        rows += _expired(state.partition, zone, oldest_ms)
        if zone.is_over(oldest_ms):
            rows.append((_zone_key(state.partition, zone), None))
            del state.zones[zone.zone]
        elif zone.changed:
            rows += _zone_rows(state.partition, zone, closed_ms)
    if state.changed:
        rows.append((_partition_key(state.partition), pack(_partition_document(state))))
        state.changed = False
    return rows


def restore(partition: int, rows: Iterable[tuple[bytes, bytes]]) -> PartitionState:
    """The state whose rows these are, in any order; rows of other partitions are passed over.

    Apply the topics again from a committed offset on: what the zones already include is ignored.

    Raises UnknownRowFormatError if a row was written by a release this one cannot read.
    """
    state = PartitionState(partition)
    inline: list[tuple[ZoneState, list[Any]]] = []
    for key, row in rows:
        of, *place = key.decode().split("|")
        if int(of) != partition:
            continue
        document = unpack(key, row)
        match place:
            case []:
                state.supply, state.demand = (progress_unpacked(document[topic]) for topic in ("supply", "demand"))
            case [zone]:
                inline += _read_zone(state.zone(int(zone, 16)), document)
            case [zone, start]:
                _read_pane(state.zone(int(zone, 16)), int(start), document)
                state.zone(int(zone, 16)).saved_panes.add(int(start))
    for of_zone, (start, document) in inline:  # after the pane rows, which may be older
        _read_pane(of_zone, start, document)
        of_zone.changed_panes.add(start)
    return state


def keep_only(partitions: Container[int], rows: MutableMapping[bytes, bytes]) -> None:
    """Drop the rows of partitions that went.

    Faust keeps those that this worker wrote itself. Were such a partition to come back, its log would be read over
    them, and a row deleted meanwhile, whose deletion the log has forgotten too, would stand again: cars that left.
    """
    for key in [key for key in rows if int(key.partition(b"|")[0]) not in partitions]:
        del rows[key]


def _expired(partition: int, zone: ZoneState, before_ms: int) -> list[Row]:
    keys = [_pane_key(partition, zone, pane) for pane in sorted(zone.saved_panes) if pane < before_ms]
    zone.forget(before_ms)
    return [(key, None) for key in keys]


def _zone_rows(partition: int, zone: ZoneState, closed_ms: int) -> Iterator[Row]:
    """The zone's row, then rows of the changed panes that ended by `closed_ms`."""
    yield _zone_key(partition, zone), pack(_zone_document(zone))
    zone.changed = False
    known = zone.panes()
    for pane in sorted(pane for pane in zone.changed_panes if pane + PANE_MS <= closed_ms):
        zone.changed_panes.discard(pane)
        yield _pane_key(partition, zone, pane), pack(_pane_document(zone, pane)) if pane in known else None
        (zone.saved_panes.add if pane in known else zone.saved_panes.discard)(pane)


def _partition_key(partition: int) -> bytes:
    return b"%d" % partition


def _zone_key(partition: int, zone: ZoneState) -> bytes:
    return b"%d|%s" % (partition, zone_key(zone.zone))


def _pane_key(partition: int, zone: ZoneState, pane: int) -> bytes:
    return b"%d|%s|%d" % (partition, zone_key(zone.zone), pane)


def _partition_document(state: PartitionState) -> dict[str, Any]:
    return {"supply": progress_packed(state.supply), "demand": progress_packed(state.demand)}


def _zone_document(zone: ZoneState) -> dict[str, Any]:
    return {
        "supply_offset": zone.supply_offset,
        "demand_offset": zone.demand_offset,
        "latest_ms": zone.latest_ms,
        "since_ms": list(zone.since_ms.items()),
        "cars": [[source, cars_packed(counts)] for source, counts in zone.cars.items()],
        "held_cars": [[source, cars_packed(counts)] for source, counts in zone.held_cars.items()],
        "held_riders": [
            [source, pane, riders_packed(counts)]
            for source, panes in zone.demand.held.items()
            for pane, counts in panes.items()
        ],
        "panes": [[pane, _pane_document(zone, pane)] for pane in sorted(zone.changed_panes)],
    }


def _pane_document(zone: ZoneState, pane: int) -> dict[str, Any]:
    car_ms, riders = zone.idle_car_ms.get(pane), zone.demand.standing.get(pane, {})
    return {
        "idle_car_ms": None if car_ms is None else sparse(car_ms),
        "riders": [[source, riders_packed(counts)] for source, counts in riders.items()],
    }


def _read_zone(zone: ZoneState, document: dict[str, Any]) -> list[tuple[ZoneState, list[Any]]]:
    """Fill the zone from its row and return its panes, to be read after those with rows of their own."""
    zone.supply_offset, zone.demand_offset = document["supply_offset"], document["demand_offset"]
    zone.latest_ms = document["latest_ms"]
    zone.since_ms = dict(document["since_ms"])
    zone.cars = {source: cars_unpacked(packed) for source, packed in document["cars"]}
    zone.held_cars = {source: cars_unpacked(packed) for source, packed in document["held_cars"]}
    for source, pane, packed in document["held_riders"]:
        zone.demand.held.setdefault(source, {})[pane] = riders_unpacked(packed)
    return [(zone, pane) for pane in document["panes"]]


def _read_pane(zone: ZoneState, pane: int, document: dict[str, Any]) -> None:
    """Replace what is known of the pane by the row's."""
    zone.idle_car_ms.pop(pane, None)
    zone.demand.standing.pop(pane, None)
    if document["idle_car_ms"] is not None:
        places, values = document["idle_car_ms"]
        zone.idle_car_ms[pane] = dense(places, values, zone.layout.cells.size)
    if document["riders"]:
        zone.demand.standing[pane] = {source: riders_unpacked(packed) for source, packed in document["riders"]}
    zone.unread_panes.add(pane)

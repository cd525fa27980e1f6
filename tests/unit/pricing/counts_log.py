"""Logs of counts as Hypothesis draws them, and what they mean by the slowest definition there is.

A log is a list of records; the offset of a record is its place. The definition looks at the whole log at once and keeps
no state: an epoch's record counts if no newer epoch of its source spoke before it and its epoch completed.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st

from pricing.zones.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zones.zone_view import layout_of
from topics.counts import CityDemandCounted, CountKind, DemandCellsCounted, SupplyCellsCounted
from windows.epochs import Epoch
from windows.hexagons import disk, zone_of
from windows.panes import PANE_MS, pane_start, window_panes

START_MS = 1_700_000_000_000
CELL = 0x882A100D67FFFFF
ZONE = zone_of(CELL)
OTHER_ZONE = next(zone_of(cell) for cell in disk(CELL, 9) if zone_of(cell) != ZONE)
ZONES = (ZONE, OTHER_ZONE)
CELLS = {zone: tuple(int(layout_of(zone).cells[row]) for row in (0, 3, 48, 60)) for zone in ZONES}
PRODUCTS = ("standard", "xl")
SOURCES = 2

AnyRecord = SupplyCellsCounted | DemandCellsCounted | CityDemandCounted


def supply(
    kind=CountKind.CELLS, *, source=0, sources=SOURCES, epoch=1, offset=0, now_ms=START_MS, zone=ZONE, idle=None
):
    """A record of supply-cells; `idle` is cell → idle cars: half serve xl, as many are busy, one fewer soon free."""
    cars = sorted((idle or {}).items())
    return SupplyCellsCounted(
        kind=kind,
        source_partition=source,
        source_partitions=sources,
        epoch_generation=epoch,
        epoch_started_ms=START_MS,
        pings_offset=offset,
        now_ms=now_ms,
        zone=zone if kind is CountKind.CELLS else 0,
        products=list(PRODUCTS),
        cells=[cell for cell, _ in cars],
        idle=[count for _, count in cars],
        idle_by_product=[share for _, count in cars for share in (count, count // 2)],
        busy=[count for _, count in cars],
        soon_free=[max(0, count - 1) for _, count in cars],
    )


def demand(
    kind=CountKind.CELLS,
    *,
    source=0,
    sources=SOURCES,
    epoch=1,
    offset=0,
    now_ms=START_MS,
    complete_from_ms=0,
    zone=ZONE,
    pane=START_MS,
    asked=None,
):
    """A record of demand-cells; `asked` is cell → riders who asked for standard; half of them also booked xl."""
    riders = sorted((asked or {}).items())
    cells = kind is CountKind.CELLS
    return DemandCellsCounted(
        kind=kind,
        source_partition=source,
        source_partitions=sources,
        epoch_generation=epoch,
        epoch_started_ms=START_MS,
        requests_offset=offset,
        decisions_offset=offset,
        now_ms=now_ms,
        complete_from_ms=complete_from_ms,
        zone=zone if cells else 0,
        pane_start_ms=pane if cells else 0,
        products=["xl", "standard"],
        cells=[cell for cell, _ in riders],
        requests=[share for _, count in riders for share in (count // 2, count)],
        bookings=[share for _, count in riders for share in (count // 2, 0)],
    )


def city(record: DemandCellsCounted) -> CityDemandCounted:
    """The city's record that goes with one of a zone."""
    riders = sum(record.requests), sum(record.bookings)
    return CityDemandCounted(
        kind=record.kind,
        source_partition=record.source_partition,
        source_partitions=record.source_partitions,
        epoch_generation=record.epoch_generation,
        epoch_started_ms=record.epoch_started_ms,
        requests_offset=record.requests_offset,
        decisions_offset=record.decisions_offset,
        now_ms=record.now_ms,
        complete_from_ms=record.complete_from_ms,
        pane_start_ms=record.pane_start_ms,
        zones=[record.zone] if record.kind is CountKind.CELLS else [],
        requests=[riders[0]] if record.kind is CountKind.CELLS else [],
        bookings=[riders[1]] if record.kind is CountKind.CELLS else [],
    )


_KINDS = st.sampled_from([CountKind.CELLS] * 6 + [CountKind.SNAPSHOT_COMPLETE] * 2 + [CountKind.ALIVE])
_LESS = st.sampled_from([0, 0, 0, 1])


@st.composite
def _timeline(draw, size: int, longest_step_ms: int):
    """Per record source, epoch (growing, with zombies), kind, zone, instant (with jitter), and counts of cells."""
    length, now_ms, steps = draw(st.integers(1, size)), START_MS, []
    for index in range(length):
        now_ms += draw(st.integers(0, longest_step_ms))
        zone = draw(st.sampled_from(ZONES))
        counts = draw(st.dictionaries(st.sampled_from(CELLS[zone]), st.integers(0, 5), max_size=3))
        common = {
            "kind": draw(_KINDS),
            "source": draw(st.integers(0, SOURCES - 1)),
            "epoch": max(1, 1 + index * 3 // size - draw(_LESS)),
            "offset": index // 2,
            "now_ms": now_ms - draw(st.integers(0, 1)) * draw(st.integers(0, 4_000)),
            "zone": zone,
        }
        steps.append((common, counts))
    return steps


@st.composite
def supply_logs(draw, size: int = 30, longest_step_ms: int = 12_000) -> list[SupplyCellsCounted]:
    """Logs of supply-cells of one partition."""
    return [supply(**common, idle=counts) for common, counts in draw(_timeline(size, longest_step_ms))]


@st.composite
def demand_logs(draw, size: int = 30, longest_step_ms: int = 12_000) -> list[DemandCellsCounted]:
    """Logs of demand-cells of one partition."""
    back = st.integers(0, 6).map(lambda panes: panes * PANE_MS)
    return [
        demand(
            **common,
            asked=counts,
            pane=pane_start(common["now_ms"]) - draw(back),
            complete_from_ms=pane_start(common["now_ms"]) - draw(back),
        )
        for common, counts in draw(_timeline(size, longest_step_ms))
    ]


def joined(supply_log: Sequence[SupplyCellsCounted], demand_log: Sequence[DemandCellsCounted]) -> PartitionState:
    """The state after both logs, each read once, in order."""
    state = PartitionState(3)
    for offset, record in enumerate(supply_log):
        apply_supply(state, record, offset)
    for offset, record in enumerate(demand_log):
        apply_demand(state, record, offset)
    return state


def epoch_of(record: AnyRecord) -> Epoch:
    """Epoch of the record's writer."""
    return Epoch(record.epoch_generation, record.epoch_started_ms)


def _heard(log: Sequence[AnyRecord], source: int) -> list[AnyRecord]:
    """Records of the source before which no newer epoch had spoken."""
    own = [record for record in log if record.source_partition == source]
    return [record for place, record in enumerate(own) if all(epoch_of(one) <= epoch_of(record) for one in own[:place])]


def snapshots(log: Sequence[AnyRecord], source: int) -> list[AnyRecord]:
    """The record that completed each epoch of the source."""
    firsts: dict[Epoch, AnyRecord] = {}
    for record in _heard(log, source):
        if record.kind is CountKind.SNAPSHOT_COMPLETE:
            firsts.setdefault(epoch_of(record), record)
    return list(firsts.values())


def known_from_ms(log: Sequence[AnyRecord], instant: str) -> int | None:
    """Start of the first pane every source knows in full; `instant` is the field of its snapshot that says so."""
    firsts = [snapshots(log, source)[:1] for source in range(SOURCES)]
    if not log or not all(firsts):
        return None
    return max(-(-getattr(first, instant) // PANE_MS) * PANE_MS for (first,) in firsts)


def cars_standing(log: Sequence[SupplyCellsCounted], source: int, zone: int) -> list[tuple[int, dict[int, int]]]:
    """What stood in the zone from when on, by the source: (instant, cell → idle).

    Instants never run backwards, neither within the zone nor before the snapshot of the epoch that speaks.
    """
    steps: list[tuple[int, dict[int, int]]] = []
    heard, done, snapshot_ms, held, last = _heard(log, source), None, 0, {}, None
    for record in heard:
        epoch, here = epoch_of(record), record.kind is CountKind.CELLS and record.zone == zone
        value = dict(zip(record.cells, record.idle, strict=True))
        order = record.pings_offset, record.now_ms
        if epoch != done and here and (epoch not in held or held[epoch][0] <= order):
            held[epoch] = order, value
        elif epoch != done and record.kind is CountKind.SNAPSHOT_COMPLETE:
            done, snapshot_ms, (last, now) = epoch, record.now_ms, held.get(epoch, (None, {}))
            if held or (steps and steps[-1][1]):
                steps.append((record.now_ms, now))
            held = {}
        elif epoch == done and here and (last is None or last <= order):
            last = order
            steps.append((max(record.now_ms, snapshot_ms), value))
    floor = 0
    return [(floor := max(floor, at), value) for at, value in steps]


def idle_mean(log: Sequence[SupplyCellsCounted], zone: int, cell: int, now_ms: int, window_ms: int) -> float:
    """Mean idle cars of a cell: car-milliseconds of the window's panes by fraction; what stands does until now."""
    known = known_from_ms(log, "now_ms")
    stood = [cars_standing(log, source, zone) for source in range(SOURCES)]
    covered = 0 if known is None else max(0, min(window_ms, now_ms - known))
    if covered == 0:
        return float(sum(steps[-1][1].get(cell, 0) for steps in stood if steps))
    total = 0.0
    for steps in stood:
        for (since, value), (until, _) in pairwise([*steps, (now_ms, {})]):
            for pane, fraction in window_panes(now_ms, window_ms) if value.get(cell) else []:
                if pane >= known:
                    total += fraction * value[cell] * max(0, min(until, pane + PANE_MS) - max(since, pane))
    return total / covered


def riders(log: Sequence[DemandCellsCounted | CityDemandCounted], zone: int, pane: int) -> list[AnyRecord]:
    """The one record per source that says who asked in the zone and pane, where there is one."""
    standing = []
    for source in range(SOURCES):
        owners = [epoch_of(one) for one in snapshots(log, source) if one.complete_from_ms <= pane]
        said = [
            record
            for record in _heard(log, source)
            if record.kind is CountKind.CELLS
            and owners[-1:] == [epoch_of(record)]
            and record.pane_start_ms == pane
            and getattr(record, "zone", zone) == zone
        ]
        if said:
            standing.append(
                max(said, key=lambda record: (record.requests_offset, record.decisions_offset, record.now_ms))
            )
    return standing


def asked(log: Sequence[DemandCellsCounted], zone: int, pane: int) -> Counter[tuple[int, str]]:
    """Riders per cell and product."""
    total: Counter[tuple[int, str]] = Counter()
    for record in riders(log, zone, pane):
        places = [(cell, product) for cell in record.cells for product in record.products]
        total.update(dict(zip(places, record.requests, strict=True)))
    return total

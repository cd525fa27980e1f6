"""A changelog cut at any record is a consistent state: what it lacks comes again, what it has is not counted twice."""

import pytest
from faust.stores.memory import Store
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.zones.row_format import UnknownRowFormatError, progress_unpacked, riders_packed
from pricing.zones.row_format import cars_packed as packed
from pricing.zones.windows_of_zone import WindowsOfZone
from pricing.zones.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zones.zone_rows import dirty_rows, keep_only, restore
from pricing.zones.zone_state import KEPT_MS
from tests.unit.pricing.counts_log import CELL, START_MS, ZONE, ZONES, demand, demand_logs, joined, supply, supply_logs
from topics.counts import CountKind
from windows.panes import PANE_MS, pane_start

COMPLETE = CountKind.SNAPSHOT_COMPLETE
PRODUCTS = ("standard", "xl")


def plain(value):
    """Arrays as lists, those yet to be added up too, so that states can be compared and printed."""
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if callable(value):
        return plain(value())
    return value.tolist() if hasattr(value, "tolist") else value


def meaning(state, from_ms):
    """What a state says of panes from `from_ms` on; empty zones say nothing, nor do sources without cars."""
    zones = {number: _meaning_of_zone(zone, from_ms) for number, zone in state.zones.items()}
    return {zone: said for zone, said in zones.items() if any(said.values())}, state.supply, state.demand


def _meaning_of_zone(zone, from_ms):
    held = [(source, *one) for source, by in sorted(zone.demand.held.items()) for one in sorted(by.items())]
    return {
        "cars": {source: (zone.since_ms[source], plain(packed(it))) for source, it in zone.cars.items() if it.at.size},
        "held_cars": {source: plain(packed(counts)) for source, counts in zone.held_cars.items()},
        "car_ms": {pane: ms.tolist() for pane, ms in zone.idle_car_ms.items() if pane >= from_ms},
        "riders": {
            pane: {source: plain(riders_packed(counts)) for source, counts in by.items()}
            for pane, by in zone.demand.standing.items()
            if pane >= from_ms
        },
        "held_riders": [(source, pane, plain(riders_packed(it))) for source, pane, it in held if pane >= from_ms],
    }


def table_of(rows):
    """The table a changelog leaves: the last value of each key, without the deleted ones."""
    table = dict(rows)
    return [(key, value) for key, value in table.items() if value is not None]


def deliver(state, supply_log, demand_log, supply_from=0, demand_from=0):
    """Apply both logs from these offsets on."""
    for offset in range(supply_from, len(supply_log)):
        apply_supply(state, supply_log[offset], offset)
    for offset in range(demand_from, len(demand_log)):
        apply_demand(state, demand_log[offset], offset)
    return state


@st.composite
def changelogs(draw, longest_step_ms):
    """Two logs, the rows written while they were read, and after each row the offsets committed by then."""
    logs = draw(supply_logs(longest_step_ms=longest_step_ms)), draw(demand_logs(longest_step_ms=longest_step_ms))
    state, read, rows, committed = PartitionState(3), [0, 0], [], [(0, 0)]
    while read != [len(logs[0]), len(logs[1])]:
        for topic, rule in enumerate((apply_supply, apply_demand)):
            for _ in range(draw(st.integers(1, 8))):
                if read[topic] < len(logs[topic]):
                    rule(state, logs[topic][read[topic]], read[topic])
                    read[topic] += 1
        now_ms = min(max(one.now_ms for one in log[: max(1, done)]) for log, done in zip(logs, read, strict=True))
        flushed = dirty_rows(state, now_ms)
        rows += flushed
        committed += [committed[-1]] * max(0, len(flushed) - 1)
        committed += [tuple(read)] if flushed else []
        committed[-1] = tuple(read)
    return logs, rows, committed, state


@pytest.mark.parametrize("longest_step_ms", [8_000, 400_000])
def test_a_changelog_cut_anywhere_heals(longest_step_ms):
    """Cut after each row in turn, restored, and delivered again from the commit or before: as if nothing had broken."""

    @settings(max_examples=40, deadline=None)
    @given(changelogs(longest_step_ms), st.integers(0, 5))
    def heals(drawn, earlier):
        logs, rows, committed, survivor = drawn
        now_ms = max(record.now_ms for log in logs for record in log)
        from_ms = pane_start(now_ms - KEPT_MS)
        unbroken = meaning(joined(*logs), from_ms)
        assert meaning(survivor, from_ms) == unbroken
        for cut in range(len(rows) + 1):
            resume = [max(0, offset - earlier) for offset in committed[cut]]
            again = deliver(restore(3, table_of(rows[:cut])), *logs, *resume)
            assert meaning(again, from_ms) == unbroken, (
                f"cut after row {cut} of {len(rows)}: {rows[max(0, cut - 1) : cut]}"
            )

    heals()


@settings(max_examples=30, deadline=None)
@given(changelogs(20_000), st.data())
def test_a_second_crash_heals_too(drawn, data):
    """A worker restored from a cut log writes on and crashes: cutting its rows anywhere heals as well."""
    logs, rows, committed, _ = drawn
    now_ms = max(record.now_ms for log in logs for record in log)
    cut = data.draw(st.integers(0, len(rows)))
    resume, rows = committed[cut], rows[:cut]
    second = restore(3, table_of(rows))
    middle = [data.draw(st.integers(start, len(log))) for start, log in zip(resume, logs, strict=True)]
    deliver(second, logs[0][: middle[0]], logs[1][: middle[1]], *resume)
    written = dirty_rows(second, now_ms)
    unbroken = meaning(joined(*logs), pane_start(now_ms - KEPT_MS))
    for place in range(len(written) + 1):
        done = middle if place == len(written) else resume
        again = deliver(restore(3, table_of(rows + written[:place])), *logs, *done)
        assert meaning(again, pane_start(now_ms - KEPT_MS)) == unbroken


@settings(max_examples=30, deadline=None)
@given(supply_logs(), demand_logs(), st.integers(0, 60_000))
def test_a_restored_zone_reads_the_same_windows(supply_log, demand_log, later_ms):
    """Windows of a restored state equal those of the one that was written, to the bit."""
    state = joined(supply_log, demand_log)
    now_ms = max(record.now_ms for record in supply_log + demand_log) + later_ms
    restored = restore(3, table_of(dirty_rows(state, now_ms)))
    for zone in ZONES:
        assert restored.zone(zone).latest_ms == state.zone(zone).latest_ms
        before = WindowsOfZone(state.zone(zone), PRODUCTS).read(state, now_ms)
        after = WindowsOfZone(restored.zone(zone), PRODUCTS).read(restored, now_ms)
        for name in before.__slots__:
            assert plain(getattr(before, name)) == plain(getattr(after, name)), name


def busy_minutes(minutes, flush_s=5):
    """A zone that changes four times a second for so long, its rows written every `flush_s` seconds, and the end."""
    state, rows, offset = PartitionState(0), [], 0
    for rule, snapshot in ((apply_supply, supply(COMPLETE, sources=1)), (apply_demand, demand(COMPLETE, sources=1))):
        rule(state, snapshot, 0)
    for step in range(minutes * 240):
        offset, now_ms = offset + 1, START_MS + step * 250
        apply_supply(state, supply(sources=1, offset=offset, now_ms=now_ms, idle={CELL: 1 + step % 3}), offset)
        pane = pane_start(now_ms)
        apply_demand(
            state, demand(sources=1, offset=offset, now_ms=now_ms, pane=pane, asked={CELL: 1 + step % 9}), offset
        )
        if step % (flush_s * 4) == flush_s * 4 - 1:
            rows += dirty_rows(state, now_ms)
    return state, rows, now_ms


def test_a_pane_costs_three_rows():
    """With a flush every five seconds a busy zone writes one row per closed pane and one of its own per flush."""
    _, rows, _ = busy_minutes(10)
    of_zone = [key for key, _ in rows if b"|" in key]
    panes = [key for key in of_zone if key.count(b"|") == 2]
    assert len(of_zone) <= 3 * 10 * 6
    assert len(panes) == len(set(panes)) >= 10 * 6 - 5


def test_panes_out_of_the_longest_window_are_deleted():
    """After 40 minutes the table holds the panes a 32-minute window needs, in memory and on disk, and no others."""
    state, rows, now_ms = busy_minutes(40)
    oldest = pane_start(now_ms - KEPT_MS)
    kept = [int(key.split(b"|")[2]) for key, _ in table_of(rows) if key.count(b"|") == 2]
    assert min(kept) == min(state.zone(ZONE).panes()) == oldest
    assert len(kept) <= KEPT_MS // PANE_MS


def test_an_empty_zone_is_deleted():
    """A zone without cars, riders and panes leaves no row behind."""
    state = joined([supply(COMPLETE), supply(idle={CELL: 1}), supply(now_ms=START_MS + 1, idle={})], [])
    table = table_of(dirty_rows(state, START_MS) + dirty_rows(state, START_MS + 2 * KEPT_MS))
    assert [key for key, _ in table] == [b"3"]
    assert not state.zones


def test_unchanged_zones_are_not_written():
    """A flush without news writes nothing, and "alive" only the partition's row."""
    state = joined([supply(COMPLETE), supply(idle={CELL: 1})], [])
    assert [key for key, _ in dirty_rows(state, START_MS)] == [b"3|%x" % ZONE, b"3"]
    assert dirty_rows(state, START_MS) == []
    apply_supply(state, supply(CountKind.ALIVE, now_ms=START_MS + 1_000), 2)
    assert [key for key, _ in dirty_rows(state, START_MS)] == [b"3"]


def test_rows_of_other_partitions_are_passed_over():
    """A table in memory still holds rows of partitions that moved away; they do not come back."""
    rows = dirty_rows(joined([supply(COMPLETE), supply(idle={CELL: 1})], []), START_MS)
    assert not restore(4, table_of(rows)).zones
    assert list(restore(3, table_of(rows)).zones) == [ZONE]


def test_a_row_of_another_version_is_refused_by_name():
    """A row this release cannot read stops the restore with its key and version."""
    with pytest.raises(UnknownRowFormatError, match="format version of row '3' must be 1 or 2, got 9"):
        restore(3, [(b"3", b"\x09{}")])


def test_progress_of_the_first_format_is_read():
    """A row written before flows were kept restores with nothing known to flow, so no price rises on it."""
    progress = progress_unpacked([7, 2, [[0, [1, 5], [1, 5], 900, 0, 0]]])
    assert (progress.applied_offset, progress.source_partitions, progress.flows(30_001)) == (7, 2, False)


def test_a_partition_that_comes_back_brings_no_cars_that_left():
    """Worker A fills a zone, B empties and deletes it, the log forgets the deletion, and A gets the partition again."""
    table, log = Store.__new__(Store), {}
    table.__post_init__()
    here = PartitionState(3)
    for offset, record in enumerate([supply(COMPLETE, sources=1), supply(idle={CELL: 5}, offset=1, sources=1)]):
        apply_supply(here, record, offset)
    for key, row in dirty_rows(here, START_MS):
        table.data[key] = log[key] = row
    keep_only([4], table.data)  # the epoch without partition 3
    there, later_ms = restore(3, [*log.items()]), START_MS + KEPT_MS + 60_000
    apply_supply(there, supply(offset=2, now_ms=START_MS + 1_000, sources=1), 2)
    apply_supply(there, supply(CountKind.ALIVE, offset=3, now_ms=later_ms, sources=1), 3)
    for key, row in dirty_rows(there, later_ms):
        if row is None:
            del log[key]
        else:
            log[key] = row
    table.data.update(log)  # what Faust reads of the log
    assert restore(3, [*table.data.items()]).zones.keys() == there.zones.keys() == set()


def test_rows_of_other_partitions_are_dropped_and_no_others():
    """Numbers are compared, not their first digits."""
    rows = {b"1": b"", b"1|862a100d7ffffff": b"", b"12|862a100d7ffffff|170000": b"", b"2": b""}
    keep_only([1], rows)
    assert [*rows] == [b"1", b"1|862a100d7ffffff"]

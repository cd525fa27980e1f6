"""Riders of a cell per pane: absolute counts of source partitions, the newest of each, added up."""

from lineage.panes import PANES, folded
from topics.counts import CountKind, DemandCellsCounted

CELL, OTHER, ZONE = 0x882A100D67FFFFF, 0x882A100D61FFFFF, 0x862A100D7FFFFFF
FIRST_MS = 1_700_000_000_000


def counted(source: int, offset: int, pane: int, requests: list[int], *, generation: int = 1) -> DemandCellsCounted:
    """One record: two cells of two products each."""
    return DemandCellsCounted(
        kind=CountKind.CELLS,
        source_partition=source,
        source_partitions=2,
        epoch_generation=generation,
        epoch_started_ms=1,
        requests_offset=offset,
        decisions_offset=0,
        now_ms=FIRST_MS,
        complete_from_ms=0,
        zone=ZONE,
        pane_start_ms=FIRST_MS + pane * 10_000,
        products=["standard", "xl"],
        cells=[OTHER, CELL],
        requests=requests,
        bookings=[0, 0, 1, 0],
    )


def test_of_each_source_the_newest_counts_and_sources_add_up():
    """An earlier record that comes again changes nothing; products of the cell are added, other cells are not."""
    records = [counted(0, 9, 3, [7, 7, 2, 1]), counted(0, 5, 3, [7, 7, 1, 0]), counted(1, 4, 3, [0, 0, 4, 0])]
    panes = folded(records, CELL, first_ms=FIRST_MS)
    assert len(panes) == PANES
    assert (panes[3]["requests"], panes[3]["bookings"]) == (7, 2)
    assert sum(pane["requests"] for pane in panes) == 7


def test_a_new_epoch_replaces_the_old_whatever_its_offset():
    """A worker that took over counts anew, from what it has read."""
    panes = folded(
        [counted(0, 9, 0, [0, 0, 5, 0]), counted(0, 2, 0, [0, 0, 3, 0], generation=2)], CELL, first_ms=FIRST_MS
    )
    assert panes[0]["requests"] == 3


def test_panes_outside_the_span_are_left_out():
    """Neither before nor after is anything counted."""
    assert (
        sum(
            p["requests"]
            for p in folded(
                [counted(0, 1, -1, [0, 0, 5, 0]), counted(0, 1, PANES, [0, 0, 5, 0])], CELL, first_ms=FIRST_MS
            )
        )
        == 0
    )

"""When every driver falls silent at once, supply is missing and no price may rise."""

import pytest

from pricing.zones.sources import TopicProgress
from topics.counts import CountKind
from windows.epochs import Epoch


def heard(*said: tuple[int, int, int]) -> TopicProgress:
    """Progress after ALIVE records (source, pings offset, now_ms)."""
    progress = TopicProgress()
    for offset, (source, pings_offset, now_ms) in enumerate(said):
        progress.hear(
            offset=offset,
            kind=CountKind.ALIVE,
            source=source,
            source_partitions=2,
            epoch=Epoch(1, 1),
            now_ms=now_ms,
            complete_from_ms=0,
            input_offset=pings_offset,
        )
    return progress


def test_a_clock_that_was_ahead_hides_no_silence() -> None:
    """The last word of a source counts, and one from far ahead of now tells nothing of now."""
    progress = TopicProgress()
    for offset, (kind, now_ms) in enumerate(
        [(CountKind.SNAPSHOT_COMPLETE, 1_000), (CountKind.ALIVE, 3_601_000), (CountKind.ALIVE, 2_000)]
    ):
        said = {"source": 0, "source_partitions": 1, "complete_from_ms": 0, "input_offset": 0}
        progress.hear(offset=offset, kind=kind, epoch=Epoch(1, 1), now_ms=now_ms, **said)
        if now_ms > 3_600_000:
            assert not progress.is_complete(2_000)
    assert progress.is_complete(2_500)
    assert not progress.is_complete(60_000)
    assert progress.data_age_ms(60_000) == 58_000


@pytest.mark.parametrize(
    ("said", "now_ms", "flows"),
    [
        ([(0, 5, 1_000), (0, 6, 2_000)], 32_000, True),  #                  moved at 2 s, 30 s ago
        ([(0, 5, 1_000), (0, 6, 2_000)], 32_001, False),  #                 a millisecond later: silent
        ([(0, 6, 1_000), (0, 6, 40_000)], 40_000, False),  #                alive, but nothing came in
        ([(0, 6, 1_000), (1, 3, 1_000), (1, 4, 39_000)], 40_000, True),  # one source that moves is enough
        ([(0, 6, 40_000)], 40_000, False),  #                               first word: nothing is known to move
        ([(0, 6, 1_000), (0, 2, 39_000), (0, 5, 40_000)], 40_000, False),  # a rewind is no news
    ],
)
def test_supply_flows_while_any_source_reads_something_new(
    said: list[tuple[int, int, int]], now_ms: int, flows: bool
) -> None:
    """Alive without input for 30 s means that the senders are cut off, not that the city is empty."""
    assert heard(*said).flows(now_ms) is flows

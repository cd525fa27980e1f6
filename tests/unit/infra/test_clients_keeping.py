"""What follows from a topic's settings on the brokers for the records it has lost."""

import pytest

from infra.clients.keeping import AGE, POLICY, SIZE, TIERED, Keeping, kept

BY_AGE = {POLICY: "delete", AGE: "9", SIZE: "-1"}


@pytest.mark.parametrize(
    ("settings", "keeping"),
    [
        (BY_AGE, Keeping(retention_ms=9, sizes={0: 5})),
        (BY_AGE | {SIZE: "6", TIERED: "false"}, Keeping(retention_ms=9, retention_bytes=6, sizes={0: 5})),
        (BY_AGE | {SIZE: "6", TIERED: "true"}, Keeping(retention_ms=9, retention_bytes=6)),
        (BY_AGE | {POLICY: "compact,delete"}, Keeping(sizes={0: 5})),
        (BY_AGE | {POLICY: "compact"}, Keeping(sizes={0: 5})),
        (BY_AGE | {AGE: None}, Keeping(sizes={0: 5})),
        ({}, Keeping(sizes={0: 5})),
    ],
    ids=["age", "age and size", "tiered", "compacted, too", "compacted", "hidden", "not told"],
)
def test_only_what_goes_by_age_and_size_alone_tells_how_old_lost_records_are(settings, keeping):
    """Compaction takes younger ones, and disks do not hold all of a tiered topic."""
    assert kept(settings, {0: 5}) == keeping

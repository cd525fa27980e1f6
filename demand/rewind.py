"""How far DEMAND reads its topics again after a restart, and from which pane on its counts are then complete.

A count may still change while its pane is open; and it depends on the whole two-minute bucket before it, since a rider
counts in the earliest pane of the bucket. So reading begins at the start of the bucket of the oldest open pane, less
one grace for senders whose clock runs ahead:

        rewind start                                   stamp: append time up to which all was committed
    ────┴──── 20 s ────┬─────────── bucket ────────────┼───┬─────> append time
                       │  closed panes │ open panes    │   │
                       ├───────────────┴───────────────┴───┤
                       complete from                       bucket end, event time

- An event of a pane from `complete_from` on has `at_ms` ≥ complete_from, and was appended at `at_ms` − 5 s or later,
  else it was refused as from the future: so it lies after the rewind start and is read.
- A pane before `complete_from` was closed at `stamp`: all that counts in it was appended before `stamp`, hence
  committed, hence published by an earlier epoch whose value stands.

`stamp` must hold for both topics: the lesser of the append times of the last records committed; a topic with nothing
left to read at assignment has no say, since what it gets later is appended later.
"""

from windows.panes import GRACE_MS, bucket_start, oldest_open_pane


def complete_from(stamp_ms: int) -> int:
    """Start of the first pane whose counts are exact after rewinding from `stamp_ms`; a bucket boundary.

    >>> complete_from(269_000)
    240000
    """
    return bucket_start(oldest_open_pane(stamp_ms))


def rewind_start(stamp_ms: int) -> int:
    """Append time to read both topics again from.

    >>> rewind_start(269_000)
    220000
    """
    return complete_from(stamp_ms) - GRACE_MS

"""The slow definition of demand, and a book fed from a log."""

from collections import Counter, defaultdict

import numpy as np

from demand.riders import RiderBook


def slow_counts(log):
    """Requests and bookings as {(pane, cell, product): distinct askers}, straight from the definition."""
    earliest = defaultdict(dict)
    for ask in log:
        pane = ask.at_ms // 10_000 * 10_000
        if ask.appended_ms > pane + 30_000:
            continue
        key = (ask.who, ask.cell, ask.product, ask.at_ms // 120_000)
        panes = earliest[ask.booked]
        panes[key] = min(panes.get(key, pane), pane)
    return tuple(
        Counter((pane, cell, product) for (_, cell, product, _), pane in earliest[booked].items())
        for booked in (False, True)
    )


def feed(book, log, *, size=7):
    """Give the log to the book in batches; returns the late ones."""
    late = []
    for start in range(0, len(log), size):
        batch = log[start : start + size]
        for booked, take, who in ((False, book.ask, "rider"), (True, book.book, "decision")):
            some = [ask for ask in batch if ask.booked == booked]
            columns = {
                name: np.array([getattr(ask, name) for ask in some], np.int64)
                for name in ("cell", "product", "at_ms", "appended_ms")
            }
            mask = take(**{who: np.array([ask.who for ask in some], np.int64)}, **columns)
            late += [ask for ask, is_late in zip(some, mask.tolist(), strict=True) if is_late]
    return late


class Known:
    """What a reader of `changes` knows: each pane replaced by its newest."""

    def __init__(self):
        self.requests, self.bookings = Counter(), Counter()

    def apply(self, panes):
        for pane in panes:
            for known, new in ((self.requests, pane.requests), (self.bookings, pane.bookings)):
                for key in [key for key in known if key[0] == pane.start_ms]:
                    del known[key]
                known.update({(pane.start_ms, *ride): count for ride, count in new.items()})
        return self

    def from_pane(self, start_ms):
        return tuple(
            {key: count for key, count in known.items() if key[0] >= start_ms}
            for known in (self.requests, self.bookings)
        )


def counts_of(log, **options):
    book = RiderBook(**options)
    feed(book, log)
    return Known().apply(book.changes()).from_pane(0)

"""Offers that were made, and what became of them: what pickup time and acceptance are fitted on.

    quote priced ──▶ accepted? ──▶ car came?        one row per quote that named the idle cars it rested on
                       │ no          │ no: wait_s is -1

From records of `quotes.v1` and `ride-events.v1`, whoever brings them, or from a file with the columns below.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.rules.instants import LATEST_MS
from topics.events import RideEventHappened, RideEventKind
from topics.prices import QuoteAnswered, QuoteOutcome

COLUMNS = ("at_ms", "product", "multiplier_hundredths", "eta_s", "idle_near_milli", "accepted", "wait_s")
NEVER = -1.0
# Lowest and highest of what a file may say; sums of squares of more than these are no numbers any more.
BOUNDS = {
    "multiplier_hundredths": (1.0, 1e6),
    "eta_s": (-1.0, 1e8),
    "idle_near_milli": (0.0, 1e9),
    "wait_s": (NEVER, 1e8),
}
# After the lock a quote can be accepted no more; after half an hour more nobody is picked up that will ever be.
SETTLED_MS = 1_800_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offers:
    """n offers: `at_ms` int64, `product` str, `multiplier` 1.0 for the plain fare, `eta_s` the wait told in seconds.

    `idle_per_km2` as the tick had it; `accepted` bool; `wait_s` from acceptance to pickup, `NEVER` where none was.
    """

    at_ms: NDArray[np.int64]
    product: NDArray[np.str_]
    multiplier: NDArray[np.float64]
    eta_s: NDArray[np.float64]
    idle_per_km2: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    wait_s: NDArray[np.float64]

    @property
    def picked(self) -> NDArray[np.bool_]:
        """Offers that ended with a rider in a car."""
        return self.wait_s >= 0.0

    def only(self, rows: NDArray[np.bool_]) -> "Offers":
        """The offers of these rows."""
        return Offers(**{name: getattr(self, name)[rows] for name in self.__slots__})


def offers_of(quotes: Iterable[QuoteAnswered], events: Iterable[RideEventHappened], *, until_ms: int) -> Offers:
    """Offers whose fate was settled by `until_ms`, by time; the first quote of an id counts, and the first of an event.

    Quotes that name no idle cars, of releases before there were any, are left out.
    """
    accepted: dict[str, RideEventHappened] = {}
    started: dict[str, int] = {}
    for event in events:
        if event.kind is RideEventKind.QUOTE_ACCEPTED and event.quote_id:
            accepted.setdefault(event.quote_id, event)
        elif event.kind is RideEventKind.RIDE_STARTED:
            started.setdefault(event.ride_id, event.at_ms)
    rows: dict[str, tuple[str, ...]] = {}
    for quote in quotes:
        settled = quote.valid_until_ms + SETTLED_MS <= until_ms
        if quote.outcome is QuoteOutcome.PRICED and quote.idle_near_milli >= 0 and settled:
            rows.setdefault(quote.quote_id, _row(quote, accepted.get(quote.quote_id), started))
    return _of_rows(sorted(rows.values(), key=lambda row: (int(row[0]), row)))


def _row(quote: QuoteAnswered, acceptance: RideEventHappened | None, started: dict[str, int]) -> tuple[str, ...]:
    there_ms = started.get(acceptance.ride_id) if acceptance else None
    wait_s = NEVER if acceptance is None or there_ms is None else max(0, there_ms - acceptance.at_ms) / 1_000
    return (
        str(quote.now_ms),
        quote.product,
        str(quote.multiplier_hundredths),
        str(quote.eta_s),
        str(quote.idle_near_milli),
        str(int(acceptance is not None)),
        f"{wait_s:g}",
    )


def csv_rows(offers: Offers) -> Iterator[tuple[str, ...]]:
    """The offers as rows of a file, its header first."""
    yield COLUMNS
    for row in range(offers.at_ms.size):
        yield (
            str(offers.at_ms[row]),
            str(offers.product[row]),
            f"{offers.multiplier[row] * 100:.0f}",
            f"{offers.eta_s[row]:.0f}",
            f"{offers.idle_per_km2[row] * 1000:.0f}",
            str(int(offers.accepted[row])),
            f"{offers.wait_s[row]:.0f}",
        )


def offers_of_csv(lines: Iterable[str]) -> Offers:
    """Offers of a file.

    Raises ValueError naming the line and the field if a column is missing, no number or out of its bounds.
    """
    reader = csv.DictReader(lines)
    missing = set(COLUMNS) - set(reader.fieldnames or ())
    if missing:
        raise ValueError(f"offers must have the columns {', '.join(COLUMNS)}; missing: {', '.join(sorted(missing))}")
    rows = []
    for row in reader:
        values = tuple(row[name] or "" for name in COLUMNS)
        for name, value in zip(COLUMNS, values, strict=True):
            if rule := _broken(name, value):
                raise ValueError(f"line {reader.line_num}: {name} must be {rule}, got {value!r}")
        rows.append(values)
    return _of_rows(rows)


def _broken(name: str, value: str) -> str:
    """The rule that a value of the column breaks, empty if it breaks none."""
    if name == "at_ms":
        whole = value.isascii() and value.isdecimal() and len(value) <= len(str(LATEST_MS))
        return "" if whole and int(value) <= LATEST_MS else f"whole milliseconds from 0 to {LATEST_MS}"
    if name == "accepted":
        return "" if value in {"0", "1"} else "0 or 1"
    if name not in BOUNDS:
        return ""
    low, high = BOUNDS[name]
    try:
        within = low <= float(value) <= high
    except ValueError:
        within = False
    return "" if within else f"a number from {low:g} to {high:g}"


def _of_rows(rows: list[tuple[str, ...]]) -> Offers:
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    numbers = {name: np.array(columns[at], np.float64) for at, name in enumerate(COLUMNS) if name != "product"}
    return Offers(
        at_ms=np.array(columns[0], np.int64),
        product=np.array(columns[1], np.str_),
        multiplier=numbers["multiplier_hundredths"] / 100.0,
        eta_s=numbers["eta_s"],
        idle_per_km2=numbers["idle_near_milli"] / 1_000.0,
        accepted=numbers["accepted"] > 0.0,
        wait_s=numbers["wait_s"],
    )


def joined(parts: list[Offers]) -> Offers:
    """All offers, in the order given."""
    return Offers(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Offers.__slots__})


def cut(offers: Offers) -> tuple[Offers, Offers]:
    """The first two thirds by time, and the last: what comes later is what a model must be good on."""
    order = np.argsort(offers.at_ms, kind="stable")
    early = np.zeros(order.size, np.bool_)
    early[order[: 2 * order.size // 3]] = True
    return offers.only(early), offers.only(~early)

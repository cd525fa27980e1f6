"""Ride events of a batch as objects: most kinds are passed over, and the others are judged one by one."""

from agents.runtime.intake import Taken
from topics.arrays import Int64s
from topics.columns import Columns
from topics.events import RideEventHappened, RideEventKind


def events_of(taken: Taken) -> list[RideEventHappened]:
    """The rows of a batch that hold, in order."""
    columns, rows = taken.columns, taken.rows
    kinds = list(RideEventKind)
    fields = zip(
        columns.texts("event_id", rows),
        columns.texts("rider_id", rows),
        columns.texts("ride_id", rows),
        (kinds[number] for number in columns.ints("kind")[rows].tolist()),
        columns.ints("at_ms")[rows].tolist(),
        columns.texts("quote_id", rows),
        _nullable(columns, "amount_minor", rows),
        columns.texts("currency", rows),
        strict=True,
    )
    names = ("event_id", "rider_id", "ride_id", "kind", "at_ms", "quote_id", "amount_minor", "currency")
    return [RideEventHappened(**dict(zip(names, row, strict=True))) for row in fields]


def _nullable(columns: Columns, name: str, rows: Int64s) -> list[int | None]:
    """A whole-number field, None where it is null."""
    values, present = columns.ints(name)[rows].tolist(), columns.present(name)[rows].tolist()
    return [value if given else None for value, given in zip(values, present, strict=True)]

"""Hypothesis strategies shared by tests of several rooms."""

from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import get_args, get_type_hints

from hypothesis import settings
from hypothesis import strategies as st

from windows.hexagons import disk

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
}


def avro_values(node, named=None):
    """Plain Python values of an Avro type, as fastavro takes and gives them."""
    named = {} if named is None else named
    if isinstance(node, list):
        return st.one_of([avro_values(branch, named) for branch in node])
    kind = node["type"] if isinstance(node, dict) else node
    if isinstance(node, dict) and "name" in node:
        named[node["name"]] = node
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "string":
            return TEXTS
        case "bytes":
            return st.binary(max_size=8)
        case "enum":
            return st.sampled_from(node["symbols"])
        case "array":
            return st.lists(avro_values(node["items"], named), max_size=4)
        case "map":
            return st.dictionaries(TEXTS, avro_values(node["values"], named), max_size=3)
        case "record":
            return st.fixed_dictionaries({f["name"]: avro_values(f["type"], named) for f in node["fields"]})
    return NUMBERS[kind] if kind in NUMBERS else avro_values(named[kind], named)


def records(record, schema):
    """Records of a class of `topics`, drawn from its schema."""
    return avro_values(schema).map(lambda said: built(record, said))


def built(record, said):
    """`said` as the record class, enum members and nested records included."""
    hints = get_type_hints(record)
    return record(**{field.name: _as(hints[field.name], said[field.name]) for field in fields(record)})


def _as(hint, value):
    inner = [part for part in (hint, *get_args(hint)) if isinstance(part, type)]
    made = next((part for part in inner if is_dataclass(part) or issubclass(part, StrEnum)), None)
    if made is None:
        return value
    if isinstance(value, list):
        return [built(made, item) for item in value]
    return made(value) if issubclass(made, StrEnum) else built(made, value)


# Examples that may be the first to run compiled code: it compiles then, which takes seconds.
compiling = settings(deadline=None)

# Cells of several neighbouring zones, around one in Manhattan.
NEAR_CELLS = disk(0x882A100D67FFFFF, 4)


@dataclass(frozen=True, slots=True)
class Ping:
    """One row for `supply.fleet.Fleet`."""

    driver: int
    at_ms: int
    cell: int
    status: int
    products: int
    free_at_ms: int


@dataclass(frozen=True, slots=True)
class Ask:
    """One row for `demand.riders.RiderBook`: a request, or a booking if `booked`, as it stands in the log."""

    who: int
    cell: int
    product: int
    at_ms: int
    appended_ms: int
    booked: bool


def pings(*, drivers=6, until_ms=90_000):
    """Pings of few drivers, so that they disagree, in any order of event time."""
    return st.lists(
        st.builds(
            Ping,
            driver=st.integers(-drivers, drivers),
            at_ms=st.integers(0, until_ms // 500).map(lambda half_s: half_s * 500),
            cell=st.sampled_from(NEAR_CELLS),
            status=st.integers(0, 3),
            products=st.integers(0, 7),
            free_at_ms=st.one_of(st.just(-1), st.integers(0, 2 * until_ms + 300_000)),
        ),
        max_size=60,
    )


@st.composite
def demand_logs(draw, *, most_disorder_ms=20_000, size=60):
    """Requests and bookings as appended, by few askers; event times up to 5 s ahead, `most_disorder_ms` behind."""
    appended_ms, log = draw(st.integers(100_000, 400_000)), []
    for _ in range(draw(st.integers(0, size))):
        appended_ms += draw(st.sampled_from([0, 1, 500, 3_000, 10_000, 40_000]))
        at_ms = appended_ms - draw(st.integers(-5_000, most_disorder_ms))
        who, booked = draw(st.integers(0, 2)), draw(st.booleans())
        cell, product = draw(st.sampled_from(NEAR_CELLS[:40:13])), draw(st.integers(0, 1))
        log.append(Ask(who, cell, product, at_ms, appended_ms, booked))
    return log

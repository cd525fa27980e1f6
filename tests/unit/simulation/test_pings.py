"""Pings made by columns are the bytes the codec makes one by one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.fleet import CarState, Pings
from simulation.pings import PingEncoder, longs
from simulation.plane import Plane
from topics.catalogue import DRIVER_PINGS
from topics.codec import ObjectCodec
from topics.events import DriverPinged, DriverStatus

DRIVERS = ("car-000000", "car-000001", "car-000002")
PRODUCTS: tuple[tuple[str, ...], ...] = (("standard",), ("standard", "premium"), ())
PLANE = Plane(40.72, -73.97)
STATUS = {CarState.IDLE: DriverStatus.IDLE, CarState.OFFLINE: DriverStatus.OFFLINE}
INSTANTS = st.integers(1 << 34, (1 << 41) - 1)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.floats(-40_000, 40_000),
        st.floats(-40_000, 40_000),
        st.sampled_from(CarState),
        st.one_of(st.just(0), INSTANTS),
    ),
    max_size=8,
)


@settings(deadline=None)  # the first codec is compiled on its first use
@given(at_ms=INSTANTS, rows=ROWS)
def test_fast_pings_equal_the_codec(at_ms: int, rows: list) -> None:
    """For any cars, places, states and instants both encoders write the same bytes."""
    car, x, y, state, free = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], [], []]
    pings = Pings(
        at_ms=at_ms,
        car=np.array(car, np.int64),
        x=np.array(x, float),
        y=np.array(y, float),
        state=np.array(state, np.int8),
        free_at_ms=np.array(free, np.int64),
    )
    lat, lon = PLANE.degrees(pings.x, pings.y)
    codec = ObjectCodec(DRIVER_PINGS, schema_id=9)
    slow = [
        codec.encode(
            DriverPinged(
                driver_id=DRIVERS[each],
                at_ms=at_ms,
                lat=float(lat[row]),
                lon=float(lon[row]),
                status=STATUS.get(state[row], DriverStatus.BUSY),
                products=list(PRODUCTS[each]),
                free_at_ms=free[row] or None,
            )
        )
        for row, each in enumerate(car)
    ]
    assert PingEncoder(9, DRIVERS, PRODUCTS, PLANE).encode(pings) == slow


def test_what_would_need_another_width_is_refused() -> None:
    """Instants outside the decades, and driver ids of several lengths, are refused by name."""
    with pytest.raises(ValueError, match="instants must be between"):
        longs(np.array([1 << 41]))
    with pytest.raises(ValueError, match="driver ids must be equally long"):
        PingEncoder(1, ("a", "bb"), ((), ()), PLANE)


def test_the_map_and_its_inverse_agree() -> None:
    """A point taken to metres and back is the same point to a millionth of a metre."""
    x, y = np.array([-20_000.0, 0.0, 15_000.0]), np.array([9_000.0, 0.0, -3.0])
    for back, there in zip(PLANE.metres(*PLANE.degrees(x, y)), (x, y), strict=True):
        assert back == pytest.approx(there, abs=1e-6)
    assert all(west < east for west, east in pairwise(PLANE.degrees(x, y)[1].tolist()))

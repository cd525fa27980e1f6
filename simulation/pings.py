"""Pings as bytes, many at once.

All but the products of a ping has a fixed width, since an instant of these decades takes six bytes as an Avro long.
So a step's pings are one matrix of bytes, filled column by column:

    frame 5 │ id │ at_ms 6 │ lat 8 │ lon 8 │ status 1      the same for every car
    products                                               made once per car
    free_at_ms: 0, or 2 and 6 bytes                        second matrix

The bytes equal those of `topics.codec`; a test holds that.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulation.fleet import CarState, Pings
from simulation.history import Ints
from simulation.plane import Floats, Plane
from topics import wire
from topics.events import DriverStatus

Bytes = NDArray[np.uint8]
_LONG_BYTES = 6
_LONG_FROM, _LONG_BELOW = 1 << 34, 1 << 41  # these take six bytes: July 1970 to September 2039
_STATUS = {
    CarState.IDLE: DriverStatus.IDLE,
    CarState.TO_PICKUP: DriverStatus.BUSY,
    CarState.WITH_RIDER: DriverStatus.BUSY,
    CarState.OFFLINE: DriverStatus.OFFLINE,
}


class PingEncoder:
    """Encodes pings of these drivers under the registry's `schema_id`; `products[i]` are what driver i serves."""

    def __init__(
        self, schema_id: int, drivers: Sequence[str], products: Sequence[tuple[str, ...]], plane: Plane
    ) -> None:
        """Make ready what never changes of each driver's pings.

        Raises ValueError unless all drivers' ids are ASCII and equally long.
        """
        ids = [driver.encode("ascii") for driver in drivers]
        if len({len(each) for each in ids}) > 1:
            raise ValueError("driver ids must be equally long, got several lengths")
        starts = [wire.frame(schema_id, _counted(each)) for each in ids]
        self._start = np.frombuffer(b"".join(starts), np.uint8).reshape(len(starts), -1)
        made = {each: _products(each) for each in set(products)}
        self._products = [made[each] for each in products]
        self._plane = plane
        symbols = list(DriverStatus)
        self._status = np.array([2 * symbols.index(_STATUS[state]) for state in CarState], np.uint8)

    def encode(self, pings: Pings) -> list[bytes]:
        """One framed value per ping, in their order.

        Raises ValueError for an instant before July 1970 or after September 2039.
        """
        n = pings.car.size
        lat, lon = self._plane.degrees(pings.x, pings.y)
        status = self._status[pings.state][:, None]
        heads = np.hstack(
            [self._start[pings.car], longs(np.full(n, pings.at_ms)), _doubles(lat), _doubles(lon), status]
        )
        known = pings.free_at_ms > 0
        tails = np.zeros((n, 1 + _LONG_BYTES), np.uint8)
        tails[:, 0] = 2
        tails[known, 1:] = longs(pings.free_at_ms[known])
        head, tail = _rows(heads), _rows(tails)
        return [
            head[row] + self._products[car] + (tail[row] if free else b"\x00")
            for row, (car, free) in enumerate(zip(pings.car.tolist(), known.tolist(), strict=True))
        ]


def longs(values: Ints) -> Bytes:
    """Avro longs of six bytes each, uint8[n, 6], of int64[n].

    Raises ValueError if one needs another number of bytes.
    """
    if values.size and (values.min() < _LONG_FROM or values.max() >= _LONG_BELOW):
        raise ValueError(
            f"instants must be between {_LONG_FROM} and {_LONG_BELOW} ms, got {values.min()}..{values.max()}"
        )
    zigzag = values[:, None] << 1
    septets = zigzag >> (7 * np.arange(_LONG_BYTES)) & 0x7F
    septets[:, :-1] |= 0x80
    return septets.astype(np.uint8)


def _doubles(values: Floats) -> Bytes:
    return np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8)


def _rows(matrix: Bytes) -> list[bytes]:
    data, width = matrix.tobytes(), matrix.shape[1]
    return [data[at : at + width] for at in range(0, len(data), width)]


def _counted(text: bytes) -> bytes:
    """An Avro string of fewer than 64 bytes."""
    if len(text) >= 64:
        raise ValueError(f"names must be shorter than 64 bytes, got {len(text)}")
    return bytes([2 * len(text)]) + text


def _products(products: tuple[str, ...]) -> bytes:
    if not products:
        return b"\x00"
    return bytes([2 * len(products)]) + b"".join(_counted(each.encode()) for each in products) + b"\x00"

"""What the Python peers share: the job in plain objects, as their users would write it.

In: Avro `DriverPinged` by driver. Kept: the last state of each driver. Out, every 100 ms: the idle cars of each zone
that changed, per cell, as Avro `IdleCars` by zone. Peers are spared what SUPPLY does besides: products, busy cars,
halos, expiry, lateness, judging keys and values, dead letters and telemetry.
"""

import io
import json
import os
from collections import defaultdict
from pathlib import Path

from fastavro import parse_schema, schemaless_reader, schemaless_writer

BOOTSTRAP, INPUT, OUTPUT = os.environ["BENCH_BOOTSTRAP"], os.environ["BENCH_INPUT"], os.environ["BENCH_OUTPUT"]
GROUP, STATE_DIR = os.environ["BENCH_GROUP"], os.environ["BENCH_STATE_DIR"]
FLUSH_S, COMMIT_S = float(os.environ["BENCH_FLUSH_S"]), float(os.environ["BENCH_COMMIT_S"])
HERE = Path(__file__).parent
PINGED = parse_schema(json.loads((HERE.parents[1] / "avro" / "driver-pings.v1.avsc").read_text()))
IDLE_CARS = parse_schema(json.loads((HERE / "idle-cars.avsc").read_text()))
FRAME_BYTES = 5
FRAME = bytes(FRAME_BYTES)
RESOLUTION = 8
KEEP, ZONE_BITS = ~(0xF << 52), 6 << 52 | ((1 << 27) - 1)


def zone_of(cell: int) -> int:
    """The ancestor of resolution 6."""
    return cell & KEEP | ZONE_BITS


def decoded(value: bytes) -> dict:
    """A ping."""
    body = io.BytesIO(value)
    body.seek(FRAME_BYTES)
    return schemaless_reader(body, PINGED, None)


def encoded(zone: int, source: int, cells: list[int], idle: list[int]) -> tuple[bytes, bytes]:
    """Key and value of a zone's record."""
    out = io.BytesIO()
    out.write(FRAME)
    schemaless_writer(out, IDLE_CARS, {"zone": zone, "source": source, "cells": cells, "idle": idle})
    return f"{zone:x}".encode(), out.getvalue()


class Counts:
    """Idle cars per zone and cell of one source partition, and which zones changed."""

    def __init__(self, source: int) -> None:
        self.source = source
        self.idle: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.changed: set[int] = set()

    def add(self, cell: int, cars: int) -> None:
        """Count so many more idle cars in the cell."""
        zone = zone_of(cell)
        self.idle[zone][cell] += cars
        self.changed.add(zone)

    def records(self) -> list[tuple[bytes, bytes]]:
        """Keys and values of the zones that changed since the last call."""
        out = []
        for zone in self.changed:
            cells = {cell: n for cell, n in self.idle[zone].items() if n}
            out.append(encoded(zone, self.source, list(cells), list(cells.values())))
        self.changed.clear()
        return out

"""The recount's decoder of many pings at once equals fastavro's of one, also for what is broken."""

import io
import json
import random
from pathlib import Path

import fastavro
import numpy as np

from tests.recount import lockstep

SCHEMA = fastavro.parse_schema(json.loads((Path(__file__).parents[3] / "avro" / "driver-pings.v1.avsc").read_text()))
FRAME = b"\0\0\0\0\7"
DICE = random.Random(8)


def a_value():
    """A framed ping, one in three of them with a byte changed, cut, longer, or missing."""
    body = io.BytesIO()
    ping = {
        "driver_id": DICE.choice([f"driver-{DICE.randrange(9999)}", "ééé", "x" * 80]),
        "at_ms": DICE.choice([DICE.randrange(2**41), -5, DICE.randrange(2**62)]),
        "lat": DICE.choice([DICE.uniform(-90, 90), float("nan"), 400.0]),
        "lon": DICE.uniform(-200, 200),
        "status": DICE.choice(["UNKNOWN", "IDLE", "BUSY", "OFFLINE"]),
        "products": ["p" * DICE.randrange(70) for _ in range(DICE.randrange(4))],
        "free_at_ms": DICE.choice([None, DICE.randrange(2**41)]),
    }
    fastavro.schemaless_writer(body, SCHEMA, ping)
    value = FRAME + body.getvalue()
    at = DICE.randrange(len(value))
    broken = [None, value[:at], value + b"x", value[:at] + bytes([DICE.randrange(256)]) + value[at + 1 :]]
    key = DICE.choice([ping["driver_id"].encode()] * 4 + [b"other", None])
    return (DICE.choice(broken) if DICE.random() < 0.33 else value), key


def slowly(value):
    """What fastavro makes of it, None if nothing; it takes negative numbers of symbols and items for granted."""
    if value is None or value[:5] != FRAME:
        return None
    body = io.BytesIO(value[5:])
    try:
        read = fastavro.schemaless_reader(body, SCHEMA, None)
    except Exception:  # noqa: BLE001  whatever fastavro raises, it cannot be read
        return None
    return read if body.tell() == len(value) - 5 else None


def test_it_equals_fastavro_record_by_record():
    """Of 4,000 values, a third of them broken, the same are decodable, with the same content."""
    values, keys = zip(*(a_value() for _ in range(4000)), strict=True)
    decodable, same, at, lat, lon, said = lockstep.decode(values, keys, FRAME)
    wanted = [slowly(value) for value in values]
    differing = [row for row, ping in enumerate(wanted) if (ping is not None) != decodable[row]]
    assert len(differing) <= 4, [values[row] for row in differing]  # those of fastavro alone
    for row, ping in enumerate(wanted):
        if ping is not None and decodable[row]:
            told = (at[row], bool(said[row]), bool(same[row]))
            assert told == (ping["at_ms"], bool(ping["products"]), keys[row] == ping["driver_id"].encode())
            np.testing.assert_equal((lat[row], lon[row]), (ping["lat"], ping["lon"]))

"""Reads mutated values that end at a page nobody may touch: a read outside a value kills this process.

Run by test_bounds.py in a process of its own, with the number of values.
"""

import ctypes
import mmap
import random
import sys

import numpy as np

from tests.unit.topics.chunks import PING, framed
from topics.catalogue import DRIVER_PINGS, SURGE
from topics.columns_chunk import empty_chunk
from topics.columns_plan import columns_of, plan_for
from topics.compiled import decode_rows, skip
from topics.frames import frame_ids
from topics.layout import layout_of
from topics.schemas import schema_of

PROT_NONE = 0


def guarded(pages=4):
    """Bytes that end where an untouchable page begins; and the mapping, to be kept alive."""
    size = pages * mmap.PAGESIZE
    mapping = mmap.mmap(-1, size + mmap.PAGESIZE)
    whole = np.frombuffer(mapping, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.c_void_p(whole.ctypes.data + size)
    assert libc.mprotect(address, ctypes.c_size_t(mmap.PAGESIZE), PROT_NONE) == 0
    return whole[:size], mapping


def mutated(value, rng):
    """`value` with some bytes changed, and often cut."""
    body = bytearray(value)
    for _ in range(rng.randrange(4)):
        body[rng.randrange(len(body))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(body[: rng.randrange(len(body) + 1)] if rng.random() < 0.7 else body)


def main(count):
    """Read `count` mutated values, each against the guard."""
    room, _mapping = guarded()
    schema, rng = schema_of(DRIVER_PINGS), random.Random(7)
    columns = columns_of(schema)
    plan = plan_for(schema, schema, columns)
    surge = layout_of(schema_of(SURGE))
    good = framed(schema, PING)
    for _ in range(count):
        value = mutated(good, rng)
        room[room.size - len(value) :] = np.frombuffer(value, np.uint8)
        buf = room[:]
        buf.flags.writeable = False
        ends = np.array([room.size])
        starts = ends - len(value)
        frame_ids(buf, starts, ends)
        if len(value) < 5:
            continue
        chunk = empty_chunk(columns, 1)
        how = (plan.ops, plan.symbols, plan.layout.nodes, plan.layout.children)
        decode_rows(buf, starts, ends, np.zeros(1, np.int64), *how, *chunk)
        skip(buf, starts[0], room.size, 0, surge.nodes, surge.children)
    sys.stdout.write("read")


if __name__ == "__main__":
    main(int(sys.argv[1]))

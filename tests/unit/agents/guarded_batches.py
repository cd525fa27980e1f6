"""Walks mutated record batches that end at a page nobody may touch: a read outside them kills this process.

Run by test_raw_fetch.py in a process of its own, with the number of batches. What the walk says is checked too:
offsets ascend, every span lies inside the bytes, and every record can be made an object.
"""

import random
import struct
import sys

import numpy as np

from agents.runtime.record_run import RecordRun
from tests.unit.agents.record_batches import HEADER_BYTES, batch, some_rows
from tests.unit.topics.guard_page import guarded
from topics.record_walk import KEY, KEY_END, OFFSET, RECORD_END, VALUE, VALUE_END, walk

ODD = (0, 1, 127, 128, 255)
HUGE = (b"\xfe" + b"\xff" * 8 + b"\x01", b"\xff" * 9 + b"\x01", b"\xfe\xff\xff\xff\x1f")


def mutated(body, dice):
    """`body` with some bytes changed, some lengths made huge, and often cut."""
    harmed = bytearray(body)
    for _ in range(dice.randrange(6)):
        harmed[dice.randrange(len(harmed))] = dice.choice((*ODD, dice.randrange(256)))
    if dice.random() < 0.3:
        at, length = dice.randrange(len(harmed)), dice.choice(HUGE)
        harmed[at : at + len(length)] = length
    return bytes(harmed[: dice.randrange(1, len(harmed) + 1)] if dice.random() < 0.3 else harmed)


def main(count):
    """Walk `count` mutated batches, each against the guard."""
    room, _mapping = guarded()
    dice = random.Random(11)
    seeds = [batch(some_rows(dice, dice.randrange(1, 12))) for _ in range(200)]
    for number in range(count):
        whole = seeds[number % len(seeds)]
        body = mutated(whole[HEADER_BYTES:], dice)[-room.size :]
        room[room.size - len(body) :] = np.frombuffer(body, np.uint8)
        stated = dice.choice([struct.unpack_from(">i", whole, 57)[0], dice.randrange(40), 2**31 - 1])
        last = 100 + dice.choice([11, 500, 2**31])
        table = np.array([[room.size - len(body)], [room.size], [stated], [100], [last], [1000], [-1]], np.int64)
        places, broken = np.empty((8, min(stated, len(body) // 2) + 1), np.int64), np.empty(len(body) + 1, np.bool_)
        found = walk(room, table, dice.choice([0, 0, 103]), places, broken)
        if number % 8 == 0:
            run = RecordRun(bytes(room), places[:, :found], broken[:found], appended=False)
            check(run, room.size - len(body))
    sys.stdout.write("read")


def check(run, begin):
    """Offsets ascend, spans lie inside, objects can be made."""
    places = run.places
    assert (np.diff(places[OFFSET]) > 0).all()
    for first, end in ((KEY, KEY_END), (VALUE, VALUE_END)):
        there = places[first] >= 0
        assert (places[first][there] >= begin).all()
        assert (places[first][there] <= places[end][there]).all()
        assert (places[end] <= places[RECORD_END]).all()
    for row in range(len(run)):
        run[row]


if __name__ == "__main__":
    main(int(sys.argv[1]))

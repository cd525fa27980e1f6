"""Records that wait: held partitions and unknown schema ids."""

import asyncio
from types import SimpleNamespace

import pytest
from faust.types import TP

from agents.runtime.parking import Parking
from agents.runtime.schema_ids import AT_ONCE, RegistryUnavailableError, first_unknown

A, B = TP("t", 0), TP("t", 1)


class Registry:
    """Knows the ids in `answers`; a lookup waits for `open`, fails `failures` times, then answers."""

    def __init__(self, *known, failures=0):
        self.answers, self.failures, self.open = set(known), failures, asyncio.Event()

    def known(self, schema_id):
        """Whether answered."""
        return schema_id in self.answers

    async def lookup(self, schema_id):
        """Answer or fail."""
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise RegistryUnavailableError("down")
        self.answers.add(schema_id)


def values(*raw):
    """Return records with these values."""
    return [SimpleNamespace(value=v) for v in raw]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([b"\0\0\0\0\1x", b"\0\0\0\0\1y"], None),
        ([b"\0\0\0\0\1x", b"\0\0\0\0\2y", b"\0\0\0\0\3y"], (1, [2, 3])),
        ([None, b"", b"\0\0\0", b"\1\0\0\0\2x"], None),  # no frame: the decoder's question
        ([b"\0\0\1\0\0"], (0, [65536])),
        (
            [b"\0\xff\xff\xff\xff"],
            (0, [-1]),
        ),  # as the decoder reads it; one asked for 2^32 - 1 might never answer
    ],
)
def test_the_first_unknown_id(raw, expected):
    """Only framed values have an id, and the first unknown one counts."""
    assert first_unknown(values(*raw), Registry(1)) == expected


def test_what_was_parked_comes_first_and_in_order():
    """Records of a held partition wait, others pass; after the release the parked ones precede the fetched ones."""
    parking = Parking()
    parking.hold(A)
    assert list(parking.due({A: [[1], [2]], B: [[9]]})) == [(B, [9])]
    assert list(parking.due({A: [[3]]})) == []
    assert (parking.parked(A), parking.waiting) == (True, True)
    parking.release(A)
    assert list(parking.due({A: [[4]]})) == [(A, [1]), (A, [2]), (A, [3]), (A, [4])]
    assert not parking.waiting


async def test_a_partition_is_blocked_until_the_registry_answers():
    """A registry that fails twice and then answers unblocks it."""
    parking, registry = Parking(), Registry(failures=2)
    task = parking.look_up(A, [7], registry)
    assert parking.blocked == {A}
    registry.open.set()
    await task
    assert (registry.answers, parking.blocked) == ({7}, set())


async def test_ids_of_a_batch_are_asked_for_together():
    """Each would wait for a slow registry; one that it never answers for holds up nothing before it."""

    class Slow(Registry):
        asked = 0

        async def lookup(self, schema_id):
            """Answer once three are asked for, but never for the last."""
            self.asked += 1
            if self.asked == 3:
                self.open.set()
            await self.open.wait()
            if schema_id == 9:
                raise RegistryUnavailableError("down")
            self.answers.add(schema_id)

    parking, registry = Parking(), Slow()
    async with asyncio.timeout(5):
        await parking.look_up(A, [7, 8, 9], registry)
    assert (registry.answers, registry.asked, parking.blocked) == ({7, 8}, 3, set())


def test_no_more_than_a_few_ids_are_asked_for_at_once():
    """Those that come first."""
    framed = [b"\0" + number.to_bytes(4, "big") for number in range(100, 100 - 3 * AT_ONCE, -1)]
    assert first_unknown(values(*framed), Registry(100)) == (1, [99 - number for number in range(AT_ONCE)])


async def test_a_new_assignment_forgets_everything():
    """Holds, lookups and parked records of the former one are gone, also when the lookup ends later."""
    parking, registry = Parking(), Registry()
    parking.hold(B)
    parking.park(A, [1])
    task = parking.look_up(A, [7], registry)
    parking.forget()
    assert (parking.blocked, parking.waiting) == (set(), False)
    await asyncio.wait([task])
    assert task.cancelled()


def test_nothing_is_delivered_while_an_epoch_begins():
    """Agents that are still being told of their partitions get no record; it waits, in order."""
    parking = Parking()
    parking.begin([A])
    assert list(parking.due({A: [values(b"1")], B: [values(b"2")]})) == [(B, values(b"2"))]
    parking.begun()
    assert [tp for tp, _ in parking.due({})] == [A]

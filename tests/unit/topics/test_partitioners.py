"""Known values of both partitioners, from their own projects."""

import zlib

import pytest

from topics.partitioners import Partitioner, murmur2, partition_of, partitioner_of

# Apache Kafka, clients, UtilsTest.testMurmur2.
KAFKA = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "expected"), KAFKA)
def test_murmur2_is_that_of_the_java_client(key, expected):
    """Signed values as Kafka's own test states them; the partition is taken of the value without its sign bit."""
    assert murmur2(key) == expected % 2**32
    assert partition_of(Partitioner.MURMUR2, key, 12) == (expected & 0x7FFFFFFF) % 12


def test_crc32_is_that_of_librdkafka():
    """The check value of CRC-32 (ISO-HDLC), unsigned, modulo the partitions."""
    assert zlib.crc32(b"123456789") == 0xCBF43926
    assert partition_of(Partitioner.CRC32, b"123456789", 1000) == 0xCBF43926 % 1000


def test_a_record_tells_which_rule_placed_it():
    """Where the rules differ one remains; where they agree both do; elsewhere none."""
    murmur, crc = (partition_of(rule, b"driver-2", 12) for rule in Partitioner)
    assert murmur != crc
    assert partitioner_of(b"driver-2", murmur, 12) == {Partitioner.MURMUR2}
    assert partitioner_of(b"driver-2", crc, 12) == {Partitioner.CRC32}
    assert partitioner_of(b"driver-2", 3, 12) == set()
    assert partitioner_of(b"driver-2", 0, 1) == set(Partitioner)


@pytest.mark.parametrize("key", [None, b""])
def test_a_record_without_key_tells_nothing(key):
    """Clients place such records anywhere, so no rule is ruled out."""
    assert partitioner_of(key, 3, 12) == set(Partitioner)


def test_no_partitions_are_refused():
    """A partition count comes from outside and may be wrong."""
    with pytest.raises(ValueError, match="count must be positive, got 0"):
        partition_of(Partitioner.CRC32, b"a", 0)

"""Which partitioner a record's producer used.

Everything about one driver or rider is in one partition only while all producers place keys by the same rule. Java
clients and Faust hash with murmur2, librdkafka by default with CRC-32; a worker compares where records are with where
each rule would have put them, and a mixture shows as records that only one rule explains beside records only the
other does.
"""

import zlib
from enum import StrEnum

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_WORD = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


class Partitioner(StrEnum):
    """The rules in use; CRC32 is librdkafka's `consistent_random`, named by its hash."""

    MURMUR2 = "murmur2"
    CRC32 = "crc32"


def partition_of(partitioner: Partitioner, key: bytes, count: int) -> int:
    """The partition of `count` that `partitioner` puts `key` in.

    Raises ValueError if `count` is not positive.

    >>> partition_of(Partitioner.MURMUR2, b"driver-2", 12), partition_of(Partitioner.CRC32, b"driver-2", 12)
    (5, 11)
    """
    if count < 1:
        raise ValueError(f"count must be positive, got {count}")
    hashed = murmur2(key) & _POSITIVE if partitioner is Partitioner.MURMUR2 else zlib.crc32(key)
    return hashed % count


def partitioner_of(key: bytes | None, partition: int, count: int) -> set[Partitioner]:
    """The rules by which a record of `key` may stand in `partition` of `count`; empty if by none.

    Keys that are missing or empty say nothing: at least one client places them at random, so every rule remains.
    """
    if not key:
        return set(Partitioner)
    return {rule for rule in Partitioner if partition_of(rule, key, count) == partition}


def murmur2(data: bytes) -> int:
    """32-bit MurmurHash2 (Austin Appleby) with Kafka's seed, unsigned.

    >>> murmur2(b"21") == -973932308 % 2**32
    True
    """
    size = len(data)
    state = (_SEED ^ size) & _WORD
    whole = size - size % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _MIX & _WORD
        word = (word ^ word >> 24) * _MIX & _WORD
        state = state * _MIX & _WORD ^ word
    if whole < size:
        state = (state ^ int.from_bytes(data[whole:], "little")) * _MIX & _WORD
    state = (state ^ state >> 13) * _MIX & _WORD
    return state ^ state >> 15

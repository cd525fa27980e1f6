"""Which partition a key belongs to: murmur2, as Kafka's Java client and aiokafka have it."""

from functools import lru_cache

from aiokafka.partitioner import murmur2

_POSITIVE = 0x7FFFFFFF


@lru_cache(1 << 14)
def partition_of(key: bytes, partitions: int) -> int:
    """Partition of `key` among `partitions`.

    >>> partition_of(b"862a100d7ffffff", 4) in range(4)
    True
    """
    if partitions < 1:
        raise ValueError(f"partitions must be positive, got {partitions}")
    return int((murmur2(key) & _POSITIVE) % partitions)

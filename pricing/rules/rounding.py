"""The two roundings: of money to minor units, and of multipliers to tenths.

A multiplier is rounded up or down by a hash, up with the probability that keeps its mean, so the price carries a known
randomness from which its effect can be learned. The draw holds for five minutes per cell and product: a rider who asks
again sees the same side.
"""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ROUNDING_BUCKET_MS = 300_000
TENTH = 10
_MASK = (1 << 64) - 1


def divided_half_up(numerator: int, denominator: int) -> int:
    """The quotient rounded to an integer, halves away from zero; all money is rounded here.

    Raises ValueError if `denominator` is not positive.

    >>> divided_half_up(5, 2), divided_half_up(-5, 2), divided_half_up(4, 3)
    (3, -3, 1)
    """
    if denominator <= 0:
        raise ValueError(f"denominator must be positive, got {denominator}")
    whole = (2 * abs(numerator) + denominator) // (2 * denominator)
    return whole if numerator >= 0 else -whole


@lru_cache(4096)
def _seed(salt: str, product: str) -> int:
    digest = hashlib.blake2b(f"{salt}\x00{product}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def draws(salt: str, cells: NDArray[np.int64], products: tuple[str, ...], now_ms: int) -> NDArray[np.int64]:
    """A number from 0 to 9 per cell and product, int64[n, P], the same all through a five-minute bucket.

    A finaliser of SplitMix64 (Steele, Lea, Flood 2014) over cell, bucket and a keyed hash of salt and product.
    Remembered, and shared by the ticks of that bucket: write into a copy.
    """
    return _drawn(salt, cells.tobytes(), products, now_ms // ROUNDING_BUCKET_MS)


@lru_cache(4096)
def _drawn(salt: str, cells: bytes, products: tuple[str, ...], bucket: int) -> NDArray[np.int64]:
    seeds = np.array([_seed(salt, product) for product in products], np.uint64)
    stirred = seeds + np.uint64((bucket * 0x9E3779B97F4A7C15) & _MASK)
    mixed = np.frombuffer(cells, np.uint64)[:, None] ^ stirred[None, :]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    drawn: NDArray[np.int64] = (mixed >> np.uint64(32)).astype(np.int64) % TENTH
    return drawn

"""64-bit FNV-1a hashes of texts, as signed integers: what columns hold in place of texts.

Fowler, Noll, Vo and Eastlake, "The FNV Non-Cryptographic Hash Algorithm" (RFC 9923). A list is hashed item by item,
each followed by the byte 255, which no UTF-8 text contains, so equal lists have equal hashes however their blocks
were written.
"""

from collections.abc import Iterable

import numpy as np
from numba import njit

from topics.arrays import Bytes, Int64, UInt64

FNV_START = 14_695_981_039_346_656_037
LIST_SEPARATOR = 255
_PRIME = 1_099_511_628_211
_BITS = 2**64 - 1


@njit(cache=True, nogil=True)
def hash_span(buf: Bytes, start: Int64, end: Int64, so_far: UInt64) -> tuple[UInt64, bool]:
    """Hash of what was hashed before (as uint64) and then buf[start:end], and whether all of these bytes are ASCII."""
    state = np.uint64(so_far)
    seen = np.uint64(0)
    for p in range(start, end):
        byte = np.uint64(buf[p])
        seen |= byte
        state = (state ^ byte) * np.uint64(_PRIME)
    return state, bool(seen < np.uint64(128))


@njit(cache=True, nogil=True)
def hash_byte(so_far: UInt64, byte: int) -> UInt64:
    """Hash of what was hashed before and then one byte."""
    return (np.uint64(so_far) ^ np.uint64(byte)) * np.uint64(_PRIME)


def hash_text(text: str | bytes) -> int:
    """The hash a column holds for `text`.

    >>> hash_text("") == hash_text(b""), hash_text("driver-1") == hash_text(b"driver-1")
    (True, True)
    >>> hex(hash_text("foobar") % 2**64)
    '0x85944171f73967e8'
    """
    return _signed(_fold(FNV_START, text.encode() if isinstance(text, str) else text))


def hash_list(texts: Iterable[str]) -> int:
    """The hash a column holds for a list of texts.

    >>> hash_list(["a", "b"]) == hash_list(["ab"])
    False
    """
    state = FNV_START
    for text in texts:
        state = _fold(state, text.encode() + bytes([LIST_SEPARATOR]))
    return _signed(state)


def _fold(state: int, data: bytes) -> int:
    for byte in data:
        state = (state ^ byte) * _PRIME & _BITS
    return state


def _signed(state: int) -> int:
    return state - 2**64 if state >= 2**63 else state

"""64-bit FNV-1a hashes of texts, as signed integers: what columns hold in place of texts.

Fowler, Noll, Vo and Eastlake, "The FNV Non-Cryptographic Hash Algorithm" (RFC 9923). A list is hashed item by item,
each followed by the byte 255, which no UTF-8 text contains, so equal lists have equal hashes however their blocks
were written.
"""

from collections.abc import Iterable

from topics.compiled import FNV_PRIME, FNV_START, LIST_SEPARATOR

_BITS = 2**64 - 1


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
        state = (state ^ byte) * FNV_PRIME & _BITS
    return state


def _signed(state: int) -> int:
    return state - 2**64 if state >= 2**63 else state

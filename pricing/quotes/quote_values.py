"""A quote as the bytes of its record, put together from parts; equal to `quotes.quote` through fastavro.

    frame │ ids │ outcome │ at │ now, until │ place │ amount │ multiplier │ route │ eta │ lines │ why │ offset │ sources
            one request's own                 offer    own      offer       own    offer   own   offer   own     offer

    │ pay │ route source
      own   own

What requests for one product in one cell have in common is coded once, in an `Offer`. A quote made as an object, a
dict and a walk to check it costs 86 µs, its arithmetic included; put together like this 18. An answer that comes too
late has no fare: after an outage there are as many of those as riders asked meanwhile, and newer ones wait for them.
"""

from collections.abc import Sequence
from functools import lru_cache

from topics.catalogue import QUOTES
from topics.prices import FareLine, ModelFallback, PriceReason, QuoteOutcome
from topics.schemas import schema_of

FIELDS = (
    "quote_id", "request_id", "rider_id", "outcome", "refusal", "at_ms", "now_ms", "valid_until_ms", "market",
    "product", "zone", "cell", "currency", "amount_minor", "multiplier_hundredths", "distance_m", "duration_s", "eta_s",
    "breakdown", "reasons", "fallback", "request_offset", "tick_partition", "tick_offset", "tick_now_ms",
    "policy_offset", "markets_offset", "idle_near_milli", "model_fallbacks", "driver_pay", "route_source",
)  # fmt: skip
"""Fields of the record in the order they are written here; a test holds it against the schema."""
_LONGEST, _SHORTEST = 2**63 - 1, -(2**63)
_END = b"\0"


@lru_cache(1 << 14)
def _many_bytes(zigzag: int) -> bytes:
    out = bytearray()
    while zigzag > 127:
        out.append(zigzag & 127 | 128)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


_ONE_BYTE = [bytes([number]) for number in range(128)]


def long_of(value: int) -> bytes:
    r"""A whole number as Avro writes it: zigzag, seven bits a byte, the lowest first (specification 1.12).

    Raises ValueError if it takes more than 64 bits: nobody could read it.

    >>> long_of(0), long_of(-1), long_of(300)
    (b'\x00', b'\x01', b'\xd8\x04')
    """
    zigzag = value << 1 if value >= 0 else ~(value << 1)
    if zigzag < 1 << 7:
        return _ONE_BYTE[zigzag]
    if zigzag < 1 << 14:
        return bytes((zigzag & 127 | 128, zigzag >> 7))
    if zigzag < 1 << 21:
        return bytes((zigzag & 127 | 128, zigzag >> 7 & 127 | 128, zigzag >> 14))
    if not _SHORTEST <= value <= _LONGEST:
        raise ValueError(f"value must fit into 64 bits in {QUOTES.name}, got {value}")
    return _many_bytes(zigzag)


def text_of(value: str) -> bytes:
    """A text as Avro writes it."""
    coded = value.encode()
    return long_of(len(coded)) + coded


text_of_name = lru_cache(1 << 10)(text_of)
"""The same for names of which there are few: codes, products, markets, currencies."""


def lines_of(lines: Sequence[FareLine]) -> bytes:
    """The breakdown: one block, then the end."""
    parts = [long_of(len(lines))]
    for line in lines:
        parts += text_of_name(line.code), long_of(line.amount_minor)
    return b"".join([*parts, _END]) if lines else _END


def reasons_of(reasons: Sequence[PriceReason]) -> bytes:
    """The reasons: one block, then the end."""
    parts = [long_of(len(reasons))]
    for reason in reasons:
        parts += text_of_name(reason.code), long_of(reason.before_hundredths), long_of(reason.after_hundredths)
    return b"".join([*parts, _END]) if reasons else _END


def fallbacks_of(fallbacks: Sequence[ModelFallback]) -> bytes:
    """The models that fell back: one block, then the end."""
    parts = [long_of(len(fallbacks))]
    for one in fallbacks:
        parts += text_of_name(one.name), text_of_name(one.fallback)
    return b"".join([*parts, _END]) if fallbacks else _END


PRICED, EXPIRED = (
    long_of(list(QuoteOutcome).index(outcome)) + text_of("") for outcome in (QuoteOutcome.PRICED, QuoteOutcome.EXPIRED)
)
"""The outcome, and that nothing was refused."""
NO_FARE = text_of("") + 4 * long_of(0) + long_of(-1) + 2 * _END + text_of("")
"""Currency to fallback of an answer without a price."""
NO_SOURCE = 2 * long_of(-1) + long_of(0)
"""Partition, offset and instant of the tick of one."""
NO_PAY = long_of(-1) + 2 * _END + text_of("")
"""Idle cars to route source of one."""


def refuse_other_fields() -> None:
    """Raise ValueError if the schema's fields are not those written here, in this order."""
    found = tuple(field["name"] for field in schema_of(QUOTES)["fields"])
    if found != FIELDS:
        raise ValueError(f"fields of {QUOTES.name} must be those that pricing.quotes.quote_values writes, got {found}")

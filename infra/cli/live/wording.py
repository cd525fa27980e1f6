"""How single values read, on every drawing alike."""

from collections.abc import Sequence

from infra.cli.live.recent import Spread
from pricing.rules.currencies import MINOR_DIGITS

BARS = " ▁▂▃▄▅▆▇█"


def money(amount_minor: int, currency: str) -> str:
    """An amount in minor units as people write it.

    >>> money(123_456, "USD"), money(1_500, "JPY"), money(1_500, "KWD")
    ('1,234.56 USD', '1,500 JPY', '1.500 KWD')
    """
    digits = MINOR_DIGITS.get(currency, 2)
    return f"{amount_minor / 10**digits:,.{digits}f} {currency}"


def times(multiplier_hundredths: int) -> str:
    """A multiplier.

    >>> times(130)
    '1.3×'
    """
    return f"{multiplier_hundredths / 100:.1f}×"


def rate(per_s: float) -> str:
    """Something a second: a decimal below ten only.

    >>> rate(0), rate(0.25), rate(2065.2)
    ('0', '0.2', '2,065')
    """
    return f"{per_s:,.1f}" if 0 < per_s < 10 else f"{per_s:,.0f}"


def size(bytes_per_s: float | None) -> str:
    """Bytes in the largest unit that leaves a whole number; "-" if not known.

    >>> size(None), size(512), size(1_234_567)
    ('-', '512 B', '1.2 MB')
    """
    if bytes_per_s is None:
        return "-"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if bytes_per_s >= factor:
            return f"{bytes_per_s / factor:,.1f} {unit}"
    return f"{bytes_per_s:,.0f} B"


def age(age_ms: int | None) -> str:
    """A time gone by, as short as it can be said.

    >>> age(None), age(900), age(75_000), age(7_200_000)
    ('never', '0s', '75s', '2h')
    """
    if age_ms is None:
        return "never"
    for unit, factor_ms, from_ms in (("h", 3_600_000, 7_200_000), ("m", 60_000, 120_000), ("s", 1_000, 0)):
        if age_ms >= from_ms:
            return f"{age_ms // factor_ms}{unit}"
    return "0s"


def share(part: float | None) -> str:
    """A part of a whole in percent; "-" if there is no whole.

    >>> share(0.9987), share(None)
    ('99.9 %', '-')
    """
    return "-" if part is None else "100 %" if part >= 1 else f"{part * 100:.1f} %"


def spread(durations: Spread) -> str:
    """Percentiles of the last minute.

    >>> spread(Spread(p50_ms=17, p95_ms=43, p99_ms=1420, samples=9))
    'p50 17 p95 43 p99 1,420 ms'
    """
    if not durations.samples:
        return "not measured yet"
    return f"p50 {durations.p50_ms:,.0f} p95 {durations.p95_ms:,.0f} p99 {durations.p99_ms:,.0f} ms"


def hexagon(index: str) -> str:
    """An H3 index without the filling at its end.

    >>> hexagon("882a100d67fffff")
    '882a100d67'
    """
    return index.rstrip("f")


def bars(values: Sequence[float], width: int = 8) -> str:
    """The newest values as bars, the highest one full.

    >>> bars([0, 5, 10])
    ' ▄█'
    """
    newest = list(values)[-width:]
    top = max(newest, default=0)
    return "".join(BARS[round(value / top * 8)] if top else " " for value in newest)

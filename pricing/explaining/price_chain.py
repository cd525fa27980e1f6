"""A quote's price as a chain: every fare line and every rule of the multiplier, with the price before and after.

    base ─> distance ─> time ─> minimum ─> each rule of the multiplier ─> booking fee ─> amount
    0 … M, the fare at 1.00                M x multiplier, rounded         + fee

Made of the quote alone, so it can be told of any quote that was ever kept. Each step begins where the last one ended.
What the quote's own reasons or lines do not account for is a step of its own, named `unexplained`, and never spread
over others: a release that explains its prices leaves none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pricing.rules.policy import UNMOVED
from pricing.rules.rounding import divided_half_up
from topics.prices import QuoteAnswered

METERED = ("base", "distance", "time", "minimum")
SURGE = "surge"
UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line or rule: the price before and after it, minor units, and the multiplier, hundredths.

    Both multipliers are equal in a step that is no rule of the multiplier.
    """

    rule: str
    before_minor: int
    after_minor: int
    before_hundredths: int = UNMOVED
    after_hundredths: int = UNMOVED


def price_chain(quote: QuoteAnswered) -> list[Step]:
    """The chain from nothing to `quote.amount_minor`; empty if nothing was priced."""
    if not quote.breakdown:
        return []
    steps = list(_metered(quote))
    fare = steps[-1].after_minor if steps else 0
    steps += _multiplied(quote, fare)
    surged = steps[-1].after_minor if steps else 0
    told = fare + sum(line.amount_minor for line in quote.breakdown if line.code == SURGE)
    if surged != told:
        steps.append(_added(UNEXPLAINED, surged, told - surged, quote))
    steps += _rest(quote, told)
    last = steps[-1].after_minor
    if last != quote.amount_minor:
        steps.append(_added(UNEXPLAINED, last, quote.amount_minor - last, quote))
    return steps


def _metered(quote: QuoteAnswered) -> Iterator[Step]:
    """The lines before the multiplier."""
    price = 0
    for line in quote.breakdown:
        if line.code in METERED:
            yield Step(rule=line.code, before_minor=price, after_minor=price + line.amount_minor)
            price += line.amount_minor


def _multiplied(quote: QuoteAnswered, fare: int) -> Iterator[Step]:
    """The rules of the multiplier, applied to the metered fare."""
    at = UNMOVED
    for reason in quote.reasons:
        if reason.before_hundredths != at:
            yield _moved(UNEXPLAINED, fare, at, reason.before_hundredths)
        yield _moved(reason.code, fare, reason.before_hundredths, reason.after_hundredths)
        at = reason.after_hundredths
    if at != quote.multiplier_hundredths:
        yield _moved(UNEXPLAINED, fare, at, quote.multiplier_hundredths)


def _rest(quote: QuoteAnswered, price: int) -> Iterator[Step]:
    """The lines after the multiplier."""
    for line in quote.breakdown:
        if line.code not in {*METERED, SURGE}:
            yield _added(line.code, price, line.amount_minor, quote)
            price += line.amount_minor


def _moved(rule: str, fare: int, before: int, after: int) -> Step:
    return Step(
        rule=rule,
        before_minor=surged(fare, before),
        after_minor=surged(fare, after),
        before_hundredths=before,
        after_hundredths=after,
    )


def _added(rule: str, price: int, amount: int, quote: QuoteAnswered) -> Step:
    multiplier = quote.multiplier_hundredths
    return Step(
        rule=rule,
        before_minor=price,
        after_minor=price + amount,
        before_hundredths=multiplier,
        after_hundredths=multiplier,
    )


def surged(fare: int, multiplier_hundredths: int) -> int:
    """The metered fare at that multiplier, minor units, rounded as the quote's surge line is.

    >>> surged(1_005, 110)
    1106
    """
    return fare + divided_half_up(fare * (multiplier_hundredths - UNMOVED), UNMOVED)

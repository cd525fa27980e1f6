"""Amounts by which prices move, as people write them."""

from infra.cli.live.wording import money


def moved(size_minor: int, currency: str) -> str:
    """A change with its sign; in minor units where there is no one currency.

    >>> moved(150, "USD"), moved(-150, "JPY"), moved(150, "")
    ('+1.50 USD', '-150 JPY', '+150 minor units')
    """
    if not currency:
        return f"{size_minor:+,} minor units"
    return ("+" if size_minor > 0 else "") + money(size_minor, currency)

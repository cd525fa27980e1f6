"""The set of products a car serves, as the bits of one integer."""

from collections.abc import Iterable

from windows.products import ProductAxis

__all__ = ["ProductAxis", "mask_of"]


def mask_of(axis: ProductAxis, products: Iterable[str]) -> int:
    """Bit `i` is set if the car serves product `i` of the axis; products not seen before join the axis.

    Raises ValueError if a product is empty or the axis is full.

    >>> axis = ProductAxis(("standard", "xl"))
    >>> bin(mask_of(axis, ["premium", "standard"]))
    '0b101'
    """
    mask = 0
    for product in products:
        mask |= 1 << axis.index_of(product)
    return mask

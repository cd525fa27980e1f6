"""The product axis: which column of the count arrays belongs to which product."""

MOST_PRODUCTS = 32
OTHERS = "*"
"""All products that came once the axis was full; no market sells it."""


class ProductAxis:
    """Products in order of first appearance; an index once given never changes.

    Records carry the axis they were counted on, so two workers may number the same products differently.

    >>> axis = ProductAxis()
    >>> axis.index_of("standard"), axis.index_of("xl"), axis.index_of("standard")
    (0, 1, 0)
    >>> axis.ids
    ('standard', 'xl')
    """

    __slots__ = ("_index",)

    def __init__(self, ids: tuple[str, ...] = ()) -> None:
        self._index: dict[str, int] = {}
        for product in ids:
            self.index_of(product)

    @property
    def ids(self) -> tuple[str, ...]:
        """Product ids, by index."""
        return tuple(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def index_of(self, product: str) -> int:
        """Index of the product, a new one if it was not seen before.

        Raises ValueError if the product is empty or there would be more than 32.
        """
        index = self._index.get(product)
        if index is not None:
            return index
        if not product:
            raise ValueError("product must be a name, got ''")
        if len(self._index) == MOST_PRODUCTS:
            raise ValueError(f"product must be one of at most {MOST_PRODUCTS}, got {product!r} as one more")
        return self._index.setdefault(product, len(self._index))

    def index_or_others(self, product: str) -> int:
        """Index of the product; of OTHERS if it is new and only the last place is left."""
        if product not in self._index and len(self._index) >= MOST_PRODUCTS - 1:
            return self.index_of(OTHERS)
        return self.index_of(product)

"""Which rows of a pane are shown, and in which order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from infra.cli.live.columns import Pane

FIELDS = ("zone", "cell", "product")


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all must hold: `zone:862a` and `cell:` match beginnings, `product:xl` exactly, words anywhere."""

    fields: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The conditions in `text`, separated by spaces; upper and lower case are the same.

        >>> Filter.parse("product:XL rate-limit")
        Filter(fields=(('product', 'xl'),), words=('rate-limit',))
        """
        parts = [(part, *part.partition(":")) for part in text.lower().split()]
        return cls(
            fields=tuple((name, wanted) for _, name, colon, wanted in parts if colon and name in FIELDS and wanted),
            words=tuple(whole for whole, name, colon, _ in parts if not colon or name not in FIELDS),
        )

    def __bool__(self) -> bool:
        return bool(self.fields or self.words)

    def __str__(self) -> str:
        return " ".join([*(f"{name}:{wanted}" for name, wanted in self.fields), *self.words])

    def matches(self, row: Any, texts: Iterable[str]) -> bool:  # noqa: ANN401  a row of any pane
        """Whether `row`, shown as `texts`, meets all conditions. A row that has no such field does not."""
        whole = " ".join(texts).lower()
        return all(word in whole for word in self.words) and all(
            _meets(str(getattr(row, name, "")).lower(), name, wanted) for name, wanted in self.fields
        )


def _meets(value: str, name: str, wanted: str) -> bool:
    return value == wanted if name == "product" else value.startswith(wanted)


@dataclass(frozen=True, slots=True)
class Order:
    """The column rows are sorted by; None leaves them as they come."""

    column: str | None = None
    descending: bool = True

    def next(self, titles: Sequence[str]) -> "Order":
        """The next column, after the last one none."""
        if self.column not in titles:
            return Order(titles[0])
        place = titles.index(self.column) + 1
        return Order(titles[place]) if place < len(titles) else Order()

    def reversed(self) -> "Order":
        """The other way round."""
        return Order(self.column, not self.descending)


def chosen(pane: Pane, rows: Sequence[Any], only: Filter, order: Order) -> list[Any]:
    """Rows of `pane` that pass `only`, sorted; equal ones stay as they came."""
    kept = [row for row in rows if not only or only.matches(row, (column.text(row) for column in pane.columns))]
    column = next((column for column in pane.columns if column.title == order.column), None)
    return sorted(kept, key=column.value, reverse=order.descending) if column else kept

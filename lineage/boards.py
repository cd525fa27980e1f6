"""Keyed values that many clients watch, and what changed in them since the last frame.

A board is a flat document: keys are names such as `node/supply`, values anything JSON can say. Its frames are numbered:
a snapshot names the number it stands at, a delta the one it leads to, so a client knows when it missed one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Value = Any
"""Anything JSON can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What changed from frame `number - 1` to frame `number`."""

    number: int
    changed: Mapping[str, Value]
    dropped: tuple[str, ...]


@dataclass(slots=True)
class Board:
    """One document.

    >>> board = Board("lineage")
    >>> board.put("node/supply", {"rate": 3})
    >>> board.take_delta()
    Delta(number=1, changed={'node/supply': {'rate': 3}}, dropped=())
    >>> board.put("node/supply", {"rate": 3})
    >>> board.take_delta() is None
    True
    """

    name: str
    number: int = 0
    values: dict[str, Value] = field(default_factory=dict)
    _changed: dict[str, Value] = field(default_factory=dict)
    _dropped: dict[str, None] = field(default_factory=dict)

    def put(self, key: str, value: Value) -> None:
        """Set one value; the same value again is no change."""
        if key in self.values and self.values[key] == value:
            return
        self.values[key] = value
        self._changed[key] = value
        self._dropped.pop(key, None)

    def drop(self, key: str) -> None:
        """Forget one value; that it was not there is no change."""
        if self.values.pop(key, None) is not None:
            self._changed.pop(key, None)
            self._dropped[key] = None

    def become(self, values: Mapping[str, Value], *, prefix: str = "") -> None:
        """Set these values and forget every other key that begins with `prefix`."""
        self.drop_all(key for key in list(self.values) if key.startswith(prefix) and key not in values)
        for key, value in values.items():
            self.put(key, value)

    def drop_all(self, keys: Iterable[str]) -> None:
        """Forget several values."""
        for key in keys:
            self.drop(key)

    def take_delta(self) -> Delta | None:
        """What changed since the last call, whatever happened in between; None if nothing did."""
        if not self._changed and not self._dropped:
            return None
        self.number += 1
        delta = Delta(number=self.number, changed=self._changed, dropped=tuple(self._dropped))
        self._changed, self._dropped = {}, {}
        return delta

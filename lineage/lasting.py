"""A fault is shown once it has lasted, and gone once it has stayed away: one slow tick is no news, a slow minute is.

    condition   ....xxxx.xxxxxxxxxxxxx........
    shown            |    xxxxxxxxxxxxxxx          held for `HOLD_MS` of its kind, away for `AWAY_MS`

A gap shorter than `AWAY_MS` does not begin it anew, so that what flickers is seen as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lineage.badges import Badge

AWAY_MS = 4_000
HOLD_MS: Mapping[str, int] = {"slow": 15_000, "busy": 30_000, "behind": 10_000, "growing lag": 10_000}
"""What a pause of a busy machine looks like must last; every other kind has its own patience already."""
REMEMBERED = 50


@dataclass(slots=True)
class Spell:
    """One stretch of a fault: since when, seen last when, and whether it lasted long enough to be shown."""

    since_ms: int
    last_ms: int
    shown: bool = False


@dataclass(slots=True)
class Lasting:
    """The faults of all nodes. `raised` holds the last ones shown, oldest first: (when, node, code, sentence)."""

    spells: dict[tuple[str, str], Spell] = field(default_factory=dict)
    raised: list[tuple[int, str, str, str]] = field(default_factory=list)
    _worn: dict[tuple[str, str], Badge] = field(default_factory=dict)

    def worn(self, node: str, badges: Iterable[Badge], now_ms: int) -> list[Badge]:
        """The badges of `badges` that have lasted, and those shown before that are not long enough away.

        >>> slow = {"code": "slow", "severity": "warning", "sentence": "99 % take up to 1000 ms."}
        >>> held = Lasting()
        >>> [len(held.worn("pricing", [slow], second * 1000)) for second in (0, 14, 15, 16)]
        [0, 0, 1, 1]
        >>> [len(held.worn("pricing", [], second * 1000)) for second in (18, 20, 21)]
        [1, 0, 0]
        """
        now = {(node, badge["code"]): badge for badge in badges}
        for key, badge in now.items():
            self._seen(key, badge, now_ms)
        for key in [k for k in self.spells if k[0] == node and k not in now]:
            if now_ms - self.spells[key].last_ms >= AWAY_MS:
                del self.spells[key]
                self._worn.pop(key, None)
        return [badge | self._since(key) for key, badge in self._worn.items() if key[0] == node]

    def _seen(self, key: tuple[str, str], badge: Badge, now_ms: int) -> None:
        spell = self.spells.setdefault(key, Spell(now_ms, now_ms))
        spell.last_ms = now_ms
        if now_ms - spell.since_ms >= HOLD_MS.get(key[1], 0):
            self._worn[key] = badge
            if not spell.shown:
                spell.shown = True
                self.raised = [*self.raised, (now_ms, *key, badge["sentence"])][-REMEMBERED:]

    def _since(self, key: tuple[str, str]) -> Badge:
        return {"since_ms": str(self.spells[key].since_ms)}

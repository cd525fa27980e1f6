"""How far a run is, on standard error of a terminal: outputs made, their rate, and the time left at that rate."""

import time
from dataclasses import dataclass, field

from infra.cli.output import say_over


@dataclass(slots=True)
class Progress:
    """Counts up to `total` outputs; says nothing where nobody looks on."""

    total: int
    done: int = 0
    _began_s: float = field(default_factory=time.monotonic)

    def __call__(self, made: int) -> None:
        """Note that so many more outputs were made."""
        self.done += made
        say_over(self.line(time.monotonic() - self._began_s), last=self.done >= self.total)

    def line(self, seconds: float) -> str:
        """What is shown after that time.

        >>> Progress(1_000, 250).line(5.0)
        '250 of 1,000 outputs, 50 a second, about 15 s left'
        """
        rate = self.done / max(seconds, 1e-3)
        left_s = (self.total - self.done) / rate if rate else 0.0
        return f"{self.done:,} of {self.total:,} outputs, {rate:,.0f} a second, about {max(left_s, 0.0):.0f} s left"

"""What has to be told while a drawing owns the terminal: shown in it, and said again when it has gone."""

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TextIO, cast

from infra.cli.output import complain

KEPT = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence and when it was told, epoch milliseconds."""

    at_ms: int
    sentence: str


@dataclass(slots=True)
class Notices:
    """Sentences for a person: said at once, or held back while the terminal is not ours. Safe to call from threads."""

    say: Callable[[str], None] = complain
    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    kept: deque[Notice] = field(default_factory=lambda: deque(maxlen=KEPT))
    _unsaid: list[str] | None = None

    def __call__(self, sentence: str) -> None:
        """Tell one sentence."""
        self.kept.append(Notice(self.clock_ms(), sentence))
        if self._unsaid is None:
            self.say(sentence)
        else:
            self._unsaid.append(sentence)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold back everything told inside, lines of the log included; say it afterwards, the newest 200."""
        self._unsaid = []
        handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
        streams = [each.setStream(cast("TextIO", _Lines(self))) for each in handlers]
        try:
            yield
        finally:
            for handler, stream in zip(handlers, streams, strict=True):
                if stream is not None:
                    handler.setStream(stream)
            unsaid, self._unsaid = self._unsaid[-KEPT:], None
            for sentence in unsaid:
                self.say(sentence)


class _Lines:
    """A stream whose lines become notices."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                self._notices(line)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

"""Outputs of a run shown one after the other, at the pace at which they were made, or another."""

import heapq
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import is_terminal, say, say_json, until_reader_leaves

if TYPE_CHECKING:
    from topics.catalogue import Topic

_TIMES = re.compile(r"x(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Pace:
    """`times` as fast as recorded; 0 means one at each Enter."""

    times: float

    @classmethod
    def read(cls, text: str) -> "Pace | None":
        """From `recorded`, `xN` or `step`; None for `max`, which shows none. Raises CommandError.

        >>> Pace.read("recorded"), Pace.read("x2.5"), Pace.read("step"), Pace.read("max")
        (Pace(times=1.0), Pace(times=2.5), Pace(times=0.0), None)
        """
        named = {"recorded": cls(1.0), "step": cls(0.0), "max": None}
        if text in named:
            return named[text]
        found = _TIMES.fullmatch(text)
        if found is None or not float(found[1]):
            raise CommandError(f"--speed must be recorded, xN such as x10, max or step, got {text!r}", ExitCode.USAGE)
        return cls(float(found[1]))

    def wait_s(self, recorded_ms: int, passed_s: float) -> float:
        """How long to wait before what was made that long after the first, when so much time has passed.

        >>> Pace(10.0).wait_s(20_000, 0.5)
        1.5
        """
        return max(0.0, recorded_ms / 1000 / self.times - passed_s) if self.times else 0.0


def pace_of(text: str) -> Pace | None:
    """As `Pace.read`. Raises CommandError also if nobody can press Enter where that is waited for."""
    pace = Pace.read(text)
    if pace is not None and not pace.times and not is_terminal():
        raise CommandError("nobody can press Enter here: choose --speed recorded, xN or max", ExitCode.USAGE)
    return pace


def show_made(
    file: Path, outputs: Path, pace: Pace, *, as_json: bool, wait: Callable[[float], None] = time.sleep
) -> None:
    """Show what a run left in `outputs`, in order of append time."""
    first_ms, began_s = -1, time.monotonic()
    with until_reader_leaves():
        for appended_ms, said in made_in_order(file, outputs):
            first_ms = appended_ms if first_ms < 0 else first_ms
            wait(pace.wait_s(appended_ms - first_ms, time.monotonic() - began_s))
            say_json(said) if as_json else say(_line(said))
            if not pace.times and input().strip().lower() == "q":
                return


def made_in_order(file: Path, outputs: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Ticks, quotes and decisions of a run with their append times, those that warm up left out."""
    from replay.archive import Archive
    from replay.contracts import Contracts
    from replay.outputs import made
    from replay.run import COMPARED

    archive = Archive.opened(file, check=False)
    contracts, about = Contracts(archive.schemas), archive.about

    def one(topic: "Topic", number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        for raw in made(outputs, topic.name, number):
            if raw.appended_ms >= about.from_ms:
                record = contracts.decode(topic, raw.value)
                yield raw.appended_ms, _said(topic, f"{number}@{raw.offset}", raw.appended_ms, record)

    logs = [one(topic, number) for topic in COMPARED for number in about.numbers(topic.name)]
    return heapq.merge(*logs, key=lambda said: said[0])


def _said(topic: "Topic", place: str, appended_ms: int, record: Any) -> dict[str, Any]:  # noqa: ANN401  any output
    from topics.wire import rfc3339

    said: dict[str, Any] = {"at": rfc3339(appended_ms), "topic": topic.name, "place": place, "zone": f"{record.zone:x}"}
    if hasattr(record, "multiplier_hundredths") and isinstance(record.multiplier_hundredths, list):
        said["highest"] = max(record.multiplier_hundredths, default=100) / 100
    for name in ("quote_id", "outcome", "amount_minor", "currency"):
        if hasattr(record, name):
            said[name] = getattr(record, name)
    return said


def _line(said: dict[str, Any]) -> str:
    rest = "  ".join(str(value) for name, value in said.items() if name not in {"at", "topic", "place"})
    return f"{said['at']}  {said['topic']:22} {said['place']:>10}  {rest}"

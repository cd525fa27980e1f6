"""`faretide replay`: recorded traffic run again through the rules that priced it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from infra.cli.exits import CommandError
from infra.cli.output import complain, is_terminal, say, say_json, say_table
from infra.cli.replay_range import AsJson, Asked, Cell, DryRun, File, From, PlanOnly, Quote, To, Yes, Zone, recorded

if TYPE_CHECKING:
    from pathlib import Path

    from replay.run import Progress, Ran

EXAMPLES = ("faretide replay --from -10m", "faretide replay verify --from -10m --zone 862a100d7ffffff")
VERIFY_EXAMPLES = (
    "faretide replay verify --from -10m",
    "faretide replay verify --from 2026-11-01T18:00:00Z --to 2026-11-01T19:00:00Z --json",
    "faretide replay verify --file friday.faretide",
)


def command(
    context: typer.Context,
    start: From = "",
    to: To = "latest",
    zone: Zone = "",
    cell: Cell = "",
    quote: Quote = "",
    file: File = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Run recorded traffic again through the rules that priced it, in this process, and say what came out.

    Every tick, quote and decision of the range is made again from exactly the records it names. Nothing is written to
    the brokers. `verify` does the same and fails on any difference.
    """
    if context.invoked_subcommand is None:
        _run(Asked(**_said(start, to, zone, cell, quote, file, dry_run, yes, as_json)), fails=False)


def verify_command(
    start: From = "",
    to: To = "latest",
    zone: Zone = "",
    cell: Cell = "",
    quote: Quote = "",
    file: File = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Prove that recorded ticks, quotes and decisions come out again to the byte; exit code 1 if any does not.

    Compares offset, key and value of each record that counted: ticks of zombies and repeated answers did not. A hash
    of each topic is printed; differences that decide a price are told apart from other numbers.
    """
    _run(Asked(**_said(start, to, zone, cell, quote, file, dry_run, yes, as_json)), fails=True)


def _said(*values: Any) -> dict[str, Any]:  # noqa: ANN401  the options in their order
    return dict(zip(Asked.__dataclass_fields__, values, strict=True))


def _run(asked: Asked, *, fails: bool) -> None:
    try:
        with recorded(asked) as file:
            ran = replayed(file, as_json=asked.as_json)
    except PlanOnly:
        return
    report(ran, as_json=asked.as_json)
    if fails and ran.differing:
        raise CommandError(f"{ran.differing:,} of {ran.records:,} records came out otherwise than recorded")


def replayed(file: "Path", *, as_json: bool) -> "Ran":
    """The recording run again. Raises CommandError where it lacks what its records name."""
    from replay.recording import Recording, RecordingError
    from replay.run import run

    zones = frozenset(int(zone, 16) for zone in Recording(file).about.zones)
    try:
        with _progress(file, as_json=as_json) as progress:
            return run(file, zones=zones, progress=progress)
    except RecordingError as error:
        raise CommandError(str(error)) from None


@contextmanager
def _progress(file: "Path", *, as_json: bool) -> Iterator["Progress | None"]:
    """A line on the terminal: how much is done, how fast, how long it will take."""
    from replay.recording import Recording

    if as_json or not sys.stderr.isatty():
        yield None
        return
    about, begun_s = Recording(file).about, time.monotonic()

    def tell(part: float) -> None:
        spent_s = time.monotonic() - begun_s
        if part > 0.0:
            rate = part * (about.to_ms - about.from_ms) / 1000 / max(spent_s, 1e-3)
            left_s = spent_s * (1 - part) / part
            sys.stderr.write(f"\r{part:6.1%}  {rate:,.0f} times real time, {left_s:,.0f} s left ")
            sys.stderr.flush()

    yield tell
    sys.stderr.write("\r\033[K")


def report(ran: "Ran", *, as_json: bool) -> None:
    """What came out, per topic, and the first differences."""
    topics = [_of_topic(topic, ran) for topic in dict.fromkeys(part.topic for part in ran.parts)]
    if as_json:
        say_json(
            {
                "records": ran.records,
                "differing": ran.differing,
                "topics": topics,
                "differences": [one for part in ran.parts for one in part.shown],
                "seconds": round(ran.seconds, 2),
                "times_real_time": round(ran.range_ms / 1000 / max(ran.seconds, 1e-3), 1),
            }
        )
        return
    columns = ("topic", "records", "equal", "differing", "deciding", "hash")
    say_table(columns, [tuple(one[name] for name in columns) for one in topics])
    for one in (shown for part in ran.parts for shown in part.shown):
        decides = "a decision" if one.decides else "numbers only"
        say(f"{one.topic} {one.partition}@{one.offset}, {one.about}: {decides}")
        for name, was, now in one.fields:
            say(f"    {name}: {was} -> {now}")
    if is_terminal():
        complain(f"{ran.seconds:.1f} s, {ran.range_ms / 1000 / max(ran.seconds, 1e-3):,.0f} times real time")


def _of_topic(topic: str, ran: "Ran") -> dict[str, Any]:
    from replay.compare import topic_hash

    parts = [part for part in ran.parts if part.topic == topic]
    recorded_hash = topic_hash(part.recorded_hash for part in parts)
    replayed_hash = topic_hash(part.replayed_hash for part in parts)
    records, differing = sum(part.records for part in parts), sum(part.differing for part in parts)
    return {
        "topic": topic,
        "records": records,
        "equal": records - differing,
        "differing": differing,
        "deciding": sum(part.deciding for part in parts),
        "hash": replayed_hash if recorded_hash == replayed_hash else f"{recorded_hash} then, {replayed_hash} now",
    }

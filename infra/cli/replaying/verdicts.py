"""Whether a recording came out the same, told to a person or a script."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json, say_table
from infra.cli.replaying.progress import Progress

if TYPE_CHECKING:
    from replay.run import RunResult


def verified(file: Path, *, as_json: bool, processes: int = 0, from_events: bool = False, speed: str = "max") -> None:
    """Run the file and tell. Raises CommandError if the file cannot be used, or anything differs."""
    from infra.cli.replaying.pace import pace_of, show_made
    from replay.archive import Archive, ArchiveError
    from replay.code_version import code_version
    from replay.contracts import SchemaAbsentError
    from replay.control import NotHeldError
    from replay.flushes import COUNTED
    from replay.processes import ProcessLostError
    from replay.run import COMPARED, Order, run

    pace = pace_of(speed)
    try:
        about = Archive.opened(file).about
        began_s = time.monotonic()
        names = {topic.name for topic in ((*COMPARED, *COUNTED) if from_events else COMPARED)}
        progress = Progress(sum(part.records for part in about.parts if part.topic in names))
        with TemporaryDirectory(prefix="faretide-replay-") as place:
            order = Order(file=file, outputs=Path(place), from_events=from_events)
            result = run(order, processes=processes, report=progress)
            seconds = max(time.monotonic() - began_s, 1e-3)
            if pace is not None:
                show_made(file, Path(place), pace, as_json=as_json)
    except (ArchiveError, SchemaAbsentError, NotHeldError, ProcessLostError) as error:
        raise CommandError(str(error)) from None
    said = {
        "file": str(file),
        "code": about.code,
        "made_by": code_version(),
        "identical": result.is_identical,
        "differ": result.differ,
        "not_held": result.not_held,
        "sha256": hash_of(result),
        "seconds": round(seconds, 2),
        "recorded_seconds": (about.to_ms - about.from_ms) / 1000,
        "topics": [verdict.as_object() for verdict in result.topics.values()],
    }
    say_json(said) if as_json else _tell(result, said)
    if not result.outputs:
        raise CommandError(f"{file} holds no output to make again")
    _refuse_unless_identical(result)


def _refuse_unless_identical(result: "RunResult") -> None:
    lacking = f"{result.not_held:,} of {result.outputs:,} outputs name inputs that this recording does not hold"
    if result.differ:
        raise CommandError(
            f"{result.differ:,} of {result.outputs:,} outputs differ from what was recorded"
            + (f", {lacking}" if result.not_held else "")
        )
    if result.not_held == result.outputs:
        raise CommandError(f"{lacking}: nothing was compared")
    if result.not_held:
        raise CommandError(f"{lacking}, the others are identical", ExitCode.PARTIAL)


def hash_of(result: "RunResult") -> str:
    """One hash of all that was made."""
    import hashlib

    parts = (f"{name}:{verdict.sha256}" for name, verdict in sorted(result.topics.items()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _tell(result: "RunResult", said: dict[str, Any]) -> None:
    heads = (
        "topic",
        "outputs",
        "decisions differ",
        "numbers differ",
        "not made",
        "not held",
        "not recorded",
        "repeats",
        "zombies",
    )
    rows = [
        (
            one.topic,
            one.records,
            one.decisions_differ,
            one.numbers_differ,
            one.not_made,
            one.not_held,
            one.not_recorded,
            one.repeats,
            one.zombies,
        )
        for one in result.topics.values()
    ]
    say_table(heads, rows, title="made again")
    for verdict in result.topics.values():
        for one in verdict.differences:
            say(f"{one.topic} {one.partition}@{one.offset}: {one.problem or ', '.join(one.fields) + ' differ'}")
        if verdict.not_held:
            say(f"{verdict.not_held:,} of {verdict.topic} name older inputs, the first {verdict.first_not_held}")
    # Rounded for reading, a run of a few milliseconds took none.
    speed = said["recorded_seconds"] / max(said["seconds"], 0.01)
    say(f"{result.outputs:,} outputs in {said['seconds']:.1f} s, {speed:.1f} times the speed at which they were made")
    copied_by, made_by = said["code"], said["made_by"]
    same = f"copied and made again by code {made_by}"
    say(same if copied_by == made_by else f"copied by code {copied_by}, made again by {made_by}")
    say(f"sha256 {said['sha256']}")
    if said["identical"]:
        say("identical: every key and value to the byte")

"""A replay that stops, and what it shows there."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import is_terminal, say, say_json, to_json, until_reader_leaves

if TYPE_CHECKING:
    from replay.stops import Stop


def shown(file: Path, until: str, *, limit: int, as_json: bool) -> None:
    """Show the stops of a file, asking before each next one at a terminal. Raises CommandError."""
    from replay.archive import Archive, ArchiveError
    from replay.contracts import SchemaAbsentError
    from replay.stops import Condition, stops

    try:
        condition = Condition.read(until) if until else None
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    count = 0
    try:
        with until_reader_leaves():
            for stop in stops(Archive.opened(file), condition):
                said = as_object(stop)
                say_json(said) if as_json else _tell(said)
                count += 1
                if count == limit or (is_terminal() and not as_json and not _goes_on()):
                    return
    except (ArchiveError, SchemaAbsentError) as error:
        raise CommandError(str(error)) from None
    if not count:
        raise CommandError(f"no tick of {file} has {until or 'a price'}")


def as_object(stop: "Stop") -> dict[str, Any]:
    """The stop for JSON."""
    from lineage.explain import cell_of
    from topics.wire import rfc3339

    tick = stop.tick.own
    assert tick is not None
    return {
        "place": f"{stop.partition}@{stop.tick.raw.offset}",
        "at": rfc3339(tick.now_ms),
        "zone": f"{tick.zone:x}",
        "cell": f"{stop.cell:x}",
        "product": stop.product,
        "as_recorded": stop.as_recorded,
        "priced": cell_of(tick, stop.cell, stop.product),
        "forecast": None if stop.forecast is None else asdict(stop.forecast),
        "rings": [asdict(ring) for ring in stop.rings],
    }


def _tell(said: dict[str, Any]) -> None:
    say(f"{said['at']}  surge.v1 {said['place']}  zone {said['zone']}  cell {said['cell']}  {said['product']}")
    for name in ("priced", "forecast"):
        for key, value in (said[name] or {}).items():
            say(f"  {key:24} {value if isinstance(value, int | float | str) else to_json(value)}")
    for number, ring in enumerate(said["rings"]):
        say(f"  ring {number:<19} {to_json({key: value for key, value in ring.items() if key != 'panes'})}")


def _goes_on() -> bool:
    return input("Enter goes on, q ends ").strip().lower() != "q"

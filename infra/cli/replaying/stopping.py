"""A replay that stops, and what it shows there."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import complain, is_terminal, say, say_json, to_json, until_reader_leaves

if TYPE_CHECKING:
    from replay.stops import Stop


def shown(file: Path, until: str, *, limit: int, as_json: bool) -> None:
    """Show the stops of a file, asking before each next one at a terminal. Raises CommandError."""
    from replay.archive import Archive, ArchiveError
    from replay.contracts import SchemaAbsentError
    from replay.stops import Condition, NotMade, stops

    try:
        condition = Condition.read(until) if until else None
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    count, not_made, first = 0, 0, ""
    try:
        with until_reader_leaves():
            for stop in stops(Archive.opened(file), condition):
                if isinstance(stop, NotMade):
                    not_made, first = not_made + 1, first or stop.said
                    continue
                said = as_object(stop)
                say_json(said) if as_json else _tell(said)
                count += 1
                if count == limit or (is_terminal() and not as_json and not _goes_on()):
                    break
    except (ArchiveError, SchemaAbsentError) as error:
        raise CommandError(str(error)) from None
    passed_over = f"{not_made:,} ticks could not be made again, the first: {first}" if not_made else ""
    if not count:
        raise CommandError(f"no tick of {file} has {until or 'a price'}" + (f": {passed_over}" if passed_over else ""))
    if passed_over:
        complain(passed_over)


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
        "as_recorded": not stop.differing,
        "differing": stop.differing,
        "priced": cell_of(tick, stop.cell, stop.product),
        "forecast": None if stop.forecast is None else asdict(stop.forecast),
        "rings": [asdict(ring) for ring in stop.rings],
    }


def _tell(said: dict[str, Any]) -> None:
    """Print a stop; of panes the UTC time, riders who asked, and bookings."""
    from topics.wire import rfc3339

    say(f"{said['at']}  surge.v1 {said['place']}  zone {said['zone']}  cell {said['cell']}  {said['product']}")
    differing = ", ".join(said["differing"])
    say(f"  differs from what was recorded in: {differing}" if differing else "  as recorded")
    for name in ("priced", "forecast"):
        for key, value in (said[name] or {}).items():
            say(f"  {key:24} {value if isinstance(value, int | float | str) else to_json(value)}")
    for number, ring in enumerate(said["rings"]):
        say(f"  ring {number:<19} {to_json({key: value for key, value in ring.items() if key != 'panes'})}")
        panes = "  ".join(
            f"{rfc3339(one['start_ms'])[11:19]} {one['requests']}/{one['bookings']}" for one in ring["panes"]
        )
        say(f"  {f'ring {number} panes':24} {panes or 'none'}")


def _goes_on() -> bool:
    return input("Enter goes on, q ends ").strip().lower() != "q"

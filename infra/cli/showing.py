"""What `faretide up` shows while it runs: the live view in a terminal, elsewhere a few lines every few seconds.

Who quits the view, or no longer reads the lines, sets `stop`: what nobody looks at is to end.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from infra.cli.exits import CommandError, sentence_of
from infra.cli.machine import Running
from infra.cli.output import complain, say, until_reader_leaves

if TYPE_CHECKING:
    from infra.cli.live.rows import Sight
    from infra.cli.watching import Watch
    from simulation.city import City

SAY_EVERY_S = 3.0


async def show(
    watch: "Watch", running: Running, stop: asyncio.Event, city: "City | None", *, plain: bool, quiet: bool
) -> None:
    """The live view in a terminal, else lines, until cancelled. A view that fails gives way to lines.

    With `plain` there are lines in a terminal, too; without a city, or if `quiet`, there are none.
    """
    from infra.cli.top import can_draw

    if can_draw() and not (plain or quiet):
        from infra.cli.live.session import drawn

        def look() -> "Sight":
            return watch.sight(restarts=running.services.restarts)

        try:
            await drawn(look, stop, place=watch.connection.endpoints.bootstrap, notices=running.notices)
        except CommandError as error:
            running.notices(str(error))
        else:
            stop.set()
            return
    if city is not None:
        await _say_lines(watch, city, stop, quiet=quiet)


async def end_showing(showing: "asyncio.Task[None]") -> None:
    """What was shown is over; why it was over before, if it was, is said beside the result and not in its place."""
    showing.cancel()
    [ended] = await asyncio.gather(showing, return_exceptions=True)
    if isinstance(ended, Exception):
        complain(sentence_of(ended))


async def _say_lines(watch: "Watch", city: "City", stop: asyncio.Event, *, quiet: bool) -> None:
    """Lines every few seconds; `stop` is set when nobody reads them any more."""
    if quiet:
        return
    with until_reader_leaves():
        await _say_lines_for_ever(watch, city)
    stop.set()


async def _say_lines_for_ever(watch: "Watch", city: "City") -> None:
    from infra.cli.reporting import live_lines
    from infra.clients.errors import UnreachableError

    before: dict[str, int] | None = None
    before_s = 0.0
    while True:
        try:
            now, now_s = await watch.moved(), time.monotonic()
            if before is not None:
                say("\n".join(live_lines(watch, city.summary(), before=before, now=now, seconds=now_s - before_s)))
            before, before_s = now, now_s
        except UnreachableError as error:  # brokers may come back
            say(str(error))
        await asyncio.sleep(SAY_EVERY_S)

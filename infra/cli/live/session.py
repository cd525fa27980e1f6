"""The live view for as long as it is wanted, and the terminal given back afterwards."""

import asyncio
from collections.abc import Callable

from infra.cli.exits import CommandError
from infra.cli.live.notices import Notices
from infra.cli.live.rows import Sight
from infra.cli.live.screen import LiveView


async def drawn(look: Callable[[], Sight], stop: asyncio.Event, *, place: str, notices: Notices) -> None:
    """Draw until the person quits or `stop` is set. What is told meanwhile is said when the terminal is free again.

    Raises CommandError if the view itself fails; its own account is on the terminal by then.
    """
    view = LiveView(look, place=place, notices=lambda: tuple(notices.kept))
    with notices.held():
        ending = asyncio.create_task(_end(view, stop))
        try:
            await view.run_async()
        finally:
            ending.cancel()
    if view.return_code:
        raise CommandError("the live view failed; --plain, or --once, does without it")


async def _end(view: LiveView, stop: asyncio.Event) -> None:
    await stop.wait()
    view.exit()

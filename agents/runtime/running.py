"""Running a worker from start to a clean end.

SIGTERM and SIGINT stop reading, let each agent finish its batch, flush, commit and leave within a few seconds. A static
member stays in its group, so that its restart moves nothing. While no broker answers there is nothing to flush to: the
process then ends as by kill -9, and what was not committed is read again.
"""

import asyncio
import gc
import signal

import faust
import uvloop

from agents.runtime.supervision import FAILED, end_process

STOP_WITHIN_S = 9.0
"""For a clean stop; container platforms that are asked to stop kill after ten seconds or more."""
COLLECT_AFTER = (20_000, 20, 50)
"""New objects before a collection of the young, and of those before one of older ones (Python: 700, 10, 10): cycles are
rare here, and a full collection was seen to hold QUOTES for 54 ms under 1,000 requests a second."""


def run(app: faust.App) -> None:
    """Run until SIGTERM or SIGINT, then return.

    Raises what kept the worker from starting, for example KafkaConnectionError.
    """
    gc.set_threshold(*COLLECT_AFTER)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_signal(app))


async def _until_signal(app: faust.App) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    too_long = f"it could not flush and leave within {STOP_WITHIN_S:.0f} s: is there a broker?"

    def begin_to_stop() -> None:
        stop.set()
        loop.call_later(STOP_WITHIN_S, end_process, FAILED, too_long)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin_to_stop)
    await serve(app, stop)


async def serve(app: faust.App, stop: asyncio.Event) -> None:
    """Run in the current event loop until `stop` is set, also while still starting, then stop cleanly."""
    starting = asyncio.create_task(app.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            gc.collect()
            gc.freeze()  # what exists now lives as long as the process: full collections need not look at it
            await stopping
    finally:
        stopping.cancel()
        await app.stop()
        starting.cancel()

"""A worker's app in this process, for tests that look inside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents.runtime.app import WorkerApp, make_app
from agents.runtime.running import serve
from agents.runtime.settings import WorkerSettings
from tests.broker import kafka


def new_app(bootstrap: str, group: str, *, commit_interval_s: float = 0.1) -> WorkerApp:
    """Return an app that commits often."""
    settings = WorkerSettings(bootstrap=bootstrap, group_prefix="", commit_interval_s=commit_interval_s)
    return make_app(group, settings=settings)


@asynccontextmanager
async def running(app: WorkerApp) -> AsyncIterator[WorkerApp]:
    """Run the app until the block is left; it has an epoch when the block is entered."""
    stop = asyncio.Event()
    task = asyncio.create_task(serve(app, stop))
    try:
        await kafka.until(lambda: task.done() or (app.consumer.started and app.epoch is not None), "an epoch begins")
        yield app
    finally:
        stop.set()
        await task

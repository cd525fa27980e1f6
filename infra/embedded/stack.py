"""Broker, registry and database together, started side by side and stopped in order.

root/  cache/  kafka/  registry/  postgres/
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from infra.embedded.artifacts import Progress
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.postgres import EmbeddedPostgres
from infra.embedded.registry import EmbeddedRegistry
from infra.embedded.server import EmbeddedServer


class EmbeddedStack:
    """The three servers below one directory."""

    def __init__(self, root: Path, *, cache_dir: Path | None = None, progress: Progress | None = None) -> None:
        """Keep everything below `root`; fetched files in `cache_dir` if given, which several stacks may share.

        `progress` hears (done_bytes, total_bytes, file name) of what is fetched, from several threads, one at a time.
        """
        cache = cache_dir or root / "cache"
        report = _Sum(progress)
        self.kafka = EmbeddedKafka(root / "kafka", cache, progress=report.part("kafka"))
        self.registry = EmbeddedRegistry(root / "registry", cache, progress=report.part("registry"))
        self.postgres = EmbeddedPostgres(root / "postgres")
        # In the order of stopping.
        self._servers: tuple[EmbeddedServer, ...] = (self.registry, self.kafka, self.postgres)
        self._stopping = False

    @property
    def bootstrap(self) -> str:
        """Address of the broker, `host:port`; known once started."""
        return self.kafka.bootstrap

    @property
    def registry_url(self) -> str:
        """Base address of the registry's Confluent API; known once started."""
        return self.registry.url

    @property
    def database_url(self) -> str:
        """Address of the database with user and password; known once started."""
        return self.postgres.dsn

    def start(self) -> Self:
        """Start all three and return when all serve. If one fails, or on Ctrl-C, none is left running.

        Raises what the first that failed raised (see the servers).
        """
        self._stopping = False
        try:
            run_side_by_side([partial(self._start, server) for server in self._servers])
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop users before what they use: registry, broker, database. Idempotent.

        What one of them raises is raised when all have stopped.
        """
        self._stopping = True
        with contextlib.ExitStack() as leaving:
            for server in reversed(self._servers):
                leaving.callback(server.stop)

    def _start(self, server: EmbeddedServer) -> None:
        server.start()
        if self._stopping:  # asked while a fetch went on and there was nothing to stop yet
            server.stop()

    def __enter__(self) -> Self:
        return self if any(server.pid is not None for server in self._servers) else self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()


def run_side_by_side(jobs: Sequence[Callable[[], object]]) -> None:
    """Run each job in a thread and return when all have ended, or raise the first error without waiting for the rest.

    The threads are daemons: on Ctrl-C a long fetch does not keep the process (files appear whole or not at all).
    """
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            outcomes.put(error)
        else:
            outcomes.put(None)

    for job in jobs:
        threading.Thread(target=run, args=(job,), daemon=True).start()
    for _ in jobs:
        error = outcomes.get()
        if error is not None:
            raise error


class _Sum:
    """Makes one progress out of several that run at the same time."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._parts: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def part(self, key: str) -> Progress:
        def report(done_bytes: int, total_bytes: int, name: str) -> None:
            with self._lock:
                self._parts[key] = (done_bytes, total_bytes)
                if self._progress is not None:
                    done, total = (sum(column) for column in zip(*self._parts.values(), strict=True))
                    self._progress(done, total, name)

        return report

"""What broker, registry and database have in common: one server on one data directory, ended with the block it is for.

Start it again with a new value on the same directory.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from infra.embedded.processes import ServerProcess


class EmbeddedServer(ABC):
    """A server of which at most one process runs; a subclass says how it starts."""

    def __init__(self, data_dir: Path) -> None:
        """Keep all that the server keeps in `data_dir`, which the start makes."""
        self._data_dir = data_dir.absolute()
        self._server: ServerProcess | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server's first process, None while it does not run."""
        return self._server.pid if self._server is not None else None

    @abstractmethod
    def start(self) -> Self:
        """Start the server and return when it serves; if it fails, nothing is left running."""

    def stop(self, timeout_s: float = 20.0) -> None:
        """End the server in order, everything on disk, and insist after `timeout_s`."""
        if self._server is not None:
            self._server.stop(timeout_s)

    def kill(self) -> None:
        """End the server as a crash would; its other processes notice and follow."""
        if self._server is not None:
            self._server.kill()

    def __enter__(self) -> Self:
        return self if self.pid is not None else self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @contextmanager
    def _starting(self, server: ServerProcess) -> Iterator[ServerProcess]:
        """The process from now on, gone again if the block does not end well."""
        self._server = server
        try:
            yield server
        except BaseException:
            server.kill()
            raise

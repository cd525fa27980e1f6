"""A broker and a registry of the benches' own, with schemas and topics, below a temporary directory."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from infra.clients.admin import Admin
from infra.clients.connection import Connection
from infra.clients.endpoints import Endpoints
from infra.clients.registry import Registry
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.registry import EmbeddedRegistry
from infra.embedded.stack import run_side_by_side
from infra.settings import Settings
from topics.catalogue import EVERY_TOPIC

HEAP_MB = 1024


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are, and a directory for logs and state of who takes part."""

    connection: Connection
    schema_ids: dict[str, int]
    directory: Path
    settings: Settings

    @property
    def bootstrap(self) -> str:
        """Address of the broker."""
        return self.connection.endpoints.bootstrap

    def worker_command(self, service: str) -> list[str]:
        """How one of our workers is started; alone, without whoever starts it again."""
        return [sys.executable, "-m", "infra.cli", "worker", service]

    def worker_environment(self, **additions: str) -> dict[str, str]:
        """Of one of our workers: these servers and nothing of ours from outside."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
        places = {
            "FARETIDE_BOOTSTRAP": self.bootstrap,
            "FARETIDE_REGISTRY_URL": self.connection.endpoints.registry_url,
            "FARETIDE_LOG_FORMAT": "json",
        }
        return kept | places | additions


_KEPT = ("PATH", "HOME", "LANG", "TZ", "NUMBA_")


@contextlib.asynccontextmanager
async def servers(cache_dir: Path) -> AsyncIterator[Servers]:
    """Start them, register every schema and create every topic; jars are taken from `cache_dir`.

    Raises RuntimeError saying what could not be started.
    """
    directory = Path(tempfile.mkdtemp(prefix="faretide-bench-"))
    kafka = EmbeddedKafka(directory / "kafka", cache_dir, heap_mb=HEAP_MB)
    registry = EmbeddedRegistry(directory / "registry", cache_dir)
    settings = Settings()
    try:
        run_side_by_side([kafka.start, registry.start])
        connection = Connection(endpoints=Endpoints(bootstrap=kafka.bootstrap, registry_url=registry.url))
        async with Registry(connection) as schemas, Admin(connection, settings) as admin:
            await schemas.register_all()
            await admin.create_missing()
            ids = await schemas.ids_of(EVERY_TOPIC)
        yield Servers(connection, ids, directory, settings)
    finally:
        registry.stop()
        kafka.stop()
        shutil.rmtree(directory, ignore_errors=True)

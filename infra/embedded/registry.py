"""A real schema registry (Apicurio) with the Confluent API on the loopback address.

    data_dir/  owner.json  ports.json  registry.log  complete  schemas.mv.db

Schemas and their ids live in an H2 database file. Its first start creates tables step by step; one that was killed
during that is told by the missing mark `complete` and begins again. The registry's own defaults are changed where they
are unsafe here: management on all addresses, no compatibility rule, storage in memory.
"""

import http.client
from pathlib import Path
from typing import Literal, Self

from infra.embedded.artifacts import Progress, fetch, unpack
from infra.embedded.java import java_command, java_environment, usable_for_classes
from infra.embedded.lockfile import REGISTRY_LOCK, read_lock
from infra.embedded.ports import LOOPBACK, remembered_ports
from infra.embedded.processes import ServerProcess
from infra.embedded.server import EmbeddedServer

CONFLUENT_API = "/apis/ccompat/v7"
Storage = Literal["file", "memory"]

FIXED_SETTINGS = {
    "QUARKUS_HTTP_HOST": LOOPBACK,
    "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
    "QUARKUS_BANNER_ENABLED": "false",
    "QUARKUS_LOG_LEVEL": "ERROR",
    "APICURIO_LOG_LEVEL": "ERROR",
    "QUARKUS_OIDC_TENANT_ENABLED": "false",
    "APICURIO_RULES_GLOBAL_COMPATIBILITY": "FULL_TRANSITIVE",
    "APICURIO_STORAGE_KIND": "sql",
    "APICURIO_STORAGE_SQL_KIND": "h2",
    "QUARKUS_DATASOURCE_JDBC_INITIAL_SIZE": "1",
    "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "2",
    "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "2",
    "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "10",
}


class EmbeddedRegistry(EmbeddedServer):
    """One registry on one data directory."""

    def __init__(
        self,
        data_dir: Path,
        cache_dir: Path,
        *,
        port: int | None = None,
        storage: Storage = "file",
        heap_mb: int = 256,
        progress: Progress | None = None,
    ) -> None:
        """Keep schemas in `data_dir` ("memory" forgets them at the end) and the program in `cache_dir`.

        Raises ValueError if `data_dir` has a semicolon, which ends the path in a database address, or `cache_dir` a
        colon, which ends an entry of a class path.
        """
        super().__init__(data_dir)
        self._cache_dir = usable_for_classes(cache_dir.absolute())
        if ";" in str(self._data_dir):
            raise ValueError(f"data_dir must have no semicolon in its path, got {self._data_dir}")
        self._fixed_port, self._storage, self._heap_mb, self._progress = port, storage, heap_mb, progress
        self._ports: dict[str, int] = {}

    @property
    def url(self) -> str:
        """Base address of the Confluent API; known once started."""
        return f"http://{LOOPBACK}:{self._ports['http']}{CONFLUENT_API}"

    def start(self, timeout_s: float = 90.0) -> Self:
        """Start the registry and return when it answers; fetching and unpacking are not counted in `timeout_s`.

        Raises ArtifactError, DataDirInUseError, ServerError, or ValueError if the port asked for is taken.
        """
        program = self._program()
        with self._starting(ServerProcess("registry", self._data_dir)) as server:
            self._ports = remembered_ports(
                self._data_dir / "ports.json", ("http", "management"), fixed=self._fixed_port
            )
            self._drop_incomplete()
            server.start(
                java_command(
                    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
                    "-jar",
                    str(program / "quarkus-run.jar"),
                    heap_mb=self._heap_mb,
                ),
                is_ready=lambda _pid: answers(self._ports["http"]),
                environment=java_environment(self._settings()),
                timeout_s=timeout_s,
            )
            if self._storage == "file":
                (self._data_dir / "complete").touch()
        return self

    def _program(self) -> Path:
        (archive,) = fetch(REGISTRY_LOCK, self._cache_dir, progress=self._progress)
        (artifact,) = read_lock(REGISTRY_LOCK)
        return unpack(archive, into=self._cache_dir / f"{artifact.a}-{artifact.sha256[:12]}")

    def _drop_incomplete(self) -> None:
        if not (self._data_dir / "complete").exists():
            for file in self._data_dir.glob("schemas.*"):
                file.unlink()

    def _settings(self) -> dict[str, str]:
        settings = FIXED_SETTINGS | {
            "QUARKUS_HTTP_PORT": str(self._ports["http"]),
            "QUARKUS_MANAGEMENT_PORT": str(self._ports["management"]),
        }
        if self._storage == "file":
            settings["APICURIO_DATASOURCE_URL"] = f"jdbc:h2:file:{self._data_dir / 'schemas'}"
        return settings


def answers(port: int) -> bool:
    """Whether the registry on `port` lists its subjects. Asked without any proxy that the environment may name."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", f"{CONFLUENT_API}/subjects")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

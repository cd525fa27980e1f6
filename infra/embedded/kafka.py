"""A real Apache Kafka broker of one node (KRaft) on the loopback address.

    data_dir/  owner.json  ports.json  server.properties  log4j2.properties  kafka.log  broker.log  logs/

The first start formats `logs` under another name and renames it, so a half formatted one is never served. Ports stay
the same over restarts while they are free. After kill -9 the broker is back as soon as the controller has given up on
its earlier life, `broker.session.timeout.ms` after the crash.
"""

import base64
import json
import shutil
import socket
import struct
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from infra.embedded.artifacts import Progress, fetch
from infra.embedded.java import LONG_RUN, QUICK_START, java_command, java_environment, usable_for_classes
from infra.embedded.kafka_security import LISTENER, KafkaSecurity
from infra.embedded.lockfile import KAFKA_LOCK
from infra.embedded.ports import LOOPBACK, remembered_ports
from infra.embedded.processes import ServerProcess
from infra.embedded.server import EmbeddedServer
from infra.scheduling import FIRST

LOGGING = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${sys:faretide.log}
appender.file.filePattern = ${sys:faretide.log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %p %c{1} - %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c{1} - %m%n
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
rootLogger.appenderRef.console.ref = console
rootLogger.appenderRef.console.level = fatal
"""

# What differs from the broker's defaults and does not depend on where it runs.
FIXED_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    # Topics have a catalogue; one made by a typing error would have the wrong partition count for ever.
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    # One node: nothing can be replicated, and internal topics with the usual 50 partitions only cost start time.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # Workers come back from a crash within their session; a group starts at once instead of waiting for more members.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "3000",
    # How long a killed broker stays locked out of its own cluster.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    # A disk that a laptop can spare: small segments, so that old ones can go, and a bound per partition, which topics
    # of the catalogue have narrower.
    "log.segment.bytes": str(16 * 2**20),
    "log.retention.bytes": str(256 * 2**20),
    "log.retention.hours": "168",
    "log.index.size.max.bytes": str(2**20),
    "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    "log.cleaner.io.buffer.size": str(64 * 2**10),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
}


class EmbeddedKafka(EmbeddedServer):
    """One broker on one data directory."""

    def __init__(
        self,
        data_dir: Path,
        cache_dir: Path,
        *,
        port: int | None = None,
        heap_mb: int = 512,
        security: KafkaSecurity | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Keep data in `data_dir` and jars in `cache_dir`; listen on `port`, None for a free one that is then kept.

        Without `security` anyone on this machine may do anything. What the data was made with, it stays with.

        Raises ValueError if `data_dir` has a comma, which the broker reads as a list of directories, or `cache_dir` a
        colon, which ends an entry of a class path.
        """
        super().__init__(data_dir)
        self._cache_dir = usable_for_classes(cache_dir.absolute())
        if "," in str(self._data_dir):
            raise ValueError(f"data_dir must have no comma in its path, got {self._data_dir}")
        self._fixed_port, self._heap_mb, self._progress = port, heap_mb, progress
        self._security = security
        self._ports: dict[str, int] = {}

    @property
    def bootstrap(self) -> str:
        """Address for clients, `host:port`; known once started."""
        return f"{LOOPBACK}:{self._ports['broker']}"

    def start(self, timeout_s: float = 60.0) -> Self:
        """Start the broker and return when it accepts records; fetching jars is not counted in `timeout_s`.

        Raises ArtifactError, DataDirInUseError, ServerError, or ValueError if the port asked for is taken.
        """
        jars = fetch(KAFKA_LOCK, self._cache_dir, progress=self._progress)
        # On full cores every answer to a rider passes it twice.
        with self._starting(ServerProcess("kafka", self._data_dir, niceness=FIRST)) as server:
            self._ports = remembered_ports(
                self._data_dir / "ports.json", ("broker", "controller"), fixed=self._fixed_port
            )
            (self._data_dir / "log4j2.properties").write_text(LOGGING)
            self._format(server, jars, timeout_s)
            settings = self._write_settings("server.properties", self._data_dir / "logs")
            server.start(
                self._java(jars, LONG_RUN, "kafka.Kafka", str(settings)),
                is_ready=lambda _pid: self._accepts_records(self._ports["broker"]),
                environment=java_environment(),
                timeout_s=timeout_s,
            )
        return self

    def _format(self, server: ServerProcess, jars: tuple[Path, ...], timeout_s: float) -> None:
        logs, unfinished = self._data_dir / "logs", self._data_dir / "logs.new"
        if logs.exists():
            return
        shutil.rmtree(unfinished, ignore_errors=True)
        settings = self._write_settings("format.properties", unfinished)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        users = self._security.format_options() if self._security else []
        # One word with "=": an id may begin with "-" and would be read as an option.
        options = [f"--cluster-id={cluster}", "--config", str(settings), *users]
        step = self._java(jars, QUICK_START, "kafka.tools.StorageTool", "format", *options)
        server.prepare(step, environment=java_environment(), timeout_s=timeout_s)
        unfinished.rename(logs)

    def _write_settings(self, name: str, logs: Path) -> Path:
        broker, controller = (f"{LOOPBACK}:{self._ports[role]}" for role in ("broker", "controller"))
        listener = LISTENER if self._security else "PLAINTEXT"
        settings = FIXED_SETTINGS | {
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"{listener}://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"{listener}://{broker}",
            "log.dirs": str(logs),
        }
        if self._security:
            settings |= self._security.settings()
        file = self._data_dir / name
        file.touch(mode=0o600)  # may hold passwords
        file.write_text("".join(f"{key}={escaped(value)}\n" for key, value in settings.items()))
        return file

    def _accepts_records(self, port: int) -> bool:
        return self._security.accepts_records(port) if self._security else accepts_records(port)

    def _java(self, jars: tuple[Path, ...], flags: Sequence[str], *arguments: str) -> list[str | Path]:
        return java_command(
            f"-Dlog4j2.configurationFile={(self._data_dir / 'log4j2.properties').as_uri()}",
            f"-Dfaretide.log={self._data_dir / 'broker.log'}",
            "-cp",
            ":".join(str(jar) for jar in jars),
            *arguments,
            heap_mb=self._heap_mb,
            flags=flags,
        )


def escaped(value: str) -> str:
    r"""`value` as it stands in a properties file, which Java reads as ISO-8859-1 and with the escapes that JSON has.

    >>> print(escaped("/home/zoë/a\\b"))
    /home/zo\u00eb/a\\b
    """
    return json.dumps(value)[1:-1]


def accepts_records(port: int) -> bool:
    """Whether the broker on `port` counts itself among the live ones.

    A broker opens its port early and turns requests away while the controller holds it back, so an open port says
    little. The question is a Metadata request, version 1, for no topic; the answer begins with size, id, broker count.
    """
    client_id = b"faretide"
    request = struct.pack(">hhih", 3, 1, 0, len(client_id)) + client_id + struct.pack(">i", 0)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.settimeout(2)
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.makefile("rb").read(12)
    except OSError:
        return False
    return len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0

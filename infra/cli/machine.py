"""The servers and services of `faretide up`: children of this process, started side by side, stopped in order.

Services load their code while the servers boot and wait for the note that says where these are. It is written once
schemas, topics and first records are there, so whoever finds it finds a system that is ready to be used.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from infra.cli.exits import CommandError
from infra.cli.output import say_over
from topics.roles import PRICING_CHAIN, SERVICES

if TYPE_CHECKING:
    from infra.cli.live.notices import Notices
    from infra.cli.processes import ServiceProcesses
    from infra.clients.database import Database
    from infra.embedded.ownership import Ownership
    from infra.settings import Settings


class Steps:
    """Progress for a person, on standard error so that the result stays clean, and how long each stage took.

    Time runs from the start of the process, so what a person waits for before the first line counts too.
    """

    def __init__(self, *, quiet: bool) -> None:
        import psutil

        self._is_terminal = sys.stderr.isatty()
        self._quiet = quiet and not self._is_terminal
        running_s: float = time.time() - psutil.Process().create_time()
        self._started_s = time.monotonic() - max(0.0, running_s)
        self._said_s = 0.0
        self._stages: dict[str, float] = {}
        self.ready_s: float | None = None

    @property
    def now_s(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._started_s

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of each stage that has ended, in their order."""
        return dict(self._stages)

    def ended(self, stage: str) -> None:
        """The stage that began where the last one ended is over."""
        self._stages[stage] = round(self.now_s - sum(self._stages.values()), 2)

    def ready(self) -> None:
        """Everything serves."""
        self.ended("services")
        self.ready_s = round(self.now_s, 2)

    def __call__(self, line: str) -> None:
        """Say that a step is done or begins; a reader who is gone is none of its business."""
        self._write(line, last=True)

    def fetched(self, done_bytes: int, total_bytes: int, name: str) -> None:
        """Tell how far the jars are, twice a second at most; in a terminal in one line, until all are there."""
        is_done = done_bytes >= total_bytes
        if not is_done and time.monotonic() - self._said_s < 0.5:
            return
        self._said_s = time.monotonic()
        line = f"fetching Kafka and registry: {done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB ({name})"
        self._write(line, last=is_done)

    def _write(self, line: str, *, last: bool) -> None:
        """In a terminal over a line that was left open, if there is one; elsewhere a line of its own."""
        timed = f"[{self.now_s:5.1f} s] {line}"
        if self._is_terminal:
            say_over(timed, last=last)
        elif not self._quiet:
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{timed}\n")
                sys.stderr.flush()


@dataclass(slots=True)
class Running:
    """Servers that answer and services that wait for `open`."""

    settings: "Settings"
    services: "ServiceProcesses"
    notices: "Notices"
    embedded: bool
    database_url: str = ""

    @property
    def database(self) -> "Database | None":
        """Where records are kept, None if nowhere."""
        from infra.clients.database import find_database

        if self.embedded and not self.settings.database_url.get_secret_value():
            return find_database(self.settings.model_copy(update={"database_url": SecretStr(self.database_url)}))
        return find_database(self.settings) if self.settings.database_url.get_secret_value() else None

    def open(self) -> None:
        """Let the services go: everything they need is prepared."""
        from infra.clients.endpoints import Endpoints, write_endpoints

        if not self.embedded:
            self.services.start(SERVICES if self.database else PRICING_CHAIN)
            return
        endpoints = Endpoints(
            bootstrap=self.settings.bootstrap,
            registry_url=self.settings.registry_url,
            database_url=self.database_url,
            metrics=self.services.metrics,
        )
        write_endpoints(self.settings.state_dir, endpoints)


@contextlib.contextmanager
def machine(settings: "Settings", say_step: Steps) -> Iterator[Running]:
    """Servers, embedded ones unless others are configured, and the service processes; all of it stopped at the end.

    The state directory is claimed before anything is started or written: two machines in one directory would take each
    other's ports, logs and places in the groups.

    Raises CommandError saying what could not be started.
    """
    from infra.cli.live.notices import Notices
    from infra.logging import configure
    from infra.settings import LogLevel

    level = max(settings.log_level, LogLevel.WARNING, key=list(LogLevel).index)
    configure("up", settings.log_format, level, pseudonym_key=settings.log_key.get_secret_value())
    notices = Notices()
    services = _processes(settings, notices)
    with contextlib.ExitStack() as leaving:
        leaving.enter_context(_claimed(settings.state_dir.resolve()))
        if settings.bootstrap:
            say_step(f"using the brokers at {settings.bootstrap}")
            say_step.ended("servers")
            running = Running(settings, services, notices, embedded=False)
        else:
            leaving.callback(services.stop)
            services.start(SERVICES)
            say_step(f"starting broker, registry, database and {len(services.pids)} services")
            running = leaving.enter_context(_embedded(settings, services, notices, say_step))
        leaving.callback(_stop_services, services, say_step)  # first of all: they use the servers
        yield running


def _claimed(state_dir: Path) -> "Ownership":
    """The state directory, made if missing, as long as the result is entered.

    Raises CommandError naming the process that works there.
    """
    from infra.embedded.ownership import DataDirInUseError, Ownership

    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        return Ownership(state_dir)
    except DataDirInUseError as error:
        raise CommandError(str(error)) from None


@contextlib.contextmanager
def _embedded(
    settings: "Settings", services: "ServiceProcesses", notices: "Notices", say_step: Steps
) -> Iterator[Running]:
    from infra.clients.endpoints import forget_endpoints
    from infra.embedded.stack import EmbeddedStack

    state_dir = settings.state_dir.resolve()
    stack = EmbeddedStack(state_dir, progress=say_step.fetched)
    try:
        stack.start()
    except RuntimeError as error:  # what the embedded servers raise is a whole sentence
        raise CommandError(str(error)) from error
    say_step.ended("servers")
    say_step(f"broker {stack.bootstrap}, registry {stack.registry_url}")
    reached = {"bootstrap": stack.bootstrap, "registry_url": stack.registry_url, "state_dir": state_dir}
    bound = {"topic_megabytes": settings.bytes_per_topic // 10**6}
    with contextlib.ExitStack() as leaving:  # each is done whatever the one before raised, the last named first
        leaving.callback(stack.stop)
        leaving.callback(say_step, "stopping registry, broker and database")
        leaving.callback(forget_endpoints, state_dir)
        yield Running(
            settings.model_copy(update=reached | bound),
            services,
            notices,
            embedded=True,
            database_url=stack.database_url,
        )


def _processes(settings: "Settings", notices: "Notices") -> "ServiceProcesses":
    from infra.cli.processes import ServiceProcesses

    logs = settings.state_dir.resolve() / "logs"
    return ServiceProcesses(
        logs=logs,
        environment={"FARETIDE_STATE_DIR": str(settings.state_dir.resolve()), "FARETIDE_LOG_FORMAT": "json"},
        tell=notices,
    )


def _stop_services(services: "ServiceProcesses", say_step: Steps) -> None:
    say_step("stopping services")
    services.stop()

"""Who takes part in the supply job: how each is started, what it is given to read, and what it promises after a crash.

The backlog of each is as much as it reads in some seconds; `skip` of it is not counted: the JVM compiles while it runs,
and is measured warm, as it would be in production.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measured import Contestant
from bench.servers import Servers
from infra.embedded.artifacts import fetch
from infra.embedded.java import LONG_RUN, java_command
from topics.catalogue import DRIVER_PINGS, SUPPLY_CELLS

ROOT = Path(__file__).resolve().parents[1]
PEERS = Path(__file__).parent / "peers"
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
STREAMS_LOCK = Path(__file__).parent / "locks" / "kafka-streams.json"
FLUSH_S, COMMIT_S = 0.1, 1.0
JVM_HEAP_MB = 1024
_SCRIPTS = {"quix": "quix_streams.py"}
_SAME: dict[str, str | int | float] = {
    "flush_ms": int(FLUSH_S * 1000),
    "commit_ms": int(COMMIT_S * 1000),
    "acks": "all",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process to start: its group, the topic it writes, its command and environment."""

    group: str
    output: str
    command: list[str | Path]
    environment: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A contestant that can be started; `missing` says why it cannot."""

    contestant: Contestant
    backlog: int
    skip: int
    run: Callable[[Servers, int], Run]
    missing: str = ""


def entrants(servers: Servers, cache_dir: Path, *, quick: bool) -> list[Entrant]:
    """Everyone, ours first; sizes in records."""
    part = 2 if quick else 1
    absent = "" if PEER_PYTHON.exists() else "its packages are not installed: `make bench` does that"
    return [
        ours(4_000_000 // part),
        _python("confluent_loop", "nothing: counts are wrong until every driver has pinged again",
                {"client": "librdkafka", "decoder": "compiled", **_SAME}, 4_000_000 // part, absent),
        _streams(servers, cache_dir, 5_000_000 // part),
        _python("quix", "changelog and commit: drivers exact, counts in memory are lost",
                {"store": "RocksDB", **_SAME}, 600_000 // part, absent or _lacks("quixstreams")),
        _python("stock_faust", "table from its changelog; counts in memory are lost, what was in flight is skipped",
                {"store": "memory, changelog", "loop": "uvloop", **_SAME}, 160_000 // part, absent),
    ]  # fmt: skip


def ours(backlog: int) -> Entrant:
    """The service as it runs in production, telemetry included."""

    def run(servers: Servers, _number: int) -> Run:
        return Run(
            group="faretide-supply",
            output=SUPPLY_CELLS.name,
            command=list(servers.worker_command("supply")),
            environment=servers.worker_environment(FARETIDE_FLUSH_MS=str(_SAME["flush_ms"])),
        )

    promised = "exact counts: the last 50 s of input are read again, effects are published once they are passed"
    contestant = Contestant(name="ours", guarantee=promised, configuration={"service": "supply", **_SAME})
    return Entrant(contestant=contestant, backlog=backlog, skip=backlog // 5, run=run)


def _python(
    name: str, guarantee: str, configuration: Mapping[str, str | int | float], backlog: int, missing: str
) -> Entrant:
    def run(servers: Servers, number: int) -> Run:
        return _peer(servers, name, number, [PEER_PYTHON, PEERS / _SCRIPTS.get(name, f"{name}.py")])

    contestant = Contestant(name=name, guarantee=guarantee, configuration=configuration)
    return Entrant(contestant=contestant, backlog=backlog, skip=backlog // 5, run=run, missing=missing)


def _streams(servers: Servers, cache_dir: Path, backlog: int) -> Entrant:
    """Kafka Streams, compiled here; three fifths of the backlog are for the JVM to get warm."""
    promised = "drivers from a durable changelog, counts rebuilt from them"
    how: dict[str, str | int | float] = {
        "store": "RocksDB, cached, changelog",
        "threads": 1,
        "heap_mb": JVM_HEAP_MB,
        **_SAME,
    }
    contestant = Contestant(name="kafka_streams", guarantee=promised, configuration=how)
    try:
        classes = _compiled(servers.directory / "classes", cache_dir)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        return Entrant(contestant=contestant, backlog=backlog, skip=0, run=_never, missing=str(error))

    def run(servers: Servers, number: int) -> Run:
        return _peer(
            servers,
            "kafka_streams",
            number,
            java_command("-cp", classes, "SupplyJob", heap_mb=JVM_HEAP_MB, flags=LONG_RUN),
        )

    return Entrant(contestant=contestant, backlog=backlog, skip=backlog * 3 // 5, run=run)


def _compiled(into: Path, cache_dir: Path) -> str:
    """Class path of the peer in Java. Raises RuntimeError saying what is missing."""
    javac = shutil.which("javac")
    if javac is None:
        raise RuntimeError("there is no javac on this machine, and the Java runtime of the wheel has none")
    path = ":".join(map(str, fetch(STREAMS_LOCK, cache_dir)))
    into.mkdir(parents=True, exist_ok=True)
    command = [javac, "--release", "17", "-cp", path, "-d", str(into), str(PEERS / "SupplyJob.java")]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  a fixed program
    return f"{into}:{path}"


def _peer(servers: Servers, name: str, number: int, command: list[str | Path]) -> Run:
    """A peer in its own group and state, new in each round, so that none starts on what it left behind."""
    group = f"bench-{name}-{number}"
    state = servers.directory / group
    state.mkdir(exist_ok=True)
    said = {
        "BENCH_BOOTSTRAP": servers.bootstrap,
        "BENCH_INPUT": DRIVER_PINGS.name,
        "BENCH_OUTPUT": f"{group}-out",
        "BENCH_GROUP": group,
        "BENCH_STATE_DIR": str(state),
        "BENCH_FLUSH_S": str(FLUSH_S),
        "BENCH_COMMIT_S": str(COMMIT_S),
    }
    environment = {name: value for name, value in servers.worker_environment().items() if name in {"PATH", "HOME"}}
    return Run(group=group, output=f"{group}-out", command=command, environment=environment | said)


def _never(_servers: Servers, _number: int) -> Run:
    raise AssertionError("an entrant that is missing is not started")


def _lacks(package: str) -> str:
    """Why a package of the peers' venv cannot be used, "" if it can."""
    asked = subprocess.run(  # noqa: S603  a fixed program
        [PEER_PYTHON, "-c", f"import {package}"], capture_output=True, text=True, check=False
    )
    return f"{package} cannot be imported" if asked.returncode else ""

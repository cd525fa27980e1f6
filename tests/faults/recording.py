"""Record minutes of load in which every service is killed, a policy changes and the model is swapped; then verify it.

    python -m tests.faults.recording --minutes 10 [--pings 300] [--requests 20] [--report DIR]      `make recording`

The load is that of the faults: disorder, late and repeated events, refused ones. Between the kills a second worker of
PRICING joins and leaves, and one of SUPPLY is paused until another has taken its place, a zombie. What was recorded is
then made again from pings and requests, twice, and by another checkout of the same commit from the bundle; in the end
one byte of a ping, of a policy and of the model is flipped in copies of it, each of which must come out different.
"""

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from infra.cli.seeding import shipped_model
from infra.clients.connection import Connection
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.embedded.stack import EmbeddedStack
from pricing.defaults import new_york_policy
from replay.archive import Archive, copied
from replay.records import Raw
from tests.broker import kafka
from tests.broker.services import now_ms, prepared
from tests.broker.services_load import Size, loading
from tests.broker.services_settling import settled
from tests.faults.inflict import Inflicted, Surgeon
from tests.faults.plan import Fault, Kind
from tests.faults.run import system
from topics.catalogue import DRIVER_PINGS, MODELS, PRICING_POLICY, Topic
from topics.roles import SERVICES
from topics.wire import rfc3339

COMMANDS_WITHIN_S = 1_200
WARM_S = 5.0
FLIPPED = ((DRIVER_PINGS, 24), (PRICING_POLICY, -3), (MODELS, 2_000))
"""Places in a record: a bit of a model's trees, since nobody prices by the card behind them."""


@dataclass(slots=True)
class Told:
    """What was done and what came of it."""

    minutes: float
    pings_per_s: float
    requests_per_s: float
    faults: list[str] = field(default_factory=list)
    recording: dict[str, Any] = field(default_factory=dict)
    verified: dict[str, Any] = field(default_factory=dict)
    flipped: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether all runs came out identical, with one hash, and every flipped byte showed."""
        runs = list(self.verified.values())
        same = all(run["identical"] for run in runs) and len({run["sha256"] for run in runs}) == 1
        return same and len(self.flipped) == 3 and all(self.flipped.values())


def main() -> int:
    """Run and report."""
    asked = _arguments()
    logging.disable(logging.CRITICAL)  # clients complain while servers are away, which is what they are for here
    with tempfile.TemporaryDirectory(prefix="faretide-recording-", dir=asked.state) as place:
        state = Path(place)
        state.chmod(0o711)
        (state / "logs").mkdir()
        file = asked.keep or state / "recording.faretide"
        notes = file.with_suffix(".json")
        told = Told(asked.minutes, asked.pings, asked.requests)
        if not file.exists():
            with EmbeddedStack(state / "stack", cache_dir=asked.cache) as stack:
                asyncio.run(_record(stack, state, file, told))
            notes.write_text(_json(told), encoding="utf-8")
        elif notes.exists():
            told = Told(**json.loads(notes.read_text(encoding="utf-8")))
        _say(f"recorded {file.stat().st_size:,} bytes")
        for _ in _verified(file, state, told):
            notes.write_text(_json(told), encoding="utf-8")
            if asked.report:
                _write(asked.report, told)
    _say(json.dumps(told.verified, indent=1), *(f"{name}: {count:,} differ" for name, count in told.flipped.items()))
    _say("holds" if told.holds else "DOES NOT HOLD")
    return 0 if told.holds else 1


async def _record(stack: EmbeddedStack, state: Path, file: Path, told: Told) -> None:
    connection = await prepared(stack)
    async with system(stack, state / "logs", kafka.ROOT, second=True) as (workers, pulse, _):
        surgeon = Surgeon(stack, workers, pulse)
        begun_s = time.monotonic()
        async with loading(connection, 5, Size.of_rates(told.pings_per_s, told.requests_per_s)):
            await asyncio.sleep(WARM_S)  # so that there is state to lose
            from_ms = now_ms()
            for number, fault in enumerate(_faults(told.minutes)):
                await asyncio.sleep(fault.wait_s)  # when it comes is part of the plan
                at_s = time.monotonic() - begun_s
                try:
                    said = await surgeon._inflict(fault, Inflicted(fault, now_ms())) or ""
                except (KafkaError, AssertionError) as error:  # how a worker left is not the question here: it is told
                    said = f"({str(error).splitlines()[0]})"
                told.faults.append(f"{at_s:.0f} s: {fault.hit}, {fault.kind} {said}".rstrip())
                if number == 1:
                    await _publish(connection, PRICING_POLICY, b"nyc", _other_policy())
                    told.faults.append(f"{time.monotonic() - begun_s:.0f} s: another policy")
                if number == 3:
                    await _publish(connection, MODELS, b"demand", _other_model())
                    told.faults.append(f"{time.monotonic() - begun_s:.0f} s: another model")
                _say(told.faults[-1])
            await asyncio.sleep(max(0.0, told.minutes * 60 - (time.monotonic() - begun_s)))
        await settled(connection)
        to_ms = now_ms()
        for instance in [each for each in workers.processes if each.endswith("-1")]:
            await workers.leave(instance)
        await workers.end(list(workers.processes))
    environment = {"FARETIDE_BOOTSTRAP": stack.bootstrap, "FARETIDE_REGISTRY_URL": stack.registry_url}
    span = ["--from", rfc3339(from_ms), "--to", rfc3339(to_ms)]
    command = ["bundle", "create", "--from-events", "--yes", "--json", *span, str(file)]
    made = _command(kafka.ROOT, command, environment)
    told.recording = {name: made[name] for name in ("records", "bytes")} | {"seconds": (to_ms - from_ms) / 1_000}


def _faults(minutes: float) -> list[Fault]:
    """A kill of each service, a worker that joins and leaves, and a zombie, evenly spread."""
    kinds = [(Kind.KILL, service) for service in SERVICES] + [(Kind.JOIN, "pricing"), (Kind.ZOMBIE, "supply")]
    pause_s = round(minutes * 60 / (len(kinds) + 2), 1)
    return [
        Fault(kind=kind, hit=hit, wait_s=pause_s, lasts_s=8.0 if kind is Kind.JOIN else 2.0, steady=True, nth=10)
        for kind, hit in kinds
    ]


def _other_policy() -> Any:
    return replace(
        new_york_policy(),
        policy_id="for-the-recording",
        effective_from_ms=now_ms(),
        max_rise_hundredths_per_min=60,
        hysteresis_hundredths=1,
        lock_ms=90_000,
    )


def _other_model() -> Any:
    shipped = shipped_model(now_ms())
    return replace(shipped, version=shipped.version + 1)


async def _publish(connection: Connection, topic: Topic, key: bytes, record: Any) -> None:
    async with Registry(connection) as registry:
        ids = await registry.ids_of([topic])
    async with Publisher(connection, ids, source="faretide/recording") as publisher:
        await (await publisher.publish(topic, record))


def _verified(file: Path, state: Path, told: Told) -> Iterator[None]:
    """Verify it every way that its notes do not tell yet; yields after each."""
    other = state / "checkout"
    _checkout(other)
    for name, tree, command in (
        ("first", kafka.ROOT, ["replay", "verify"]),
        ("second", kafka.ROOT, ["replay", "verify"]),
        ("another checkout", other, ["bundle", "verify"]),
    ):
        if name in told.verified:
            continue
        said = _command(tree, [*command, str(file), "--from-events", "--json"], {})
        told.verified[name] = {key: said[key] for key in ("identical", "sha256", "seconds", "recorded_seconds")}
        told.recording["topics"] = {
            one["topic"]: {key: one[key] for key in ("records", "differ", "repeats", "zombies")}
            for one in said["topics"]
        }
        _say(f"{name}: {told.verified[name]}")
        yield
    for topic, place in FLIPPED:
        if topic.name in told.flipped:
            continue
        altered = state / f"{topic.name}.faretide"
        copied(Archive.opened(file), altered, _flipping(topic, place))
        said = _command(kafka.ROOT, ["replay", "verify", str(altered), "--from-events", "--json"], {})
        told.flipped[topic.name] = sum(one["differ"] for one in said["topics"])
        altered.unlink()
        yield


def _flipping(topic: Topic, place: int) -> Callable[[str, Raw], Raw]:
    """Flip one bit of the thousandth ping, or of the first policy or model."""
    count = iter(range(1 << 40))
    chosen = 1_000 if topic is DRIVER_PINGS else 0

    def alter(name: str, raw: Raw) -> Raw:
        if name != topic.name or raw.value is None or next(count) != chosen:
            return raw
        value = bytearray(raw.value)
        value[place] ^= 1
        return raw._replace(value=bytes(value))

    return alter


def _checkout(place: Path) -> None:
    """The committed state of this repository in a directory of its own."""
    place.mkdir()
    archived = subprocess.run(["git", "archive", "HEAD"], cwd=kafka.ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(place)], input=archived.stdout, check=True)


def _command(tree: Path, arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """What `faretide` of that tree says as JSON, whether it ends well or finds differences."""
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "infra.cli", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), **environment},
        capture_output=True,
        text=True,
        timeout=COMMANDS_WITHIN_S,
        check=False,
    )
    if not ran.stdout.strip():
        raise SystemExit(f"faretide {' '.join(arguments)} ended with {ran.returncode}: {ran.stderr[-2_000:]}")
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


def _json(told: Told) -> str:
    return json.dumps(asdict(told), indent=1) + "\n"


def _write(directory: Path, told: Told) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "replay-recording.json").write_text(_json(told), encoding="utf-8")
    how = (
        f"`make recording`: {told.minutes:g} minutes of load, {told.pings_per_s:g} pings and {told.requests_per_s:g} "
        "requests a second asked for, on a machine shared with other work."
    )
    lines = [
        "# A recording with faults in it, made again",
        "",
        how,
        "",
        "## What happened",
        "",
        *(f"- {one}" for one in told.faults),
        "",
        "## What was made again, from pings and requests",
        "",
        "| topic | records | differ | repeats | zombies |",
        "|---|---|---|---|---|",
        *(
            f"| `{name}` | {one['records']:,} | {one['differ']} | {one['repeats']} | {one['zombies']} |"
            for name, one in told.recording.get("topics", {}).items()
        ),
        "",
        "| run | identical | seconds | sha256 |",
        "|---|---|---|---|",
        *(
            f"| {name} | {'yes' if run['identical'] else 'NO'} | {run['seconds']:.0f} | `{run['sha256'][:16]}…` |"
            for name, run in told.verified.items()
        ),
        "",
        "## One bit flipped",
        "",
        "| in a record of | outputs that differ |",
        "|---|---|",
        *(f"| `{name}` | {count:,} |" for name, count in told.flipped.items()),
    ]
    (directory / "replay-recording.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.recording", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--pings", type=float, default=300.0)
    parser.add_argument("--requests", type=float, default=20.0)
    parser.add_argument("--state", type=Path, default=None)
    parser.add_argument("--cache", type=Path, default=kafka.ROOT / ".faretide" / "cache")
    parser.add_argument("--keep", type=Path, default=None, help="keep it there with notes, or verify that of before")
    parser.add_argument("--report", type=Path, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

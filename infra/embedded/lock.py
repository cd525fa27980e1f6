"""Write the lock files again: `python -m infra.embedded.lock`.

Run it after changing a version below. It asks the Maven repository for what the roots need, fetches every file once and
records its size and sha256. Nothing about where the files came from is written, so a lock file holds on every machine.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from infra.embedded.lockfile import KAFKA_LOCK, REGISTRY_LOCK, Artifact
from infra.embedded.maven import fetch_from_maven, runtime_closure

Key = tuple[str, str, str, str, str]

KAFKA_ROOT = "org.apache.kafka:kafka_2.13:4.4.0"
# Kafka logs through slf4j 1.7 and leaves the binding to its distribution; the version is that of the log4j it brings.
KAFKA_LOGGING: Key = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5", "", "jar")
REGISTRY: Key = ("io.apicurio", "apicurio-registry-app", "3.3.3", "all", "tar.gz")


def pin(key: Key, directory: Path) -> Artifact:
    """Fetch the file of `key` into `directory` and return it with its size and digest."""
    unpinned = Artifact(*key, size=0, sha256="")
    file = fetch_from_maven(unpinned, directory, lambda _bytes: None)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Artifact(*key, size=file.stat().st_size, sha256=digest)


def render(artifacts: Sequence[Artifact]) -> str:
    """Return the text of a lock file: one artifact a line, ordered by coordinate, so that changes read well."""
    ordered = sorted(artifacts, key=lambda artifact: (artifact.g, artifact.a, artifact.c))
    return "[\n" + ",\n".join(" " + json.dumps(asdict(artifact)) for artifact in ordered) + "\n]\n"


def write_locks(directory: Path, say: Callable[[str], object]) -> None:
    """Resolve, fetch and pin everything, keeping files in `directory`; then write both lock files."""
    wanted = {KAFKA_LOCK: [*runtime_closure(KAFKA_ROOT, directory), KAFKA_LOGGING], REGISTRY_LOCK: [REGISTRY]}
    for lock, keys in wanted.items():
        with ThreadPoolExecutor(8) as pool:
            pinned = list(pool.map(lambda key: pin(key, directory), keys))
        lock.write_text(render(pinned))
        megabytes = sum(artifact.size for artifact in pinned) / 1e6
        say(f"{lock.name}: {len(pinned)} artifacts, {megabytes:.1f} MB\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        write_locks(Path(scratch), sys.stdout.write)

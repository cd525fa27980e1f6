"""Lock files: which artifacts, to the byte, the embedded Java servers are made of.

Each is a list of Maven coordinates with size and sha256, without any word on where the files come from. They are
written by `python -m infra.embedded.lock`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path(__file__).parent / "locks"
KAFKA_LOCK = LOCKS / "kafka.json"
REGISTRY_LOCK = LOCKS / "registry.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven component, pinned to its bytes.

    Named as in the lock file: group, artifact, version, classifier ("" for none), packaging, size in bytes, sha256 in
    lower-case hex.
    """

    g: str
    a: str
    v: str
    c: str
    p: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file in any Maven repository, as in `kafka-clients-4.4.0.jar`."""
        classifier = f"-{self.c}" if self.c else ""
        return f"{self.a}-{self.v}{classifier}.{self.p}"

    @property
    def coordinate(self) -> str:
        """The coordinate as a person writes it: group:name:version[:classifier]."""
        return ":".join(part for part in (self.g, self.a, self.v, self.c) if part)

    def path_in(self, cache_dir: Path) -> Path:
        """Place of the file below `cache_dir`, which has the layout of a Maven repository."""
        return cache_dir.joinpath(*self.g.split("."), self.a, self.v, self.file_name)


def read_lock(lock: Path) -> tuple[Artifact, ...]:
    """Return the artifacts of a lock file, in its order, which is the order of the class path."""
    return tuple(Artifact(**entry) for entry in json.loads(lock.read_text()))

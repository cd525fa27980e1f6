"""Which code runs here, such that two checkouts of one version are told apart: `0.1.0+3f9c0d1e27ab5844`."""

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

ROOMS = ("agents", "demand", "pricing", "replay", "supply", "topics", "windows")
"""Where outputs are made: a change elsewhere makes no other record."""


@lru_cache(1)
def code_version() -> str:
    """The version of the package, and 16 digits of the hash of its rules."""
    return f"{version('faretide')}+{sources_hash(Path(__file__).parents[1])[:16]}"


def sources_hash(root: Path) -> str:
    """SHA-256 of path, size and content of each source of the rooms below `root`, in order of path."""
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()

"""Does the harness see what it is there for? Services with one rule taken out must turn it red.

    python -m tests.faults.mutants [NAME ...]

Each mutant is a copy of the tree with one rule changed. Only the services run from it; load, faults and claims are
those of this tree. Exit code 0 if every mutant was found out.
"""

import logging
import shutil
import sys
import tempfile
from asyncio import run as run_async
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.stack import EmbeddedStack
from tests.broker import kafka
from tests.broker.services_load import Size
from tests.faults.run import Run, run

SOURCES = ("agents", "avro", "data", "demand", "infra", "models", "pricing", "supply", "tests", "topics", "windows")
KILLS = 10


@dataclass(frozen=True, slots=True)
class Mutant:
    """One rule taken out: `old` stands once in `file` and becomes `new`; found out by the faults of `seed`."""

    name: str
    file: str
    old: str
    new: str
    seed: int


MUTANTS: tuple[Mutant, ...] = ()


def main(names: list[str]) -> int:
    """Try each mutant and say what became of it."""
    logging.disable(logging.CRITICAL)
    survivors = 0
    for mutant in MUTANTS:
        if not names or mutant.name in names:
            tried = _try(mutant)
            red = [f"{name}: {why[:160]}" for name, why in tried.claims.items() if why]
            survivors += not red
            sys.stdout.write(f"{mutant.name}: {'red' if red else 'NOT FOUND OUT'}\n" + "".join(f"  {s}\n" for s in red))
            sys.stdout.flush()
    return 1 if survivors else 0


def mutated(mutant: Mutant, tree: Path) -> None:
    """Copy the sources to `tree` and change the rule. Raises ValueError if it does not stand there once."""
    for name in SOURCES:
        shutil.copytree(kafka.ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    file = tree / mutant.file
    text = file.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: the rule must stand once in {mutant.file}, got {text.count(mutant.old)}")
    file.write_text(text.replace(mutant.old, mutant.new))


def _try(mutant: Mutant) -> Run:
    state = Path(tempfile.mkdtemp(prefix="faretide-mutant-"))
    state.chmod(0o711)
    (state / "logs").mkdir()
    mutated(mutant, state / "tree")
    cache = kafka.ROOT / ".faretide" / "cache"
    try:
        with EmbeddedStack(state / "stack", cache_dir=cache) as stack:
            asked = {"seed": mutant.seed, "kills": KILLS, "size": Size(), "tree": state / "tree"}
            return run_async(run(stack, state / "logs", **asked))
    finally:
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

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
from tests.faults.plan import Fault, Kind
from tests.faults.run import Run, run

SOURCES = ("agents", "avro", "data", "demand", "infra", "models", "pricing", "supply", "tests", "topics", "windows")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule taken out: in each file the first text becomes the second; the faults are those the rule is there for."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    faults: tuple[Fault, ...]


def _point(hit: str, point: str, nth: int) -> Fault:
    return Fault(kind=Kind.POINT, hit=hit, wait_s=1.0, lasts_s=0.0, steady=True, point=point, nth=nth)


def _kill(hit: str) -> Fault:
    return Fault(kind=Kind.KILL, hit=hit, wait_s=2.0, lasts_s=0.0, steady=True)


MUTANTS = (
    Mutant(
        "skip the offset mask",
        (
            ("pricing/zones/sources.py", "if offset <= self.applied_offset:", "if offset < -1:"),
            ("pricing/zones/zone_state.py", "offset <= self.supply_offset", "offset < -1"),
            ("pricing/zones/zone_state.py", "offset <= self.demand_offset", "offset < -1"),
            ("agents/quote_desk.py", "if offset in answered.decided:", "if offset < -1:"),
        ),
        (_point("pricing", "table-flushed", 2), _kill("quotes"), _point("quotes", "committing", 4), _kill("quotes")),
    ),
    Mutant(
        "commit before flush",
        (
            ("agents/runtime/deliveries.py", "while self._pending and self._pending[0].acked:", "while self._pending:"),
            (
                "agents/runtime/deliveries.py",
                "self.appended_ms = batch.append_ms",
                "self.appended_ms = batch.append_ms; self.settle()",
            ),
        ),
        (_point("pricing", "committed", 8), _point("demand", "committed", 4), _point("supply", "committed", 4)),
    ),
    Mutant(
        "ignore epochs",
        (
            ("pricing/zones/sources.py", "if epoch < self.newest:", "if epoch < Epoch(0, 0):"),
            ("pricing/zones/sources.py", "if epoch == self.standing:", "if self.standing is not None:"),
        ),
        (_kill("supply"), _kill("demand"), _kill("supply")),
    ),
    Mutant(
        "no rewind",
        (
            ("supply/fleet.py", "return stamp_ms - PING_EXPIRY_MS - GRACE_MS", "return stamp_ms"),
            ("agents/runtime/rewind.py", "start = resume if log.rewound is None else", "start = resume if resume else"),
        ),
        (_kill("demand"), _kill("supply"), _kill("demand")),
    ),
)


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
    """Copy the sources to `tree` and change the rule. Raises ValueError if it does not stand there."""
    for name in SOURCES:
        shutil.copytree(kafka.ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in mutant.edits:
        text = (tree / name).read_text()
        if old not in text:
            raise ValueError(f"{mutant.name}: {name} must hold {old!r}")
        (tree / name).write_text(text.replace(old, new))


def _try(mutant: Mutant) -> Run:
    state = Path(tempfile.mkdtemp(prefix="faretide-mutant-"))
    state.chmod(0o711)
    (state / "logs").mkdir()
    mutated(mutant, state / "tree")
    cache = kafka.ROOT / ".faretide" / "cache"
    try:
        with EmbeddedStack(state / "stack", cache_dir=cache) as stack:
            faults = [*mutant.faults]
            return run_async(run(stack, state / "logs", faults, seed=1, size=Size(), tree=state / "tree"))
    finally:
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

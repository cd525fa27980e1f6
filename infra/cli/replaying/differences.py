"""Two runs over the same records side by side, told to a person, a script or in a page."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from infra.cli.exits import CommandError
from infra.cli.live.wording import money
from infra.cli.output import say, say_json, say_table
from infra.cli.replaying.amounts import moved
from infra.cli.replaying.otherwise import Otherwise, change_of

if TYPE_CHECKING:
    from replay.compare import Comparison

ASSUMED = (
    "riders and cars are as recorded: nobody asks, accepts or drives otherwise for another price",
    "memories are as recorded, and booking decisions are not judged again",
)


def told(
    file: Path,
    otherwise: Otherwise,
    tolerances: dict[str, int],
    *,
    as_json: bool,
    html: Path | None,
    from_events: bool = False,
    processes: int = 0,
    dashboard: str = "",
) -> None:
    """Run the file as it is and otherwise, and tell. Raises CommandError if it cannot be, or anything changed."""
    from replay.archive import ArchiveError
    from replay.contracts import SchemaAbsentError
    from replay.control import NotHeldError
    from replay.processes import ProcessLostError

    otherwise.refuse_unless_one()
    try:
        comparison = _compared(file, otherwise, tolerances, from_events=from_events, processes=processes)
    except (ArchiveError, NotHeldError, SchemaAbsentError, ProcessLostError) as error:
        raise CommandError(str(error)) from None
    said = as_object(comparison)
    if html is not None:
        from infra.cli.replaying.page import write_page

        write_page(html, comparison, said, f"{otherwise.said} over {file.name}.", dashboard)
    say_json(said) if as_json else _tell(comparison, said)
    if comparison.is_empty:
        raise CommandError(f"{file} holds no output that either run can make again")
    if not comparison.is_same:
        raise CommandError(
            f"{len(comparison.changed):,} of {comparison.quotes:,} quotes and {comparison.ticks_changed:,} of "
            f"{comparison.ticks:,} ticks change" + "".join(f", {sentence}" for sentence in _unpaired(comparison))
        )


def _compared(
    file: Path, otherwise: Otherwise, tolerances: dict[str, int], *, from_events: bool, processes: int
) -> "Comparison":
    from replay.archive import Archive
    from replay.change import UNCHANGED
    from replay.compare import compared
    from replay.contracts import Contracts
    from replay.flushes import COUNTED
    from replay.run import Order, run
    from topics.catalogue import QUOTES, SURGE

    archive = Archive.opened(file)
    topics = (SURGE, QUOTES, *COUNTED) if from_events else (SURGE, QUOTES)
    change = UNCHANGED if otherwise.code is not None else change_of(otherwise, archive)  # refused before all is run
    with TemporaryDirectory(prefix="faretide-replay-") as place:
        before, after = Path(place) / "before", Path(place) / "after"
        first = run(Order(file=file, outputs=before, is_compared=False, from_events=from_events), processes=processes)
        if otherwise.code is not None:
            run_other(
                otherwise.code, file, after, {"from_events": from_events, "anew": first.anew, "processes": processes}
            )
        else:
            run(
                Order(
                    file=file,
                    outputs=after,
                    change=change,
                    is_compared=False,
                    known_anew=first.anew,
                    from_events=from_events,
                ),
                processes=processes,
            )
        comparison = compared(
            before,
            after,
            Contracts(archive.schemas),
            from_ms=archive.about.from_ms,
            partitions={topic.name: archive.about.numbers(topic.name) for topic in topics},
            tolerances=tolerances,
            ignored=frozenset({"model", "models_used"}) if otherwise.model else frozenset(),
        )
        for verdict in (first.topics[topic.name] for topic in topics if topic.name in first.topics):
            comparison.lack(verdict)
        return comparison


def run_other(code: Path, file: Path, outputs: Path, order: dict[str, Any]) -> None:
    """Run the file by the rules of another checkout, in a process that knows no other. Raises CommandError."""
    root = code.resolve()
    if not (root / "replay" / "__main__.py").is_file():
        raise CommandError(f"{code} is no checkout of a version that can replay: it has no replay/__main__.py")
    said = json.dumps(order, default=list)
    ran = subprocess.run(  # noqa: S603  the interpreter that runs this
        [sys.executable, "-P", "-m", "replay", str(file.resolve()), str(outputs), said],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CommandError(f"the code in {code} could not run {file}: {last}")


def as_object(comparison: "Comparison") -> dict[str, Any]:
    """For JSON; every changed quote is named."""
    from pricing.explaining.policy_effect import QUANTILES

    heads = [f"{quantile:g}" for quantile in QUANTILES]
    return {
        "same": comparison.is_same,
        "quotes": comparison.quotes,
        "quotes_changed": len(comparison.changed),
        "amounts_changed": sum(times for size, times in comparison.amounts.sizes.items() if size),
        "ticks": comparison.ticks,
        "ticks_changed": comparison.ticks_changed,
        "counts": comparison.counts,
        "counts_changed": comparison.counts_changed,
        "unmatched": comparison.unmatched,
        "not_made": comparison.not_made,
        "first_not_made": comparison.first_not_made,
        "share_changed": len(comparison.changed) / comparison.quotes if comparison.quotes else 0.0,
        "amount_quantiles_minor": dict(zip(heads, comparison.amounts.quantiles(), strict=False)),
        "multiplier_quantiles_hundredths": dict(zip(heads, comparison.prices.quantiles(), strict=False)),
        "estimate": {
            name: {"quotes": one.quotes, "accepted": round(one.accepted, 1), "revenue_minor": dict(one.revenue_minor)}
            for name, one in (("before", comparison.before), ("after", comparison.after))
        },
        "changed": [
            {
                "quote_id": one.quote_id,
                "place": one.place,
                "before_minor": one.before_minor,
                "after_minor": one.after_minor,
                "currency": one.currency,
                "fields": one.fields,
                "explain": f"faretide explain {one.quote_id}",
            }
            for one in sorted(comparison.changed, key=lambda one: (-abs(one.change_minor), one.quote_id))
        ],
        "tolerances": comparison.tolerances,
        "assumed": list(ASSUMED),
    }


def _unpaired(comparison: "Comparison") -> list[str]:
    """A sentence on the outputs of one run alone, and one on those that the run as recorded could not make."""
    said = [f"{comparison.unmatched:,} outputs were made by one run only"] if comparison.unmatched else []
    if comparison.not_made:
        first = f", the first: {comparison.first_not_made}" if comparison.first_not_made else ""
        said.append(f"{comparison.not_made:,} outputs could not be made again{first}")
    return said


def _tell(comparison: "Comparison", said: dict[str, Any]) -> None:
    say(
        f"{said['quotes_changed']:,} of {said['quotes']:,} quotes ({said['share_changed']:.1%}), "
        f"{said['amounts_changed']:,} of them in price, and {said['ticks_changed']:,} of {said['ticks']:,} ticks change"
        + (
            f", made of counts of which {said['counts_changed']:,} of {said['counts']:,} change"
            if said["counts"]
            else ""
        )
    )
    for sentence in _unpaired(comparison):
        say(sentence)
    _tell_sizes("amount", said["amount_quantiles_minor"], lambda size: moved(size, comparison.currency))
    _tell_sizes("multiplier", said["multiplier_quantiles_hundredths"], lambda size: f"{size / 100:+.2f}")
    rows = [
        (
            f"faretide explain {one.quote_id}",
            money(one.before_minor, one.currency),
            money(one.after_minor, one.currency),
            ", ".join(one.fields),
        )
        for one in comparison.top
    ]
    if rows:
        say_table(("quote", "before", "after", "fields"), rows, title="moved most")
    for name in ("before", "after"):
        one = said["estimate"][name]
        paid = ", ".join(money(minor, currency) for currency, minor in one["revenue_minor"].items())
        say(f"{name}: {one['quotes']:,} priced, {one['accepted']:,.1f} expected to be taken, for {paid or 'nothing'}")
    for sentence in ASSUMED:
        say(f"assumed: {sentence}")


def _tell_sizes(name: str, sizes: dict[str, int], text: Callable[[int], str]) -> None:
    """How much something moves where it moves at all."""
    if sizes:
        told = "  ".join(f"{float(head):.0%} {text(size)}" for head, size in sizes.items())
        say(f"{name} where it changes: {told}")

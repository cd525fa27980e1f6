"""Two runs over the same records side by side, told to a person, a script or in a page."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from infra.cli.exits import CommandError, ExitCode
from infra.cli.live.wording import money
from infra.cli.output import say, say_json, say_table
from infra.cli.replaying.amounts import moved

if TYPE_CHECKING:
    from replay.archive import Archive
    from replay.change import Change
    from replay.compare import Comparison
    from topics.control import ModelAnnounced

ASSUMED = (
    "riders and cars are as recorded: nobody asks, accepts or drives otherwise for another price",
    "memories are as recorded, and booking decisions are not judged again",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """What is to be otherwise: one of these."""

    model: str = ""
    policy: str = ""
    settings: tuple[str, ...] = ()
    code: Path | None = None

    @property
    def said(self) -> str:
        """What changes, in words."""
        named = {"Model": self.model, "Policy": self.policy, "Settings": ", ".join(self.settings), "Code of": self.code}
        return ", ".join(f"{name} {what}" for name, what in named.items() if what)

    def refuse_unless_one(self) -> None:
        """Raise CommandError unless exactly one thing changes, so that a difference has one cause."""
        if sum(map(bool, (self.model, self.policy, self.settings, self.code))) != 1:
            raise CommandError("name one of --model, --policy, --settings and --code", ExitCode.USAGE)


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
            f"{comparison.ticks:,} ticks change" + (f", {_alone(comparison)}" if comparison.unmatched else "")
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
        return compared(
            before,
            after,
            Contracts(archive.schemas),
            from_ms=archive.about.from_ms,
            partitions={topic.name: archive.about.numbers(topic.name) for topic in topics},
            tolerances=tolerances,
            ignored=frozenset({"model", "models_used"}) if otherwise.model else frozenset(),
        )


def change_of(otherwise: Otherwise, archive: "Archive") -> "Change":
    """What the options mean for this recording. Raises CommandError, NotHeldError."""
    from pricing.policy import built_in_policy, policy_of
    from replay.change import Change, settings_of
    from replay.contracts import Contracts
    from replay.control import ControlHistory

    try:
        if otherwise.policy:
            change = policy_change(otherwise.policy, ControlHistory(archive, Contracts(archive.schemas)).market_names)
        elif otherwise.settings:
            change = Change(settings=settings_of(list(otherwise.settings)))
        elif "@" in otherwise.model and not Path(otherwise.model).exists():
            return Change(model=ControlHistory(archive, Contracts(archive.schemas)).announced(otherwise.model))
        else:
            return Change(model=model_in(Path(otherwise.model), archive.about.from_ms))
        policy_of(change.policy or change.rules(built_in_policy("").rules), 0)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    return change


def model_in(file: Path, at_ms: int) -> "ModelAnnounced":
    """The model in a file as `faretide train` writes it, as if announced at `at_ms`. Raises CommandError."""
    import hashlib

    from pricing.artefact import FORMAT, BrokenModelError
    from pricing.behaviour_models import KINDS, name_in, small_model
    from pricing.demand_model import model_of
    from pricing.models import CHAMPION, DEMAND
    from topics.control import ModelAnnounced

    try:
        artefact = file.read_bytes()
    except OSError as error:
        raise CommandError(
            f"--model must be NAME@VERSION of the recording or a model's file; {file}: {error.strerror}", ExitCode.USAGE
        ) from None
    card, small = file.with_suffix(".json"), name_in(artefact)
    tried = ModelAnnounced(
        name=small or DEMAND,
        version=0,
        alias=CHAMPION,
        format=KINDS[small].format if small else FORMAT,
        sha256=hashlib.sha256(artefact).hexdigest(),
        artefact=artefact,
        card=card.read_text(encoding="utf-8") if card.exists() else "{}",
        announced_ms=at_ms,
    )
    try:
        small_model(tried) if small else model_of(tried)
    except BrokenModelError as error:
        raise CommandError(f"{file} is no usable model: {error}") from None
    return tried


def policy_change(name: str, markets: list[str]) -> "Change":
    """The policy in a file as `faretide policy show --as-file` writes it; who, why and when may be left out.

    Freeze and emergency cap stay as recorded unless the file names them. Raises CommandError, also if its market is
    none of `markets`.
    """
    from infra.cli.control_files import read_values, record_of
    from replay.change import IN_FORCE, Change
    from topics.catalogue import PRICING_POLICY

    said = {"policy_id": "tried", "author": "", "reason": "", "effective_from_ms": 0}
    values = read_values(name)
    values.pop("effective_from", None)
    policy = record_of(PRICING_POLICY, said | values)
    if policy.market not in markets:
        held = ", ".join(markets) or "no market"
        raise CommandError(
            f"{name}: market must be one of the recording, {held}, got {policy.market!r}", ExitCode.USAGE
        )
    return Change(policy=policy, kept=IN_FORCE - values.keys())


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
    from pricing.policy_effect import QUANTILES

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


def _alone(comparison: "Comparison") -> str:
    return f"{comparison.unmatched:,} outputs were made by one run only"


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
    if comparison.unmatched:
        say(_alone(comparison))
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

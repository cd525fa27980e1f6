"""What is to be otherwise in a second run over a recording, as the options of `faretide replay diff` say it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.exits import CommandError, ExitCode

if TYPE_CHECKING:
    from replay.archive import Archive
    from replay.change import Change
    from topics.control import ModelAnnounced


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


def change_of(otherwise: Otherwise, archive: "Archive") -> "Change":
    """What the options mean for this recording. Raises CommandError, NotHeldError."""
    from pricing.rules.policy import built_in_policy, policy_of
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

    from pricing.models.artefact import FORMAT, BrokenModelError
    from pricing.models.behaviour_models import KINDS, name_in, small_model
    from pricing.models.demand_model import model_of
    from pricing.models.model_choice import CHAMPION, DEMAND
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

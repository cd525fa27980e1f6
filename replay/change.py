"""What is to be otherwise in a replay: another policy, single settings of it, another model.

Versions keep the offsets at which the recorded ones stand, so that only what was made of them differs.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from topics.control import ModelAnnounced, PricingPolicySet

IDENTITY = frozenset(
    {"policy_id", "market", "effective_from_ms", "author", "reason", "based_on_offset", "caps", "overrides"}
)
IN_FORCE = frozenset({"freeze", "emergency_cap_hundredths"})
"""What another policy does not lift unless it says so."""
SETTINGS: tuple[str, ...] = tuple(one.name for one in fields(PricingPolicySet) if one.name not in IDENTITY)
"""Fields of a policy that `--settings` may set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Nothing by default. `policy` stands in for every version of its market, `settings` for fields of all markets'.

    Of the recorded version what `kept` names stays.
    """

    policy: PricingPolicySet | None = None
    kept: frozenset[str] = frozenset()
    settings: dict[str, Any] = field(default_factory=dict)
    model: ModelAnnounced | None = None

    def rules(self, recorded: PricingPolicySet) -> PricingPolicySet:
        """The policy to apply where `recorded` was."""
        swapped = recorded
        if self.policy is not None and self.policy.market == recorded.market:
            swapped = replace(self.policy, **{name: getattr(recorded, name) for name in self.kept})
        return replace(swapped, **self.settings) if self.settings else swapped


UNCHANGED = Change()


def settings_of(pairs: list[str]) -> dict[str, Any]:
    """Settings from K=V texts. Raises ValueError naming the fields there are.

    >>> settings_of(["wait_target_s=240", "freeze=true", "emergency_cap_hundredths=150"])
    {'wait_target_s': 240, 'freeze': True, 'emergency_cap_hundredths': 150}
    """
    return dict(_setting(pair) for pair in pairs)


def _setting(pair: str) -> tuple[str, Any]:
    name, equals, text = pair.partition("=")
    if not equals or name not in SETTINGS:
        raise ValueError(f"--settings must be FIELD=VALUE with a field of {', '.join(SETTINGS)}, got {pair!r}")
    if name == "rounding_salt":
        return name, text
    if name == "freeze":
        if text not in {"true", "false"}:
            raise ValueError(f"freeze must be true or false, got {text!r}")
        return name, text == "true"
    try:
        return name, int(text)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, got {text!r}") from None

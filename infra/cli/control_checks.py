"""Whether markets and policies that stand in the topics still fit each other."""

from infra.cli.control_log import ControlLog
from pricing.rules.market_rules import faults_of_market
from pricing.rules.policy_rules import faults_of_policy


def faults_of(log: ControlLog, at_ms: int) -> list[str]:
    """Each rule that a market or policy breaks that is in force at `at_ms` or to come.

    Versions begun long ago are not held to be late, nor those of the first format to name an author.
    """
    versions = {
        name: [one for one in (log.markets.named(name, at_ms), *log.markets.after(name, at_ms)) if one is not None]
        for name in log.markets.names
    }
    records = {one.offset: one.record for one in log.market_versions}
    faults = []
    for name, markets in versions.items():
        others = [one for other, ones in versions.items() if other != name for one in ones]
        policies = [log.policies.at(name, at_ms), *log.policies.after(name, at_ms)]
        for market in markets:
            record = records[market.offset]
            found = faults_of_market(record, others, policies, record.effective_from_ms)
            faults += [f"market {name}, version {market.offset}: {fault}" for fault in found if not _unsaid(fault)]
        for policy in policies:
            begins_ms = max(at_ms, policy.rules.effective_from_ms)
            found = faults_of_policy(
                policy.rules, log.markets.named(name, begins_ms), log.markets.names, policy.rules.effective_from_ms
            )
            faults += [f"policy of {name}, version {policy.offset}: {fault}" for fault in found]
    return faults


def _unsaid(fault: str) -> bool:
    return fault in {"author must be given", "reason must be given"}

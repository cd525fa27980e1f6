"""Whether all producers of a topic place keys by one rule, and who does not.

One driver or rider in two partitions is counted twice, so a mixture must be seen. A record whose partition only one
rule explains names its producer's rule; one that both or none explain says nothing of which.

    client a  murmur2, murmur2, either    ─┐
    client b  crc32                       ─┴─> "a mixture: murmur2 (a), crc32 (b)"
"""

from dataclasses import dataclass, field

from topics.partitioners import Partitioner

MOST_CLIENTS = 16


@dataclass(slots=True)
class PartitionerMixture:
    """The rules seen in one topic, each with the clients that follow it, at most 16 by name."""

    clients: dict[Partitioner, list[str]] = field(default_factory=dict)

    def observe(self, client: str, rules: set[Partitioner]) -> str | None:
        """Take note of one record of `client` that `rules` could have placed; an alert when it adds to a mixture.

        >>> seen = PartitionerMixture()
        >>> seen.observe("a", {Partitioner.MURMUR2})
        >>> seen.observe("b", {Partitioner.CRC32})
        'producers use different partitioners: murmur2 (a), crc32 (b); let all use murmur2'
        >>> seen.observe("b", {Partitioner.CRC32})
        """
        if len(rules) != 1:
            return None
        named = self.clients.setdefault(next(iter(rules)), [])
        if client in named or len(named) >= MOST_CLIENTS:
            return None
        named.append(client)
        if len(self.clients) == 1:
            return None
        said = ", ".join(f"{rule} ({', '.join(names)})" for rule, names in self.clients.items())
        return f"producers use different partitioners: {said}; let all use murmur2"

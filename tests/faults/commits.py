"""Watching that committed offsets never decrease."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError

from tests.broker import kafka
from topics.roles import SERVICES

LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class Commits:
    """The highest offset each group has committed, and each time it was seen to go back."""

    highest: dict[tuple[str, str, int], int] = field(default_factory=dict)
    decreases: list[str] = field(default_factory=list)

    def observe(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Take in one look at one partition."""
        known = self.highest.get((group, topic, partition), 0)
        if offset < known:
            self.decreases.append(f"{group} {topic}[{partition}] went from {known} to {offset}")
        self.highest[group, topic, partition] = max(known, offset)

    async def watch(self, bootstrap: str) -> None:
        """Look about once a second until cancelled; a broker that is away says nothing."""
        while True:
            for service in SERVICES:
                with suppress(KafkaError, OSError):
                    found = await kafka.committed(bootstrap, f"faretide-{service}")
                    for tp, offset in found.items():
                        self.observe(service, tp.topic, tp.partition, offset)
            await asyncio.sleep(LOOK_EVERY_S)

"""A recording altered in one record, whole in every other respect."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from replay.archive import Archive, copied
from replay.contracts import Contracts
from replay.records import Raw
from replay.run import Order, RunResult, run
from topics.catalogue import Topic

GOLDEN = Path(__file__).parents[2] / "golden" / "surge-and-cap.faretide"


def ran(file: Path, place: Path, **order: Any) -> RunResult:
    """The file run in this process."""
    place.mkdir(exist_ok=True)
    return run(Order(file=file, outputs=place, **order), processes=1)


def altered(target: Path, topic: Topic, change: Callable[[Any], dict[str, Any] | None], of: Path = GOLDEN) -> Path:
    """The recording `of` with the last record of `topic` changed for which `change` names fields."""
    archive = Archive.opened(of)
    contracts = Contracts(archive.schemas)
    chosen: Raw | None = None
    for number in archive.about.numbers(topic.name):
        for raw in archive.log(topic.name, number):
            if change(contracts.decode(topic, raw.value)):
                chosen = raw
    assert chosen is not None, f"no record of {topic.name} can be changed so"

    def alter(name: str, raw: Raw) -> Raw:
        if name != topic.name or raw != chosen:
            return raw
        record = contracts.decode(topic, raw.value)
        return raw._replace(value=contracts.encode(topic, replace(record, **(change(record) or {})), raw.value))

    copied(archive, target, alter)
    return target

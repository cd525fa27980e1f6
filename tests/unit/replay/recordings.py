"""A recording altered in one record or begun later for one topic, whole in every other respect."""

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


def begun(target: Path, topic: Topic, at_ms: int) -> Path:
    """The recording of the golden file as if it held of `topic` only what was appended from `at_ms` on."""
    archive = Archive.opened(GOLDEN)
    later = {
        number: next(raw.offset for raw in archive.log(topic.name, number) if raw.appended_ms >= at_ms)
        for number in archive.about.numbers(topic.name)
    }
    parts = [
        replace(part, first=later[part.partition]) if part.topic == topic.name else part for part in archive.about.parts
    ]
    narrowed = replace(archive, about=replace(archive.about, parts=parts))
    copied(narrowed, target, lambda name, raw: None if name == topic.name and raw.appended_ms < at_ms else raw)
    return target

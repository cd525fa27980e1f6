"""All counts of a recording made again, before its ticks are: three passes, each shared out over processes.

zone partitions ──> flush lists by source          who spoke when, of what
sources         ──> own counts beside recorded     SUPPLY and DEMAND over the events
zone partitions ──> one log, one verdict           what the ticks are made of
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from agents.counts_again import INPUTS, OUTPUTS
from replay.archive import Archive
from replay.contracts import Contracts
from replay.counted import CountedAgain, merged
from replay.flushes import COUNTED, FlushLists, Heard
from replay.outputs import OutputLog
from replay.verdict import Judge, TopicVerdict
from topics.catalogue import Topic, topic_named

AT_ONE_OFFSET = 1 << 12
"""Most counts that can stand at one offset, where more are made than were recorded."""

Mapped = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]


def count_again(file: Path, outputs: Path, mapped: Mapped) -> Iterator[TopicVerdict]:
    """Leave the counts that this code makes in `outputs`; the verdict on each partition."""
    about = Archive.opened(file, check=False).about
    places = [(topic, number) for topic in COUNTED for number in about.numbers(topic.name)]
    heard: dict[str, Heard] = {service: {} for service in OUTPUTS}
    zombies: dict[tuple[str, int], int] = {}
    listed = mapped(_listed, [(file, outputs, topic.name, number) for topic, number in places])
    for (topic, number), (found, passed_over) in zip(places, listed, strict=True):
        zombies[topic.name, number] = passed_over
        service = next(name for name, topics in OUTPUTS.items() if topic in topics)
        _take_in(heard[service], found, about.held_from_ms(INPUTS[service]))
    sources = [(service, number) for service in OUTPUTS for number in about.numbers(INPUTS[service][0].name)]
    tasks = [(file, outputs, service, number, _of(heard[service], number)) for service, number in sources]
    for _ in mapped(_counted, tasks):
        pass
    roots = {
        service: [_root(outputs, service, number) for name, number in sources if name == service] for service in OUTPUTS
    }
    merging = [
        (
            file,
            outputs,
            topic.name,
            number,
            [root for service in OUTPUTS if topic in OUTPUTS[service] for root in roots[service]],
        )
        for topic, number in places
    ]
    for (topic, number), verdict in zip(places, mapped(_merged, merging), strict=True):
        verdict.zombies = zombies[topic.name, number]
        yield verdict


def _listed(task: tuple[Path, Path, str, int]) -> tuple[Heard, int]:
    file, outputs, name, number = task
    archive, topic = Archive.opened(file, check=False), topic_named(name)
    return FlushLists(outputs).write(archive, topic, number, events_from_ms=_events_from_ms(archive, topic))


def _events_from_ms(archive: Archive, topic: Topic) -> int:
    service = next(name for name, topics in OUTPUTS.items() if topic in topics)
    return archive.about.held_from_ms(INPUTS[service])


def _take_in(heard: Heard, found: Heard, events_from_ms: int) -> None:
    for of, epoch in found.items():
        if of in heard:
            heard[of].take_in(epoch, events_from_ms)
        else:
            heard[of] = epoch


def _of(heard: Heard, source: int) -> Heard:
    return {of: epoch for of, epoch in heard.items() if of[0] == source}


def _counted(task: tuple[Path, Path, str, int, Heard]) -> None:
    file, outputs, service, number, heard = task
    CountedAgain(
        archive=Archive.opened(file, check=False),
        service=service,
        source=number,
        lists=FlushLists(outputs),
        heard=heard,
        outputs=_root(outputs, service, number),
    ).write()


def _root(outputs: Path, service: str, number: int) -> Path:
    return outputs / "counted" / f"{service}-{number}"


def _merged(task: tuple[Path, Path, str, int, list[Path]]) -> TopicVerdict:
    """Write the log that ticks are made of, and judge what in it was made again."""
    file, outputs, name, number, roots = task
    archive, topic = Archive.opened(file, check=False), topic_named(name)
    contracts, judge = Contracts(archive.schemas), Judge(name, number)
    with OutputLog(outputs, name, number) as log:
        for recorded, own in merged(archive, topic, number, roots):
            if own is not None:
                log.append(own)
            if recorded is own:
                continue
            if own is None:
                judge.not_made(recorded.offset if recorded else -1, "the service does not say it")
            elif recorded is None:
                judge.not_recorded(own.offset, own.key, own.value or b"")
            else:
                judge.compare_raw(recorded, own, lambda raw: contracts.decode(topic, raw.value))
    return judge.ended()

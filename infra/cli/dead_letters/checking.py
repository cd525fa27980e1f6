"""Whether a letter's record would be taken now: the current schema, the workers' own rules, and attempts left."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from infra.cli.dead_letters.files import Line
from infra.cli.dead_letters.letters import Letter
from infra.cli.preparing import CHECKS, Preparer, Refused
from infra.cli.rows import Row
from topics.catalogue import topic_named

MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A letter, and the key and fields to publish it with; `values` None if there are none."""

    number: int
    letter: Letter
    key: bytes | None
    values: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A record that would be taken: the letter, its key and its value under the current schema."""

    number: int
    letter: Letter
    key: bytes | None
    value: bytes

    @property
    def edited(self) -> bool:
        """Whether key or value differ from those that were refused."""
        return self.key != self.letter.letter.key or self.value != self.letter.letter.value

    @property
    def partition(self) -> int | None:
        """Its old partition while the key is the old one, whoever placed it; None lets the new key decide."""
        return self.letter.letter.partition if self.key == self.letter.letter.key else None


def candidates_of(letters: Sequence[Letter]) -> list[Candidate]:
    """Letters as they are, to be put back unedited."""
    return [
        Candidate(
            number=number,
            letter=one,
            key=one.letter.key,
            values=None if one.record is None else asdict(one.record),
        )
        for number, one in enumerate(letters, start=1)
    ]


def joined(
    lines: Sequence[Line], letters: Mapping[tuple[str, int, int], Letter]
) -> tuple[list[Candidate], list[Refused]]:
    """Lines of a file with the letters they are about; refused where the topic no longer keeps the letter."""
    candidates, lost = [], []
    for line in lines:
        topic, partition, offset = line.place
        letter = letters.get((topic.name, partition, offset))
        if letter is None:
            sentence = f"{topic.name} {partition}@{offset} is no longer kept, so its headers and attempts are not known"
            lost.append(Refused(line.number, "", "letter-kept", sentence))
        else:
            candidates.append(Candidate(number=line.number, letter=letter, key=line.key, values=line.values))
    return candidates, lost


def check(
    candidates: Sequence[Candidate], schema_ids: Mapping[str, int], *, most_attempts: int = MOST_ATTEMPTS
) -> tuple[list[Checked], list[Refused]]:
    """Those that would be taken now and those that would not, with field, rule and sentence."""
    refused = [found for one in candidates if (found := _hopeless(one, most_attempts)) is not None]
    out = {one.line for one in refused}
    ready: list[Checked] = []
    rest = [one for one in candidates if one.number not in out]
    for name in sorted({one.letter.letter.topic for one in rest}):
        of_topic = {one.number: one for one in rest if one.letter.letter.topic == name}
        rows = [Row(number, dict(one.values or {})) for number, one in of_topic.items()]
        preparer = Preparer(topic_named(name), schema_ids[name], textual=False)
        good, bad = preparer.prepare(rows, {number: one.key for number, one in of_topic.items()})
        refused += bad
        ready += [
            Checked(number=row.line, letter=of_topic[row.line].letter, key=of_topic[row.line].key, value=row.value)
            for row in good
        ]
    return sorted(ready, key=lambda one: one.number), sorted(refused)


def _hopeless(one: Candidate, most_attempts: int) -> Refused | None:
    """Why it is not even tried."""
    told = one.letter.letter
    if told.topic not in CHECKS:
        said = f"{told.topic} is written by its service, which says it again: only outside events are redriven"
        return Refused(one.number, "", "outside-event", said)
    if told.attempt >= most_attempts:
        said = f"it was refused at attempt {told.attempt} of at most {most_attempts}: mend its sender"
        return Refused(one.number, "", "attempts-left", said)
    if one.values is None:
        why = one.letter.problem or "it has no record"
        said = f"its value cannot be decoded ({why}): export it and write its fields into `record`"
        return Refused(one.number, "", "value-decodable", said)
    return None

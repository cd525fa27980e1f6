"""Whether what was made again is what was recorded: key and value bytes of each topic's effective log."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from replay.records import Raw
from topics.catalogue import Topic

NUMERIC = ("_hundredths", "_minor", "_milli", "_micro", "_s", "_ms", "_m", "_before", "_after")
NAMING = frozenset({"cells", "zones", "products", "reason_at", "reason_code"})
"""Columns that say what the numbers beside them are of, or which rule moved them."""
TOLD = 20
UNREADABLE = "what was recorded cannot be read"
ONE_MORE = "one more was made here than was recorded"
_SUMMED = (
    "records",
    "decisions_differ",
    "numbers_differ",
    "not_made",
    "not_held",
    "not_recorded",
    "repeats",
    "zombies",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A recorded output that cannot be read: what it names to be made of is not known."""

    topic: Topic
    raw: Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One record that differs, where it stands, and in which fields; `problem` says why it was not made at all."""

    topic: str
    partition: int
    offset: int
    fields: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass(slots=True, kw_only=True)
class TopicVerdict:
    """One topic: `records` compared, how many differ in a decision or in numbers only, and how many were passed over.

    `not_held` name inputs older than all that is held: of them nothing can be said. `not_recorded` were made and stand
    nowhere; `repeats` were answered before, `zombies` written by a worker that had lost the partition. `differences`
    holds the first few. `sha256` is of what was made again, partition by partition.
    """

    topic: str
    records: int = 0
    decisions_differ: int = 0
    numbers_differ: int = 0
    not_made: int = 0
    not_held: int = 0
    not_recorded: int = 0
    repeats: int = 0
    zombies: int = 0
    sha256: str = ""
    first_not_held: str = ""
    by_field: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def differ(self) -> int:
        """Records that differ in any way."""
        return self.decisions_differ + self.numbers_differ + self.not_made + self.not_recorded

    @property
    def first_not_made(self) -> str:
        """The first output told that could not be made again, where it stands and why; empty if none is told."""
        lacking = (one for one in self.differences if one.problem not in {"", ONE_MORE})
        return next((f"{one.topic} {one.partition}@{one.offset}: {one.problem}" for one in lacking), "")

    def add(self, other: "TopicVerdict") -> None:
        """Take in the verdict on the next partition."""
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, times in other.by_field.items():
            self.by_field[name] = self.by_field.get(name, 0) + times
        self.differences = [*self.differences, *other.differences][:TOLD]
        self.first_not_held = self.first_not_held or other.first_not_held
        self.sha256 = hashlib.sha256(f"{self.sha256}{other.sha256}".encode()).hexdigest()

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "differ": self.differ}


class Judge:
    """Compares one partition of one topic, record after record."""

    def __init__(self, topic: str, partition: int) -> None:
        self.verdict = TopicVerdict(topic=topic)
        self._partition = partition
        self._digest = hashlib.sha256()

    def compare(self, raw: Raw, key: bytes | None, value: bytes, records: tuple[Any, Any]) -> bool:
        """Compare a recorded record with its own key and value; `records` are both decoded, recorded first."""
        verdict = self.verdict
        verdict.records += 1
        self._hash(key, value)
        if (raw.key, raw.value) == (key, value):
            return True
        named = differing(*records) or (["key"] if raw.key != key else ["bytes"])
        if any(is_decision(name, *(getattr(record, name, None) for record in records)) for name in named):
            verdict.decisions_differ += 1
        else:
            verdict.numbers_differ += 1
        for name in named:
            verdict.by_field[name] = verdict.by_field.get(name, 0) + 1
        self._tell(raw.offset, named, "")
        return False

    def compare_raw(self, raw: Raw, own: Raw, decode: Callable[[Raw], Any]) -> bool:
        """Compare two records that are decoded only if they differ."""
        same = (raw.key, raw.value) == (own.key, own.value)
        records = (None, None) if same else (decode(raw), decode(own))
        return self.compare(raw, own.key, own.value or b"", records)

    def not_made(self, offset: int, problem: str) -> None:
        """Note a record that could not be made again."""
        self.verdict.records += 1
        self.verdict.not_made += 1
        self._tell(offset, [], problem)

    def not_held(self, offset: int, problem: str) -> None:
        """Note a record that names what is older than all that is held."""
        verdict = self.verdict
        verdict.records += 1
        verdict.not_held += 1
        verdict.first_not_held = verdict.first_not_held or f"{verdict.topic} {self._partition}@{offset}: {problem}"

    def unread(self, offset: int) -> None:
        """Note a recorded output that cannot be read: a service would not have written it."""
        self.not_made(offset, UNREADABLE)

    def not_recorded(self, offset: int, key: bytes | None, value: bytes) -> None:
        """Note a record that was made and stands nowhere; `offset` is the one it follows."""
        self.verdict.not_recorded += 1
        self._hash(key, value)
        self._tell(offset, [], ONE_MORE)

    def ended(self) -> TopicVerdict:
        """The verdict, with its hash."""
        self.verdict.sha256 = self._digest.hexdigest()
        return self.verdict

    def _hash(self, key: bytes | None, value: bytes) -> None:
        for part in (key or b"", value):
            self._digest.update(len(part).to_bytes(4, "big"))
            self._digest.update(part)

    def _tell(self, offset: int, named: list[str], problem: str) -> None:
        if len(self.verdict.differences) < TOLD:
            self.verdict.differences.append(
                Difference(
                    topic=self.verdict.topic, partition=self._partition, offset=offset, fields=named, problem=problem
                )
            )


def differing(recorded: Any, own: Any) -> list[str]:  # noqa: ANN401  two records of one topic
    """Fields in which two records of one class differ."""
    return [one.name for one in fields(recorded) if getattr(recorded, one.name) != getattr(own, one.name)]


def is_decision(name: str, recorded: Any, own: Any) -> bool:  # noqa: ANN401  values of a field
    """Whether a field that differs says what was decided rather than how much: units stand in the names of numbers.

    Lines and reasons decide by their codes, in order. As many whole numbers as before only moved, unless they name
    what others are of.

    >>> is_decision("outcome", "PRICED", "REFUSED"), is_decision("amount_minor", 900, 950)
    (True, False)
    >>> is_decision("cells", [5, 6], [5, 7]), is_decision("idle", [1, 2], [1, 3]), is_decision("idle", [1, 2], [1])
    (True, False, True)
    """
    if name.endswith(NUMERIC):
        return False
    if not (isinstance(recorded, list) and isinstance(own, list)):
        return True
    values = [*recorded, *own]
    if all(hasattr(one, "code") for one in values):
        return [one.code for one in recorded] != [one.code for one in own]
    return name in NAMING or len(recorded) != len(own) or not all(isinstance(one, int) for one in values)

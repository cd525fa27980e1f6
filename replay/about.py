"""What a recording says of itself: `about.json`, sealed by a hash of all it says.

    {"format": "faretide-replay/2", "from_ms": …, "parts": […], "sha256": {member: hash, …}, …, "about_sha256": hash}

What is expected rests on the span and zones as much as on any record: were they free to change, a recording could be
narrowed to the outputs that come out the same. The hash is of the document without its hash, as JSON without spaces
whose names are in order, so the layout of the file does not matter. It tells damage and hasty changes, not forgery.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from topics.catalogue import Topic

FORMAT = "faretide-replay/2"
HASH = "about_sha256"
# Fields that are left out where they say nothing.
_SPARED = frozenset({"partitions", "events_from_ms"})
_OF_THE_FILE = frozenset({"format", "sha256", HASH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One partition in the file: `records` of offsets in [first, end), a few left out where nothing rests on them."""

    topic: str
    partition: int
    first: int
    end: int
    records: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the file is; `code` copied it, as `code_version` names code.

    Outputs appended in [from_ms, to_ms) are expected; what was appended before warms up. `zones` empty means all.
    `pseudonymised` says that ids were replaced. A file from whose events counts can be made says how many `partitions`
    each topic has, and the append time from which every event of a topic is held.
    """

    code: str
    from_ms: int
    to_ms: int
    zones: list[int] = field(default_factory=list)
    quote_id: str = ""
    pseudonymised: bool = False
    partitions: dict[str, int] = field(default_factory=dict)
    events_from_ms: dict[str, int] = field(default_factory=dict)
    parts: list[Held] = field(default_factory=list)

    def numbers(self, topic: str) -> list[int]:
        """Partition numbers the file holds of a topic."""
        return sorted(one.partition for one in self.parts if one.topic == topic)

    def held_from_ms(self, topics: Iterable[Topic]) -> int:
        """Append time from which every event of these topics is held."""
        return max(self.events_from_ms.get(topic.name, 0) for topic in topics)

    def part(self, topic: str, partition: int) -> Held | None:
        """What it holds of one partition."""
        return next((one for one in self.parts if (one.topic, one.partition) == (topic, partition)), None)

    def is_older(self, topic: str, partition: int, offset: int) -> bool:
        """Whether that offset lies before all that the file holds of the partition."""
        part = self.part(topic, partition)
        return part is not None and 0 <= offset < part.first


def member_of(topic: str, partition: int) -> str:
    """Name of the member that holds a partition."""
    return f"topics/{topic}/{partition}"


def document_of(about: About, members: Mapping[str, str]) -> bytes:
    """`about.json`, sealed; `members` are the hashes of the other members by name."""
    said = {name: value for name, value in asdict(about).items() if value or name not in _SPARED}
    document = {"format": FORMAT, **said, "sha256": dict(members)}
    return json.dumps({**document, HASH: hash_of(document)}, indent=1, sort_keys=True).encode()


def hash_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of what the document says, its own hash apart.

    >>> hash_of({"b": 1, "a": [2]}) == hash_of({"a": [2], "b": 1, HASH: "any"})
    True
    """
    said = {name: value for name, value in document.items() if name != HASH}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def about_of(document: Mapping[str, Any]) -> About:
    """What a sealed document says.

    Raises ValueError, in a sentence, if it is not what its hash says, or says what cannot be.
    """
    found = hash_of(document)
    if document.get(HASH) != found:
        raise ValueError(f"about.json hashes to {found}, it says {document.get(HASH)!r}")
    said = {name: value for name, value in document.items() if name not in _OF_THE_FILE}
    about = About(**(_typed(About, said, "about.json") | {"parts": [_part(one) for one in said["parts"]]}))
    if about.from_ms >= about.to_ms:
        raise ValueError(f"from_ms must be before to_ms, got {about.from_ms} and {about.to_ms}")
    if not about.parts:
        raise ValueError("parts must name at least one partition, got none")
    members = document.get("sha256")
    if not isinstance(members, dict) or not _is_by_name(members, str):
        raise ValueError(f"sha256 must be hashes by name, got {members!r:.40}")
    if {name for name in members if name.startswith("topics/")} != {
        member_of(one.topic, one.partition) for one in about.parts
    }:
        raise ValueError("sha256 must give the hash of every partition in parts, and of no other")
    return about


def _part(said: Any) -> Held:  # noqa: ANN401  anything JSON holds
    if not isinstance(said, dict):
        raise ValueError(f"parts must be objects, got {said!r}")  # noqa: TRY004  all of one kind: what cannot be
    return Held(**_typed(Held, said, "a part"))


def _typed(of: type[About | Held], said: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields `said`, if they are those of the class, each of its kind."""
    kinds = {one.name: _KINDS[one.type] for one in fields(of)}
    absent = sorted(kinds.keys() - said.keys() - _SPARED)
    unknown = sorted(said.keys() - kinds.keys())
    if absent or unknown:
        what = f"lacks {', '.join(absent)}" if absent else f"has {', '.join(unknown)}, which this version does not know"
        raise ValueError(f"{where} {what}")
    for name, value in said.items():
        is_so, kind = kinds[name]
        if not is_so(value):
            raise ValueError(f"{name} must be {kind}, got {value!r}")
    return dict(said)


def _is_whole(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_by_name(value: object, of: type[int | str]) -> bool:
    return isinstance(value, dict) and all(type(one) is of for one in value.values())


_KINDS: Mapping[Any, tuple[Callable[[Any], bool], str]] = {
    str: (lambda value: isinstance(value, str), "text"),
    int: (_is_whole, "a whole number of 0 or more"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    list[int]: (lambda value: isinstance(value, list) and all(map(_is_whole, value)), "a list of whole numbers"),
    dict[str, int]: (lambda value: _is_by_name(value, int), "whole numbers by name"),
    list[Held]: (lambda value: isinstance(value, list), "a list"),
}

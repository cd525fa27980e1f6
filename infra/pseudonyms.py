"""Names that stand for people in logs: the same for the same id, and nothing for whoever lacks the key.

An id is data about a person. Logs are copied, kept and read more widely than topics, so they carry a keyed hash
instead: lines about one rider can still be followed, and who has the key (FARETIDE_LOG_KEY) can find the lines of a
rider who asks. Topics, dead letters first of all, keep the ids as they were sent.
"""

import re
import secrets
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

ID_FIELDS = frozenset({"driver_id", "rider_id", "request_id", "quote_id", "ride_id", "event_id", "decision_id", "key"})
_QUOTED = re.compile(
    r"(?:\b(?:driver|rider|request|quote|ride|event|decision)_id|\bgot|\bkey)[ =:]+b?'([^']*)'"
    r"|(?:\b(?:driver|rider|request|quote|ride|event|decision)_id|\bgot|\bkey)[ =:]+b?\"([^\"]*)\""
)


class Pseudonyms:
    """Hides ids under one key; without one, under a new key that nobody knows.

    >>> names = Pseudonyms("key")
    >>> names.name("ann") == names.name(b"ann"), names.name("ann") == Pseudonyms("other").name("ann")
    (True, False)
    >>> "ann" in names.in_text("key must be rider_id 'ann', got 'bob'")
    False
    """

    def __init__(self, key: str = "") -> None:
        # blake2b takes keys of at most 64 bytes
        self._key = blake2b(key.encode() or secrets.token_bytes(32), digest_size=32).digest()

    def name(self, identity: str | bytes) -> str:
        """The pseudonym of one id; nothing stays nothing."""
        raw = identity.encode() if isinstance(identity, str) else identity
        return "~" + blake2b(raw, key=self._key, digest_size=5).hexdigest() if raw else ""

    def in_text(self, text: str) -> str:
        """`text` with what an error quotes of an id, or as what it got, replaced by pseudonyms."""

        def hide(found: re.Match[str]) -> str:
            quoted = found[1] if found[1] is not None else found[2]
            return found[0].replace(quoted, self.name(quoted)) if quoted else found[0]

        return _QUOTED.sub(hide, text)

    def in_fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """`fields` of a log line with ids replaced, by their names and inside text; nested ones, too."""
        return {name: self._in_value(name, value) for name, value in fields.items()}

    def _in_value(self, name: str, value: Any) -> Any:  # noqa: ANN401  whatever a line carries
        if isinstance(value, Mapping):
            return self.in_fields(value)
        if isinstance(value, list | tuple):
            return [self._in_value(name, inner) for inner in value]
        if name in ID_FIELDS and isinstance(value, str | bytes):
            return self.name(value)
        return self.in_text(value) if isinstance(value, str) else value

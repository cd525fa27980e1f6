"""What a viewer is shown in place of people: stable names that lead nowhere, and places no finer than a cell.

A name is a keyed hash, so the same rider reads the same everywhere on the page, and nobody without the key can find out
who it is by trying ids. The key lives as long as the server.
"""

import secrets
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

ID_FIELDS = frozenset(
    {"driver_id", "rider_id", "request_id", "quote_id", "ride_id", "decision_id", "event_id", "id", "key", "ce_id"}
)
PLACE_FIELDS = frozenset({"lat", "lon", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon"})
SEALED_FIELDS = frozenset({"raw", "sentence", "traceparent"})
"""May quote a record's content; a viewer is shown that there is something, not what."""
LETTER_FIELDS = frozenset({"error_class", "value", "headers"})
"""By these a dead letter is known: elsewhere a `value` is a number."""
PLACE_DIGITS = 2
SEALED = "for operators only"


class Pseudonyms:
    """Hides people in anything JSON can say, by the names of fields.

    >>> hidden = Pseudonyms(b"key").hide({"rider_id": "ann", "pickup_lat": 40.75801, "amount_minor": 1250})
    >>> hidden["rider_id"].startswith("~"), hidden["pickup_lat"], hidden["amount_minor"]
    (True, 40.76, 1250)
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def name(self, identity: str) -> str:
        """The pseudonym of one id; nothing stays nothing."""
        if not identity:
            return identity
        return "~" + blake2b(identity.encode(), key=self._key, digest_size=5).hexdigest()

    def hide(self, value: Any) -> Any:  # noqa: ANN401  anything JSON can say
        """A copy of `value` in which no id, no exact place and no raw content is left."""
        if isinstance(value, Mapping) and value.keys() >= LETTER_FIELDS:
            return self._hide_letter(value)
        if isinstance(value, Mapping):
            return {name: self._hide_field(str(name), inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide(inner) for inner in value]
        return value

    def _hide_letter(self, letter: Mapping[str, Any]) -> dict[str, Any]:
        """A dead letter without what was refused: its bytes hold anything, ids among it."""
        sealed = {
            "value": None if letter["value"] is None else SEALED,
            "headers": [{"name": header["name"], "value": SEALED} for header in letter["headers"]],
        }
        return {
            name: sealed[name] if name in sealed else self._hide_field(name, inner) for name, inner in letter.items()
        }

    def _hide_field(self, name: str, value: Any) -> Any:  # noqa: ANN401  as above
        if value is None:
            return None
        if name in SEALED_FIELDS:
            return SEALED
        if name in ID_FIELDS and isinstance(value, str):
            return self.name(value)
        if name in PLACE_FIELDS and isinstance(value, float):
            return round(value, PLACE_DIGITS)
        return self.hide(value)

"""A dead letter on its way back into its topic: what stays as it was, and what is written beside it.

    record ─x─> dead letter, attempt 1 ─redrive─> record, attempt 2 ─x─> dead letter, attempt 2 ─redrive─> …

Key, value and headers stay. The broker stamps its own append time on whatever it appends, so the first one travels in a
header; event time stands in the record and is untouched. Attempts are counted in a header, and whoever refuses the
record again writes that count into the new letter.
"""

from collections.abc import Iterable

from topics.ledger import DeadLettered

ATTEMPT = "faretide_attempt"
REDRIVE_ID = "faretide_redrive_id"
FIRST_APPENDED = "faretide_first_appended_ms"
_OURS = frozenset({ATTEMPT, REDRIVE_ID})
MOST_DIGITS = 9
"""Anybody may write the header: a longer number is none of ours, and would not fit into the letter's `attempt`."""

Headers = list[tuple[str, bytes | None]]


def attempt_of(headers: Iterable[tuple[str, bytes | None]]) -> int:
    """The how many-eth attempt the record is; 1 unless a redrive says otherwise.

    >>> attempt_of([("a", b"x"), (ATTEMPT, b"3")]), attempt_of([]), attempt_of([(ATTEMPT, b"many")])
    (3, 1, 1)
    """
    said = next((value for name, value in headers if name == ATTEMPT), None) or b""
    return max(1, int(said)) if said.isdigit() and len(said) <= MOST_DIGITS else 1


def redriven_headers(letter: DeadLettered, redrive_id: str) -> Headers:
    """Headers of the letter's record on its next attempt: its own in order, then attempt, redrive and first append."""
    kept: Headers = [(header.name, header.value) for header in letter.headers if header.name not in _OURS]
    if all(name != FIRST_APPENDED for name, _ in kept):
        kept.append((FIRST_APPENDED, str(letter.timestamp_ms).encode()))
    return [*kept, (ATTEMPT, str(letter.attempt + 1).encode()), (REDRIVE_ID, redrive_id.encode())]

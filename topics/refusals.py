"""Why a record is refused: one vocabulary for values that cannot be decoded and values that break a rule."""

from enum import StrEnum
from typing import NamedTuple, Protocol


class ErrorClass(StrEnum):
    """The few kinds of refusal a dead letter can carry."""

    UNDECODABLE = "Undecodable"
    UNKNOWN_SCHEMA = "UnknownSchema"
    INVALID_FIELD = "InvalidField"
    INVALID_KEY = "InvalidKey"


class Refusal(Protocol):
    """Anything that says why a record is refused: `field` is empty if the whole record is at fault."""

    @property
    def error_class(self) -> str:
        """One of `ErrorClass`."""

    @property
    def field(self) -> str:
        """Name of the field at fault; empty if the whole record is."""

    @property
    def rule(self) -> str:
        """Kebab-case name of the rule broken."""

    @property
    def sentence(self) -> str:
        """What is wrong, for people."""


class BadRow(NamedTuple):
    """One refused record of a chunk; `row` is its position among the values the chunk was decoded from."""

    row: int
    error_class: str
    field: str
    rule: str
    sentence: str


class Undecodable(ValueError):  # noqa: N818 - named for what the value is, as dead letters name it
    """A single value that cannot be read as a record of its topic."""

    def __init__(self, error_class: str, field: str, rule: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error_class, self.field, self.rule, self.sentence = error_class, field, rule, sentence


# Outcomes of the compiled readers. They are array values, hence plain integers.
OK, NULL_VALUE, NO_FRAME, SCHEMA_UNKNOWN, MISMATCH, NOT_UTF8, NO_SYMBOL, TRAILING, UNRESOLVED, BROKEN_RECORD = range(10)

_SAYS: dict[int, tuple[ErrorClass, str, str]] = {
    NULL_VALUE: (ErrorClass.UNDECODABLE, "value-present", "the value is null; this topic has no tombstones"),
    NO_FRAME: (
        ErrorClass.UNDECODABLE,
        "confluent-frame",
        "the value does not start with a zero byte and a four-byte schema id",
    ),
    SCHEMA_UNKNOWN: (ErrorClass.UNKNOWN_SCHEMA, "schema-known", "the registry knows no schema of this id"),
    MISMATCH: (ErrorClass.UNDECODABLE, "matches-schema", "the bytes do not follow the schema they name"),
    NOT_UTF8: (ErrorClass.UNDECODABLE, "text-is-utf-8", "the text is not UTF-8"),
    NO_SYMBOL: (ErrorClass.UNDECODABLE, "enum-known", "the symbol is not known here and has no default"),
    TRAILING: (ErrorClass.UNDECODABLE, "no-trailing-bytes", "bytes follow the end of the record"),
    UNRESOLVED: (
        ErrorClass.UNDECODABLE,
        "schema-compatible",
        "a record of this schema cannot be read as the current one",
    ),
    BROKEN_RECORD: (
        ErrorClass.UNDECODABLE,
        "kafka-record",
        "the bytes do not follow Kafka's record format; all of them are kept as the value",
    ),
}


def bad_row(row: int, status: int, field: str) -> BadRow:
    """The refusal a compiled reader means by `status` (not OK) at `field`.

    >>> bad_row(3, MISMATCH, "lat").sentence
    'lat: the bytes do not follow the schema they name'
    """
    error_class, rule, sentence = _SAYS[status]
    return BadRow(row, error_class, field, rule, f"{field}: {sentence}" if field else sentence)


def undecodable(status: int, field: str) -> Undecodable:
    """The same refusal as `bad_row`, for a value decoded alone."""
    return Undecodable(*bad_row(0, status, field)[1:])

"""Remove one person from the recorder's tables.

    rider     their quotes, decisions, ride events and dead letters are deleted
    driver    their name is taken out of the ride events, which are the riders'; their dead letters are deleted

A row is a person's if a column or its key is their id. Of what was refused or cannot be read the bytes are looked
through as well: an id stands there behind its length, as Avro writes it, or in quotes, as JSON does. Without these
`rider-1` would be found in `rider-10`. Of redrives the record is emptied and the audit kept: who did it, when and why.
"""

from typing import Any, Literal

Person = Literal["rider", "driver"]


def _holds(column: str) -> str:
    """Whether bytes hold the id, $1, as Avro writes it, $2, or as JSON does, $3."""
    return f"position($2 IN coalesce({column}, '')) > 0 OR position($3 IN coalesce({column}, '')) > 0"


# Compared as bytes: a text of PostgreSQL's cannot hold every id. The whole table is read in any case.
_UNREADABLE = f"(record IS NULL AND (record_key = $1 OR {_holds('unreadable_value')}))"
_LETTERS = f"source_key = $1 OR {_holds('source_value')} OR {_UNREADABLE}"
_REDRIVES = f"record_key = $1 OR {_holds('value_before')} OR {_holds('value_after')}"
_OF_BOTH = {
    "dead_letters": f"DELETE FROM dead_letters WHERE {_LETTERS}",  # noqa: S608  no outside input
    "redrives": f"UPDATE redrives SET record_key = NULL, value_before = NULL, value_after = '' WHERE {_REDRIVES}",  # noqa: S608
}
_OF_RIDERS = {
    table: f"DELETE FROM {table} WHERE convert_to(rider_id, 'UTF8') = $1 OR {_UNREADABLE}"  # noqa: S608
    for table in ("quotes", "booking_decisions", "ride_events")
}
_OF_DRIVERS = {
    "ride_events": "UPDATE ride_events SET driver_id = NULL, record = jsonb_set(record, '{driver_id}', 'null'), "  # noqa: S608
    "record_key = nullif(record_key, $1), unreadable_value = NULL "
    f"WHERE convert_to(driver_id, 'UTF8') = $1 OR {_UNREADABLE}",
}
STATEMENTS: dict[Person, dict[str, str]] = {"rider": _OF_RIDERS | _OF_BOTH, "driver": _OF_DRIVERS | _OF_BOTH}


def forms_of(identity: str) -> tuple[bytes, bytes, bytes]:
    r"""An id as it stands in a key, in Avro and in JSON.

    >>> forms_of("ann")
    (b'ann', b'\x06ann', b'"ann"')
    """
    plain = identity.encode()
    return plain, _varint(2 * len(plain)) + plain, b'"' + plain + b'"'


def _varint(number: int) -> bytes:
    r"""A number that is not negative in groups of seven bits, the lowest first.

    >>> _varint(127), _varint(128)
    (b'\x7f', b'\x80\x01')
    """
    said = bytearray()
    while number > 127:
        said.append(number & 127 | 128)
        number >>= 7
    return bytes([*said, number])


async def erase(connection: Any, person: Person, identity: str) -> dict[str, int]:  # noqa: ANN401  asyncpg's
    """Remove the person from every table at once or from none; how many rows were touched, by table.

    Raises ValueError for an empty id, which would be everybody's.
    """
    if not identity:
        raise ValueError(f"{person} must be an id, got nothing")
    touched = {}
    async with connection.transaction():
        for table, statement in STATEMENTS[person].items():
            said = await connection.execute(statement, *forms_of(identity))
            touched[table] = int(said.rsplit(" ", 1)[1])
    return touched

"""Remove one person from the recorder's tables.

    rider     their quotes, decisions, ride events and dead letters are deleted
    driver    their name is taken out of the ride events, which are the riders'; their dead letters are deleted

A row is a person's if a column or its key is their id. Of what was refused or cannot be read the bytes are looked
through as well: an id stands there behind its length, as Avro writes it, or in quotes, as JSON does, however it escapes
it. Without these `rider-1` would be found in `rider-10`. Of redrives the record is emptied and the audit kept: who did
it, when and why.
"""

import json
from typing import Any, Literal

Person = Literal["rider", "driver"]


def _holds(column: str) -> str:
    """Whether bytes hold the id, $1, as Avro writes it, $2, or as JSON may, $3."""
    said = f"coalesce({column}, '')"
    in_json = f"EXISTS (SELECT FROM unnest($3::bytea[]) AS form WHERE position(form IN {said}) > 0)"
    return f"position($2 IN {said}) > 0 OR {in_json}"


# An id with a zero character is in no text of PostgreSQL's, only in bytes. The columns stand bare, so that an index on
# them can be used: that on rider_id, which has the default collation, and that on the rows without a record.
_ID = r"""CASE WHEN position('\x00'::bytea IN $1) = 0 THEN convert_from($1, 'UTF8') COLLATE "default" END"""
_UNREADABLE = f"(record IS NULL AND (record_key = $1 OR {_holds('unreadable_value')}))"
_LETTERS = f"source_key = $1 OR {_holds('source_value')} OR {_UNREADABLE}"
_REDRIVES = f"record_key = $1 OR {_holds('value_before')} OR {_holds('value_after')}"
_OF_BOTH = {
    "dead_letters": f"DELETE FROM dead_letters WHERE {_LETTERS}",  # noqa: S608  no outside input
    "redrives": f"UPDATE redrives SET record_key = NULL, value_before = NULL, value_after = '' WHERE {_REDRIVES}",  # noqa: S608
}
_OF_RIDERS = {
    table: f"DELETE FROM {table} WHERE rider_id = {_ID} OR {_UNREADABLE}"  # noqa: S608
    for table in ("quotes", "booking_decisions", "ride_events")
}
_OF_DRIVERS = {
    "ride_events": "UPDATE ride_events SET driver_id = NULL, record = jsonb_set(record, '{driver_id}', 'null'), "  # noqa: S608
    "record_key = nullif(record_key, $1), unreadable_value = NULL "
    f"WHERE driver_id = {_ID} OR {_UNREADABLE}",
}
STATEMENTS: dict[Person, dict[str, str]] = {"rider": _OF_RIDERS | _OF_BOTH, "driver": _OF_DRIVERS | _OF_BOTH}


def forms_of(identity: str) -> tuple[bytes, bytes, list[bytes]]:
    r"""An id as it stands in a key, in Avro and, in each way to write it, in JSON.

    >>> forms_of("ann")
    (b'ann', b'\x06ann', [b'"ann"'])
    """
    plain = identity.encode()
    return plain, _varint(2 * len(plain)) + plain, _in_json(identity)


def _in_json(identity: str) -> list[bytes]:
    r"""An id in quotes, with what must be escaped and what may be, hexadecimal digits small or large.

    >>> _in_json("zoë")
    [b'"zo\\u00EB"', b'"zo\\u00eb"', b'"zo\xc3\xab"']
    """
    small = json.dumps(identity)
    signs = [json.dumps(sign)[1:-1] for sign in identity]
    large = "".join(sign.upper().replace("\\U", "\\u") if sign.startswith("\\u") else sign for sign in signs)
    ways = {json.dumps(identity, ensure_ascii=False), small, f'"{large}"'}
    return sorted(way.encode() for way in ways | {way.replace("/", "\\/") for way in ways})


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

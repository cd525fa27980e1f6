"""Remove one person from the recorder's tables.

    rider     their quotes, decisions, ride events and dead letters are deleted
    driver    their name is taken out of the ride events, which are the riders'; their dead letters are deleted

A dead letter is a person's if its key is their id, or if its bytes hold it: what was refused may be broken in any way.
Of redrives the record is emptied and the audit kept: who did it, when and why.
"""

from typing import Any, Literal

Person = Literal["rider", "driver"]

_LETTERS = "(source_key = $1 OR position($1 IN coalesce(source_value, '')) > 0)"
_REDRIVES = "(record_key = $1 OR position($1 IN coalesce(value_before, '')) > 0 OR position($1 IN value_after) > 0)"
_OF_BOTH = {
    "dead_letters": f"DELETE FROM dead_letters WHERE {_LETTERS}",  # noqa: S608  no outside input
    "redrives": f"UPDATE redrives SET record_key = NULL, value_before = NULL, value_after = '' WHERE {_REDRIVES}",  # noqa: S608
}
_OF_RIDERS = {
    table: f"DELETE FROM {table} WHERE rider_id = convert_from($1, 'UTF8')"  # noqa: S608
    for table in ("quotes", "booking_decisions", "ride_events")
}
_OF_DRIVERS = {
    "ride_events": "UPDATE ride_events SET driver_id = NULL, record = jsonb_set(record, '{driver_id}', 'null') "
    "WHERE driver_id = convert_from($1, 'UTF8')",
}
STATEMENTS: dict[Person, dict[str, str]] = {"rider": _OF_RIDERS | _OF_BOTH, "driver": _OF_DRIVERS | _OF_BOTH}


async def erase(connection: Any, person: Person, identity: str) -> dict[str, int]:  # noqa: ANN401  asyncpg's
    """Remove the person from every table at once or from none; how many rows were touched, by table.

    Raises ValueError for an empty id, which would be everybody's.
    """
    if not identity:
        raise ValueError(f"{person} must be an id, got nothing")
    touched = {}
    async with connection.transaction():
        for table, statement in STATEMENTS[person].items():
            said = await connection.execute(statement, identity.encode())
            touched[table] = int(said.rsplit(" ", 1)[1])
    return touched

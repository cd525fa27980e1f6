"""What is in the recorder's tables."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from infra.migrations.partitions import TABLES, existing


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContents:
    """One table: its rows, bytes on disk with indexes, and the days it has partitions for, ascending."""

    table: str
    rows: int
    bytes: int
    days: list[date]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionContents:
    """What of one partition of a topic is kept: `last_offset` is the highest."""

    topic: str
    partition: int
    rows: int
    last_offset: int


async def contents(connection: Any) -> tuple[list[TableContents], list[PartitionContents]]:  # noqa: ANN401  asyncpg's
    """Every table, and every partition of a topic that has rows. Counts them, so it takes time where there are many."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        parts = await existing(connection)
        tables, kept = [], []
        for table in TABLES:
            found = await connection.fetch(
                f"SELECT topic, partition, count(*) AS rows, max(record_offset) AS last_offset FROM {table} "  # noqa: S608  ours
                "GROUP BY topic, partition ORDER BY topic, partition"
            )
            kept += [PartitionContents(**row) for row in found]
            names = [part.name for part in parts if part.table == table]
            size = await connection.fetchval(
                "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint "
                "FROM unnest($1::text[]) AS name",
                names,
            )
            days = [part.day for part in parts if part.table == table]
            tables.append(TableContents(table=table, rows=sum(row["rows"] for row in found), bytes=size, days=days))
    return tables, kept

"""How far a worker's reading is, as the watchdog's thread sees it: the `Progress` of `supervision`.

Before the first epoch progress is what tables read back, then it is batches acknowledged. A partition that is held or
parked has nothing to do. It is asked while the event loop goes on or is blocked: so it only looks, and copies what may
grow meanwhile.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from faust.types import TP

from agents.runtime.fencing import Member

if TYPE_CHECKING:
    from agents.runtime.app import WorkerApp


class ReadingProgress:
    """The progress of one worker."""

    def __init__(self, app: "WorkerApp") -> None:
        self._app = app

    def acknowledged(self) -> int:
        """Batches acknowledged so far; before the first epoch, offsets of tables read back."""
        reader = self._app._reader
        return reader.acknowledged if reader.epoch is not None else self._restored()

    def _restored(self) -> int:
        """How far the logs of tables were read: a long log is no stall while it moves."""
        tables: Any = self._app.tables
        read: Mapping[TP, int | None] = tables.recovery.active_offsets
        return sum(offset or 0 for offset in [*read.values()])

    def behind(self) -> bool:
        """Whether a batch is not acknowledged, or a partition that is not held has records left."""
        reader = self._app._reader
        if not reader.has_begun:  # no epoch yet, or agents not told of it: a table not restored, a start that hangs
            return bool(reader.assignment())
        blocked = reader.parking.blocked
        return any(
            delivered.pending or (reader.highwater(tp) or 0) > delivered.position
            for tp, delivered in [*reader.deliveries.items()]
            if tp not in blocked
        )

    def connected(self) -> bool:
        """Whether the group has accepted a heartbeat within the session; true before the first."""
        return Member(self._app._reader, within_s=self._app.settings.session_timeout_s).fresh

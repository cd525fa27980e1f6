"""From boards to clients: at most ten frames a second, encoded once for everyone, slow ones brought back by snapshot.

    boards ──beat──> one encoded delta per board and role ──offer──> each client's outbox ──next_frame──> its socket

A client whose outbox is full has its frames of that board thrown away and gets one snapshot when it reads again: it
skips states, it never sees a wrong one, and it holds at most `MOST_WAITING` frames of memory.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from lineage.access import Role
from lineage.boards import Board, Delta, Value
from lineage.pseudonyms import Pseudonyms

FRAME_EVERY_S = 0.1
MOST_WAITING = 8


@dataclass(slots=True, eq=False)
class Client:
    """One connected page: what it watches, and what it has not been sent yet."""

    role: Role
    watched: set[str] = field(default_factory=set)
    _outbox: deque[tuple[str, bytes]] = field(default_factory=deque)
    _lapsed: set[str] = field(default_factory=set)
    _waiting: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, boards: Iterable[str]) -> None:
        """Watch exactly these boards; each begins with a snapshot, also one watched already."""
        self.watched = set(boards)
        self._outbox.clear()
        self._lapsed = set(self.watched)
        self._waiting.set()

    def offer(self, board: str, frame: bytes) -> None:
        """Take a delta for sending, unless a snapshot is due anyway or too many frames wait."""
        if board not in self.watched or board in self._lapsed:
            return
        if len(self._outbox) >= MOST_WAITING:
            self._outbox = deque(entry for entry in self._outbox if entry[0] != board)
            self._lapsed.add(board)
        else:
            self._outbox.append((board, frame))
        self._waiting.set()

    @property
    def lapsed(self) -> frozenset[str]:
        """Boards whose next frame will be a snapshot."""
        return frozenset(self._lapsed)

    async def next_frame(self, snapshot: Callable[[str, Role], bytes]) -> bytes:
        """The frame to send now, once there is one; `snapshot(board, role)` makes one where it is due."""
        while not self._lapsed and not self._outbox:
            self._waiting.clear()
            await self._waiting.wait()
        if self._lapsed:
            board = min(self._lapsed)
            whole = snapshot(board, self.role)  # while lapsed: the delta it may flush is part of it already
            self._lapsed.discard(board)
            return whole
        return self._outbox.popleft()[1]


class Hub:
    """All boards and all clients of one server."""

    def __init__(self, boards: Iterable[Board], pseudonyms: Pseudonyms, *, clock_ms: Callable[[], int]) -> None:
        self.boards: Mapping[str, Board] = {board.name: board for board in boards}
        self.clients: set[Client] = set()
        self._pseudonyms, self._clock_ms = pseudonyms, clock_ms
        self._snapshots: dict[tuple[str, Role], tuple[int, bytes]] = {}

    def snapshot(self, board: str, role: Role) -> bytes:
        """The whole board as one frame, by the clock of now.

        Its values are encoded once per frame number, however many clients begin together.
        """
        held = self.boards[board]
        self._beat_one(held)
        made = self._snapshots.get((board, role))
        if made is None or made[0] != held.number:
            made = self._snapshots[board, role] = (held.number, self._encode(held.values, role))
        frame = {"board": board, "kind": "snapshot", "number": held.number, "now_ms": self._clock_ms()}
        return orjson.dumps(frame | {"values": orjson.Fragment(made[1])})

    def beat(self) -> None:
        """Offer every client what changed since the last beat."""
        for board in self.boards.values():
            self._beat_one(board)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(FRAME_EVERY_S)
            self.beat()

    def _beat_one(self, board: Board) -> None:
        delta = board.take_delta()
        if delta is None:
            return
        frames: dict[Role, bytes] = {}
        for client in self.clients:
            if board.name in client.watched and board.name not in client.lapsed:
                if client.role not in frames:
                    frames[client.role] = self._delta_frame(board.name, delta, client.role)
                client.offer(board.name, frames[client.role])

    def _delta_frame(self, board: str, delta: Delta, role: Role) -> bytes:
        frame = {"board": board, "kind": "delta", "number": delta.number, "now_ms": self._clock_ms()}
        return self._encode(frame | {"changed": delta.changed, "dropped": delta.dropped}, role)

    def _encode(self, frame: Value, role: Role) -> bytes:
        return orjson.dumps(frame if role is Role.OPERATOR else self._pseudonyms.hide(frame))

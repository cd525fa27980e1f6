"""A dashboard's server without a system behind it: 5,000 cells and 40 nodes that all change ten times a second.

The hub, the protocol, the page and its headers are the real ones; only the values come from a clock instead of topics.
It shows what a page can draw when far more changes than any city of ours makes.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import h3
import uvicorn

from lineage.access import Access
from lineage.boards import Board
from lineage.hub import FRAME_EVERY_S, Hub
from lineage.pseudonyms import Pseudonyms
from lineage.server import make_app

CENTRE = "882a100d67fffff"
RINGS = 41
"""3·41·42 + 1 = 5,167 cells."""
TOPICS, SERVICES = 28, 12


def now_ms() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Values:
    """Writes every value anew at each beat."""

    boards: dict[str, Board]
    cells: list[str] = field(default_factory=lambda: sorted(h3.grid_disk(CENTRE, RINGS)))
    beats: int = 0

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(FRAME_EVERY_S)

    def beat(self) -> None:
        """All cells, zones, nodes and edges get other values."""
        self.beats += 1
        for place, cell in enumerate(self.cells):
            zone, wave = h3.cell_to_parent(cell, 6), (place + 7 * self.beats) % 100
            self.boards["map"].put(f"cell/{cell}", [zone, wave % 9, wave % 5, [100 + wave], [wave], [60 + 5 * wave]])
            self.boards["map"].put(f"zone/{zone}", self._zone())
        for number in range(TOPICS):
            self._topic(f"topic-{number:02}.v1", number)
        for number in range(SERVICES):
            self._service(f"service-{number:02}", number)

    def _zone(self) -> dict[str, Any]:
        told = {"now_ms": now_ms(), "data_age_ms": 5, "market": "nyc", "model": "m@1", "fallback": "", "complete": True}
        return told | {"products": ["standard"]}

    def _topic(self, name: str, number: int) -> None:
        moved = (number * 31 + self.beats * 7) % 400
        node = {"kind": "topic", "name": name, "about": "", "key_is": "", "retention_ms": -1, "rate": moved + 0.1}
        node |= {"records": self.beats * 10, "partitions": [[0, 0, self.beats, moved]], "newest_ms": now_ms()}
        node |= {"event_lag_ms": 5, "sources": [], "badges": []}
        self.boards["lineage"].put(f"node/{name}", node)
        writer, reader = f"service-{number % SERVICES:02}", f"service-{(number * 5 + 1) % SERVICES:02}"
        if writer < reader:
            self._edge(writer, name, moved)
            self._edge(name, reader, moved)

    def _edge(self, start: str, end: str, moved: int) -> None:
        edge = {"from": start, "to": end, "rate": moved, "bytes_rate": moved * 50, "declared": True, "measured": True}
        self.boards["lineage"].put(f"edge/{start}>{end}", edge | {"behind": 0, "behind_ms": 0})

    def _service(self, name: str, number: int) -> None:
        busy = ((number * 17 + self.beats * 3) % 80) / 100
        node = {"kind": "service", "name": name, "workers": [], "busy": busy, "heard_ms": now_ms(), "behind_ms": 0}
        node |= {"behind": 0, "read_rate": busy * 900, "written_rate": busy * 300, "latency_ms": {}, "gauges": {}}
        self.boards["lineage"].put(f"node/{name}", node | {"badges": []})


class Desk:
    """What the server needs of a desk."""

    def __init__(self) -> None:
        boards = [Board(name) for name in ("lineage", "map", "quotes", "losses")]
        self.pseudonyms = Pseudonyms()
        self.hub = Hub(boards, self.pseudonyms, clock_ms=now_ms)
        self.watching = Values(dict(self.hub.boards))
        self.questions = {"marks": self._marks}
        self.operations: dict[str, Any] = {}

    async def _marks(self, _asked: Any) -> list[Any]:
        return []


def main() -> None:
    """Serve on the port given, for whoever has the token `operate`."""
    app = make_app(Desk(), Access(operator_token="operate"))  # type: ignore[arg-type]  a stand-in by hand
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", ws_per_message_deflate=False)


if __name__ == "__main__":
    main()

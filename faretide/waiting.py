"""Who waits for which answer.

Answers to all riders of a partition come by. Their keys are looked at first, so that only those somebody here waits for
are decoded; the correlation id inside then says whose turn it is.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from infra.clients.consumer import Entry


class Waiting:
    """Futures of answers, by record key and correlation id; several may wait for the same one."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, dict[str, set[asyncio.Future[Entry]]]] = {}

    def __len__(self) -> int:
        """How many keys somebody waits for."""
        return len(self._by_key)

    def knows(self, key: bytes | None) -> bool:
        """Whether an answer under this key may be for someone here."""
        return key in self._by_key

    @contextmanager
    def awaited(self, key: bytes, correlation_id: str) -> Iterator[asyncio.Future[Entry]]:
        """A future that the first answer of that id resolves; nothing of it is left when the block ends."""
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        ids = self._by_key.setdefault(key, {})
        ids.setdefault(correlation_id, set()).add(future)
        try:
            yield future
        finally:
            future.cancel()
            ids[correlation_id].discard(future)
            if not ids[correlation_id]:
                del ids[correlation_id]
            if not ids:
                del self._by_key[key]

    def resolve(self, key: bytes, correlation_id: str, entry: Entry) -> None:
        """Give an answer to those who wait for it; later ones of the same id find nobody or change nothing."""
        for future in self._by_key.get(key, {}).get(correlation_id, ()):
            if not future.done():
                future.set_result(entry)

    def fail(self, error: Exception, key: bytes | None = None) -> None:
        """Tell those who wait under `key`, or all, that their answer cannot be read."""
        chosen = self._by_key.values() if key is None else [self._by_key.get(key, {})]
        for future in [future for ids in chosen for futures in ids.values() for future in futures]:
            if not future.done():
                future.set_exception(error)

"""Faust's table manager without its pause.

Faust sleeps a second at each start so that modules which define tables are imported meanwhile. Here all tables are
there before the app starts.
"""

from faust.tables import TableManager


class Tables(TableManager):
    """The tables of one worker."""

    async def on_start(self) -> None:
        """Begin at once."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()

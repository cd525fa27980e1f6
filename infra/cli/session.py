"""What every command that talks to servers begins with."""

import logging
from typing import NamedTuple

from infra.clients.connection import Connection, connect
from infra.logging import configure
from infra.settings import LogLevel, Settings, read_settings


class Session(NamedTuple):
    """The settings of this process and the servers they lead to."""

    settings: Settings
    connection: Connection


def open_session(command: str) -> Session:
    """Read the settings, set up logging, find the servers.

    Libraries are silent unless the level is debug: what they would say reaches the person as one sentence.

    Raises SettingsInvalidError, NothingRunsError.
    """
    settings = quiet_settings(command)
    return Session(settings, connect(settings, client_id=f"faretide-{command}"))


def quiet_settings(command: str) -> Settings:
    """Read the settings and set up logging, for a command that goes on where nothing runs.

    Raises SettingsInvalidError.
    """
    settings = read_settings()
    configure(command, settings.log_format, settings.log_level, pseudonym_key=settings.log_key.get_secret_value())
    if settings.log_level is not LogLevel.DEBUG:
        for name in ("aiokafka", "asyncio", "httpx", "kafka"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    return settings

"""One shape for every log line, whoever wrote it.

    structlog logger ──> bound context ─┐
                                        ├─> level, time, service, exception ──> console or JSON line on stderr
    stdlib logger (faust, aiokafka) ────┘   then ids become pseudonyms (see `pseudonyms`)

Standard output belongs to results, so lines go to standard error. Importing configures nothing: a process calls
`configure` once, before it starts its work. `structlog.get_logger()` gives a logger afterwards.
"""

import logging
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import orjson
import structlog
import structlog.tracebacks
from structlog.typing import EventDict, Processor, WrappedLogger

from infra.pseudonyms import Pseudonyms
from infra.settings import LogFormat, LogLevel

# Libraries that tell at level info what only their authors want to know.
QUIET_LOGGERS: tuple[str, ...] = ("aiokafka", "faust", "mode", "httpx", "httpcore", "asyncio")
# Writes every request at level debug, the one that carries the password among them.
NEVER_DEBUGGED = "aiokafka.conn"

# Without local variables: they may hold secrets and ids, and make a traceback unreadable.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(
    service: str,
    log_format: LogFormat = LogFormat.AUTO,
    level: LogLevel = LogLevel.INFO,
    *,
    pseudonym_key: str = "",
    stream: TextIO | None = None,
) -> None:
    """Send every log line of this process to `stream` (standard error), each naming `service`.

    Ids in them become pseudonyms under `pseudonym_key`, or under a key of this process's own if it is empty. Libraries
    are heard from warnings on, or from debug on if `level` is DEBUG. Calling it again replaces what was.
    """
    target = stream if stream is not None else sys.stderr
    as_console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and target.isatty())
    shared = _shared_processors(service)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderers = _renderers(Pseudonyms(pseudonym_key), as_console=as_console, colours=target.isatty())
    _route_stdlib(target, level, shared, renderers)


def _shared_processors(service: str) -> list[Processor]:
    """What happens to every line before it is written."""

    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        name_service,
    ]


def _renderers(names: Pseudonyms, *, as_console: bool, colours: bool) -> list[Processor]:
    """How a finished line becomes text. Tracebacks come first: they may quote an id."""

    def hide_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return names.in_fields(event)

    if as_console:
        # The renderer's own tracebacks show local variables.
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)
        return [structlog.processors.format_exc_info, hide_ids, renderer]
    return [_TRACEBACKS, hide_ids, structlog.processors.JSONRenderer(serializer=_to_json)]


def _to_json(event: EventDict, **_options: Any) -> str:  # noqa: ANN401  what structlog hands to a serializer
    """One line of JSON; values JSON has no word for are printed."""
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


def _route_stdlib(stream: TextIO, level: LogLevel, shared: Sequence[Processor], renderers: Sequence[Processor]) -> None:
    """Make the standard library's loggers write through the same processors."""
    # filter_by_level needs the logger that made the line, which a foreign line has lost; its own level filtered it.
    foreign = [step for step in shared if step is not structlog.stdlib.filter_by_level]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=foreign,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET_LOGGERS:
        quiet = logging.getLogger(name)
        quiet.handlers, quiet.propagate = [], True
        quiet.setLevel(logging.DEBUG if level is LogLevel.DEBUG else max(logging.WARNING, root.level))
    conversations = logging.getLogger(NEVER_DEBUGGED)
    conversations.setLevel(max(logging.INFO, logging.getLogger("aiokafka").level))

"""Exit codes: what a script may rely on. `docs/cli.md` is made from this table."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    UNREACHABLE = 4
    REFUSED = 5
    EXPIRED = 6
    NO_ANSWER = 7
    AGENT_FAILED = 70
    REPLACED = 75
    STALLED = 76
    DENIED = 77
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "not done, or a check found a difference; the sentence on standard error says what",
    ExitCode.USAGE: "the command or a setting is wrong; nothing was tried",
    ExitCode.PARTIAL: (
        "done in part: some rows were refused, each named on standard error, and the others published; or nothing "
        "differs of a recording, but some outputs name inputs that it does not hold"
    ),
    ExitCode.UNREACHABLE: "a server does not answer, or nothing runs here; trying again later may work",
    ExitCode.REFUSED: "the quote request was refused",
    ExitCode.EXPIRED: "the quote request was answered after its deadline, without a price",
    ExitCode.NO_ANSWER: "nobody answered the quote request in time",
    ExitCode.AGENT_FAILED: (
        "a worker ended because an agent failed, the group refused its session, or it could not flush within nine "
        "seconds of a stop; its last log line says which"
    ),
    ExitCode.REPLACED: "a worker ended because another process took its place; leave it",
    ExitCode.STALLED: "a worker ended because it stopped reading; start it again",
    ExitCode.DENIED: "credentials, a right or a certificate was refused; the sentence names the setting or the right",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
}


SIGNALLED = "a worker was ended by signal n, such as 137 by kill -9"
"""What 128 + n means, which is no code of our own."""


def cause_of(error: Exception) -> Exception:
    """The error itself where tasks that ran side by side failed with one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


class CommandError(Exception):
    """A command cannot go on: one sentence for a person, and how the process is to exit."""

    def __init__(self, sentence: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.code = code


def exit_code_of(error: Exception) -> ExitCode:
    """How the process exits after `error`."""
    from infra.clients.errors import AccessDeniedError, NoAnswerError, NothingRunsError, UnreachableError
    from infra.secret_files import SecretFileError
    from infra.settings import SettingsInvalidError

    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, NoAnswerError):
        return ExitCode.NO_ANSWER
    if isinstance(error, AccessDeniedError):
        return ExitCode.DENIED
    if isinstance(error, UnreachableError | NothingRunsError):
        return ExitCode.UNREACHABLE
    return ExitCode.USAGE if isinstance(error, SettingsInvalidError | SecretFileError) else ExitCode.FAILED


def sentence_of(error: Exception) -> str:
    """What a person is told about `error`. One nobody foresaw is named by its class, so that it can be reported."""
    from infra.clients.errors import ClientError
    from infra.secret_files import SecretFileError
    from infra.settings import SettingsInvalidError

    said = " ".join(str(error).split())
    expected = (CommandError, ClientError, SettingsInvalidError, SecretFileError, ValueError, OSError)
    if isinstance(error, expected) and said:
        return said
    return f"unexpected {type(error).__name__}: {said} (FARETIDE_LOG_LEVEL=debug shows where)"

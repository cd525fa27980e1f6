"""Secrets from files, as container platforms mount them: FARETIDE_KAFKA_PASSWORD_FILE=/run/secrets/kafka.

A variable shows in process listings and is inherited by children; a file has an owner and a mode. The name of the file
is explicit, so a mount that is missing is an error here and not a refused sign-in later.
"""

import os
from collections.abc import Mapping
from pathlib import Path

FILE_SUFFIX = "_FILE"
DASHBOARD_TOKEN = "FARETIDE_DASHBOARD_TOKEN"  # noqa: S105  the variable's name, not a token
VIEWER_TOKEN = "FARETIDE_DASHBOARD_VIEWER_TOKEN"  # noqa: S105  as above
BUNDLE_KEY = "FARETIDE_BUNDLE_KEY"
OF_ONE_COMMAND = frozenset({DASHBOARD_TOKEN, VIEWER_TOKEN, BUNDLE_KEY})
"""Variables that one command reads, so they are no settings; its arguments are there for all to see."""


class SecretFileError(Exception):
    """A file of a secret cannot be used; names variable and file, never the content."""


def secrets_in_files(variables: Mapping[str, str]) -> dict[str, str]:
    """Secrets of this environment that stand in files, by setting; `variables` are the settings' variables.

    The end of line that editors and `echo` leave is not part of a secret.

    Raises SecretFileError if a file cannot be read or is empty, or if the secret is given twice.
    """
    return {
        setting: _read(variable, Path(os.environ[variable + FILE_SUFFIX]))
        for setting, variable in variables.items()
        if os.environ.get(variable + FILE_SUFFIX)
    }


def secret_of(variable: str) -> str:
    """The secret of one command, from its variable or the file that its `_FILE` names; empty if neither is set.

    Raises SecretFileError as above.
    """
    return secrets_in_files({variable: variable}).get(variable) or os.environ.get(variable, "")


def _read(variable: str, file: Path) -> str:
    if os.environ.get(variable):
        raise SecretFileError(f"{variable} and {variable}{FILE_SUFFIX} must not both be set: unset the first")
    try:
        secret = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SecretFileError(f"{variable}{FILE_SUFFIX} must name a readable file, got {file}: {why}") from None
    if not secret:
        raise SecretFileError(
            f"{variable}{FILE_SUFFIX} must name a file with a secret in it, got {file}, which is empty"
        )
    return secret

"""`faretide config show`: every setting, where it comes from, and no secret."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.output import say_json, say_table

if TYPE_CHECKING:
    from infra.settings import Settings

EXAMPLES = ("faretide config show", "faretide config show --json | jq '.[] | select(.source != \"default\")'")
HIDDEN = "***"


def show_command(
    *, as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON document.")] = False
) -> None:
    """Show every setting, its value and its source: a variable, the file a variable names, or the default.

    Secrets are hidden; of an address with user and password, what is left is shown.
    """
    from infra.settings import read_settings

    shown = described(read_settings())
    if as_json:
        say_json(shown)
        return
    say_table(("variable", "value", "source"), [(row["variable"], row["value"], row["source"]) for row in shown])


def described(settings: "Settings") -> list[dict[str, object]]:
    """Each setting as variable, value and source, without any secret."""
    from infra.settings import variable_of

    return [
        {"variable": variable_of(name), "value": shown(getattr(settings, name)), "source": _source(variable_of(name))}
        for name in type(settings).model_fields
    ]


def shown(value: object) -> str | int | bool:
    """A value fit to be seen by anyone.

    >>> from pydantic import SecretStr
    >>> shown(SecretStr("postgresql://me:word@db:5432/rides")), shown(SecretStr("word")), shown(SecretStr(""))
    ('postgresql://***@db:5432/rides', '***', '')
    >>> shown(Path("/run/ca.pem")), shown(None), shown(4)
    ('/run/ca.pem', '', 4)
    """
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return _without_secret(value.get_secret_value())
    if value is None:
        return ""
    return value if isinstance(value, bool | int) else str(value)


def _without_secret(secret: str) -> str:
    """Scheme, host and path of an address; nothing of anything else."""
    scheme, is_address, rest = secret.partition("://")
    if not secret or not is_address:
        return HIDDEN if secret else ""
    _, has_user, place = rest.partition("?")[0].rpartition("@")  # a password may stand in the query, too
    return f"{scheme}://{HIDDEN}@{place}" if has_user else f"{scheme}://{place}"


def _source(variable: str) -> str:
    """Where the setting came from."""
    from infra.secret_files import FILE_SUFFIX

    if file := os.environ.get(variable + FILE_SUFFIX, ""):
        return f"{variable}{FILE_SUFFIX}={Path(file)}"
    return variable if variable in os.environ else "default"

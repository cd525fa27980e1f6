"""The page `docs/settings.md`: every setting, its default and what it means."""

from pydantic import SecretStr

from infra.secret_files import BUNDLE_KEY, DASHBOARD_TOKEN, VIEWER_TOKEN
from infra.settings import Settings, variable_of

HEAD = """\
# Settings

Written by `python -m infra.cli.reference` from `infra/settings.py`; a test keeps the two equal. Every setting is an
environment variable; unset means the default. `FARETIDE_BOOTSTRAP` and `FARETIDE_REGISTRY_URL` go together: set both to
use your own servers, neither to use those that `faretide up` runs on this machine. The settings that are secrets can be
given as the name of a file instead, in the same variable with `_FILE` appended: [security](security.md). A variable
that is no setting but nearly spelt like one is refused; others that begin with `FARETIDE_` are let through, since
clusters make such variables.

| variable | default | meaning |
|---|---|---|"""


SECRETS_HEAD = """
## Secrets of one command

Read by the command alone, so a service and `faretide config` know nothing of them. Each can be a file, too.

| variable | command | meaning |
|---|---|---|"""
OF_ONE_COMMAND_ROWS = {
    DASHBOARD_TOKEN: ("`dashboard`, `up`", "Token of operators. Empty: a new one at each start."),
    VIEWER_TOKEN: ("`dashboard`, `up`", "Token of viewers, who see pseudonyms for people. Empty: nobody is one."),
    BUNDLE_KEY: (
        "`bundle create`",
        "Key of the hash that replaces ids in a bundle without people. Empty: a new one that is not kept.",
    ),
}
"""Command and meaning of each secret that is no setting."""


def settings_reference() -> str:
    """The page `docs/settings.md`, made from the fields of `Settings` and the secrets of single commands."""
    rows = [
        f"| `{variable_of(name)}` | {_default_of(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    secrets = [f"| `{name}` | {command} | {meaning} |" for name, (command, meaning) in OF_ONE_COMMAND_ROWS.items()]
    return "\n".join((HEAD, *rows, SECRETS_HEAD, *secrets, ""))


def _default_of(value: object) -> str:
    """A default as the table shows it: empty text for nothing, never a secret."""
    if value is None or isinstance(value, SecretStr) or value == "":
        return "empty"
    return f"`{value}`"

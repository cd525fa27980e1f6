"""`python -m infra.cli`: the command, for child processes that know their interpreter but not where its scripts are."""

from infra.cli.main import run

run()

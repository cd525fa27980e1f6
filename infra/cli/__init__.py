"""The command line, `faretide`. Modules import what a command needs when it runs, so that `--help` answers at once."""

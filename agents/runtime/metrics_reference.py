"""The page docs/metrics.md, made of what is declared."""

from agents.runtime.metrics_declared import METRICS

_HEAD = """\
# Metrics

Written by `python -m infra.cli.reference` from `agents/runtime/metrics_declared.py`; tests keep page, workers and
alert rules equal to it. With `FARETIDE_METRICS_PORT` set, a worker shows these at `/metrics` for Prometheus; they are
the same sums that it tells to `telemetry.v1` ([telemetry](telemetry.md)). `/livez` and `/readyz` beside it, what to do
with them and what each alert means: [operations](operations.md).

Every metric has the label `service`. Counters count from the start of the process. A histogram `x` has `x_bucket`,
`x_sum` and `x_count`. No label is ever the id of a person, car or request, nor a cell or zone.

| metric | kind | unit | labels | services | meaning |
|---|---|---|---|---|---|"""


def metrics_reference() -> str:
    """The page `docs/metrics.md`."""
    rows = [
        f"| `{m.full_name}` | {m.kind} | {m.unit} | {', '.join(f'`{label}`' for label in m.labels) or '–'} "
        f"| {', '.join(m.services)} | {m.meaning} |"
        for m in METRICS
    ]
    return "\n".join((_HEAD, *rows, ""))

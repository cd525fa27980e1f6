"""What a worker shows to Prometheus is what is declared, and what is declared is what it measures."""

import re
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.runtime.health import Verdict
from agents.runtime.metrics import PREFIX, Kind
from agents.runtime.metrics_declared import METRICS
from agents.runtime.metrics_endpoint import Endpoint, serving
from agents.runtime.metrics_page import MetricsPage
from agents.runtime.metrics_reference import metrics_reference
from agents.runtime.telemetry import Meter, Standing

ROOT = Path(__file__).resolve().parents[3]
METERED = re.compile(r'meter\.(?:gauge|count|latency|latencies)\(\s*f?"([^"]+)"(?:\s+if [^"]*else "([^"]+)")?')
TOLD_PER_PARTITION = {"lag"}
"""A sum over partitions that Prometheus makes itself."""
BOUNDED_LABELS = {"topic", "partition", "part", "version", "generation", "reason", "outcome"}


def a_meter() -> Meter:
    """A meter with one value of everything declared."""
    meter = Meter(service="supply", worker="supply-0", versions={"faretide": "1"})
    meter.read("driver-pings.v1", 3, records=2, size=200, offset=41)
    meter.wrote("supply-cells.v1", 0, records=1, size=50, offset=7)
    meter.stands({("driver-pings.v1", 3): Standing(position=42, lag=5, appended_ms=1_500)})
    for metric in METRICS:
        if metric.kind is Kind.HISTOGRAM:
            meter.latency(metric.meter, 4.0)
        elif metric.meter:
            meter.gauge(f"{metric.meter}x" if metric.meter.endswith(".") else metric.meter, 1.0)
    return meter


def shown(meter: Meter) -> dict[str, object]:
    """The page of a meter, read by Prometheus' own rules: families by name."""
    page = MetricsPage("supply", meter, lambda: {"live": 1.0, "ready": 0.0})
    return {family.name: family for family in text_string_to_metric_families(page.text().decode())}


def test_the_page_of_metrics_is_the_code():
    """docs/metrics.md is what `python -m infra.cli.reference` writes."""
    assert (ROOT / "docs" / "metrics.md").read_text() == metrics_reference()


def test_every_declared_metric_is_shown_as_declared():
    """Name, kind, meaning and labels, and nothing else is shown."""
    families = shown(a_meter())
    assert set(families) == {metric.full_name.removesuffix("_total") for metric in METRICS}
    for metric in METRICS:
        family = families[metric.full_name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)
        labels = {name for sample in family.samples for name in sample.labels}
        assert labels - {"le"} == {"service", *metric.labels}


def test_every_measured_name_is_declared():
    """What a service measures reaches Prometheus, and nothing is declared that no service measures."""
    code = "\n".join(path.read_text() for path in (ROOT / "agents").rglob("*.py"))
    measured = {re.sub(r"\{.*\}", "", name) for pair in METERED.findall(code) for name in pair if name}
    declared = {metric.meter for metric in METRICS if metric.meter}
    assert declared == (measured | {"busy_share"}) - TOLD_PER_PARTITION


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_rules(metric):
    """Prefix, base units in the name, a meaning, and no label whose values have no bound."""
    assert re.fullmatch(rf"{PREFIX}[a-z][a-z_]*[a-z]", metric.full_name)
    assert metric.full_name.endswith("_total") == (metric.kind is Kind.COUNTER)
    for unit in ("seconds", "bytes", "ratio", "offset"):
        assert (metric.unit == unit) == metric.name.endswith(unit), unit
    assert (metric.unit == "records") == ("records" in metric.name)
    assert metric.unit != "1" or metric.kind is Kind.GAUGE
    assert metric.kind is not Kind.HISTOGRAM or metric.unit == "seconds"
    assert set(metric.labels) <= BOUNDED_LABELS
    assert metric.meaning
    assert metric.meaning[-1] not in ".:"


def test_values_are_in_base_units():
    """Milliseconds become seconds; counters do not start anew with each telemetry record."""
    meter = Meter(service="supply", worker="supply-0")
    for _ in range(2):
        meter.read("driver-pings.v1", 0, records=3, size=30, offset=5)
        meter.latency("flush_ms", 60.0)
        meter.latency("flush_ms", 3.0)
        told = meter.sample(now_ms=0)
        assert told.read[0].records == 3
        assert sum(told.histograms[0].counts) == 2
    meter.stands({("driver-pings.v1", 0): Standing(position=6, lag=2, appended_ms=1_500)})
    families = shown(meter)
    values = {
        (sample.name, sample.labels.get("le")): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert values["faretide_read_records_total", None] == 6
    assert values["faretide_flush_seconds_bucket", "0.05"] == 2
    assert values["faretide_flush_seconds_bucket", "0.075"] == 4
    assert values["faretide_flush_seconds_sum", None] == pytest.approx(0.126)
    assert values["faretide_read_up_to_timestamp_seconds", None] == 1.5
    assert meter.sample(now_ms=0).read[0].lag == 2


def test_a_partition_that_went_is_shown_no_more():
    """Its lag would stand still for ever and raise an alarm."""
    meter = Meter(service="supply", worker="supply-0")
    meter.stands({("driver-pings.v1", 0): Standing(position=6, lag=2, appended_ms=0)})
    meter.stands({})
    assert "faretide_lag_records" not in shown(meter)


class Watch:
    """A worker's health, by hand."""

    def __init__(self):
        self.said, self.looks = Verdict(()), 0

    def look(self):
        """Count looks."""
        self.looks += 1

    def live(self):
        """As set."""
        return self.said

    ready = live


def test_the_endpoint_answers_probes_and_scrapes():
    """Status 503 with the reasons while something is wrong; nothing but the three paths, nothing but reading."""
    watch = Watch()
    endpoint = Endpoint(("127.0.0.1", 0), "supply", a_meter(), watch)
    with serving(endpoint) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert client.get("/livez").json() == {"status": "ok", "reasons": []}
        assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")
        assert client.head("/readyz").content == b""
        watch.said = Verdict(("the agent supply died",))
        for path in ("/livez", "/readyz"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["reasons"]) == (503, ["the agent supply died"])
        assert client.get("/").status_code == 404
        assert client.post("/metrics").status_code == 501


def test_a_taken_port_is_one_sentence():
    """It names the settings that choose another."""
    said = "FARETIDE_METRICS_PORT must be .*: Address already in use"
    with serving(Endpoint(("127.0.0.1", 0), "supply", a_meter(), Watch())) as port, pytest.raises(OSError, match=said):
        Endpoint(("127.0.0.1", port), "supply", a_meter(), Watch())

"""Alert rules, their paragraphs and the metrics they name belong together."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agents.runtime.metrics import Kind
from agents.runtime.metrics_declared import METRICS

ROOT = Path(__file__).resolve().parents[3]
RULES = (ROOT / "docs" / "alerts.yml").read_text()
PAGE = (ROOT / "docs" / "operations.md").read_text()
ALERTS = re.findall(r"^ +- alert: (\w+)$", RULES, re.MULTILINE)
PROMTOOL = shutil.which("promtool")
NAME = re.compile(r"\bfaretide_[a-z_]+")


def shown_names() -> set[str]:
    """Every name that can stand in a query."""
    plain = {metric.full_name for metric in METRICS if metric.kind is not Kind.HISTOGRAM}
    parts = {
        f"{m.full_name}{part}" for m in METRICS if m.kind is Kind.HISTOGRAM for part in ("_bucket", "_sum", "_count")
    }
    return plain | parts


def test_every_metric_in_a_rule_is_declared():
    """A rule about a name that is never shown would stay silent for ever."""
    named = set(NAME.findall(RULES))
    assert named
    assert named <= shown_names()


def test_every_metric_in_the_page_is_declared():
    """Histograms are named whole there."""
    assert set(NAME.findall(PAGE)) <= shown_names() | {metric.full_name for metric in METRICS}


def test_rules_match_and_show_only_labels_that_exist():
    """In selectors, in groupings and in summaries."""
    known = {"service", "le"} | {label for metric in METRICS for label in metric.labels}
    selected = re.findall(r'[{,]\s*(\w+)="', RULES)
    grouped = [label.strip() for labels in re.findall(r"by \(([^)]*)\)", RULES) for label in labels.split(",")]
    shown = re.findall(r"\$labels\.(\w+)", RULES)
    assert set(selected) | set(grouped) | set(shown) <= known


def test_every_alert_has_its_paragraph_and_a_severity():
    """Whoever is woken finds what to do under the name of the alert."""
    assert len(set(ALERTS)) == len(ALERTS)
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == ALERTS
    assert len(re.findall(r"labels: \{severity: (?:page|ticket)\}", RULES)) == len(ALERTS)
    assert len(re.findall(r"^ +summary: ", RULES, re.MULTILINE)) == len(ALERTS)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
@pytest.mark.parametrize(
    "check", [("check", "rules", "docs/alerts.yml"), ("test", "rules", "tests/unit/docs/alert_cases.yml")]
)
def test_prometheus_takes_the_rules_and_they_speak_when_they_should(check):
    """Prometheus's own tool reads them, and each case of `alert_cases.yml` comes out as written there."""
    done = subprocess.run([PROMTOOL, *check], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pods_take_no_variables_of_services():
    """A Service called faretide-metrics would set FARETIDE_METRICS_PORT to an address, and no worker would start."""
    assert "enableServiceLinks: false" in PAGE

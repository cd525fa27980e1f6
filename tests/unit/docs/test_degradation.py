"""docs/degradation.md has a row for each part that can be missing, and a test for each row."""

import re
from pathlib import Path

import pytest

from infra.clients.topic_settings import partitions_of, retention_bytes
from infra.embedded.kafka import FIXED_SETTINGS
from infra.settings import Settings
from topics.catalogue import DAY_MS, EVERY_TOPIC, FOR_EVER

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "degradation.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")][1:]
PARTS = ("supply", "demand", "model", "policy", "registry", "Postgres", "disk", "clocks", "partition")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip())
def test_every_row_is_shown_by_a_test_that_exists(row):
    """A renamed test would leave a claim that nobody checks."""
    path, name = re.findall(r"`(tests/[^:]+)::(\w+)`", row[4])[0]
    assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_part_has_a_row():
    """All that services rest on, by the word operators would look for."""
    for part in PARTS:
        assert any(part in row[0] for row in ROWS), part


def test_alerts_named_here_exist():
    """Whoever is sent to an alert finds it."""
    rules = (ROOT / "docs" / "alerts.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"`(Faretide\w+)`", PAGE)) <= set(re.findall(r"alert: (\w+)", rules))


def test_only_what_governs_prices_is_kept_for_ever():
    """Everything else ends by time, so a disk that is large enough stays so."""
    for_ever = {topic.name for topic in EVERY_TOPIC if topic.retention_ms == FOR_EVER}
    assert for_ever == {"pricing-policy.v1", "markets.v1", "models.v1"}
    assert max(topic.retention_ms for topic in EVERY_TOPIC) <= 30 * DAY_MS


def test_the_embedded_broker_takes_a_few_gigabytes():
    """All topics full, and a file beyond its bound open in each partition: less than 5 GB of a laptop's disk."""
    bounds = {topic: retention_bytes(topic, Settings()) for topic in EVERY_TOPIC}
    bounded = {topic: bound for topic, bound in bounds.items() if bound >= 0}
    assert {topic.name for topic in bounds.keys() - bounded} == {"pricing-policy.v1", "markets.v1", "models.v1"}
    file = int(FIXED_SETTINGS["log.segment.bytes"])
    assert sum((bound + file) * partitions_of(topic, Settings()) for topic, bound in bounded.items()) < 5 * 10**9

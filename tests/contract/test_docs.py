"""The reference page says what the contracts say."""

from pathlib import Path

from topics.catalogue import EVERY_TOPIC
from topics.docs import render
from topics.schemas import schema_of

PAGE = Path(__file__).parents[2] / "docs" / "topics.md"


def test_the_page_is_up_to_date():
    """docs/topics.md is what the generator writes: run `.venv/bin/python -m topics.docs > docs/topics.md`."""
    assert PAGE.read_text(encoding="utf-8") == render()


def test_the_page_names_every_topic_and_field():
    """Nothing of the contract is left out of the page."""
    page = render()
    for topic in EVERY_TOPIC:
        assert topic.name in page
        assert all(f"| {field['name']} |" in page for field in schema_of(topic)["fields"])

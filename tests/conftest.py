"""What holds for every test: one with real servers may run once more, and none is judged by its time."""

import pytest
from hypothesis import settings

settings.register_profile("faretide", deadline=None)  # a starved machine is no defect of an example
settings.load_profile("faretide")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with servers that failed runs a second time: a starved machine is no defect; the summary counts them."""
    for item in items:
        if item.get_closest_marker("broker"):
            item.add_marker(pytest.mark.flaky(reruns=1))

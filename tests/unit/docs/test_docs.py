"""The pages say what the code does."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "tests/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
METERED = re.compile(r'meter\.(?:gauge|count|latency|latencies)\(\s*f?"([^"]+)"(?:\s+if [^"]*else "([^"]+)")?')


def test_every_measured_name_is_explained() -> None:
    """docs/telemetry.md names exactly the gauges and histograms the workers write."""
    code = "\n".join(path.read_text() for path in (ROOT / "agents").rglob("*.py"))
    written = {re.sub(r"\{.*\}", "", name) for pair in METERED.findall(code) for name in pair if name} | {"busy_share"}
    explained = {
        re.sub(r"<.*>", "", name)
        for line in (ROOT / "docs/telemetry.md").read_text().splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    families = {name for name in written if name.endswith(".")}
    assert {name for name in explained if not any(name.startswith(family) for family in families)} == written - families
    assert all(any(name.startswith(family) for name in explained) for family in families)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A relative link names a file that exists."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_files_that_the_readme_publishes_exist() -> None:
    """A command that is to be tried names nothing that a clone lacks."""
    named = re.findall(r"faretide publish \S+ (\S+)", (ROOT / "README.md").read_text())
    assert named
    assert all((ROOT / name).is_file() for name in named)


def test_every_make_target_named_in_a_page_exists() -> None:
    """`make x` in any page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert named <= targets


def test_every_room_of_the_architecture_exists() -> None:
    """The rooms drawn in docs/architecture.md are the folders, and no folder of code is left out."""
    drawn = set(re.findall(r"^([a-z]+)/ ", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE))
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert drawn - {"avro"} == folders - {"tests"}

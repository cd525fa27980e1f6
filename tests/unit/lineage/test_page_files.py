"""The committed page: whole, and with nothing of another origin."""

import json
import re
from pathlib import Path

from pricing.rules.currencies import MINOR_DIGITS

LINEAGE = Path(__file__).parents[3] / "lineage"
STATIC = LINEAGE / "static"


def test_the_page_loads_only_files_that_are_there():
    """Every script, style and font the page names is a committed file of our own."""
    page = (STATIC / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    named += re.findall(r"url\(([^)]+)\)", (STATIC / "assets" / "index.css").read_text())
    files = [name for name in named if not name.startswith("data:")]
    assert files
    for name in files:
        assert name.startswith("/"), name
        assert (STATIC / name.lstrip("/")).is_file(), name


def test_the_page_has_no_inline_script():
    """The content security policy allows none, so one would be dead."""
    assert not re.findall(r"<script(?![^>]*\bsrc=)", (STATIC / "index.html").read_text())


def test_the_lock_file_holds_checksums_and_no_addresses():
    """Where packages come from is the installation's choice; what they are is not."""
    packages = json.loads((LINEAGE / "web" / "package-lock.json").read_text())["packages"]
    held = {name: package for name, package in packages.items() if name}
    assert held
    assert all("resolved" not in package for package in held.values())
    assert all("integrity" in package for package in held.values())


def test_the_page_counts_minor_units_as_prices_do():
    """Digits of a currency stand twice, here and in the page: a price shown is the price quoted."""
    page = (LINEAGE / "web" / "src" / "format.ts").read_text()
    for name, digits in (("NO_DIGITS", 0), ("THREE_DIGITS", 3)):
        (codes,) = re.findall(rf'const {name} = "([A-Z ]+)"', page)
        assert set(codes.split()) == {code for code, has in MINOR_DIGITS.items() if has == digits}
    assert set(MINOR_DIGITS.values()) == {0, 2, 3}

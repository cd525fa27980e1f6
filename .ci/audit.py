# ruff: noqa: INP001  # a script beside `run`, in no package
"""Look for known vulnerabilities of what `requirements.lock` installs: `make audit`.

Fails when there are any. Where the vulnerability service cannot be reached or does not know our packages, it says that
nothing was looked at and does not fail: a build without a network is no worse than yesterday's.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
WITHIN_S = 180
NO_ANSWER = re.compile(r"connect|timed? ?out|proxy|resolve|HTTP|service", re.IGNORECASE)


def audit(lock: Path, *options: str) -> tuple[int, str, str]:
    """Run pip-audit over a hash-locked file; exit status, standard output, standard error. It installs nothing."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(  # noqa: S603  a fixed program
            [*command, "--progress-spinner", "off", *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        return 1, "", f"connection timed out after {WITHIN_S} s"
    return done.returncode, done.stdout, done.stderr


def verdict(status: int, output: str, errors: str) -> tuple[int, list[str]]:
    """What a run of pip-audit means: our exit status and the lines to say.

    >>> verdict(0, '{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', "")
    (0, ['audit: no known vulnerability in 1 packages'])
    >>> verdict(1, "", "Failed to connect")
    (0, ['audit: NOT RUN, the vulnerability service does not answer (Failed to connect)'])
    """
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = (errors.strip().splitlines() or ["no output"])[-1]
        if NO_ANSWER.search(why):
            return 0, [f"audit: NOT RUN, the vulnerability service does not answer ({why})"]
        return status or 1, [f"audit: pip-audit failed ({why})"]
    found = [
        f"audit: {package['name']} {package['version']}: {each['id']}, fixed in {each['fix_versions'] or 'no version'}"
        for package in packages
        for each in package.get("vulns", ())
    ]
    if found:
        return 1, found
    unknown = sum("skip_reason" in package for package in packages)
    if unknown == len(packages):
        return 0, [f"audit: NOT RUN, the vulnerability service reached from here knows none of {unknown} packages"]
    left_out = f", {unknown} could not be looked up" if unknown else ""
    return 0, [f"audit: no known vulnerability in {len(packages) - unknown} packages{left_out}"]


if __name__ == "__main__":
    code, lines = verdict(*audit(LOCK, *sys.argv[1:]))
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(code)

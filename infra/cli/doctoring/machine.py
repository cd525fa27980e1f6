"""This machine: room on the disk, and what the embedded servers need."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from infra.cli.doctoring.findings import Disk, Patient, Told, fail, ok, warn
from infra.clients.endpoints import find_endpoints
from infra.clients.errors import NothingRunsError

GIB = 2**30
FULL_BYTES, NEARLY_FULL_BYTES = GIB, 5 * GIB
SERVERS = ("kafka", "registry", "postgres")
JAVA_WITHIN_S = 10.0


async def check_disk(patient: Patient) -> Sequence[Told]:
    """Room where the state directory is."""
    place = patient.settings.state_dir.resolve()
    return [disk_finding(patient.disk(place), place)]


def disk_finding(disk: Disk, place: Path) -> Told:
    """What the room on a disk means for `place`."""
    room = f"{disk.free / GIB:.1f} of {disk.total / GIB:.0f} GiB are free for {place}"
    advice = "make room or set FARETIDE_STATE_DIR to another disk"
    if disk.free < FULL_BYTES:
        return fail(f"{room}, a broker stops when it is full: {advice}")
    return warn(f"{room}, soon too little: {advice}") if disk.free < NEARLY_FULL_BYTES else ok(room)


async def check_embedded(patient: Patient) -> Sequence[Told]:
    """Java and ports for the servers of `faretide up`."""
    if patient.settings.bootstrap:
        return [ok("servers are configured, none are embedded")]
    return [await _java(), _ports(patient)]


async def _java() -> Told:
    from infra.embedded.java import java_command

    command = [str(part) for part in java_command("-version", heap_mb=64)]
    try:
        async with asyncio.timeout(JAVA_WITHIN_S):
            process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
            _, said = await process.communicate()
    except (OSError, TimeoutError) as error:
        return fail(f"the Java runtime does not start ({error or 'no answer'}): install requirements.lock again")
    if process.returncode:
        return fail(f"the Java runtime ends with code {process.returncode}: install requirements.lock again")
    return ok(said.decode(errors="replace").partition("\n")[0].strip())


def _ports(patient: Patient) -> Told:
    """Ports of earlier runs: a server takes another one if its own is gone, and clients must look up where it is."""
    try:
        find_endpoints(patient.settings)
    except NothingRunsError:
        taken = _taken(patient.settings.state_dir)
        if taken:
            return warn(f"{', '.join(taken)} of the last run are in use by others: `faretide up` will choose new ones")
        return ok("ports of the embedded servers are free")
    return ok("`faretide up` runs here and has its ports")


def _taken(state_dir: Path) -> list[str]:
    from infra.embedded.ports import is_free, written_ports

    noted = {server: state_dir / server / "ports.json" for server in SERVERS}
    return [
        f"port {port} ({server})"
        for server, file in noted.items()
        for port in written_ports(file).values()
        if not is_free(port)
    ]

"""The schema registry: whether it answers, and whether what it holds goes with this version's schemas."""

from collections.abc import Sequence

from infra.cli.doctoring.findings import Patient, Told, fail, ok, warn
from infra.clients.registry import COMPATIBILITY, Registry, SubjectState

TRIES = 2


async def check_registry(patient: Patient) -> Sequence[Told]:
    """Every subject: registered, of the right compatibility, and if not registered, whether it could be."""
    async with Registry(patient.connect(), tries=TRIES) as registry:
        states = await registry.states()
        faults = [await _fault(registry, state) for state in states if state.faults]
    return faults or [ok(f"{len(states)} subjects at {registry.url} hold this version's schemas, {COMPATIBILITY}")]


async def _fault(registry: Registry, state: SubjectState) -> Told:
    topic = state.topic
    if state.schema_id is not None:
        return warn(f"{state.faults[0]}: run `faretide schemas register`")
    conflict = await registry.conflict(topic) if state.versions else None
    if conflict is not None:
        return fail(conflict)
    return fail(f"{state.faults[0]}: run `faretide schemas register`")

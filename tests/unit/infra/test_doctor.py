"""How the doctor's checks run, and what he makes of what he sees."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from agents.runtime import raw_fetch
from infra.cli.doctor import checks
from infra.cli.doctoring import records
from infra.cli.doctoring.brokers import REFUSES_BY_AGE, broker_settings, copy_faults, session_faults, too_old
from infra.cli.doctoring.findings import Check, Disk, Level, Patient, disk_of, examine, ok
from infra.cli.doctoring.groups import Group, group_finding
from infra.cli.doctoring.machine import GIB, check_embedded, disk_finding
from infra.cli.doctoring.records import skew_finding
from infra.clients.connection import Connection
from infra.clients.endpoints import Endpoints
from infra.clients.errors import NothingRunsError, UnreachableError
from infra.clients.sessions import LEAST_SESSION
from infra.settings import Settings
from tests.unit.infra.test_cli_main import run
from topics.catalogue import SURGE

P0 = TopicPartition("driver-pings.v1", 0)


def patient():
    """An installation nobody asks about."""

    def connect():
        raise NothingRunsError("nothing runs here")

    return Patient(settings=Settings(), connect=connect)


def raising(error):
    """A look that ends with this."""

    async def look(_patient):
        raise error

    return look


async def test_a_check_that_breaks_hides_nothing():
    """Each error is a line of its own: a sentence, a skip where another line says it, and never a traceback."""

    async def never(_patient):
        await asyncio.Event().wait()

    async def well(_patient):
        return [ok("fine")]

    async with asyncio.timeout(3.0):  # far less than a check that never answers would take
        findings = await examine(
            patient(),
            [
                Check("away", raising(UnreachableError("it does not answer")), advice="start it"),
                Check("needs it", raising(UnreachableError("it does not answer")), after="away"),
                Check("nowhere", raising(NothingRunsError("nothing runs")), advice="start it", after="away"),
                Check("broken", raising(KeyError("x"))),
                Check("silent", never),
                Check("fine", well),
            ],
            within_s=0.05,
        )
    assert [(finding.check, finding.level.value, finding.said) for finding in findings] == [
        ("away", "FAIL", "it does not answer; start it"),
        ("needs it", "SKIP", "not looked at: see away"),
        ("nowhere", "SKIP", "not looked at: see away"),
        ("broken", "FAIL", "unexpected KeyError: 'x' (FARETIDE_LOG_LEVEL=debug shows where)"),
        ("silent", "FAIL", "no answer within 0 s: look at the server's log, then try again"),
        ("fine", "OK", "fine"),
    ]


async def test_checks_run_side_by_side():
    """Two that wait for each other both come to an end."""
    met = asyncio.Barrier(2)

    async def look(_patient):
        await met.wait()
        return [ok("met")]

    findings = await examine(patient(), [Check("a", look), Check("b", look)], within_s=5.0)
    assert [finding.level for finding in findings] == [Level.OK, Level.OK]


def test_every_check_that_needs_servers_has_advice_or_follows_one_that_has():
    """So that no failure stands without what to do."""
    named = {check.name: check for check in checks()}
    for check in named.values():
        assert not check.after or named[check.after].advice


WELL = Group(
    service="supply",
    state="Stable",
    assignor="faust",
    clients=("supply-0", "supply-1"),
    idle=(),
    committed={P0: 10},
    committed_later={P0: 20},
    ends={P0: 15},
)


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({}, "OK", "supply: workers 2, records to commit 0"),
        ({"clients": ()}, "WARN", "start one with `faretide worker supply`"),
        ({"state": "PreparingRebalance"}, "WARN", "sharing out its partitions"),
        ({"assignor": "range"}, "FAIL", "shares partitions by 'range', not 'faust'"),
        ({"clients": ("supply-0", "supply-0")}, "FAIL", "give each its own FARETIDE_INSTANCE_ID"),
        ({"committed_later": {P0: 10}}, "FAIL", "5 records to read and commits nothing"),
        ({"committed_later": {P0: 10}, "ends": {P0: 10}}, "OK", "records to commit 0"),
        ({"idle": ("supply-1",)}, "WARN", "more workers than partitions"),
        ({"ends": {P0: 100_000}}, "WARN", "99,980 records behind"),
    ],
)
def test_what_a_group_tells(change, level, said):
    """Nobody there, a foreign assignor, nothing committed, idle workers, much to do."""
    told = group_finding(replace(WELL, **change))
    assert (told.level, said in told.said) == (level, True), told.said


def test_a_broker_that_is_too_old_is_named():
    """It tells its settings without the one that PRICING's table needs; of one that tells none, nothing is known."""
    young, silent = {LEAST_SESSION: "5000", REFUSES_BY_AGE: None}, {}
    assert too_old({1: young, 2: silent}) == []
    (found,) = too_old({1: young, 2: {LEAST_SESSION: "5000"}})
    assert (found.level, found.said) == (
        "FAIL",
        "broker 2 is too old to keep PRICING's table: run Kafka 3.6 or newer",
    )


@pytest.mark.parametrize(
    ("least_ms", "level", "said"),
    [
        ({1: 3000, 2: 5000}, None, ""),
        (
            {1: 5000, 2: 6000},
            "FAIL",
            "broker 2 has group.min.session.timeout.ms=6000: set group.min.session.timeout.ms=5000",
        ),
        ({1: 6000, 2: None}, "FAIL", "no worker can join its group"),
        ({1: None, 2: 3000}, "WARN", "grant DescribeConfigs on the cluster"),
    ],
)
def test_brokers_that_refuse_the_session_of_workers_are_named(least_ms, level, said):
    """Kafka's default refuses it; a broker that does not tell may be right."""
    told = {broker: {} if least is None else {LEAST_SESSION: str(least)} for broker, least in least_ms.items()}
    found = session_faults(told)
    assert [one.level for one in found] == ([] if level is None else [level])
    assert all(said in one.said for one in found)


async def test_what_a_broker_does_not_tell_is_not_known():
    """The right to describe is missing, or a managed broker hides the value."""
    answers = [
        [{"resource_name": "1", "config_entries": [{"config_names": LEAST_SESSION, "config_value": "6000"}]}],
        [{"resource_name": "2", "config_entries": []}],
    ]

    class Brokers:
        async def describe_configs(self, asked):
            wanted = {LEAST_SESSION: None, REFUSES_BY_AGE: None}
            assert [(resource.name, dict(resource.configs)) for resource in asked] == [("1", wanted), ("2", wanted)]
            return [SimpleNamespace(to_object=lambda some=some: {"resources": some}) for some in answers]

    assert await broker_settings(Brokers(), [1, 2]) == {1: {LEAST_SESSION: "6000"}, 2: {}}


async def test_records_are_sampled_whatever_their_headers_are_named(monkeypatch):
    """Before anything is read the lenient batches are in place."""
    monkeypatch.setattr(fetcher, "MemoryRecords", object())
    monkeypatch.setattr(fetcher, "PartitionRecords", object())
    found = []

    async def start(_consumer, _connection):
        found.append(fetcher.MemoryRecords)
        raise ConnectionError

    monkeypatch.setattr(records, "start", start)
    connection = Connection(endpoints=Endpoints(bootstrap="127.0.0.1:1", registry_url=""))
    with pytest.raises(ConnectionError):
        await records._consumer(Patient(settings=Settings(), connect=lambda: connection))
    assert found == [raw_fetch._MemoryRecords]


def test_partitions_without_leader_or_copies_are_named():
    """Foreign topics are nobody's business."""
    partition = {"partition": 0, "leader": 1, "replicas": [1, 2], "isr": [1, 2]}

    def faults(topic=SURGE.name, **change):
        return [told.said for told in copy_faults([{"topic": topic, "partitions": [partition | change]}], copies=2)]

    assert faults() == []
    assert "cannot be read or written" in faults(leader=-1)[0]
    assert "fewer copies in step" in faults(isr=[1])[0]
    assert "another number of copies" in faults(replicas=[1], isr=[1])[0]
    assert faults(topic="foreign", leader=-1) == []


@pytest.mark.parametrize(
    ("ahead_ms", "level", "said"),
    [(400, "OK", "agree"), (-2_000, "WARN", "2.0 s behind"), (9_000, "FAIL", "9.0 s ahead of")],
)
def test_clocks_that_differ(ahead_ms, level, said):
    """Up to a second is the way a record takes."""
    told = skew_finding(ahead_ms)
    assert (told.level, said in told.said) == (level, True)


@pytest.mark.parametrize(("free_gib", "level"), [(0.9, "FAIL"), (4.9, "WARN"), (5.0, "OK")])
def test_room_on_the_disk(free_gib, level):
    """A broker that finds its disk full stops."""
    assert disk_finding(Disk(100 * GIB, int(free_gib * GIB)), Path("state")).level == level


def test_the_disk_of_a_directory_that_is_yet_to_come(tmp_path):
    """Is that of its nearest parent."""
    assert disk_of(tmp_path / "a" / "b").total == disk_of(tmp_path).total


def test_the_command_where_nothing_runs(tmp_path):
    """One failure that says what to do, exit code 1, lines for people and JSON for scripts, no traceback."""
    done = run("doctor", "--json", state_dir=tmp_path)
    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr, said["well"]) == (1, "", False)
    assert [finding["check"] for finding in said["findings"] if finding["level"] == "FAIL"] == ["brokers"]
    assert "start it with `faretide up`" in said["findings"][0]["said"]


async def test_ports_that_cannot_be_read_are_no_fault_of_the_machine(tmp_path):
    """`faretide up` takes a file that was cut short for none, and so does the doctor."""
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "ports.json").write_text("")
    findings = await check_embedded(replace(patient(), settings=Settings(state_dir=tmp_path)))
    assert (findings[-1].level, findings[-1].said) == (Level.OK, "ports of the embedded servers are free")

"""A keeper builds a worker once before it forks any: what that loads, no worker loads again."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
import sys
from agents.runtime.contracts import Contracts
from agents.runtime.telemetry import Meter
from agents.runtime.worker import Worker
from agents.services import load, rehearse
from infra.clients.database import Database
from infra.settings import Settings
from topics.compiled import fields_of
from topics.roles import role_named
from topics.schemas import schema_of

service = "{service}"
load(service)
topics = role_named(service).topics
ids, schemas = {{t.subject: n for n, t in enumerate(topics)}}, {{n: schema_of(t) for n, t in enumerate(topics)}}
worker = Worker(
    service=service,
    name="any",
    partitions={{topic.name: 2 for topic in topics}},
    contracts=Contracts(ids, schemas),
    schema_ids=None,
    meter=Meter(service=service, worker="any"),
    bootstrap="127.0.0.1:1",
    security={{}},
    database=Database(url="", keep_days=1),
)
rehearse(service, Settings(instance_id="any"), worker)
before, compiled = set(sys.modules), len(fields_of.signatures)
rehearse(service, Settings(instance_id="any"), worker)
print(compiled, sorted(set(sys.modules) - before))
"""


def test_after_a_rehearsal_nothing_is_left_to_load():
    """Neither a module, nor the compiled code that decodes. PRICING stands for all: it has the most parts."""
    script = [sys.executable, "-c", SCRIPT.format(service="pricing")]
    said = subprocess.run(script, check=False, capture_output=True, text=True, cwd=REPOSITORY, timeout=300)
    assert said.returncode == 0, said.stderr
    assert said.stdout == "1 []\n"

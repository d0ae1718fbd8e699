# Everything a person or CI does here. `make` alone prints this help.
PYTHON ?= $(shell requirements/python)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.setup-done
T      ?= tests
K      ?=
BENCH  ?=
JOBS   ?=
FLOOR  ?= 80

# Tests start Python some thousand times: let it keep what it compiled, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help campaign days setup system-packages oracles demo test spent quick coverage check fmt lint types imports schema tree deploy bench site pictures clean lock wheel sbom kit try-kit base image release

help: ## print this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv from the hash-locked list, wheels only (every other target does this first)

$(STAMP): requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	$(BIN)/python -m compileall -q hdh_migrate  # as pip does with what it does not install in place
	$(BIN)/python -m hdh_migrate.evidence.page.compiled
	@touch $(STAMP)

oracles: $(VENV)/oracles/.done ## what others wrote to judge what we write, apart from .venv's own packages (test does this first)

$(VENV)/oracles/.done: requirements/oracles.lock $(STAMP)
	rm -rf $(VENV)/oracles
	$(BIN)/python -m pip install --quiet --no-warn-conflicts --disable-pip-version-check --require-hashes --only-binary :all: --target $(VENV)/oracles -r requirements/oracles.lock
	@touch $@

system-packages: ## install Debian's packages that the tests use and that are missing (as root)
	@tests/support/programs --install

demo: setup ## run the main job end to end on this machine: Azurite to S3, with a kill in the middle
	$(BIN)/hdh-migrate demo

# Tests with servers wait for them a good part of their time: two processes for each of two cores.
# Who has nothing left takes work from the others, so that no long file is alone at the end.
test: setup oracles ## every test, live servers included  [T=path] [K=expression] [JOBS=4]
	@tests/support/programs || [ "$(T)" != tests ]  # a part of the tests may need none of them
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m pytest $(T) $(if $(K),-k "$(K)") --numprocesses $(or $(JOBS),4) --dist worksteal

# PAGE is renewed below its heading "Where the time goes"; a page that is not there is made.
PAGE ?= docs/tests.md
spent: setup oracles ## the same tests, and the CPU seconds of each; writes docs/tests.md  [T=path] [PAGE=file] [JOBS=4]
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m pytest $(T) --numprocesses $(or $(JOBS),4) --dist worksteal --spent $(PAGE)

# A quarter of the examples that are made up; `make test` takes all.
quick: setup ## what needs no server and no second, while you work  [JOBS=2]
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m pytest tests/unit tests/property -m "not slow" --hypothesis-profile brief --numprocesses $(or $(JOBS),2) --dist worksteal

campaign: setup ## kills, power cuts, drawn lives, planted faults; writes docs/reliability.md  [MINUTES=30] [SEED=] [ONLY=lives] [PLANTED=]
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m tests.campaign --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED)) $(foreach one,$(ONLY),--only $(one)) $(if $(PLANTED),--planted)

days: setup ## three days on which the clocks change, on a real run in ten minutes; writes docs/three-days.md
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m bench.days --page docs/three-days.md

coverage: setup ## lines and branches that the tests without servers reach, and a floor under them  [T=path] [FLOOR=80]
	@rm -rf build/coverage && mkdir -p build/coverage
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m coverage run -m pytest $(if $(filter tests,$(T)),tests/unit tests/property,$(T)) --numprocesses $(or $(JOBS),2) --dist loadfile
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --fail-under=$(FLOOR) --sort=cover | tail -40

check: setup lint types imports schema tree deploy site ## all that a change needs besides the tests

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

schema: setup ## generated files are up to date (plans/schema.json, docs/plan-reference.md, docs/schemas/verbs, findings in docs/operations.md, the providers' compiled.json)
	$(BIN)/python -m hdh_migrate.plan.reference --check
	$(BIN)/python -m hdh_migrate.cli.reference --check
	$(BIN)/python -m hdh_migrate.targets.profiles.compiled --check

# Tests that read the tree and run nothing of it: in seconds, what else only a whole run would say.
TREE := $(addprefix tests/unit/,test_class_names.py test_circles.py test_architecture.py test_documents.py \
    test_campaign.py test_security_page.py cli/test_pages.py)
tree: setup ## what holds for the whole tree: names of classes, circles of imports, maps, pages, planted faults
	TMPDIR="$$(tests/support/quick-temp)" $(BIN)/python -m pytest -q -p no:xdist $(TREE)

# Versions of Kubernetes whose published schemas the files are held against.
KUBERNETES := 1.31 1.34 1.37
deploy: setup ## scripts (shellcheck), the image's recipe (hadolint), Kubernetes files against its schemas
	$(BIN)/shellcheck deploy/slurm/*.sbatch deploy/oci/base deploy/oci/build requirements/python requirements/offline/*.sh tests/support/programs tests/support/quick-temp .ci/run
	$(BIN)/hadolint --failure-threshold info deploy/oci/Containerfile
	@for version in $(KUBERNETES); do \
	    $(BIN)/kubernetes-validate --quiet --strict -k $$version deploy/kubernetes/*.yaml || exit 1; done

# Not --quiet: what strict would fail on is hidden then, from strict itself as well.
site: setup ## the documentation as a site in build/site; every link in it is tried
	$(BIN)/mkdocs build --strict --site-dir build/site

pictures: setup ## take the README's pictures from a demo, with the tests' browser
	$(BIN)/python -m tests.support.pictures docs/pictures

bench: setup ## beside rclone, and OpenSSH's sftp, on the same work: wall, CPU, memory; writes docs/performance.md  [BENCH="--only large --rounds 5"]
	$(BIN)/python -m bench.run --page docs/performance.md $(BENCH)
	$(BIN)/python -m bench.scale --page docs/performance.md
	$(BIN)/python -m bench.sftp

clean: ## remove what make made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

wheel: setup ## the tool itself as a wheel in dist/, for machines that run it
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

sbom: setup ## what a machine that runs it holds (CycloneDX), and the digests to publish, in dist/
	$(BIN)/python -m requirements.sbom dist

kit: setup ## wheels for machines without internet, with a script that installs them, in dist/  [KEY=an SSH key's file]
	$(BIN)/python -m requirements.kit dist $(KEY)

try-kit: ## install the kit in dist/ where there is no network, and use it  [PYTHON=python3.12]
	requirements/offline/try.sh dist/hdh-migrate-kit-*.tar.gz $(PYTHON)

base: dist/base.tar ## a small base for the image, of Debian's packages alone (as root, with mmdebstrap), in dist/

dist/base.tar:
	@mkdir -p dist
	deploy/oci/base $@

# BASE names an image that is there, or in a registry; without it, the base of Debian's packages.
BASE ?=
BUILD ?= buildah
image: ## the image of the kit in dist/, nothing fetched while it is built  [BASE=image@sha256:...]
	deploy/oci/build "$(BUILD)" "$(BASE)"

release: setup ## wheel, source archive, SBOM and checksums of what is committed, in dist/  [KEY=an SSH key's file]
	$(BIN)/python -m requirements.release dist $(KEY)

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-emit-index-url --no-header --quiet
lock: ## renew requirements/*.lock, one for each purpose (needs uv)
	$(LOCK) pyproject.toml -o requirements/run.lock
	$(LOCK) requirements/audit.in -c requirements/run.lock -o requirements/audit.lock
	$(LOCK) requirements/oracles.in -o requirements/oracles.lock
	$(LOCK) pyproject.toml --extra inventory -c requirements/run.lock -o requirements/inventory.lock
	$(LOCK) pyproject.toml --extra demo -c requirements/run.lock -o requirements/demo.lock
	$(LOCK) pyproject.toml --extra dask -c requirements/run.lock -o requirements/cluster.lock
	$(LOCK) pyproject.toml --extra access -c requirements/cluster.lock -o requirements/access.lock
	$(LOCK) pyproject.toml --all-extras -c requirements/demo.lock -c requirements/cluster.lock -o requirements/dev.lock

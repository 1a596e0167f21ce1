# Everything starts here, and `make` alone tells what there is. Needs make and Python 3.11 or
# newer with venv and pip; each target brings its own set-up into .venv, `make test`, `make campaign`
# and `make docs` also the tools that they need into .venv-tools. To do without one:
# make test TOOLS='eodhd moto nautilus polars qlib'.

PYTHON ?= python3
BIN    := .venv/bin
QUIET  := install --quiet --quiet --disable-pip-version-check --no-input
PIP    := $(BIN)/pip $(QUIET)
FLOOR_TESTS := tests/unit tests/contract/reader tests/contract/exports tests/contract/schema tests/contract/store
CODE   := $(wildcard src tests bench tools bin scripts)
TOOLS  := eodhd moto nautilus polars qlib zipline
SITE   := dist/docs
PORT   ?= 8000

# The first of these that is new enough and complete. (A name in PATH may be an empty shim, and
# Debian's python3 comes without venv.)
find_python = for python in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && break; python=; done

.DEFAULT_GOAL := help
# Hundreds of processes start in a run: what one has compiled, the others load.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help install demo test campaign floors fuzz mutants bench lint format docs docs-serve lock sbom clean

help:  ## Print this list.
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' Makefile | expand -t 12

install: .venv/installed  ## Create .venv; then .venv/bin/nexus runs.
	@echo 'Ready: .venv/bin/nexus'

demo: .venv/installed  ## Show the main job on simulated data: no key, no network.
	@$(BIN)/nexus demo

# Most of the time a test waits: for a server, a clock, the end of a grace. Two processes a core.
test: lint $(TOOLS:%=.venv-tools/%/pinned)  ## Lint, then run every test.
	@$(BIN)/pytest --numprocesses 4 --dist worksteal

# A test of the campaign may take an hour before it counts as hanging.
campaign: .venv/installed $(TOOLS:%=.venv-tools/%/pinned) .venv-tools/docs/pinned  ## Test at length what `make test` tests in short.
	@NEXUS_CAMPAIGN=1 $(BIN)/python -m pytest -p tests.support.campaign -m 'campaign or sized' \
	--override-ini faulthandler_timeout=3600 --numprocesses 2 --dist worksteal

floors: .venv-floors/installed  ## Run the tests of reading and writing with the oldest packages that are allowed.
	@.venv-floors/bin/python -m pytest --numprocesses 2 --dist worksteal $(FLOOR_TESTS)

# An own search by mutation, which goes on where it was stopped; see docs/testing.md.
fuzz: .venv/installed  ## Feed hostile input to all that reads foreign bytes: FUZZ='--executions 1000000'.
	@$(BIN)/python -m tools.fuzz $(FUZZ)

mutants: .venv/installed  ## Seed small mistakes, and print which test catches each.
	@$(BIN)/python -m tools.mutants $(MUTANTS)

bench: .venv/installed  ## Measure, and print what was measured.
	@$(BIN)/python -m bench $(BENCH)

lint: .venv/installed  ## Check style, types and layers; scan for weak code and for secrets.
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory .scans/bandit .scans/secrets

format: .venv/installed  ## Let ruff lay out and mend what it can.
	@$(BIN)/ruff check --fix --exit-zero
	@$(BIN)/ruff format

docs: .venv/installed  ## Write the reference, the manual page and the notebook again, and make the site.
	@$(BIN)/python -m tools.reference
	@$(BIN)/python -m tools.manual
	@$(BIN)/python -m tools.licences
	@$(BIN)/python -m tools.notebook
	@$(MAKE) --no-print-directory $(SITE)/index.html
	@echo 'Ready: $(SITE)/index.html; or run: make docs-serve'

docs-serve: .venv/installed $(SITE)/index.html  ## Show the site on this machine; PORT=8001 in place of 8000.
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(SITE) $(PORT)

lock:  ## Pin what pyproject.toml asks for, with hashes.
	@PYTHON=$(PYTHON) sh tools/lock.sh

sbom: .venv/installed  ## Write sbom.json: what the program runs with (CycloneDX).
	@$(BIN)/python -m tools.sbom > sbom.json

clean:  ## Remove all that make made.
	@rm -rf .venv .venv-floors .venv-tools .fuzz .scans sbom.json .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	.import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two stages, each marked by a file that is written last, so that an interrupted one is done
# again: new pins build the venv anew, an edited pyproject.toml only renews the package in it.
.venv/pinned: requirements-dev.txt
	@$(find_python); if [ -z "$$python" ]; then \
	echo 'Data Nexus needs Python 3.11 or newer with venv and pip (on Debian: python3-venv).' \
	'If yours has another name, say: make PYTHON=/path/to/python3' >&2; exit 1; fi; \
	echo 'Installing the pinned packages into .venv (about half a minute) ...' >&2; \
	"$$python" -m venv --clear .venv
	@$(PIP) --require-hashes --requirement requirements-dev.txt
	@touch $@

.venv/installed: .venv/pinned pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Of the newest Pythons some of the oldest packages have no wheels.
.venv-floors/installed: requirements-floors.txt pyproject.toml
	@for python in python3.11 python3.12; do "$$python" -c 'import venv, ensurepip' 2>/dev/null && \
	break; python=; done; if [ -z "$$python" ]; then \
	echo 'The oldest packages need Python 3.11 or 3.12 with venv and pip.' >&2; exit 1; fi; \
	echo 'Installing the oldest packages into .venv-floors (about a minute) ...' >&2; \
	"$$python" -m venv --clear .venv-floors
	@.venv-floors/bin/pip $(QUIET) --require-hashes --requirement requirements-floors.txt
	@.venv-floors/bin/pip $(QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

$(SITE)/index.html: README.md CHANGELOG.md SECURITY.md $(wildcard docs/*.* docs/*/*.md) \
		$(wildcard tools/site/*.*) .venv-tools/docs/pinned
	@rm -rf $(SITE)
	@.venv-tools/docs/bin/python -m sphinx --quiet --fail-on-warning --keep-going \
	--conf-dir tools/site . $(SITE)
	@touch $@

# Both scans take half a minute for the whole tree, so they look only at what has changed since they
# last passed. Pins are hashes, and the recorded answers a vendor's: no secret would be seen there.
TRACKED  = $(wildcard $(shell git ls-files 2>/dev/null))
PROGRAMS = $(filter $(CODE:%=%/%),$(filter %.py,$(filter-out tests/%,$(TRACKED))))
UNSCANNED = requirements%txt tests/tools/% tests/golden/% docs/demo.svg

.scans/bandit: $(PROGRAMS) pyproject.toml
	@mkdir -p $(@D)
	@$(BIN)/bandit --quiet --configfile pyproject.toml \
	$(if $(filter pyproject.toml,$?),$(PROGRAMS),$?)
	@touch $@

.scans/secrets: $(filter-out $(UNSCANNED) .secrets.baseline,$(TRACKED))
	@mkdir -p $(@D)
	@$(BIN)/detect-secrets-hook --baseline .secrets.baseline $?
	@touch $@

# The tools hold packages at other versions than ours, so each has an environment of its own. A pin's
# marker knows where a tool has wheels: elsewhere its environment stays empty, its tests are skipped
# and say so. Whatever fails here is an error.
install_pins = echo 'Installing $(notdir $(@D)) into $(@D) (about half a minute) ...' >&2; \
	$(BIN)/python -m venv --clear --without-pip $(@D) && \
	$(BIN)/pip --python $(@D)/bin/python $(QUIET) --no-compile --no-deps --only-binary :all: \
	--require-hashes --requirement $<

.venv-tools/docs/pinned: requirements-docs.txt | .venv/pinned
	@$(install_pins)
	@touch $@

.venv-tools/%/pinned: tests/tools/%.txt | .venv/pinned
	@$(install_pins) || { echo 'If $* has no wheel for this machine, name the' \
	"other tools: make test TOOLS='$(filter-out $*,$(TOOLS))'" >&2; exit 1; }
	@touch $@

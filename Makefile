# Two commands on a fresh machine: `make run` and `make test`. Nothing but Python and make first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test lint format schema docs bench lock clean

run: $(VENV)/.run  ## Set up, load the demo shop, serve it, print what to open.
	@$(BIN)/segments demo --serve

test: $(VENV)/.dev lint  ## Set up, check, run all tests.
	$(BIN)/pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/segments schema --check
	$(BIN)/python docs/generate.py --check

format: $(VENV)/.dev  ## Put the code into its format.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.dev  ## Write schema.graphql.
	$(BIN)/segments schema

docs: $(VENV)/.dev  ## Write the pages that are made from the code.
	$(BIN)/python docs/generate.py

bench: $(VENV)/.dev  ## Measure; prints a table.
	$(BIN)/python -m benchmarks

# The locks name versions and hashes, and no host.
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock: $(VENV)/.dev  ## Renew the locks from pyproject.toml.
	$(BIN)/python -m $(LOCK) pyproject.toml --extra build -o requirements.lock
	$(BIN)/python -m $(LOCK) pyproject.toml --extra build --extra dev -c requirements.lock \
		-o requirements-dev.lock

# A stamp, so that an environment that was only half made is made again.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/.made
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.made
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) data dist

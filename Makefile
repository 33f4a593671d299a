# Everything that a change needs, one word each: `make help` lists it. `make test` sets up what it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
T ?= tests/scaffold

BIN := $(abspath $(VENV))/bin
INSTALLED := $(VENV)/.installed
# Tests call the programs that are installed beside Python.
export PATH := $(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help environment setup fmt lint types test one e2e slow hooks clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "%-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make the environment in .venv, with what tests need

# Some systems ship Python without the part of venv that installs pip.
environment:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || ( rm -rf $(VENV) \
	  && $(PYTHON) -m pip install --quiet --target $(VENV)-maker virtualenv \
	  && PYTHONPATH=$(VENV)-maker $(PYTHON) -m virtualenv --quiet $(VENV) \
	  && rm -rf $(VENV)-maker )

$(INSTALLED): pyproject.toml
	@$(MAKE) --no-print-directory environment
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

fmt: setup ## Format the code, and mend what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lint: setup ## Check the style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup ## Check the types
	$(BIN)/mypy

test: setup lint types ## Set up, check style and types, run the default tests
	$(BIN)/pytest

one: setup ## Run some tests alone: make one T='tests/table -k sqlite'
	$(BIN)/pytest -n 0 $(T)

e2e: setup ## Run the tests of real servers, and of all of it deployed to a stand-in for AWS
	$(BIN)/pytest -m e2e -n 0

slow: setup ## Run the tests of large numbers, and record the result in docs/slow-tests.md
	$(BIN)/python -m tests.slow_tests

hooks: setup ## Let git run the checks before each commit
	$(BIN)/pre-commit install

clean: ## Remove the environment and what tools have kept
	rm -rf $(VENV) $(VENV)-maker .mypy_cache .pytest_cache .ruff_cache

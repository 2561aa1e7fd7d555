# Everything runs in a virtual environment of its own, which the first target that needs it makes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(READY) ## run everything on this machine: service, BSS, S3 and PostgreSQL
	@exec $(BIN)/dreamlake-assets dev

.PHONY: demo
demo: $(READY) ## upload, register, list and download a real video; needs "make run" beside it
	@$(BIN)/dreamlake-assets demo

.PHONY: test
test: $(READY) ## run all tests
	$(BIN)/python -m pytest

.PHONY: lint
lint: $(READY) ## check style and types of Python and SQL
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar sql

.PHONY: format
format: $(READY) ## format Python and SQL
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/sqlfluff fix --disable-progress-bar sql

.PHONY: bench
bench: $(READY) ## measure what requests cost; QUICK=1 takes two minutes
	$(BIN)/python -m tests.bench

.PHONY: schema
schema: $(READY) ## write sql/schema.sql from the migrations
	$(BIN)/python -m tests.migrations.schema

.PHONY: lock
lock: ## pin the newest versions that setup.cfg allows
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile $(LOCK) --output-file requirements.txt setup.cfg
	$(BIN)/uv pip compile $(LOCK) --extra dev --output-file requirements-dev.txt setup.cfg

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

.PHONY: clean
clean: ## remove what was made here; the data of "make run" too
	rm -rf $(VENV) var build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

$(READY): requirements-dev.txt setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

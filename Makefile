# `make` lists the targets. Every target works in a fresh clone: it installs what it needs into .venv first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
BIN := .venv/bin
LOCKS := requirements.txt requirements-dev.txt requirements-bootstrap.txt
export PYTHONPATH := include:.

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14 | sort

.venv/.installed: $(LOCKS)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	@echo "installing the locked requirements into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements-bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --only-binary :all: -r requirements.txt -r requirements-dev.txt
	@touch $@

.PHONY: install
install: .venv/.installed ## install the locked requirements into .venv

.PHONY: lock
lock: .venv/.installed ## make the locks again from requirements*.in (UPGRADE=yes: with the newest versions)
	@for name in requirements requirements-dev requirements-bootstrap; do \
		$(BIN)/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-header -o $$name.txt $$name.in; \
	done

.PHONY: sbom
sbom: .venv/.installed ## a CycloneDX bill of materials of each lock, in build/sbom/
	@mkdir -p build/sbom
	@for name in $(basename $(LOCKS)); do \
		$(BIN)/cyclonedx-py requirements --output-reproducible --output-file build/sbom/$$name.cdx.json $$name.txt; \
	done

.PHONY: audit
audit: .venv/.installed ## look every locked package up in a database of vulnerabilities (OSV=URL: in a mirror)
	@$(BIN)/python deploy/audit.py $(if $(OSV),--osv $(OSV)) $(if $(IF_REACHABLE),--if-reachable) $(LOCKS)

.PHONY: check
check: .venv/.installed ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: test
test: .venv/.installed ## every test, on real PostgreSQL, Redis, Kafka and Airflow
	@$(BIN)/pytest

.PHONY: chaos
chaos: export CHAOS_SCHEDULES := $(or $(CHAOS_SCHEDULES),150)
chaos: export CHAOS_ORDERS := $(or $(CHAOS_ORDERS),200000)
chaos: export CHAOS_EXAMPLES := $(or $(CHAOS_EXAMPLES),150)
chaos: .venv/.installed ## random kills, live orders, faults (docs/reliability.md): CHAOS_SCHEDULES=1000 for more, CHAOS_SEED=7 for one
	@$(BIN)/pytest $(if $(CHAOS_SEED),tests/chaos/test_schedules.py,tests/chaos tests/faults)

.PHONY: soak
soak: .venv/.installed ## nights one after the other with orders and restarts, to see that nothing grows: SOAK_MINUTES=360 for long
	@$(BIN)/python -m tests.kit.soak

.PHONY: test-cluster
test-cluster: .venv/.installed ## the tests on Apache Kafka, TLS, Celery and docker-compose.yaml's own configuration
	@$(BIN)/pytest --cluster tests/cluster tests/integration tests/e2e/test_people_are_told.py \
		tests/e2e/test_celery.py tests/e2e/test_stock_sync.py

.PHONY: test-browser
test-browser: .venv/.installed ## the page in Airflow's UI, in Debian's chromium
	@$(BIN)/pytest tests/browser

.PHONY: env
env: ## write .env with fresh random passwords, which docker compose requires
	@$(PYTHON) deploy/env.py .env

.PHONY: mutants
mutants: .venv/.installed ## put bugs into the program one at a time and see each one caught (docs/reliability.md)
	@$(BIN)/python -m tests.kit.mutants

.PHONY: demo
demo: .venv/.installed ## one night from start to end on embedded services (no Docker): exit 0 if it did what the data says
	@$(BIN)/python -m local demo

.PHONY: up
up: .venv/.installed ## everything up, the Airflow UI on 127.0.0.1; Ctrl-C or `make down` ends it
	@$(BIN)/python -m local up

.PHONY: down
down: .venv/.installed ## end what `make up` started
	@$(BIN)/python -m local down

.PHONY: bench
bench: .venv/.installed ## how fast it is against the floor of this machine: ten minutes, build/bench/ (BENCH_SIZES=10k,100k,1m,10m)
	@$(BIN)/python -m benchmarks

# Perdure: how to run, try and check it. A bare `make` prints the targets.
#
# PYTHON=python3.12   the Python to make the environment with (default: the newest found, 3.11 or later)
# ARGS="..."          handed to the program that the target runs
# WORKERS=4           processes that share the tests (default: one per core)

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The tests start Python a few hundred times: where an environment forbids bytecode, as images for
# containers like to, all of Perdure would be compiled each time. `make clean` takes it away.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?=
ARGS ?=
WORKERS ?= auto
SEEDS ?= 10000
FIRST ?= 0

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n $(WORKERS) --dist worksteal
# Pins of what users' type checkers accept and refuse, once they are there.
PINS := $(if $(wildcard tests/typing),-p tests.typing)

# The first Python 3.11 or later that answers runs tools/environment.py, which finds the newest one.
STARTERS := $(if $(PYTHON),$(PYTHON),python3 $(foreach n,19 18 17 16 15 14 13 12 11,python3.$(n)) \
	$(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.*/bin/python))
define environment
@for python in $(STARTERS); do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		PYTHON="$(PYTHON)" exec "$$python" -m tools.environment $(1); \
	fi; \
done; \
echo "Perdure needs Python 3.11 or later; none of these is one: $(STARTERS)." >&2; \
echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
exit 1
endef

.PHONY: help demo test test-faults simulate mutants soak check format bench bench-postgres coverage public-names clean \
	setup-demo setup-dev check-format check-lint check-types check-style

help: ## print these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup-demo ## 200 orders through a misbehaving shop, with the worker killed; ARGS="--orders 50"
	@$(BIN)/perdure demo $(ARGS)

test: setup-dev ## the fast tests, then their core on every other Python of this machine
	$(PYTEST) tests -m "not faults and not soak" $(PARALLEL) --durations=15 $(ARGS)
	@$(BIN)/python -m tools.every_python

test-faults: setup-dev ## real processes, exhaustive crashes; at most 15 minutes
	$(PYTEST) tests -m faults $(PARALLEL) --durations=15 $(ARGS)

simulate: setup-dev ## seeded worlds on all cores; SEEDS=10000 FIRST=0, or ARGS="--seed 7" for a story
	@$(BIN)/python -W ignore -m tests.simulation --seeds $(SEEDS) --first $(FIRST) $(ARGS)

mutants: setup-dev ## mistakes in our own code, and by which check of the simulator each is caught
	@$(BIN)/python -W ignore -m tests.simulation.mutants $(ARGS)

soak: setup-dev ## random faults for SOAK_SECONDS=3600, or until Ctrl-C; SOAK_SEED=1 repeats a round
	$(PYTEST) tests -m soak --timeout=0 --capture=no $(ARGS)

check: check-format check-lint check-types check-style ## format, lint, types, layers, style

check-format: setup-dev
	$(BIN)/ruff format --check .

check-lint: setup-dev
	$(BIN)/ruff check .

check-types: setup-dev
	$(BIN)/mypy -p perdure -p pytest_perdure -p tools -p tests.tidy -p tests.postgres -p benchmarks $(PINS)
	$(BIN)/pyright --pythonpath $(BIN)/python

check-style: setup-dev
	$(PYTEST) tests/tidy $(PARALLEL)

format: setup-dev ## format the code, and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup-dev ## benchmarks; ARGS="throughput --journal sqlite --workflows 5000", without: their help
	@$(BIN)/python -m benchmarks $(if $(ARGS),$(ARGS),--help)

bench-postgres: setup-dev ## the same on a PostgreSQL of its own; ARGS="copy"
	@$(BIN)/python -m tests.postgres.measured $(ARGS)

coverage: setup-dev ## the fast tests once more, with the lines that they miss
	$(BIN)/coverage run -m pytest tests -m "not faults and not soak" $(ARGS)
	$(BIN)/coverage report --show-missing --skip-covered

public-names: setup-dev ## pin the public names of today in tests/tidy/public_names.txt
	@$(BIN)/python -m tools.public_names

clean: ## remove the environments and everything else that can be made again
	rm -rf .venv .venv-* build dist src/*.egg-info .coverage .coverage.*
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup-demo:
	$(call environment,demo)

setup-dev:
	$(call environment,demo dev)

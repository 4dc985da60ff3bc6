# Every command works in .venv of this checkout; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
OUT ?= demo

.DEFAULT_GOAL := help
.PHONY: help demo test check format assets relock soak bench clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sideman needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 lacks venv: on Debian and Ubuntu run 'apt-get install python3-venv'"; exit 1; }

$(STAMP): $(BIN)/python pyproject.toml assets.lock.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(DEV_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## run the main job on the demo song, or on SONG=path
	$(BIN)/sideman demo -o $(OUT) $(if $(SONG),--song '$(SONG)')

test: $(DEV_STAMP)  ## set up and pass the whole test suite
	$(BIN)/python -m pytest -n 2

check: $(DEV_STAMP)  ## format, lint, types, import contracts, documentation contracts
	$(BIN)/ruff format --check src tests tools benchmarks training hatch_build.py
	$(BIN)/ruff check src tests tools benchmarks training hatch_build.py
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/contracts

format: $(DEV_STAMP)  ## let ruff format and mend
	$(BIN)/ruff format src tests tools benchmarks training hatch_build.py
	$(BIN)/ruff check --fix src tests tools benchmarks training hatch_build.py

assets: $(STAMP)  ## lay the third-party files of assets.lock.toml
	$(BIN)/python tools/carry.py

relock: $(STAMP)  ## after editing a version in assets.lock.toml
	$(BIN)/python tools/carry.py --relock

soak: $(DEV_STAMP)  ## long recordings: memory and time; writes benchmarks/results
	$(BIN)/python -m benchmarks.long_recordings

bench: $(DEV_STAMP)  ## every benchmark that needs no outside audio; writes benchmarks/results
	$(BIN)/python -m benchmarks.main_job
	$(BIN)/python -m benchmarks.install

clean:  ## remove the environment and what was made
	rm -rf $(VENV) demo dist build .mypy_cache .ruff_cache .pytest_cache

# Every command works in .venv of this checkout; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
SERVER_STAMP := $(VENV)/.installed-server
OUT ?= demo
# PyTorch's own index of wheels for CPUs: the usual ones for Linux bring gigabytes of CUDA, which the tests do not need. The version is that of
# the extra `dev` in pyproject.toml; it is installed alone, so that no other package is looked for there; where there is no such wheel (Macs with Intel processors) the tests that need it say so.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
DATA ?= library
PORT ?= 5000

.DEFAULT_GOAL := help
.PHONY: help demo serve test check format migration assets relock soak bench clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sideman needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 lacks venv: on Debian and Ubuntu run 'apt-get install python3-venv'"; exit 1; }

$(STAMP): $(BIN)/python pyproject.toml assets.lock.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(SERVER_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[server]'
	@touch $@

$(DEV_STAMP): $(STAMP)
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --retries 2 --extra-index-url $(TORCH_INDEX) 'torch==2.13.0'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(SERVER_STAMP)  ## run the main job on the demo song, or on SONG=path, and leave it in the library DATA=library
	$(BIN)/sideman demo -o $(OUT) --library $(DATA) $(if $(SONG),--song '$(SONG)')

serve: $(SERVER_STAMP)  ## run the server and a worker on the library in DATA=library, PORT=5000
	$(BIN)/sideman serve --host 127.0.0.1 --port $(PORT) --data $(DATA)

test: $(DEV_STAMP)  ## set up and pass the test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(DEV_STAMP)  ## format, lint, types, import contracts, documentation contracts
	$(BIN)/ruff format --check src tests tools benchmarks training hatch_build.py
	$(BIN)/ruff check src tests tools benchmarks training hatch_build.py
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_scripts.py
	$(BIN)/python -m pytest tests/contracts

format: $(DEV_STAMP)  ## let ruff format and mend
	$(BIN)/ruff format src tests tools benchmarks training hatch_build.py
	$(BIN)/ruff check --fix src tests tools benchmarks training hatch_build.py

migration: $(DEV_STAMP)  ## write a migration after a change of the tables: NAME='what changes'
	$(BIN)/python tools/make_migration.py '$(NAME)'

assets: $(STAMP)  ## lay the third-party files of assets.lock.toml
	$(BIN)/python tools/carry.py

relock: $(STAMP)  ## after editing a version in assets.lock.toml
	$(BIN)/python tools/carry.py --relock

soak: $(DEV_STAMP)  ## long runs: the rest of the tests, memory of long recordings, kill -9 over a batch; writes benchmarks/results
	$(BIN)/python -m pytest -m soak
	$(BIN)/python -m benchmarks.long_recordings
	$(BIN)/python -m benchmarks.fault_soak

bench: $(DEV_STAMP)  ## main job, installation, library and server side by side with peers; writes benchmarks/results
	$(BIN)/python -m benchmarks.main_job
	$(BIN)/python -m benchmarks.install
	$(BIN)/python -m benchmarks.library_scale
	$(BIN)/python -m benchmarks.platform
	$(BIN)/python -m benchmarks.deployment

clean:  ## remove the environment and what was made
	rm -rf $(VENV) demo dist build .mypy_cache .ruff_cache .pytest_cache

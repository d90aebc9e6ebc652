# The commands people type. Continuous integration runs `check` and `test`, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install demo up check test accept format protos lock clean

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c requirements.lock --build-constraint requirements.lock
PYTHON ?= $(shell for python in python3 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
MODEL_FILES := $(wildcard services/face_models/*/*/model.py services/*/models/*/*/model.py)
ARGS ?=

.PRECIOUS: $(VENV)/.%

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.dev  ## create .venv with everything that development and training need (6 GB)

demo: $(VENV)/.demo  ## analyse real photographs, write out/, keep serving (ARGS=--once: stop then)
	@$(PY) -m deploy.demo $(ARGS)

up: $(VENV)/.demo  ## run every service and the gateway until Ctrl-C
	@$(PY) -m deploy.local $(ARGS)

check: $(VENV)/.dev  ## format, lint, types, import rules, contracts, tree rules: at most two minutes
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	@for model in $(MODEL_FILES); do echo "mypy $$model"; \
		$(PY) -m mypy --no-error-summary --no-namespace-packages --no-explicit-package-bases $$model; done
	$(VENV)/bin/lint-imports
	$(PY) protos/generate.py --check
	$(PY) protos/check_compatibility.py
	$(PY) -m pytest -q tests/frame/test_rules.py tests/frame/test_weights.py

test: $(VENV)/.dev  ## every test (ARGS="-k queue" for some)
	$(PY) -m pytest $(ARGS)

accept: $(VENV)/.dev  ## measure what NAME promises, e.g. NAME=house: one JSON line per figure
	@$(PY) -m tests.acceptance.$(or $(NAME),$(error accept needs NAME, e.g. make accept NAME=house))

format: $(VENV)/.dev  ## rewrite the code as `check` wants it
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

protos: $(VENV)/.dev  ## regenerate the stubs after a change of a .proto file
	$(PY) protos/generate.py

lock: $(VENV)/.dev  ## resolve all dependency groups again into requirements.lock
	$(PY) -m deploy.lock

clean:  ## remove the environment and everything generated
	rm -rf $(VENV) out build dist protos/*.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Imago needs Python 3.11 or 3.12 as python3; none was found." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot create environments; on Debian: apt install python3-venv" >&2; exit 1; }

# One stamp for each dependency group. `dev` contains `demo` and `training`; what the demo needs comes without torch.
$(VENV)/.%: pyproject.toml requirements.lock | $(VENV)/bin/python
	@echo "Installing what '$*' needs into $(VENV); the first time takes a minute or two ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check -c requirements.lock pip setuptools wheel
	@$(PIP) --group $* -e .
	@if [ $* = dev ]; then touch $(VENV)/.demo; fi
	@touch $@

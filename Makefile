# The two commands of a newcomer are `make demo` and `make test`; both create .venv and install once.
# Other goals: quick, lint, docs, notebooks, pictures, minimums, loggers, old-runtimes, cpp, constraints, clean. Works from any folder: make -C path/to/e2e-tf demo

ROOT := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= python3
OLD_PYTHON ?= python3.9
VENV := $(ROOT)/.venv
BIN := $(VENV)/bin
OUT ?= demo_out
TESTS ?= tests
# uv installs in half the time; pip is the way out where uv cannot be had or does not know the package index.
UV := $(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(BIN)/python
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# An environment without pip was stopped half-way: it is made anew.
NEW_VENV = $(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info < (3, 14) else "e2e-tf needs Python 3.10 to 3.13, this is " + sys.version.split()[0] + "; run make PYTHON=python3.11")' && $(PYTHON) -m venv --clear "$(VENV)"
INSTALL = cd "$(ROOT)" && { $(BIN)/python -m pip --version > /dev/null 2>&1 || { $(NEW_VENV); }; } && { $(PIP) uv && $(UV) -c constraints.txt -e $(1) 2>/dev/null || $(PIP) -c constraints.txt -e $(1); }

# Two processes test on two cores: threads beside them would spend their time waiting for one another. They take whole files in
# the order of tests/conftest.py, longest first.
PYTEST = cd "$(ROOT)" && OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 $(1) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test quick lint docs notebooks pictures minimums loggers old-runtimes cpp constraints clean

demo: $(VENV)/.installed
	cd "$(ROOT)" && $(BIN)/e2e-tf demo --out "$(OUT)" --force

test: $(VENV)/.installed-dev
	$(call PYTEST,$(BIN)/python) $(TESTS)

# All but the tests that train, export or build something for several seconds.
quick: $(VENV)/.installed-dev
	$(call PYTEST,$(BIN)/python) -m "not slow" $(TESTS)

# mypy reads folders and does not follow the mapping of an editable install: build/types shows it the installed layout.
TYPES := $(ROOT)/build/types/e2e_tf

lint: $(VENV)/.installed-dev
	rm -rf "$(TYPES)" && mkdir -p "$(TYPES)" && ln -s "$(ROOT)"/e2e_tf/* "$(ROOT)/tuning" "$(ROOT)/deploy" "$(TYPES)"
	cd "$(ROOT)" && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# The site in build/site: warnings are errors (with --quiet MkDocs would not count them), links and the reference are checked. Notebooks are shown as `make notebooks`
# left them, or without outputs.
docs: $(VENV)/.installed-docs
	cd "$(ROOT)" && NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict && $(BIN)/python docs/_tools/check.py build/site

notebooks: $(VENV)/.installed-docs
	cd "$(ROOT)" && $(BIN)/python docs/_tools/notebooks.py

# The pictures of the concept pages, those of the study from its results, and the layers of the models.
pictures: $(VENV)/.installed-docs
	cd "$(ROOT)" && $(BIN)/python docs/_tools/concept_pictures.py
	cd "$(ROOT)" && $(BIN)/python docs/_tools/model_steps.py
	cd "$(ROOT)" && $(BIN)/python -m studies.tau report .

$(VENV)/bin/python:
	@$(NEW_VENV)

# A stamp is older than what it was made from only when the dependencies have changed.
$(VENV)/.installed: $(ROOT)/pyproject.toml $(ROOT)/constraints.txt | $(VENV)/bin/python
	@echo "Installing e2e-tf and TensorFlow into .venv (once, one or two minutes)"
	@$(call INSTALL,.)
	@touch "$@"

$(VENV)/.installed-dev: $(ROOT)/pyproject.toml $(ROOT)/constraints.txt | $(VENV)/bin/python
	@echo "Installing e2e-tf, TensorFlow and what the tests need into .venv (once, two or three minutes)"
	@$(call INSTALL,'.[dev]')
	@touch "$@" "$(VENV)/.installed"

$(VENV)/.installed-docs: $(ROOT)/pyproject.toml $(ROOT)/constraints.txt | $(VENV)/bin/python
	@echo "Installing e2e-tf, TensorFlow and what the site needs into .venv (once, two or three minutes)"
	@$(call INSTALL,'.[docs]')
	@touch "$@"

# The C++ builder and runners, against the libraries of the TensorFlow and ONNX Runtime wheels.
cpp: $(VENV)/.installed
	$(MAKE) -C "$(ROOT)/deploy/cpp" PYTHON=$(BIN)/python

# The lowest versions that pyproject.toml allows, in an environment of their own.
minimums: $(VENV)/.installed-dev
	cd "$(ROOT)" && $(BIN)/python -m pip install --quiet uv
	cd "$(ROOT)" && $(BIN)/uv venv --quiet --clear --python $(PYTHON) .venv-minimums
	cd "$(ROOT)" && $(BIN)/uv pip install --quiet --compile-bytecode --python .venv-minimums/bin/python --resolution lowest-direct -e '.[dev]'
	$(call PYTEST,.venv-minimums/bin/python) $(TESTS)

# Weights & Biases, Comet and MLflow with its server, in an environment of their own: they bring half a hundred packages.
loggers: $(VENV)/.installed-dev
	cd "$(ROOT)" && $(BIN)/python -m pip install --quiet uv
	cd "$(ROOT)" && $(BIN)/uv venv --quiet --clear --python $(PYTHON) .venv-loggers
	cd "$(ROOT)" && $(BIN)/uv pip install --quiet --compile-bytecode --python .venv-loggers/bin/python -e '.[dev,wandb,comet]' mlflow
	$(call PYTEST,.venv-loggers/bin/python) tests/training/test_loggers.py

# The runtimes of CMSSW releases, in environments of their own; OLD_PYTHON is one that they have wheels for.
old-runtimes: $(VENV)/.installed
	cd "$(ROOT)" && PYTHON=$(OLD_PYTHON) sh deploy/old_runtimes.sh

# Exact versions for the two commands, for every Python and platform at once.
constraints:
	cd "$(ROOT)" && $(PYTHON) -m pip install --quiet uv && $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.10 --all-extras --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o constraints.txt

clean:
	rm -rf "$(VENV)" "$(ROOT)/.venv-minimums" "$(ROOT)/.venv-loggers" "$(ROOT)/.venv-old-runtimes" "$(ROOT)/demo_out"

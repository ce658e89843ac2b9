# The commands of this project; `make` lists them. Each installs what it needs into .venv, once.

VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
NODE := tests/clients/node
# Each major version of Intercom's clients has an environment of its own.
MAJORS := tests/clients/majors
PYTHON_MAJORS := $(patsubst %,.venv-clients/python-intercom-%,2 3 4 5)
SOURCES := events_pandas tests
ENGINES := $(addprefix tests/,e2e/test_dask.py e2e/test_spark.py contract/test_documents.py contract/test_examples.py)
# PySpark has 450 MB. It is installed by `make test-engines`, and by other commands where Java could run it.
JAVA := $(or $(shell command -v java 2>/dev/null),$(JAVA_HOME))
# Many tests wait rather than compute: more of them than a small machine has cores are run at a time.
WORKERS := 4
# A part of the marks of `make test`: where `make test-more` follows, it need not try the properties, too.
LEFT_OUT :=
# Where tests have limits in seconds, fewer run at a time; only the files with such tests are collected then.
ALONE := -m alone --numprocesses 3 --dist worksteal $(sort $(shell grep -rl --include='*.py' 'mark\.alone' tests))
# Only these are traced for coverage: tracing takes most of the time of property tests, and of those with servers.
# They compute rather than wait: fewer run at a time, since each worker collects all of them first.
TRACED := tests/unit tests/e2e/test_check_contacts.py tests/e2e/test_contacts_first.py tests/e2e/test_create_contacts.py
# `make test-oldest` leaves out what does not depend on the versions of libraries: the text of our own docstrings, files
# and documents, notebooks as they were committed, the arithmetic of pace, SQLite and locks, which come with Python, the
# streams that a command writes to, and reports on the command line, whose parts other files test there.
STEADY := $(addprefix tests/,notebooks e2e/test_journal_troubles.py e2e/test_output.py e2e/test_report.py \
	$(addprefix contract/test_,class_names.py docstrings.py files.py import_contracts.py keyboard_interrupts.py links.py \
	options.py reference.py) $(addprefix unit/deliver/,pace $(addprefix journal/test_,odd_file_systems.py opening.py \
	processes.py)) $(addprefix unit/sandbox/,rules workspace))
# Python compiles a module when it is first imported: most of those in 150 MB never are.
PIP := --quiet --disable-pip-version-check --no-compile
# Set PYTHON to choose the interpreter. pyenv has shims that fail for versions that are not active: each is tried.
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)

# The workers, and the commands that tests start, need not compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-more test-deep check notebooks bench test-oldest test-engines test-node test-clients clean python

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/sandbox.installed ## Submit a real CSV to a local Intercom, and show what became of it
	@$(BIN)/events-pandas demo

test: $(VENV)/test.installed ## Run all tests but the deep cases, with branch coverage
	@$(BIN)/python -m pytest --numprocesses 3 --dist worksteal -m "not alone and not deep and not engines" $(TRACED) --cov
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal -m "not alone and not deep and not engines $(LEFT_OUT)" $(TRACED:%=--ignore=%)
	@$(BIN)/python -m pytest $(ALONE)

# Hypothesis marks its tests. `make test` leaves the deep cases out, and tries each property with few examples, as
# `make test-oldest` does.
test-more: $(VENV)/test.installed ## Run the deep cases, and property tests with six times as many examples
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --hypothesis-profile more \
		-m "deep or hypothesis" tests/property

# A test may take minutes here, and does not hang then.
test-deep: $(VENV)/test.installed ## Run all deep cases, and property tests with thirty times as many examples
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --hypothesis-profile deep \
		--override-ini faulthandler_timeout=3600 tests/property tests/e2e/test_interrupts.py

check: $(VENV)/check.installed ## Lint, format, types, docstrings and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/contract/test_docstrings.py

notebooks: $(VENV)/test.installed ## Run the notebooks, and write their outputs into them
	NOTEBOOKS=write $(BIN)/python -m pytest --quiet tests/notebooks/test_notebooks.py

bench: $(VENV)/bench.installed $(if $(JAVA),$(VENV)/test-engines.installed) ## Measure conversion, checks, submission, engines, import time and the sandbox
	@failed=0; for benchmark in tests/benchmarks/*.py; do $(BIN)/python "$$benchmark" || failed=1; done; exit $$failed

test-oldest: $(OLDEST)/test.installed ## Run the tests on the oldest supported versions, also of Dask and Spark
	@$(OLDEST)/bin/python -m pytest --numprocesses $(WORKERS) --dist worksteal -m "not alone and not slow and not deep and not engines and not browser" \
		$(STEADY:%=--ignore=%)
	@$(OLDEST)/bin/python -m pytest $(ALONE:alone="alone and not slow and not deep and not browser")
	@$(OLDEST)/bin/python -m pytest --numprocesses 2 --dist worksteal -m "engines and not slow" $(filter tests/e2e/%,$(ENGINES))

test-engines: $(VENV)/test-engines.installed ## Run the tests on clusters: Dask, and Spark with the Java of this machine
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m engines $(ENGINES)

test-node: $(VENV)/sandbox.installed $(NODE)/node_modules ## Drive the sandbox with Intercom's own client for Node
	@cd $(NODE) && EVENTS_PANDAS="$(abspath $(BIN))/events-pandas" npm test --silent

test-clients: test-node $(PYTHON_MAJORS:=/installed) $(MAJORS)/node_modules ## Drive it with every major version of Intercom's clients
	@$(BIN)/python -m pytest --verbose tests/clients/test_python_intercom.py $(MAJORS)/majors.py

clean: ## Remove what the other commands made
	rm -rf $(VENV) $(OLDEST) .venv-clients $(NODE)/node_modules $(MAJORS)/node_modules .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

python: ## Print the Python that the environments are made with
	@for python in $(PYTHONS); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then echo "$$python"; exit 0; fi; \
		bare="$$bare $$python"; \
	done; \
	if [ "$$bare" ]; then echo "No virtual environments with$$bare: apt-get install python3-venv" >&2; \
	else echo "No Python 3.11 or later among $(PYTHONS): install one, or say make PYTHON=/path/to/python" >&2; fi; \
	exit 1

# ensurepip writes pip last: where it is, the environment is whole.
$(BIN)/pip $(OLDEST)/bin/pip:
	@python=$$($(MAKE) --silent --no-print-directory python) && "$$python" -m venv --clear $(@D)/..

# One environment for all but the oldest: each command adds its extra, and none takes anything away. Those of `check`
# and `test-engines` include that of `test`, which pip would take seconds to find out.
$(VENV)/%.installed: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install $(PIP) --editable '.[$*]'
	@touch $@ $(if $(filter check test-engines,$*),$(VENV)/test.installed)

%/node_modules: %/package.json
	npm install --prefix $* --no-package-lock --no-audit --no-fund --silent
	@touch $@

.venv-clients/python-intercom-%/installed: | $(VENV)/test.installed
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/python -m pip install $(PIP) "python-intercom==$*.*"
	@touch $@

$(OLDEST)/test.installed: pyproject.toml tests/constraints-oldest.txt | $(OLDEST)/bin/pip
	$(OLDEST)/bin/python -m pip install $(PIP) --editable '.[$(if $(JAVA),test-engines,test)]' --constraint tests/constraints-oldest.txt
	@touch $@

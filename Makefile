# Two commands for a newcomer: `make demo` and `make test`. Everything else is for those who work here.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(VENV)/.locked: requirements/development.txt requirements/create-environment
	@sh requirements/create-environment $(VENV)
	@touch $@

$(STAMP): $(VENV)/.locked pyproject.toml
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --no-deps --no-build-isolation --no-index -e .
	@touch $@

setup: $(STAMP)  ## create .venv from the locked requirements

demo: $(STAMP)   ## open the console on the built-in simulator
	@$(BIN)/killswitch-console demo

test: lint types layers unit ## every check that must be green

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports --no-cache

unit: $(STAMP)
	$(BIN)/pytest -m "not bench and not chaos"

REAL_KUBERNETES := $(addprefix tests/backends/kubernetes/test_kubernetes_,kinds.py halting.py observing.py forced.py single.py mixed.py meanwhile.py restarting.py)

real: $(STAMP)   ## the behaviour tests on a cluster to throw away (KUBECONFIG=FILE) or a sandbox account (AWS_PROFILE=NAME AWS_REGION=REGION)
	@test -n "$(KUBECONFIG)$(AWS_PROFILE)" || { echo "make real KUBECONFIG=FILE, or AWS_PROFILE=NAME AWS_REGION=REGION" >&2; exit 2; }
	@test -z "$(KUBECONFIG)" || test -f "$(KUBECONFIG)" || { echo "make real KUBECONFIG=FILE: no such file '$(KUBECONFIG)'" >&2; exit 2; }
	test -z "$(KUBECONFIG)" || KILLSWITCH_REAL_KUBECONFIG="$(abspath $(KUBECONFIG))" KILLSWITCH_REAL_RESTART="$$RESTART" \
		$(BIN)/pytest -n 0 -rs $(REAL_KUBERNETES)
	test -z "$(AWS_PROFILE)" || KILLSWITCH_REAL_AWS=1 AWS_PROFILE="$(AWS_PROFILE)" AWS_REGION="$(AWS_REGION)" $(BIN)/pytest -n 0 -rs \
		-k "[real" tests/backends/aws_lambda/test_lambda_halt.py tests/backends/aws_lambda/test_lambda_restore.py \
		tests/backends/aws_iam/test_iam_halt.py

chaos: $(STAMP)  ## the fault matrix (written to docs/fault-matrix.md) and the kill -9 runs; half an hour
	KILLSWITCH_HOSTILE=deep $(BIN)/pytest tests/hostile
	rm -rf build/fault-matrix && mkdir -p build/fault-matrix
	$(BIN)/pytest -m chaos -n 0 tests/chaos/test_load.py
	KILLSWITCH_FAULT_MATRIX="$(abspath build/fault-matrix)" $(BIN)/pytest -m chaos -n 3 --ignore tests/chaos/test_load.py; ended=$$?; \
		cd tests && ../$(BIN)/python -m faulting.page ../build/fault-matrix; exit $$ended

PYTHONS ?= $(foreach v,12 13 14,$(shell python3.$(v) -c 'import sys; print(sys.executable)' 2>/dev/null))

pythons:         ## the tests under every other interpreter that is found (PYTHONS="/path/to/python3.14 ...")
	@test -n "$(PYTHONS)" || { echo 'no python3.12, python3.13 or python3.14 is here; PYTHONS="/path/to/python ..."' >&2; exit 2; }
	set -e; for python in $(PYTHONS); do \
		place="build/pythons/$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; mkdir -p build/pythons; \
		PYTHON="$$python" sh requirements/create-environment "$$place"; \
		"$$place/bin/python" -m pip --quiet --disable-pip-version-check install --no-deps --no-build-isolation --no-index -e .; \
		"$$place/bin/pytest" -m "not bench and not chaos"; \
	done

SECONDS ?= 60

fuzz: $(STAMP)   ## fuzz what reads bytes of strangers (SECONDS=60 for each target, ONLY=name for one)
	cd tests && ../$(BIN)/python -m hostile.fuzzing $(SECONDS) $(ONLY)

bench: $(STAMP)  ## measure speed, print a table (ONLY=name for one)
	cd tests && ../$(BIN)/python -m benchmarks $(ONLY)

snapshots: $(STAMP) ## accept the pictures as they are now
	$(BIN)/pytest tests/console/tui --snapshot-update -n 0

documents: $(STAMP) ## write the configuration reference anew from the models
	cd tests && ../$(BIN)/python -m reference

release: $(STAMP) ## wheel, source archive and bill of materials into dist/, the same bytes each time
	rm -rf dist
	SOURCE_DATE_EPOCH="$$(git log -1 --pretty=%ct)" $(BIN)/hatchling build -d dist
	$(BIN)/python -W ignore -m cyclonedx_py requirements requirements/bastion.txt --pyproject pyproject.toml \
		--output-reproducible --no-validate --sv 1.6 --of JSON -o dist/killswitch-console.cdx.json
	$(BIN)/python requirements/bill-of-materials dist/killswitch-console.cdx.json dist/*.whl

lock:            ## refresh the locked requirements (needs uv)
	sh requirements/lock

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache

.PHONY: fuzz pythons release documents real help setup demo test lint types layers unit chaos bench snapshots lock clean

# Every target is one line; `make` alone lists them.
PYTHON := .venv/bin/python
INVENTORY ?= inventory.py
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down check test test-variants tests-prepared unit lint lock newest drift status doctor report drill bench \
	torture secrets-edit secrets-rekey
.NOTPARALLEL:

# The files in the order that tests/host/conftest.py gives them, each in one process.
SIDE_BY_SIDE = --numprocesses 3 --dist loadfile --no-loadscope-reorder
PIP = bin/python -m pip install --quiet --disable-pip-version-check --no-input
# Only what the lock names is run while it is installed: no wheel, no installation.
LOCKED = $(PIP) --require-hashes --only-binary :all: --requirement
RESOLVE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --annotation-style line \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) pyproject.toml

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

.venv/installed: requirements.lock
	@tools/prepare.sh setup && python3 -m venv .venv && .venv/$(LOCKED) requirements.lock && touch $@

.venv/developer: .venv/installed requirements-dev.lock
	@.venv/$(LOCKED) requirements-dev.lock && touch $@

setup: .venv/installed ## make the virtual environment .venv, with pyinfra in it

demo: .venv/installed ## boot a sandbox host on this machine and deploy Kometa to it
	@$(PYTHON) -m tools.demo

demo-down: .venv/installed ## take the sandbox host down again
	@$(PYTHON) -m tests.sandbox down sandbox

check: .venv/installed ## check settings, secrets and config tree of every host, without connecting to any
	@$(PYTHON) -m tools.check $(INVENTORY)

test: tests-prepared lint unit ## style, types, unit tests, the report in a browser, then the tests on sandbox hosts
	$(PYTHON) -m pytest tests/browser
	$(PYTHON) -m pytest $(SIDE_BY_SIDE) tests/host

tests-prepared: .venv/developer
	@tools/prepare.sh test

test-variants: tests-prepared ## deploy to hosts like those that people have: few ids, other shells, Debian testing
	KOMETA_HOST_VARIANTS=all $(PYTHON) -m pytest $(SIDE_BY_SIDE) \
		tests/host/test_variants.py tests/host/test_particular_hosts.py

unit: .venv/developer ## only the tests that need no host
	$(PYTHON) -m pytest --numprocesses auto tests/unit

lint: .venv/developer ## style, types and shell scripts
	@$(PYTHON) -m tools.lint

lock: .venv/developer ## write the versions that pyproject.toml allows to the locks; UPGRADE=yes: the newest
	@$(RESOLVE) --output-file requirements.lock
	@$(RESOLVE) --group dev --constraint requirements.lock --output-file requirements-dev.lock

newest: .venv/developer ## lint and unit tests with the newest versions that pyproject.toml allows, in .venv-newest
	@.venv/bin/uv venv --quiet --clear --seed --python .venv/bin/python .venv-newest
	@.venv/bin/uv pip install --quiet --python .venv-newest --requirements pyproject.toml --group dev
	@.venv-newest/bin/python -m tools.lint
	.venv-newest/bin/python -m pytest --numprocesses auto tests/unit

drift: .venv/installed ## compare the hosts with the project (exit status of python -m tools.drift: 0 in sync, 2 drift, 1 error)
	@$(PYTHON) -m tools.drift $(INVENTORY)

status: .venv/installed ## one line for each host; JSON=1: for scripts
	@$(PYTHON) -m tools.status $(INVENTORY) $(if $(JSON),--json)

doctor: .venv/installed ## look for problems on the hosts; fails if there are any; JSON=1: for scripts
	@$(PYTHON) -m tools.doctor $(INVENTORY) $(if $(JSON),--json)

report: .venv/installed ## write report.html, the fleet as a page; DRIFT=1: with what a deploy would do
	@$(PYTHON) -m tools.report $(INVENTORY) $(if $(DRIFT),--drift)

drill: .venv/installed ## restore the latest backup beside the live tree and compare the two
	@.venv/bin/pyinfra $(INVENTORY) operations.backup.drill -y

secrets-edit: .venv/installed ## open the encrypted secrets in $EDITOR
	@$(PYTHON) -m tools.secrets edit

secrets-rekey: .venv/installed ## encrypt the secrets to the present recipients
	@$(PYTHON) -m tools.secrets rekey

bench: .venv/developer ## measure speed and memory on sandbox hosts
	@$(PYTHON) -m tests.bench

torture: .venv/developer ## the long fault campaigns, on sandbox hosts and with new made-up input
	KOMETA_HOST_TORTURE=full $(PYTHON) -m pytest --numprocesses auto tests/unit -m hypothesis
	KOMETA_HOST_TORTURE=full $(PYTHON) -m pytest $(SIDE_BY_SIDE) tests/host -m "torture or long"

# Two commands: `make run` and `make test`. Each makes .venv from the hashed lock when it is needed.
# `make test-quick` is for the loop.
PYTHON ?= python3
BIN := .venv/bin
WEB := playground/web/client
PAGE := playground/web/built/index.html
# Node.js and npm as they come with the test requirements; without those, the machine's.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm
# Compiled modules are kept, even on a machine that is set up not to: otherwise each test process, and each program that a
# test starts, compiles everything again.
export PYTHONDONTWRITEBYTECODE :=
# Most tests wait for something, so more of them run at once than there are cores. A test that passes only when it is
# repeated is named at the end and fails the run (tests/support/flaky.py); what is skipped is listed with its reason.
# Files are handed out whole and in their order, the long ones first (tests/support/schedule.py).
# inline-snapshot only compares here, which needs no plugin.
PYTEST := $(BIN)/pytest --dist loadfile --no-loadscope-reorder --reruns 1 -rs -p no:inline_snapshot
# What starts a program of its own (vtbot, a browser), kills one, tries every recording or waits for long is marked slow.
QUICK := -n 4 -m "not slow"
SURVIVAL := -n 5 -m slow  # these wait for longer

.PHONY: run test test-quick test-survival lint compiled catalogues trace bench page pictures wheel lock clean help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

run: .venv/run ## start the bot (without Slack tokens: a local trial workspace)
	@if $(NPM) --version >/dev/null 2>&1; then \
		$(MAKE) -s page || echo 'Could not build the page (needs Node.js 20.19 or newer): using the plain one.'; \
	elif [ ! -e $(PAGE) ]; then \
		echo 'npm is not installed: using the plain page. Install Node.js 20.19 or newer for the one that looks like Slack.'; \
	fi
	@$(BIN)/python -m bot run

# The tests are compiled once, on one core, while the linters need the other, instead of in each of their processes.
test: .venv/test ## linters, types, the import contract, the quick tests, then the survival tests
	@$(MAKE) -s -j2 lint compiled
	$(PYTEST) $(QUICK)
	$(PYTEST) $(SURVIVAL)

test-quick: .venv/test ## the quick tests alone: some minutes on two cores
	$(PYTEST) $(QUICK)

test-survival: .venv/test ## the survival tests alone: whole programs, browsers, processes and databases that are killed
	$(PYTEST) $(SURVIVAL)

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.vocabulary

compiled: .venv/test
	@$(PYTEST) --collect-only -q > /dev/null

page: $(PAGE) ## the trial page as it looks in Slack (needs Node.js)

pictures: .venv/test page ## screenshots of the trial page for docs/pictures (needs Chromium)
	$(BIN)/python -m tests.pictures
	$(BIN)/python -m tests.contact_sheet
	@command -v pngquant >/dev/null && pngquant --force --ext .png --skip-if-larger --strip docs/pictures/*.png || true

wheel: .venv/run page ## build the wheel, including the page, into dist
	@rm -rf build  # or modules that were deleted since the last build would be in the wheel
	@$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist .

catalogues: .venv/test ## bring the translations up to date with the sentences in the code
	@$(BIN)/python -m tools.catalogues

trace: .venv/test ## the modules that one address lookup passes through
	@$(BIN)/python -m tools.trace

bench: .venv/test ## benchmarks; python -m tests.bench NAME runs one of them
	@$(MAKE) -s .venv/bench/ready || echo 'The packages of lock/bench.in are not measured beside the bot.'
	$(BIN)/python -m tests.bench

lock: .venv/test ## re-lock dependencies (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra build -o lock/run.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra build --extra traces -c lock/run.txt -o lock/traces.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra build --extra traces --extra test -c lock/traces.txt -o lock/test.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q -c lock/run.txt -o lock/bench.txt lock/bench.in

clean: ## delete .venv, state and builds
	rm -rf .venv .state dist build $(WEB)/node_modules $(dir $(PAGE))

$(PAGE): $(wildcard $(WEB)/src/* $(WEB)/*.html $(WEB)/*.js) $(WEB)/node_modules/.ready
	@cd $(WEB) && $(NPM) run -s build -- --logLevel warn

$(WEB)/node_modules/.ready: $(WEB)/package-lock.json
	@cd $(WEB) && $(NPM) ci -s
	@touch $@

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12 …'; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; rm -rf .venv; exit 2; }
	@touch $@

.venv/run: lock/run.txt pyproject.toml | .venv/python
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r lock/run.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/test: lock/test.txt | .venv/run
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r lock/test.txt
	@touch $@

# In an environment of their own: the package vt-py is called vt, as ours is.
.venv/bench/ready: lock/bench.txt | .venv/python
	@$(PYTHON) -m venv .venv/bench
	@.venv/bench/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

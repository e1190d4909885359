.DEFAULT_GOAL := help
SHELL := /bin/bash
BOOTSTRAP := .venv-bootstrap
UV := $(BOOTSTRAP)/bin/uv
VENV := .venv
PY := $(VENV)/bin/python
SOURCES := bayan emulator benchmarks e2e conftest.py
TEMPLATES := bayan emulator
LOCK := $(UV) pip compile --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --quiet

.PHONY: help setup run check check-types check-rest test e2e bench chaos chaos-surge messages lock format clean

help: ## show these words
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.ready node_modules/.ready .static/staticfiles.json locale/.ready ## install everything and build the assets
	@$(PY) -m compileall -q bayan emulator benchmarks

run: setup ## start the demo authority; Ctrl-C stops all it started
	@exec $(VENV)/bin/bayan up --demo

check: setup $(VENV)/.ready-dev .apt/gettext ## format, lint, types, import layers, templates, migrations, translations
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-types check-rest

check-types:
	$(VENV)/bin/mypy $(SOURCES)

check-rest:
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/djlint --check --lint --quiet $(TEMPLATES)
	$(VENV)/bin/lint-imports --no-cache
	$(PY) -W ignore::RuntimeWarning -m bayan manage makemigrations --check --dry-run
	$(PY) scripts/messages.py check

test: setup $(VENV)/.ready-dev .apt/chromium ## run all tests (browser included)
	$(VENV)/bin/pytest

e2e: setup $(VENV)/.ready-dev .apt/chromium ## run the journeys in a real browser only
	$(VENV)/bin/pytest e2e -n 0

bench: setup ## run all benchmarks, small
	$(VENV)/bin/bayan bench intake --small
	$(VENV)/bin/bayan bench pipeline --small
	$(VENV)/bin/bayan bench dispatch --small
	$(VENV)/bin/bayan bench pages --small
	$(VENV)/bin/bayan bench search --small
	$(VENV)/bin/bayan bench triage --small
	$(VENV)/bin/bayan bench bursts

chaos: setup $(VENV)/.ready-dev ## kill everything in turn while messages come and go (minutes)
	$(VENV)/bin/bayan bench chaos

chaos-surge: setup $(VENV)/.ready-dev ## the worst day: a flood, people answering, one answer to thousands, kills (a quarter of an hour)
	$(VENV)/bin/bayan bench surge

messages: setup $(VENV)/.ready-dev .apt/gettext ## collect the strings to translate and compile the catalogues
	$(PY) scripts/messages.py collect
	$(PY) scripts/messages.py compile

format: setup $(VENV)/.ready-dev ## put code and templates into shape
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	-$(VENV)/bin/djlint --reformat --quiet $(TEMPLATES)

lock: $(UV) ## pin every dependency anew, with hashes
	$(LOCK) requirements/base.in -o requirements/base.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.txt

clean: ## remove what setup made (not the data)
	rm -rf $(VENV) $(BOOTSTRAP) node_modules .apt .static bayan/core/static/core/dist locale/.ready

# The installer lives in an environment of its own, so that any Python with venv can bootstrap it.
$(UV): requirements/bootstrap.txt
	@boot=$$(command -v python3 || command -v python) || { echo "Bayan needs Python: install Python 3.13 (or 3.12) and run make again." >&2; exit 1; }; \
	"$$boot" -m venv $(BOOTSTRAP) || { echo "Python's venv module is missing: install it (on Debian: apt install python3-venv) and run make again." >&2; exit 1; }
	@$(BOOTSTRAP)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.ready: $(UV) requirements/base.txt pyproject.toml
	@scripts/make-venv $(UV) $(VENV)
	@$(UV) pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements/base.txt
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements/dev.txt
	@$(UV) pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements/dev.txt
	@touch $@

node_modules/.ready: package.json package-lock.json
	@command -v npm >/dev/null || { echo "Bayan builds its pages with npm: install Node.js 20 or later (with npm) and run make again." >&2; exit 1; }
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

bayan/core/static/core/dist/.ready: node_modules/.ready assets/build.mjs $(shell find assets -type f 2>/dev/null) $(shell find bayan emulator -name '*.html' 2>/dev/null)
	@node assets/build.mjs
	@touch $@

.static/staticfiles.json: $(VENV)/.ready bayan/core/static/core/dist/.ready
	@$(VENV)/bin/bayan manage collectstatic --noinput --clear -v0
	@touch $@

locale/.ready: $(VENV)/.ready locale/ar/LC_MESSAGES/django.po
	@$(PY) scripts/messages.py compile
	@touch $@

# Only checks and tests may use apt, and they say so where they may not.
.apt/%:
	@mkdir -p .apt
	@scripts/apt-tool $*
	@touch $@

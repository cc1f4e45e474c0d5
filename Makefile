# `make` lists what there is. Nothing here needs set-up: the first target that wants it makes the virtual environment.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
INI := development.ini
# Tests wait for servers and browsers for half of their time. Each worker has servers of its own: at most twelve.
WORKERS := $(shell n=$$(expr 2 "*" $$(getconf _NPROCESSORS_ONLN)); [ $$n -lt 12 ] && echo $$n || echo 12)
# GNU's name, else that of macOS.
SHA256 := $(shell command -v sha256sum || echo shasum -a 256)
# Further words for a command: make test args="-k login"
args :=

# The environment is made anew where what it is made from has changed: the stamp carries the checksum.
CHECKSUM := $(shell cat requirements-dev.txt setup.cfg pyproject.toml | cksum | tr ' ' '-')
READY := $(VENV)/ready-$(CHECKSUM)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet --no-input
COMPILE := $(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras \
	--no-emit-find-links --no-emit-index-url --no-emit-trusted-host

# Pyramid's warning about its own use of setuptools would stand above every command's output.
export PYTHONWARNINGS := ignore:pkg_resources is deprecated:UserWarning
# Where it is set, every start of the site would compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' Makefile

SUPPORTED := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

# A Python that really runs: version managers leave commands behind that don't, and some systems leave out ensurepip.
$(READY):
	@rm -f $(VENV)/ready-*
	@$(BIN)/python -c 'import pip; $(SUPPORTED)' 2>/dev/null || { \
		for python in python3.13 python3.12 python3.11 python3; do \
			$$python -c '$(SUPPORTED)' 2>/dev/null && exec $$python -m venv --clear $(VENV); \
		done; \
		echo "Install Python 3.11, 3.12 or 3.13, with its venv module" >&2; exit 1; \
	}
	@echo "Installing what requirements-dev.txt names; the first time takes minutes"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: ready
ready: $(READY) ## Make the virtual environment

.PHONY: serve
serve: $(READY) ## Run the site at http://localhost:6543; the first time with a database and demo content
	@$(BIN)/myproject --config $(INI) init --no-admin-link
	@$(BIN)/myproject --config $(INI) demo --first-run
	@exec $(BIN)/pserve $(INI) --reload

# Each file must be the one that was looked at when its version was chosen.
.PHONY: vendor
vendor: ## Install the scripts of others that the site serves (captcha.provider = altcha), and a specification for tests; needs npm
	@command -v npm >/dev/null || { echo "Install Node.js with npm (Debian: apt-get install npm)" >&2; exit 1; }
	@npm install --prefix vendor --package-lock=false --ignore-scripts --no-audit --no-fund --loglevel=error
	@mkdir -p myproject/static/vendor/altcha
	@cd vendor/node_modules/altcha/dist && cp external/altcha.min.js external/altcha.css workers/pbkdf2.js \
		../../../../myproject/static/vendor/altcha/
	@cd myproject/static/vendor && $(SHA256) -c ../../../vendor/SHA256SUMS

.PHONY: test
test: $(READY) ## Run all tests, with real servers and a browser (args="-k login"; EVERY_DATABASE=1 asks all of both)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(args)

.PHONY: lint
lint: $(READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: fix
fix: $(READY) ## Mend what can be mended of style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: check
check: lint test ## Lint, then test: what a change must pass

.PHONY: shell
shell: $(READY) ## Open an interactive shell with the app, a session and the models at hand
	@exec $(BIN)/pshell $(INI)

.PHONY: migrate
migrate: $(READY) ## Bring the database to the newest schema
	$(BIN)/alembic -c $(INI) upgrade head

.PHONY: revision
revision: $(READY) ## Write a migration from what changed in the models (m="Add tags")
	@test -n "$(m)" || { echo 'Say what it does: make revision m="Add tags"' >&2; exit 1; }
	$(BIN)/alembic -c $(INI) revision --autogenerate -m "$(m)"

.PHONY: bench
bench: $(READY) ## Measure speed (args are those of bench/run.py)
	$(BIN)/python bench/run.py $(args)

.PHONY: messages
messages: $(READY) ## Collect the texts to translate in myproject/locale/myproject.pot
	@mkdir -p myproject/locale
	$(BIN)/pybabel --quiet extract -F babel.cfg --sort-by-file --add-comments=Translators: \
		--project=myproject -o myproject/locale/myproject.pot .

.PHONY: requirements
requirements: $(READY) ## Pin what setup.cfg asks for (args=--upgrade for the newest versions)
	$(COMPILE) --output-file=requirements.txt $(args) setup.cfg
	$(COMPILE) --constraint=requirements.txt --extra=development --extra=habits --extra=tests \
		--output-file=requirements-dev.txt $(args) setup.cfg

.PHONY: clean
clean: ## Remove what can be made again; data in var/ stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

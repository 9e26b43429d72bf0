# Thin names for plain commands. Each can be typed without make.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell env/setup/find-python.sh)
BIN := .venv/bin
# Python alone, then the programs of chapters, site and tests.
PYTHON_READY := .venv/.python
READY := .venv/.ready
GET_PARTS := $(BIN)/python -B env/setup/get_parts.py
WITH_EXTENSIONS := PYTHONPATH=book/_ext$(addprefix :,$(PYTHONPATH))
export PATH := $(CURDIR)/$(BIN):$(PATH)
# With it, an environment that a chapter makes is compiled again at each start of its Python.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup book page new test test-remote test-sections test-containers test-systemd chapters site find lab server bench costs seconds lock screenshots clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

setup: $(READY) ## the environment from the lock, and the programs that it lacks

$(PYTHON_READY): requirements.txt env/pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.13 is needed: set PYTHON=/path/to/python3"; exit 1; }
	@echo "== environment: .venv, from requirements.txt"
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	@$(BIN)/python -m ensurepip >/dev/null 2>&1 || $(GET_PARTS) pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -E '^uv==' requirements.txt)"
	$(BIN)/uv pip install --python .venv --compile-bytecode -r requirements.txt
	@touch $@

$(READY): $(PYTHON_READY) $(wildcard env/setup/*.py)
	@$(GET_PARTS) book
	@touch $@

# Every page that can be built is built, also when a chapter failed: its page says so.
book: $(READY) ## run every chapter that changed, build the site into _build/html
	@$(execute); failed=$$?; $(build) && exit $$failed

# Chapters that only log to a server need no program but Python.
LOGS_ALONE := $(filter concepts/% client/%,$(NAME:notebooks/%=%))
page: $(if $(LOGS_ALONE),$(PYTHON_READY),$(READY)) ## NAME=concepts/run: that chapter alone, in a site with the others as they are
	@$(BIN)/python book/preview.py "$(NAME)"

new: $(PYTHON_READY) ## PART=concepts NAME=alias TITLE="...": a chapter to fill in, listed in _toc.yml
	@$(BIN)/python -m tools.new_chapter "$$PART" "$$NAME" "$$TITLE"

# On many machines: each its SHARD=2/3, then one with EXECUTED_IN, a folder with all their caches.
chapters: $(READY) ## the chapters alone, without the site; of one shard with SHARD=1/3
	@$(execute)

site: $(READY)
	@$(build)

define execute
echo "== chapters: executed once per change, in parallel"; \
env -u MLFLOW_TRACKING_URI $(BIN)/pytest --nbmake -n auto notebooks \
  $(if $(SHARD),--shard $(SHARD)) $(if $(EXECUTED_IN),--executed-in $(EXECUTED_IN))
endef

define build
echo "== site: from the outputs of the chapters, executing nothing"; \
$(BIN)/jupyter-book build . --warningiserror --keep-going --quiet; \
built=$$?; test ! -f _build/html/index.html || echo "The book: _build/html/index.html"; \
(exit $$built)
endef

test: book ## chapters, site, then the tests of env/, structure and pages
	@echo "== tests"
	env -u MLFLOW_TRACKING_URI $(BIN)/pytest -n auto --dist loadgroup tests --ignore tests/server/test_compose.py

test-sections: $(READY) ## every section as a notebook of its own, or those whose labels SECTIONS begins
	@echo "== sections"
	env -u MLFLOW_TRACKING_URI SECTIONS="$(or $(SECTIONS),all)" $(BIN)/pytest -n auto tests/sections/test_execution.py

test-containers: $(READY) ## env/server/compose.yaml brought up with podman (Debian, Ubuntu, as root)
	@echo "== containers"
	@$(GET_PARTS) containers
	$(BIN)/pytest tests/server/test_compose.py

test-systemd: $(READY) ## env/server/install-systemd.sh in a container where systemd runs (Debian, Ubuntu, as root)
	@echo "== systemd"
	@$(GET_PARTS) containers
	$(BIN)/pytest tests/server/on_systemd.py

test-remote: $(READY) ## the chapters again, as a client of the server that env/server deploys; of one shard with SHARD=1/2
	@echo "== remote lane"
	$(BIN)/python -m tools.remote_lane $(if $(SHARD),-n auto --shard $(SHARD) notebooks/concepts notebooks/client)

find: $(PYTHON_READY) ## Q="text or message" looks it up in the built book; or a traceback on standard input
	@$(BIN)/python book/look_up.py $(if $(Q),"$$Q")

lab: $(PYTHON_READY) ## JupyterLab beside a tracking server, MLFLOW_TRACKING_URI set
	@$(BIN)/python env/setup/serve.py lab

server: $(PYTHON_READY) ## the tracking server alone, on http://127.0.0.1:5000
	@$(BIN)/python env/setup/serve.py server

bench: $(READY) ## CPU, wall time, memory of chapters, site and tests; BASE=commit compares, ROWS=... chooses
	@$(WITH_EXTENSIONS) $(BIN)/python -m tools.bench $(if $(BASE),--base "$(BASE)") $(if $(ROWS),--rows "$(ROWS)") \
	  $(if $(CHAPTERS),--chapters "$(CHAPTERS)") $(if $(TESTS),--tests "$(TESTS)")

costs: $(READY) ## renew what calls cost PostgreSQL and what large files cost, which two chapters show
	$(BIN)/python -m tools.store_costs --renew
	$(BIN)/python -m tools.transfer_costs --renew

seconds: $(READY) ## renew what a chapter is expected to take, from its last execution here
	$(WITH_EXTENSIONS) $(BIN)/python -m tests.chapter_plugin.shards

screenshots: site ## the pictures of the site that README shows
	@$(BIN)/python -m tools.take_screenshots

lock: $(PYTHON_READY) ## renew requirements.txt from requirements.in
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" --quiet \
	  requirements.in --output-file requirements.txt
	grep -v '^-e ' requirements.txt | $(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet \
	  --constraint - env/server/packages.txt --output-file env/server/packages.lock

clean: ## remove what was built; the environment stays
	rm -rf _build notebooks/*/work notebooks/*/mlruns notebooks/*/mlflow.db

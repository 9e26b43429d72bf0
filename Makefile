# Thin names for plain commands. Each can be typed without make.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell env/setup/find-python.sh)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup book test test-remote test-containers chapters site lab server bench lock screenshots clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

setup: $(READY) ## the environment from the lock, and the system parts it needs

$(READY): requirements.txt env/pyproject.toml tests/package-lock.json env/setup/system-parts.sh
	@PYTHON="$(PYTHON)" bash env/setup/system-parts.sh
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3"; exit 1; }
	@echo "== environment: .venv, from requirements.txt"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -E '^uv==' requirements.txt)"
	$(BIN)/uv pip install --python .venv --compile-bytecode -r requirements.txt
	@npm ci --prefix tests --no-audit --no-fund --loglevel=error
	@touch $@

book: chapters site ## run every chapter that changed, build the site into _build/html

chapters: $(READY)
	@echo "== chapters: executed once per change, in parallel"
	env -u MLFLOW_TRACKING_URI $(BIN)/pytest --nbmake -n auto notebooks

site: $(READY)
	@echo "== site: from the outputs of the chapters, executing nothing"
	$(BIN)/jupyter-book build . --warningiserror --keep-going --quiet
	@echo "The book: _build/html/index.html"

test: book ## chapters, site, then the tests of env/, structure and pages
	@echo "== tests"
	env -u MLFLOW_TRACKING_URI $(BIN)/pytest -n auto --dist loadgroup tests --ignore tests/server/test_compose.py

test-containers: $(READY) ## env/server/compose.yaml brought up with podman (Debian, Ubuntu, as root)
	@echo "== containers"
	$(BIN)/pytest tests/server/test_compose.py

test-remote: $(READY) ## the chapters again, as a client of the server that env/server deploys
	@echo "== remote lane"
	$(BIN)/python tests/remote_lane.py

lab: $(READY) ## JupyterLab beside a tracking server, MLFLOW_TRACKING_URI set
	@$(BIN)/python env/setup/lab.py lab

server: $(READY) ## the tracking server alone, on http://127.0.0.1:5000
	@$(BIN)/python env/setup/lab.py server

bench: $(READY) ## seconds per chapter, wall time against its bound, size of pages, as a table and JSON
	@$(BIN)/python tests/bench.py

screenshots: site ## the pictures of the site that README shows
	@$(BIN)/python tests/take_screenshots.py

lock: $(READY) ## renew requirements.txt from requirements.in
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" --quiet \
	  requirements.in --output-file requirements.txt

clean: ## remove what was built; the environment stays
	rm -rf _build notebooks/*/work notebooks/*/mlruns notebooks/*/mlflow.db

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# a worker a core: several threads each would only wait for one another
ONE_THREAD := TF_NUM_INTRAOP_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help run test scale check format lock bench deck pictures clean

help:  ## show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | sort

run: $(READY)  ## start the app on http://127.0.0.1:7860
	$(BIN)/python app.py

test: $(READY)  ## run the whole test suite
	$(BIN)/python tools/client.py test
	$(ONE_THREAD) $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

scale: $(READY)  ## also install JAX, Ray and what exports need (their tests are skipped without)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --prefer-binary --require-hashes -r requirements-scale.lock

check: $(READY)  ## format, lint, types, floors; how the house stands
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/house.py
	$(BIN)/python tools/client.py check

format: $(READY)  ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python tools/client.py format

bench: $(READY)  ## measure a reveal against the article's way, and cached training
	$(BIN)/python benchmarks/predict.py
	$(BIN)/python benchmarks/training.py

pictures: $(READY)  ## take the pictures of README and docs (needs Chromium)
	$(BIN)/python docs/take_pictures.py

deck: $(READY)  ## draw the embedded deck again
	$(BIN)/python -c "from octtutor.phantom.embedded import write_embedded; write_embedded('octtutor/phantom/deck')"

COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header --upgrade --quiet

lock: $(READY)  ## renew requirements.lock and requirements-scale.lock
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --extra dev -o requirements.lock
	$(COMPILE) --extra dev --extra jax --extra cluster --extra export -c requirements.lock -o requirements-scale.lock

clean:  ## remove what was made here (not the data home)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else f"Expected Python 3.11 to 3.13. Received {v[0]}.{v[1]}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --prefer-binary --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

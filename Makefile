# Everything a newcomer needs. `make demo` and `make test` each do all the set-up, in .venv only.
# Kept to GNU make 3.81, which macOS ships.

BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help demo test test-service soak test-spark check format lint types layers site docs lock bench bench-quality clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/run.stamp ## Run the main job on the bundled capture and write report.html
	$(BIN)/informer demo

test: .venv/dev.stamp ## Run every test; at least 90 % of the lines of src must be covered
	$(BIN)/python -m pytest -n 2 --max-worker-restart 1 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

test-service: .venv/dev.stamp ## Try the service with a real Envoy, collector, Kafka and Alertmanager, and nothing else meanwhile
	CI=true $(BIN)/python -m pytest -n0 tests/service tests/e2e/test_serve.py tests/e2e/test_alertmanager.py

test-spark: .venv/dev.stamp ## Learn on a real Spark, a master and two workers on loopback; needs Java 17
	CI=true $(BIN)/python -m pytest -n0 tests/e2e/test_learning_elsewhere.py -k spark

soak: .venv/dev.stamp ## At length, for hours: twenty kills, ten minutes without a sink, 200 policies in Envoy, ten minutes of fuzzing a decoder
	INFORMER_SOAK=true $(BIN)/python -m pytest -n0 -s -o faulthandler_timeout=0 tests/service -k "faults or policies"
	INFORMER_SOAK=true NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=.cache/checked-loops $(BIN)/python -m pytest -n0 -s -o faulthandler_timeout=0 tests/fuzz

check: format lint types layers site ## Everything CI asks: format, lint, types, layers, docs, tests
	@$(MAKE) test

format: .venv/dev.stamp
	$(BIN)/ruff format --check .

lint: .venv/dev.stamp
	$(BIN)/ruff check .

types: .venv/dev.stamp
	$(BIN)/mypy

layers: .venv/dev.stamp
	$(BIN)/lint-imports

site: .venv/dev.stamp
	$(BIN)/zensical build --strict --clean

docs: .venv/dev.stamp ## Write the reference pages from the code and build the site into site/
	$(BIN)/python docs/generate.py
	@$(MAKE) site

lock: .venv/dev.stamp ## Lock the dependencies of pyproject.toml again; UPGRADE=--upgrade takes newer ones
	$(COMPILE) $(UPGRADE) --all-extras pyproject.toml --group dev -o requirements/dev.lock
	$(COMPILE) pyproject.toml --group build -c requirements/dev.lock -o requirements/run.lock

bench: .venv/dev.stamp ## Run every measurement in benchmarks/; INFORMER_DATA names the data folder
	@set -e; for script in $(filter-out benchmarks/make_%,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python "$$script"; done

bench-quality: .venv/dev.stamp ## Measure detection against every baseline, and all else in docs/explanation/quality.md; INFORMER_DATA names the data folder
	@set -e; for name in detection_quality forecast_quality update_claim make_quality_page; do $(BIN)/python benchmarks/$$name.py; done

clean: ## Remove what make made, but not .venv
	rm -rf site report.html .coverage .coverage.* .cache .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis dist build
	find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say which lock is installed. pyproject.toml counts: it names the `informer` command.
.venv/run.stamp: requirements/run.lock pyproject.toml
	@sh requirements/set-up.sh requirements/run.lock
	@touch $@

.venv/dev.stamp: requirements/dev.lock pyproject.toml
	@sh requirements/set-up.sh requirements/dev.lock
	@touch .venv/run.stamp $@

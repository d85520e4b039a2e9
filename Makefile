# Every chore is one word; each sets up what it needs. Needs Python 3.11+, git and make.
PYTHON ?= python3
PORT ?= 8420
PY := .venv/bin/python
INSTALLED := .venv/.installed
POSTGRES_TESTS := tests/postgres tests/test_postgres_address.py tests/test_index.py tests/property/test_index_laws.py \
	tests/test_edges.py tests/test_lineage.py

.PHONY: help demo test lint verify bench generate format mutation test-thorough test-faults test-npm test-github test-sarif test-postgres test-wheel pyright clean

help:
	@echo "make demo        build a sample registry, index it and serve it (PORT=$(PORT))"
	@echo "make test        all tests"
	@echo "make lint        ruff, mypy --strict, import-linter"
	@echo "make verify      regenerate what is generated, fail on a dirty tree, then lint and test"
	@echo "make bench       the benchmarks, as ratios"
	@echo "make format      ruff format"
	@echo "make mutation    break every rule in every way; fail on what no test notices (takes half an hour)"
	@echo "make test-thorough  all tests, the laws and the kills trying much more, on the disk (takes some hours)"
	@echo "make test-faults the index killed, out of room, damaged and read while written, at length (takes an hour)"
	@echo "make test-npm    npm ranges against npm's own semver package (needs node and npm)"
	@echo "make test-github GitHub's forge against GitHub's own OpenAPI description (needs node and npm)"
	@echo "make test-sarif  SARIF reports against Microsoft's validator, GitHub's rules included (needs npm)"
	@echo "make test-postgres  the catalog on PostgreSQL, with a server of its own (root installs it with apt-get)"
	@echo "make test-wheel  build the wheel, install it in an empty environment, use it"
	@echo "make pyright     a second type checker (needs node)"

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("gitreg needs Python 3.11 or later; this is " + sys.version.split()[0] + ": run make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@echo "installing into .venv"
	@$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(INSTALLED)

demo: $(INSTALLED)
	$(PY) -m gitreg demo --port $(PORT)

# Tests start hundreds of processes: what is compiled is kept for the next, whatever the environment says.
test: $(INSTALLED)
	PYTHONDONTWRITEBYTECODE= TMPDIR=$$($(PY) tools/scratch.py) $(PY) -m pytest -n auto --dist worksteal

lint: $(INSTALLED)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache

generate: $(INSTALLED)
	$(PY) tools/generate.py

verify: generate
	@test -z "$$(git status --porcelain)" || { git status --short; echo "the tree is dirty: commit what 'make generate' made"; exit 1; }
	$(MAKE) lint
	$(MAKE) test

bench: $(INSTALLED)
	$(PY) -m benchmarks

format: $(INSTALLED)
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

mutation: $(INSTALLED)
	$(PY) tools/mutate_rules.py

test-thorough: $(INSTALLED)
	GITREG_TEST_THOROUGH=1 $(PY) -m pytest -n auto --dist worksteal

test-faults: $(INSTALLED)
	GITREG_TEST_THOROUGH=1 $(PY) -m pytest tests/faults -n auto --dist worksteal

test-npm: $(INSTALLED)
	npm install --silent --no-audit --no-fund --prefix build/npm semver@7
	$(PY) -m pytest tests/npm

test-github: $(INSTALLED)
	npm install --silent --no-audit --no-fund --prefix build/github @octokit/openapi@23 @stoplight/prism-cli@5
	$(PY) -m pytest tests/github

test-sarif: $(INSTALLED)
	npm install --silent --no-audit --no-fund --prefix build/sarif @microsoft/sarif-multitool-linux@5
	$(PY) -m pytest tests/sarif

test-postgres: $(INSTALLED)
	$(PY) tests/postgres_server.py $(PY) -m pytest -n auto --dist worksteal $(POSTGRES_TESTS)

test-wheel: $(INSTALLED)
	rm -rf build/dist build/wheel-env
	$(PY) -m build --wheel --no-isolation --outdir build/dist .
	$(PYTHON) -m venv build/wheel-env
	build/wheel-env/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$$(ls build/dist/*.whl)[api]"
	build/wheel-env/bin/python tools/try_wheel.py

pyright: $(INSTALLED)
	$(PY) -m pip install --quiet --disable-pip-version-check 'pyright>=1.1.400'
	$(PY) -m pyright

clean:
	rm -rf .venv build demo-registry

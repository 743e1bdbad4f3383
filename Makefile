# Everything runs in .venv, which the first target makes. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WEB_STAMP := web/node_modules/.installed
WEB_SOURCES := $(shell find web/src web/index.html web/vite.config.ts -type f 2>/dev/null)
NATIVE_SOURCES := $(wildcard native/src/*.rs native/src/*/*.rs) native/Cargo.toml native/Cargo.lock

.PHONY: demo serve test install page lint format bench clean

demo: $(STAMP) page
	$(BIN)/sealedbook demo

# The service of the demonstration, kept up: prints the address of the check page and what to drop on it.
serve: $(STAMP) page
	$(BIN)/sealedbook demo --serve

# The check page: one HTML file, which the service serves and which works from disk. Needs Node.js and npm.
page: web/dist/index.html
web/dist/index.html: $(WEB_STAMP) $(WEB_SOURCES)
	@if command -v npm >/dev/null; then npm --prefix web run --silent build; \
	else echo "No Node.js here: the check page is not built; the service says so in its place."; fi
$(WEB_STAMP): web/package.json web/package-lock.json
	@if command -v npm >/dev/null; then npm --prefix web ci --no-audit --no-fund --loglevel=error; mkdir -p $(@D); touch $@; fi

test: $(STAMP) page
	$(BIN)/python -m pytest -n 2
	@if command -v cargo >/dev/null; then cargo test --quiet --release --lib --manifest-path native/Cargo.toml; \
	else echo "No Rust toolchain here: the tests of the native backend did not run."; fi

install: $(STAMP)

$(STAMP): pyproject.toml $(NATIVE_SOURCES)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@$(BIN)/python -W error::UserWarning -c 'import primitives.backends as b; b.get_backend()' 2>/dev/null || { \
	echo; \
	echo "  *** The native backend was NOT built (no working Rust toolchain found).         ***"; \
	echo "  *** Everything works on the reference backend, hundreds of times slower.        ***"; \
	echo "  *** Install Rust (https://rustup.rs) and run 'make clean install' for full speed. ***"; \
	echo; }
	@echo "Installed in $(VENV). $$($(BIN)/python -W ignore -c 'import primitives.backends as b; print("Backend:", b.get_backend().name)')"
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest native._kernels
	cargo fmt --manifest-path native/Cargo.toml --check
	cargo clippy --quiet --release --manifest-path native/Cargo.toml --all-targets -- -D warnings

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cargo fmt --manifest-path native/Cargo.toml

bench: $(STAMP)
	$(BIN)/python -m bench commit

clean:
	rm -rf $(VENV) native/target native/*.so build *.egg-info .mypy_cache .ruff_cache .pytest_cache

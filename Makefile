# Everything runs in .venv, which the first target makes. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NATIVE_SOURCES := $(wildcard native/src/*.rs native/src/*/*.rs) native/Cargo.toml native/Cargo.lock

.PHONY: demo test install lint format bench clean

demo: $(STAMP)
	$(BIN)/sealedbook demo

test: $(STAMP)
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

# Every target does the set-up that it needs, and says so before it does it.
# `make LLVM=no demo` builds without LLVM: `--target cpu` is then the interpreter.

LLVM ?= yes
export LLVM
ifeq ($(LLVM),no)
FEATURES := --no-default-features
endif

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
export PATH := $(PATH):$(HOME)/.cargo/bin
PYTHON := .venv/bin/python

.PHONY: help setup demo wheel test test-wheel lint bench

help:
	@echo 'make demo    run the three examples on the CPU, one on emulated Tensix cores, and check them'
	@echo 'make wheel   build the Python package into dist/'
	@echo 'make test-wheel   install the Python package into fresh environments and test it'
	@echo 'make test    all tests, in Rust, against the Python references, and of a wheel'
	@echo 'make lint    formatting and clippy, warnings as errors'
	@echo 'make bench   measure, and write bench/results'
	@echo 'make setup   only what the others need: LLVM 19, a compiler, .venv, nvcc'

setup:
	@scripts/setup.sh

demo: setup
	cargo build --release $(FEATURES)
	scripts/demo.sh target/release/tilec

wheel: setup
	scripts/wheel.sh

# A wheel as its users have it, in environments of its own, made from what the tests are.
# PyTorch is downloaded while it is built.
test-wheel: setup
	scripts/test-wheel.sh --torch & torch=$$!; scripts/wheel.sh dev target/wheel; wait $$torch
	scripts/test-wheel.sh target/wheel

test: setup
	cargo fmt --all --check
	cargo test --workspace $(FEATURES)
	cargo check --no-default-features
	TILEC="$(CURDIR)/target/debug/tilec" $(PYTHON) -m pytest tests/reference -q -n auto
	scripts/demo.sh target/debug/tilec > target/demo.log || { cat target/demo.log; exit 1; }
	$(MAKE) test-wheel

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(FEATURES) -- -D warnings

bench: setup
	$(PYTHON) -m pip install -q -r bench/requirements.txt
	cargo build --release $(FEATURES)
	$(PYTHON) bench/run.py target/release/tilec

# SPDX-License-Identifier: Apache-2.0
#
#	make			install what the build lacks, build; the program is build/strata
#	make demo		build and show it on real checkpoints
#	make test		every test; ends with "N passed, N failed, N skipped"
#	make check		the quick tests, for the inner loop
#	make san | tsan		unit and command tests and corpora under sanitizers
#	make fuzz T=name S=60	libFuzzer on one target (all of them without T), S seconds each
#	make emulate		unit tests on an emulated processor with AVX-512, some minutes
#	make bench		beside the other tools, ratios in one run
#	make bench-codec	the codec beside others, on real fine-tunes (trains them once, an hour)
#	make lint | format	what a machine can check of the house style; clang-format in place
#	make install		PREFIX=/usr/local, DESTDIR=
#
# DEPS=0 leaves apt-get alone. WERROR=0 lets an unknown compiler's new warnings pass.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
WERROR ?= 1
DEPS ?= 1
S ?= 60
T ?=
TESTS ?=
NINJA ?= ninja

flags = -Dprefix=$(PREFIX) -Dwerror=$(if $(filter 0,$(WERROR)),false,true)
# gcc's flow analysis warns falsely about instrumented code, so warnings stay warnings here
sanitize = $(flags) -Dwerror=false -Db_lundef=false -Db_sanitize
install_deps = $(if $(filter 0,$(DEPS)),:,sh tools/install-deps.sh)
run_tests = python3 tools/run-tests --build $(BUILD)

.DEFAULT_GOAL := all
.PHONY: all demo test check san tsan fuzz emulate bench bench-codec lint format install docs clean distclean help
.PHONY: configure tests-built

all: configure
	@$(NINJA) -C $(BUILD)

configure:
	@$(install_deps) build
	@sh tools/setup-build $(BUILD) $(flags)

docs: all
	@$(NINJA) -C $(BUILD) generated-docs

demo:
	@$(install_deps) build demo
	@$(MAKE) --no-print-directory all
	@STRATA="$(abspath $(BUILD)/strata)" PATH="$(abspath $(BUILD)):$$PATH" sh demo/run.sh

# A test dependency that cannot be had skips the tests that need it; they are named.
tests-built:
	@$(install_deps) build test || $(install_deps) build
	@sh tools/setup-build $(BUILD) $(flags)
	@$(NINJA) -C $(BUILD) all testing

test: tests-built
	@sh tools/make-venv $(BUILD)
	@$(run_tests) $(TESTS)

check: tests-built
	@$(run_tests) --quick --suite unit --suite cli $(TESTS)

san tsan:
	@$(install_deps) build test
	@sh tools/setup-build build-$@ $(sanitize)=$(if $(filter tsan,$@),thread,address,undefined)
	@$(NINJA) -C build-$@ all testing
	@python3 tools/run-tests --build build-$@ --suite unit --suite cli --suite corpus $(TESTS)

fuzz:
	@$(install_deps) build fuzz
	@CC=clang sh tools/setup-build build-fuzz -Dlibfuzzer=true -Db_lundef=false \
		-Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link
	@sh tools/run-fuzz build-fuzz $(S) $(T)

# Of the codec's longest loops one case in 13; STRIDE=1 takes hours.
STRIDE ?= 13
emulate:
	@$(install_deps) build test emulate
	@$(MAKE) --no-print-directory tests-built
	@python3 tests/emulate/emulate --build $(BUILD) --stride $(STRIDE) $(TESTS)

bench:
	@$(install_deps) build bench
	@$(MAKE) --no-print-directory all
	@$(NINJA) -C $(BUILD) benchmarks
	@sh tools/make-venv $(BUILD)
	@STRATA="$(abspath $(BUILD)/strata)" ST_BUILD="$(abspath $(BUILD))" bash bench/run.sh

# Training needs python3-torch of Debian; what it made is kept under the build folder.
bench-codec:
	@$(install_deps) build bench
	@$(MAKE) --no-print-directory all
	@$(NINJA) -C $(BUILD) tests/bench-codec
	@sh tools/make-venv $(BUILD)
	@ST_BUILD="$(abspath $(BUILD))" bash bench/codec/run.sh

lint:
	@$(install_deps) build lint
	@python3 tools/st-lint.py

format:
	@$(install_deps) lint
	@find include src tests fuzz bench -name '*.[ch]' -exec clang-format -i {} +

install: docs
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild --quiet
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

clean:
	@[ ! -f $(BUILD)/build.ninja ] || $(NINJA) -C $(BUILD) clean

distclean:
	rm -rf $(BUILD) build-san build-tsan build-fuzz

help:
	@sed -n 's/^#\t//p' Makefile

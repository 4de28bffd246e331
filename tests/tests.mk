# The tests. `make check` builds and runs them all and ends with "N passed, N failed".
#
#   make check                       everything below but the variants, in under three minutes on two cores
#   make check-ffi                   callers in C, C++, Rust, Go, Fortran of an installed copy, by their own tools
#   make abi-check                   the binary interface is the committed one; abi-baseline commits to another
#   make check-abi                   that, planted breaks of it, and two builds with the same bytes
#   make check-double                derivatives and reference numbers in a build with double inside
#   make check-asan check-ubsan check-tsan check-valgrind
#   make check-clang check-none      another compiler; no BLAS
#   make check-packaging             install, uninstall, pkg-config, CMake, the tarball; check-deb: Debian packages
#   make check-cross                 aarch64 and armhf with OpenBLAS, unit tests through qemu: CROSS=aarch64-linux-gnu
#   make check-musl check-windows    built for musl and run; for Windows, and run where Wine is
#   make check-all                   all of these and check-abi
#   make check-large                 a table of 2.6 GB trains in 200 MB
#   make check-grid                  every path with every prior, by default and with other parameters, learns two
#                                    moons; prints how well (a quarter of an hour)
#   make fuzz FUZZ_SECONDS=60        libFuzzer on each target (clang)
#
# Every variant has a folder of its own in BUILD. A file tests/unit/NAME_test.c is a Check program; it may include
# internal headers. The programs in tests/oom and tests/abi see the public headers only.
CHECK_CFLAGS = $(shell $(PKG_CONFIG) --cflags check)
CHECK_LIBS = $(shell $(PKG_CONFIG) --libs check)
FUZZ_SECONDS ?= 60
FUZZ_MUTATIONS ?= 300
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

T := $(BUILD)/tests
UNIT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*_test.c))
OOM := $(T)/oom/oom_test
BAD_ARGS := $(T)/abi/bad_args_test
OLD_CLIENT := $(T)/abi/old_client
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
REPLAYS := $(FUZZ_TARGETS:%=$(T)/fuzz/%_replay)
OOM_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/oom/*.c))
BAD_ARGS_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/abi/bad_args*.c))
FUZZ_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/fuzz/*.c))

# ---- programs -------------------------------------------------------------------------------------

$(T)/unit/%.o $(T)/oom/%.o $(T)/abi/%.o: FM_CFLAGS += $(CHECK_CFLAGS)
$(T)/unit/%.o: FM_CFLAGS += -Itests/unit

link_check = $(CC) $(FM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(BLAS_LIBS) $(CHECK_LIBS) $(LIBS)
$(UNIT): $(T)/unit/%: $(T)/unit/%.o $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(link_check)
$(OOM): $(OOM_OBJECTS) $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(link_check)
$(BAD_ARGS): $(BAD_ARGS_OBJECTS) $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(link_check)
$(REPLAYS): $(T)/fuzz/%_replay: $(T)/fuzz/%_fuzz.o $(T)/fuzz/fuzz.o $(T)/fuzz/replay.o $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(CC) $(FM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(BLAS_LIBS) $(LIBS)
# As a caller of long ago compiled it: with the headers of then.
$(OLD_CLIENT): tests/abi/old_client.c $(wildcard tests/abi/old/*.h) $(SHARED)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c99 -Wall -Wextra -Wpedantic -Werror $(SANITIZE) -Itests/abi/old -o $@ $< $(LDFLAGS) $(SHARED) \
	  -Wl,-rpath,$(abspath $(BUILD)) -lm

-include $(wildcard $(T)/*/*.d)
.SECONDARY: $(UNIT:%=%.o) $(OOM_OBJECTS) $(BAD_ARGS_OBJECTS) $(FUZZ_OBJECTS)

# An installed copy for callers from outside. The .pc file names the prefix: one of another prefix must not be
# installed here, nor this one elsewhere.
INSTALLED := $(abspath $(T)/installed)
$(INSTALLED)/done: $(STATIC) $(SHARED) $(PROGRAM) $(BUILD)/libflowmatch.pc libflowmatch.pc.in \
  $(wildcard include/*.h include/*.hpp docs/packaging/*.in)
	@rm -rf $(INSTALLED) && rm -f $(BUILD)/libflowmatch.pc
	@$(MAKE) --no-print-directory -s install DESTDIR= PREFIX=$(INSTALLED) LIBDIR=$(INSTALLED)/lib \
	  INCLUDEDIR=$(INSTALLED)/include BINDIR=$(INSTALLED)/bin DATADIR=$(INSTALLED)/share MANDIR=$(INSTALLED)/share/man
	@rm -f $(BUILD)/libflowmatch.pc
	@touch $@

# ---- lists: NAME and COMMAND of each test ------------------------------------------------------------

test = '$(1)' '$(2)'
# WRAPPER stands before every test program: valgrind, or nothing.
tests_units = $(foreach p,$(UNIT),$(call test,$(notdir $(p)),$(WRAPPER) $(p)))
tests_harness = $(call test,oom,$(WRAPPER) $(OOM)) $(call test,bad_args,$(WRAPPER) $(BAD_ARGS)) \
  $(foreach p,$(REPLAYS),$(call test,$(notdir $(p)),$(WRAPPER) $(p) -mutate $(FUZZ_MUTATIONS) 1 tests/fuzz/corpus))
tests_program = $(if $(wildcard tests/cli/cli_test.sh),\
  $(call test,cli,FLOWMATCH=$(PROGRAM) sh tests/cli/cli_test.sh) \
  $(call test,cli_plot,FLOWMATCH=$(PROGRAM) sh tests/cli/plot_test.sh) \
  $(call test,cli_logp,FLOWMATCH=$(PROGRAM) sh tests/cli/logp_test.sh) \
  $(call test,cli_guidance,FLOWMATCH=$(PROGRAM) sh tests/cli/guidance_test.sh) \
  $(call test,cli_reflow,FLOWMATCH=$(PROGRAM) sh tests/cli/reflow_test.sh) \
  $(call test,cli_eval,FLOWMATCH=$(PROGRAM) sh tests/cli/eval_test.sh) \
  $(call test,config,FLOWMATCH=$(PROGRAM) sh tests/cli/config_test.sh)) \
  $(call test,guest,sh tests/guest.sh $(abspath $(T)/guest $(SHARED) $(PROGRAM) $(T)/unit/guest_process_test $(OOM)))
# FFI_ALL=1: a missing tool is a failure.
ffi = FFI_ALL=$(FFI_ALL) CC="$(CC)" CXX="$(CXX)" PKG_CONFIG="$(PKG_CONFIG)" \
  sh tests/ffi/ffi.sh $(INSTALLED) $(abspath $(T)/ffi)
tests_ffi = $(call test,ffi_hpp,$(ffi) hpp-all) $(call test,ffi_rust,$(ffi) rust) $(call test,ffi_go,$(ffi) go) \
  $(call test,ffi_cmake,$(ffi) c-cmake c++-cmake) $(call test,ffi_rest,$(ffi) c c-static c++ fortran)
tests_outside = $(call test,guides,CC="$(CC)" PKG_CONFIG="$(PKG_CONFIG)" sh tests/guides.sh $(INSTALLED) $(abspath $(T)/guides)) \
  $(call test,examples,sh tests/examples.sh $(INSTALLED) $(abspath $(T)/examples)) \
  $(call test,callers,$(ffi) c c-static c++ hpp) $(call test,layers,sh tests/layers.sh) \
  $(call test,header,CC="$(CC)" CXX="$(CXX)" sh tests/abi/header.sh) $(call test,docs,sh tests/docs.sh) \
  $(call test,symbols,sh tests/abi/symbols.sh $(abspath $(SHARED) $(STATIC) $(BAD_ARGS))) \
  $(call test,old_client,$(OLD_CLIENT) $(T)/abi/old_client.safetensors)
tests_abi = $(call test,abi,CC="$(CC)" sh tests/abi/abi.sh check $(SHARED)) \
  $(call test,abi_breaks,CC="$(CC)" sh tests/abi/breaks.sh $(SHARED)) \
  $(call test,reproducible,MAKE="$(MAKE)" JOBS=$(JOBS) sh tests/abi/reproducible.sh)

needs_units := $(UNIT)
needs_harness := $(OOM) $(BAD_ARGS) $(REPLAYS)
needs_program := $(SHARED) $(PROGRAM) $(T)/unit/guest_process_test $(OOM)
needs_outside := $(INSTALLED)/done $(BAD_ARGS) $(OLD_CLIENT)
needs_ffi := $(INSTALLED)/done

# ---- running ----------------------------------------------------------------------------------------

# The long ones first, so that none is left alone at the end.
PARTS ?= outside program harness units
# Builds on all processors also where nobody gave -j.
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
run_parts = JOBS=$(JOBS) $(TEST_ENV) sh tests/run.sh $(T)/logs$(2) $(foreach g,$(1),$(tests_$(g)))

.PHONY: check check-ffi check-programs need-check
need-check:
	@$(PKG_CONFIG) --exists check || { echo "The tests need the library Check: make deps installs it." >&2; exit 1; }
check-programs: $(foreach g,$(PARTS),$(needs_$(g)))

check: need-check
	+@$(MAKE) --no-print-directory $(parallel) check-programs
	@$(call run_parts,$(PARTS))

check-ffi:
	+@$(MAKE) --no-print-directory $(parallel) $(needs_ffi)
	@$(call run_parts,ffi,-ffi)

# The binary interface: docs/abi.md.
.PHONY: abi-check abi-baseline check-abi
abi-check: $(SHARED)
	@CC="$(CC)" sh tests/abi/abi.sh check $(SHARED)
abi-baseline: $(SHARED)
	@sh tests/abi/abi.sh baseline $(SHARED)
check-abi: $(SHARED)
	@$(call run_parts,abi,-abi)

# Files larger than tests should be: see tests/large.sh.
.PHONY: check-large
check-large: $(PROGRAM)
	@FLOWMATCH=$(PROGRAM) sh tests/large.sh

# Not one of check-all: `make check` has every path and every prior, but not every pair.
.PHONY: check-grid
check-grid: need-check $(T)/unit/moons_test
	FM_TEST_GRID=1 $(T)/unit/moons_test

# ---- packages and other machines -----------------------------------------------------------------------

# Each says SKIPPED for what its tools are missing for. Other machines are built for in folders of their own.
MACHINES := check-packaging check-deb check-cross check-musl check-windows
.PHONY: $(MACHINES)
machine = @mkdir -p $(T)/logs-$@ && $(1) 2>&1 | tee $(T)/logs-$@/log; \
  tail -n 1 $(T)/logs-$@/log | tee $(T)/logs-$@/total | grep -q ', 0 failed$$'
check-packaging: all
	$(call machine,MAKE="$(MAKE) BUILD=$(BUILD)" BUILD=$(BUILD) CC="$(CC)" PKG_CONFIG="$(PKG_CONFIG)" \
	  sh tests/packaging/packaging.sh $(T)/packaging)
check-deb: all
	$(call machine,MAKE="$(MAKE) BUILD=$(BUILD)" BUILD=$(BUILD) sh tests/packaging/deb.sh)
# CROSS: which machines, by the names that compilers have for them.
CROSS ?= aarch64-linux-gnu arm-linux-gnueabihf
check-cross:
	$(call machine,JOBS=$(JOBS) sh tests/cross/cross.sh $(BUILD)/cross $(CROSS))
check-musl:
	$(call machine,JOBS=$(JOBS) sh tests/cross/musl.sh $(BUILD)/musl)
check-windows:
	$(call machine,JOBS=$(JOBS) sh tests/cross/windows.sh $(BUILD)/windows)

# ---- variants ----------------------------------------------------------------------------------------

VARIANTS := check-double check-asan check-ubsan check-tsan check-valgrind check-clang check-none
.PHONY: $(VARIANTS) check-all
variant = +@$(MAKE) --no-print-directory BUILD=$(BUILD)/$(1) check
# Frames stay in sanitizer reports; -O1 keeps them readable. FM_TEST_QUICK leaves out what only takes long.
sanitized = CFLAGS="-O1 -g -fno-omit-frame-pointer" SANITIZE="$(1)"

check-double:
	$(call variant,double) DEFINES=-DFMI_DOUBLE PARTS=units
check-asan:
	$(call variant,asan) $(call sanitized,-fsanitize=address) PARTS="program harness units" TEST_ENV=FM_TEST_QUICK=1
check-ubsan:
	$(call variant,ubsan) $(call sanitized,-fsanitize=undefined -fno-sanitize-recover=all) \
	  PARTS="program harness units" TEST_ENV=FM_TEST_QUICK=1
# A BLAS was not compiled with the sanitizer: how its threads wait for each other can't be seen, and correct code
# is reported as a race. Our threads are the same without it.
check-tsan:
	$(call variant,tsan) $(call sanitized,-fsanitize=thread) BLAS=none PARTS="harness units" FUZZ_MUTATIONS=10 \
	  TEST_ENV=FM_TEST_QUICK=1
# One process, or every check pays for a start of its own; a BLAS with threads would take turns on one processor.
# Every allocation fails under check-asan; here it is every FM_TEST_STRIDE-th.
check-valgrind:
	$(call variant,valgrind) CFLAGS="-O2 -g" PARTS="harness units" FUZZ_MUTATIONS=2 \
	  WRAPPER="valgrind -q --error-exitcode=1 --leak-check=full" \
	  TEST_ENV="FM_TEST_QUICK=1 FM_TEST_STRIDE=31 CK_FORK=no OPENBLAS_NUM_THREADS=1 TEST_TIMEOUT=1200"
check-clang:
	$(call variant,clang) CC=clang CXX=clang++
check-none:
	$(call variant,none) BLAS=none

# Goes on after a failure, and adds up what the variants wrote.
totals := $(T)/logs/total $(T)/logs-abi/total $(T)/logs-ffi/total $(VARIANTS:check-%=$(BUILD)/%/tests/logs/total) \
  $(MACHINES:%=$(T)/logs-%/total)
check-all:
	+@rm -f $(totals); \
	  for target in check check-abi check-ffi $(VARIANTS) $(MACHINES); do \
	    echo "== $$target"; $(MAKE) --no-print-directory $$target || echo "== $$target failed"; done; \
	  for total in $(totals); do \
	    cat $$total 2>/dev/null || echo "0 passed, 1 failed"; done | \
	  awk '{ passed += $$1; failed += $$3 } END { print passed " passed, " failed " failed"; exit failed > 0 }'

# ---- fuzzing ------------------------------------------------------------------------------------------

# clang, since libFuzzer comes with it, and without a BLAS, whose threads are no use here. New inputs stay in
# BUILD/fuzz/corpus; what ends a target is kept beside them.
.PHONY: fuzz fuzz-run
FUZZERS := $(FUZZ_TARGETS:%=$(T)/fuzz/%_fuzzer)
fuzz:
	+@$(MAKE) --no-print-directory $(parallel) BUILD=$(BUILD)/fuzz CC=clang BLAS=none CFLAGS="-O1 -g" \
	  SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" fuzz-run

$(FUZZERS): $(T)/fuzz/%_fuzzer: $(T)/fuzz/%_fuzz.o $(T)/fuzz/fuzz.o $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined $(LDFLAGS) -o $@ $^ $(LIBS)
fuzz-run: $(FUZZERS)
	@for target in $(FUZZ_TARGETS); do mkdir -p $(BUILD)/corpus/$$target; \
	  echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
	  $(T)/fuzz/$${target}_fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=2048 -verbosity=0 \
	    -print_final_stats=1 -artifact_prefix=$(BUILD)/corpus/ $(BUILD)/corpus/$$target tests/fuzz/corpus || exit 1; done

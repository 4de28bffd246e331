# libflowmatch: train and sample Conditional Flow Matching models in-process.
#
#   make deps          install what is missing (Debian, Ubuntu) or say what to install
#   make               the libraries and the flowmatch program, in build/
#   make demo          train on the digits and draw them: build/demo/digits.png
#   make check         the tests (under three minutes)
#   make abi-check     whether the binary interface is still the committed one (docs/abi.md)
#   make gates         the promises that are measured: same bits, no allocation, speed, quiet threads
#   make bench         speed against the sgemm floor
#   make tables        the field's published results, ours beside them (hours); tables-quick: a bounded part (minutes)
#   make docs          the API page, from the headers: build/docs/html/index.html
#   make install       PREFIX=/usr/local, DESTDIR honoured; install-lib, install-program, uninstall
#   make dist          build/libflowmatch-VERSION.tar.gz; make deb: Debian packages
#
# Variables: CC, CXX, CFLAGS, LDFLAGS, BLAS=openblas|blis|none, PNG=libpng|none (pictures of the program),
#   BUILD=build, WERROR=1 (warnings are errors), V=1 (show commands). docs/building.md has more: other machines,
#   musl, Windows.

CC ?= cc
CXX ?= c++
AR ?= ar
PKG_CONFIG ?= pkg-config
INSTALL ?= install
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
BUILD ?= build
BLAS ?= openblas
PNG ?= libpng
# The machine that is built for, and whether it is Windows.
TARGET := $(shell $(CC) -dumpmachine 2>/dev/null)
WINDOWS := $(findstring mingw,$(TARGET))
CFLAGS ?= -O3 -g
Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-7s %s\n' $(1) $(2))

version_part = $(shell sed -n 's/^\#define FM_VERSION_$(1) *//p' include/flowmatch.h)
VERSION := $(call version_part,MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)
SOVERSION := 0

# What the numerics rely on: no contraction behind our back, and never -ffast-math.
FM_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude -Isrc $(if $(WINDOWS),-DFM_BUILD,-fPIC -pthread) \
  -fvisibility=hidden \
  -fno-math-errno -fno-trapping-math -ffp-contract=off -ffile-prefix-map=$(CURDIR)=. \
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
ifeq ($(WERROR),1)
FM_CFLAGS += -Werror
endif
FM_CFLAGS += $(SANITIZE) $(DEFINES)
FM_LDFLAGS := $(SANITIZE)
LIBS := -lm $(if $(WINDOWS),,-pthread)

ifeq ($(BLAS),openblas)
BLAS_CFLAGS := $(shell $(PKG_CONFIG) --cflags openblas) -DFMI_BLAS_OPENBLAS
BLAS_LIBS := $(or $(shell $(PKG_CONFIG) --libs openblas 2>/dev/null),-lopenblas)
else ifeq ($(BLAS),blis)
# Debian ships no blis.pc: the plain link is tried.
BLAS_CFLAGS := -DFMI_BLAS_BLIS
BLAS_LIBS := -lblis
else ifeq ($(BLAS),none)
BLAS_CFLAGS := -DFMI_BLAS_NONE
else
$(error BLAS must be openblas, blis or none, not '$(BLAS)')
endif

LIB_SOURCES := $(sort $(filter-out $(wildcard src/cli/*.c),$(wildcard src/*/*.c)))
CLI_SOURCES := $(sort $(filter-out src/cli/$(if $(filter none,$(PNG)),png.c,png_none.c),$(wildcard src/cli/*.c)))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/%.o)

STATIC := $(BUILD)/libflowmatch.a
SHARED := $(BUILD)/$(if $(WINDOWS),libflowmatch-$(SOVERSION).dll,libflowmatch.so.$(VERSION))
SYMBOLS := src/api/symbols.map
PROGRAM := $(BUILD)/flowmatch
ifeq ($(PNG),libpng)
PNG_CFLAGS = $(shell $(PKG_CONFIG) --cflags libpng)
PNG_LIBS = $(shell $(PKG_CONFIG) --libs libpng)
else ifneq ($(PNG),none)
$(error PNG must be libpng or none, not '$(PNG)')
endif

.PHONY: all lib
all: lib $(PROGRAM) pages
lib: $(STATIC) $(SHARED) $(BUILD)/libflowmatch.pc

# One file per instruction set gets its own flags; the table of kernels picks at run time.
$(BUILD)/src/%_avx2.o: ISA_CFLAGS := $(if $(filter x86_64-% amd64-%,$(TARGET)),-mavx2 -mfma)
$(BUILD)/src/kern/%.o $(BUILD)/src/io/%.o $(BUILD)/src/core/%.o: FM_CFLAGS += $(BLAS_CFLAGS)
$(BUILD)/src/cli/%.o: FM_CFLAGS += $(PNG_CFLAGS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(FM_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(ISA_CFLAGS) -MMD -MP -c $< -o $@

# Objects depend on how they were compiled: another CC, CFLAGS or BLAS rebuilds.
flags_now := $(CC) $(CFLAGS) $(CPPFLAGS) $(SANITIZE) $(DEFINES) $(BLAS) $(PNG) $(WERROR)
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@echo '$(flags_now)' | cmp -s - $@ || echo '$(flags_now)' > $@
.PHONY: force
force:

$(STATIC): $(LIB_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) qcsD $@ $^

ifdef WINDOWS
$(SHARED): $(LIB_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) -shared $(FM_LDFLAGS) $(LDFLAGS) -static-libgcc -Wl,--out-implib,$(BUILD)/libflowmatch.dll.a -o $@ $^ \
	  $(BLAS_LIBS) $(LIBS)
else
$(SHARED): $(LIB_OBJECTS) $(SYMBOLS)
	$(call say,LINK,$@)
	$(Q)$(CC) -shared $(FM_LDFLAGS) $(LDFLAGS) -Wl,-soname,libflowmatch.so.$(SOVERSION) $(if $(SANITIZE),,-Wl,-z,defs) \
	  -Wl,--version-script=$(SYMBOLS),--no-undefined-version -Wl,--as-needed -o $@ $(LIB_OBJECTS) $(BLAS_LIBS) $(LIBS)
	$(Q)ln -sf libflowmatch.so.$(VERSION) $(BUILD)/libflowmatch.so.$(SOVERSION)
	$(Q)ln -sf libflowmatch.so.$(VERSION) $(BUILD)/libflowmatch.so
endif

$(PROGRAM): $(CLI_OBJECTS) $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(CC) $(FM_LDFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $^ $(BLAS_LIBS) $(PNG_LIBS) $(LIBS)

# The manual and what shells complete, from the program's own tables. A program for another machine runs through
# EMULATOR (qemu-aarch64 -L ROOT); where it can't run, the pages of the tarball are taken, or there are none.
PAGES := $(BUILD)/pages
.PHONY: pages
pages: $(PAGES)/flowmatch.1 $(PAGES)/flowmatch.bash $(PAGES)/flowmatch.zsh $(PAGES)/flowmatch.fish
$(PAGES)/flowmatch.1: page := manual
$(PAGES)/flowmatch.bash: page := completion bash
$(PAGES)/flowmatch.zsh: page := completion zsh
$(PAGES)/flowmatch.fish: page := completion fish
$(PAGES)/%: $(PROGRAM)
	@mkdir -p $(@D)
	$(Q)if $(EMULATOR) $(PROGRAM) --version >/dev/null 2>&1; then $(EMULATOR) $(PROGRAM) $(page) > $@.new && mv $@.new $@; \
	elif [ -e docs/pages/$(@F) ]; then cp docs/pages/$(@F) $@; \
	else rm -f $@; echo "  $(@F) isn't made: $(PROGRAM) is for another machine (set EMULATOR)"; fi

-include $(LIB_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d)
include tests/tests.mk
include bench/bench.mk
include docs/packaging/packaging.mk

# ---- dependencies ---------------------------------------------------------------------------------

DEBIAN_PACKAGES := gcc make pkg-config libopenblas-dev librandom123-dev libjsmn-dev libxxhash-dev libpng-dev check
.PHONY: deps
deps:
	@if command -v apt-get >/dev/null 2>&1; then \
	  missing=; for p in $(DEBIAN_PACKAGES); do \
	    dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	  if [ -z "$$missing" ]; then echo "deps: all installed"; exit 0; fi; \
	  echo "deps: installing$$missing"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing; \
	else \
	  echo "deps: install these, by your system's names for them: a C11 compiler, GNU make, pkg-config,"; \
	  echo "  OpenBLAS or BLIS with its headers (or build with BLAS=none), Random123, jsmn and xxHash (headers),"; \
	  echo "  libpng (the flowmatch program), Check (the tests)"; \
	fi

# ---- the demo -------------------------------------------------------------------------------------

# The programs of the guides are built against an installed copy, by the tests.
EXAMPLES := $(BUILD)/docs/examples/digits_quality
$(BUILD)/docs/examples/%: $(BUILD)/docs/examples/%.o $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(CC) $(FM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(BLAS_LIBS) $(LIBS)
.SECONDARY: $(EXAMPLES:%=%.o)

.PHONY: demo
demo: all $(EXAMPLES)
	FLOWMATCH=$(PROGRAM) sh docs/examples/demo.sh $(BUILD)/demo

# ---- the API page ---------------------------------------------------------------------------------

.PHONY: docs
docs:
	@command -v doxygen >/dev/null || { echo "make docs needs Doxygen (Debian: apt-get install doxygen)" >&2; exit 1; }
	@mkdir -p $(BUILD)/docs
	$(call say,DOXYGEN,$(BUILD)/docs/html/index.html)
	$(Q)FLOWMATCH_VERSION=$(VERSION) FLOWMATCH_DOCS=$(BUILD)/docs doxygen docs/Doxyfile

.PHONY: format clean
format:
	clang-format -i src/*/*.[ch] $$(find tests bench docs -name '*.[ch]' ! -path 'tests/abi/old/*')
clean:
	rm -rf $(BUILD)

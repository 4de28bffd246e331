# Installing, tarballs and packages.
#
#   make install      the libraries and the program; install-lib, install-program: one of them
#   make uninstall    removes what they installed, given the same variables
#   make dist         build/libflowmatch-VERSION.tar.gz
#   make deb          Debian packages in build/deb
#
# DESTDIR, PREFIX, LIBDIR, INCLUDEDIR, BINDIR, DATADIR, MANDIR, DOCDIR and CMAKEDIR say where.

DOCDIR ?= $(DATADIR)/doc/flowmatch
CMAKEDIR ?= $(LIBDIR)/cmake/flowmatch

# ---- what pkg-config and CMake are told ----------------------------------------------------------------

# A path below PREFIX is written relative to it, so that a tree can be moved.
below_prefix = $(patsubst $(PREFIX)/%,$(1)/%,$(2))
# The BLAS by name and not through Requires.private: OpenBLAS's own .pc asks for gfortran, which its packages don't
# bring and a shared OpenBLAS doesn't need; and a program with the shared library would need the BLAS's headers.
LIBS_PRIVATE := $(strip $(patsubst -L$(PKG_CONFIG_SYSROOT_DIR)%,-L%,$(BLAS_LIBS)) $(LIBS))
# From CMAKEDIR up to PREFIX: as many steps as folders between.
space := $(subst ,, )
cmake_up = $(subst $(space),/,$(patsubst %,..,$(subst /, ,$(patsubst $(PREFIX)/%,%,$(CMAKEDIR)))))
CMAKE_PREFIX = $(if $(filter $(PREFIX)/%,$(CMAKEDIR)),$${flowmatch_here}/$(cmake_up),$(PREFIX))

# Made anew every time: PREFIX may differ between `make` and `make install`.
fill_in = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(call below_prefix,$${prefix},$(LIBDIR))|' \
  -e 's|@INCLUDEDIR@|$(call below_prefix,$${prefix},$(INCLUDEDIR))|' -e 's|@VERSION@|$(VERSION)|' \
  -e 's|@LIBS_PRIVATE@|$(LIBS_PRIVATE)|' \
  -e 's|@CMAKE_PREFIX@|$(CMAKE_PREFIX)|' \
  -e 's|@CMAKE_LIBDIR@|$(call below_prefix,$${flowmatch_prefix},$(LIBDIR))|' \
  -e 's|@CMAKE_BINDIR@|$(call below_prefix,$${flowmatch_prefix},$(BINDIR))|' \
  -e 's|@CMAKE_INCLUDEDIR@|$(call below_prefix,$${flowmatch_prefix},$(INCLUDEDIR))|' \
  -e 's|@BLAS@|$(filter-out none,$(BLAS))|' -e 's|@SYSTEM_LIBS@|$(patsubst -l%,%,$(LIBS:-pthread=pthread))|' \
  -e 's|@SHARED@|$(notdir $(SHARED))|' -e 's|@SOVERSION@|$(SOVERSION)|'
$(BUILD)/libflowmatch.pc: libflowmatch.pc.in force
	@mkdir -p $(@D)
	$(Q)$(fill_in) $< > $@
CMAKE_FILES := $(BUILD)/flowmatchConfig.cmake $(BUILD)/flowmatchConfigVersion.cmake
$(CMAKE_FILES): $(BUILD)/%: docs/packaging/%.in force
	@mkdir -p $(@D)
	$(Q)$(fill_in) $< > $@

# ---- install -------------------------------------------------------------------------------------------

# FILE=WHERE of all that is installed: `install` and `uninstall` read the same lists. Shared libraries are
# executable where the linker makes them so.
into = $(foreach f,$(2),$(f)=$(1)/$(notdir $(f)))
CALLERS := $(wildcard $(addprefix tests/ffi/,c/*.* cpp/*.* fortran/*.f90 go/go.mod go/*.go go/*/*.go rust/Cargo.* \
  rust/*/Cargo.toml rust/*/*.rs rust/*/*/*.rs))
DOCS := README.md CHANGELOG.md LICENSE $(filter-out docs/packaging/%,$(wildcard docs/*.md docs/*/*.md docs/*/*.c docs/examples/service-go/*)) \
  $(wildcard docs/pictures/*.png) $(CALLERS)
lib_data = $(call into,$(INCLUDEDIR),$(wildcard include/*.h include/*.hpp)) $(call into,$(LIBDIR),$(STATIC)) \
  $(call into,$(LIBDIR)/pkgconfig,$(BUILD)/libflowmatch.pc) $(call into,$(CMAKEDIR),$(CMAKE_FILES)) \
  $(foreach f,$(DOCS),$(f)=$(DOCDIR)/$(f)) $(if $(WINDOWS),$(call into,$(LIBDIR),$(BUILD)/libflowmatch.dll.a))
lib_binaries = $(call into,$(if $(WINDOWS),$(BINDIR),$(LIBDIR)),$(SHARED))
lib_links = $(if $(WINDOWS),,$(LIBDIR)/libflowmatch.so.$(SOVERSION) $(LIBDIR)/libflowmatch.so)
program_binaries = $(call into,$(BINDIR),$(PROGRAM))
# Pages that couldn't be made (see PAGES) are left out.
program_data = $(PAGES)/flowmatch.1=$(MANDIR)/man1/flowmatch.1 \
  $(PAGES)/flowmatch.bash=$(DATADIR)/bash-completion/completions/flowmatch \
  $(PAGES)/flowmatch.zsh=$(DATADIR)/zsh/site-functions/_flowmatch \
  $(PAGES)/flowmatch.fish=$(DATADIR)/fish/vendor_completions.d/flowmatch.fish

# $(call put,MODE,FILE=WHERE...)
put = @set -e; for pair in $(2); do from=$${pair%%=*} to=$(DESTDIR)$${pair\#*=}; \
  if [ -e "$$from" ] || [ "$${from%/pages/*}" = "$$from" ]; then \
    $(INSTALL) -d "$${to%/*}"; $(INSTALL) -m $(1) "$$from" "$$to"; fi; done
.PHONY: install install-lib install-program uninstall
install: install-lib install-program
install-lib: lib $(CMAKE_FILES)
	$(call put,644,$(lib_data))
	$(call put,755,$(lib_binaries))
	@for link in $(lib_links); do ln -sf $(notdir $(SHARED)) "$(DESTDIR)$$link"; done
install-program: $(PROGRAM) pages
	$(call put,755,$(program_binaries))
	$(call put,644,$(program_data))
# Folders of our own go when they are empty; those of others stay.
uninstall:
	@for pair in $(lib_data) $(lib_binaries) $(program_binaries) $(program_data); do \
	  rm -f "$(DESTDIR)$${pair#*=}"; done
	@for link in $(lib_links); do rm -f "$(DESTDIR)$$link"; done
	@for dir in $(CMAKEDIR) $(sort $(dir $(DOCS:%=$(DOCDIR)/%))); do \
	  dir=$(DESTDIR)$$dir; [ ! -d "$$dir" ] || find "$$dir" -depth -type d -empty -exec rmdir {} +; done

# ---- the tarball ---------------------------------------------------------------------------------------

# The same bytes from the same sources: sorted names, no owner, and one time, that of the last commit. The
# generated pages are inside, for builds whose program can't run.
TARBALL := $(BUILD)/libflowmatch-$(VERSION).tar.gz
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
sources = { if [ -e .git ]; then git ls-files; else find . -type f | sed 's|^\./||'; fi; } | \
  grep -vE '^(build[^/]*|docs/pages|debian|\.pc)/'
.PHONY: dist
dist: pages
	@rm -rf $(BUILD)/dist && mkdir -p $(BUILD)/dist/libflowmatch-$(VERSION)/docs/pages
	@$(sources) | tar -cf - -T - | tar -xf - -C $(BUILD)/dist/libflowmatch-$(VERSION)
	@cp $(PAGES)/flowmatch.* $(BUILD)/dist/libflowmatch-$(VERSION)/docs/pages/
	@tar -C $(BUILD)/dist --format=ustar --sort=name --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 \
	  --numeric-owner --mode=u+rw,go=u-w -cf - libflowmatch-$(VERSION) | gzip -9n > $(TARBALL)
	@rm -rf $(BUILD)/dist
	$(call say,DIST,$(TARBALL))

# ---- Debian packages -----------------------------------------------------------------------------------

# DEB_BUILD_OPTIONS=nocheck leaves out the tests, DEB_FLAGS=-d the check for what is needed to build.
.PHONY: deb
deb: dist
	@command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null || \
	  { echo "make deb needs the packages dpkg-dev and debhelper" >&2; exit 1; }
	@rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb
	@cp $(TARBALL) $(BUILD)/deb/libflowmatch_$(VERSION).orig.tar.gz
	@tar -C $(BUILD)/deb -xzf $(TARBALL)
	@cp -R docs/packaging/debian $(BUILD)/deb/libflowmatch-$(VERSION)/debian
	cd $(BUILD)/deb/libflowmatch-$(VERSION) && env -u MAKE -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc $(DEB_FLAGS)

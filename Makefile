# klockc: compiles .klock policies into Kubernetes admission policies and RBAC.
#
#   make run        install what is missing (Debian, Ubuntu), build, and compile examples/payments.klock
#   make check      likewise, and run all tests; those on API servers only where there is Go 1.26
#   make            build build/klockc, build/libklock.a and build/libklock.so
#   make install    program, libraries, header, man page, completions, documentation; PREFIX=/usr/local, DESTDIR=
#   make tarball    build/dist/klock-VERSION-linux-ARCH.tar.gz: a static program (musl) and what belongs to it, the same bytes each
#                   time; and kubectl-klock-…, the program alone, for krew
#   make deb        Debian packages of this machine's architecture, in build/dist
#   make image      a container image of the static program (buildah or podman): build/dist/klock-VERSION-linux-ARCH.oci.tar
#   make release    all of these, the sources, a manifest for krew and SHA256SUMS; RELEASE_URL=https://... is where they will lie
#   make wasm       the library for WebAssembly, build/klock.wasm, for JavaScript by wasm/klock.mjs
#   make sanitize   the tests with AddressSanitizer and UndefinedBehaviorSanitizer
#   make lint       formatting, direction of includes, warnings as errors, scripts
#   make fuzz       libFuzzer on the whole compiler, on CEL expressions, on klockc verify and on klockc check --rbac, each for FUZZ_SECONDS=60
#   make bench      time, memory and size, beside others: bench-programs and bench-server are its halves (BENCH_MINORS=1.33,1.37
#                   BENCH_LOCKS=1,1000,10000 BENCH_REQUESTS=200 BENCH_PROFILES=DIR); bench-deps builds Helm, gator and Kyverno first
#   make bench-gate instructions that compiling takes, against tests/bench/instructions; bench-gate-update writes it
#   make differential    decisions against the API server's evaluator, on random policies, without end; SEED=1
#   make mutations  breaks the emitter and decide in small ways that a judge should notice; MUTANTS=200 or all, SEED=1
#   make deps       install what building and testing need; elsewhere say how
#   make format     format the sources
#   make promises-update adds to the lists of what stays (docs/stability.md): tests/docs/promised, tests/library/abi
#   make golden-update   accept what klockc says now as the expected output: look at the difference
#   make clean
#
# BUILD=release|debug|asan|coverage chooses the variant; release is the default. CFLAGS, CPPFLAGS, LDFLAGS are yours.
# KLOCK_MINORS="1.30 1.33 1.37" chooses the API servers of make check; default 1.37, empty for none.

BUILD ?= release
OUT := build/$(BUILD)
GEN := build/gen
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
ZSHDIR ?= $(DATADIR)/zsh/site-functions
DOCDIR ?= $(DATADIR)/doc/klock
MUSL_CC ?= musl-gcc
# Where `make release` will be published.
RELEASE_URL ?=
FUZZ_SECONDS ?= 60
SEED ?= 1
MUTANTS ?= 200
KLOCK_MINORS ?= 1.37
export KLOCK_MINORS

# For what compiles everything; a make that was told so already shares its own.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1))

# Homebrew keeps its bison out of the way of the old one of macOS.
BISON ?= $(firstword $(wildcard /opt/homebrew/opt/bison/bin/bison /usr/local/opt/bison/bin/bison) bison)
RE2C ?= re2c
CLANG ?= clang
CLANG_FORMAT ?= clang-format
PKG_CONFIG ?= pkg-config
OBJCOPY ?= objcopy

VARIANT_CFLAGS.release := -O2 -fstack-protector-strong
VARIANT_CPPFLAGS.release := -DNDEBUG -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
VARIANT_LDFLAGS.release := -pie
VARIANT_CFLAGS.debug := -Og -g -Werror
VARIANT_CFLAGS.asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
VARIANT_LDFLAGS.asan := -fsanitize=address,undefined
VARIANT_CFLAGS.coverage := -O0 -g --coverage
VARIANT_LDFLAGS.coverage := --coverage
VARIANT_CFLAGS.fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# Exceptions of WebAssembly stand for longjmp.
VARIANT_CFLAGS.wasm := --target=wasm32-wasi -fno-pic -Os -mexception-handling -mllvm -wasm-enable-sjlj -isystem wasm/include
# Runs wherever there is a kernel of Linux. The same sources give the same bytes in every directory.
VARIANT_CFLAGS.static := $(VARIANT_CFLAGS.release) -ffile-prefix-map=$(CURDIR)=. -ffunction-sections -fdata-sections
VARIANT_CPPFLAGS.static := -DNDEBUG
VARIANT_LDFLAGS.static := -static -s -Wl,--gc-sections,--build-id=none,-z,relro,-z,now
VARIANT_LDFLAGS.fuzz := -fsanitize=address,undefined

WARNINGS := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wnull-dereference -Wvla -Wpedantic
PACKAGES := yaml-0.1 libcjson
PACKAGE_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
# What carries everything with it is built from the sources of the libraries, which packaging/fetch.sh gets.
ifneq ($(filter wasm static,$(BUILD)),)
FETCHED := $(OUT)/sources
PACKAGE_CFLAGS := -I$(FETCHED)/libyaml/include -I$(FETCHED)/cjson
PACKAGE_OBJECTS := $(patsubst %.c,%.o,$(wildcard $(FETCHED)/libyaml/src/*.c)) $(FETCHED)/cjson/cJSON.o
PACKAGE_LIBS :=
endif
CMOCKA_CFLAGS := $(shell $(PKG_CONFIG) --cflags cmocka 2>/dev/null)
CMOCKA_LIBS := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)

# An include of ours carries the room: "base/arena.h".
OUR_CPPFLAGS := -D_POSIX_C_SOURCE=200809L -Iinclude -iquote include -iquote compiler -iquote . -iquote grammar -iquote $(GEN) $(PACKAGE_CFLAGS) \
	$(VARIANT_CPPFLAGS.$(BUILD))
OUR_CFLAGS := -std=c11 -fPIC -fvisibility=hidden $(WARNINGS) $(VARIANT_CFLAGS.$(BUILD))
OUR_LDFLAGS := $(VARIANT_LDFLAGS.$(BUILD))

GENERATED := $(foreach grammar,klock cel,$(GEN)/$(grammar)_parser.c $(GEN)/$(grammar)_lexer.c)
GENERATED_HEADERS := $(GEN)/klock_parser.h $(GEN)/cel_parser.h
CLI_SOURCES := $(sort $(wildcard compiler/cli/*.c))
SOURCES := $(filter-out $(CLI_SOURCES),$(sort $(wildcard compiler/*.c compiler/*/*.c emit/*.c)))
OBJECTS := $(SOURCES:%.c=$(OUT)/%.o) $(GENERATED:build/%.c=$(OUT)/%.o)
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(OUT)/%.o)
LIBRARY := $(OUT)/libklock.a
VERSION := $(shell sed -n 's/^\#define KLOCK_VERSION_[A-Z]* //p' include/klock/klock.h | paste -sd . -)
# Until 1.0 every minor version may break what is linked to it.
SONAME := libklock.so.$(word 1,$(subst ., ,$(VERSION))).$(word 2,$(subst ., ,$(VERSION)))
# The linker of macOS has other words for all this: there is the archive alone, as in a program that is static.
ifeq ($(filter Darwin static,$(shell uname -s) $(BUILD)),)
SHARED := $(OUT)/libklock.so.$(VERSION)
endif
PROGRAM := $(OUT)/klockc
UNIT_TESTS := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_SUPPORT := $(patsubst %.c,$(OUT)/%.o,$(sort $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))))
FORMATTED := $(wildcard compiler/*.[ch] compiler/*/*.[ch] emit/*.[ch] include/klock/*.h wasm/*.c wasm/*/*.h grammar/*.h tests/*.[ch] tests/*/*.[ch] tests/fuzz/*/driver/*.c)

COMPILE = $(CC) $(OUR_CPPFLAGS) $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS)
LINK = $(CC) $(OUR_CFLAGS) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS)

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: mutations objects wasm bench-programs bench-server bench-deps bench-gate bench-gate-update differential all run check unit unit-tests golden-update format lint sanitize fuzz bench deps install install-program install-library install-docs uninstall tarball deb image source release is-published static-tarball promises-update clean help
.SECONDARY:

all: $(LIBRARY) $(PROGRAM) $(SHARED) build/libklock.a $(SHARED:%=build/libklock.so) build/klockc

# ---- the two commands ----

# Standard output is for the objects alone.
run:
	@.ci/deps build >&2
	@$(MAKE) --no-print-directory all >&2
	@build/klockc compile examples/payments.klock

check:
	@.ci/deps build check
	@$(MAKE) --no-print-directory $(JOBS) all unit-tests build/oracle build/cel-driver
	@BUILD=$(BUILD) tests/run

deps:
	@.ci/deps build check

# ---- building ----

build/libklock.a: $(LIBRARY)
	ln -sf $(BUILD)/libklock.a $@
build/libklock.so: $(SHARED)
	ln -sf $(BUILD)/$(notdir $(SHARED)) $@
build/klockc: $(PROGRAM)
	ln -sf $(BUILD)/klockc $@

# Answers what tests/e2e/differential asks.
build/oracle: $(OUT)/tests/differential/oracle
	ln -sf $(BUILD)/tests/differential/oracle $@
AGREEMENT := $(OUT)/tests/differential/agreement.o
$(OUT)/tests/differential/oracle: $(OUT)/tests/differential/oracle.o $(OUT)/tests/differential/readback.o $(AGREEMENT) $(LIBRARY)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Judges the emitted objects of files as an API server would.
JUDGE := $(OUT)/tests/differential/judge
$(JUDGE): $(OUT)/tests/differential/judge.o $(OUT)/tests/differential/by_hand.o $(AGREEMENT) $(LIBRARY)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Answers what tests/fuzz/cel_oracle asks.
build/cel-driver: $(OUT)/tests/fuzz/cel_oracle/driver/cel_driver
	ln -sf $(BUILD)/tests/fuzz/cel_oracle/driver/cel_driver $@
$(OUT)/tests/fuzz/cel_oracle/driver/cel_driver: $(OUT)/tests/fuzz/cel_oracle/driver/cel_driver.o $(LIBRARY)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^
# Only what the map names is given out.
ifneq ($(SHARED),)
$(SHARED): $(OBJECTS) compiler/klock.map
	$(filter-out -pie,$(LINK)) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=compiler/klock.map -o $@ $(OBJECTS) $(PACKAGE_LIBS) $(LDLIBS)
	ln -sf $(notdir $@) $(OUT)/$(SONAME)
endif
$(PROGRAM): $(CLI_OBJECTS) $(LIBRARY) $(PACKAGE_OBJECTS)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Generators run at the root, so that #line names files as everything else does.
$(GEN)/%_parser.c $(GEN)/%_parser.h: grammar/%.y
	@mkdir -p $(GEN)
	$(BISON) -Wall -Wcounterexamples -Wdangling-alias -Werror --header=$(GEN)/$*_parser.h -o $(GEN)/$*_parser.c $<
# The rules of the keywords come before those of words.
$(GEN)/klock_keywords.re: compiler/front/keywords.def
	@mkdir -p $(GEN)
	sed -n 's/^KEYWORD(\([A-Z_]*\), \("[^"]*"\),.*/\2 { return finish(lexer, start, TOK_\1, first_on_line); }/p' $< >$@
$(GEN)/klock_lexer.c: $(GEN)/klock_keywords.re
$(GEN)/%_lexer.c: grammar/%.re
	@mkdir -p $(GEN)
	$(RE2C) -W -Werror -I $(GEN) --no-generation-date -o $@ $<
	@chmod 644 $@

$(OUT)/%.o: %.c | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<
$(OUT)/gen/%.o: $(GEN)/%.c | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# ---- WebAssembly ----

wasm:
	@.ci/deps build wasm
	@packaging/fetch.sh build/wasm/sources
	@$(MAKE) --no-print-directory BUILD=wasm CC=$(CLANG) build/klock.wasm
build/klock.wasm: $(OUT)/klock.wasm
	ln -sf $(BUILD)/klock.wasm $@

WASM_OBJECTS := $(filter-out $(OUT)/compiler/front/load_disk.o,$(OBJECTS)) $(OUT)/wasm/host.o $(OUT)/wasm/setjmp.o \
	$(PACKAGE_OBJECTS)
# As much stack as programs have elsewhere, and its end is the end of the memory: beyond it is an error, not data.
$(OUT)/klock.wasm: $(WASM_OBJECTS)
	$(CC) --target=wasm32-wasi -mexec-model=reactor -o $@ $^ -Wl,--export=malloc,--export=free,--export-dynamic \
		-Wl,--gc-sections,--strip-all,--stack-first,-z,stack-size=8388608
$(OUT)/sources/%.o: $(OUT)/sources/%.c
	$(CC) $(VARIANT_CFLAGS.$(BUILD)) $(CFLAGS) $(PACKAGE_CFLAGS) -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 -DYAML_VERSION_PATCH=5 \
		'-DYAML_VERSION_STRING="0.2.5"' -c -o $@ $<

# ---- tests ----

$(OUT)/tests/unit/%.o: tests/unit/%.c | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) $(CMOCKA_CFLAGS) -MMD -MP -c -o $@ $<
$(OUT)/tests/unit/test_exhaustion: LDFLAGS += -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
$(OUT)/tests/unit/%: $(OUT)/tests/unit/%.o $(UNIT_SUPPORT) $(LIBRARY)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(CMOCKA_LIBS) $(LDLIBS)

$(OUT)/tests/unit/test_oom: LDFLAGS += -Wl,--wrap=calloc

# klockc whose writing calls can be made to fail.
FAILING := $(OUT)/tests/cli/klockc-failing
WRAPPED := write fsync close rename mkdir mkstemp fchmod
$(FAILING): $(OUT)/tests/cli/failing_calls.o $(CLI_OBJECTS) $(LIBRARY)
	$(LINK) $(WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Prints the tree of a file, for tests/golden.
SYNTAX := $(OUT)/tests/golden/syntax
$(SYNTAX): $(OUT)/tests/golden/syntax.o $(LIBRARY)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Tells what a manifest has twice, for all suites that compile something.
UNIQUE := $(OUT)/tests/golden/unique
$(UNIQUE): $(OUT)/tests/golden/unique.o $(OUT)/tests/unique.o
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# klockc whose names can be made to collide.
COLLIDING := $(OUT)/tests/cli/klockc-colliding
$(COLLIDING): $(OUT)/tests/cli/colliding_names.o $(CLI_OBJECTS) $(LIBRARY)
	$(LINK) $(foreach name,names_part names_identifier names_of_grant lower_id,-Wl,--wrap=$(name)) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

unit-tests: $(UNIT_TESTS) $(FAILING) $(SYNTAX) $(UNIQUE) $(COLLIDING) $(JUDGE)
unit: $(UNIT_TESTS)
	@BUILD=$(BUILD) tests/run unit

golden-update: all $(SYNTAX) $(UNIQUE)
	@BUILD=$(BUILD) tests/golden/run.sh --update

promises-update: all
	tests/docs/promises.sh --update
	tests/library/abi.sh --update

# Mistakes that a judge should notice: MUTANTS=200, or all.
mutations:
	SEED=$(SEED) tests/mutations/run.sh $(MUTANTS)

differential: build/oracle
	cd tests/e2e && go test -count=1 -timeout 0 -run TestDifferential -v . -differential.seed=$(SEED) -differential.forever

sanitize:
	@.ci/deps build check
	@$(MAKE) --no-print-directory BUILD=asan $(patsubst $(OUT)/%,build/asan/%,$(LIBRARY) $(PROGRAM) $(UNIT_TESTS) $(FAILING) $(SYNTAX) $(UNIQUE) $(COLLIDING) $(JUDGE))
	@BUILD=asan tests/run unit golden rows cli docs

fuzz:
	@.ci/deps build fuzz
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory BUILD=fuzz CC=$(CLANG) build/fuzz/fuzz_compile build/fuzz/fuzz_cel build/fuzz/fuzz_verify build/fuzz/fuzz_rbac
	@tests/fuzz/run.sh $(FUZZ_SECONDS)
$(OUT)/fuzz_%: $(OUT)/tests/fuzz/fuzz_%.o $(OUT)/tests/unique.o $(LIBRARY)
	$(LINK) -fsanitize=fuzzer -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

bench: all
	@tests/bench/bench.sh
bench-programs: all
	@tests/bench/bench.sh programs
bench-server: all
	@tests/bench/bench.sh server
bench-deps:
	@tests/bench/deps.sh

bench-gate: all
	@tests/bench/gate.sh
bench-gate-update: all
	@tests/bench/gate.sh --update

objects: $(OBJECTS) $(CLI_OBJECTS)

lint:
	@.ci/deps build check lint
	@CLANG=$(CLANG) CLANG_FORMAT=$(CLANG_FORMAT) MAKE="$(MAKE)" tests/lint.sh $(FORMATTED)

format:
	$(CLANG_FORMAT) -i $(FORMATTED)

# ---- installing ----

# The archive that is installed gives out nothing but the interface, so that names of ours meet none of others. Where the
# tools cannot do that, it is the one of the build.
$(OUT)/installed/libklock.a: $(OBJECTS) $(LIBRARY)
	@mkdir -p $(@D)
	rm -f $@
	{ $(LD) -r -o $(@D)/klock.o $(OBJECTS) && $(OBJCOPY) --localize-hidden $(@D)/klock.o && \
		$(AR) rcs $@ $(@D)/klock.o; } || cp $(LIBRARY) $@

# What kustomize finds plugins by, below KUSTOMIZE_PLUGIN_HOME.
KUSTOMIZE := $(DATADIR)/klock/kustomize
PLUGIN := klock.dev/v1alpha1/klockpolicy
# What users copy. The manifest of krew is a template, which `make release` fills.
DEPLOYED := $(filter-out krew/%,$(patsubst deploy/%,%,$(shell find deploy -type f | sort)))

install: install-program install-library install-docs

install-program: $(PROGRAM)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(DATADIR)/bash-completion/completions \
		$(DESTDIR)$(ZSHDIR) $(DESTDIR)$(DATADIR)/fish/vendor_completions.d $(DESTDIR)$(KUSTOMIZE)/plugin/$(PLUGIN)
	install -m 755 $(PROGRAM) $(DESTDIR)$(BINDIR)/klockc
	ln -sf klockc $(DESTDIR)$(BINDIR)/klockc-fn
	install -d $(addprefix $(DESTDIR)$(DATADIR)/klock/,$(sort $(dir $(DEPLOYED))))
	set -e; for file in $(DEPLOYED); do mode=644; [ ! -x "deploy/$$file" ] || mode=755; install -m $$mode "deploy/$$file" "$(DESTDIR)$(DATADIR)/klock/$$file"; done
	ln -sf $(abspath $(BINDIR))/klockc $(DESTDIR)$(KUSTOMIZE)/plugin/$(PLUGIN)/KlockPolicy
	install -m 644 docs/klockc.1 $(DESTDIR)$(MANDIR)/man1/klockc.1
	ln -sf klockc.1 $(DESTDIR)$(MANDIR)/man1/klockc-fn.1
	$(PROGRAM) completion bash >$(DESTDIR)$(DATADIR)/bash-completion/completions/klockc
	$(PROGRAM) completion zsh >$(DESTDIR)$(ZSHDIR)/_klockc
	$(PROGRAM) completion fish >$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/klockc.fish

install-library: $(LIBRARY) $(SHARED) $(OUT)/installed/libklock.a
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/klock
	install -m 644 $(OUT)/installed/libklock.a $(DESTDIR)$(LIBDIR)/libklock.a
ifneq ($(SHARED),)
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/libklock.so.$(VERSION)
	ln -sf libklock.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf libklock.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libklock.so
endif
	install -m 644 include/klock/*.h $(DESTDIR)$(INCLUDEDIR)/klock/
	sed -e "s|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|" \
		include/klock.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/klock.pc

# Where they lie beside each other as in the sources, links lead to where they should.
install-docs:
	install -d $(DESTDIR)$(DOCDIR)/docs $(DESTDIR)$(DOCDIR)/examples
	install -m 644 README.md CHANGELOG.md LICENSE $(DESTDIR)$(DOCDIR)/
	install -m 644 docs/*.md $(DESTDIR)$(DOCDIR)/docs/
	cp -R examples/. $(DESTDIR)$(DOCDIR)/examples/
	ln -sfn $(abspath $(DATADIR))/klock $(DESTDIR)$(DOCDIR)/deploy

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/klockc $(DESTDIR)$(BINDIR)/klockc-fn $(DESTDIR)$(LIBDIR)/libklock.a $(DESTDIR)$(LIBDIR)/pkgconfig/klock.pc \
		$(DESTDIR)$(LIBDIR)/libklock.so $(DESTDIR)$(LIBDIR)/$(SONAME) $(DESTDIR)$(LIBDIR)/libklock.so.$(VERSION) \
		$(DESTDIR)$(MANDIR)/man1/klockc.1 $(DESTDIR)$(MANDIR)/man1/klockc-fn.1 \
		$(DESTDIR)$(DATADIR)/bash-completion/completions/klockc $(DESTDIR)$(ZSHDIR)/_klockc $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/klockc.fish
	rm -rf $(DESTDIR)$(INCLUDEDIR)/klock $(DESTDIR)$(DATADIR)/klock $(DESTDIR)$(DOCDIR)

# ---- packages ----

DIST := build/dist
ARCH := $(subst x86_64,amd64,$(subst aarch64,arm64,$(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))))
RELEASED := klock-$(VERSION)-linux-$(ARCH)
# What is packed bears the date of the version, and neither the machine's users nor its umask.
SOURCE_DATE_EPOCH ?= $(shell date -ud "$$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)" +%s 2>/dev/null)
PACK = tar --sort=name --format=ustar --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w -cf - -C
IN_STATIC = $(MAKE) --no-print-directory BUILD=static CC="$(MUSL_CC)"

tarball:
	@.ci/deps build static
	@packaging/fetch.sh build/static/sources
	@$(IN_STATIC) static-tarball
	@ls $(DIST)/*klock-$(VERSION)-linux-*.tar.gz

TREE := $(OUT)/tree/$(RELEASED)
# One tree, which can be unpacked into /usr/local or stay where it is: what leads to the program is relative.
static-tarball: $(PROGRAM)
	rm -rf $(OUT)/tree
	@mkdir -p $(DIST)
	$(IN_STATIC) DESTDIR=$(TREE) PREFIX= install-program install-docs
	ln -sfn ../../klock $(TREE)/share/doc/klock/deploy
	ln -sf ../../../../../../../bin/klockc $(TREE)/share/klock/kustomize/plugin/$(PLUGIN)/KlockPolicy
	install -d $(TREE)/share/doc/klock/licenses
	install -m 644 $(FETCHED)/libyaml/License $(TREE)/share/doc/klock/licenses/libyaml
	install -m 644 $(FETCHED)/cjson/LICENSE $(TREE)/share/doc/klock/licenses/cjson
	for file in $(wildcard /usr/share/doc/musl-dev/copyright); do \
		install -m 644 $$file $(TREE)/share/doc/klock/licenses/musl; done
	$(PACK) $(OUT)/tree $(RELEASED) | gzip -9n >$(DIST)/$(RELEASED).tar.gz
# krew unpacks no links.
	rm -rf $(OUT)/plugin
	install -d $(OUT)/plugin
	install -m 755 $(PROGRAM) $(OUT)/plugin/klockc
	cp -R LICENSE $(TREE)/share/doc/klock/licenses $(OUT)/plugin/
	$(PACK) $(OUT)/plugin . | gzip -9n >$(DIST)/kubectl-$(RELEASED).tar.gz

source:
	@mkdir -p $(DIST)
	@packaging/source.sh build/source/klock-$(VERSION)
	@$(PACK) build/source klock-$(VERSION) | gzip -9n >$(DIST)/klock-$(VERSION).tar.gz
	@ls $(DIST)/klock-$(VERSION).tar.gz

# From a copy of the sources: packaging cleans up what was built. The tests are those of make check; DEB_BUILD_OPTIONS= runs them
# once more.
DEB_BUILD_OPTIONS ?= nocheck parallel=$(shell getconf _NPROCESSORS_ONLN)
deb:
	@.ci/deps build deb
	@mkdir -p $(DIST)
	@rm -rf build/deb
	@packaging/source.sh build/deb/klock-$(VERSION)
	cd build/deb/klock-$(VERSION) && env -u MAKEFLAGS -u MAKELEVEL DEB_BUILD_OPTIONS="$(DEB_BUILD_OPTIONS)" dpkg-buildpackage -us -uc -b
	rm -f $(DIST)/*_$(VERSION)_*.deb
	cp build/deb/*.deb $(DIST)/
	@ls $(DIST)/*.deb

BUILDER ?= $(firstword $(foreach builder,buildah podman,$(shell command -v $(builder))))
image: tarball
	@[ -n "$(BUILDER)" ] || { echo "make image: install buildah or podman, or name another builder with BUILDER=" >&2; exit 2; }
	@rm -rf build/image
	@install -D build/static/klockc build/image/klockc
	@install -m 644 LICENSE build/image/LICENSE
	@echo 'nobody:x:65534:65534:nobody:/:/klockc' >build/image/passwd
	$(BUILDER) build --timestamp $(SOURCE_DATE_EPOCH) -t klock:$(VERSION) -f Containerfile build/image
	rm -f $(DIST)/$(RELEASED).oci.tar
	$(BUILDER) push klock:$(VERSION) oci-archive:$(DIST)/$(RELEASED).oci.tar:klock:$(VERSION)

is-published:
	@[ -n "$(RELEASE_URL)" ] || { echo "make release: say where it will lie with RELEASE_URL=https://..." >&2; exit 2; }
# Nothing of another version is among what is published.
	rm -rf $(DIST)
release: is-published source tarball deb image
	packaging/krew.sh $(VERSION) $(RELEASE_URL) $(DIST)/kubectl-klock-$(VERSION)-linux-*.tar.gz >$(DIST)/klock.yaml
	cd $(DIST) && rm -f SHA256SUMS && sha256sum * >$${TMPDIR:-/tmp}/sums.$$$$ && mv $${TMPDIR:-/tmp}/sums.$$$$ SHA256SUMS
	@ls $(DIST)

clean:
	rm -rf $(filter-out build/servers build/bench,$(wildcard build/*))

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

-include $(OBJECTS:.o=.d) $(wildcard $(OUT)/wasm/*.d) $(CLI_OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(UNIT_SUPPORT:.o=.d) $(wildcard $(foreach suite,cli differential fuzz golden,$(OUT)/tests/$(suite)/*.d)) $(wildcard $(OUT)/tests/*.d $(OUT)/tests/fuzz/*/driver/*.d)

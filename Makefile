# klockc: policies in .klock become Kubernetes admission policies.
#
#   make            build/libklock.a (and build/klockc once there is a main)
#   make unit       builds and runs the unit tests
#   make golden     compares the golden files; make golden-update rewrites them
#   make format     formats the sources; make lint checks that they are
#   make clean
#
# BUILD=release|debug|asan|coverage chooses the variant; release is the default. CFLAGS, CPPFLAGS, LDFLAGS are yours.

BUILD ?= release
OUT := build/$(BUILD)
GEN := build/gen

BISON ?= bison
RE2C ?= re2c
CLANG_FORMAT ?= clang-format

VARIANT_CFLAGS.release := -O2 -fstack-protector-strong -fPIE
VARIANT_CPPFLAGS.release := -DNDEBUG -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
VARIANT_LDFLAGS.release := -pie
VARIANT_CFLAGS.debug := -Og -g -Werror
VARIANT_CFLAGS.asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
VARIANT_LDFLAGS.asan := -fsanitize=address,undefined
VARIANT_CFLAGS.coverage := -O0 -g --coverage
VARIANT_LDFLAGS.coverage := --coverage

WARNINGS := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wnull-dereference -Wvla -Wpedantic
PACKAGES := yaml-0.1 libcjson
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES))
PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES))

OUR_CPPFLAGS := -D_POSIX_C_SOURCE=200809L -Iinclude -Icompiler -Iemit -I$(GEN) $(PACKAGE_CFLAGS) \
	$(VARIANT_CPPFLAGS.$(BUILD))
OUR_CFLAGS := -std=c11 $(WARNINGS) $(VARIANT_CFLAGS.$(BUILD))
OUR_LDFLAGS := $(VARIANT_LDFLAGS.$(BUILD))

GENERATED := $(GEN)/klock_parser.c $(GEN)/klock_lexer.c
SOURCES := $(filter-out compiler/main.c,$(sort $(wildcard compiler/*.c emit/*.c)))
OBJECTS := $(SOURCES:%.c=$(OUT)/%.o) $(GENERATED:build/%.c=$(OUT)/%.o)
LIBRARY := $(OUT)/libklock.a
PROGRAM := $(if $(wildcard compiler/main.c),$(OUT)/klockc)
UNIT_TESTS := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_SUPPORT := $(patsubst %.c,$(OUT)/%.o,$(sort $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))))

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all unit golden golden-update fuzz format lint clean help
.SECONDARY:

all: $(LIBRARY) $(PROGRAM) build/libklock.a $(PROGRAM:$(OUT)/%=build/%)

build/libklock.a: $(LIBRARY)
	ln -sf $(BUILD)/libklock.a $@
build/klockc: $(OUT)/klockc
	ln -sf $(BUILD)/klockc $@

$(LIBRARY): $(OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^
$(OUT)/klockc: $(OUT)/compiler/main.o $(LIBRARY)
	$(CC) $(OUR_CFLAGS) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Generators run at the root, so that #line names files as everything else does.
$(GEN)/klock_parser.c $(GEN)/klock_parser.h &: grammar/klock.y
	@mkdir -p $(GEN)
	$(BISON) -Wall -Wcounterexamples -Wdangling-alias -Werror --header=$(GEN)/klock_parser.h -o $(GEN)/klock_parser.c $<
$(GEN)/klock_lexer.c: grammar/klock.re
	@mkdir -p $(GEN)
	$(RE2C) -W -Werror --no-generation-date -o $@ $<
	@chmod 644 $@

$(OUT)/%.o: %.c | $(GEN)/klock_parser.h
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(OUT)/gen/%.o: $(GEN)/%.c | $(GEN)/klock_parser.h
	@mkdir -p $(@D)
	$(CC) $(OUR_CPPFLAGS) $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/tests/unit/%: $(OUT)/tests/unit/%.o $(UNIT_SUPPORT) $(LIBRARY)
	$(CC) $(OUR_CFLAGS) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) -lcmocka $(LDLIBS)

$(OUT)/tests/unit/test_oom: OUR_LDFLAGS += -Wl,--wrap=calloc

unit: $(UNIT_TESTS)
	@failed=; for test in $(UNIT_TESTS); do $$test || failed=yes; done; test -z "$$failed"

$(OUT)/tests/golden/syntax: $(OUT)/tests/golden/syntax.o $(LIBRARY)
	$(CC) $(OUR_CFLAGS) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

golden: $(OUT)/tests/golden/syntax
	tests/golden/run.sh $<
golden-update: $(OUT)/tests/golden/syntax
	tests/golden/run.sh $< --update

# Runs each fuzzer for FUZZ_SECONDS from the golden files; needs clang.
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
build/fuzz/%: tests/fuzz/%.c $(SOURCES) $(GENERATED)
	@mkdir -p $(@D)
	clang $(OUR_CPPFLAGS) -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o $@ $< $(SOURCES) $(GENERATED) $(PACKAGE_LIBS)
fuzz: $(FUZZERS:%=build/fuzz/%)
	for fuzzer in $(FUZZERS); do mkdir -p build/fuzz/corpus-$$fuzzer && build/fuzz/$$fuzzer \
		-max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=build/fuzz/ \
		build/fuzz/corpus-$$fuzzer tests/golden/syntax || exit 1; done

FORMATTED := $(wildcard compiler/*.[ch] emit/*.[ch] include/klock/*.h tests/*/*.[ch])
format:
	$(CLANG_FORMAT) -i $(FORMATTED)
lint:
	$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)

clean:
	rm -rf build

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(UNIT_SUPPORT:.o=.d) $(OUT)/compiler/main.d $(OUT)/tests/golden/syntax.d

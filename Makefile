# Sorrel. `make run` builds and starts the server, `make test` checks everything; `make help` lists the rest.
#
# One makefile for the whole tree. Objects live in build/<mode>/, one folder for each way of building, so that switching
# modes rebuilds nothing; the programs of the release build are in build/bin/.

CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
CCACHE   := $(shell command -v ccache 2>/dev/null)
# Debian's own: that is where python3-redis and friends are, whatever else is first in the path.
PYTHON   ?= $(firstword $(wildcard /usr/bin/python3) python3)
CLANG    ?= clang-14
PREFIX   ?= /usr/local
DESTDIR  ?=
BUILD    ?= build
MODE     ?= release
JOBS     ?= $(shell nproc 2>/dev/null || echo 2)

# -- how to compile ----------------------------------------------------------------------------------------------

WARN     := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
            -Wwrite-strings -Wno-unused-parameter -Wformat=2
STD      := -std=gnu11 -D_GNU_SOURCE -Isrc -Iinclude -Itests
HARDEN   := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
SANITIZE := -O1 -g -fno-omit-frame-pointer -DSORREL_VERIFY

OPT_release := -O2 -g $(HARDEN) -DSORREL_JEMALLOC -flto=auto -fno-semantic-interposition
OPT_dev     := -O1 -g -DSORREL_JEMALLOC -DSORREL_VERIFY
OPT_asan    := $(SANITIZE) -fsanitize=address
OPT_ubsan   := $(SANITIZE) -fsanitize=undefined -fno-sanitize-recover=all
OPT_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
OPT_cov     := -O0 -g --coverage -DSORREL_JEMALLOC
OPT_fuzz    := -Wno-gnu-variable-sized-type-not-at-end $(SANITIZE) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
# Across files gcc takes an output that is set only on success for one that may not be set; the compile itself checks that.
LINK_release := -flto=auto -Wno-maybe-uninitialized -pie -Wl,-z,relro,-z,now
LINK_asan   := -fsanitize=address
LINK_ubsan  := -fsanitize=undefined
LINK_tsan   := -fsanitize=thread
LINK_cov    := --coverage
LINK_fuzz   := -fsanitize=fuzzer,address,undefined
ifeq ($(MODE),fuzz)
override CC := $(CLANG)
endif

OBJ      := $(BUILD)/$(MODE)
BIN      := $(if $(filter release,$(MODE)),$(BUILD)/bin,$(BUILD)/$(MODE)/bin)
AR       := $(if $(filter release,$(MODE)),gcc-ar,ar)

# Sanitizers watch the C library's allocator; everything else runs on jemalloc.
PKGS     := libssl libcrypto liblzf luajit libutf8proc $(if $(filter release dev cov,$(MODE)),jemalloc)
pkg      = $(if $(1),$(shell pkg-config $(2) $(1) 2>/dev/null))
CFLAGS   ?=
LDFLAGS  ?=
ALL_CFLAGS = $(STD) $(WARN) $(OPT_$(MODE)) $(call pkg,$(PKGS),--cflags) $(CFLAGS)
LIBS     := $(call pkg,$(PKGS),--libs) -lm -lpthread
LINK     = $(CC) $(ALL_CFLAGS) $(LINK_$(MODE)) $(LDFLAGS)

# `make V=1` shows the commands; `make -s` says nothing.
Q        := $(if $(V),,@)
say      = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-6s %s\n' $(1) $(2))

# -- what there is -----------------------------------------------------------------------------------------------

# The engine library: everything without sockets, files and threads. Tests and fuzzers link with it.
sources     = $(sort $(wildcard $(1:%=src/%/*.c)))
objs        = $(patsubst %.c,$(OBJ)/%.o,$(1))
ENGINE_SRC := $(call sources,base ds proto value engine cmd script)
SERVER_SRC := $(call sources,net store repl server sentinel)
CLI_SRC    := $(call sources,client cli)
UNIT_SRC   := $(sort $(wildcard tests/unit/*.c tests/unit/*/*.c))
UNIT_BIN   := $(patsubst tests/unit/%.c,$(OBJ)/unit/%,$(UNIT_SRC))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
FUZZ_BIN   := $(patsubst tests/fuzz/%.c,$(OBJ)/bin/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
HOST       := $(if $(shell grep -slE '^engine_new.*options' src/engine/*.c),$(OBJ)/bin/script-host)
PROGRAMS   := $(if $(wildcard src/server/main.c),$(BIN)/sorrel-server) $(if $(CLI_SRC),$(BIN)/sorrel-cli) \
              $(if $(wildcard src/bench/main.c),$(BIN)/sorrel-benchmark) \
              $(if $(wildcard src/check/main.c),$(BIN)/sorrel-check)
ALL_SRC    := $(shell find src tests -name '*.c' 2>/dev/null | sort)

.PHONY: all help run test test-deps unit scripts check-programs bench fuzz fuzz-build fmt fmt-check lint asan ubsan tsan \
        cov docs report install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS)

help:
	@echo 'make run            install what is missing, build, start the server on port 6379'
	@echo 'make test           install what tests need, build, run every test'
	@echo 'make all            build the programs into build/bin'
	@echo 'make unit           unit and script tests only (MODE=dev is the quick build)'
	@echo 'make lint           layers, globals, banned calls, warnings, clang-tidy'
	@echo 'make asan|ubsan|tsan  unit and script tests, and a differential run, under a sanitizer'
	@echo 'make fuzz T=request S=60   one libFuzzer target for that many seconds'
	@echo 'make bench          speed and memory beside redis-server'
	@echo 'make bench-client   the client library beside hiredis'
	@echo 'make cov docs report fmt fmt-check compile_commands.json install uninstall clean'
	@echo 'make install PREFIX=/usr/local ALIASES=1   also adds redis-* and valkey-* names'

$(OBJ)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/libengine.a: $(call objs,$(ENGINE_SRC))
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# What the server adds, main() included: a linker takes main.o out of it only when nobody else has a main().
$(OBJ)/libserver.a: $(call objs,$(SERVER_SRC))
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(OBJ)/libsupport.a: $(call objs,$(SUPPORT_SRC))
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(OBJ)/libcli.a: $(call objs,$(CLI_SRC) src/bench/histogram.c src/bench/load.c src/bench/sizes.c src/bench/timeline.c)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BIN)/sorrel-server: $(call objs,$(ENGINE_SRC) $(SERVER_SRC))
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

$(BIN)/sorrel-cli: $(call objs,$(call sources,base proto) $(CLI_SRC))
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

$(BIN)/sorrel-benchmark: $(call objs,$(call sources,base proto client bench))
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

# -- the client library ------------------------------------------------------------------------------------------

# For other people's programs: on the C library's own allocator, position-independent, and with no name visible that
# does not begin with sorrel_. The static one is a single object for the same reason.
# LIB_SAN=thread (or address,undefined) makes them, the examples and the tests beside the ordinary ones, in folders of
# their own.
LIB_SAN    ?=
COMMA      := ,
LIB_TAG    := $(if $(LIB_SAN),-$(firstword $(subst $(COMMA), ,$(LIB_SAN))))
LIB        := $(BUILD)/lib$(LIB_TAG)
LIB_SANFLAGS := $(if $(LIB_SAN),-fsanitize=$(LIB_SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -O1 -U_FORTIFY_SOURCE)
LIB_VERSION := 0.1.0
LIB_OBJ    := $(patsubst %.c,$(LIB)/%.o,$(filter-out src/base/sha256%,$(call sources,base proto client)))
LIB_CFLAGS := $(STD) $(WARN) -O2 -g -fPIC -fvisibility=hidden -fstack-protector-strong -D_FORTIFY_SOURCE=2
EXAMPLES   := $(patsubst examples/%.c,$(BUILD)/examples$(LIB_TAG)/%,$(sort $(wildcard examples/*.c)))
CLIENT_TESTS := $(patsubst tests/client/%.c,$(BUILD)/client-tests$(LIB_TAG)/%,$(sort $(wildcard tests/client/*.c)))

.PHONY: lib examples client-tests
client-tests: $(CLIENT_TESTS)
lib: $(LIB)/libsorrel.a $(LIB)/libsorrel.so $(LIB)/sorrel.pc
examples: $(EXAMPLES)

$(LIB)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CC) $(LIB_CFLAGS) $(LIB_SANFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB)/libsorrel.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)ld -r -o $(LIB)/all.o $^ && objcopy -w --keep-global-symbol='sorrel_*' $(LIB)/all.o $(LIB)/sorrel.o
	@rm -f $@
	$(Q)ar rcs $@ $(LIB)/sorrel.o

$(LIB)/libsorrel.so: $(LIB_OBJ) src/client/libsorrel.map
	$(call say,LD,$@)
	$(Q)$(CC) $(LIB_SANFLAGS) -shared -Wl,-soname,libsorrel.so.0 -Wl,--version-script=src/client/libsorrel.map -Wl,-z,relro,-z,now \
	    -o $@.$(LIB_VERSION) $(LIB_OBJ) -lssl -lcrypto -lm -lpthread
	@ln -sf libsorrel.so.$(LIB_VERSION) $@.0 && ln -sf libsorrel.so.0 $@

$(LIB)/sorrel.pc: Makefile
	@mkdir -p $(@D)
	$(Q)printf '%s\n' 'prefix=$(PREFIX)' 'Name: sorrel' 'Description: C client toolkit for Redis-compatible servers' \
	    'Version: $(LIB_VERSION)' 'Cflags: -I$${prefix}/include' 'Libs: -L$${prefix}/lib -lsorrel' \
	    'Requires.private: libssl libcrypto' 'Libs.private: -lm -lpthread' > $@

# With nothing but what is installed: the public headers and the library. Event libraries only where a program names
# them, in a line "link: name".
user_program = $(Q)$(CC) -std=gnu11 -Wall -Wextra -Werror -O2 -g $(LIB_SANFLAGS) -Iinclude -MMD -MP -o $@ $< $(LIB)/libsorrel.a \
    $$(sed -n 's/^ \* link: //p' $<) -lssl -lcrypto -lm -lpthread

$(BUILD)/examples$(LIB_TAG)/%: examples/%.c $(LIB)/libsorrel.a
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(user_program)

$(BUILD)/client-tests$(LIB_TAG)/%: tests/client/%.c $(wildcard tests/client/*.h) $(LIB)/libsorrel.a
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(user_program)

$(BIN)/sorrel-check: $(call objs,$(call sources,base ds proto value engine store check))
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

# -- running and testing -----------------------------------------------------------------------------------------

run:
	@tools/install-deps.sh run
	@$(MAKE) -s -j$(JOBS) all
	@echo 'Starting sorrel-server on port 6379 (stop it with Ctrl-C).'
	@exec $(BIN)/sorrel-server --port 6379

# Unit tests: one cmocka binary for each tests/unit/test_*.c. The library order lets a test of the server's own parts
# (configuration, event loop) or of the CLI's take them in, and costs the others nothing.
$(OBJ)/unit/%: $(OBJ)/tests/unit/%.o $(OBJ)/libsupport.a $(OBJ)/libserver.a $(OBJ)/libcli.a $(OBJ)/libengine.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ -lcmocka $(LIBS)

$(OBJ)/bin/script-host: $(OBJ)/tests/script/host.o $(OBJ)/libsupport.a $(OBJ)/libengine.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

check-programs: $(UNIT_BIN) $(HOST)

unit: check-programs
	@$(PYTHON) tools/run-tests.py --build $(OBJ) unit script

test:
	@tools/install-deps.sh test
	@$(MAKE) -s -j$(JOBS) MODE=release all
	@$(MAKE) -s -j$(JOBS) MODE=dev check-programs
	@$(PYTHON) tools/run-tests.py --build $(BUILD)/dev --bin $(BUILD)/bin unit script tcp differential system

asan ubsan tsan:
	@$(MAKE) -s -j$(JOBS) MODE=$@ check-programs all
	@$(PYTHON) tools/run-tests.py --build $(BUILD)/$@ --bin $(BUILD)/$@/bin --patience 1800 unit script tcp differential

# make fuzz T=request S=60: findings and the grown corpus go to build/fuzz, seeds are in tests/fuzz/seeds.
T ?= request
S ?= 60
fuzz:
	@$(MAKE) -s -j$(JOBS) MODE=fuzz fuzz-build FUZZ_ONLY=$(T)
	@tests/fuzz/run.sh $(BUILD)/fuzz $(T) $(S)

fuzz-build: $(if $(FUZZ_ONLY),$(OBJ)/bin/fuzz_$(FUZZ_ONLY),$(FUZZ_BIN))

$(OBJ)/bin/fuzz_%: $(OBJ)/tests/fuzz/fuzz_%.o $(OBJ)/libsupport.a $(OBJ)/libserver.a $(OBJ)/libcli.a $(OBJ)/libengine.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

# The client library beside hiredis (libhiredis-dev), against Debian's redis-server; in one run, so that ratios hold.
.PHONY: bench-client
bench-client: $(LIB)/libsorrel.a
	@tools/install-deps.sh test
	$(Q)$(CC) -std=gnu11 -Wall -Wextra -Werror -O2 -g -Iinclude -o $(BUILD)/bench_client tests/bench/bench_client.c $(LIB)/libsorrel.a \
	    -lhiredis -lssl -lcrypto -lm -lpthread
	@$(PYTHON) tests/bench/client.py $(BUILD)/bench_client $(BENCH_ARGS)

bench: $(PROGRAMS)
	@tools/install-deps.sh test
	@$(PYTHON) tests/bench/sidebyside.py $(BENCH_ARGS)
	@$(PYTHON) tests/bench/memory.py

# -- keeping the house in order ----------------------------------------------------------------------------------

fmt:
	@clang-format-14 -i $$(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'include/*.h')

fmt-check:
	@$(PYTHON) tools/lint.py --build $(BUILD)/dev --jobs $(JOBS) --only formatting

lint: compile_commands.json
	@$(MAKE) -s -j$(JOBS) MODE=dev BUILD=$(BUILD) lint-objects
	@$(PYTHON) tools/lint.py --build $(BUILD)/dev --jobs $(JOBS)

.PHONY: lint-objects
lint-objects: $(call objs,$(ENGINE_SRC) $(SERVER_SRC) $(CLI_SRC) $(call sources,bench check))

compile_commands.json: Makefile $(ALL_SRC)
	@$(PYTHON) tools/compile-commands.py '$(CC) $(STD) $(WARN) $(OPT_dev) $(call pkg,$(PKGS) jemalloc,--cflags)' $(ALL_SRC) > $@

cov:
	@rm -rf $(BUILD)/cov
	@$(MAKE) -s -j$(JOBS) MODE=cov check-programs all
	@$(PYTHON) tools/run-tests.py --build $(BUILD)/cov --bin $(BUILD)/cov/bin unit script tcp
	@gcovr -r . --object-directory $(BUILD)/cov -f src/ --html-details $(BUILD)/cov/index.html --print-summary
	@echo "see $(BUILD)/cov/index.html"

docs: $(PROGRAMS)
	@mkdir -p docs
	@$(BIN)/sorrel-server --dump-commands > docs/commands.md.tmp && mv docs/commands.md.tmp docs/commands.md
	@for p in $(PROGRAM_NAMES); do $(PYTHON) tools/man.py $(BIN)/$$p > docs/man/$$p.1.tmp && \
	    mv docs/man/$$p.1.tmp docs/man/$$p.1 || exit 1; done

report:
	@$(PYTHON) tools/report.py

# ALIASES=1 adds the names under which scripts and compose files look for such programs.
PROGRAM_NAMES = $(notdir $(PROGRAMS))
ALIAS_NAMES   = $(foreach p,$(PROGRAM_NAMES) sorrel-check-rdb sorrel-check-aof,$(p:sorrel-%=redis-%) $(p:sorrel-%=valkey-%))
SHARE         = $(DESTDIR)$(PREFIX)/share
COMPLETIONS   = $(SHARE)/bash-completion/completions
install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	@$(MAKE) -s lib
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/sorrel
	install -d $(DESTDIR)$(PREFIX)/include/sorrel/adapters
	install -m 644 include/sorrel/*.h $(DESTDIR)$(PREFIX)/include/sorrel
	install -m 644 include/sorrel/adapters/*.h $(DESTDIR)$(PREFIX)/include/sorrel/adapters
	install -m 644 $(LIB)/libsorrel.a $(LIB)/libsorrel.so.$(LIB_VERSION) $(DESTDIR)$(PREFIX)/lib
	ln -sf libsorrel.so.$(LIB_VERSION) $(DESTDIR)$(PREFIX)/lib/libsorrel.so.0
	ln -sf libsorrel.so.0 $(DESTDIR)$(PREFIX)/lib/libsorrel.so
	sed 's|^prefix=.*|prefix=$(PREFIX)|' $(LIB)/sorrel.pc > $(DESTDIR)$(PREFIX)/lib/pkgconfig/sorrel.pc
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,lib/systemd/system lib/sysusers.d share/doc/sorrel)
	sed 's|@BIN@|$(PREFIX)/bin|' dist/sorrel.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/sorrel.service
	install -m 644 dist/sorrel.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/sorrel.conf
	install -m 644 dist/sorrel.conf $(DESTDIR)$(PREFIX)/share/doc/sorrel
	install -d $(SHARE)/man/man1 $(COMPLETIONS) $(SHARE)/zsh/site-functions
	install -m 644 $(PROGRAM_NAMES:%=docs/man/%.1) $(SHARE)/man/man1
	install -m 644 tools/completion/sorrel.bash $(COMPLETIONS)/sorrel-cli
	for p in $(filter-out sorrel-cli,$(PROGRAM_NAMES)); do ln -sf sorrel-cli $(COMPLETIONS)/$$p; done
	install -m 644 tools/completion/_sorrel $(SHARE)/zsh/site-functions
	$(if $(filter 1,$(ALIASES)),cd $(DESTDIR)$(PREFIX)/bin && for p in $(PROGRAM_NAMES:sorrel-%=%); do \
	    ln -sf sorrel-$$p redis-$$p; ln -sf sorrel-$$p valkey-$$p; done; \
	    for k in rdb aof; do ln -sf sorrel-check redis-check-$$k; ln -sf sorrel-check valkey-check-$$k; done)
	$(if $(filter 1,$(ALIASES)),for a in $(ALIAS_NAMES); do ln -sf sorrel-cli $(COMPLETIONS)/$$a; done)

uninstall:
	rm -f $(PROGRAM_NAMES:%=$(SHARE)/man/man1/%.1) $(SHARE)/zsh/site-functions/_sorrel
	for a in $(ALIAS_NAMES); do case $$(readlink $(COMPLETIONS)/$$a) in sorrel-cli) rm -f $(COMPLETIONS)/$$a;; esac; done
	rm -f $(PROGRAM_NAMES:%=$(COMPLETIONS)/%)
	rm -rf $(addprefix $(DESTDIR)$(PREFIX)/,lib/systemd/system/sorrel.service lib/sysusers.d/sorrel.conf share/doc/sorrel)
	rm -rf $(DESTDIR)$(PREFIX)/include/sorrel $(DESTDIR)$(PREFIX)/lib/libsorrel.* $(DESTDIR)$(PREFIX)/lib/pkgconfig/sorrel.pc
	cd $(DESTDIR)$(PREFIX)/bin && rm -f $(PROGRAM_NAMES) && for a in $(ALIAS_NAMES); do \
	    case $$(readlink $$a) in sorrel-*) rm -f $$a;; esac; done

clean:
	rm -rf $(BUILD) compile_commands.json

-include $(shell find $(OBJ) $(LIB) -name '*.d' 2>/dev/null)

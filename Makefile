# Sorrel. `make run` builds and starts the server, `make test` checks everything; see README.md.

CC      ?= gcc
CCACHE  := $(shell command -v ccache 2>/dev/null)
PREFIX  ?= /usr/local
BUILD   ?= build
MODE    ?= release

WARN    := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
           -Wwrite-strings -Wno-unused-parameter -Wformat=2
STD     := -std=gnu11 -D_GNU_SOURCE -Isrc -Iinclude
HARDEN  := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
# One folder of objects for each mode, so that switching modes rebuilds nothing.
OPT_release := -O2 -g $(HARDEN) -DSORREL_JEMALLOC -flto=auto -fno-semantic-interposition
OPT_dev     := -O1 -g -DSORREL_JEMALLOC -DSORREL_VERIFY
OPT_asan    := -O1 -g -fsanitize=address -fno-omit-frame-pointer -DSORREL_VERIFY
OPT_ubsan   := -O1 -g -fsanitize=undefined -fno-sanitize-recover=all -DSORREL_VERIFY
OPT_tsan    := -O1 -g -fsanitize=thread
CFLAGS  ?=
LDFLAGS_release := -flto=auto -pie -Wl,-z,relro,-z,now
LDFLAGS_asan := -fsanitize=address
LDFLAGS_ubsan := -fsanitize=undefined
LDFLAGS_tsan := -fsanitize=thread

OBJ     := $(BUILD)/$(MODE)
BIN     := $(if $(filter release,$(MODE)),$(BUILD)/bin,$(BUILD)/$(MODE)/bin)
JEMALLOC := $(if $(filter release dev,$(MODE)),$(shell pkg-config --libs jemalloc 2>/dev/null || echo -ljemalloc))
LIBS    := $(JEMALLOC) -lm -lpthread

ALL_CFLAGS = $(STD) $(WARN) $(OPT_$(MODE)) $(CFLAGS)

# The engine library: everything without sockets, files and threads.
ENGINE_DIRS := base ds proto value engine cmd
ENGINE_SRC  := $(sort $(wildcard $(ENGINE_DIRS:%=src/%/*.c)))
SERVER_SRC  := $(sort $(wildcard src/net/*.c src/server/*.c))

UNIT_SRC    := $(sort $(wildcard tests/unit/*.c))

objs = $(patsubst %.c,$(OBJ)/%.o,$(1))

.PHONY: all run test unit lint fmt fmt-check clean
all: $(BIN)/sorrel-server

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(CCACHE) $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BIN)/sorrel-server: $(call objs,$(ENGINE_SRC) $(SERVER_SRC))
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS_$(MODE)) -o $@ $^ $(LIBS)

# Unit tests: one cmocka binary for each tests/unit/test_*.c, linked with the engine library (no sockets).
$(OBJ)/unit/%: $(OBJ)/tests/unit/%.o $(OBJ)/libengine.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS_$(MODE)) -o $@ $^ -lcmocka $(LIBS)

$(OBJ)/libengine.a: $(call objs,$(ENGINE_SRC))
	$(if $(filter release,$(MODE)),gcc-ar,ar) rcs $@ $^

unit: $(patsubst tests/unit/%.c,$(OBJ)/unit/%,$(UNIT_SRC))
	@set -e; for t in $^; do ./$$t; done

clean:
	rm -rf $(BUILD) compile_commands.json

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

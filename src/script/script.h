/* script/script.h - Lua scripts: what the rest of the program may know of them.
 *
 * An engine gets its interpreter at the first script. The commands are in cmd_eval.c.
 */
#ifndef SORREL_SCRIPT_SCRIPT_H
#define SORREL_SCRIPT_SCRIPT_H

#include "engine/exec.h"

struct script_stats {
    uint64_t lua_bytes;   /* held by the interpreter */
    uint64_t cached;      /* scripts of EVAL and SCRIPT LOAD */
    uint64_t cache_bytes; /* their texts and our book-keeping */
    uint64_t evicted;     /* scripts of EVAL that made room for others */
    uint64_t functions, libraries;
    uint64_t function_bytes; /* the libraries' code and names */
};

/* Appends the libraries of functions as records of an RDB file, for a snapshot. */
void script_save_libraries(const struct engine *e, struct buf *out);

/* In the course of a command, and nobody repeats it: all libraries go; one comes, in place of one of the same name. */
void script_drop_libraries(struct engine *e);
enum rc script_load_library(struct exec *x, struct slice code);

void script_stats(const struct engine *e, struct script_stats *out);

#endif

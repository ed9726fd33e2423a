/* tests/support/commands.h - commands made by chance from the grammars of the rows.
 *
 * Valid ones for the most part: the number of keys agrees with numkeys, words come from small pools so that commands
 * meet on the same keys, and keys are drawn mostly from those that the command's family uses. Equal seeds make equal
 * commands.
 */
#ifndef SORREL_TESTS_COMMANDS_H
#define SORREL_TESTS_COMMANDS_H

#include "base/arena.h"
#include "base/rng.h"
#include "engine/cmd_grammar.h"
#include "engine/dispatch.h"

enum { COMMAND_WORDS_MAX = 64 };

struct made_command {
    struct command *command;
    struct slice v[COMMAND_WORDS_MAX]; /* in the arena or the program */
    bool is_key[COMMAND_WORDS_MAX];    /* by the grammar, and the flags of the specification that it names */
    uint16_t key_flags[COMMAND_WORDS_MAX];
    char channel[COMMAND_WORDS_MAX]; /* 1: a channel, 2: a pattern of channels that is subscribed to */
    int n;
};

struct command_maker {
    struct engine *engine;
    struct rng *rng;
    struct arena *arena;   /* reset by the caller between commands */
    unsigned wrong_one_in; /* of so many arguments one is of the wrong kind; 0: none */
    bool no_options;       /* leaves out what may be left out */
    /* The name of a key at random; NULL: from the maker's own pools. */
    struct slice (*key)(void *ctx, const struct command *c);
    void *ctx;
};

/* A command with that row. */
void command_make(const struct command_maker *m, struct command *c, struct made_command *out);
/* Any command; subcommands are as likely as commands. */
struct command *command_any(const struct command_maker *m);

#endif

/* engine/dispatch.h - the table of commands of an engine, their statistics, and what stands before a handler.
 *
 * Rows are constant and shared; an engine makes one struct command of each row and of each subcommand, which carries
 * its statistics.
 */
#ifndef SORREL_ENGINE_DISPATCH_H
#define SORREL_ENGINE_DISPATCH_H

#include "engine/exec.h"

struct command {
    const struct cmd *row;
    enum rc (*handler)(struct exec *x);
    int16_t arity;
    int16_t first_key; /* argument that is the first key; 0: none or not known from the row alone */
    uint16_t id;       /* dense, in the order of the families */
    uint16_t special;  /* private: see dispatch.c */
    bool quick;        /* its time does not depend on how much a key holds */
    uint32_t flags;    /* the row's */
    uint64_t calls, ticks, rejected, failed;
    uint64_t categories;               /* all of them, implied ones included */
    struct latency_histogram *latency; /* NULL until it has run (engine/latency.h) */
    struct command *parent;            /* of a subcommand */
    struct command *subs;              /* an array of sub_count */
    uint32_t sub_count;
    struct slice name; /* "config|get" */
};

/* Case does not matter. NULL: unknown (or hidden by a rename). */
struct command *command_find(struct engine *e, struct slice name);
/* By the name that the command had before any rename-command: ACL rules go by that. */
struct command *command_find_original(struct engine *e, struct slice name);
static inline struct slice
command_original_name(const struct command *c)
{
    return c->parent != NULL ? c->name : slice_cstr(c->row->name);
}
/* Finds what argv would run: a subcommand if there is one. A container whose subcommand is not known gives NULL. */
struct command *command_resolve(struct engine *e, const struct slice *argv, int argc);
struct command *command_sub(const struct command *c, struct slice name);
/* By full name, "config|get". */
struct command *command_by_full_name(struct engine *e, struct slice name);
/* The n-th top-level command; NULL at the end. */
struct command *command_at(struct engine *e, size_t n);
size_t command_count(const struct engine *e); /* top-level ones */
/* Everything, subcommands included, in order of id. */
struct command *command_by_id(struct engine *e, size_t id);
/* At start only: gives a command another name, or hides it with an empty one. False if `from` is unknown or `to`
 * taken. */
bool command_rename(struct engine *e, struct slice from, struct slice to);
/* Microseconds that it has run in all. */
uint64_t command_usec(const struct engine *e, const struct command *c);

/* The name COMMAND INFO prints for the flag at that bit; NULL: none, not printed. */
const char *cmd_flag_name(int bit);
const char *cmd_category_name(enum acl_category category);
const char *cmd_group_name(enum cmd_group group);
const char *key_flag_name(int bit);
/* All categories of a row: those it names and those that follow from its flags and group. */
uint64_t cmd_categories(const struct cmd *row, const struct cmd *parent);

/* The keys of a command: their argument indexes and flags, at most max of them. Returns how many there are (may be more
 * than max), or -1 when the command is not well formed. */
int cmd_keys(const struct cmd *row, const struct slice *argv, int argc, int *index, uint16_t *flags, int max);

/* -- statistics ----------------------------------------------------------------------------------------------- */
struct engine_stats {
    uint64_t commands, hits, misses, expired, expired_by_tick, evicted, changes;
    uint64_t expired_members, expired_members_by_tick;
    uint64_t sessions_opened, errors, unexpected_errors;
    uint64_t pubsub_messages;
    uint64_t slow, slow_us, slow_us_max; /* commands that were slow enough for the log, and how long they took */
    uint64_t expiry_ticks;               /* spent on removing what was due: engine_ticks_us() */
};
const struct engine_stats *engine_stats(const struct engine *e);
/* Errors by their first word, in order of first occurrence; false at the end. */
bool engine_error_stat(const struct engine *e, size_t n, struct slice *prefix, uint64_t *count);
void engine_stats_reset(struct engine *e); /* CONFIG RESETSTAT */

/* -- who may stop a command ----------------------------------------------------------------------------------- */
/* Conditions of the whole engine, set and cleared by whoever knows. Each stops the commands that it must. */
enum engine_condition {
    COND_LOADING = 1 << 0,     /* LOADING */
    COND_STALE = 1 << 1,       /* a replica without its primary that may not serve stale data: MASTERDOWN */
    COND_READ_ONLY = 1 << 2,   /* a replica that refuses writes: READONLY */
    COND_OVER_MEMORY = 1 << 3, /* OOM for CMD_DENYOOM */
    COND_MISCONF = 1 << 4,     /* writing to disk fails: MISCONF; text by engine_set_misconf() */
    COND_NO_REPLICAS = 1 << 5, /* NOREPLICAS */
    COND_BUSY = 1 << 6,        /* a script runs too long: BUSY */
    COND_REPLICA = 1 << 7,     /* REDIRECT for clients that follow; text by engine_set_redirect() */
};
void engine_set_condition(struct engine *e, enum engine_condition cond, bool on);
unsigned engine_conditions(const struct engine *e);
void engine_set_misconf(struct engine *e, struct slice text);   /* "MISCONF …" */
void engine_set_redirect(struct engine *e, struct slice where); /* "host:port" of the primary */

/* Permission checks beyond NOAUTH (ACL). Called for sessions with session_set_restricted(); returns RC_OK or a failure
 * whose text it has set with fail(). */
struct command_guard {
    enum rc (*check)(void *ctx, struct exec *x, const struct command *c);
    void *ctx;
};
void engine_set_guard(struct engine *e, struct command_guard guard);
void session_set_restricted(struct session *s, bool restricted);

/* Told of every single key that a handler looks up or changes, at the one door there is to them: so a test can hold
 * what commands touch against what their rows declare. Heard in builds with SORREL_VERIFY only. */
struct key_witness {
    void (*touched)(void *ctx, const struct exec *x, struct slice key, bool changes);
    void *ctx;
};
void engine_set_key_witness(struct engine *e, struct key_witness witness);

/* Runs a command inside another one (EXEC, a script), replying to x->reply. Checks arity and guard, counts, adds its
 * effects to the running batch. */
enum rc command_run_inside(struct exec *outer, const struct slice *argv, int argc, struct reply *reply);
/* How the commands inside another one are timed: quick ones of a kind in a row share readings of the counter, as those
 * of a pipeline do, and the outer one's time includes theirs. */
struct inner_time {
    struct command *last;
    unsigned outer_commands;
    bool outer_untimed;
    uint64_t began;
};
void engine_inner_begin(struct engine *e, struct inner_time *t);
void engine_inner_end(struct engine *e, const struct inner_time *t);
/* The same for a command that the caller has resolved, and found to have the right number of arguments; between those
 * two. */
enum rc command_run_found(struct exec *outer, struct inner_time *t, struct command *c, const struct slice *argv,
                          int argc, struct reply *reply);
bool command_arity_ok(const struct command *c, int argc);
/* Whether the session of x may run it, as far as the guard is concerned. */
bool command_permitted(struct exec *x, struct command *c, const struct slice *argv, int argc);
/* Adds an error line that did not come from a handler to the statistics of errors. */
void engine_count_error(struct engine *e, struct slice line);
/* Lets the host serve other sessions while x, a command that runs for long, is under way: they get BUSY for nearly
 * everything. False: the program is about to end. */
bool engine_yield(struct exec *x);
#endif

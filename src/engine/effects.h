/* engine/effects.h - the one door through which every change leaves.
 *
 * While a command runs, what it changes is noted: the keys touched, with what happened to them, and the commands to be
 * propagated. When it is over (a transaction or a script as a whole) engine_propagate() hands that batch to everybody
 * who listens, in the order of enum effect_stage, then wakes waiting sessions. When nobody listens nothing is noted at
 * all; the test for that is one word.
 */
#ifndef SORREL_ENGINE_EFFECTS_H
#define SORREL_ENGINE_EFFECTS_H

#include "base/slice.h"
#include "engine/events.h"

struct engine;
struct session;
struct entry;
struct db;
struct table;
struct btree;

struct effect_command {
    int db;
    int argc;
    bool replicas_only; /* a message, not a change: no log keeps it */
    const struct slice *argv;
    unsigned hidden; /* from which stages, as bits of 1 << stage: a sink never sees such a command */
    struct effect_command *next;
};

struct effect_touch {
    struct db *db;
    int db_index;
    enum event event;
    bool changed;     /* false: a notification only (keymiss) */
    struct slice key; /* ptr NULL: the whole database has been emptied or exchanged */
    struct effect_touch *next;
};

/* Lives during the call it is passed to. */
struct effect_batch {
    const struct effect_command *commands; /* in order; NULL: nothing to propagate */
    size_t command_count;
    const struct effect_touch *touches; /* in order */
    size_t touch_count;
    bool atomic; /* more than one command of one unit: a log wraps them in MULTI and EXEC */
    int64_t now_ms;
};

enum effect_stage { EFFECT_LOG, EFFECT_REPLICAS, EFFECT_TRACKING, EFFECT_STAGES };
struct effect_sink {
    void (*apply)(void *ctx, const struct effect_batch *batch);
    void *ctx;
    bool commands_only; /* it has no use for touches: where nobody has, they are not noted */
};
void engine_add_sink(struct engine *e, enum effect_stage stage, struct effect_sink sink);
void engine_remove_sink(struct engine *e, enum effect_stage stage, void *ctx);

/* Is called before an entry is changed, removed or replaced, so that a snapshot can write out what it was. */
struct change_observer {
    void (*before_change)(void *ctx, struct db *db, struct entry *entry);
    void (*before_flush)(void *ctx, struct db *db);
    void *ctx;
    /* Each of these may be NULL. An entry is in the table now that was not there (or not under this address) before. */
    void (*linked)(void *ctx, struct db *db, uint64_t hash, struct entry *entry);
    /* The keys of a database that is being emptied. True: the observer keeps them, with the tables, and frees them. */
    bool (*take_tables)(void *ctx, struct db *db, struct table *by_key, struct btree *by_expiry);
    /* A command may change this entry, and its old state is too large to be dealt with in between: true, and the
     * command is held back until engine_observer_done(). */
    bool (*must_wait)(void *ctx, struct db *db, struct entry *entry);
    /* Two databases are about to exchange their keys (instead of before_flush for both). */
    void (*before_swap)(void *ctx, struct db *a, struct db *b);
};
void engine_set_observer(struct engine *e, const struct change_observer *observer); /* NULL: none; copied */
/* Commands that were held back for the observer try again. */
void engine_observer_done(struct engine *e);

/* Hands over what has been noted so far. The engine calls it after each command; a host that changes keys by other
 * means (loading, tests) calls it itself. */
void engine_propagate(struct engine *e);
/* Whose changes are being handed over; NULL: nobody's (expiry). For sinks. */
struct session *engine_changer(const struct engine *e);

/* From now on commands are kept from these stages (bits of 1 << stage) of the two that get commands; 0: from none. What
 * asks for it ends it (redis.set_repl in a script). */
void engine_hide_effects(struct engine *e, unsigned stages);

/* Number of changes since the engine was made (INFO's rdb_changes_since_last_save is a difference of two of these). */
uint64_t engine_changes(const struct engine *e);

#endif

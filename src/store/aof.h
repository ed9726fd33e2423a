/* store/aof.h - the append-only log as a whole: its folder, its files, loading, appending, rewriting.
 *
 * The log is a base (a snapshot) and increments behind it, as its manifest says. A rewrite begins a new increment and,
 * at the same moment, a snapshot; when that is on the disk a new manifest names the two, and what was before is
 * removed. The snapshot is made in slices of the owner's turns (store/snapshot.h), never while another one is made. New
 * files, manifests and the removal of old ones are a thread's chores (store/chore.h); the owner waits for an fsync once
 * in a rewrite, when it changes over to the new increment, and the thread has synced what came before then but for a
 * rest.
 *
 * Order on the disk: a file is synced before a manifest names it, and an increment before the next one is begun; so
 * whatever survives is a prefix of what happened.
 *
 * Threads: one owner, the engine's.
 */
#ifndef SORREL_STORE_AOF_H
#define SORREL_STORE_AOF_H

#include "engine/engine.h"
#include "store/aof_log.h"
#include "store/aof_read.h"

struct aof;
struct snapshot;

struct aof_settings {
    enum aof_fsync fsync;
    bool timestamps;
    bool load_truncated;     /* a tail that was cut is dropped, else it is a failure */
    bool rest_on_rewrite;    /* no-appendfsync-on-rewrite */
    bool compress, checksum; /* of the base */
    bool commands;           /* the base is written as commands, not as a snapshot */
    bool auto_remove;        /* what is not needed any more */
    int64_t rewrite_percentage;
    uint64_t rewrite_min_size;
};

struct aof_options {
    struct engine *engine;
    const struct disk *disk; /* outlives the log */
    struct clock clock;
    const char *dir, *name; /* appenddirname, appendfilename; copied */
    bool threaded;
    struct slice sync_cores, rewrite_cores; /* of its threads (base/cores.h); outlive the log */
    /* Appends what belongs to no database (libraries of functions), as records of an RDB file. NULL: nothing. */
    void (*records)(const struct engine *e, struct buf *out);
};

struct aof *aof_new(const struct aof_options *opt);
/* Writes and syncs what is left. */
void aof_free(struct aof *a);
struct aof_settings *aof_settings(struct aof *a);

/* -- loading --------------------------------------------------------------------------------------------------- */

enum aof_found { AOF_ABSENT, AOF_FOUND, AOF_UNUSABLE };
/* Looks for a log; one of the old kind, a single file, is moved to where it belongs. */
enum aof_found aof_load_begin(struct aof *a, struct buf *why);
/* AOF_DONE, AOF_MORE, or AOF_DAMAGED or AOF_UNREADABLE with a reason. */
enum aof_progress aof_load_step(struct aof *a, size_t max_bytes, struct buf *why);
void aof_load_end(struct aof *a);
uint64_t aof_load_total(const struct aof *a);
uint64_t aof_load_at(const struct aof *a);

/* Cuts a file off where a reader found its good part to end. The rest is kept beside it; `keep_all`: nothing is cut off
 * when that is not possible. */
bool aof_repair(const struct disk *d, struct clock clock, const char *path, const struct aof_reader *r, bool keep_all,
                struct buf *why);

/* Empties the dataset and loads it from the log that is being written (DEBUG LOADAOF). Not while a command runs. */
bool aof_reload(struct aof *a, struct buf *why);

/* -- writing --------------------------------------------------------------------------------------------------- */

/* Goes on where the log that has been loaded ends, or begins one for an empty dataset. */
bool aof_start(struct aof *a, struct buf *why);
/* Begins a log for a dataset that has none: with a rewrite, as soon as aof_turn() can. */
void aof_switch_on(struct aof *a);
void aof_switch_off(struct aof *a);
bool aof_is_on(const struct aof *a);
/* It is on, but its first rewrite is not complete, so the disk has no log of this dataset. */
bool aof_is_incomplete(const struct aof *a);

/* Once in a turn, before replies are sent. False when what has been changed is not as safe as the settings ask for. */
bool aof_flush(struct aof *a);
/* Waits until all that has been logged is on the disk. */
bool aof_sync(struct aof *a);
/* Everything that has been logged is on the disk, as far as is known. */
bool aof_all_synced(const struct aof *a);
/* A place in the log, and whether everything before it is on the disk. */
struct aof_mark {
    const void *file;
    uint64_t at;
};
struct aof_mark aof_log_mark(const struct aof *a);
bool aof_log_mark_synced(const struct aof *a, const struct aof_mark *m);
/* In how many ms aof_flush() wants to be called although nothing happens; -1: never. */
int64_t aof_due_ms(const struct aof *a);
int aof_error(const struct aof *a); /* negative errno; 0: none */

void aof_rewrite_soon(struct aof *a);
/* Gives up one that is under way. */
void aof_rewrite_cancel(struct aof *a);
bool aof_rewriting(const struct aof *a); /* a snapshot is being made for it */
/* The snapshot that a rewrite is making; NULL: none, or it has been walked. */
const struct snapshot *aof_snapshot(const struct aof *a);
/* In every turn: begins and goes on with a rewrite for about budget_ns (0: no walking now); `may_begin`: nobody else
 * makes a snapshot. Returns in how many ms it wants to be called again, -1: there is nothing to do. */
int64_t aof_turn(struct aof *a, int64_t budget_ns, bool may_begin);

struct aof_info {
    bool on, rewriting, rewrite_waits, last_rewrite_ok, write_ok, syncing;
    int64_t last_rewrite_ms, current_rewrite_ms; /* -1: none */
    uint64_t rewrites, failures_in_a_row, cow_bytes, current_size, base_size, delayed;
    size_t pending;
};
struct aof_info aof_info(const struct aof *a);

#endif

/* engine/exec.h - everything a command handler may use.
 *
 * A handler turns arguments into calls on values and results into replies. It gets a struct exec, valid for that
 * command: arguments, the time (frozen), randomness, scratch memory, the selected database and the reply. It reads a
 * value with look_*() or read_*(), changes one between edit_*() and entry_changed(), and returns RC_OK after writing
 * its reply, or a failure before having changed or written anything.
 *
 * All that follows from a change hangs on the pair edit / entry_changed: the pre-image for a snapshot, WATCH, blocked
 * clients, notifications, tracking, propagation, memory accounting. There is no other way to change a key.
 */
#ifndef SORREL_ENGINE_EXEC_H
#define SORREL_ENGINE_EXEC_H

#include "base/arena.h"
#include "base/number.h"
#include "base/pulse.h"
#include "base/rng.h"
#include "base/status.h"
#include "engine/cmd.h"
#include "engine/events.h"
#include "proto/reply.h"
#include "value/entry.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/zset.h"

struct engine;
struct session;
struct db;

struct exec {
    struct engine *engine;
    struct session *session;
    struct db *db; /* the selected one */
    const struct cmd *cmd;
    struct command *command;  /* cmd with its statistics: engine/dispatch.h */
    const struct slice *argv; /* valid during the command; argv[0] is the name (subcommands: argv[1] too) */
    int argc;
    int64_t now_ms; /* unix time, frozen for the command (for a whole transaction or script) */
    struct rng *rng;
    struct arena *arena; /* reset after the command */
    const struct value_limits *limits;
    struct reply reply;
    uint64_t first_key_hash; /* of the argument first_key, hashed while parsing; see look() */
    const char *first_key;   /* its bytes, NULL if not hashed yet */
    size_t first_key_len;
    struct slice error;    /* text of RC_REPLIED_ERROR, in the arena */
    uint32_t depth;        /* 0: from a client; 1: inside EXEC or a script */
    bool resumed;          /* a blocked command runs again because a key is ready */
    bool timed_out;        /* it runs again because its time is up: TIMEOUT_RUN */
    bool changed;          /* some entry_changed() or key_*() happened */
    bool rewritten;        /* effect_as() was called: the command itself is not propagated */
    bool silent;           /* effect_none() was called */
    bool no_touch;         /* lookups leave the access clock alone (CLIENT NO-TOUCH) */
    struct entry *open[2]; /* entries between edit and entry_changed; private */
    bool indexed[2];       /* those of them that are in the expiry index meanwhile: they may not move */
    enum wait_timeout_reply {
        TIMEOUT_NULL_ARRAY,
        TIMEOUT_NULL,
        TIMEOUT_ZERO,
        TIMEOUT_RUN                /* the handler runs once more, with timed_out set, and must reply */
    } timeout_reply;               /* see wait_reply_on_timeout() */
    const struct slice *wait_argv; /* see wait_run_as(); NULL: argv */
    int wait_argc;
    bool wait_when_gone;                /* see wait_even_gone() */
    struct slow *slow;                  /* it runs in slices; private */
    bool again;                         /* exec_in_slices() was called: the handler runs for the second time */
    size_t request_bytes;               /* as sent, of a command of a client */
    size_t reply_at;                    /* what its session had to send when it began */
    uint32_t pulses;                    /* see exec_pulse() */
    int64_t wait_again_ms;              /* see wait_look_again(); 0: never */
    struct reader_copy *copies;         /* private: see exec.c */
    struct exec *script;                /* of the script that runs this command; NULL: none does */
    struct fieldsets *script_fieldsets; /* private: fieldsets.c; see fieldset_script_over() */
};

/* -- reading ------------------------------------------------------------------------------------------------- */

/* The entry of a key in the selected database or NULL; expired keys are absent. Counts a hit or miss and touches the
 * access clock. */
struct entry *look(struct exec *x, struct slice key);
/* look() that leaves the access clock alone (EXISTS, TTL, TYPE …). */
struct entry *look_untouched(struct exec *x, struct slice key);
/* The same without counting either: for OBJECT, and for writers that only want to know. */
struct entry *peek(struct exec *x, struct slice key);
struct entry *peek_in(struct exec *x, struct db *db, struct slice key);
/* look() in another database. */
struct entry *look_in(struct exec *x, struct db *db, struct slice key);

/* What one command looks up in a row is asked for FETCH_TOGETHER look-ups at a time, so that their cache misses
 * overlap: keys in the arguments from, from + step …, or what lies under those names in a collection (e may be NULL).
 * Nothing depends on it. */
enum { FETCH_TOGETHER = 16 };
void fetch_keys(const struct exec *x, int from, int step);
void fetch_members(const struct exec *x, const struct entry *e, int from, int step);
/* For a loop over the arguments first, first + step …, before it looks argument i up. */
static inline bool
fetch_begins(const struct exec *x, int i, int first, int step)
{
    return x->argc > first + step && (i - first) % (FETCH_TOGETHER * step) == 0;
}
static inline void
expect_keys(const struct exec *x, int i, int step)
{
    if (fetch_begins(x, i, 1, step))
        fetch_keys(x, i, step);
}
static inline void
expect_members(const struct exec *x, const struct entry *e, int i, int first, int step)
{
    if (fetch_begins(x, i, first, step))
        fetch_members(x, e, i, step);
}

/* *out is NULL when the key is absent; RC_WRONGTYPE when it holds something else. */
enum rc read_entry(struct exec *x, struct slice key, enum value_type type, struct entry **out);
enum rc read_string(struct exec *x, struct slice key, const struct entry **out);
enum rc read_hash(struct exec *x, struct slice key, const struct hash **out);
enum rc read_list(struct exec *x, struct slice key, const struct list **out);
enum rc read_set(struct exec *x, struct slice key, const struct set **out);
enum rc read_zset(struct exec *x, struct slice key, const struct zset **out);

/* -- changing ------------------------------------------------------------------------------------------------ */

/* ENTRY_COUNTER is ENTRY_EXISTING with a promise: a string that is kept as an integer will be changed by
 * string_set_int() only, which leaves it where it is. So a counter that expires need not leave the expiry index
 * meanwhile. */
enum edit_mode { ENTRY_EXISTING, ENTRY_CREATE, ENTRY_COUNTER };

/* Asks for a key's value in order to change it. ENTRY_EXISTING leaves *e NULL when the key is absent; ENTRY_CREATE
 * makes an empty value. RC_WRONGTYPE when the key holds something else. The change ends with entry_changed() before the
 * handler returns; a handler that then finds nothing to change calls entry_unchanged() (which drops a value that
 * ENTRY_CREATE made and that is still empty). */
enum rc edit_entry(struct exec *x, struct slice key, enum value_type type, enum edit_mode mode, struct entry **e);
enum rc edit_hash(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct hash **hash);
enum rc edit_list(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct list **list);
enum rc edit_set(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct set **set);
enum rc edit_zset(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct zset **zset);

/* Frees an entry that is in no database (a large one elsewhere). */
void entry_drop(struct exec *x, struct entry *e);
/* The change is complete: `event` is what happened (a keyspace notification's name and class). A collection that is now
 * empty takes its key along (event del follows). e must not be used afterwards when its value may have become empty. */
void entry_changed(struct exec *x, struct entry *e, enum event event);
void entry_unchanged(struct exec *x, struct entry *e);
/* The entry had to move (entry_set_expiry, string_set …): index the new address instead of the old. Between edit and
 * entry_changed only. Returns moved. */
struct entry *entry_moved(struct exec *x, struct entry *was, struct entry *moved);

/* Makes room in a hash, set or sorted set for deadlines of its members (value/deadlines.h), between edit and
 * entry_changed: only then may they be changed. The entry may move (and with it what edit gave out); returns where it
 * is now. */
struct entry *edit_deadlines(struct exec *x, struct entry *e);

/* Whole keys. Each is a complete change by itself, with its event. */
/* SET's core: makes the key hold this string, whatever it held. at_ms: expiry, -1 none, KEEP_EXPIRY keeps the old one.
 * RC_NO_MEMORY possible. */
#define KEEP_EXPIRY INT64_MIN
enum rc key_set_string(struct exec *x, struct slice key, struct slice value, int64_t at_ms, enum event event);
/* Links e, whose key must be absent or is replaced; takes ownership. The destination of RENAME, COPY, stores. */
void key_put(struct exec *x, struct db *db, struct entry *e, enum event event);
/* Removes the key and frees its value (a large one elsewhere). False if absent. */
bool key_delete(struct exec *x, struct db *db, struct slice key, enum event event);
/* Unlinks the key and hands the entry to the caller; NULL if absent. */
struct entry *key_take(struct exec *x, struct db *db, struct slice key, enum event event);
/* Sets the expiry of an existing entry (-1 clears it); a time not in the future deletes the key as redis does, giving
 * event del. Returns the entry where it is now, NULL if deleted. */
struct entry *key_expire(struct exec *x, struct entry *e, int64_t at_ms, enum event event);

/* -- consequences -------------------------------------------------------------------------------------------- */

/* Propagate this instead of the command as sent (several calls: all of them, in order). The slices are copied. */
void effect_as(struct exec *x, const struct slice *argv, int argc);
#define EFFECT_AS(x, ...)                               \
    effect_as((x), (const struct slice[]){__VA_ARGS__}, \
              (int)(sizeof((struct slice[]){__VA_ARGS__}) / sizeof(struct slice)))
/* The same for slices that live as long as the command, in x->arena: they are not copied. */
void effect_kept(struct exec *x, const struct slice *argv, int argc);
/* Replicas get the command as it was sent, although it changes nothing (PUBLISH). */
void effect_replicas(struct exec *x);
/* Propagate nothing for this command although it changed something. */
void effect_none(struct exec *x);
/* Whether what is due at that moment goes at once, or stays because time is somebody else's business (a log that is
 * being replayed, a replica). */
bool is_past(const struct exec *x, int64_t at_ms);
/* A notification without a change (keymiss, expired by lookup …). */
void notify(struct exec *x, enum event event, struct slice key);
void notify_in(struct exec *x, struct db *db, enum event event, struct slice key);

/* -- waiting ------------------------------------------------------------------------------------------------- */

/* Parks the session until one of the keys holds a value of that type, deadline_ms (0: for ever) passes or it is
 * unblocked; return RC_BLOCKED right after. When a key is ready the handler runs again with x->resumed set; if it then
 * still finds nothing it calls wait_on_keys() again and keeps its place in the queue. On time-out the session gets a
 * null array (or the reply that wait_reply_on_timeout chose). Inside EXEC or a script it must not be called:
 * may_block() is false and the handler replies as if the time had passed. */
bool may_block(const struct exec *x);
enum rc wait_on_keys(struct exec *x, const struct slice *keys, int n, enum value_type type, int64_t deadline_ms);
void wait_reply_on_timeout(struct exec *x, enum wait_timeout_reply reply);
/* Called before wait_on_keys(): the handler runs again with these arguments (copied then) instead of those sent. For
 * what must be fixed at the moment the wait began, as XREAD's `$`. */
void wait_run_as(struct exec *x, const struct slice *argv, int argc);
/* Called before wait_on_keys(): the handler runs again too when a key is gone or holds another type. */
void wait_even_gone(struct exec *x);
/* Called before wait_on_keys(), each time: the handler runs again at that time (INT64_MAX: never) even if no key is
 * touched before. */
void wait_look_again(struct exec *x, int64_t at_ms);
/* Parks the session until session_wake() or the deadline: for what is no key (WAIT). The rest is as with keys. */
enum rc wait_on_nothing(struct exec *x, int64_t deadline_ms);
/* Reads a blocking command's timeout argument (seconds, may be a fraction): RC_BAD_TIMEOUT, RC_NEG_TIMEOUT. */
enum rc parse_timeout(struct exec *x, struct slice arg, int64_t *deadline_ms);

/* -- running for long ---------------------------------------------------------------------------------------- */

/* A handler that may have much to do hands its work to exec_in_slices() and calls exec_pulse() in its loops. Sent by a
 * client, the command then runs half a millisecond at a time while others are served in between; its session waits, and
 * ends it when it is killed. Inside EXEC and scripts it runs in one piece. Either way it ends at command-time-limit.
 *
 * What a command reads stays as it is for as long as it runs: writers of its keys (and, with SLICES_PIN_ALL, every
 * writer) wait until it is done. Nothing may be changed before the last exec_pulse(), except with SLICES_FREE and
 * SLICES_ALONE. */
enum slices_flag {
    SLICES_MARKS = 1 << 0,   /* the reply has an open reply_mark during exec_pulse() */
    SLICES_PIN_ALL = 1 << 1, /* it reads keys that its arguments do not name */
    /* No key needs to stay as it is; changes between slices are propagated at once, so the handler must say
     * effect_as(). */
    SLICES_FREE = 1 << 2,
    SLICES_NO_LIMIT = 1 << 3, /* command-time-limit does not hold */
    /* With SLICES_FREE: it changes keys later on, and waits while others need them as they are. */
    SLICES_WRITES = 1 << 4,
    /* It changes its keys piece by piece, and nobody may see them half done: whoever only reads them waits, too. It
     * can't be ended before it is through: command-time-limit does not hold, and the handler goes on whatever
     * exec_pulse() returns. Edits are closed (entry_unchanged()) before each pause and entry_changed() is said once, at
     * the end. */
    SLICES_ALONE = 1 << 5,
};
/* Smaller things are not worth the effort. */
enum { SLICES_ELEMENTS_MIN = 4096 };
typedef enum rc exec_body(struct exec *x);
/* Returns what body returns, or RC_BLOCKED. body may not use anything of x but what it finds in it: arguments are
 * copied. */
enum rc exec_in_slices(struct exec *x, exec_body *body, unsigned flags);
/* A body may be the handler itself, which then finds this set. */
static inline bool
exec_is_sliced(const struct exec *x)
{
    return x->again;
}
/* Whether n elements are enough to begin slices for. */
static inline bool
exec_is_long(const struct exec *x, size_t n)
{
    return n >= SLICES_ELEMENTS_MIN && !exec_is_sliced(x);
}
/* RC_OK: go on. Otherwise clean up and return it. What the reply holds so far is dropped by the caller. */
enum rc exec_breathe(struct exec *x);
static inline enum rc
exec_pulse(struct exec *x) /* for every element */
{
    return ++x->pulses % 256 != 0 ? RC_OK : exec_breathe(x);
}
/* exec_breathe() for loops in lower layers; rc is what the handler ends with unless it is RC_OK. */
struct exec_beat {
    struct pulse pulse;
    struct exec *x;
    unsigned beats;
    enum rc rc;
};
struct exec_beat exec_beat_of(struct exec *x);
/* For a handler that looks into values of keys which its arguments do not name: ends what is half done. */
void exec_settle(struct exec *x);
/* Others run until then (unix time in ms). Does nothing where the command may not wait. */
enum rc exec_sleep_until(struct exec *x, int64_t at_ms);

/* -- databases ----------------------------------------------------------------------------------------------- */

struct db *db_at(const struct exec *x, int64_t index); /* NULL when out of range */
int db_index(const struct db *db);
void db_select(struct exec *x, struct db *db);          /* the session's database from now on */
size_t db_size(struct exec *x, const struct db *db);    /* expired keys are not counted */
struct entry *db_random(struct exec *x, struct db *db); /* uniformly chosen, not expired; NULL when there is none */
/* One step over the keys that are not expired: table_scan()'s guarantees. fn must not change anything. */
typedef void db_visit(void *ctx, struct entry *e);
uint64_t db_scan(struct exec *x, struct db *db, uint64_t cursor, db_visit *fn, void *ctx);
/* All keys as they were when it began, each once, in slices when x runs in such: fn is then called by other commands,
 * too, for a key that they are about to remove, and must look at nothing but the key's name and type. When the whole
 * database is emptied or exchanged meanwhile, restart() says that nothing has been found yet. */
enum rc db_walk(struct exec *x, struct db *db, db_visit *fn, void (*restart)(void *ctx), void *ctx);
/* Empty one database (NULL: all of them), or exchange two: complete changes with all their consequences. */
/* When x runs in slices and async is not set, the values are freed in slices. */
enum rc db_flush(struct exec *x, struct db *db, bool async);
void db_swap(struct exec *x, struct db *a, struct db *b);

/* The longest string that may be made: proto-max-bulk-len. */
size_t string_max(const struct exec *x);
/* What the eviction clock of an entry says. Under an LFU policy there is a frequency, else an idle time. */
bool policy_is_lfu(const struct exec *x);
int64_t entry_idle_seconds(const struct exec *x, const struct entry *e);
int64_t entry_idle_eighths(const struct exec *x, const struct entry *e); /* of a second */
int entry_frequency(const struct exec *x, const struct entry *e);

/* -- arguments ----------------------------------------------------------------------------------------------- */

enum rc arg_int(struct exec *x, struct slice arg, int64_t *out);                              /* RC_NOT_INT */
enum rc arg_int_in(struct exec *x, struct slice arg, int64_t min, int64_t max, int64_t *out); /* RC_NOT_INT */
enum rc arg_double(struct exec *x, struct slice arg, double *out);                            /* RC_NOT_FLOAT */
static inline bool
arg_is(struct slice arg, struct slice word) /* a keyword, whatever its case */
{
    return slice_eq_nocase(arg, word);
}

/* -- replies (all return RC_OK, so that a handler can end with `return reply_...`) --------------------------- */

static inline enum rc
reply_int(struct exec *x, int64_t v)
{
    reply_put_int(&x->reply, v);
    return RC_OK;
}

static inline enum rc
reply_bulk(struct exec *x, struct slice s)
{
    reply_put_bulk(&x->reply, s);
    return RC_OK;
}

static inline enum rc
reply_null(struct exec *x)
{
    reply_put_null(&x->reply);
    return RC_OK;
}

static inline enum rc
reply_null_array(struct exec *x)
{
    reply_put_null_array(&x->reply);
    return RC_OK;
}

static inline enum rc
reply_array(struct exec *x, size_t n)
{
    reply_put_array(&x->reply, n);
    return RC_OK;
}

static inline enum rc
reply_map(struct exec *x, size_t n)
{
    reply_put_map(&x->reply, n);
    return RC_OK;
}

static inline enum rc
reply_set(struct exec *x, size_t n)
{
    reply_put_set(&x->reply, n);
    return RC_OK;
}

static inline enum rc
reply_simple(struct exec *x, struct slice s)
{
    reply_put_simple(&x->reply, s);
    return RC_OK;
}

static inline enum rc
reply_ok(struct exec *x)
{
    reply_put_simple(&x->reply, LIT("OK"));
    return RC_OK;
}

static inline enum rc
reply_double(struct exec *x, double v)
{
    reply_put_double(&x->reply, v);
    return RC_OK;
}

/* A string value: small ones are copied, a large blob goes out by reference. */
enum rc reply_string(struct exec *x, const struct entry *e);

/* Sets an error text ("ERR …", printf) and returns RC_REPLIED_ERROR. */
enum rc fail(struct exec *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "ERR wrong number of arguments for '%s' command" */
enum rc fail_arity(struct exec *x);
/* A buffer for putting something together; emptied at each call, one per command. */
struct buf *exec_scratch(struct exec *x);
/* HELP subcommands: a heading line from the command's name, then these lines (NULL-ended), then HELP itself. */
enum rc reply_help(struct exec *x, const char *const *lines);

#endif

/* engine/engine_priv.h - what the engine's own files know of it and of sessions. */
#ifndef SORREL_ENGINE_ENGINE_PRIV_H
#define SORREL_ENGINE_ENGINE_PRIV_H

#include "base/arena.h"
#include "base/mem.h"
#include "engine/commandlog.h"
#include "engine/dispatch.h"
#include "engine/effects.h"
#include "engine/engine.h"
#include "engine/exec.h"
#include "engine/keyspace.h"
#include "engine/pubsub.h"
#include "engine/session.h"
#include "engine/settings.h"
#include "engine/ticks.h"
#include "engine/tx.h"
#include "engine/waiters.h"
#include "proto/request.h"

/* Who wants to hear of changes: the one word that is tested on the path of every write. */
enum listener {
    LISTEN_SINKS = 1 << 0,
    LISTEN_WATCH = 1 << 1,
    LISTEN_WAIT = 1 << 2,
    LISTEN_NOTIFY = 1 << 3,
    LISTEN_TRACKING = 1 << 4,
    LISTEN_TOUCHES = 1 << 5, /* one of the sinks */
};

/* What stands between a command and its handler. A session's and the engine's words are or-ed: zero for nearly every
 * command. The engine's conditions (enum engine_condition) take the low bits. */
enum gate {
    GATE_CONDITIONS = (1 << 8) - 1,
    GATE_NOAUTH = 1 << 8,
    GATE_MULTI = 1 << 9,
    GATE_SUBSCRIBED = 1 << 10, /* has subscriptions and speaks RESP2 */
    GATE_GUARD = 1 << 11,      /* its user may not do everything */
    GATE_REPLY = 1 << 12,      /* CLIENT REPLY OFF or SKIP */
    GATE_NO_TOUCH = 1 << 13,
    GATE_MONITORED = 1 << 14, /* of the engine: somebody monitors */
    GATE_BLOCKED = 1 << 15,
    GATE_CLOSING = 1 << 16,  /* runs nothing any more */
    GATE_PAUSED = 1 << 17,   /* of the engine: CLIENT PAUSE */
    GATE_HELD = 1 << 18,     /* its next command waits for the end of a pause */
    GATE_TRACKING = 1 << 19, /* what it reads may have to be remembered */
    GATE_PINNED = 1 << 20,   /* of the engine: a long command reads keys that must not change (slices.c) */
    /* of the engine: a snapshot may need a value to stay as it is for a while (observer.c) */
    GATE_OBSERVED = 1 << 21,
    GATE_FED = 1 << 22, /* monitors, or is a replica: no pause would hold it, so it keeps off the keyspace */
};
enum { GATE_STOPPED = GATE_BLOCKED | GATE_CLOSING | GATE_HELD };

struct queued { /* a command in a transaction; its arguments lie behind it */
    struct command *command;
    int argc;
    struct slice argv[];
};

struct wait;
struct watch;
struct track;

/* What most sessions never need. */
struct session_more {
    struct queued **queue;
    size_t queue_count, queue_cap, queue_bytes;
    bool tx_broken; /* a command could not be queued: EXEC aborts */
    bool tx_dirty;  /* a watched key changed: EXEC answers null */
    struct watch *watches;
    size_t watch_count;
    struct wait *wait;
    struct table subs[PUBSUB_SPACES];
    struct slice name, lib_name, lib_ver; /* owned */
    struct track *track;                  /* CLIENT TRACKING; NULL: off */
    struct slow *slow;                    /* the command that it runs in slices */
    void *part;                           /* of a layer above: session_part() */
    struct fieldsets *fieldsets;          /* HIMPORT PREPARE; NULL: none yet */
};

struct session {
    struct engine *engine;
    void *host_data;
    session_id id;
    struct db *db;
    uint32_t gate;
    uint32_t flags; /* enum session_flag */
    uint8_t resp;
    uint8_t reply_mode; /* enum reply_mode, or REPLY_SKIPPING */
    bool killed, told;
    uint16_t laddr_at, text_len;
    struct request_parser parser;
    struct out out;
    struct session_more *more;
    struct acl_user *user; /* a reference; NULL only while the engine is made */
    const struct command *last;
    uint64_t hint; /* hash of the key seen by engine_hint(); 0: none */
    uint64_t commands;
    uint64_t wrote_at;  /* session_wrote_at() */
    uint64_t stored_at; /* session_stored_at() */
    int64_t opened_ms, active_ms;
    struct session *prev, *next;
    struct session *stranger_prev, *stranger_next; /* while GATE_NOAUTH is set: in the order of becoming one */
    int64_t stranger_since_ms;
    char text[]; /* addr and laddr */
};
enum { REPLY_SKIPPING = REPLY_SKIP_NEXT + 1 };

struct command_slot {
    uint64_t lo, hi; /* folded first and last eight bytes of the name */
    uint32_t len;
    uint32_t exact; /* the folded words do not prove equality */
    struct command *command;
};

struct command_table {
    struct command *items; /* all, in order of id; top-level ones have no parent */
    size_t count, top_count;
    struct command_slot *slots;
    uint32_t mask;
};

struct error_stat {
    struct slice prefix; /* owned */
    uint64_t count;
};

struct sink_list {
    struct effect_sink *v;
    size_t n;
};

struct effects {
    struct arena arena;
    struct effect_command *first_command, **last_command;
    struct effect_touch *first_touch, **last_touch;
    size_t command_count, touch_count;
    unsigned hide, hidden; /* stages that commands are kept from now; and any command of the batch is */
    bool atomic;
};

enum { BATCH_MAX = 64 };
struct batch_command {
    struct command *command;
    uint64_t hash;
    uint32_t argv_at;
    int argc;
    size_t end, bytes; /* offset behind it in the input, and its length */
    struct slice key;  /* the first one, when hashed */
    bool hashed;
    bool again; /* the same key as the command before */
};

struct wait_key;
struct commandlog;
struct hotkeys;
struct bigkeys;
struct evictor;
struct tracking;
struct channel;
struct monitor;

struct pause {
    int64_t until_ms; /* 0: there is none */
    bool all;
};

struct engine {
    /* touched by every command */
    uint32_t listening; /* enum listener */
    uint32_t gate;      /* enum gate */
    int64_t now_ms, now_us;
    uint32_t access_clock; /* what a touched entry gets under LRU, */
    unsigned access;       /* and this: entry_access_of() */
    struct hash_seed hash_seed;
    struct ticks ticks;
    uint64_t now_read;      /* ticks when the clock was read last */
    int64_t pause_until_ms; /* while GATE_PAUSED is set: when the last of them ends */
    size_t held_count;      /* sessions with GATE_HELD */
    bool pause_all;         /* not only what writes: one of them says so */
    struct pause pauses[PAUSE_CAUSES];
    uint32_t sample_in;                /* commands until one is looked at (hotkeys.c) */
    uint64_t arrived;                  /* ticks when what is fed now was read */
    size_t large_request, large_reply; /* bytes of requests and replies from which on they are noted */
    uint64_t slow_ticks;               /* a command that took more is looked at: it may go to the slow log */
    double ns_per_tick;
    unsigned untimed_commands; /* that will share the time of the next */
    uint64_t quick_ticks;      /* with a lower bound than this every command is timed by itself */
    bool untimed;              /* the running command is timed together with the next */
    struct engine_stats stats;
    struct exec x;           /* of the running top-level command */
    uint64_t turn;           /* number of the running top-level command (or tick) */
    struct session *running; /* whose command runs; NULL between commands */
    struct session *changer; /* whose changes are being handed over; NULL: nobody's */
    bool memory_limited;     /* maxmemory is set */
    bool over_memory;        /* at the last look more was in use */
    void *arena_mark;        /* arena.next while nothing was taken */
    struct arena arena;
    struct slice_vec argv; /* of the commands in `batch` */
    struct batch_command batch[BATCH_MAX];
    struct command_table commands;
    struct effects effects;

    struct db *dbs;
    int db_count;
    struct rng rng;
    struct clock clock;
    struct engine_host host;
    struct engine_settings settings;
    struct request_limits limits, limits_unauth;
    struct buf scratch[2], error;
    struct buf notify_channel; /* of the notification under way */
    struct out void_out;       /* swallows replies under CLIENT REPLY OFF */
    struct out own_push;       /* messages of the running session to itself, until its reply is complete */

    struct session **sessions; /* open addressing by id */
    size_t session_count, session_mask;
    struct session *session_first, *session_last;
    session_id last_id;
    struct session *stranger_first, *stranger_last; /* sessions that have to log in first */
    size_t stranger_count;
    struct auth_limit *auth_limit; /* NULL until a login fails while there is a limit */
    int64_t attack_logged_ms;
    struct slice password;
    struct acl *acl;

    struct sink_list sinks[EFFECT_STAGES];
    struct change_observer observer;
    bool observed;
    size_t watch_total; /* watches of all sessions */
    size_t watchers;    /* sessions that have any */
    size_t subscribers; /* sessions that are subscribed to anything */

    size_t wait_total, wait_key_total;
    size_t wait_gone_total;      /* of those keys, the ones whose going somebody wants to hear of */
    struct btree wait_deadlines; /* struct wait */
    struct wait_key *ready_first, **ready_last;
    bool serving;

    struct table channels[PUBSUB_SPACES];
    struct channel *pattern_first, *pattern_last;
    struct monitor *monitors;
    size_t monitor_count, monitor_cap;

    struct error_stat *errors;
    size_t error_count, error_cap;
    struct engine_memory memory;
    struct commandlog *commandlog;
    struct hotkeys *hotkeys;
    struct bigkeys *bigkeys;
    struct latency_event *latency_events;
    struct evictor *evictor;
    struct tracking *tracking;           /* NULL until somebody asks for it */
    struct slow *slow_first, *slow_last; /* commands that run in slices, whose turn is next first */
    bool slow_alone;                     /* one of them changes its keys piece by piece */
    struct coro *spare_stack;            /* kept for the next of them */
    struct walk *walks;                  /* db_walk()s under way */
    struct command_guard guard;
    struct key_witness witness; /* only heard in builds with SORREL_VERIFY */
    struct slice misconf;       /* owned text of COND_MISCONF */
    struct slice redirect;      /* and of COND_REPLICA */
    struct {
        void *state;
        void (*fini)(void *state);
    } parts[ENGINE_PARTS];
};

enum { ERROR_STATS_MAX = 128, ENGINE_TICK_MS_MAX = 1000 };

/* -- session.c -- */
struct session_more *session__more(struct session *s);
/* The host must look at the session: it has output or must be closed. */
void session__tell_host(struct session *s);
/* Where a push to s is to be written; session__pushed() after it. */
struct out *session__push_begin(struct session *s);
void session__push_end(struct session *s);
void sessions__init(struct engine *e);
void sessions__fini(struct engine *e);
void session__gate_update(struct session *s); /* after a change of protocol or subscriptions */

/* -- acl.c -- */
/* The session of nobody in particular: the default user, authenticated if that one needs no password. */
void acl__session_begin(struct session *s);

/* -- cmd.c -- */
void commands__init(struct engine *e, const struct cmd *const *families);
void commands__fini(struct engine *e);
struct command *commands__find(const struct command_table *t, struct slice name);

/* -- dispatch.c -- */
void dispatch__mark_special(struct engine *e); /* once, before any rename */
/* Runs one command of a session from start to end, at depth 0. */
void dispatch__run(struct engine *e, struct session *s, struct command *c, const struct slice *argv, int argc,
                   uint64_t hash, bool hashed);
/* Runs a waiting session's command again. True if it waits no longer. One that waits for keys may no longer touch them
 * if its user's rights have changed; one that is in the middle of its work goes on. */
enum resume_why { RESUME_TIMED_OUT, RESUME_FOR_KEYS, RESUME_TO_GO_ON };
bool dispatch__resume(struct engine *e, struct session *s, struct command *c, const struct slice *argv, int argc,
                      enum resume_why why);
void dispatch__count_error(struct engine *e, struct slice line);
/* A command is over whose reply was not wanted. */
void dispatch__reply_mode_next(struct engine *e, struct session *s);
/* A command that ran in slices is over: everything that follows the handler of one that did not. */
void dispatch__sliced(struct exec *x, enum rc rc, uint64_t ticks);
/* Prepares x for a command of s at depth 0. */
void exec__begin(struct engine *e, struct session *s, struct command *c, const struct slice *argv, int argc);
/* Ends edits that the handler left open. */
void exec__close_edits(struct exec *x);
void exec__arena_reset(struct engine *e);
/* Frees what look() and read_*() had to copy. */
void exec__drop_copies(struct exec *x);

/* -- keyspace.c -- */
void keyspace__init(struct engine *e, int databases);
void keyspace__fini(struct engine *e);
void keyspace__link(struct engine *e, struct db *db, uint64_t hash, struct entry *entry);
void keyspace__unlink(struct engine *e, struct db *db, uint64_t hash, struct entry *entry);
void keyspace__reap(struct engine *e, struct entry *entry);
/* Each gets what the other holds; nobody is told. */
void keyspace__exchange_tables(struct db *a, struct db *b);
/* Deletes an expired entry with all consequences, unless that is not ours to decide and force is not set. */
void keyspace__expire(struct engine *e, struct db *db, uint64_t hash, struct entry *entry, bool force);
/* Expires what is due for at most that long; true if there is more. */
bool keyspace__tick(struct engine *e, int64_t deadline_ns);
int64_t keyspace__next_expiry(const struct engine *e); /* unix ms; INT64_MAX: none */
/* The keys that a database had, on their way to be freed. */
struct graveyard {
    struct table by_key;
    struct btree by_expiry, by_deadline;
    size_t drained; /* how far table_drain() has come */
};
/* Takes all keys of a database away; watches, waiters and caches of clients hear of it. NULL: there are none, or the
 * observer has them. */
struct graveyard *keyspace__empty(struct engine *e, struct db *db);
/* Frees them, elsewhere if the host can. */
void keyspace__bury(struct engine *e, struct graveyard *g);
/* Frees them here, in slices. Fails when the command is to end; they are free in any case. */
enum rc keyspace__bury_slowly(struct exec *x, struct graveyard *g);

/* Indexes a key's members by their deadlines, or takes them out before those change. */
void keyspace__deadlines_index(struct db *db, struct entry *entry);
void keyspace__deadlines_unindex(struct db *db, struct entry *entry);
/* Removes up to max members that are due, with all consequences. NULL when the key went with the last of them. */
struct entry *keyspace__expire_members(struct engine *e, struct db *db, uint64_t hash, struct entry *entry, size_t max);
bool keyspace__all_members_due(const struct engine *e, const struct entry *entry);

/* Whether removing what is due is ours to decide, now. */
static inline bool
keyspace__may_remove(const struct engine *e)
{
    return e->settings.lazy_expire_deletes && !(e->gate & (GATE_PAUSED | GATE_PINNED));
}

enum { ENTRY_MORTAL = ENTRY_HAS_EXPIRY | ENTRY_DEADLINES }; /* time alone may change it */

static inline void
keyspace__index(struct db *db, struct entry *entry)
{
    if (UNLIKELY(entry_flags(entry) & ENTRY_MORTAL))
        keyspace_index(db, entry);
}

static inline void
keyspace__unindex(struct db *db, struct entry *entry)
{
    if (UNLIKELY(entry_flags(entry) & ENTRY_MORTAL))
        keyspace_unindex(db, entry);
}

static inline bool
keyspace__is_expired(const struct engine *e, const struct entry *entry)
{
    return UNLIKELY(entry_flags(entry) & ENTRY_HAS_EXPIRY) && entry_expiry(entry) < e->now_ms &&
           !e->settings.never_expire;
}

/* The same, or it is a collection of which no member is left. */
static inline bool
keyspace__is_gone(const struct engine *e, const struct entry *entry)
{
    return UNLIKELY(entry_flags(entry) & ENTRY_MORTAL) &&
           (keyspace__is_expired(e, entry) ||
            (UNLIKELY(entry_flags(entry) & ENTRY_DEADLINES) && keyspace__all_members_due(e, entry)));
}

static inline uint64_t
keyspace__hash(const struct engine *e, struct slice key)
{
    return siphash(e->hash_seed, key);
}

/* -- effects.c -- */
void effects__init(struct engine *e);
void effects__fini(struct engine *e);
void effects__touch_slow(struct engine *e, struct db *db, struct slice key, enum event event, bool changed);
static inline void
effects__touch(struct engine *e, struct db *db, struct slice key, enum event event, bool changed)
{
    if (UNLIKELY(e->listening != 0))
        effects__touch_slow(e, db, key, event, changed);
}
struct effect_command *effects__command(struct engine *e, int db, const struct slice *argv, int argc, bool copy);
static inline void
effects__before(struct engine *e, struct db *db, struct entry *entry)
{
    if (UNLIKELY(e->observed))
        e->observer.before_change(e->observer.ctx, db, entry);
}
static inline void
effects__linked(struct engine *e, struct db *db, uint64_t hash, struct entry *entry)
{
    if (UNLIKELY(e->observed) && e->observer.linked != NULL)
        e->observer.linked(e->observer.ctx, db, hash, entry);
}
void effects__listen(struct engine *e, enum listener who, bool on);

/* -- tx.c -- */
void tx__queue(struct exec *x);    /* the running command; replies QUEUED */
void tx__spoil(struct session *s); /* a command was refused: EXEC will abort */
void tx__end(struct session *s);   /* forgets queue and watches */
void tx__touched(struct engine *e, const struct effect_touch *t);
void tx__emptied(struct engine *e, struct db *db, const struct db *replaced_with);
void tx__discard(struct session *s);
void tx__watch_fini(struct engine *e, struct db *db);

/* -- waiters.c -- */
#define ROLE_CHANGED "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
size_t waiters__memory(const struct wait *w);
void waiters__forget(struct session *s); /* it closes */
void waiters__touched(struct engine *e, const struct effect_touch *t);
void waiters__scan(struct engine *e, struct db *db); /* another set of keys is in this database */
void waiters__serve(struct engine *e);
void waiters__end_all(struct engine *e); /* with ROLE_CHANGED */
void waiters__tick(struct engine *e);
int64_t waiters__next_deadline(const struct engine *e);
void waiters__fini(struct engine *e, struct db *db);

/* -- pubsub.c -- */
void pubsub__init(struct engine *e);
void pubsub__fini(struct engine *e);
void pubsub__forget(struct session *s);

/* -- notify.c -- */
void notify__event(struct engine *e, const struct effect_touch *t);

/* -- fieldsets.c -- */
void fieldsets__free(struct fieldsets *all); /* NULL is fine */
size_t fieldsets__bytes(const struct fieldsets *all);

/* -- tracking.c -- */
void tracking__after(struct exec *x); /* a command of a session with GATE_TRACKING has run */
void tracking__command_done(struct session *s, const struct command *c);
void tracking__changes(struct engine *e, const struct effect_batch *b);
void tracking__flushed(struct engine *e); /* a database: everybody is told with the next changes */
void tracking__fini(struct engine *e);

/* -- latency.c -- */
void latency__count(struct engine *e, struct command *c, uint64_t took, unsigned commands);

/* -- observer.c -- */
bool observer__hold(struct exec *x); /* a command that may write waits for what the observer has to do first */

/* -- pause.c -- */
/* True: the command must wait, and is not to be used up. */
bool pause__hold(struct exec *x, bool writes);
int64_t pause__tick(struct engine *e); /* when the pause ends; INT64_MAX: there is none */
void pause__hold_session(struct session *s, const struct command *c);
void pause__release(struct engine *e); /* all who wait look again */

/* -- slices.c -- */
/* Runs a slice of one long command. When the next one wants to run (unix ms); INT64_MAX: there is none. */
int64_t slices__tick(struct engine *e);
/* True: the command would change what a long one reads, or see what one has half changed; it must wait, and is not to
 * be used up. */
bool slices__hold(struct exec *x, bool writes);
/* The same for one that can't wait: the long ones run to their end now. */
void slices__settle(struct exec *x, bool writes);
bool slices__pinned(const struct engine *e, struct slice key);
/* Runs those that pin keys to their end. Not from inside one of them. */
void slices__finish_all(struct engine *e);
void slices__end_writers(struct engine *e);  /* those that may write; before they have begun to, if they have not */
size_t slices__memory(const struct slow *t); /* of the reply so far; t may be NULL */
void slices__forget(struct session *s);      /* it closes */
void slices__fini(struct engine *e);

/* -- walk.c -- */
void walk__linked(struct engine *e, struct db *db, uint64_t hash, const struct entry *entry);
void walk__unlinked(struct engine *e, struct db *db, uint64_t hash, struct entry *entry);
void walk__restart(struct engine *e, struct db *db);

/* -- evict.c -- */
/* For allkeys-adaptive: what the clock of a key says that was used just now, or has just been made. */
uint32_t evict__used_clock(struct engine *e, const struct entry *entry);
void evict__born(struct engine *e, struct entry *entry, uint64_t hash); /* LRU: a new key, while there is an evictor */
uint32_t evict__born_clock(struct engine *e, uint64_t hash);
int evict__frequency(const struct engine *e, const struct entry *entry);
/* Deletes keys while more memory is in use than may be. True when it has run out of time. */
bool evict__make_room(struct engine *e);
/* A key has come into that database while there is a limit. */
void evict__linked(struct engine *e, const struct db *db);
void evict__fini(struct engine *e);

/* -- auth_limit.c -- */
void auth_limit__fini(struct engine *e);

/* -- secrets.c -- */
/* Argument i of the running command, or what may be shown of it to people who watch. */
struct slice secrets__shown(const struct exec *x, int i);

/* -- hotkeys.c, bigkeys.c -- */
/* A command that was looked at. */
struct hot_sample {
    const struct command *command;
    const struct slice *argv;
    int argc, db;
    uint64_t ns, bytes;
};
void hotkeys__init(struct engine *e);
void hotkeys__fini(struct engine *e);
uint32_t hotkeys__next_sample(struct engine *e); /* how many commands lie in between */
void hotkeys__note(struct engine *e, const struct hot_sample *s);
void hotkeys__tick(struct engine *e);
void bigkeys__init(struct engine *e);
void bigkeys__fini(struct engine *e);
int64_t bigkeys__tick(struct engine *e); /* when it wants to go on (unix ms) */

/* -- commandlog.c -- */
/* facts: what made it notable, how long it waited, its sizes; the rest is found in x. */
void commandlog__add(struct exec *x, enum commandlog_type type, const struct commandlog_entry *facts);
void commandlog__fini(struct engine *e);

#endif

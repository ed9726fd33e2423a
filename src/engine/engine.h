/* engine/engine.h - a data store without sockets, files or threads.
 *
 * Create an engine, open a session, feed it request bytes, read reply bytes: all in one process, any number of engines
 * side by side. The server (or a test, a fuzzer, an embedding program) is the engine's host and lends it what it may
 * not have itself: time, randomness, somebody to free large values, and somebody to tell about sessions.
 *
 * Threads: one owner at a time.
 */
#ifndef SORREL_ENGINE_ENGINE_H
#define SORREL_ENGINE_ENGINE_H

#include "base/clock.h"
#include "base/out.h"
#include "engine/cmd.h"
#include "value/limits.h"

struct engine;
struct session;
struct exec;
struct entry;

/* A session is referred to by id: slot and generation. Ids are never reused; CLIENT ID prints them. */
typedef uint64_t session_id;

/* What only the host knows about a session's connection; CLIENT LIST prints it. */
struct session_io {
    int fd;                       /* -1: there is none */
    size_t input_len, input_free; /* bytes read and not yet used up, room left in the buffer */
    bool reads, writes;           /* what the connection is being watched for */
    uint64_t bytes_in, bytes_out; /* since it was opened */
};

/* Bytes of the host's and of the layers above the engine, for MEMORY STATS. */
struct host_memory {
    size_t resident;          /* of the process; 0: not known */
    size_t backlog, replicas; /* the stream kept for replicas; their output */
    size_t aof_buffer, scripts, functions;
};

enum shutdown_flag {
    SHUTDOWN_SAVE = 1 << 0,
    SHUTDOWN_NOSAVE = 1 << 1,
    SHUTDOWN_NOW = 1 << 2,
    SHUTDOWN_FORCE = 1 << 3,
    SHUTDOWN_ABORT = 1 << 4, /* stop a shutdown that is under way */
};

/* What ACL LOAD and ACL SAVE ask the host. */
enum acl_file_request { ACL_FILE_EXISTS, ACL_FILE_LOAD, ACL_FILE_SAVE };

/* What the host does for its engine. Every pointer may be NULL: then nothing happens (values are freed at once). */
struct engine_host {
    void *ctx;
    /* The session has output that no engine_feed() call of its own will flush (a push, an unblocked reply), or it must
     * be closed (session_must_close()). Called at most once until the host has flushed. */
    void (*session_ready)(void *ctx, struct session *s);
    /* Is there an ACL file (error is not used), read it, write it. False: it could not be done, *error says why. */
    bool (*acl_file)(void *ctx, enum acl_file_request what, struct buf *error);
    /* Frees an unlinked entry elsewhere. */
    void (*reap)(void *ctx, struct entry *e);
    /* How many of those are not free yet. */
    size_t (*reaping)(void *ctx);
    void (*session_io)(void *ctx, const struct session *s, struct session_io *out);
    void (*memory)(void *ctx, struct host_memory *out);
    /* SHUTDOWN. False when it cannot be done; `why` is then the error line. When it returns true the program ends after
     * the turn of the loop, and the session gets no reply (with SHUTDOWN_ABORT: +OK). */
    bool (*shutdown)(void *ctx, unsigned flags, struct slice *why);
    /* A script has been running for too long: serve other sessions for a moment. `running` is the one that it belongs
     * to, and must not be fed or closed. False: the program ends, so the script shall too. */
    bool (*busy)(void *ctx, struct session *running);
    /* DEBUG SLEEP: stands still, as a machine under load would. */
    void (*sleep_us)(void *ctx, int64_t us);
    /* Subcommands of DEBUG that concern what only the host has (RELOAD, LOADAOF). False: it knows none of that name. */
    bool (*debug)(void *ctx, struct exec *x, enum rc *rc);
    /* A client, or our primary, has emptied all databases: what the disk holds is not wanted any more. NULL: nobody
     * cares. */
    void (*flushed)(void *ctx);
    /* DEBUG LOG: a line for the log. */
    void (*log_line)(void *ctx, struct slice line);
    /* Runs work(arg), which frees things and touches nothing else, elsewhere. */
    void (*defer)(void *ctx, void (*work)(void *arg), void *arg);
};

struct engine_options {
    struct clock clock;
    uint64_t rng_seed;
    struct hash_seed hash_seed;
    int databases;                     /* 16 */
    const struct cmd *const *families; /* NULL-ended list of row tables */
    struct engine_host host;
    struct value_limits limits;
};

struct engine *engine_new(const struct engine_options *opt);
void engine_free(struct engine *e);
const struct engine_host *engine_host_of(const struct engine *e);

/* What a layer above the engine keeps with it (the script interpreter). engine_free() calls fini(state) first of
 * all. */
enum engine_part { PART_SCRIPT, PART_REPL, ENGINE_PARTS };
void engine_set_part(struct engine *e, enum engine_part part, void *state, void (*fini)(void *state));
void *engine_part_of(const struct engine *e, enum engine_part part); /* NULL: none was set */

/* -- sessions ------------------------------------------------------------------------------------------------ */

/* user data is the host's (its connection); names are what CLIENT LIST prints as addr and laddr. The strings are
 * copied. */
struct session *engine_session_open(struct engine *e, void *host_data, struct slice addr, struct slice laddr);
/* Frees it at once: waiting, watching and subscriptions end. Not from inside engine_feed(). */
void engine_session_close(struct session *s);
void *session_host_data(const struct session *s);
session_id session_ident(const struct session *s);
/* NULL when that session is gone. */
struct session *engine_session_by_id(struct engine *e, session_id id);

/* Runs the complete commands at the start of `in` and appends their replies to the session's output. Returns how many
 * bytes it used up: the host keeps the rest and comes back with it when more has arrived. Stops early when the session
 * blocks, must close, or has more output than out_soft_max bytes. */
size_t engine_feed(struct engine *e, struct session *s, struct slice in, size_t out_soft_max);
/* For a host that reads several connections before it feeds them: says what is about to be fed, so that the key of its
 * first command is on its way into the cache by then. engine_hint() for each of them, then engine_hint_again() for
 * each, then engine_feed(). Both are optional and change nothing. */
void engine_hint(struct engine *e, struct session *s, struct slice in);
void engine_hint_again(struct engine *e, struct session *s);
/* The session's unsent output: the host sends from it and calls out_sent(). The host may swap a larger shared buffer in
 * and out around engine_feed(), so that idle sessions hold none. */
struct out *session_out(struct session *s);
/* The host has sent what it could: it wants to be told (session_ready) of what is added from now on, even if something
 * is still unsent, because limits must be checked. */
void session_flushed(struct session *s);
/* Commands that run in slices (engine_tick()) at present. */
size_t engine_sliced(const struct engine *e);
/* Ends the commands among them that have changed a key in part. To be called before a snapshot begins, and before the
 * position in a log or stream is taken to which it will belong. */
void engine_settle(struct engine *e);
/* Ends all that count on keys staying as they are. To be called before keys are replaced behind their backs. */
void engine_unpin(struct engine *e);
/* This server is about to be somebody's replica: whoever waits for keys, or in another blocking command, is told so and
 * disconnected, long commands that write are ended or, where they have begun to, brought to their end, and all of that
 * is propagated. May be called from inside a command. */
void engine_end_writes(struct engine *e);
bool session_is_blocked(const struct session *s);
bool session_must_close(const struct session *s); /* close once the output has been sent (or at once if it can't) */

/* Runs one command given as arguments, as that session; the reply is appended to its output. For tests and
 * embedding. */
void engine_run(struct engine *e, struct session *s, const struct slice *argv, int argc);
/* For a host that holds many commands as arguments (the stream of a primary): engine_look_ahead() at each of them, then
 * engine_expect_ahead() for all; then engine_run_ahead() one after another, with engine_fetch_ahead() before, as far as
 * engine_fetch_end() says. So their keys are on their way into the cache by then, and quick ones of a kind are timed
 * together. What was found is no more than a hint: a command may change whatever it likes for those after it. */
enum { ENGINE_LOOK_AHEAD = 16 };
struct ahead {
    struct command *command; /* NULL: unknown */
    uint64_t hash;           /* of its first key, when hashed */
    size_t bytes;            /* of its arguments */
    unsigned together;       /* how many right before it are timed together with it */
    bool hashed;
    bool timed_later; /* together with the next */
};
/* `before` is what will be run right before it; NULL: something else may be. */
struct ahead engine_look_ahead(struct engine *e, const struct slice *argv, int argc, struct ahead *before);
void engine_expect_ahead(const struct session *s, const struct ahead *a);
void engine_fetch_ahead(const struct session *s, const struct ahead *a);
/* The n commands of a batch are fetched up to `fetched`, the one at `at` is about to run: the place to fetch up to now.
 * By several at a time, because what a fetch mostly waits for is a walk through the page tables, and walks overlap only
 * when nothing else lies between them: one at each command costs GET at -P 64 a quarter more. */
static inline unsigned
engine_fetch_end(unsigned at, unsigned fetched, unsigned n)
{
    unsigned end = at + ENGINE_LOOK_AHEAD < n ? at + ENGINE_LOOK_AHEAD : n;

    return fetched <= at + ENGINE_LOOK_AHEAD / 2 ? end : fetched;
}
void engine_run_ahead(struct engine *e, struct session *s, const struct ahead *a, const struct slice *argv, int argc);

/* Memory in use (mem_used()) when the engine was made, and the most since, as seen once a tick. */
struct engine_memory {
    size_t at_start, peak;
};
struct engine_memory engine_memory_marks(const struct engine *e);

/* What runs at this moment; false between commands. For a crash report: reads plain memory only, and shows nothing that
 * a client has sent. */
struct engine_running {
    session_id client;
    int db, resp, argc;
    unsigned flags; /* enum session_flag */
    uint64_t commands;
    struct slice command;
};
bool engine_running(const struct engine *e, struct engine_running *out);

/* -- time ---------------------------------------------------------------------------------------------------- */

/* Reads the clock; the host calls it once a turn of its loop, before feeding. */
void engine_now_update(struct engine *e);
/* The bytes that will be fed next have just been read: what waits for its turn from now on has waited since then. */
void engine_input_read(struct engine *e);
int64_t engine_now_ms(const struct engine *e);
struct clock engine_clock(const struct engine *e);
int64_t engine_now_us(const struct engine *e); /* the same reading, unrounded */
/* What commands are timed by: a counter that is cheap to read, and the microseconds that a difference of two is. */
uint64_t engine_ticks(const struct engine *e);
int64_t engine_ticks_us(const struct engine *e, uint64_t n);
/* Does what is due: expiry, time-outs of blocked sessions, moving of tables; for at most about budget_us. Returns in
 * how many milliseconds it wants to be called again (0: there is more to do now). */
int64_t engine_tick(struct engine *e, int64_t budget_us);

#endif

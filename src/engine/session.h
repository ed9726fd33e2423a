/* engine/session.h - what commands (CLIENT, HELLO, AUTH, RESET …) and the host may know and change about a session.
 *
 * Sessions are kept small: what most of them never have (names, subscriptions, a transaction, a wait) is allocated when
 * it is first needed. Across commands a session is referred to by its id only.
 */
#ifndef SORREL_ENGINE_SESSION_H
#define SORREL_ENGINE_SESSION_H

#include "engine/engine.h"
#include "engine/exec.h"

struct command;

/* In order of opening; NULL at the end. */
struct session *session_first(struct engine *e);
struct session *session_next(const struct session *s);
size_t session_count(const struct engine *e);

struct engine *session_engine(const struct session *s);
struct slice session_addr(const struct session *s);
struct slice session_laddr(const struct session *s);
struct slice session_name(const struct session *s); /* empty: none */
struct slice session_lib_name(const struct session *s);
struct slice session_lib_ver(const struct session *s);
int session_db(const struct session *s);
int session_resp(const struct session *s);
int64_t session_opened_ms(const struct session *s);
int64_t session_active_ms(const struct session *s);                  /* when it last ran a command */
const struct command *session_last_command(const struct session *s); /* NULL: none yet */
uint64_t session_commands(const struct session *s);                  /* how many it has run */
bool session_authenticated(const struct session *s);
/* Strangers: sessions that have to log in before they may do anything. The one that has been one for longest; NULL:
 * there are none. */
struct session *session_stranger_first(struct engine *e);
struct session *session_stranger_next(const struct session *s);
size_t session_stranger_count(const struct engine *e);
int64_t session_stranger_since_ms(const struct session *s);
size_t session_memory(const struct session *s);      /* everything it holds, output included */
size_t session_argv_memory(const struct session *s); /* of an incomplete or a blocked command */
size_t session_output_pending(const struct session *s);
/* How many bytes the input should hold for engine_feed() to get further (0: not known). For reading large arguments. */
size_t session_input_wants(const struct session *s);

/* Names are copied; empty ones clear. The caller has validated them. */
void session_set_name(struct session *s, struct slice name);
void session_set_lib_name(struct session *s, struct slice name);
void session_set_lib_ver(struct session *s, struct slice ver);
void session_set_resp(struct session *s, int resp);
void session_set_authenticated(struct session *s, bool yes);

enum session_flag {
    SESSION_NO_EVICT = 1 << 0, /* CLIENT NO-EVICT */
    SESSION_NO_TOUCH = 1 << 1, /* CLIENT NO-TOUCH */
    SESSION_MONITOR = 1 << 2,
    SESSION_REPLICA = 1 << 3,
    SESSION_UNIX = 1 << 4,     /* set by the host: came through a Unix socket */
    SESSION_PRIMARY = 1 << 6,  /* runs what our primary sends */
    SESSION_INTERNAL = 1 << 5, /* not a client: loading, scripts, tests. Skips checks that protect against clients */
    SESSION_FOLLOWS = 1 << 7,  /* CLIENT CAPA redirect: it goes where -REDIRECT sends it */
    SESSION_READS_REPLICAS = 1 << 8, /* READONLY: but not for reads */
};
/* One line of CLIENT LIST, without its newline. No field can hold a blank or a line end: names are checked when they
 * are set, addresses are the host's. */
/* The letters of its field flags. */
void session_describe_flags(const struct session *s, struct buf *out);
/* The letters of its field capa. */
void session_describe_capa(const struct session *s, struct buf *out);
void session_describe(const struct exec *x, const struct session *s, struct buf *out);
unsigned session_flags(const struct session *s);
void session_set_flag(struct session *s, enum session_flag flag, bool on); /* MONITOR: by session_monitor() */
/* The session is fed with every command that runs from now on (until it closes or RESETs). */
void session_monitor(struct session *s, bool on);
/* Shows the command to all monitors now. Dispatch does that after each command that is not CMD_SKIP_MONITOR; a command
 * that runs others (EVAL) has that flag and calls this first, so that it is seen before them. */
void monitor_feed(struct exec *x);

/* What a layer above keeps with a session until it closes; that layer frees it. */
void *session_part(const struct session *s); /* NULL: none was set */
void session_set_part(struct session *s, void *part);
/* How far the stream of changes had come with the session's last one: the mark that WAIT waits for. */
uint64_t session_wrote_at(const struct session *s);
void session_set_wrote_at(struct session *s, uint64_t at);
/* The same for what it has stored: messages, and what time takes while somebody reads, do not count. Kept only while
 * replies wait for replicas. */
uint64_t session_stored_at(const struct session *s);
void session_set_stored_at(struct session *s, uint64_t at);
/* There is something in its output, or it must be looked at: the host will. */
void session_output_added(struct session *s);

enum reply_mode { REPLY_ON, REPLY_OFF, REPLY_SKIP_NEXT };
void session_set_reply_mode(struct session *s, enum reply_mode mode);
enum reply_mode session_reply_mode(const struct session *s);

/* Back to the state of a new connection: no transaction, watches, subscriptions, monitoring, name; database 0, RESP2,
 * authenticated only if no password is set (RESET). */
void session_reset(struct session *s);
/* The host shall close it once its output has been sent. */
void session_close_after_reply(struct session *s);
/* The host shall close it as soon as it can, unsent output and all; nothing of it runs any more (CLIENT KILL). */
void session_kill(struct session *s);
bool session_killed(const struct session *s);

/* Until then (unix time in ms) clients' commands wait, or only those that may write. Nothing expires and nothing is
 * evicted meanwhile. Each cause has a pause of its own: it ends its own and nobody else's. */
enum pause_cause { PAUSE_CLIENT, PAUSE_FAILOVER, PAUSE_SHUTDOWN, PAUSE_MIGRATE, PAUSE_CAUSES };
void engine_pause(struct engine *e, enum pause_cause cause, int64_t until_ms, bool all);
void engine_unpause(struct engine *e, enum pause_cause cause);
bool engine_paused_but_for(const struct engine *e, enum pause_cause cause); /* by any other */
size_t engine_held_count(const struct engine *e);                           /* sessions whose command waits for that */

/* -- what the parts of the engine say about a session --------------------------------------------------------- */
int session_multi_count(const struct session *s); /* queued commands; -1: not in MULTI */
size_t session_multi_memory(const struct session *s);
size_t session_watch_count(const struct session *s);
bool session_tx_dirty(const struct session *s);     /* a watched key has changed */
size_t engine_watchers(const struct engine *e);     /* sessions that watch keys */
size_t engine_watched_keys(const struct engine *e); /* keys that anybody watches */

#endif

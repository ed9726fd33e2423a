/* server/server.h - the engine on the network: wiring, limits, the turn of the loop.
 *
 * A server is created from a complete configuration, listens, and runs until it is asked to stop. Everything it needs
 * from the machine but sockets (clock, seeds) is handed in.
 *
 * Threads: one owner; the reaper has its own thread.
 */
#ifndef SORREL_SERVER_SERVER_H
#define SORREL_SERVER_SERVER_H

#include "base/clock.h"
#include "engine/session.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/tls.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/pace.h"
#include "server/reaper.h"
#include "server/recent.h"
#include "server/tuning.h"

enum { RUN_ID_LEN = 40, LISTENERS_MAX = 36, SAMPLES = 16 };

struct server_stats {
    uint64_t connections, rejected;
    uint64_t evicted_clients;
    uint64_t query_limit_closed, output_limit_closed, timeout_closed, strangers_closed;
    uint64_t turns, turn_ticks;     /* of the loop, and how long they took without the sleep in between */
    uint64_t nameless_certificates; /* clients whose certificate names no user that may log in */
    uint64_t peak_memory;
    int64_t peak_memory_ms;
};

/* A rate over the last seconds: samples of a counter, one every 100 ms. */
struct rate {
    uint64_t last, per_second[SAMPLES];
    unsigned at;
};

struct log_target;
struct title;

struct server_options {
    struct config *config;   /* becomes the server's */
    const char *config_path; /* the file it came from, absolute; "": none */
    const char *executable;
    struct clock clock;
    uint64_t rng_seed;
    struct hash_seed hash_seed;
    char run_id[RUN_ID_LEN + 1];
    struct log_target *log;    /* where a crash report goes; NULL: nowhere */
    const struct title *title; /* what ps shows; NULL: that is left alone */
};

struct persist;
struct server_aof;

/* Who may find that writes must be refused. */
enum misconf_by { MISCONF_LOG, MISCONF_SNAPSHOT, MISCONFS };

struct server {
    struct config *config;
    struct engine *engine;
    struct net *net;
    struct reaper *reaper;
    struct persist *persist;
    struct server_aof *aof;
    struct pace pace; /* of the snapshot that is being made */
    struct repl *repl;
    struct disk disk;                /* for what replication has no memory for */
    struct repl_loader *repl_loader; /* a primary's dataset that is coming in; NULL: none is */
    struct clock clock;
    const struct cmd **families; /* all tables of rows, ours included */
    char *config_path;           /* "": there is no file */
    char *executable;
    char run_id[RUN_ID_LEN + 1];
    int64_t started_ms;
    uint64_t startup_memory; /* in use before the first client came */

    struct listener *listeners[LISTENERS_MAX];
    int listener_count;
    struct tls_context *tls; /* what new connections on tls-port begin with; NULL: there is no such port */
    size_t handshakes;       /* TLS connections that have not proved anything yet */
    int64_t accept_again_ms; /* listeners rest until then; 0: they do not */

    /* From the configuration, where it is needed often. */
    size_t query_max;
    struct output_limit output_limits[CLIENT_CLASSES];
    int64_t idle_seconds_max;
    int64_t stranger_seconds_max; /* for logging in; 0: any time */
    size_t strangers_max;         /* clients that have not logged in */
    size_t clients_max;
    int keepalive_s;
    bool guard_strangers; /* protected mode is on and no password is set */
    int64_t cron_every_ms;
    size_t client_memory_max;      /* maxmemory-clients; 0: none */
    int64_t client_memory_seen_us; /* when it was last looked at */
    bool client_memory_due;        /* somebody has grown much since */

    size_t over_soft; /* sessions over their class's soft limit */
    int64_t cron_at_ms, second_at_ms, second_mono_ns;
    bool was_late; /* the last once-a-second work came more than a second late */
    struct rate commands_rate, in_rate, out_rate, repl_in_rate, repl_out_rate, turns_rate, turn_ticks_rate;
    struct recent input_recent, output_recent; /* what single clients have held of it */
    uint64_t turn_began;                       /* engine_ticks() after the last sleep; 0: there was none */
    struct server_stats stats;
    struct slice misconf[MISCONFS]; /* owned reasons */
    bool busy;                      /* the last turn had sockets to serve */
    bool ready;                     /* everything is loaded */
    bool stopping;
    int64_t drain_until_ms;    /* a shutdown waits for replicas until then; 0: none does */
    bool shutdown_failed;      /* those who asked for one are to be told that there is none */
    unsigned stop_flags;       /* enum shutdown_flag */
    struct log_target *log;    /* NULL: there is no file for a crash report */
    const struct title *title; /* NULL: ps shows the arguments */
    struct oom_score oom_score;
};

/* NULL when something fails; *why says what. Takes the configuration in either case. */
struct server *server_new(const struct server_options *opt, struct buf *why);
void server_free(struct server *s);
/* Opens all listening sockets. */
bool server_listen(struct server *s, struct buf *why);
/* One turn of the loop: waits, reads, runs, writes. */
void server_turn(struct server *s);
/* Until it is asked to stop; then sends what can still be sent. */
void server_run(struct server *s);
/* Ends the program after this turn of the loop, whatever it takes. */
void server_stop(struct server *s, unsigned shutdown_flags);
/* Lets replicas have everything, saves what is to be saved, then stops. False when that failed: the server stays. */
bool server_shutdown(struct server *s, unsigned shutdown_flags);
/* Gives up one that waits for replicas; false: there is none. */
bool server_shutdown_abort(struct server *s);

/* -- for the files of this folder ------------------------------------------------------------------------------ */

/* Makes what the configuration says true, where it can change while running. `changed` has CONFIG_COUNT flags; NULL:
 * all of it. False with a reason and the directive to blame when it can't be done, and then what was is still in force.
 */
bool server_apply(struct server *s, const bool *changed, enum config_id *blamed, struct buf *why);
/* Replaces all TCP listeners. */
bool server_rebind(struct server *s, struct buf *why);
/* Ends a session and its connection, with a line in the log. */
void server_drop(struct server *s, struct session *session, const char *reason);
/* Refuses writes with that text; an empty one: no longer for this reason. */
void server_misconf(struct server *s, enum misconf_by who, struct slice text);
/* From inside a command of `running`: answers others. False: the server is about to stop. */
bool server_serve_busy(struct server *s, struct session *running);
void server_check_clients(struct server *s); /* idle ones and slow readers, once a second */
void server_check_client_memory(struct server *s);
void server_client_grew(struct server *s, struct session *session, struct conn *c); /* perhaps */
void server_cron(struct server *s);
uint64_t rate_per_second(const struct rate *r);
struct engine_host server_host(struct server *s);
struct net_owner server_net_owner(struct server *s);
struct listener_owner server_listener_owner(struct server *s, bool tls);
/* Reads the tls-* directives and their files again; connections that are there go on with what they had. */
bool server_tls_apply(struct server *s, const bool *changed, enum config_id *blamed, struct buf *why);
/* What outgoing connections begin with; NULL with a reason. The caller frees it. */
struct tls_context *server_tls_client(struct server *s, struct buf *why);
bool server_tls_setting(enum config_id id); /* one that names a file: setting it to what it was reads the file again */
void server_tls_check(struct server *s);    /* handshakes that take too long, once a second */

#endif

/* repl/repl.h - replication: this server as a primary that feeds replicas, and as a replica that follows a primary.
 *
 * As a primary. Every batch of effects becomes bytes of the stream, once, on one tape (tape.h): the backlog. A replica
 * is a session whose output is filled from that tape by reference. One that can't go on where it stopped gets a
 * snapshot (spool.h) first; replicas that attach together share it, and each then reads the stream from the position of
 * the snapshot's moment.
 *
 *     REPLCONF… -> WAITS -> snapshot begins -> LOADS -> ($EOF: WAITS_ACK) -> ONLINE
 *                       \-> partial: ONLINE
 *
 * As a replica. A link (link.c) goes through connecting, handshake (handshake.h), transfer and loading to streaming;
 * what it receives is run by a session of its own and put on the tape byte by byte, so that replicas of this one get
 * the very same stream at the same positions, and any of them can go on at any other (PSYNC2).
 *
 * History: `id` names the stream since some moment, `id2` the one that it continues up to `id2_until`. Positions count
 * the bytes of the stream; redis's offset of a byte is its position plus one.
 *
 * Whatever comes from a peer is hostile: lines, lengths and positions are bounded before use.
 * Threads: one owner, the engine's.
 */
#ifndef SORREL_REPL_REPL_H
#define SORREL_REPL_REPL_H

#include "base/disk.h"
#include "engine/engine.h"
#include "net/loop.h"
#include "net/transport.h"

enum { REPL_ID_LEN = 40 };

struct repl;

/* How a dataset that a primary sends is to be taken in. */
enum repl_load_way { REPL_LOAD_FILE, REPL_LOAD_EMPTY_DB, REPL_LOAD_ASIDE };
struct repl_load {
    uint64_t total;    /* announced bytes; 0: not known */
    bool refuse_empty; /* one without keys is not wanted (REPL_LOAD_REFUSED, with a reason) */
    bool refuse_older; /* nor one of which repl_history_is_older() */
};
enum repl_loading {
    REPL_LOAD_MORE,
    REPL_LOAD_WAITS, /* for the disk: there is nothing to do before the next turns */
    REPL_LOAD_DONE,
    REPL_LOAD_FAILED,
    REPL_LOAD_REFUSED
};

/* What replication needs of the server. */
struct repl_host {
    void *ctx;
    struct loop *loop;
    const struct disk *disk;
    /* A snapshot, written as a file to that disk. repl_snapshot_done() is called when it is over. */
    bool (*snapshot_possible)(void *ctx);
    bool (*snapshot_begin)(void *ctx, const struct disk *to, struct buf *why);
    void (*snapshot_cancel)(void *ctx);
    /* Appends a complete one without data, with the libraries of functions or with nothing at all. */
    void (*snapshot_of_functions)(void *ctx, bool functions, struct buf *out);
    /* The bytes of a snapshot come in. Between load_begin() and load_end() load_step() is called in every turn; with
     * `complete` set all bytes have been fed. What the snapshot says about history goes to repl_history_loaded(). */
    bool (*load_begin)(void *ctx, const struct repl_load *how, struct buf *why);
    bool (*load_feed)(void *ctx, struct slice bytes, struct buf *why);
    enum repl_loading (*load_step)(void *ctx, bool complete, struct buf *why);
    void (*load_end)(void *ctx);
    /* An outgoing connection becomes a TLS one if it shall; false: it has been closed. */
    bool (*secure)(void *ctx, int fd, const char *host, struct transport *out, struct buf *why);
    /* What is sent to it may wait a little for more (TCP_NODELAY is off). */
    void (*send_late)(void *ctx, struct session *s);
    /* Appends a value as DUMP returns it. */
    void (*dump)(void *ctx, struct entry *e, struct buf *out);
    /* May be NULL. More of what sessions have written is confirmed (repl_confirmed()), or is not going to be. */
    void (*confirmed)(void *ctx);
    /* Primary or replica, or of another primary: settings and configuration follow. */
    void (*role_changed)(void *ctx);
    /* Position of the stream up to which the log is known to be on the disk; false: there is no log. `now`: waits until
     * that is all of it. */
    bool (*log_synced)(void *ctx, uint64_t *position, bool now);
};

struct repl_settings {
    uint64_t backlog_size;
    int64_t backlog_ttl_s, ping_s, timeout_s, sync_delay_s;
    int64_t sync_delay_max_replicas;
    bool diskless_sync, serve_stale, read_only, announced, refuse_empty;
    bool defer_nodelay; /* repl-disable-tcp-nodelay */
    int64_t min_replicas, min_replicas_lag_s, priority;
    int64_t reply_replicas; /* min-replicas-to-reply */
    uint64_t out_hard, out_soft;
    int64_t out_soft_s;
    uint64_t spill_max;
    int64_t lease_ms, lease_peers, lease_sentinels; /* sentinels 0: they do not count */
    int announce_port, listening_port;
    struct slice announce_ip, auth, user, bind_source; /* the configuration's; valid until it changes */
};

struct repl *repl_new(struct engine *e, const struct repl_host *host);
void repl_free(struct repl *r);
struct repl_settings *repl_settings(struct repl *r);
void repl_settings_changed(struct repl *r);

/* -- the turn -------------------------------------------------------------------------------------------------- */

/* Before waiting for events. Returns in how many milliseconds it wants to be called again. */
int64_t repl_turn(struct repl *r);
/* Time has been read and no input handed over yet: what must be known before (the lease). */
void repl_woke(struct repl *r);
/* After input has been handed over, before output is sent: replicas get what is new. `busy`: this turn had events, so
 * there may be more at once; then a little that is new may wait, for a millisecond at most, to go together with it. */
void repl_flush(struct repl *r, bool busy);
/* Some of a replica's output has been sent; `left` waits. */
void repl_written(struct repl *r, struct session *s, size_t left);
/* Whether replies may go to the session: as many replicas as min-replicas-to-reply wants have all that it has written.
 * If they never will, because we are no primary any more, it is killed. */
bool repl_confirmed(struct repl *r, struct session *s);
/* The session goes away. */
void repl_session_closed(struct repl *r, struct session *s);
void repl_snapshot_done(struct repl *r, bool ok);
/* Everything there is to send has reached the replicas (before a shutdown). */
bool repl_all_caught_up(const struct repl *r);
void repl_ask_acks(struct repl *r);
/* Follows nobody any more and takes nothing in; before the sessions are closed for good. */
void repl_stop(struct repl *r);

/* A new name, as if nobody had ever heard of what is here (DEBUG CHANGE-REPL-ID): whoever asks to go on can't. */
void repl_rename(struct repl *r);

/* -- history --------------------------------------------------------------------------------------------------- */

struct repl_history {
    char id[REPL_ID_LEN + 1];
    int64_t offset; /* -1: not told */
    int64_t db;
    char before[REPL_ID_LEN + 1]; /* the history that it continues, and up to where it is the same; "": none */
    int64_t before_offset;
};
/* What a snapshot that is begun now should say; false: nothing. */
bool repl_history_now(struct repl *r, struct repl_history *out);
/* A snapshot has been loaded that belongs to this place in this history (at the start, or from the primary). */
void repl_history_loaded(struct repl *r, const struct repl_history *h);
/* It says itself that of our history it has less than we have. */
bool repl_history_is_older(const struct repl *r, const struct repl_history *h);
uint64_t repl_position(const struct repl *r);
/* The dataset is gone that it was the history of: nobody can go on from here, nor can we. */
void repl_history_lost(struct repl *r);
/* Which database is selected where the snapshot ends. */
void repl_set_go_on_db(struct repl *r, int db);

/* -- roles ----------------------------------------------------------------------------------------------------- */

bool repl_is_replica(const struct repl *r);
/* Follows that primary; host empty: none. `forced`: somebody asked for it just now, whatever its dataset is. */
void repl_follow(struct repl *r, struct slice host, int port, bool forced);
/* The primary's address; false: there is none. */
bool repl_primary_address(const struct repl *r, struct slice *host, int *port);

/* -- what INFO says -------------------------------------------------------------------------------------------- */

/* What changes while this is on is no news to replicas: they have had it (DEBUG LOADAOF). */
void repl_mute(struct repl *r, bool on);
void repl_info(struct repl *r, struct buf *out);
struct repl_stats {
    uint64_t full, partial_ok, partial_err, bytes_in, bytes_out;
    size_t replicas, backlog_memory, buffer_memory;
};
struct repl_stats repl_stats(const struct repl *r);
void repl_stats_reset(struct repl *r);

extern const struct cmd repl_family[];

#endif

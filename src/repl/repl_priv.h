/* repl/repl_priv.h - what the files of src/repl know of one another. */
#ifndef SORREL_REPL_REPL_PRIV_H
#define SORREL_REPL_REPL_PRIV_H

#include "base/lookup.h"
#include "base/mem.h"
#include "engine/effects.h"
#include "engine/exec.h"
#include "engine/session.h"
#include "repl/repl.h"
#include "repl/spool.h"
#include "repl/tape.h"

enum replica_state {
    REPLICA_SHAKES,       /* has said REPLCONF, no more */
    REPLICA_WAITS,        /* for a snapshot to begin */
    REPLICA_WAITS_LENGTH, /* for it to be complete: this one must be told its length first */
    REPLICA_LOADS,        /* is being sent the snapshot */
    REPLICA_WAITS_ACK,    /* has been sent all of it; what followed at once would be taken for part of it */
    REPLICA_ONLINE,
    REPLICA_SERVED, /* wanted a snapshot and nothing else */
};

enum replica_capa { CAPA_EOF = 1 << 0, CAPA_PSYNC2 = 1 << 1 };
enum { EOF_MARK_LEN = 40, HOST_MAX = 255 };

/* Hangs on its session (session_part()). */
struct replica {
    struct session *session;
    struct replica *prev, *next;
    enum replica_state state;
    unsigned capa;
    bool rdb_only, old_sync;
    bool no_data, no_functions; /* what its snapshot is to be without */
    int port;                   /* listening-port; 0: not told */
    char ip[HOST_MAX + 1];      /* ip-address; "": its own */
    uint64_t at;                /* of the stream: what comes next */
    uint64_t snapshot_at;       /* of the snapshot */
    uint64_t acked, log_acked;  /* positions */
    int64_t acked_ms;           /* when that was heard; 0: never */
    int64_t moved_ms;           /* when its snapshot last got ahead */
    int64_t over_soft_ms;       /* since when too much waits for it; 0: it does not */
    int64_t lease_ms;           /* a question sent then has been answered */
    bool settled;               /* has caught up since its synchronization */
    bool spill_told;
};

/* As others are told: that it still loads what it has been sent is between the two. */
static inline bool
replica_is_online(const struct replica *p)
{
    return p->state == REPLICA_ONLINE || p->state == REPLICA_WAITS_ACK;
}

/* The snapshot that is on its way. */
struct full_sync {
    struct spool *spool;
    uint64_t at; /* of the stream, at its moment */
    char mark[EOF_MARK_LEN];
    bool writing; /* more comes */
    bool ok;
};

enum failover_state { FAILOVER_NONE, FAILOVER_WAITS, FAILOVER_HANDS_OVER };
struct failover {
    enum failover_state state;
    bool force;
    bool refused;            /* the target has said that it does not take over */
    int64_t deadline_ms;     /* 0: none */
    char host[HOST_MAX + 1]; /* "": whoever has caught up first */
    int64_t port;
};

struct link;
struct migration;

/* A question that is out: whoever answers with that position at least has been alive when it was sent. */
enum { PROBES_MAX = 8 };
struct probe {
    uint64_t at;
    int64_t sent_ms;
};

/* A Sentinel's connection. */
enum { WITNESSES_MAX = 32 };
struct witness {
    session_id id;
    uint64_t commands; /* it had run when we looked last */
    int64_t heard_ms;  /* it has said something after that; 0: never */
    bool stale;        /* there may be input left from before a standstill */
};

struct repl {
    struct engine *engine;
    struct repl_host host;
    struct repl_settings set;
    struct lookup_limit *lookups; /* of names of primaries and of MIGRATE's targets */
    char id[REPL_ID_LEN + 1], id2[REPL_ID_LEN + 1];
    int64_t id2_until; /* redis's second_repl_offset: the first offset that does not belong to it; -1: none */
    struct tape log;
    bool active;    /* the tape is being written: there is a backlog */
    bool listening; /* to the engine's effects */
    bool muted;     /* not now: repl_mute() */
    int stream_db;  /* selected in the stream; -1: not known to those who read it */
    struct replica *first;
    size_t count; /* of replicas beyond the handshake */
    struct full_sync *sync;
    int64_t waits_since_ms; /* a replica waits for a snapshot since; 0: none */
    int64_t alone_since_ms; /* the last replica has gone; 0: there is one, or never was */
    int64_t ping_ms, cron_ms;
    size_t uncounted;              /* what the engine has been told not to count */
    bool ask_acks;                 /* somebody waits for acknowledgements: ask at the end of the turn */
    int64_t gathers_ms;            /* since when something waits to be sent together with more; 0: nothing does */
    uint64_t asked_from, asked_to; /* where the last question is in the stream */
    session_id *waiting;           /* sessions in WAIT */
    size_t waiting_count, waiting_cap;
    bool acks_moved;    /* look at them */
    uint64_t confirmed; /* position that as many replicas as min-replicas-to-reply have */
    struct failover failover;
    struct probe probes[PROBES_MAX];
    unsigned probe_at;
    int64_t probe_ms;
    struct witness witnesses[WITNESSES_MAX];
    unsigned witness_count;
    int64_t witnesses_ms;            /* when to look for new ones */
    int64_t woke_ms, woke_before_ms; /* the last two turns' input was asked for */
    bool lease_lost;
    struct repl_stats stats;

    struct migration *migrations; /* MIGRATE in the making */
    bool migrations_over;         /* one of them is */

    struct link *link;   /* NULL: we are a primary */
    uint64_t changed_to; /* what follows in our primary's stream was pings and the like */
    int go_on_db;        /* selected at our place in the stream, for the next link */
};

/* Milliseconds that never go back. */
int64_t repl__now(const struct repl *r);
/* Our own stream ends here: which database is selected at its end. */
void repl__note_db(struct repl *r);
static inline struct repl *
repl__of(const struct exec *x)
{
    return engine_part_of(x->engine, PART_REPL);
}
void repl__new_id(char id[REPL_ID_LEN + 1]);

/* -- stream.c -- */
/* The tape is written from now on, at the position where it is. */
void repl__activate(struct repl *r);
void repl__deactivate(struct repl *r);
/* Heeds the engine's effects, or no longer. */
void repl__listen(struct repl *r);
void repl__put(struct repl *r, const struct slice *argv, int argc);
void repl__trim(struct repl *r);

/* -- primary.c -- */
struct replica *repl__replica(struct session *s, bool create);
/* PSYNC's decision: goes on in the stream (true, replied), or waits for a snapshot. */
enum rc repl__attach(struct exec *x, struct replica *p, bool can_continue, uint64_t at);
void repl__drop(struct repl *r, struct replica *p, const char *why);
void repl__drop_all(struct repl *r, const char *why);
void repl__acked(struct repl *r, struct replica *p, uint64_t at, uint64_t in_log);
size_t repl__good_replicas(const struct repl *r);
size_t repl__online_replicas(const struct repl *r);
size_t repl__count_acked(const struct repl *r, uint64_t at, bool in_log);
void repl__conditions(struct repl *r);
void repl__replica_address(const struct replica *p, char out[HOST_MAX + 1], int *port);

/* -- transfer.c -- */
int64_t repl__sync_turn(struct repl *r);
/* For one that wants no data. */
void repl__sync_without_data(struct repl *r, struct replica *p);
/* Queues some of the snapshot. */
void repl__sync_feed(struct repl *r, struct replica *p);
/* One that waits or loads has gone. */
void repl__sync_left(struct repl *r);
void repl__sync_end(struct repl *r);

/* -- wait.c -- */
void repl__wait_check(struct repl *r);
void repl__wait_forget(struct repl *r, session_id id);

/* -- confirm.c -- */
/* The session has changed something: its replies are kept back if that is what min-replicas-to-reply is about. NULL: it
 * was nobody's doing. */
void repl__confirm_later(struct repl *r, struct session *s);
/* Acknowledgements have moved, or who counts has changed. */
void repl__confirm(struct repl *r);
/* Whoever waits for that is looked at again. */
void repl__confirm_anew(struct repl *r);

/* -- migrate.c -- */
void repl__migrate_turn(struct repl *r);
void repl__migrate_forget(struct repl *r, session_id id);

/* -- lease.c -- */
void repl__lease_ask(struct repl *r);
void repl__lease_woke(struct repl *r);
void repl__lease_check(struct repl *r);

/* -- apply.c: running the stream of a primary -- */
struct apply;
struct apply *apply__new(struct repl *r, int db, struct slice addr);
void apply__free(struct apply *a);
/* Runs the complete commands at the start of `in`, puts what is done on the tape, and takes it out of `in`. False when
 * it makes no sense: a reason has been given. */
bool apply__input(struct apply *a, struct buf *in, struct buf *why);
bool apply__ack_wanted(struct apply *a); /* since the last time */
bool apply__killed(const struct apply *a);
int apply__db(const struct apply *a);
uint64_t apply__read(const struct apply *a); /* bytes run that are not on the tape: an unfinished transaction */

/* -- failover.c -- */
void repl__failover_turn(struct repl *r);
void repl__failover_end(struct repl *r, const char *why); /* NULL: it is complete */
const char *repl__failover_name(const struct repl *r);
enum rc repl__cmd_failover(struct exec *x);

/* -- link.c -- */
struct link *link__new(struct repl *r, struct slice host, int port, bool forced);
void link__free(struct link *l);
/* In how many ms it wants to be called again. */
int64_t link__turn(struct link *l);
void link__flush(struct link *l);
void link__settings_changed(struct link *l);
bool link__is_up(const struct link *l);
struct slice link__host(const struct link *l);
int link__port(const struct link *l);
const char *link__state_name(const struct link *l); /* as ROLE says */
void link__info(const struct link *l, struct buf *out);
int link__db(const struct link *l);
void link__force(struct link *l);           /* whatever dataset the primary has is wanted; tries at once */
void link__failover(struct link *l);        /* PSYNC … FAILOVER, until it has been answered */
bool link__has_asked(const struct link *l); /* has sent that: who was asked may have taken over, whatever it answers */

#endif

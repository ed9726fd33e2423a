/* sorrel/client.h - a server as threads use it: any URL, connections pooled, failures ridden out.
 *
 * A client stands for one server, for the master or the replicas of a Sentinel service, or for a cluster. It connects
 * when it is first used, pools its connections, and tries again, with growing and jittered pauses, as long as its
 * options say. Everything else in libsorrel (locks, queues, caches ...) is given a client and works with all three.
 *
 * What is tried again. A command that was not executed for sure: no connection could be made, or the server said
 * READONLY, LOADING, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, MOVED or ASK. A connection that breaks while the reply is
 * waited for leaves it open whether the command was executed; then only commands called with SORREL_REPEAT or
 * SORREL_READ are sent again, and others fail with SORREL_ERR_IO, _CLOSED or _TIMEOUT.
 *
 * Commands that leave something behind on a connection (MULTI, WATCH, SELECT, SUBSCRIBE and their kin) are refused with
 * SORREL_ERR_USAGE: sorrel_client_take() is for these, sorrel/batch.h for transactions, sorrel/pubsub.h for messages.
 * In a cluster a command without a key goes to any node: KEYS, SCAN or FLUSHALL there speak of one node, and not always
 * of the same.
 *
 * Threads: every function is thread-safe, except sorrel_client_free(), which must be the last one called. After a
 * fork() the child may go on using a client that no other thread was in at that moment: it gets connections of its own.
 * Objects with a thread (subscriptions, leaders, locks that renew themselves, write-behind caches, what listens for a
 * Sentinel's switch) stay the parent's; the child makes its own.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_CLIENT_H
#define SORREL_CLIENT_H

#include "sorrel/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_client;

/* All-zero is a good choice. */
struct sorrel_client_options {
    struct sorrel_pool_options pool; /* of one server; a pool's own retries are usually left at 0 here */
    int retry_ms;                    /* how long to try again; 0: 2 s, with Sentinels or a cluster 30 s; -1: never */
    int retry_pause_ms;              /* the first pause; 0: 20 ms */
    int retry_pause_max_ms;          /* 0: 500 ms */
    bool replica;                    /* Sentinel URLs: a replica, or the master when there is none */
    bool cluster;                    /* the URL names one node of a cluster */
    bool replica_reads;              /* clusters: SORREL_READ commands go to replicas */
    const char *sentinel_username;   /* for the Sentinels themselves, before what the URL says. Copied */
    const char *sentinel_password;
    uint64_t reserved[4];
};

enum sorrel_call_flags {
    SORREL_REPEAT = 1, /* executing it twice does no harm (SET, DEL, HSET, but not INCR or LPUSH) */
    SORREL_READ = 2,   /* it only reads: may be repeated, and may go to a replica */
};

/* Makes a client; u and o are copied. u NULL: 127.0.0.1:6379; o NULL: all defaults. Connects to nothing yet, except
 * that a client of a Sentinel service starts a thread that listens for +switch-master (and sends the Sentinels
 * SUBSCRIBE, SENTINEL GET-MASTER-ADDR-BY-NAME and PING). Where u has no connect time-out, connecting and logging in may
 * each take 10 s, with Sentinels or a cluster 2 s. It has no time-out for replies unless u says one; a node that a
 * cluster has given up is left all the same as soon as the map says so. */
SORREL_API struct sorrel_client *sorrel_client_new(const struct sorrel_url *u, const struct sorrel_client_options *o);
/* sorrel_url_parse() and sorrel_client_new() in one. NULL, err saying why, for a malformed URL. */
SORREL_API struct sorrel_client *sorrel_client_open(const char *url, const struct sorrel_client_options *o,
                                                    struct sorrel_error *err);
/* Closes all connections. None may be taken, and no object built on the client may be left. NULL is fine. */
SORREL_API void sorrel_client_free(struct sorrel_client *cl);

/* Sends one command of argc arguments (lens NULL: C strings) and waits for its reply. flags is a sum of enum
 * sorrel_call_flags. *out is the caller's, to be freed by sorrel_reply_free(); out NULL: nobody wants it. An error
 * reply is SORREL_ERR_SERVER, err holding its line; *out is untouched on every failure. */
SORREL_API enum sorrel_rc sorrel_client_call(struct sorrel_client *cl, unsigned flags, int argc,
                                             const char *const *argv, const size_t *lens, struct sorrel_reply **out,
                                             struct sorrel_error *err);
/* The same with the C strings that follow, up to a NULL. NULL on failure, else a reply that the caller frees. */
SORREL_API struct sorrel_reply *sorrel_client_do(struct sorrel_client *cl, unsigned flags, struct sorrel_error *err,
                                                 ...) __attribute__((sentinel));

/* Takes a connection of one's own, for what a single call cannot do (WATCH, blocking for long). With a cluster, key
 * chooses the node and must be given; otherwise it may be NULL. Tries again as options say, then fails as
 * sorrel_pool_take(). The caller gives it back, in the state it came in. Sends what sorrel_conn_open() sends, for a new
 * one; with Sentinels ROLE, with .replica_reads READONLY, and CLUSTER SLOTS when a cluster's map may be old. */
SORREL_API enum sorrel_rc sorrel_client_take(struct sorrel_client *cl, const char *key, struct sorrel_conn **out,
                                             struct sorrel_error *err);
/* Gives it back; NULL is fine. One that is broken or has replies outstanding is closed. Sends nothing. */
SORREL_API void sorrel_client_give(struct sorrel_client *cl, struct sorrel_conn *c);
/* Closes it instead: one whose state cannot be put back. */
SORREL_API void sorrel_client_discard(struct sorrel_client *cl, struct sorrel_conn *c);

/* The pools' figures, summed. */
SORREL_API void sorrel_client_stats(struct sorrel_client *cl, struct sorrel_pool_stats *out);

#ifdef __cplusplus
}
#endif

#endif

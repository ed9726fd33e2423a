/* bench/load.h - driving load against a server and measuring what comes back.
 *
 * Each thread has an epoll loop and a share of the connections. A connection sends a pipeline in one write and waits
 * for its replies; nothing is allocated while the load runs. Without a rate, the next pipeline follows at once. With
 * one, pipelines have times at which they ought to be sent, and latency counts from those, so that a server that stalls
 * is charged for everything that had to wait (no coordinated omission).
 */
#ifndef SORREL_BENCH_LOAD_H
#define SORREL_BENCH_LOAD_H

#include "base/buf.h"
#include "bench/histogram.h"
#include "bench/nodes.h"
#include "bench/timeline.h"
#include "sorrel/url.h"

enum key_pick { KEYS_UNIFORM, KEYS_ZIPF, KEYS_SEQUENTIAL, KEYS_HOT /* a tenth of the keys gets nine tenths */ };

/* A command as the bytes that are sent. Numbers are written over 12 digits at each of `at`; in a cluster one of the
 * node's tags over TAG_DIGITS digits at each of `tag_at`, the same at all of them. */
struct load_command {
    struct buf bytes;
    uint32_t *at, *tag_at;
    uint32_t at_count, tag_count;
    uint64_t weight; /* its share among all commands */
};

struct load {
    const struct sorrel_url *url;
    const struct load_nodes *nodes; /* of a cluster, each with its share of the connections; else NULL */
    struct load_command *commands;
    uint32_t command_count;
    int connections, threads, pipeline;
    uint64_t requests; /* 0: until `seconds` are over */
    double seconds, warmup_seconds;
    double rate;        /* requests a second over all connections; 0: as fast as they come back */
    bool reconnect;     /* a new connection for each pipeline */
    uint64_t key_count; /* 0: numbers stay as they are */
    enum key_pick pick;
    double zipf_exponent;
    uint64_t seed;
    bool tracking;  /* connections ask for invalidation messages */
    bool over_time; /* keep a timeline */
};

struct load_result {
    struct histogram latency; /* nanoseconds */
    struct timeline timeline; /* empty unless asked for */
    uint64_t requests, errors;
    double seconds;
    double cpu_seconds; /* that the load itself used */
    char error[256];    /* the first error reply, or why it ended early */
    bool failed;        /* no connection, or one broke */
};

/* Runs to the end. False if it could not; r->error says why. The caller calls load_result_fini() either way. */
bool load_run(const struct load *l, struct load_result *r);
void load_result_fini(struct load_result *r);

#endif

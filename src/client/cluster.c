/* client/cluster.c - the map of a cluster: 16,384 slots, each the index of a node; each node a pool.
 *
 * The map comes from CLUSTER SLOTS, whoever answers first. It is asked for again after a MOVED or an unreachable node,
 * but not more often than REFRESH_PAUSE_MS: in a resharding every slot says MOVED once, and each such answer is taken
 * in by itself.
 */
#include "client/cluster_priv.h"

#include "base/mem.h"
#include "base/number.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "client/pool_priv.h"

#include <pthread.h>

enum { NODES_MAX = 1000, REFRESH_PAUSE_MS = 100, NO_NODE = UINT16_MAX };

struct node {
    struct cluster *cluster;
    char *host;
    uint16_t port;
    int master;  /* index of the master it follows; -1: none, as far as the map says */
    bool listed; /* in the last map */
    struct sorrel_url url;
    struct sorrel_pool *pool;
};

struct cluster {
    const struct sorrel_url *url;
    struct sorrel_pool_options opt;
    bool replica_reads;
    pthread_mutex_t lock;
    struct node *nodes[NODES_MAX];
    int node_count;
    uint16_t slots[CLUSTER_SLOTS];
    bool stale;
    int64_t asked_ms;
    unsigned turn;
};

struct cluster *
cluster__new(const struct sorrel_url *u, const struct sorrel_pool_options *o, bool replica_reads)
{
    struct cluster *c = mem_get_zero(sizeof(*c));

    c->url = u;
    c->opt = *o;
    c->replica_reads = replica_reads;
    c->stale = true;
    c->asked_ms = command__now_ms() - REFRESH_PAUSE_MS;
    memset(c->slots, 0xff, sizeof(c->slots));
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void
cluster__free(struct cluster *c)
{
    if (c == NULL)
        return;
    for (int i = 0; i < c->node_count; i++) {
        sorrel_pool_free(c->nodes[i]->pool);
        mem_free(c->nodes[i]->host);
        mem_free(c->nodes[i]);
    }
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

/* How long one question may take that belongs to the opening of a connection, or to finding the way: a node that hangs
 * must not keep everybody from asking another. */
static int
introduction_ms(const struct sorrel_url *u)
{
    if (u->socket_timeout_ms > 0 && u->socket_timeout_ms < u->connect_timeout_ms)
        return u->socket_timeout_ms;
    return u->connect_timeout_ms;
}

/* A node serves reads of its master's slots only to connections that have said READONLY. */
static enum sorrel_rc
open_node(void *ctx, struct sorrel_conn **out, struct sorrel_error *err)
{
    struct node *n = ctx;
    struct sorrel_conn *c = NULL;
    enum sorrel_rc rc = sorrel_conn_open(&n->url, &c, err);

    if (rc != SORREL_OK)
        return rc;
    if (n->cluster->replica_reads) {
        sorrel_conn_set_timeout(c, introduction_ms(&n->url));
        if (sorrel_conn_do(c, err, "READONLY", NULL) == NULL) {
            sorrel_conn_close(c);
            return SORREL_ERR_CONNECT;
        }
        sorrel_conn_set_timeout(c, n->url.socket_timeout_ms);
    }
    *out = c;
    return SORREL_OK;
}

static int
node_at_locked(struct cluster *c, struct slice host, uint16_t port)
{
    for (int i = 0; i < c->node_count; i++)
        if (c->nodes[i]->port == port && slice_eq(slice_cstr(c->nodes[i]->host), host))
            return i;
    if (c->node_count == NODES_MAX)
        return -1;
    struct node *n = mem_get_zero(sizeof(*n));
    n->cluster = c;
    n->host = command__dup(host.ptr, host.len);
    n->port = port;
    n->master = -1;
    n->url = *c->url;
    n->url.transport = SORREL_TCP;
    n->url.host = n->host;
    n->url.port = port;
    n->url.db = 0;
    n->pool = sorrel_pool_new(&n->url, &c->opt);
    pool__opener(n->pool, (struct pool_opener){open_node, n});
    c->nodes[c->node_count] = n;
    return c->node_count++;
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

/* One node of CLUSTER SLOTS: host, port, ... A host that the node does not know itself is the one we asked. */
static int
read_node_locked(struct cluster *c, const struct sorrel_reply *r, const char *asked)
{
    size_t len = 0;
    int64_t port;
    const char *host = sorrel_reply_text(sorrel_reply_at(r, 0), &len);

    if (host == NULL || len == 0 || (len == 1 && host[0] == '?')) {
        host = asked;
        len = strlen(asked);
    }
    if (!sorrel_reply_int(sorrel_reply_at(r, 1), &port) || port < 1 || port > 65535)
        return -1;
    int node = node_at_locked(c, slice_of(host, len), (uint16_t)port);
    if (node >= 0)
        c->nodes[node]->listed = true;
    return node;
}

static bool
read_map(struct cluster *c, const struct sorrel_reply *r, const char *asked)
{
    size_t n = sorrel_reply_count(r);
    bool was_listed[NODES_MAX] = {false};

    if (sorrel_reply_type(r) != SORREL_ARRAY || n == 0)
        return false;
    pthread_mutex_lock(&c->lock);
    memset(c->slots, 0xff, sizeof(c->slots));
    for (int i = 0; i < c->node_count; i++) {
        c->nodes[i]->master = -1;
        was_listed[i] = c->nodes[i]->listed;
        c->nodes[i]->listed = false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct sorrel_reply *range = sorrel_reply_at(r, i);
        int64_t from, to;
        if (!sorrel_reply_int(sorrel_reply_at(range, 0), &from) || !sorrel_reply_int(sorrel_reply_at(range, 1), &to))
            continue;
        int master = read_node_locked(c, sorrel_reply_at(range, 2), asked);
        if (master < 0 || from < 0 || to >= CLUSTER_SLOTS)
            continue;
        for (int64_t slot = from; slot <= to; slot++)
            c->slots[slot] = (uint16_t)master;
        for (size_t k = 3; k < sorrel_reply_count(range); k++) {
            int replica = read_node_locked(c, sorrel_reply_at(range, k), asked);
            if (replica >= 0)
                c->nodes[replica]->master = master;
        }
    }
    c->stale = false;
    /* Who waits for a node that the others have given up would wait for ever. */
    for (int i = 0; i < NODES_MAX; i++)
        if (was_listed[i] && !c->nodes[i]->listed)
            pool__renew(c->nodes[i]->pool, true);
    pthread_mutex_unlock(&c->lock);
    return true;
}

static enum sorrel_rc
ask_conn(struct cluster *c, struct sorrel_conn *conn, const char *host, struct sorrel_error *err)
{
    sorrel_conn_set_timeout(conn, introduction_ms(c->url));
    const struct sorrel_reply *r = sorrel_conn_do(conn, err, "CLUSTER", "SLOTS", NULL);
    if (r == NULL)
        return SORREL_ERR_CONNECT;
    sorrel_conn_set_timeout(conn, c->url->socket_timeout_ms);
    if (sorrel_reply_type(r) == SORREL_ERROR)
        return error__reply(err, SORREL_ERR_USAGE, r);
    if (!read_map(c, r, host))
        return error__set(err, SORREL_ERR_CONNECT, 0, "the cluster has no slots assigned");
    return SORREL_OK;
}

/* Asks the nodes known, beginning with another one each time, then the one that the URL names. */
static enum sorrel_rc
refresh(struct cluster *c, struct sorrel_error *err)
{
    struct sorrel_conn *conn = NULL;
    enum sorrel_rc rc;

    pthread_mutex_lock(&c->lock);
    c->asked_ms = command__now_ms();
    int count = c->node_count;
    unsigned turn = c->turn++;
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < count; i++) {
        pthread_mutex_lock(&c->lock);
        struct node *n = c->nodes[(turn + (unsigned)i) % (unsigned)count];
        pthread_mutex_unlock(&c->lock);
        if (sorrel_pool_take(n->pool, &conn, err) != SORREL_OK)
            continue;
        rc = ask_conn(c, conn, n->host, err);
        sorrel_pool_give(n->pool, conn);
        if (rc == SORREL_OK)
            return rc;
    }
    struct sorrel_url seed = *c->url;
    seed.db = 0;
    conn = NULL;
    rc = sorrel_conn_open(&seed, &conn, err);
    if (rc == SORREL_OK)
        rc = ask_conn(c, conn, c->url->host != NULL ? c->url->host : "127.0.0.1", err);
    sorrel_conn_close(conn);
    return rc;
}

static int
replica_of_locked(struct cluster *c, int master)
{
    int found = 0;

    for (int i = 0; i < c->node_count; i++)
        found += c->nodes[i]->master == master;
    if (found == 0)
        return master;
    int pick = (int)(c->turn++ % (unsigned)found);
    for (int i = 0; i < c->node_count; i++)
        if (c->nodes[i]->master == master && pick-- == 0)
            return i;
    return master;
}

enum sorrel_rc
cluster__pool(struct cluster *c, int slot, bool read, struct sorrel_pool **out, struct sorrel_error *err)
{
    enum sorrel_rc rc = SORREL_OK;

    pthread_mutex_lock(&c->lock);
    bool old = c->stale && command__now_ms() - c->asked_ms >= REFRESH_PAUSE_MS;
    bool empty = c->node_count == 0;
    pthread_mutex_unlock(&c->lock);
    if (old || empty)
        rc = refresh(c, err);
    if (rc != SORREL_OK && empty)
        return rc;
    pthread_mutex_lock(&c->lock);
    int node =
        slot == SLOT_ANY ? (c->node_count > 0 ? c->slots[c->turn++ * 97 % CLUSTER_SLOTS] : NO_NODE) : c->slots[slot];
    if (node != NO_NODE && read && c->replica_reads)
        node = replica_of_locked(c, node);
    struct sorrel_pool *pool = node == NO_NODE ? NULL : c->nodes[node]->pool;
    if (pool == NULL)
        c->stale = true;
    pthread_mutex_unlock(&c->lock);
    if (pool == NULL)
        return error__set(err, SORREL_ERR_CONNECT, 0, "no node of the cluster has slot %d", slot);
    *out = pool;
    return SORREL_OK;
}

struct sorrel_pool *
cluster__redirect(struct cluster *c, const struct sorrel_pool *from, struct slice line)
{
    bool moved = slice_starts(line, LIT("MOVED "));
    struct sorrel_pool *pool = NULL;
    uint64_t slot, port;

    if (!moved && !slice_starts(line, LIT("ASK ")))
        return NULL;
    line = slice_skip(line, moved ? 6 : 4);
    const char *space = line.len > 0 ? memchr(line.ptr, ' ', line.len) : NULL;
    const char *colon = line.len > 0 ? memrchr(line.ptr, ':', line.len) : NULL;
    if (space == NULL || colon == NULL || colon < space)
        return NULL;
    struct slice host = slice_of(space + 1, (size_t)(colon - space - 1));
    if (!parse_uint64(slice_of(line.ptr, (size_t)(space - line.ptr)), &slot) || slot >= CLUSTER_SLOTS ||
        !parse_uint64(slice_skip(line, (size_t)(colon - line.ptr) + 1), &port) || port < 1 || port > 65535)
        return NULL;
    pthread_mutex_lock(&c->lock);
    for (int i = 0; host.len == 0 && i < c->node_count; i++)
        if (c->nodes[i]->pool == from)
            host = slice_cstr(c->nodes[i]->host);
    int node = node_at_locked(c, host, (uint16_t)port);
    if (node >= 0) {
        pool = c->nodes[node]->pool;
        if (moved) {
            c->slots[slot] = (uint16_t)node;
            c->stale = true;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return pool;
}

void
cluster__suspect(struct cluster *c)
{
    pthread_mutex_lock(&c->lock);
    c->stale = true;
    pthread_mutex_unlock(&c->lock);
}

void
cluster__stats(struct cluster *c, struct sorrel_pool_stats *out)
{
    struct sorrel_pool_stats one;

    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < c->node_count; i++) {
        sorrel_pool_stats(c->nodes[i]->pool, &one);
        out->open += one.open;
        out->idle += one.idle;
        out->taken += one.taken;
        out->waiting += one.waiting;
        out->opened += one.opened;
        out->reused += one.reused;
        out->dropped += one.dropped;
    }
    pthread_mutex_unlock(&c->lock);
}

void
cluster__give(struct cluster *c, struct sorrel_conn *conn, bool discard)
{
    struct sorrel_pool *pool = NULL;

    pthread_mutex_lock(&c->lock);
    for (int i = 0; conn != NULL && pool == NULL && i < c->node_count; i++)
        if (pool__has_taken(c->nodes[i]->pool, conn))
            pool = c->nodes[i]->pool;
    pthread_mutex_unlock(&c->lock);
    if (pool != NULL && discard)
        sorrel_pool_discard(pool, conn);
    else if (pool != NULL)
        sorrel_pool_give(pool, conn);
}

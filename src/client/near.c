/* client/near.c - sorrel/near.h: a hash table of replies, chained by key, and a tracked connection to each server that
 * was asked (one, but for clusters), under one lock.
 *
 * Entries are found by their key's hash, so that an invalidation finds all commands on a key in one chain. Reports are
 * taken in by the connection's push handler, before every look-up and while replies are waited for.
 *
 * In a cluster an entry counts only as long as the server that reports on it has the key's slot. A slot that moves
 * takes its keys along, which is reported; of a key that was missing nothing is. So the map is asked for every second
 * of use.
 */
#include "sorrel/near.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "client/client_priv.h"
#include "client/command_priv.h"
#include "client/error_priv.h"

#include <pthread.h>
#include <stdarg.h>

enum { ENTRIES_MAX = 10000, SILENCE_MAX_MS = 1000 };

/* A server that was asked. */
struct link {
    struct link *next;
    struct sorrel_near *near;
    struct sorrel_pool *pool; /* the client's, and the link's identity */
    struct sorrel_conn *conn; /* NULL: not connected */
    int64_t heard_ms;         /* when the server was last heard of */
};

struct entry {
    struct entry *next;
    uint64_t hash; /* of the key */
    const struct link *link;
    struct slice key, command;
    struct sorrel_reply *reply;
};

struct sorrel_near {
    struct sorrel_client *client;
    pthread_mutex_t lock;
    struct link *links;
    int64_t map_ms;       /* when the cluster's map was last asked for */
    struct entry **slots; /* a power of two, not fewer than max */
    size_t mask, max;
    struct hash_seed seed;
    struct rng rng;
    struct sorrel_near_stats stats;
    int64_t failed_ns; /* when the last answer was that a server cannot be reached, and ... */
    int failed_slot;
    struct sorrel_error why;
};

struct sorrel_near *
sorrel_near_new(struct sorrel_client *cl, size_t max_entries)
{
    struct sorrel_near *n = mem_get_zero(sizeof(*n));
    size_t slots = 16;

    n->client = cl;
    n->max = max_entries > 0 ? max_entries : ENTRIES_MAX;
    while (slots < n->max && slots < (size_t)1 << 30)
        slots *= 2;
    n->mask = slots - 1;
    n->slots = mem_get_zero(slots * sizeof(struct entry *));
    CHECK(rng_system_bytes(&n->seed, sizeof(n->seed)));
    rng_seed(&n->rng, (uint64_t)command__now_ns());
    pthread_mutex_init(&n->lock, NULL);
    return n;
}

static void
remove_at(struct sorrel_near *n, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    sorrel_reply_free(e->reply);
    mem_free(e);
    n->stats.entries--;
}

/* Forgets all that one server would report on. */
static void
flush_locked(struct sorrel_near *n, const struct link *l)
{
    for (size_t i = 0; n->stats.entries > 0 && i <= n->mask; i++)
        for (struct entry **at = &n->slots[i]; *at != NULL;) {
            if ((*at)->link == l)
                remove_at(n, at);
            else
                at = &(*at)->next;
        }
    n->stats.flushes++;
}

static void
disconnect_locked(struct link *l)
{
    flush_locked(l->near, l);
    if (l->conn == NULL)
        return;
    sorrel_pool_discard(l->pool, l->conn); /* nobody else could use a tracked one */
    l->conn = NULL;
}

void
sorrel_near_free(struct sorrel_near *n)
{
    if (n == NULL)
        return;
    while (n->links != NULL) {
        struct link *l = n->links;
        n->links = l->next;
        disconnect_locked(l);
        mem_free(l);
    }
    pthread_mutex_destroy(&n->lock);
    mem_free(n->slots);
    mem_free(n);
}

static uint64_t
hash_of(const struct sorrel_near *n, struct slice key)
{
    return siphash(n->seed, key);
}

static void
forget_locked(struct sorrel_near *n, struct slice key)
{
    uint64_t hash = hash_of(n, key);

    for (struct entry **at = &n->slots[hash & n->mask]; *at != NULL;) {
        if ((*at)->hash == hash && slice_eq((*at)->key, key))
            remove_at(n, at);
        else
            at = &(*at)->next;
    }
    n->stats.invalidations++;
}

/* ["invalidate", [key ...]], or nil for all of them. */
static void
take_push(void *ctx, const struct sorrel_reply *push)
{
    struct link *l = ctx;
    const struct sorrel_reply *keys = sorrel_reply_at(push, 1);

    if (!sorrel_reply_is(sorrel_reply_at(push, 0), "invalidate"))
        return;
    if (sorrel_reply_type(keys) == SORREL_NIL)
        flush_locked(l->near, l);
    for (size_t i = 0; i < sorrel_reply_count(keys); i++) {
        size_t len = 0;
        const char *key = sorrel_reply_text(sorrel_reply_at(keys, i), &len);
        if (key != NULL)
            forget_locked(l->near, slice_of(key, len));
    }
}

/* ---- the connections --------------------------------------------------------------------------------------------- */

/* The server that has the slot now. */
static enum sorrel_rc
find_link_locked(struct sorrel_near *n, int slot, struct link **out, struct sorrel_error *err)
{
    struct sorrel_pool *pool = NULL;

    if (client__is_cluster(n->client) && command__now_ms() - n->map_ms > SILENCE_MAX_MS) {
        cluster__suspect(client__cluster(n->client));
        n->map_ms = command__now_ms();
    }
    enum sorrel_rc rc = client__pool(n->client, slot, false, &pool, err);
    if (rc != SORREL_OK)
        return rc;
    struct link *l = n->links;
    while (l != NULL && l->pool != pool)
        l = l->next;
    if (l == NULL) {
        l = mem_get(sizeof(*l));
        *l = (struct link){.next = n->links, .near = n, .pool = pool};
        n->links = l;
    }
    *out = l;
    return SORREL_OK;
}

static enum sorrel_rc
connect_locked(struct link *l, struct sorrel_error *err)
{
    struct sorrel_conn *c = NULL;
    const struct sorrel_url *u = client__url(l->near->client);
    enum sorrel_rc rc = sorrel_pool_take(l->pool, &c, err);

    if (rc != SORREL_OK)
        return rc;
    if (u->connect_timeout_ms > 0)
        sorrel_conn_set_timeout(c, u->connect_timeout_ms);
    const struct sorrel_reply *r = sorrel_conn_do(c, err, "HELLO", "3", NULL);
    if (r != NULL && sorrel_reply_type(r) != SORREL_ERROR)
        r = sorrel_conn_do(c, err, "CLIENT", "TRACKING", "ON", NULL);
    if (!sorrel_reply_is(r, "OK")) {
        rc = r == NULL ? SORREL_ERR_CONNECT : error__reply(err, SORREL_ERR_SERVER, r);
        sorrel_pool_discard(l->pool, c);
        return rc;
    }
    sorrel_conn_set_timeout(c, u->socket_timeout_ms);
    sorrel_conn_on_push(c, take_push, l);
    l->conn = c;
    l->heard_ms = command__now_ms();
    return SORREL_OK;
}

/* Takes in what the server has reported. After this every entry of the link is one that the server holds for fresh. A
 * server that has long been silent may be one that cannot be heard any more: it is asked for a sign of life. */
static void
listen_locked(struct link *l)
{
    const struct sorrel_reply *r;

    if (l->conn != NULL && command__now_ms() - l->heard_ms > SILENCE_MAX_MS) {
        if (!sorrel_reply_is(sorrel_conn_do(l->conn, NULL, "PING", NULL), "PONG")) {
            disconnect_locked(l);
            return;
        }
        l->heard_ms = command__now_ms();
    }

    while (l->conn != NULL && sorrel_conn_wait(l->conn, 0)) {
        if (sorrel_conn_next_any(l->conn, &r, NULL) != SORREL_OK || sorrel_reply_type(r) != SORREL_PUSH) {
            disconnect_locked(l);
            return;
        }
        take_push(l, r);
        l->heard_ms = command__now_ms();
    }
}

/* ---- looking up -------------------------------------------------------------------------------------------------- */

/* A command as one run of bytes: each argument behind its length. */
static size_t
pack(char *to, int argc, const char *const *argv, const size_t *lens)
{
    size_t at = 0;

    for (int i = 0; i < argc; i++) {
        if (to != NULL) {
            memcpy(to + at, &lens[i], sizeof(lens[i]));
            memcpy(to + at + sizeof(lens[i]), argv[i], lens[i]);
        }
        at += sizeof(lens[i]) + lens[i];
    }
    return at;
}

/* Chance picks a slot, the first entry from there on goes. */
static void
make_room_locked(struct sorrel_near *n)
{
    while (n->stats.entries >= n->max) {
        size_t at = rng_next(&n->rng) & n->mask;
        while (n->slots[at] == NULL)
            at = (at + 1) & n->mask;
        remove_at(n, &n->slots[at]);
    }
}

static void
keep_locked(const struct link *l, uint64_t hash, struct slice command, struct slice key, const struct sorrel_reply *r)
{
    struct sorrel_near *n = l->near;

    make_room_locked(n);
    struct entry *e = mem_get(sizeof(*e) + command.len + key.len);
    char *bytes = (char *)(e + 1);
    memcpy(bytes, command.ptr, command.len);
    memcpy(bytes + command.len, key.ptr, key.len);
    *e = (struct entry){.next = n->slots[hash & n->mask],
                        .hash = hash,
                        .link = l,
                        .key = slice_of(bytes + command.len, key.len),
                        .command = slice_of(bytes, command.len),
                        .reply = sorrel_reply_copy(r)};
    n->slots[hash & n->mask] = e;
    n->stats.entries++;
}

/* A command, and where its reply belongs. */
struct question {
    int argc;
    const char *const *argv;
    const size_t *lens;
    struct slice packed, key;
    uint64_t hash;
    int slot;
};

/* The kept reply, if it is one that l reports on; one that another server does not report on any more goes. */
static const struct sorrel_reply *
kept_locked(struct sorrel_near *n, const struct link *l, const struct question *q)
{
    struct entry **at = &n->slots[q->hash & n->mask];

    while (*at != NULL && ((*at)->hash != q->hash || !slice_eq((*at)->command, q->packed)))
        at = &(*at)->next;
    if (*at == NULL)
        return NULL;
    if ((*at)->link == l && l->conn != NULL)
        return (*at)->reply;
    remove_at(n, at);
    return NULL;
}

enum verdict { FINAL, AGAIN, AGAIN_NOW };

/* Asks the server and keeps its answer. With FINAL *rc is the outcome. */
static enum verdict
ask_locked(struct link *l, const struct question *q, struct sorrel_reply **out, enum sorrel_rc *rc,
           struct sorrel_error *err)
{
    struct sorrel_client *cl = l->near->client;
    const struct sorrel_reply *r = NULL;
    struct sorrel_pool *ask = NULL;
    size_t len = 0;

    *rc = l->conn != NULL ? SORREL_OK : connect_locked(l, err);
    if (*rc != SORREL_OK)
        return *rc != SORREL_ERR_SERVER && client__retry_take(cl, *rc) ? AGAIN : FINAL;
    *rc = sorrel_conn_call(l->conn, q->argc, q->argv, q->lens, &r, err);
    if (*rc != SORREL_OK) {
        disconnect_locked(l);
        return *rc != SORREL_ERR_PROTOCOL && client__retry_take(cl, *rc) ? AGAIN : FINAL;
    }
    l->heard_ms = command__now_ms();
    if (sorrel_reply_type(r) != SORREL_ERROR) {
        keep_locked(l, q->hash, q->packed, q->key, r);
        *out = sorrel_reply_copy(r);
        return FINAL;
    }
    *rc = error__reply(err, SORREL_ERR_SERVER, r);
    const char *text = sorrel_reply_text(r, &len);
    bool moved = slice_starts(slice_of(text, len), LIT("MOVED "));
    if (!client__not_executed(cl, l->pool, r, &ask))
        return FINAL;
    if (ask == NULL)
        return moved ? AGAIN_NOW : AGAIN;
    /* The key is on its way to another node: what that one says now nobody would report on. */
    *rc = sorrel_client_call(cl, SORREL_READ, q->argc, q->argv, q->lens, out, err);
    return FINAL;
}

static enum sorrel_rc
answer_locked(struct sorrel_near *n, const struct question *q, struct sorrel_reply **out, struct sorrel_error *err)
{
    enum { REDIRECTS_MAX = 16 };
    struct backoff pause;
    bool counted = false;
    int redirects = 0;

    client__backoff(n->client, &pause);
    for (;;) {
        struct link *l = NULL;
        enum sorrel_rc rc = find_link_locked(n, q->slot, &l, err);
        enum verdict verdict = rc != SORREL_OK && client__retry_take(n->client, rc) ? AGAIN : FINAL;
        if (rc == SORREL_OK) {
            listen_locked(l);
            const struct sorrel_reply *kept = kept_locked(n, l, q);
            if (!counted && kept != NULL)
                n->stats.hits++;
            else if (!counted)
                n->stats.misses++;
            counted = true;
            if (kept != NULL) {
                *out = sorrel_reply_copy(kept);
                return SORREL_OK;
            }
            verdict = ask_locked(l, q, out, &rc, err);
        }
        if (verdict == AGAIN_NOW && redirects++ < REDIRECTS_MAX)
            continue;
        if (verdict == FINAL || !backoff__sleep(&pause))
            return rc;
    }
}

/* answer_locked(), but not once more what another has just tried in vain: those who waited for the lock meanwhile would
 * all wait again, one after the other. */
static enum sorrel_rc
answer_since_locked(struct sorrel_near *n, const struct question *q, int64_t since_ns, struct sorrel_reply **out,
                    struct sorrel_error *err)
{
    struct sorrel_error why = {0};

    if (n->failed_ns >= since_ns && n->failed_slot == q->slot)
        return error__set(err, n->why.code, n->why.sys_errno, "%s", n->why.text);
    enum sorrel_rc rc = answer_locked(n, q, out, &why);
    if (rc == SORREL_ERR_CONNECT || rc == SORREL_ERR_TIMEOUT) {
        n->failed_ns = command__now_ns();
        n->failed_slot = q->slot;
        n->why = why;
    }
    if (rc != SORREL_OK && err != NULL)
        *err = why;
    return rc;
}

enum sorrel_rc
sorrel_near_call(struct sorrel_near *n, int argc, const char *const *argv, const size_t *lens,
                 struct sorrel_reply **out, struct sorrel_error *err)
{
    struct command c = {0};

    if (argc < 2)
        return error__set(err, SORREL_ERR_USAGE, 0, "a command without a key");
    for (int i = 0; i < argc; i++)
        command__bytes(&c, argv[i], lens != NULL ? lens[i] : strlen(argv[i]));
    struct question q = {.argc = c.argc, .argv = command__argv(&c), .lens = command__lens(&c)};
    size_t size = pack(NULL, q.argc, q.argv, q.lens);
    char *packed = mem_get(size);
    pack(packed, q.argc, q.argv, q.lens);
    q.packed = slice_of(packed, size);
    q.key = slice_of(q.argv[1], q.lens[1]);
    q.hash = hash_of(n, q.key);
    q.slot = client__is_cluster(n->client) ? cluster_slot(q.key) : SLOT_ANY;
    int64_t since_ns = command__now_ns();
    pthread_mutex_lock(&n->lock);
    enum sorrel_rc rc = answer_since_locked(n, &q, since_ns, out, err);
    pthread_mutex_unlock(&n->lock);
    mem_free(packed);
    command__fini(&c);
    return rc;
}

struct sorrel_reply *
sorrel_near_do(struct sorrel_near *n, struct sorrel_error *err, ...)
{
    struct command c = {0};
    struct sorrel_reply *r = NULL;
    const char *word;
    va_list ap;

    va_start(ap, err);
    while ((word = va_arg(ap, const char *)) != NULL)
        command__text(&c, word);
    va_end(ap);
    enum sorrel_rc rc = sorrel_near_call(n, c.argc, command__argv(&c), command__lens(&c), &r, err);
    command__fini(&c);
    return rc == SORREL_OK ? r : NULL;
}

void
sorrel_near_stats(struct sorrel_near *n, struct sorrel_near_stats *out)
{
    pthread_mutex_lock(&n->lock);
    *out = n->stats;
    pthread_mutex_unlock(&n->lock);
}

/* client/near.c - sorrel/near.h: a hash table of replies, chained by key, and one tracked connection, under one lock.
 *
 * Entries are found by their key's hash, so that an invalidation finds all commands on a key in one chain. Reports are
 * taken in by the connection's push handler, before every look-up and while replies are waited for.
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

struct entry {
    struct entry *next;
    uint64_t hash; /* of the key */
    struct slice key, command;
    struct sorrel_reply *reply;
};

struct sorrel_near {
    struct sorrel_client *client;
    pthread_mutex_t lock;
    struct sorrel_conn *conn; /* NULL: not connected */
    int64_t heard_ms;         /* when the server was last heard of */
    struct entry **slots;     /* a power of two, not fewer than max */
    size_t mask, max;
    struct hash_seed seed;
    struct rng rng;
    struct sorrel_near_stats stats;
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

static void
flush_locked(struct sorrel_near *n)
{
    for (size_t i = 0; n->stats.entries > 0 && i <= n->mask; i++)
        while (n->slots[i] != NULL)
            remove_at(n, &n->slots[i]);
    n->stats.flushes++;
}

static void
disconnect_locked(struct sorrel_near *n)
{
    flush_locked(n);
    if (n->conn == NULL)
        return;
    sorrel_client_discard(n->client, n->conn); /* nobody else could use a tracked one */
    n->conn = NULL;
}

void
sorrel_near_free(struct sorrel_near *n)
{
    if (n == NULL)
        return;
    disconnect_locked(n);
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
    struct sorrel_near *n = ctx;
    const struct sorrel_reply *keys = sorrel_reply_at(push, 1);

    if (!sorrel_reply_is(sorrel_reply_at(push, 0), "invalidate"))
        return;
    if (sorrel_reply_type(keys) == SORREL_NIL)
        flush_locked(n);
    for (size_t i = 0; i < sorrel_reply_count(keys); i++) {
        size_t len = 0;
        const char *key = sorrel_reply_text(sorrel_reply_at(keys, i), &len);
        if (key != NULL)
            forget_locked(n, slice_of(key, len));
    }
}

/* ---- the connection ---------------------------------------------------------------------------------------------- */

static enum sorrel_rc
connect_locked(struct sorrel_near *n, struct sorrel_error *err)
{
    struct sorrel_conn *c = NULL;
    size_t len;

    enum sorrel_rc rc = sorrel_client_take(n->client, NULL, &c, err);
    if (rc != SORREL_OK)
        return rc;
    const struct sorrel_reply *r = sorrel_conn_do(c, err, "HELLO", "3", NULL);
    if (r != NULL && sorrel_reply_type(r) != SORREL_ERROR)
        r = sorrel_conn_do(c, err, "CLIENT", "TRACKING", "ON", NULL);
    if (!sorrel_reply_is(r, "OK")) {
        const char *text = sorrel_reply_text(r, &len);
        rc = r == NULL ? SORREL_ERR_CONNECT
                       : error__set(err, SORREL_ERR_SERVER, 0, "%.*s",
                                    text == NULL ? 0
                                    : len > 200  ? 200
                                                 : (int)len,
                                    text);
        sorrel_client_discard(n->client, c);
        return rc;
    }
    sorrel_conn_on_push(c, take_push, n);
    n->conn = c;
    n->heard_ms = command__now_ms();
    return SORREL_OK;
}

/* Takes in what the server has reported. After this every entry is one that the server holds for fresh. A server that
 * has long been silent may be one that cannot be heard any more: it is asked for a sign of life. */
static void
listen_locked(struct sorrel_near *n)
{
    const struct sorrel_reply *r;

    if (n->conn != NULL && command__now_ms() - n->heard_ms > SILENCE_MAX_MS) {
        if (!sorrel_reply_is(sorrel_conn_do(n->conn, NULL, "PING", NULL), "PONG")) {
            disconnect_locked(n);
            return;
        }
        n->heard_ms = command__now_ms();
    }

    while (n->conn != NULL && sorrel_conn_wait(n->conn, 0)) {
        if (sorrel_conn_next_any(n->conn, &r, NULL) != SORREL_OK || sorrel_reply_type(r) != SORREL_PUSH) {
            disconnect_locked(n);
            return;
        }
        take_push(n, r);
        n->heard_ms = command__now_ms();
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

static struct entry *
find_locked(struct sorrel_near *n, uint64_t hash, struct slice command)
{
    for (struct entry *e = n->slots[hash & n->mask]; e != NULL; e = e->next)
        if (e->hash == hash && slice_eq(e->command, command))
            return e;
    return NULL;
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
keep_locked(struct sorrel_near *n, uint64_t hash, struct slice command, struct slice key, const struct sorrel_reply *r)
{
    make_room_locked(n);
    struct entry *e = mem_get(sizeof(*e) + command.len + key.len);
    char *bytes = (char *)(e + 1);
    memcpy(bytes, command.ptr, command.len);
    memcpy(bytes + command.len, key.ptr, key.len);
    *e = (struct entry){.next = n->slots[hash & n->mask],
                        .hash = hash,
                        .key = slice_of(bytes + command.len, key.len),
                        .command = slice_of(bytes, command.len),
                        .reply = sorrel_reply_copy(r)};
    n->slots[hash & n->mask] = e;
    n->stats.entries++;
}

static enum sorrel_rc
ask_locked(struct sorrel_near *n, int argc, const char *const *argv, const size_t *lens, const struct sorrel_reply **r,
           struct sorrel_error *err)
{
    struct backoff pause;

    client__backoff(n->client, &pause);
    for (;;) {
        enum sorrel_rc rc = n->conn != NULL ? SORREL_OK : connect_locked(n, err);
        if (rc != SORREL_OK)
            return rc;
        rc = sorrel_conn_call(n->conn, argc, argv, lens, r, err);
        if (rc == SORREL_OK) {
            n->heard_ms = command__now_ms();
            return rc;
        }
        disconnect_locked(n);
        if (!backoff__sleep(&pause))
            return rc;
    }
}

static enum sorrel_rc
answer_locked(struct sorrel_near *n, int argc, const char *const *argv, const size_t *lens, struct sorrel_reply **out,
              struct sorrel_error *err)
{
    size_t size = pack(NULL, argc, argv, lens), len;
    struct slice key = slice_of(argv[1], lens[1]);
    uint64_t hash = hash_of(n, key);
    const struct sorrel_reply *r = NULL;
    char *packed = mem_get(size);

    pack(packed, argc, argv, lens);
    listen_locked(n);
    struct entry *e = find_locked(n, hash, slice_of(packed, size));
    enum sorrel_rc rc = SORREL_OK;
    if (e != NULL) {
        n->stats.hits++;
        *out = sorrel_reply_copy(e->reply);
    } else {
        n->stats.misses++;
        rc = ask_locked(n, argc, argv, lens, &r, err);
        if (rc == SORREL_OK && sorrel_reply_type(r) == SORREL_ERROR) {
            const char *text = sorrel_reply_text(r, &len);
            rc = error__set(err, SORREL_ERR_SERVER, 0, "%.*s", len > 250 ? 250 : (int)len, text);
        } else if (rc == SORREL_OK) {
            keep_locked(n, hash, slice_of(packed, size), key, r);
            *out = sorrel_reply_copy(r);
        }
    }
    mem_free(packed);
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
    pthread_mutex_lock(&n->lock);
    enum sorrel_rc rc = answer_locked(n, c.argc, command__argv(&c), command__lens(&c), out, err);
    pthread_mutex_unlock(&n->lock);
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

/* engine/tx.c - transactions: the queue of a session in MULTI, and who watches which key. */
#include "engine/tx.h"

#include "engine/engine_priv.h"

/* A key that is watched in one database, with its watchers. */
struct watched_key {
    struct slice key;
    struct db *db;
    struct watch *first;
    char bytes[];
};

/* One session watching one key: part of the session's own state. */
struct watch {
    struct watched_key *on;
    struct session *session;
    struct watch *key_prev, *key_next; /* the others who watch this key */
    struct watch *next;                /* the session's others */
    uint64_t since;                    /* turn in which it was made: what that changed came before */
};

static struct slice
watched_name(const void *item)
{
    return ((const struct watched_key *)item)->key;
}

static uint64_t
watched_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, watched_name(item));
}

static const struct table_ops watched_ops = {watched_name, watched_hash};

/* -- watching -------------------------------------------------------------------------------------------------- */

static void
add_watch(struct engine *e, struct session *s, struct db *db, struct slice key)
{
    struct session_more *m = session__more(s);
    uint64_t hash = keyspace__hash(e, key);
    struct watched_key *k = table_find(&db->watched, &watched_ops, hash, key);

    if (k == NULL) {
        k = mem_get(sizeof(*k) + key.len);
        if (key.len > 0)
            memcpy(k->bytes, key.ptr, key.len);
        *k = (struct watched_key){.key = slice_of(k->bytes, key.len), .db = db};
        table_insert(&db->watched, &watched_ops, hash, k);
    }
    for (struct watch *w = k->first; w != NULL; w = w->key_next) {
        if (w->session == s)
            return;
    }
    struct watch *w = mem_get(sizeof(*w));
    *w = (struct watch){.on = k, .session = s, .key_next = k->first, .next = m->watches, .since = e->turn};
    if (k->first != NULL)
        k->first->key_prev = w;
    k->first = w;
    m->watches = w;
    if (m->watch_count++ == 0)
        e->watchers++;
    e->watch_total++;
    effects__listen(e, LISTEN_WATCH, true);
}

static void
drop_watches(struct session *s)
{
    struct engine *e = s->engine;
    struct session_more *m = s->more;

    while (m->watches != NULL) {
        struct watch *w = m->watches;
        struct watched_key *k = w->on;
        m->watches = w->next;
        *(w->key_prev != NULL ? &w->key_prev->key_next : &k->first) = w->key_next;
        if (w->key_next != NULL)
            w->key_next->key_prev = w->key_prev;
        if (k->first == NULL) {
            table_remove(&k->db->watched, &watched_ops, keyspace__hash(e, k->key), k);
            mem_free(k);
        }
        mem_free(w);
        e->watch_total--;
    }
    if (m->watch_count > 0)
        e->watchers--;
    m->watch_count = 0;
    m->tx_dirty = false;
    effects__listen(e, LISTEN_WATCH, e->watch_total > 0);
}

static void
dirty_all(struct engine *e, struct watched_key *k)
{
    for (struct watch *w = k->first; w != NULL; w = w->key_next) {
        if (w->since != e->turn)
            w->session->more->tx_dirty = true;
    }
}

void
tx__touched(struct engine *e, const struct effect_touch *t)
{
    if (t->key.ptr == NULL || table_count(&t->db->watched) == 0)
        return;
    struct watched_key *k = table_find(&t->db->watched, &watched_ops, keyspace__hash(e, t->key), t->key);
    if (k != NULL)
        dirty_all(e, k);
}

struct emptied {
    struct engine *engine;
    struct db *db;
    const struct db *replaced_with;
};

static bool
has_key(struct engine *e, const struct db *db, struct slice key)
{
    return table_find(&db->by_key, &keyspace_table_ops, keyspace__hash(e, key), key) != NULL;
}

static void
emptied_key(void *ctx, void *item)
{
    struct emptied *m = ctx;
    struct watched_key *k = item;

    /* A key that was absent and still is has not changed. */
    if (has_key(m->engine, m->db, k->key) || (m->replaced_with != NULL && has_key(m->engine, m->replaced_with, k->key)))
        dirty_all(m->engine, k);
}

void
tx__emptied(struct engine *e, struct db *db, const struct db *replaced_with)
{
    struct emptied m = {e, db, replaced_with};
    uint64_t cursor = 0;

    if (table_count(&db->watched) == 0)
        return;
    do {
        cursor = table_scan(&db->watched, &watched_ops, cursor, emptied_key, &m);
    } while (cursor != 0);
}

void
tx__watch_fini(struct engine *e, struct db *db)
{
    CHECK(table_count(&db->watched) == 0); /* all sessions are closed */
    table_fini(&db->watched);
}

enum rc
tx_watch(struct exec *x)
{
    if (x->session->gate & GATE_MULTI)
        return fail(x, "ERR WATCH inside MULTI is not allowed");
    for (int i = 1; i < x->argc; i++) {
        peek(x, x->argv[i]); /* an expired key goes now, so that its going is no change later */
        add_watch(x->engine, x->session, x->db, x->argv[i]);
    }
    return reply_ok(x);
}

enum rc
tx_unwatch(struct exec *x)
{
    if (x->session->more != NULL)
        drop_watches(x->session);
    return reply_ok(x);
}

/* -- the queue ------------------------------------------------------------------------------------------------- */

enum rc
tx_multi(struct exec *x)
{
    if (x->session->gate & GATE_MULTI)
        return fail(x, "ERR MULTI calls can not be nested");
    session__more(x->session)->tx_broken = false;
    x->session->gate |= GATE_MULTI;
    return reply_ok(x);
}

void
tx__spoil(struct session *s)
{
    session__more(s)->tx_broken = true;
}

void
tx__queue(struct exec *x)
{
    struct session_more *m = session__more(x->session);
    size_t bytes = sizeof(struct queued) + (size_t)x->argc * sizeof(struct slice);

    for (int i = 0; i < x->argc; i++)
        bytes += x->argv[i].len;
    struct queued *q = mem_get(bytes);
    char *at = (char *)(q->argv + x->argc);
    q->command = x->command;
    q->argc = x->argc;
    for (int i = 0; i < x->argc; i++) {
        if (x->argv[i].len > 0)
            memcpy(at, x->argv[i].ptr, x->argv[i].len);
        q->argv[i] = slice_of(at, x->argv[i].len);
        at += x->argv[i].len;
    }
    if (m->queue_count == m->queue_cap) {
        m->queue_cap = m->queue_cap == 0 ? 4 : m->queue_cap * 2;
        m->queue = mem_resize(m->queue, m->queue_cap * sizeof(struct queued *));
    }
    m->queue[m->queue_count++] = q;
    m->queue_bytes += bytes;
    reply_put_simple(&x->reply, LIT("QUEUED"));
}

static void
drop_queue(struct session_more *m)
{
    for (size_t i = 0; i < m->queue_count; i++)
        mem_free(m->queue[i]);
    mem_free(m->queue);
    m->queue = NULL;
    m->queue_count = m->queue_cap = m->queue_bytes = 0;
    m->tx_broken = false;
}

void
tx__end(struct session *s)
{
    s->gate &= ~(uint32_t)GATE_MULTI;
    if (s->more == NULL)
        return;
    drop_queue(s->more);
    drop_watches(s);
}

void
tx__discard(struct session *s)
{
    tx__end(s);
}

enum rc
tx_discard(struct exec *x)
{
    if (!(x->session->gate & GATE_MULTI))
        return fail(x, "ERR DISCARD without MULTI");
    tx__discard(x->session);
    return reply_ok(x);
}

/* A watched key may be past its time without anybody having looked. */
static bool
watched_expired(struct exec *x)
{
    for (struct watch *w = x->session->more->watches; w != NULL; w = w->next) {
        struct entry *e =
            table_find(&w->on->db->by_key, &keyspace_table_ops, keyspace__hash(x->engine, w->on->key), w->on->key);
        if (e != NULL && keyspace__is_gone(x->engine, e))
            return true;
    }
    return false;
}

enum rc
tx_exec(struct exec *x)
{
    struct session *s = x->session;
    struct session_more *m = s->more;

    if (!(s->gate & GATE_MULTI))
        return fail(x, "ERR EXEC without MULTI");
    if (m->tx_broken) {
        tx__end(s);
        return RC_EXEC_ABORT;
    }
    if (m->tx_dirty || watched_expired(x)) {
        tx__end(s);
        return reply_null_array(x);
    }
    struct queued **queue = m->queue;
    size_t n = m->queue_count;
    m->queue = NULL;
    m->queue_count = m->queue_cap = m->queue_bytes = 0;
    tx__end(s); /* so that its own changes spoil nothing */
    reply_array(x, n);
    for (size_t i = 0; i < n; i++) {
        command_run_inside(x, queue[i]->argv, queue[i]->argc, &x->reply);
        mem_free(queue[i]);
    }
    mem_free(queue);
    return RC_OK;
}

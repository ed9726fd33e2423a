/* engine/tracking.c - client-side caching.
 *
 * A key that was read has an item in a table, with the ids of the sessions that read it. Sessions that close are not
 * taken out: their ids are never given to others, and the item goes with the next change. All messages leave when a
 * command or a transaction is over, so they follow its reply.
 */
#include "engine/tracking.h"

#include "engine/engine_priv.h"

enum { KEYS_MAX = 256, DUPLICATES_SEEN = 16 };

struct tracked {
    uint32_t len, n, cap;
    session_id *ids;
    char key[];
};

struct track { /* of a session */
    unsigned flags;
    session_id redirect;
    struct slice *prefixes; /* owned, sorted */
    size_t prefix_count;
};

struct tracking {
    struct table keys; /* struct tracked */
    size_t items, clients;
    session_id *bcast;
    size_t bcast_count, bcast_cap;
    bool flushed;
};

static struct slice
item_key(const void *item)
{
    const struct tracked *t = item;

    return slice_of(t->key, t->len);
}

static uint64_t
item_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, item_key(item));
}

static const struct table_ops tracked_ops = {item_key, item_hash};

static struct tracking *
tracking_of(struct engine *e)
{
    if (e->tracking == NULL) {
        e->tracking = mem_get_zero(sizeof(*e->tracking));
        table_init(&e->tracking->keys, e->hash_seed);
    }
    return e->tracking;
}

static struct track *
track_of(const struct session *s)
{
    return s->more != NULL ? s->more->track : NULL;
}

/* -- messages -------------------------------------------------------------------------------------------------- */

static void
put_keys(struct reply *r, const struct slice *keys, size_t n)
{
    if (keys == NULL) {
        reply_put_null(r);
        return;
    }
    reply_put_array(r, n);
    for (size_t i = 0; i < n; i++)
        reply_put_bulk(r, keys[i]);
}

static void
tell_broken(struct session *s, struct track *t)
{
    t->flags |= TRACKING_BROKEN;
    if (s->resp < 3)
        return;
    struct reply r = {session__push_begin(s), s->resp};
    reply_put_push(&r, 2);
    reply_put_bulk(&r, LIT("tracking-redir-broken"));
    reply_put_int(&r, (int64_t)t->redirect);
    session__push_end(s);
}

static bool
has_subscriptions(const struct session *s)
{
    return s->more != NULL && table_count(&s->more->subs[PUBSUB_CHANNEL]) +
                                      table_count(&s->more->subs[PUBSUB_PATTERN]) +
                                      table_count(&s->more->subs[PUBSUB_SHARD]) >
                                  0;
}

/* keys NULL: everything that s may have read is gone. */
static void
tell(struct engine *e, struct session *s, const struct slice *keys, size_t n)
{
    struct track *t = track_of(s);
    struct session *to = s;

    if (t->redirect != 0) {
        to = engine_session_by_id(e, t->redirect);
        if (to == NULL) {
            tell_broken(s, t);
            return;
        }
    }
    bool as_message = to->resp < 3;
    /* RESP2 has no place for what nobody asked for, but with a subscriber that is redirected to. */
    if ((as_message && (t->redirect == 0 || !has_subscriptions(to))) || (to->gate & GATE_CLOSING))
        return;
    struct reply r = {session__push_begin(to), to->resp};
    if (as_message) {
        reply_put_array(&r, 3);
        reply_put_bulk(&r, LIT("message"));
        reply_put_bulk(&r, LIT("__redis__:invalidate"));
    } else {
        reply_put_push(&r, 2);
        reply_put_bulk(&r, LIT("invalidate"));
    }
    put_keys(&r, keys, n);
    session__push_end(to);
}

static bool
is_deaf_to(const struct engine *e, const struct session *s)
{
    return (track_of(s)->flags & TRACKING_NOLOOP) && e->changer == s;
}

/* -- keys that were read --------------------------------------------------------------------------------------- */

static void
tracked_free(struct tracking *k, struct tracked *t)
{
    k->items -= t->n;
    mem_free(t->ids);
    mem_free(t);
}

static void
tell_readers(struct engine *e, struct tracking *k, struct tracked *t)
{
    struct slice key = item_key(t);

    (void)table_remove(&k->keys, &tracked_ops, keyspace__hash(e, key), t);
    for (uint32_t i = 0; i < t->n; i++) {
        struct session *s = engine_session_by_id(e, t->ids[i]);
        struct track *track = s != NULL ? track_of(s) : NULL;
        if (track != NULL && !(track->flags & TRACKING_BCAST) && !is_deaf_to(e, s))
            tell(e, s, &key, 1);
    }
    tracked_free(k, t);
}

static void
forget_all(struct tracking *k, struct hash_seed seed)
{
    struct table keys = k->keys;
    struct tracked *item;
    size_t at = 0;

    table_init(&k->keys, seed);
    while ((item = table_drain(&keys, &at)) != NULL)
        tracked_free(k, item);
    table_fini(&keys);
}

static void
remember(struct engine *e, struct tracking *k, struct slice key, session_id id)
{
    uint64_t hash = keyspace__hash(e, key);
    struct tracked *t = table_find(&k->keys, &tracked_ops, hash, key);

    if (t == NULL) {
        t = mem_get(sizeof(*t) + key.len);
        *t = (struct tracked){.len = (uint32_t)key.len};
        memcpy(t->key, key.ptr, key.len);
        table_insert(&k->keys, &tracked_ops, hash, t);
    }
    /* The ids are in order: sessions that read it later are mostly younger. */
    uint32_t at = t->n;
    while (at > 0 && t->ids[at - 1] > id)
        at--;
    if (at > 0 && t->ids[at - 1] == id)
        return;
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 1 : t->cap * 2;
        t->ids = mem_resize(t->ids, t->cap * sizeof(*t->ids));
    }
    memmove(t->ids + at + 1, t->ids + at, (t->n - at) * sizeof(*t->ids));
    t->ids[at] = id;
    t->n++;
    k->items++;
}

void
tracking__after(struct exec *x)
{
    struct engine *e = x->engine;
    struct track *track = track_of(x->session);
    struct tracking *k = e->tracking;
    int index[KEYS_MAX];
    uint16_t flags[KEYS_MAX];

    if (track == NULL || !(x->command->flags & CMD_READONLY) || (x->command->flags & CMD_SCRIPT_RUNNER) ||
        (track->flags & TRACKING_BCAST))
        return;
    if (((track->flags & TRACKING_OPTIN) && !(track->flags & TRACKING_CACHING_YES)) ||
        ((track->flags & TRACKING_OPTOUT) && (track->flags & TRACKING_CACHING_NO)))
        return;
    int n = cmd_keys(x->cmd, x->argv, x->argc, index, flags, KEYS_MAX);
    if (n > KEYS_MAX) {
        int *all = arena_array(x->arena, (size_t)n, sizeof(*all));
        uint16_t *all_flags = arena_array(x->arena, (size_t)n, sizeof(*all_flags));
        n = cmd_keys(x->cmd, x->argv, x->argc, all, all_flags, n);
        for (int i = 0; i < n; i++)
            remember(e, k, x->argv[all[i]], x->session->id);
    } else {
        for (int i = 0; i < n; i++)
            remember(e, k, x->argv[index[i]], x->session->id);
    }
    uint64_t max = e->settings.tracking_table_max_keys;
    while (max > 0 && table_count(&k->keys) > max)
        tell_readers(e, k, table_random(&k->keys, &e->rng));
}

void
tracking__command_done(struct session *s, const struct command *c)
{
    struct track *t = track_of(s);

    /* CLIENT CACHING holds for one command, or one transaction. */
    if (t == NULL || (s->gate & GATE_MULTI) ||
        (c != NULL && c->parent != NULL && slice_eq(c->parent->name, LIT("client"))))
        return;
    t->flags &= ~(unsigned)(TRACKING_CACHING_YES | TRACKING_CACHING_NO);
}

/* -- changes --------------------------------------------------------------------------------------------------- */

static bool
seen_lately(const struct slice *keys, size_t n, struct slice key)
{
    for (size_t i = n > DUPLICATES_SEEN ? n - DUPLICATES_SEEN : 0; i < n; i++) {
        if (slice_eq(keys[i], key))
            return true;
    }
    return false;
}

/* All changed keys with that prefix, in one message. */
static void
broadcast(struct engine *e, struct session *s, struct slice prefix, const struct effect_batch *b, struct slice *keys)
{
    size_t n = 0;

    for (const struct effect_touch *t = b->touches; t != NULL; t = t->next) {
        if (t->changed && t->key.ptr != NULL && slice_starts(t->key, prefix) && !seen_lately(keys, n, t->key))
            keys[n++] = t->key;
    }
    if (n > 0)
        tell(e, s, keys, n);
}

static void
tell_everybody(struct engine *e)
{
    for (struct session *s = e->session_first; s != NULL; s = s->next) {
        if (track_of(s) != NULL)
            tell(e, s, NULL, 0);
    }
}

void
tracking__changes(struct engine *e, const struct effect_batch *b)
{
    struct tracking *k = e->tracking;

    for (const struct effect_touch *t = b->touches; t != NULL && table_count(&k->keys) > 0; t = t->next) {
        if (!t->changed || t->key.ptr == NULL)
            continue;
        struct tracked *item = table_find(&k->keys, &tracked_ops, keyspace__hash(e, t->key), t->key);
        if (item != NULL)
            tell_readers(e, k, item);
    }
    if (k->bcast_count > 0 && b->touch_count > 0) {
        struct slice *keys = mem_get_array(b->touch_count, sizeof(*keys));
        for (size_t i = 0; i < k->bcast_count; i++) {
            struct session *s = engine_session_by_id(e, k->bcast[i]);
            struct track *t = track_of(s);
            for (size_t p = 0; p < t->prefix_count && !is_deaf_to(e, s); p++)
                broadcast(e, s, t->prefixes[p], b, keys);
        }
        mem_free(keys);
    }
    if (k->flushed) {
        k->flushed = false;
        forget_all(k, e->hash_seed);
        tell_everybody(e);
    }
}

void
tracking__flushed(struct engine *e)
{
    if (e->tracking != NULL && e->tracking->clients > 0)
        e->tracking->flushed = true;
}

/* -- sessions -------------------------------------------------------------------------------------------------- */

static void
add_prefix(struct track *t, struct slice prefix)
{
    size_t at = 0;

    while (at < t->prefix_count && slice_cmp(t->prefixes[at], prefix) < 0)
        at++;
    if (at < t->prefix_count && slice_eq(t->prefixes[at], prefix))
        return;
    t->prefixes = mem_resize(t->prefixes, (t->prefix_count + 1) * sizeof(*t->prefixes));
    memmove(t->prefixes + at + 1, t->prefixes + at, (t->prefix_count - at) * sizeof(*t->prefixes));
    char *p = mem_get(prefix.len + 1);
    if (prefix.len > 0)
        memcpy(p, prefix.ptr, prefix.len);
    t->prefixes[at] = slice_of(p, prefix.len);
    t->prefix_count++;
}

void
session_track(struct session *s, unsigned flags, session_id redirect, const struct slice *prefixes, size_t n)
{
    struct engine *e = s->engine;
    struct tracking *k = tracking_of(e);
    struct session_more *m = session__more(s);

    if (m->track == NULL) {
        m->track = mem_get_zero(sizeof(*m->track));
        k->clients++;
        if (flags & TRACKING_BCAST) {
            if (k->bcast_count == k->bcast_cap) {
                k->bcast_cap = k->bcast_cap == 0 ? 4 : k->bcast_cap * 2;
                k->bcast = mem_resize(k->bcast, k->bcast_cap * sizeof(*k->bcast));
            }
            k->bcast[k->bcast_count++] = s->id;
        }
    }
    m->track->flags = flags | TRACKING_ON;
    m->track->redirect = redirect;
    if ((flags & TRACKING_BCAST) && n == 0 && m->track->prefix_count == 0)
        add_prefix(m->track, LIT(""));
    for (size_t i = 0; i < n; i++)
        add_prefix(m->track, prefixes[i]);
    s->gate |= GATE_TRACKING;
    effects__listen(e, LISTEN_TRACKING, true);
}

void
session_untrack(struct session *s)
{
    struct engine *e = s->engine;
    struct tracking *k = e->tracking;
    struct track *t = track_of(s);
    size_t kept = 0;

    if (t == NULL)
        return;
    for (size_t i = 0; i < k->bcast_count; i++) {
        if (k->bcast[i] != s->id)
            k->bcast[kept++] = k->bcast[i];
    }
    k->bcast_count = kept;
    for (size_t i = 0; i < t->prefix_count; i++)
        mem_free((void *)(uintptr_t)t->prefixes[i].ptr);
    mem_free(t->prefixes);
    mem_free(t);
    s->more->track = NULL;
    s->gate &= ~(uint32_t)GATE_TRACKING;
    if (--k->clients == 0) {
        /* Nobody would be told. */
        forget_all(k, e->hash_seed);
        k->flushed = false;
        effects__listen(e, LISTEN_TRACKING, false);
    }
}

void
session_set_caching(struct session *s, enum tracking_flag yes_or_no)
{
    struct track *t = track_of(s);

    if (t != NULL)
        t->flags |= yes_or_no;
}

unsigned
session_tracking(const struct session *s)
{
    const struct track *t = track_of(s);

    return t != NULL ? t->flags : 0;
}

session_id
session_redirect(const struct session *s)
{
    const struct track *t = track_of(s);

    return t != NULL ? t->redirect : 0;
}

size_t
session_prefix_count(const struct session *s)
{
    const struct track *t = track_of(s);

    return t != NULL ? t->prefix_count : 0;
}

struct slice
session_prefix(const struct session *s, size_t n)
{
    return track_of(s)->prefixes[n];
}

struct tracking_stats
engine_tracking_stats(const struct engine *e)
{
    const struct tracking *k = e->tracking;
    struct tracking_stats st = {0};

    if (k == NULL)
        return st;
    st = (struct tracking_stats){.clients = k->clients, .keys = table_count(&k->keys), .items = k->items};
    for (size_t i = 0; i < k->bcast_count; i++)
        st.prefixes += session_prefix_count(engine_session_by_id((struct engine *)(uintptr_t)e, k->bcast[i]));
    return st;
}

void
tracking__fini(struct engine *e)
{
    if (e->tracking == NULL)
        return;
    forget_all(e->tracking, e->hash_seed);
    table_fini(&e->tracking->keys);
    mem_free(e->tracking->bcast);
    mem_free(e->tracking);
}

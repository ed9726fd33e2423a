/* engine/pubsub.c - publish and subscribe.
 *
 * A channel keeps its subscribers in an array of session ids; each subscription remembers its place in that array, so
 * that leaving is a swap with the last one. Patterns are channels in a table of their own that are also in a list,
 * which is what PUBLISH walks.
 */
#include "engine/pubsub.h"

#include "base/glob.h"
#include "engine/engine_priv.h"

struct channel {
    struct slice name;
    session_id *members;
    uint32_t count, cap;
    struct channel *prev, *next; /* patterns, oldest first */
    char bytes[];
};

/* A session's subscription. */
struct sub {
    struct channel *channel;
    uint32_t at; /* in channel->members */
};

static struct slice
channel_name(const void *item)
{
    return ((const struct channel *)item)->name;
}

static uint64_t
channel_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, channel_name(item));
}

static struct slice
sub_name(const void *item)
{
    return ((const struct sub *)item)->channel->name;
}

static uint64_t
sub_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, sub_name(item));
}

static const struct table_ops channel_ops = {channel_name, channel_hash};
static const struct table_ops sub_ops = {sub_name, sub_hash};

static const struct {
    struct slice subscribe, unsubscribe, message;
} words[PUBSUB_SPACES] = {
    [PUBSUB_CHANNEL] = {LIT_INIT("subscribe"), LIT_INIT("unsubscribe"), LIT_INIT("message")},
    [PUBSUB_PATTERN] = {LIT_INIT("psubscribe"), LIT_INIT("punsubscribe"), LIT_INIT("pmessage")},
    [PUBSUB_SHARD] = {LIT_INIT("ssubscribe"), LIT_INIT("sunsubscribe"), LIT_INIT("smessage")},
};

void
pubsub__init(struct engine *e)
{
    for (int i = 0; i < PUBSUB_SPACES; i++)
        table_init(&e->channels[i], e->hash_seed);
}

void
pubsub__fini(struct engine *e)
{
    for (int i = 0; i < PUBSUB_SPACES; i++) {
        CHECK(table_count(&e->channels[i]) == 0); /* all sessions are closed */
        table_fini(&e->channels[i]);
    }
}

/* -- channels -------------------------------------------------------------------------------------------------- */

static struct channel *
channel_find(const struct engine *e, enum pubsub_space space, struct slice name)
{
    return table_find(&e->channels[space], &channel_ops, keyspace__hash(e, name), name);
}

static struct channel *
channel_get(struct engine *e, enum pubsub_space space, struct slice name)
{
    struct channel *c = channel_find(e, space, name);

    if (c != NULL)
        return c;
    c = mem_get(sizeof(*c) + name.len);
    *c = (struct channel){.name = slice_of(c->bytes, name.len)};
    if (name.len > 0)
        memcpy(c->bytes, name.ptr, name.len);
    table_insert(&e->channels[space], &channel_ops, keyspace__hash(e, name), c);
    if (space == PUBSUB_PATTERN) {
        c->prev = e->pattern_last;
        *(c->prev != NULL ? &c->prev->next : &e->pattern_first) = c;
        e->pattern_last = c;
    }
    return c;
}

static void
channel_drop(struct engine *e, enum pubsub_space space, struct channel *c)
{
    table_remove(&e->channels[space], &channel_ops, keyspace__hash(e, c->name), c);
    if (space == PUBSUB_PATTERN) {
        *(c->prev != NULL ? &c->prev->next : &e->pattern_first) = c->next;
        *(c->next != NULL ? &c->next->prev : &e->pattern_last) = c->prev;
    }
    mem_free(c->members);
    mem_free(c);
}

static struct sub *
sub_find(struct session *s, enum pubsub_space space, struct slice name)
{
    return s->more == NULL ? NULL : table_find(&s->more->subs[space], &sub_ops, keyspace__hash(s->engine, name), name);
}

size_t
pubsub_session_all(const struct session *s)
{
    size_t sum = 0;

    for (int space = 0; space < PUBSUB_SPACES; space++)
        sum += pubsub_session_count(s, (enum pubsub_space)space);
    return sum;
}

static bool
join(struct session *s, enum pubsub_space space, struct slice name)
{
    struct engine *e = s->engine;
    struct session_more *m = session__more(s);

    if (sub_find(s, space, name) != NULL)
        return false;
    struct channel *c = channel_get(e, space, name);
    if (c->count == c->cap) {
        c->cap = c->cap == 0 ? 2 : c->cap * 2;
        c->members = mem_resize(c->members, c->cap * sizeof(*c->members));
    }
    e->subscribers += pubsub_session_all(s) == 0;
    struct sub *sub = mem_get(sizeof(*sub));
    *sub = (struct sub){c, c->count};
    c->members[c->count++] = s->id;
    table_insert(&m->subs[space], &sub_ops, keyspace__hash(e, name), sub);
    session__gate_update(s);
    return true;
}

static void
leave(struct session *s, enum pubsub_space space, struct sub *sub)
{
    struct engine *e = s->engine;
    struct channel *c = sub->channel;
    uint32_t last = --c->count;

    if (sub->at != last) {
        session_id moved = c->members[last];
        c->members[sub->at] = moved;
        sub_find(engine_session_by_id(e, moved), space, c->name)->at = sub->at;
    }
    table_remove(&s->more->subs[space], &sub_ops, keyspace__hash(e, c->name), sub);
    mem_free(sub);
    if (c->count == 0)
        channel_drop(e, space, c);
    e->subscribers -= pubsub_session_all(s) == 0;
    session__gate_update(s);
}

static struct sub *
any_sub(struct session *s, enum pubsub_space space)
{
    return s->more == NULL ? NULL : table_random(&s->more->subs[space], &s->engine->rng);
}

void
pubsub__forget(struct session *s)
{
    struct sub *sub;

    for (int space = 0; space < PUBSUB_SPACES; space++) {
        while ((sub = any_sub(s, (enum pubsub_space)space)) != NULL)
            leave(s, (enum pubsub_space)space, sub);
        table_fini(&s->more->subs[space]);
    }
}

/* -- commands -------------------------------------------------------------------------------------------------- */

size_t
pubsub_session_total(const struct engine *e)
{
    return e->subscribers;
}

size_t
pubsub_session_count(const struct session *s, enum pubsub_space space)
{
    return s->more == NULL ? 0 : table_count(&s->more->subs[space]);
}

struct every {
    pubsub_test *fn;
    void *ctx;
    bool holds;
};

static void
test_sub(void *ctx, void *item)
{
    struct every *e = ctx;

    e->holds = e->holds && e->fn(e->ctx, sub_name(item));
}

bool
pubsub_session_every(const struct session *s, enum pubsub_space space, pubsub_test *fn, void *ctx)
{
    struct every e = {fn, ctx, true};
    uint64_t cursor = 0;

    if (pubsub_session_count(s, space) == 0)
        return true;
    do {
        cursor = table_scan(&s->more->subs[space], &sub_ops, cursor, test_sub, &e);
    } while (cursor != 0 && e.holds);
    return e.holds;
}

/* What a confirmation counts: sharded channels by themselves, the others together. */
static size_t
confirmed_count(const struct session *s, enum pubsub_space space)
{
    if (space == PUBSUB_SHARD)
        return pubsub_session_count(s, PUBSUB_SHARD);
    return pubsub_session_count(s, PUBSUB_CHANNEL) + pubsub_session_count(s, PUBSUB_PATTERN);
}

/* Like a message it is no reply, and comes even where CLIENT REPLY has switched those off. */
static void
confirm(struct exec *x, enum pubsub_space space, struct slice word, const struct slice *name)
{
    struct reply r = x->reply;

    if (r.out == &x->engine->void_out)
        r.out = &x->session->out;
    reply_put_push(&r, 3);
    reply_put_bulk(&r, word);
    if (name != NULL)
        reply_put_bulk(&r, *name);
    else
        reply_put_null(&r);
    reply_put_int(&r, (int64_t)confirmed_count(x->session, space));
}

void
pubsub_subscribe(struct exec *x, enum pubsub_space space, struct slice name)
{
    join(x->session, space, name);
    confirm(x, space, words[space].subscribe, &name);
}

void
pubsub_unsubscribe(struct exec *x, enum pubsub_space space, struct slice name)
{
    struct sub *sub = sub_find(x->session, space, name);

    if (sub != NULL)
        leave(x->session, space, sub);
    confirm(x, space, words[space].unsubscribe, &name);
}

void
pubsub_unsubscribe_all(struct exec *x, enum pubsub_space space)
{
    struct sub *sub;

    if (pubsub_session_count(x->session, space) == 0) {
        confirm(x, space, words[space].unsubscribe, NULL);
        return;
    }
    while ((sub = any_sub(x->session, space)) != NULL) {
        struct slice name = arena_copy(x->arena, sub->channel->name);
        leave(x->session, space, sub);
        confirm(x, space, words[space].unsubscribe, &name);
    }
}

/* -- publishing ------------------------------------------------------------------------------------------------ */

static void
put_message(struct reply *r, enum pubsub_space space, const struct channel *c, struct slice channel,
            struct slice message)
{
    reply_put_push(r, space == PUBSUB_PATTERN ? 4 : 3);
    reply_put_bulk(r, words[space].message);
    if (space == PUBSUB_PATTERN)
        reply_put_bulk(r, c->name);
    reply_put_bulk(r, channel);
    reply_put_bulk(r, message);
}

static size_t
deliver(struct engine *e, enum pubsub_space space, const struct channel *c, struct slice channel, struct slice message)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct session *s = engine_session_by_id(e, c->members[i]);
        if (s->killed)
            continue;
        struct reply r = {session__push_begin(s), s->resp};
        put_message(&r, space, c, channel, message);
        session__push_end(s);
    }
    e->stats.pubsub_messages += c->count;
    return c->count;
}

size_t
pubsub_publish(struct engine *e, enum pubsub_space space, struct slice channel, struct slice message)
{
    const struct channel *c = channel_find(e, space, channel);
    size_t receivers = c != NULL ? deliver(e, space, c, channel, message) : 0;

    if (space != PUBSUB_CHANNEL)
        return receivers;
    for (c = e->pattern_first; c != NULL; c = c->next) {
        if (glob_match(c->name, channel, false))
            receivers += deliver(e, PUBSUB_PATTERN, c, channel, message);
    }
    return receivers;
}

/* -- asking ---------------------------------------------------------------------------------------------------- */

size_t
pubsub_subscribers(struct engine *e, enum pubsub_space space, struct slice name)
{
    const struct channel *c = channel_find(e, space, name);

    return c != NULL ? c->count : 0;
}

struct each {
    pubsub_visit *fn;
    void *ctx;
};

static void
each_channel(void *ctx, void *item)
{
    const struct each *each = ctx;
    const struct channel *c = item;

    each->fn(each->ctx, c->name, c->count);
}

void
pubsub_each(struct engine *e, enum pubsub_space space, pubsub_visit *fn, void *ctx)
{
    struct each each = {fn, ctx};
    uint64_t cursor = 0;

    do {
        cursor = table_scan(&e->channels[space], &channel_ops, cursor, each_channel, &each);
    } while (cursor != 0);
}

size_t
pubsub_count(const struct engine *e, enum pubsub_space space)
{
    return table_count(&e->channels[space]);
}

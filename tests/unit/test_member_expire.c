/* tests/unit/test_member_expire.c - deadlines of members: random commands against a naive twin, with a second engine
 * that is told what the first propagates; what readers see where nothing may be removed; slices; dumped values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>
#undef fail

#include "base/mem.h"
#include "engine/dispatch.h"
#include "engine/effects.h"
#include "engine/keyspace.h"
#include "engine/session.h"
#include "engine/settings.h"
#include "store/dump.h"
#include "support/loopback.h"
#include "value/deadlines.h"
#include "value/hash.h"
#include "value/set.h"

#include <sys/uio.h>

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 6, MEMBERS = 24, STEPS = 40000, TEXT_MAX = 4096 };

/* -- the twin ---------------------------------------------------------------------------------------------------- */

struct twin_member {
    bool there;
    long value;
    int64_t deadline; /* -1: none */
};

struct twin_key {
    enum value_type type; /* TYPE_COUNT: absent */
    int64_t expiry;
    struct twin_member m[MEMBERS];
};

struct world {
    struct loopback *l, *follower;
    struct rng rng;
    struct twin_key keys[KEYS];
    int64_t now_ms;
    char line[TEXT_MAX], want[TEXT_MAX];
};

static void
twin_drop(struct twin_key *k)
{
    *k = (struct twin_key){.type = TYPE_COUNT, .expiry = -1};
}

static size_t
twin_count(const struct twin_key *k)
{
    size_t n = 0;

    for (int i = 0; i < MEMBERS; i++)
        n += k->m[i].there;
    return n;
}

static void
twin_settle(struct world *w)
{
    for (int k = 0; k < KEYS; k++) {
        struct twin_key *t = &w->keys[k];
        for (int i = 0; i < MEMBERS; i++) {
            if (t->m[i].there && t->m[i].deadline >= 0 && t->m[i].deadline < w->now_ms)
                t->m[i] = (struct twin_member){.deadline = -1};
        }
        if (t->type != TYPE_COUNT && (twin_count(t) == 0 || (t->expiry >= 0 && t->expiry < w->now_ms)))
            twin_drop(t);
    }
}

/* -- the engines ------------------------------------------------------------------------------------------------- */

/* The reply, valid until the next call. */
static const char *
say(struct world *w, struct loopback *l, const char *line)
{
    struct buf *out = &l->sessions[0].out;

    (void)w;
    buf_reset(out);
    loopback_feed(l, 0, slice_cstr(line));
    loopback_feed(l, 0, LIT("\r\n"));
    buf_add_char(out, '\0');
    return out->ptr;
}

static void
follow(void *ctx, const struct effect_batch *batch)
{
    struct world *w = ctx;

    for (const struct effect_command *c = batch->commands; c != NULL; c = c->next) {
        struct session *s = w->follower->sessions[0].session;
        engine_run(w->follower->engine, s, c->argv, c->argc);
        struct out *o = session_out(s);
        /* Nothing that is propagated may fail. */
        if (out_pending(o) > 0 && o->bytes.ptr[0] == '-')
            print_error("refused: %.*s: %.*s", (int)c->argv[0].len, c->argv[0].ptr, (int)o->bytes.len, o->bytes.ptr);
        assert_true(out_pending(o) == 0 || o->bytes.ptr[0] != '-');
        out_sent(o, out_pending(o));
    }
}

static void
small_limits(struct loopback *l, bool tiny)
{
    struct value_limits *lim = &engine_settings(l->engine)->limits;

    if (!tiny)
        return;
    lim->hash_max_listpack_entries = lim->set_max_listpack_entries = lim->zset_max_listpack_entries = 5;
    lim->set_max_intset_entries = 3;
}

static char
letter(enum value_type type)
{
    return type == TYPE_HASH ? 'H' : type == TYPE_SET ? 'S' : 'Z';
}

/* Appends "n m0 m1 …" of all members. */
static void
add_all_members(char *line)
{
    size_t at = strlen(line);

    at += (size_t)sprintf(line + at, "%s %d", "FIELDS", MEMBERS);
    for (int i = 0; i < MEMBERS; i++)
        at += (size_t)sprintf(line + at, " %d", i);
}

static void
check_key(struct world *w, struct loopback *l, int k)
{
    const struct twin_key *t = &w->keys[k];
    enum value_type type = t->type == TYPE_COUNT ? TYPE_HASH : t->type;
    size_t at;

    snprintf(w->line, sizeof(w->line), "%s k%d", type == TYPE_HASH ? "HLEN" : type == TYPE_SET ? "SCARD" : "ZCARD", k);
    snprintf(w->want, sizeof(w->want), ":%zu\r\n", twin_count(t));
    assert_string_equal(say(w, l, w->line), w->want);
    snprintf(w->line, sizeof(w->line), "%cPEXPIRETIME k%d ", letter(type), k);
    add_all_members(w->line);
    at = (size_t)sprintf(w->want, "*%d\r\n", MEMBERS);
    for (int i = 0; i < MEMBERS; i++)
        at += (size_t)sprintf(w->want + at, ":%lld\r\n", !t->m[i].there ? -2LL : (long long)t->m[i].deadline);
    assert_string_equal(say(w, l, w->line), w->want);
    if (t->type != TYPE_HASH && t->type != TYPE_ZSET)
        return;
    at = (size_t)sprintf(w->line, "%s k%d", t->type == TYPE_HASH ? "HMGET" : "ZMSCORE", k);
    for (int i = 0; i < MEMBERS; i++)
        at += (size_t)sprintf(w->line + at, " %d", i);
    at = (size_t)sprintf(w->want, "*%d\r\n", MEMBERS);
    for (int i = 0; i < MEMBERS; i++) {
        char text[32];
        int n = sprintf(text, "%ld", t->m[i].value);
        at += (size_t)(t->m[i].there ? sprintf(w->want + at, "$%d\r\n%s\r\n", n, text)
                                     : sprintf(w->want + at, "$-1\r\n"));
    }
    assert_string_equal(say(w, l, w->line), w->want);
}

static void
check_all(struct world *w, struct loopback *l)
{
    size_t there = 0;

    for (int k = 0; k < KEYS; k++)
        there += w->keys[k].type != TYPE_COUNT;
    snprintf(w->want, sizeof(w->want), ":%zu\r\n", there);
    assert_string_equal(say(w, l, "DBSIZE"), w->want);
    for (int k = 0; k < KEYS; k++)
        check_key(w, l, k);
}

/* -- steps ------------------------------------------------------------------------------------------------------- */

static void
make_key(struct twin_key *t, enum value_type type)
{
    if (t->type == TYPE_COUNT)
        t->type = type;
}

static void
step_write(struct world *w, int k, enum value_type type, int m, long v)
{
    struct twin_key *t = &w->keys[k];
    struct twin_member *tm = &t->m[m];

    if (type == TYPE_HASH)
        sprintf(w->line, "HSET k%d %d %ld", k, m, v);
    else if (type == TYPE_SET)
        sprintf(w->line, "SADD k%d %d", k, m);
    else
        sprintf(w->line, "ZADD k%d %ld %d", k, v, m);
    sprintf(w->want, ":%d\r\n", !tm->there);
    assert_string_equal(say(w, w->l, w->line), w->want);
    make_key(t, type);
    if (!tm->there || type == TYPE_HASH || (type == TYPE_ZSET && tm->value != v))
        tm->deadline = -1;
    tm->there = true;
    tm->value = v;
}

static void
step_add(struct world *w, int k, enum value_type type, int m, long by)
{
    struct twin_key *t = &w->keys[k];

    if (type == TYPE_SET)
        return;
    if (type == TYPE_HASH && by % 2 == 0)
        sprintf(w->line, "HINCRBYFLOAT k%d %d %ld", k, m, by);
    else
        sprintf(w->line, type == TYPE_HASH ? "HINCRBY k%1$d %2$d %3$ld" : "ZINCRBY k%1$d %3$ld %2$d", k, m, by);
    say(w, w->l, w->line);
    make_key(t, type);
    if (!t->m[m].there)
        t->m[m] = (struct twin_member){.there = true, .deadline = -1};
    t->m[m].value += by;
}

static void
step_remove(struct world *w, int k, enum value_type type, int m, bool read)
{
    struct twin_member *tm = &w->keys[k].m[m];

    if (type == TYPE_HASH && read)
        sprintf(w->line, "HGETDEL k%d FIELDS 1 %d", k, m);
    else
        sprintf(w->line, "%s k%d %d", type == TYPE_HASH ? "HDEL" : type == TYPE_SET ? "SREM" : "ZREM", k, m);
    say(w, w->l, w->line);
    *tm = (struct twin_member){.deadline = -1};
}

/* Two members at once, with a condition at times. */
static void
step_expire(struct world *w, int k, enum value_type type)
{
    static const char *const conditions[] = {"", "NX ", "XX ", "GT ", "LT "};
    int c = rng_below(&w->rng, 2) ? (int)rng_below(&w->rng, 5) : 0, m[2];
    int64_t ttl = (int64_t)rng_below(&w->rng, 60) - 4, at = w->now_ms + ttl;
    size_t n = (size_t)sprintf(w->want, "*2\r\n");

    for (int i = 0; i < 2; i++)
        m[i] = (int)rng_below(&w->rng, MEMBERS);
    if (ttl >= 0 && rng_below(&w->rng, 2))
        sprintf(w->line, "%cPEXPIRE k%d %lld %sFIELDS 2 %d %d", letter(type), k, (long long)ttl, conditions[c], m[0],
                m[1]);
    else
        sprintf(w->line, "%cPEXPIREAT k%d %lld %sFIELDS 2 %d %d", letter(type), k, (long long)at, conditions[c], m[0],
                m[1]);
    for (int i = 0; i < 2; i++) {
        struct twin_member *tm = &w->keys[k].m[m[i]];
        bool met = c == 0 || (c == 1 && tm->deadline < 0) || (c == 2 && tm->deadline >= 0) ||
                   (c == 3 && tm->deadline >= 0 && at > tm->deadline) ||
                   (c == 4 && (tm->deadline < 0 || at < tm->deadline));
        int code = !tm->there ? -2 : !met ? 0 : ttl <= 0 ? 2 : 1;
        n += (size_t)sprintf(w->want + n, ":%d\r\n", code);
        if (code == 1)
            tm->deadline = at;
        else if (code == 2)
            *tm = (struct twin_member){.deadline = -1};
    }
    assert_string_equal(say(w, w->l, w->line), w->want);
}

static void
step_persist(struct world *w, int k, enum value_type type, int m)
{
    struct twin_member *tm = &w->keys[k].m[m];

    sprintf(w->line, "%cPERSIST k%d FIELDS 1 %d", letter(type), k, m);
    sprintf(w->want, "*1\r\n:%d\r\n", !tm->there ? -2 : tm->deadline < 0 ? -1 : 1);
    assert_string_equal(say(w, w->l, w->line), w->want);
    tm->deadline = -1;
}

static void
step_whole_key(struct world *w, int k, int j)
{
    struct twin_key *t = &w->keys[k];
    int64_t ttl = 1 + (int64_t)rng_below(&w->rng, 300);

    switch (rng_below(&w->rng, 6)) {
    case 0:
        sprintf(w->line, "RENAME k%d k%d", k, j);
        if (t->type != TYPE_COUNT && k != j) {
            w->keys[j] = *t;
            twin_drop(t);
        }
        break;
    case 1:
        sprintf(w->line, "COPY k%d k%d REPLACE", k, j);
        if (t->type != TYPE_COUNT && k != j)
            w->keys[j] = *t;
        break;
    case 2:
        sprintf(w->line, "PEXPIRE k%d %lld", k, (long long)ttl);
        if (t->type != TYPE_COUNT)
            t->expiry = w->now_ms + ttl;
        break;
    case 3:
        sprintf(w->line, "PERSIST k%d", k);
        t->expiry = -1;
        break;
    case 4:
        sprintf(w->line, "DEL k%d", k);
        if (rng_below(&w->rng, 4) != 0)
            return;
        twin_drop(t);
        break;
    default:
        sprintf(w->line, "SUNIONSTORE k%d k%d", k, k);
        if (t->type == TYPE_SET) {
            t->expiry = -1;
            for (int i = 0; i < MEMBERS; i++)
                t->m[i].deadline = -1;
        }
    }
    say(w, w->l, w->line);
}

/* Takes what the engine takes, and learns from the reply what that was. */
static void
step_pop(struct world *w, int k, enum value_type type)
{
    struct twin_key *t = &w->keys[k];
    int got;

    if (type == TYPE_HASH || t->type == TYPE_COUNT)
        return;
    sprintf(w->line, type == TYPE_SET ? "SPOP k%d" : "ZPOPMAX k%d", k);
    const char *reply = say(w, w->l, w->line);
    const char *text = strchr(reply + (type == TYPE_ZSET ? 4 : 0), '\n');
    assert_non_null(text);
    got = atoi(text + 1);
    assert_true(got >= 0 && got < MEMBERS && t->m[got].there);
    t->m[got] = (struct twin_member){.deadline = -1};
}

static void
step_setex(struct world *w, int k, int m, long v)
{
    struct twin_member *tm = &w->keys[k].m[m];
    int64_t ttl = (int64_t)rng_below(&w->rng, 50);

    switch (rng_below(&w->rng, 4)) {
    case 0:
        sprintf(w->line, "HSETEX k%d PX %lld FIELDS 1 %d %ld", k, (long long)ttl, m, v);
        make_key(&w->keys[k], TYPE_HASH);
        *tm = ttl > 0 ? (struct twin_member){true, v, w->now_ms + ttl} : (struct twin_member){.deadline = -1};
        break;
    case 1:
        sprintf(w->line, "HSETEX k%d KEEPTTL FIELDS 1 %d %ld", k, m, v);
        make_key(&w->keys[k], TYPE_HASH);
        *tm = (struct twin_member){true, v, tm->there ? tm->deadline : -1};
        break;
    case 2:
        sprintf(w->line, "HGETEX k%d PXAT %lld FIELDS 1 %d", k, (long long)(w->now_ms + ttl), m);
        if (tm->there)
            *tm =
                ttl > 0 ? (struct twin_member){true, tm->value, w->now_ms + ttl} : (struct twin_member){.deadline = -1};
        break;
    default: sprintf(w->line, "HGETEX k%d PERSIST FIELDS 1 %d", k, m); tm->deadline = -1;
    }
    say(w, w->l, w->line);
}

static void
one_step(struct world *w)
{
    int k = (int)rng_below(&w->rng, KEYS), m = (int)rng_below(&w->rng, MEMBERS);
    long v = (long)rng_below(&w->rng, 50);
    enum value_type types[] = {TYPE_HASH, TYPE_SET, TYPE_ZSET};
    enum value_type type = w->keys[k].type != TYPE_COUNT ? w->keys[k].type : types[rng_below(&w->rng, 3)];

    switch (rng_below(&w->rng, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: step_write(w, k, type, m, v); break;
    case 5: step_add(w, k, type, m, v + 1); break;
    case 6: step_remove(w, k, type, m, v % 2 == 0); break;
    case 7:
    case 8:
    case 9:
    case 10: step_expire(w, k, type); break;
    case 11: step_persist(w, k, type, m); break;
    case 12: step_pop(w, k, type); break;
    case 13:
        if (type == TYPE_HASH)
            step_setex(w, k, m, v);
        break;
    case 14:
        if (v % 4 == 0)
            step_whole_key(w, k, (int)rng_below(&w->rng, KEYS));
        break;
    default: {
        int64_t ms = (int64_t)rng_below(&w->rng, 8);
        w->now_ms += ms;
        w->follower->now_us += ms * 1000;
        if (v % 2 == 0)
            loopback_advance(w->l, ms);
        else
            w->l->now_us += ms * 1000; /* whoever looks first must find it gone */
        engine_now_update(w->l->engine);
        engine_now_update(w->follower->engine);
    }
    }
    twin_settle(w);
}

static void
random_run(uint64_t seed, bool tiny, bool active)
{
    struct world w = {.l = loopback_new(1), .follower = loopback_new(2), .now_ms = LOOPBACK_START_MS};

    rng_seed(&w.rng, seed);
    for (int k = 0; k < KEYS; k++) {
        twin_drop(&w.keys[k]);
        for (int i = 0; i < MEMBERS; i++)
            w.keys[k].m[i].deadline = -1;
    }
    loopback_open(w.l, 0);
    loopback_open(w.follower, 0);
    small_limits(w.l, tiny);
    small_limits(w.follower, tiny);
    engine_settings(w.l->engine)->active_expire = active;
    engine_settings(w.follower->engine)->never_expire = true;
    engine_add_sink(w.l->engine, EFFECT_LOG, (struct effect_sink){.apply = follow, .ctx = &w});
    for (int i = 0; i < STEPS; i++) {
        one_step(&w);
        if (i % 37 == 0)
            check_all(&w, w.l);
        else
            check_key(&w, w.l, (int)rng_below(&w.rng, KEYS));
    }
    check_all(&w, w.l);
    assert_true(keyspace_verify(engine_db(w.l->engine, 0)));
    assert_true(keyspace_verify(engine_db(w.follower->engine, 0)));
    engine_settings(w.follower->engine)->never_expire = false;
    check_all(&w, w.follower);
    engine_remove_sink(w.l->engine, EFFECT_LOG, &w);
    loopback_free(w.l);
    loopback_free(w.follower);
}

static void
test_twin(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        random_run(seed, seed % 2 == 0, seed > 2);
}

/* -- where nothing may be removed -------------------------------------------------------------------------------- */

static void
test_hidden_not_removed(void **state)
{
    struct world w = {.l = loopback_new(1)};
    struct engine *e = w.l->engine;

    (void)state;
    loopback_open(w.l, 0);
    say(&w, w.l, "HSETEX h PX 50 FIELDS 2 a 1 b 2");
    say(&w, w.l, "HSET h c 3");
    say(&w, w.l, "SADD s x");
    say(&w, w.l, "SPEXPIRE s 50 MEMBERS 1 x");
    engine_settings(e)->lazy_expire_deletes = false;
    loopback_advance(w.l, 100);
    assert_string_equal(say(&w, w.l, "HGET h a"), "$-1\r\n");
    assert_string_equal(say(&w, w.l, "HLEN h"), ":1\r\n");
    assert_string_equal(say(&w, w.l, "HGETALL h"), "*2\r\n$1\r\nc\r\n$1\r\n3\r\n");
    assert_string_equal(say(&w, w.l, "SCARD s"), ":0\r\n");
    assert_string_equal(say(&w, w.l, "EXISTS s h"), ":1\r\n");
    assert_string_equal(say(&w, w.l, "DBSIZE"), ":1\r\n");
    assert_string_equal(say(&w, w.l, "KEYS *"), "*1\r\n$1\r\nh\r\n");
    assert_int_equal(table_count(&engine_db(e, 0)->by_key), 2);
    assert_int_equal(engine_stats(e)->expired_members, 0);
    /* What comes from outside goes through all the same: it is the truth. */
    assert_string_equal(say(&w, w.l, "HDEL h a b"), ":2\r\n");
    assert_string_equal(say(&w, w.l, "SREM s x"), ":0\r\n");
    engine_settings(e)->lazy_expire_deletes = true;
    loopback_advance(w.l, 1);
    assert_int_equal(table_count(&engine_db(e, 0)->by_key), 1);
    loopback_free(w.l);
}

static void
test_slices(void **state)
{
    struct world w = {.l = loopback_new(1)};
    struct engine *e = w.l->engine;

    (void)state;
    loopback_open(w.l, 0);
    for (int i = 0; i < 20000; i++) {
        snprintf(w.line, sizeof(w.line), "HSETEX h PX 50 FIELDS 1 field-%d x", i);
        say(&w, w.l, w.line);
    }
    say(&w, w.l, "HSET h stays x");
    w.l->now_us += 100 * 1000;
    /* No time at all: one group of members goes, and there is more to do. */
    assert_int_equal(engine_tick(e, 0), 0);
    uint64_t gone = engine_stats(e)->expired_members;
    assert_in_range(gone, 1, 1000);
    assert_int_equal(engine_stats(e)->expired_members_by_tick, gone);
    assert_string_equal(say(&w, w.l, "HLEN h"), ":1\r\n");
    assert_int_equal(engine_stats(e)->expired_members, 20000);
    loopback_free(w.l);
}

/* -- beside commands that run in slices -------------------------------------------------------------------------- */

static void
feed(struct loopback *l, unsigned n, const char *line)
{
    size_t used = engine_feed(l->engine, l->sessions[n].session, slice_cstr(line), SIZE_MAX);

    assert_int_equal(used, strlen(line));
}

/* The first line of what a session has to send, all of which is dropped. */
static void
assert_first_line(struct loopback *l, unsigned n, const char *want)
{
    struct out *o = session_out(l->sessions[n].session);
    struct iovec v;

    assert_true(out_vectors(o, &v, 1) == 1 && v.iov_len >= strlen(want));
    assert_memory_equal(v.iov_base, want, strlen(want));
    out_sent(o, out_pending(o));
}

/* A long reader sees the members that were there when it began. Who begins later sees none that is due by then, and
 * nothing is removed before both are done. */
static void
test_long_readers(void **state)
{
    struct world w = {.l = loopback_new(1)};
    struct engine *e = w.l->engine;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        loopback_open(w.l, i);
    for (int i = 0; i < 20000; i++) {
        snprintf(w.line, sizeof(w.line), "SADD big member-%d", i);
        say(&w, w.l, w.line);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(w.line, sizeof(w.line), "SPEXPIRE big 100 MEMBERS 1 member-%d", 3 * i);
        say(&w, w.l, w.line);
    }
    engine_settings(e)->slice_us = 0;
    feed(w.l, 0, "SMEMBERS big\r\n");
    assert_int_equal(engine_sliced(e), 1);
    w.l->now_us += 200000;
    engine_now_update(e);
    feed(w.l, 1, "SMEMBERS big\r\n");
    assert_int_equal(engine_sliced(e), 2);
    feed(w.l, 2, "SCARD big\r\n");
    assert_first_line(w.l, 2, ":15000\r\n");
    feed(w.l, 2, "SISMEMBER big member-3\r\n");
    assert_first_line(w.l, 2, ":0\r\n");
    /* Another key can be changed, and what is due in it is gone. */
    feed(w.l, 2, "HSETEX h EXAT 4000000000 FIELDS 1 f 1\r\n");
    assert_first_line(w.l, 2, ":1\r\n");
    assert_int_equal(engine_stats(e)->expired_members, 0);
    while (engine_sliced(e) > 0)
        engine_tick(e, 1000);
    assert_first_line(w.l, 0, "*20000\r\n");
    assert_first_line(w.l, 1, "*15000\r\n");
    engine_settings(e)->slice_us = 500;
    loopback_advance(w.l, 1);
    assert_int_equal(engine_stats(e)->expired_members, 5000);
    assert_true(keyspace_verify(engine_db(e, 0)));
    loopback_free(w.l);
}

/* -- dumped values ----------------------------------------------------------------------------------------------- */

static struct entry *
make_value(enum value_type type, size_t n, const struct value_limits *lim, bool all)
{
    struct entry *e = entry_add_deadlines(entry_new(type, LIT("key")));
    char text[32];

    for (size_t i = 0; i < n; i++) {
        struct slice m = slice_of(text, (size_t)snprintf(text, sizeof(text), i % 2 ? "member-%zu" : "%zu", i));
        if (type == TYPE_HASH)
            (void)hash_set((struct hash *)entry_handle(e), lim, m, m);
        else if (type == TYPE_SET)
            (void)set_add((struct set *)entry_handle(e), lim, m);
        else
            (void)zset_put((struct zset *)entry_handle(e), lim, m, (double)i);
        if (all || i % 3 == 0)
            entry_set_deadline(e, lim, m, INT64_C(1700000000000) + (int64_t)((i * 7919) % 1000));
    }
    return e;
}

static void
assert_same_deadlines(struct entry *a, struct entry *b)
{
    const struct zset *d = entry_deadlines(a);
    struct slice member;
    double at;

    assert_int_equal(entry_member_count(a), entry_member_count(b));
    assert_non_null(entry_deadlines(b));
    assert_int_equal(zset_count(d), zset_count(entry_deadlines(b)));
    struct zset_iter it = zset_seek(d, 0, false);
    while (zset_next(d, &it, &member, &at)) {
        assert_true(entry_has_member(b, member));
        assert_true(entry_deadline(b, member) == (int64_t)at);
    }
}

static void
test_dump(void **state)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    static const enum value_type types[] = {TYPE_HASH, TYPE_SET, TYPE_ZSET};
    static const size_t sizes[] = {1, 10, 1000};

    (void)state;
    for (size_t i = 0; i < 18; i++) {
        struct entry *e = make_value(types[i % 3], sizes[i / 3 % 3], &lim, i < 9), *back = NULL;
        struct buf b = {0};
        (void)dump_value(e, i % 2 == 0, NULL, &b);
        assert_int_equal(dump_read(buf_slice(&b), LIT("other"), &lim, NULL, &back), DUMP_FINE);
        assert_same_deadlines(e, back);
        entry_free(back);
        /* No change of a byte gets past the checksum; past the footer is what the fuzzer tries. */
        for (size_t at = 0; at < b.len; at += 1 + b.len / 50) {
            b.ptr[at] ^= 1;
            assert_int_not_equal(dump_read(buf_slice(&b), LIT("other"), &lim, NULL, &back), DUMP_FINE);
            entry_free(back);
            b.ptr[at] ^= 1;
        }
        buf_fini(&b);
        entry_free(e);
    }
}

/* As Redis 7.4 writes them: types 25 and 24, the earliest deadline, then the fields; 0 or a difference plus one. */
static void
test_forms_of_redis(void **state)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct entry *e = entry_add_deadlines(entry_new(TYPE_HASH, LIT("key")));
    struct hash *h = (struct hash *)entry_handle(e);
    struct buf b = {0};

    (void)state;
    (void)hash_set(h, &lim, LIT("a"), LIT("1"));
    (void)hash_set(h, &lim, LIT("b"), LIT("2"));
    entry_set_deadline(e, &lim, LIT("b"), 0x12345678);
    (void)dump_value(e, false, NULL, &b);
    static const char packed[] = "\x19"
                                 "\x78\x56\x34\x12\0\0\0\0"
                                 "\x19"
                                 "\x19\0\0\0\x06\0"
                                 "\x81"
                                 "b\x02\x02\x01\xf3\x78\x56\x34\x12\x05\x81"
                                 "a\x02\x01\x01\0\x01\xff"
                                 "\x0c\0";
    assert_int_equal(b.len, sizeof(packed) - 1 + 8);
    assert_memory_equal(b.ptr, packed, sizeof(packed) - 1);
    buf_reset(&b);
    lim.hash_max_listpack_entries = 0;
    (void)hash_set(h, &lim, LIT("c"), LIT("3"));
    (void)hash_del(h, LIT("a"));
    entry_set_deadline(e, &lim, LIT("c"), 0x1234567a);
    (void)dump_value(e, false, NULL, &b);
    assert_int_equal((unsigned char)b.ptr[0], 24);
    assert_memory_equal(b.ptr + 1, "\x78\x56\x34\x12\0\0\0\0\x02", 9);
    static const char one[] = "\x01\x01"
                              "b\xc0\x02",
                      other[] = "\x03\x01"
                                "c\xc0\x03";
    bool in_order = memcmp(b.ptr + 10, one, 5) == 0;
    assert_memory_equal(b.ptr + (in_order ? 10 : 15), one, 5);
    assert_memory_equal(b.ptr + (in_order ? 15 : 10), other, 5);
    buf_fini(&b);
    entry_free(e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin),   cmocka_unit_test(test_hidden_not_removed),
        cmocka_unit_test(test_slices), cmocka_unit_test(test_long_readers),
        cmocka_unit_test(test_dump),   cmocka_unit_test(test_forms_of_redis),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

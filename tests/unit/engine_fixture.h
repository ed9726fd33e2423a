/* tests/unit/engine_fixture.h - an engine with a fake clock and a handful of commands, for the tests of src/engine. */
#ifndef SORREL_TESTS_ENGINE_FIXTURE_H
#define SORREL_TESTS_ENGINE_FIXTURE_H

#include "support/cmocka_only.h"

#include "base/buf.h"
#include "base/mem.h"
#include "engine/commandlog.h"
#include "engine/dispatch.h"
#include "engine/effects.h"
#include "engine/exec.h"
#include "engine/keyspace.h"
#include "engine/pubsub.h"
#include "engine/session.h"
#include "engine/settings.h"
#include "engine/tx.h"
#include "engine/waiters.h"
#include "support/talk.h"

#include <stdio.h>

struct fixture {
    struct engine *engine;
    int64_t wall_us, mono_ns;
    int64_t mono_step_ns; /* added at each reading */
    int ready_calls;
    session_id ready_last;
    struct talk talk;
};

static int64_t
fixture_wall(void *ctx)
{
    return ((struct fixture *)ctx)->wall_us;
}

static int64_t
fixture_mono(void *ctx)
{
    struct fixture *f = ctx;

    f->mono_ns += f->mono_step_ns;
    return f->mono_ns;
}

static void
fixture_ready(void *ctx, struct session *s)
{
    struct fixture *f = ctx;

    f->ready_calls++;
    f->ready_last = session_ident(s);
}

/* -- commands, just enough of each -- */

static enum rc
t_ping(struct exec *x)
{
    return reply_simple(x, LIT("PONG"));
}

static enum rc
t_set(struct exec *x)
{
    int64_t at = -1, ms;

    if (x->argc == 5) {
        TRY(arg_int(x, x->argv[4], &ms));
        at = x->now_ms + ms;
    }
    TRY(key_set_string(x, x->argv[1], x->argv[2], at, EV_SET));
    return reply_ok(x);
}

static enum rc
t_get(struct exec *x)
{
    const struct entry *e;

    TRY(read_string(x, x->argv[1], &e));
    return e == NULL ? reply_null(x) : reply_string(x, e);
}

static enum rc
t_del(struct exec *x)
{
    int64_t n = 0;

    for (int i = 1; i < x->argc; i++)
        n += key_delete(x, x->db, x->argv[i], EV_DEL);
    return reply_int(x, n);
}

static enum rc
t_append(struct exec *x)
{
    struct entry *e;

    TRY(edit_entry(x, x->argv[1], TYPE_STRING, ENTRY_CREATE, &e));
    e = entry_moved(x, e, string_append(e, x->argv[2]));
    size_t len = string_len(e);
    entry_changed(x, e, EV_APPEND);
    return reply_int(x, (int64_t)len);
}

static enum rc
t_pexpire(struct exec *x)
{
    int64_t ms;

    TRY(arg_int(x, x->argv[2], &ms));
    struct entry *e = peek(x, x->argv[1]);
    if (e == NULL)
        return reply_int(x, 0);
    key_expire(x, e, x->now_ms + ms, EV_EXPIRE);
    return reply_int(x, 1);
}

static enum rc
t_persist(struct exec *x)
{
    struct entry *e = peek(x, x->argv[1]);

    if (e == NULL || entry_expiry(e) < 0)
        return reply_int(x, 0);
    key_expire(x, e, -1, EV_PERSIST);
    return reply_int(x, 1);
}

static enum rc
t_rename(struct exec *x)
{
    struct entry *e = key_take(x, x->db, x->argv[1], EV_RENAME_FROM);

    if (e == NULL)
        return RC_NO_KEY;
    key_put(x, x->db, entry_rename(e, x->argv[2]), EV_RENAME_TO);
    return reply_ok(x);
}

static enum rc
t_rpush(struct exec *x)
{
    struct entry *e;
    struct list *l;

    TRY(edit_list(x, x->argv[1], ENTRY_CREATE, &e, &l));
    for (int i = 2; i < x->argc; i++)
        list_push(l, x->limits, LIST_TAIL, x->argv[i]);
    size_t n = list_count(l);
    entry_changed(x, e, EV_RPUSH);
    return reply_int(x, (int64_t)n);
}

static enum rc
pop_one(struct exec *x, struct slice key, bool with_key, bool *popped)
{
    struct entry *e;
    struct list *l;

    *popped = false;
    TRY(edit_list(x, key, ENTRY_EXISTING, &e, &l));
    if (e == NULL)
        return RC_OK;
    *popped = true;
    if (with_key) {
        reply_array(x, 2);
        reply_bulk(x, key);
    }
    reply_bulk(x, list_peek(l, LIST_HEAD));
    list_drop(l, LIST_HEAD, 1);
    entry_changed(x, e, EV_LPOP);
    return RC_OK;
}

static enum rc
t_lpop(struct exec *x)
{
    bool popped;

    TRY(pop_one(x, x->argv[1], false, &popped));
    return popped ? RC_OK : reply_null(x);
}

static enum rc
t_blpop(struct exec *x)
{
    int64_t deadline;
    bool popped;

    TRY(parse_timeout(x, x->argv[x->argc - 1], &deadline));
    for (int i = 1; i < x->argc - 1; i++) {
        TRY(pop_one(x, x->argv[i], true, &popped));
        if (popped) {
            EFFECT_AS(x, LIT("LPOP"), x->argv[i]);
            return RC_OK;
        }
    }
    if (!may_block(x))
        return reply_null_array(x);
    return wait_on_keys(x, x->argv + 1, x->argc - 2, TYPE_LIST, deadline);
}

/* A pop and a push elsewhere in one, for chains of waiters. */
static enum rc
t_blmove(struct exec *x)
{
    struct entry *from, *to;
    struct list *a, *b;
    int64_t deadline;

    TRY(parse_timeout(x, x->argv[3], &deadline));
    TRY(edit_list(x, x->argv[1], ENTRY_EXISTING, &from, &a));
    if (from == NULL)
        return may_block(x) ? wait_on_keys(x, x->argv + 1, 1, TYPE_LIST, deadline) : reply_null(x);
    struct slice moved = arena_copy(x->arena, list_peek(a, LIST_HEAD));
    TRY(edit_list(x, x->argv[2], ENTRY_CREATE, &to, &b));
    list_push(b, x->limits, LIST_TAIL, moved);
    list_drop(a, LIST_HEAD, 1);
    entry_changed(x, to, EV_RPUSH);
    entry_changed(x, from, EV_LPOP);
    EFFECT_AS(x, LIT("LMOVE"), x->argv[1], x->argv[2]);
    return reply_bulk(x, moved);
}

/* Waits for a list, and says so when the key goes or changes its type. */
static enum rc
t_blany(struct exec *x)
{
    const struct list *l;

    if (x->resumed && peek(x, x->argv[1]) == NULL)
        return fail(x, "UNBLOCKED the key no longer exists");
    TRY(read_list(x, x->argv[1], &l));
    if (x->resumed && l != NULL && list_count(l) > 2)
        return reply_int(x, (int64_t)list_count(l));
    wait_even_gone(x);
    return wait_on_keys(x, x->argv + 1, 1, TYPE_LIST, 0);
}

static enum rc
t_select(struct exec *x)
{
    int64_t n;

    TRY(arg_int(x, x->argv[1], &n));
    struct db *db = db_at(x, n);
    if (db == NULL)
        return RC_BAD_DB;
    db_select(x, db);
    return reply_ok(x);
}

static enum rc
t_swapdb(struct exec *x)
{
    int64_t a, b;

    TRY(arg_int(x, x->argv[1], &a));
    TRY(arg_int(x, x->argv[2], &b));
    db_swap(x, db_at(x, a), db_at(x, b));
    return reply_ok(x);
}

static enum rc
t_flushall(struct exec *x)
{
    db_flush(x, NULL, false);
    return reply_ok(x);
}

static enum rc
t_dbsize(struct exec *x)
{
    return reply_int(x, (int64_t)db_size(x, x->db));
}

static enum rc
t_subscribe(struct exec *x)
{
    for (int i = 1; i < x->argc; i++)
        pubsub_subscribe(x, PUBSUB_CHANNEL, x->argv[i]);
    return RC_OK;
}

static enum rc
t_unsubscribe(struct exec *x)
{
    if (x->argc == 1)
        pubsub_unsubscribe_all(x, PUBSUB_CHANNEL);
    for (int i = 1; i < x->argc; i++)
        pubsub_unsubscribe(x, PUBSUB_CHANNEL, x->argv[i]);
    return RC_OK;
}

static enum rc
t_psubscribe(struct exec *x)
{
    for (int i = 1; i < x->argc; i++)
        pubsub_subscribe(x, PUBSUB_PATTERN, x->argv[i]);
    return RC_OK;
}

static enum rc
t_publish(struct exec *x)
{
    return reply_int(x, (int64_t)pubsub_publish(x->engine, PUBSUB_CHANNEL, x->argv[1], x->argv[2]));
}

static enum rc
t_quit(struct exec *x)
{
    session_close_after_reply(x->session);
    return reply_ok(x);
}

static enum rc
t_reset(struct exec *x)
{
    session_reset(x->session);
    return reply_simple(x, LIT("RESET"));
}

static enum rc
t_reply(struct exec *x)
{
    bool on = arg_is(x->argv[1], LIT("on"));

    session_set_reply_mode(x->session, on ? REPLY_ON : arg_is(x->argv[1], LIT("off")) ? REPLY_OFF : REPLY_SKIP_NEXT);
    return on ? reply_ok(x) : RC_OK;
}

static enum rc
t_auth(struct exec *x)
{
    if (!slice_eq(x->argv[1], engine_password(x->engine)))
        return fail(x, "WRONGPASS invalid username-password pair or user is disabled.");
    session_set_authenticated(x->session, true);
    return reply_ok(x);
}

static enum rc
t_resp3(struct exec *x)
{
    session_set_resp(x->session, 3);
    return reply_ok(x);
}

static enum rc
t_monitor(struct exec *x)
{
    session_monitor(x->session, true);
    return reply_ok(x);
}

static enum rc
t_boom(struct exec *x)
{
    return fail(x, "BOOM %d\r\nforged", 7);
}

/* Makes a list and then changes its mind. */
static enum rc
t_halfway(struct exec *x)
{
    struct entry *e;
    struct list *l;

    TRY(edit_list(x, x->argv[1], ENTRY_CREATE, &e, &l));
    return RC_SYNTAX;
}

static const struct cmd t_box_subs[] = {
    {"get", t_ping, .arity = 2, .flags = CMD_FAST},
    {"put", t_ping, .arity = -3, .flags = CMD_WRITE, .keys = {KEY_AT(2, KEY_RW)}},
    {0},
};

static const struct cmd fixture_rows[] = {
    {"ping", t_ping, .arity = -1, .flags = CMD_FAST, .group = GROUP_CONNECTION},
    {"set", t_set, .arity = -3, .flags = CMD_WRITE | CMD_DENYOOM, .keys = {KEY_AT(1, KEY_OW)}},
    {"get", t_get, .arity = 2, .flags = CMD_READONLY | CMD_FAST, .keys = {KEY_AT(1, KEY_RO)}},
    {"del", t_del, .arity = -2, .flags = CMD_WRITE, .keys = {KEY_RANGE(1, -1, 1, KEY_RM)}},
    {"append", t_append, .arity = 3, .flags = CMD_WRITE | CMD_DENYOOM, .keys = {KEY_AT(1, KEY_RW)}},
    {"pexpire", t_pexpire, .arity = 3, .flags = CMD_WRITE, .keys = {KEY_AT(1, KEY_RW)}},
    {"persist", t_persist, .arity = 2, .flags = CMD_WRITE, .keys = {KEY_AT(1, KEY_RW)}},
    {"rename", t_rename, .arity = 3, .flags = CMD_WRITE, .keys = {KEY_AT(1, KEY_RW), KEY_AT(2, KEY_OW)}},
    {"rpush", t_rpush, .arity = -3, .flags = CMD_WRITE | CMD_DENYOOM, .keys = {KEY_AT(1, KEY_RW)}},
    {"lpop", t_lpop, .arity = 2, .flags = CMD_WRITE, .keys = {KEY_AT(1, KEY_RW)}},
    {"blpop", t_blpop, .arity = -3, .flags = CMD_WRITE | CMD_BLOCKING, .keys = {KEY_RANGE(1, -2, 1, KEY_RW)}},
    {"blmove", t_blmove, .arity = 4, .flags = CMD_WRITE | CMD_BLOCKING, .keys = {KEY_AT(1, KEY_RW), KEY_AT(2, KEY_RW)}},
    {"blany", t_blany, .arity = 2, .flags = CMD_BLOCKING, .keys = {KEY_AT(1, KEY_RO)}},
    {"select", t_select, .arity = 2, .flags = CMD_FAST | CMD_LOADING | CMD_STALE},
    {"swapdb", t_swapdb, .arity = 3, .flags = CMD_WRITE | CMD_FAST},
    {"flushall", t_flushall, .arity = -1, .flags = CMD_WRITE},
    {"dbsize", t_dbsize, .arity = 1, .flags = CMD_READONLY | CMD_FAST},
    {"subscribe", t_subscribe, .arity = -2, .flags = CMD_PUBSUB},
    {"unsubscribe", t_unsubscribe, .arity = -1, .flags = CMD_PUBSUB},
    {"psubscribe", t_psubscribe, .arity = -2, .flags = CMD_PUBSUB},
    {"publish", t_publish, .arity = 3, .flags = CMD_PUBSUB | CMD_FAST},
    {"multi", tx_multi, .arity = 1, .flags = CMD_FAST | CMD_LOADING, .group = GROUP_TRANSACTIONS},
    {"exec", tx_exec, .arity = 1, .flags = CMD_SKIP_SLOWLOG | CMD_LOADING, .group = GROUP_TRANSACTIONS},
    {"discard", tx_discard, .arity = 1, .flags = CMD_FAST, .group = GROUP_TRANSACTIONS},
    {"watch", tx_watch, .arity = -2, .flags = CMD_FAST, .keys = {KEY_RANGE(1, -1, 1, KEY_RO)}},
    {"unwatch", tx_unwatch, .arity = 1, .flags = CMD_FAST},
    {"quit", t_quit, .arity = -1, .flags = CMD_NO_AUTH | CMD_FAST},
    {"reset", t_reset, .arity = 1, .flags = CMD_NO_AUTH | CMD_FAST},
    {"reply", t_reply, .arity = 2},
    {"auth", t_auth, .arity = 2, .flags = CMD_NO_AUTH | CMD_SECRET | CMD_LOADING},
    {"resp3", t_resp3, .arity = 1},
    {"monitor", t_monitor, .arity = 1, .flags = CMD_ADMIN},
    {"boom", t_boom, .arity = 1},
    {"halfway", t_halfway, .arity = 2, .flags = CMD_WRITE, .keys = {KEY_AT(1, KEY_RW)}},
    {"nomulti", t_ping, .arity = 1, .flags = CMD_NO_MULTI},
    {"box", NULL, .arity = -2, .subs = t_box_subs},
    {0},
};
static const struct cmd *const fixture_families[] = {fixture_rows, NULL};

/* -- the fixture -- */

static inline int
fixture_setup(void **state)
{
    struct fixture *f = mem_get_zero(sizeof(*f));
    struct hash_seed seed = {0x0123456789abcdefu, 0xfedcba9876543210u};

    f->wall_us = INT64_C(1700000000000000);
    struct engine_options opt = {
        .clock = {fixture_wall, fixture_mono, f},
        .rng_seed = 7,
        .hash_seed = seed,
        .databases = 16,
        .families = fixture_families,
        .host = {.ctx = f, .session_ready = fixture_ready},
        .limits = value_limits_default(seed),
    };
    f->engine = engine_new(&opt);
    *state = f;
    return 0;
}

static inline int
fixture_teardown(void **state)
{
    struct fixture *f = *state;

    engine_free(f->engine);
    talk_fini(&f->talk);
    mem_free(f);
    return 0;
}

static inline struct session *
client(struct fixture *f)
{
    return engine_session_open(f->engine, NULL, LIT("127.0.0.1:5000"), LIT("127.0.0.1:6379"));
}

/* Time goes by; what is due happens. */
static inline void
pass_ms(struct fixture *f, int64_t ms)
{
    f->wall_us += ms * 1000;
    engine_tick(f->engine, 1000000);
}

/* Time goes by and nobody notices but the clock. */
static inline void
jump_ms(struct fixture *f, int64_t ms)
{
    f->wall_us += ms * 1000;
    engine_now_update(f->engine);
}

/* All that the session has to send, as a string; the output is empty afterwards. */
static inline const char *
take(struct fixture *f, struct session *s)
{
    return talk_take(&f->talk, s);
}

/* Feeds the bytes and returns the reply. */
static inline const char *
feed(struct fixture *f, struct session *s, const char *bytes)
{
    engine_feed(f->engine, s, slice_cstr(bytes), SIZE_MAX);
    return take(f, s);
}

/* Sends an inline command. */
static inline const char *
say(struct fixture *f, struct session *s, const char *line)
{
    char text[512];

    snprintf(text, sizeof(text), "%s\r\n", line);
    return feed(f, s, text);
}

#define assert_says(f, s, line, reply) assert_string_equal(say((f), (s), (line)), (reply))

#endif

/* tests/fuzz/fuzz_restore.c - RESTORE of any bytes: refused, or a value like any other.
 *
 * One that is accepted is sound inside, gives a payload that is accepted as well and makes an equal value, and every
 * command of its type, and some that are for all types, works on it: each is run on the value as it was restored, with
 * arguments by chance, and must not find a wrong type or leave anything unsound behind.
 *
 * The first byte is the seed of that chance; the rest is the payload without its footer, which is added here.
 */
#include "engine/keyspace.h"
#include "engine/session.h"
#include "engine/settings.h"
#include "store/dump.h"
#include "support/commands.h"
#include "support/loopback.h"
#include "support/values.h"
#include "value/rdb_string.h"

enum { GENERIC_ONE_IN = 4 };

struct trial {
    struct loopback *l;
    struct rng rng;
    struct arena arena;
    struct buf payload;
    enum value_type type;
};

/* The reply, until the next one. */
static struct slice
run(struct trial *t, const struct slice *argv, int argc)
{
    struct buf *out = &t->l->sessions[0].out;

    if (t->l->sessions[0].session != NULL && session_is_blocked(t->l->sessions[0].session))
        loopback_close(t->l, 0);
    if (t->l->sessions[0].session == NULL)
        CHECK(loopback_open(t->l, 0));
    buf_reset(out);
    loopback_command(t->l, 0, argv, (size_t)argc);
    return buf_slice(out);
}

#define RUN(t, ...)                             \
    run(t, (const struct slice[]){__VA_ARGS__}, \
        (int)(sizeof((const struct slice[]){__VA_ARGS__}) / sizeof(struct slice)))

static bool
restore(struct trial *t, struct slice key, struct slice payload)
{
    struct slice reply = RUN(t, LIT("RESTORE"), key, LIT("0"), payload, LIT("REPLACE"));

    CHECK(reply.len > 0 && (reply.ptr[0] == '+' || reply.ptr[0] == '-'));
    return reply.ptr[0] == '+';
}

static void
check_sound(struct trial *t)
{
    struct db *db = engine_db(t->l->engine, 0);
    static const struct slice keys[] = {LIT_INIT("k"), LIT_INIT("other")};

    CHECK(keyspace_verify(db));
    for (int i = 0; i < 2; i++) {
        struct entry *e = keyspace_find(t->l->engine, db, keys[i]);
        CHECK(e == NULL || value_verify(e));
    }
}

/* What DUMP gives, without what stands around it in the reply; freed by the caller. */
static struct buf
dumped(struct trial *t, struct slice key)
{
    struct slice reply = RUN(t, LIT("DUMP"), key);
    struct buf copy = {0};
    const char *line = memchr(reply.ptr, '\n', reply.len);

    CHECK(line != NULL && reply.ptr[0] == '$');
    if (reply.ptr[1] != '-')
        buf_add(&copy, line + 1, reply.len - (size_t)(line + 1 - reply.ptr) - 2);
    return copy;
}

/* Dumped and restored again it is equal, and so is what is dumped then where order does not depend on a table's. */
static void
check_dump(struct trial *t)
{
    struct buf first = dumped(t, LIT("k"));

    CHECK(first.len > 0 && restore(t, LIT("other"), buf_slice(&first)));
    struct slice digests = RUN(t, LIT("DEBUG"), LIT("DIGEST-VALUE"), LIT("k"), LIT("other"));
    enum { HEAD = 4 }; /* "*2\r\n", then twice the same */
    size_t half = (digests.len - HEAD) / 2;
    CHECK(digests.len > HEAD && digests.ptr[0] == '*');
    CHECK(memcmp(digests.ptr + HEAD, digests.ptr + HEAD + half, half) == 0);
    if (t->type == TYPE_STRING || t->type == TYPE_LIST || t->type == TYPE_ZSET || t->type == TYPE_STREAM) {
        struct buf second = dumped(t, LIT("other"));
        CHECK(slice_eq(buf_slice(&first), buf_slice(&second)));
        buf_fini(&second);
    }
    buf_fini(&first);
    check_sound(t);
}

static struct slice
any_key(void *ctx, const struct command *c)
{
    struct trial *t = ctx;

    (void)c;
    return rng_below(&t->rng, 4) > 0 ? LIT("k") : LIT("other");
}

static bool
is_of_type(enum cmd_group group, enum value_type type)
{
    switch (type) {
    case TYPE_STRING: return group == GROUP_STRING || group == GROUP_BITMAP;
    case TYPE_LIST: return group == GROUP_LIST;
    case TYPE_SET: return group == GROUP_SET;
    case TYPE_ZSET: return group == GROUP_SORTED_SET || group == GROUP_GEO;
    case TYPE_HASH: return group == GROUP_HASH;
    case TYPE_STREAM: return group == GROUP_STREAM;
    case TYPE_JSON: return group == GROUP_JSON;
    default: return false;
    }
}

/* A client may ask for as many random members as it likes: that is not what we look for. */
static bool
is_too_much(const struct made_command *made)
{
    for (int i = 2; i < made->n; i++) {
        if (made->v[i].len > 8 && made->v[i].ptr[0] == '-')
            return true;
    }
    return false;
}

static void
try_command(struct trial *t, struct command *c)
{
    struct command_maker maker = {
        .engine = t->l->engine, .rng = &t->rng, .arena = &t->arena, .wrong_one_in = 16, .key = any_key, .ctx = t};
    struct made_command made;
    enum cmd_group group = c->parent != NULL ? c->parent->row->group : c->row->group;
    bool own = is_of_type(group, t->type);

    if (!own && group != GROUP_HYPERLOGLOG && (group != GROUP_GENERIC || rng_below(&t->rng, GENERIC_ONE_IN) > 0))
        return;
    command_make(&maker, c, &made);
    if (is_too_much(&made))
        return;
    CHECK(restore(t, LIT("k"), buf_slice(&t->payload)));
    /* The other key is of the same type or not there, whatever the last command left in it. */
    if (rng_below(&t->rng, 2) == 0)
        CHECK(restore(t, LIT("other"), buf_slice(&t->payload)));
    else
        (void)RUN(t, LIT("DEL"), LIT("other"));
    struct slice reply = run(t, made.v, made.n);
    CHECK(reply.len > 0 || t->l->sessions[0].session == NULL || session_is_blocked(t->l->sessions[0].session));
    CHECK(!own || !slice_starts(reply, LIT("-WRONGTYPE Operation against a key")));
    check_sound(t);
    arena_reset(&t->arena);
}

static void
try_commands(struct trial *t)
{
    for (size_t i = 0; i < command_count(t->l->engine); i++) {
        struct command *c = command_at(t->l->engine, i);
        if (c->sub_count == 0)
            try_command(t, c);
        for (size_t k = 0; k < c->sub_count; k++)
            try_command(t, &c->subs[k]);
        /* They may have made it something else. */
        if (!restore(t, LIT("other"), buf_slice(&t->payload)))
            CHECK(false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trial t = {.type = TYPE_COUNT};

    if (size < 2)
        return 0;
    t.l = loopback_new_with(7, store_dump_family);
    engine_settings(t.l->engine)->proto_max_bulk_len = 1 << 20;
    engine_settings_changed(t.l->engine);
    rng_seed(&t.rng, data[0]);
    buf_add(&t.payload, data + 1, size - 1);
    (void)rdb_put_footer(&t.payload, 0, data[0] % 8 == 0 ? RDB_VERSION_VALKEY_MIN : RDB_VERSION_REDIS_MAX, NULL);
    if (restore(&t, LIT("k"), buf_slice(&t.payload))) {
        check_sound(&t);
        struct entry *e = keyspace_find(t.l->engine, engine_db(t.l->engine, 0), LIT("k"));
        /* Its members may all have had their time. */
        if (e != NULL) {
            t.type = entry_type(e);
            check_dump(&t);
            try_commands(&t);
        }
    }
    loopback_free(t.l);
    arena_fini(&t.arena);
    buf_fini(&t.payload);
    return 0;
}

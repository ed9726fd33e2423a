/* store/dump.c - DUMP and RESTORE: one value as bytes, as in a snapshot, with version and checksum behind it. */
#include "store/dump.h"
#include "engine/exec.h"
#include "store/rdb_build.h"
#include "store/rdb_extra.h"
#include "store/rdb_write.h"

bool
dump_value(struct entry *e, bool compress, struct pulse *pulse, struct buf *out)
{
    enum { PART_BYTES = 1024 };
    struct rdb_chunk c = {0};
    struct rdb_packer p = {.compress = compress};
    struct rdb_value v;
    size_t from = out->len;
    bool whole, wanted = true;

    rdb_put_type(&c, &v, e);
    do {
        whole = rdb_put_value(&c, &v, PART_BYTES);
        rdb_pack(&p, &c, out);
        rdb_chunk_reset(&c);
        wanted = whole || pulse_beat(pulse);
    } while (!whole && wanted);
    rdb_chunk_fini(&c);
    return wanted && rdb_put_footer(out, from, rdb_version_of(e), pulse);
}

enum dump_trouble
dump_read(struct slice payload, struct slice key, const struct value_limits *limits, struct pulse *pulse,
          struct entry **out)
{
    struct rdb_build b;
    const char *why;
    int version;

    *out = NULL;
    if (!rdb_take_footer(&payload, &version, pulse) || payload.len == 0)
        return DUMP_BAD_FOOTER;
    const unsigned char *p = (const unsigned char *)payload.ptr;
    struct rdb_input in = {p, p + payload.len, NULL};
    rdb_build_init(&b, limits);
    b.valkey = version >= RDB_VERSION_VALKEY_MIN;
    b.pulse = pulse;
    bool whole = rdb_get_extra(&b, &in) == RDB_GOT && rdb_get_bytes(&in, 1, &p) == RDB_GOT &&
                 rdb_build_begin(&b, *p, key, &why) && rdb_build_step(&b, &in) == RDB_GOT && in.p == in.end;
    if (b.entry != NULL)
        *out = rdb_build_take(&b);
    rdb_build_fini(&b);
    return whole && *out != NULL ? DUMP_FINE : DUMP_BAD_FORMAT;
}

/* -- commands -------------------------------------------------------------------------------------------------- */

static enum rc
cmd_dump(struct exec *x)
{
    struct entry *e = look(x, x->argv[1]);

    if (e == NULL)
        return reply_null(x);
    if (exec_is_long(x, entry_elements(e)))
        return exec_in_slices(x, cmd_dump, 0);
    struct buf *b = exec_scratch(x);
    struct exec_beat beat = exec_beat_of(x);
    return dump_value(e, true, &beat.pulse, b) ? reply_bulk(x, buf_slice(b)) : beat.rc;
}

struct restore_options {
    bool replace, absolute;
    int64_t idle_s, freq; /* -1: not told */
};

static enum rc
read_options(struct exec *x, struct restore_options *o)
{
    *o = (struct restore_options){.idle_s = -1, .freq = -1};
    for (int i = 4; i < x->argc; i++) {
        bool more = i + 1 < x->argc;
        if (arg_is(x->argv[i], LIT("replace"))) {
            o->replace = true;
        } else if (arg_is(x->argv[i], LIT("absttl"))) {
            o->absolute = true;
        } else if (arg_is(x->argv[i], LIT("idletime")) && more && o->freq < 0) {
            TRY(arg_int(x, x->argv[++i], &o->idle_s));
            if (o->idle_s < 0)
                return fail(x, "ERR Invalid IDLETIME value, must be >= 0");
        } else if (arg_is(x->argv[i], LIT("freq")) && more && o->idle_s < 0) {
            TRY(arg_int(x, x->argv[++i], &o->freq));
            if (o->freq < 0 || o->freq > 255)
                return fail(x, "ERR Invalid FREQ value, must be >= 0 and <= 255");
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

/* Replicas and the log get the moment, not the time that is left. */
static void
propagate_absolute(struct exec *x, int64_t at_ms)
{
    char text[INT64_TEXT_MAX];
    int argc = x->argc;
    struct slice *argv = arena_array(x->arena, (size_t)argc + 1, sizeof(*argv));

    memcpy(argv, x->argv, (size_t)argc * sizeof(*argv));
    argv[2] = slice_of(text, format_int64(text, at_ms));
    argv[argc] = LIT("ABSTTL");
    effect_as(x, argv, argc + 1);
}

static void
set_clock(struct exec *x, struct entry *e, const struct restore_options *o)
{
    if (o->freq >= 0 && policy_is_lfu(x))
        entry_set_clock(e, (entry_clock(e) & ~255u) | (uint32_t)o->freq);
    else if (o->idle_s >= 0 && !policy_is_lfu(x))
        entry_set_clock(e, (uint32_t)(x->now_ms / 1000 - (o->idle_s < 0xffffff ? o->idle_s : 0xffffff)) & 0xffffff);
}

/* A moment that has passed: nothing is restored, and what was there goes. */
static enum rc
restore_expired(struct exec *x, bool existed)
{
    if (existed) {
        EFFECT_AS(x, LIT("DEL"), x->argv[1]);
        (void)key_delete(x, x->db, x->argv[1], EV_DEL);
    }
    return reply_ok(x);
}

/* Whether to make a value of that may take long. A string is only copied. */
static bool
is_long(const struct exec *x, struct slice payload)
{
    enum { LONG_BYTES = 64 * 1024 };

    return payload.len >= LONG_BYTES && payload.ptr[0] != RDB_STRING && !exec_is_sliced(x);
}

static enum rc
read_payload(struct exec *x, struct entry **e)
{
    struct exec_beat beat = exec_beat_of(x);
    enum dump_trouble trouble = dump_read(x->argv[3], x->argv[1], x->limits, &beat.pulse, e);

    if (trouble == DUMP_FINE)
        return RC_OK;
    if (*e != NULL)
        entry_drop(x, *e);
    TRY(beat.rc);
    return trouble == DUMP_BAD_FOOTER ? fail(x, "ERR DUMP payload version or checksum are wrong")
                                      : fail(x, "ERR Bad data format");
}

static enum rc
cmd_restore(struct exec *x)
{
    struct restore_options o;
    struct entry *e = NULL;
    int64_t ttl;

    TRY(read_options(x, &o));
    bool exists = peek(x, x->argv[1]) != NULL;
    if (exists && !o.replace)
        return fail(x, "BUSYKEY Target key name already exists.");
    TRY(arg_int(x, x->argv[2], &ttl));
    if (ttl < 0)
        return fail(x, "ERR Invalid TTL value, must be >= 0");
    if (is_long(x, x->argv[3]))
        return exec_in_slices(x, cmd_restore, 0);
    TRY(read_payload(x, &e));
    if (ttl != 0 && !o.absolute)
        ttl = ttl > INT64_MAX - x->now_ms ? INT64_MAX : ttl + x->now_ms;
    if (ttl != 0 && ttl < x->now_ms) {
        entry_free(e);
        return restore_expired(x, exists);
    }
    if (ttl != 0)
        e = entry_set_expiry(e, ttl);
    key_put(x, x->db, e, EV_RESTORE);
    set_clock(x, e, &o);
    if (ttl != 0 && !o.absolute)
        propagate_absolute(x, ttl);
    return reply_ok(x);
}

#define RESTORE_ROW                                                                                      \
    .arity = -4, .categories = CAT(KEYSPACE) | CAT(DANGEROUS), .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)}, \
    .args = "key ttl:int serialized-value [REPLACE]@3.0.0 [ABSTTL]@5.0.0 [IDLETIME seconds:int]@5.0.0 "  \
            "[FREQ frequency:int]@5.0.0",                                                                \
    .reply = "OK", .complexity = "O(N) for N bytes, O(N*log(N)) for a sorted set of N members",          \
    .history = "3.0.0 Option REPLACE.|5.0.0 Option ABSTTL.|5.0.0 Options IDLETIME and FREQ."

const struct cmd store_dump_family[] = {
    {"dump", cmd_dump, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_READONLY, .categories = CAT(KEYSPACE),
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.6.0", .args = "key", .reply = "bulk | null",
     .about = "Returns a value as bytes that RESTORE takes.", .complexity = "O(N) for N bytes",
     .tips = "nondeterministic_output"},
    {"restore", cmd_restore, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_DENYOOM, .since = "2.6.0",
     .about = "Makes a key from what DUMP returned.", RESTORE_ROW},
    {"restore-asking", cmd_restore, .group = GROUP_SERVER, .flags = CMD_WRITE | CMD_DENYOOM | CMD_ASKING,
     .since = "3.0.0", .about = "RESTORE for moving keys between the nodes of a cluster.", RESTORE_ROW},
    {0},
};

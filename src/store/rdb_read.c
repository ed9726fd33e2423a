/* store/rdb_read.c - see rdb_read.h.
 *
 * A record is read in one go if all of its fixed part is there, else again when more has come; only values, which may
 * be large, are built in steps (rdb_build.h).
 */
#include "store/rdb_read.h"

#include "base/crc64.h"
#include "base/mem.h"
#include "store/rdb_build.h"
#include "store/rdb_extra.h"

enum { MAGIC_LEN = 9, DB_MAX = 1 << 20 };
enum state { STATE_MAGIC, STATE_RECORD, STATE_VALUE, STATE_CHECKSUM, STATE_END, STATE_BAD };

struct rdb_reader {
    struct rdb_handler handler;
    struct rdb_build build;
    struct buf in;
    size_t at;     /* in `in`, of what has not been read yet */
    size_t summed; /* bytes of `in` that are in the checksum */
    uint64_t base; /* offset of in.ptr[0] in the whole */
    uint64_t crc, keys;
    int version;
    bool valkey, check_sum;
    enum state state;
    struct rdb_key key;
    struct buf a, b, why;
};

struct rdb_reader *
rdb_reader_new(const struct rdb_handler *h, const struct value_limits *limits)
{
    struct rdb_reader *r = mem_get_zero(sizeof(*r));

    r->handler = *h;
    r->check_sum = true;
    r->key = (struct rdb_key){.expiry = -1, .idle_s = -1, .freq = -1};
    rdb_build_init(&r->build, limits);
    return r;
}

void
rdb_reader_free(struct rdb_reader *r)
{
    if (r == NULL)
        return;
    rdb_build_fini(&r->build);
    buf_fini(&r->in);
    buf_fini(&r->a);
    buf_fini(&r->b);
    buf_fini(&r->why);
    mem_free(r);
}

void
rdb_reader_set_checksum(struct rdb_reader *r, bool on)
{
    r->check_sum = on;
}

static void
sum_up(struct rdb_reader *r)
{
    if (r->check_sum)
        r->crc = crc64(r->crc, slice_of(r->in.ptr + r->summed, r->at - r->summed));
    r->summed = r->at;
}

char *
rdb_reader_room(struct rdb_reader *r, size_t n)
{
    if (r->state != STATE_END && r->at > 0) {
        sum_up(r);
        r->base += r->at;
        buf_consume(&r->in, r->at);
        r->at = r->summed = 0;
    }
    return buf_try_reserve(&r->in, n) ? r->in.ptr + r->in.len : NULL;
}

uint64_t
rdb_reader_offset(const struct rdb_reader *r)
{
    return r->base + r->at;
}

uint64_t
rdb_reader_keys(const struct rdb_reader *r)
{
    return r->keys;
}

int
rdb_reader_version(const struct rdb_reader *r)
{
    return r->version;
}

struct slice
rdb_reader_why(const struct rdb_reader *r)
{
    return buf_slice(&r->why);
}

struct slice
rdb_reader_rest(const struct rdb_reader *r)
{
    return r->state == STATE_END ? slice_of(r->in.ptr + r->at, r->in.len - r->at) : slice_of(NULL, 0);
}

static enum rdb_got
damaged(struct rdb_reader *r, uint64_t offset, const char *why)
{
    r->state = STATE_BAD;
    buf_reset(&r->why);
    buf_printf(&r->why, "%s (at offset %llu)", why, (unsigned long long)offset);
    return RDB_BAD;
}

void
rdb_reader_cut(struct rdb_reader *r)
{
    if (r->state != STATE_BAD)
        (void)damaged(r, r->base + r->in.len, "it ends in the middle");
}

/* -- records --------------------------------------------------------------------------------------------------- */

static enum rdb_got
read_magic(struct rdb_reader *r, struct rdb_input *in)
{
    const unsigned char *p;
    int64_t version = 0;
    size_t digits = 4;

    RDB_TRY(rdb_get_bytes(in, MAGIC_LEN, &p));
    if (memcmp(p, "VALKEY", 6) == 0) {
        r->valkey = r->build.valkey = true;
        digits = 3;
    } else if (memcmp(p, "REDIS", 5) != 0) {
        return rdb_bad(in, "this is no snapshot: it does not begin with REDIS or VALKEY");
    }
    for (const unsigned char *d = p + MAGIC_LEN - digits; d < p + MAGIC_LEN; d++) {
        if (*d < '0' || *d > '9')
            return rdb_bad(in, "the version is no number");
        version = 10 * version + (*d - '0');
    }
    bool known = r->valkey ? version >= RDB_VERSION_VALKEY_MIN && version <= RDB_VERSION_VALKEY_MAX
                           : version >= 1 && version <= RDB_VERSION_REDIS_MAX;
    if (!known)
        return rdb_bad(in, "the version is not one that can be read");
    r->version = (int)version;
    r->state = STATE_RECORD;
    return RDB_GOT;
}

static enum rdb_got
read_select(struct rdb_reader *r, struct rdb_input *in)
{
    uint64_t db;

    RDB_TRY(rdb_get_len(in, &db));
    if (db >= DB_MAX)
        return rdb_bad(in, "a database with an impossible number");
    r->key.db = (int)db;
    return RDB_GOT;
}

static enum rdb_got
read_sizes(struct rdb_reader *r, struct rdb_input *in)
{
    uint64_t keys, expiring;

    RDB_TRY(rdb_get_len(in, &keys));
    RDB_TRY(rdb_get_len(in, &expiring));
    if (r->handler.sizes != NULL)
        r->handler.sizes(r->handler.ctx, r->key.db, keys, expiring);
    return RDB_GOT;
}

static enum rdb_got
read_aux(struct rdb_reader *r, struct rdb_input *in)
{
    struct slice name, value;

    RDB_TRY(rdb_get_string(in, &r->a, &name));
    RDB_TRY(rdb_get_string(in, &r->b, &value));
    if (slice_eq(name, RDB_MESSAGES_AUX))
        return rdb_take_messages(&r->build, value);
    if (slice_eq(name, RDB_DEADLINES_AUX))
        return rdb_take_deadlines(&r->build, in, value);
    if (r->handler.aux != NULL)
        r->handler.aux(r->handler.ctx, name, value);
    return RDB_GOT;
}

static enum rdb_got
read_function(struct rdb_reader *r, struct rdb_input *in)
{
    struct slice code;

    RDB_TRY(rdb_get_string(in, &r->a, &code));
    buf_reset(&r->b);
    if (r->handler.function != NULL && !r->handler.function(r->handler.ctx, code, &r->b)) {
        buf_add_char(&r->b, '\0');
        return rdb_bad(in, r->b.ptr);
    }
    return RDB_GOT;
}

/* What a module left beside the keys: numbers and strings, each with its kind in front; nothing of it concerns us. */
static enum rdb_got
skip_module_aux(struct rdb_reader *r, struct rdb_input *in)
{
    enum { END, SIGNED, UNSIGNED, FLOAT, DOUBLE, STRING };
    const unsigned char *p;
    struct slice s;
    uint64_t n, kind;

    RDB_TRY(rdb_get_len(in, &n)); /* the module */
    for (;;) {
        RDB_TRY(rdb_get_len(in, &kind));
        switch (kind) {
        case END: return RDB_GOT;
        case SIGNED:
        case UNSIGNED: RDB_TRY(rdb_get_len(in, &n)); break;
        case FLOAT: RDB_TRY(rdb_get_bytes(in, 4, &p)); break;
        case DOUBLE: RDB_TRY(rdb_get_bytes(in, 8, &p)); break;
        case STRING: RDB_TRY(rdb_get_string(in, &r->a, &s)); break;
        default: return rdb_bad(in, "a module's data of no known kind");
        }
    }
}

static enum rdb_got
read_slot_info(struct rdb_input *in)
{
    uint64_t n;

    for (int i = 0; i < 3; i++) /* slot, keys, keys that expire */
        RDB_TRY(rdb_get_len(in, &n));
    return RDB_GOT;
}

static enum rdb_got
read_expiry(struct rdb_reader *r, struct rdb_input *in, size_t bytes)
{
    const unsigned char *p;

    RDB_TRY(rdb_get_bytes(in, bytes, &p));
    int64_t at = bytes == 4 ? (int64_t)(int32_t)load_le(p, 4) * 1000 : (int64_t)load_le(p, 8);
    /* A negative time has long passed; -1 means none in an entry. */
    r->key.expiry = at < 0 ? 0 : at;
    return RDB_GOT;
}

static enum rdb_got
read_clock(struct rdb_reader *r, struct rdb_input *in, unsigned opcode)
{
    const unsigned char *p;
    uint64_t idle;

    if (opcode == RDB_FREQ) {
        RDB_TRY(rdb_get_bytes(in, 1, &p));
        r->key.freq = *p;
        return RDB_GOT;
    }
    RDB_TRY(rdb_get_len(in, &idle));
    r->key.idle_s = idle > INT32_MAX ? INT32_MAX : (int64_t)idle;
    return RDB_GOT;
}

/* The entry is complete but for its place: the handler's from here on. */
static enum rdb_got
hand_over(struct rdb_reader *r, struct rdb_input *in, struct entry *e)
{
    r->state = STATE_RECORD;
    r->keys++;
    buf_reset(&r->b);
    if (e != NULL && !r->handler.key(r->handler.ctx, e, &r->key, &r->b)) {
        buf_add_char(&r->b, '\0');
        return rdb_bad(in, r->b.ptr);
    }
    r->key.expiry = r->key.idle_s = r->key.freq = -1;
    return RDB_GOT;
}

static enum rdb_got
read_key(struct rdb_reader *r, struct rdb_input *in, unsigned type)
{
    struct slice key, value;
    const char *why;

    RDB_TRY(rdb_get_string(in, &r->a, &key));
    if (key.len > UINT32_MAX)
        return rdb_bad(in, "a key is too long");
    if (type == RDB_STRING && (zset_count(&r->build.deadlines) > 0 || r->build.messages.len > 0))
        return rdb_bad(in, "deadlines of members, or messages, where there are none");
    if (type == RDB_STRING) {
        /* Nearly all keys of most datasets: key and value in one allocation at once. */
        RDB_TRY(rdb_get_string(in, &r->b, &value));
        r->key.type = type;
        struct entry *e = entry_new_string(key, value, r->key.expiry);
        return e != NULL ? hand_over(r, in, e) : rdb_bad(in, "there is not enough memory for a string");
    }
    if (!rdb_build_begin(&r->build, type, key, &why))
        return rdb_bad(in, why);
    r->key.type = type;
    r->state = STATE_VALUE;
    return RDB_GOT;
}

static enum rdb_got
read_record(struct rdb_reader *r, struct rdb_input *in)
{
    const unsigned char *p;

    RDB_TRY(rdb_get_bytes(in, 1, &p));
    switch (*p) {
    case RDB_SELECT: return read_select(r, in);
    case RDB_RESIZE: return read_sizes(r, in);
    case RDB_AUX: return read_aux(r, in);
    case RDB_EXPIRE_MS: return read_expiry(r, in, 8);
    case RDB_EXPIRE_S: return read_expiry(r, in, 4);
    case RDB_FREQ:
    case RDB_IDLE: return read_clock(r, in, *p);
    case RDB_FUNCTION: return read_function(r, in);
    case RDB_FUNCTION_OLD: return rdb_bad(in, "a function in a form that no release wrote");
    case RDB_MODULE_AUX: return skip_module_aux(r, in);
    case RDB_SLOT_INFO: return read_slot_info(in);
    case RDB_EOF: r->state = r->version >= 5 ? STATE_CHECKSUM : STATE_END; return RDB_GOT;
    default: return read_key(r, in, *p);
    }
}

static enum rdb_got
read_value(struct rdb_reader *r, struct rdb_input *in)
{
    RDB_TRY(rdb_build_step(&r->build, in));
    struct entry *e = rdb_build_take(&r->build);

    if (e != NULL && r->key.expiry >= 0)
        e = entry_set_expiry(e, r->key.expiry);
    return hand_over(r, in, e);
}

static enum rdb_got
read_checksum(struct rdb_reader *r, struct rdb_input *in)
{
    const unsigned char *p;

    RDB_TRY(rdb_get_bytes(in, 8, &p));
    uint64_t told = load_le(p, 8);
    r->state = STATE_END;
    if (told != 0 && r->check_sum && told != r->crc)
        return rdb_bad(in, "the checksum is wrong");
    return RDB_GOT;
}

static enum rdb_got
step(struct rdb_reader *r, struct rdb_input *in)
{
    switch (r->state) {
    case STATE_MAGIC: return read_magic(r, in);
    case STATE_RECORD: return read_record(r, in);
    case STATE_VALUE: return read_value(r, in);
    default: return read_checksum(r, in);
    }
}

enum rdb_progress
rdb_reader_feed(struct rdb_reader *r, size_t n)
{
    buf_advance(&r->in, n);
    while (r->state != STATE_END && r->state != STATE_BAD) {
        const unsigned char *start = (const unsigned char *)r->in.ptr;
        struct rdb_input in = {start + r->at, start + r->in.len, NULL};
        bool in_value = r->state == STATE_VALUE;
        if (r->state == STATE_CHECKSUM)
            sum_up(r);
        enum rdb_got got = step(r, &in);
        if (got == RDB_BAD) {
            (void)damaged(r, r->base + (uint64_t)(in.p - start), in.why);
            break;
        }
        /* A value remembers how far it came, everything else begins again. */
        if (got == RDB_GOT || in_value)
            r->at = (size_t)(in.p - start);
        if (got == RDB_MORE)
            return RDB_WANTS_MORE;
    }
    return r->state == STATE_END ? RDB_COMPLETE : RDB_DAMAGED;
}

/* store/rdb_extra.c - see rdb_extra.h. */
#include "store/rdb_extra.h"

#include "value/deadlines.h"
#include "value/stream_idmp.h"

enum { AUX_BYTES = 64 << 10 };
/* Later ones are no times that Redis or Sorrel would ever have accepted. */
#define LOAD_MAX ((UINT64_C(1) << 48) - 1)

/* -- writing ----------------------------------------------------------------------------------------------------- */

bool
rdb_deadlines_apart(const struct entry *e)
{
    const struct zset *d = entry_deadlines(e);

    return d != NULL && entry_type(e) != TYPE_HASH && zset_count(d) > 0;
}

/* True when the row is complete. */
static bool
put_row(struct rdb_chunk *row, const struct zset *d, struct zset_iter *it, size_t max)
{
    struct slice member;
    double at;

    while (row->bytes.len < max && zset_next(d, it, &member, &at)) {
        unsigned char ms[8];
        store_le(ms, (uint64_t)at, 8);
        buf_add(&row->bytes, ms, 8);
        /* Plain, whatever its length: what is compressed is the row. */
        rdb_put_len(row, member.len);
        buf_add_slice(&row->bytes, member);
    }
    return it->left == 0;
}

bool
rdb_put_deadlines_aux(struct rdb_chunk *c, const struct entry *e, struct zset_iter *it, size_t budget)
{
    const struct zset *d = entry_deadlines(e);
    struct rdb_chunk row = {0};
    size_t used = 0;
    bool done = false;

    if (it->left == 0)
        *it = zset_seek(d, 0, false);
    while (!done && used < budget) {
        rdb_chunk_reset(&row);
        done = put_row(&row, d, it, AUX_BYTES);
        if (row.bytes.len > 0)
            rdb_put_aux(c, RDB_DEADLINES_AUX, buf_slice(&row.bytes));
        used += row.bytes.len;
    }
    rdb_chunk_fini(&row);
    return done;
}

static void
put_deadlines(struct rdb_chunk *c, const struct entry *e)
{
    const struct zset *d = entry_deadlines(e);
    struct zset_iter it = zset_seek(d, 0, false);
    struct rdb_chunk row = {0};

    bool done = put_row(&row, d, &it, SIZE_MAX);
    CHECK(done);
    rdb_put_byte(c, RDB_DEADLINES);
    rdb_put_string(c, buf_slice(&row.bytes));
    rdb_chunk_fini(&row);
}

static struct buf
messages_of(struct entry *e)
{
    struct buf bytes = {0};

    if (entry_type(e) == TYPE_STREAM)
        stream_idmp_save((const struct stream *)entry_handle(e), &bytes);
    return bytes;
}

void
rdb_put_messages_aux(struct rdb_chunk *c, struct entry *e)
{
    struct buf bytes = messages_of(e);

    if (bytes.len > 0)
        rdb_put_aux(c, RDB_MESSAGES_AUX, buf_slice(&bytes));
    buf_fini(&bytes);
}

void
rdb_put_extra(struct rdb_chunk *c, struct entry *e)
{
    struct buf bytes = messages_of(e);

    if (rdb_deadlines_apart(e))
        put_deadlines(c, e);
    if (bytes.len > 0) {
        rdb_put_byte(c, RDB_MESSAGES);
        rdb_put_string(c, buf_slice(&bytes));
    }
    buf_fini(&bytes);
}

/* -- reading ----------------------------------------------------------------------------------------------------- */

enum rdb_got
rdb_add_deadline(struct rdb_build *b, struct rdb_input *in, struct slice member, uint64_t at_ms)
{
    if (at_ms > LOAD_MAX)
        return rdb_bad(in, "a member's deadline is no time");
    return zset_put(&b->deadlines, b->limits, member, (double)at_ms) ? RDB_GOT
                                                                     : rdb_bad(in, "a member has two deadlines");
}

enum rdb_got
rdb_take_deadlines(struct rdb_build *b, struct rdb_input *in, struct slice row)
{
    const unsigned char *p = (const unsigned char *)row.ptr;
    struct rdb_input from = {p, p + row.len, NULL};
    struct slice member;

    while (from.p < from.end) {
        if (rdb_get_bytes(&from, 8, &p) != RDB_GOT || rdb_get_string(&from, &b->a, &member) != RDB_GOT)
            return rdb_bad(in, "deadlines of members are damaged");
        RDB_TRY(rdb_add_deadline(b, in, member, load_le(p, 8)));
    }
    return RDB_GOT;
}

enum rdb_got
rdb_take_messages(struct rdb_build *b, struct slice bytes)
{
    buf_reset(&b->messages);
    buf_add_slice(&b->messages, bytes);
    return RDB_GOT;
}

enum rdb_got
rdb_get_extra(struct rdb_build *b, struct rdb_input *in)
{
    struct slice s;

    if (in->p == in->end || (*in->p != RDB_DEADLINES && *in->p != RDB_MESSAGES))
        return RDB_GOT;
    unsigned kind = *in->p++;
    RDB_TRY(rdb_get_string(in, &b->b, &s));
    return kind == RDB_DEADLINES ? rdb_take_deadlines(b, in, s) : rdb_take_messages(b, s);
}

static enum rdb_got
attach_deadlines(struct rdb_build *b, struct rdb_input *in)
{
    struct slice member;
    double at;

    if (zset_count(&b->deadlines) == 0)
        return RDB_GOT;
    if (!type_has_deadlines(entry_type(b->entry)))
        return rdb_bad(in, "deadlines of members where there are none");
    struct zset_iter it = zset_seek(&b->deadlines, 0, false);
    while (zset_next(&b->deadlines, &it, &member, &at)) {
        if (!entry_has_member(b->entry, member))
            return rdb_bad(in, "a deadline of a member that is not there");
    }
    b->entry = entry_add_deadlines(b->entry);
    *entry_deadlines(b->entry) = b->deadlines;
    b->deadlines = (struct zset){0};
    return RDB_GOT;
}

static enum rdb_got
attach_messages(struct rdb_build *b, struct rdb_input *in)
{
    if (b->messages.len == 0)
        return RDB_GOT;
    bool good = entry_type(b->entry) == TYPE_STREAM &&
                stream_idmp_load((struct stream *)entry_handle(b->entry), buf_slice(&b->messages));
    buf_fini(&b->messages);
    return good ? RDB_GOT : rdb_bad(in, "what producers have sent to a stream is damaged");
}

enum rdb_got
rdb_attach_extra(struct rdb_build *b, struct rdb_input *in)
{
    RDB_TRY(attach_deadlines(b, in));
    return attach_messages(b, in);
}

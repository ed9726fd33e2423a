/* store/aof_read.c - see aof_read.h.
 *
 * A window of the file lies in `in`; `pos` is where reading has come to, and the window begins at offset `from` of the
 * file. It grows with what is really there, never with what a length announces.
 */
#include "store/aof_read.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/dispatch.h"
#include "engine/session.h"
#include "engine/settings.h"
#include "proto/request.h"
#include "store/aof_block.h"
#include "store/rdb_load.h"

#include <errno.h>

enum {
    READ_BYTES = 256 << 10,
    SECTOR = 512,
    ERRORS_LOGGED = 10,
    BATCH = 64,
};

/* A command that has been parsed and not yet been run. Its arguments lie in the window. */
struct upcoming {
    struct ahead ahead;
    size_t argv_at, len; /* in `argv`; of its text */
    int argc;            /* 0: an empty one */
};

/* Where a unit (a command, or a transaction as a whole) ended. */
struct good {
    uint64_t end;
    uint64_t block, body; /* the block it lies in, unless it ended with it; body 0: none */
};

struct aof_reader {
    const struct disk *disk;
    struct engine *engine;
    int fd;
    int error; /* of the disk or the memory: whatever has been found since means nothing */
    uint64_t total;
    struct buf in;
    size_t pos;
    uint64_t from;
    bool begun;
    int64_t until_s;

    struct session *session;
    struct request_parser parser;
    struct slice_vec argv;
    struct upcoming batch[BATCH]; /* those from `next` on follow at `pos`; the window stays where it is */
    unsigned batch_count, next, fetched;
    struct rdb_reader *snapshot;
    struct rdb_into into;
    struct value_limits limits; /* the snapshot's reader keeps a pointer to them */

    uint64_t block, body, block_end; /* block_end 0: not in a block */
    bool block_cut;
    uint64_t sums;
    bool in_multi;
    struct good good;
    uint64_t commands, errors;
    struct buf salvage;
};

struct aof_reader *
aof_reader_open(const struct aof_reader_options *opt, int *error, struct buf *why)
{
    const struct disk *d = opt->disk;
    uint64_t total = 0;
    int fd = disk_open_to_read(d, opt->path, &total, why);

    if (fd < 0) {
        *error = fd;
        return NULL;
    }
    struct aof_reader *r = mem_get_zero(sizeof(*r));
    r->disk = d;
    r->engine = opt->engine;
    r->until_s = opt->until_s;
    r->fd = fd;
    r->total = total;
    if (r->engine != NULL) {
        r->session = engine_session_open(r->engine, NULL, LIT(""), LIT(""));
        session_set_flag(r->session, SESSION_INTERNAL, true);
        session_set_authenticated(r->session, true);
    }
    return r;
}

void
aof_reader_free(struct aof_reader *r)
{
    if (r == NULL)
        return;
    if (r->session != NULL)
        engine_session_close(r->session);
    if (r->snapshot != NULL) {
        rdb_into_drop(&r->into);
        rdb_reader_free(r->snapshot);
    }
    request_parser_fini(&r->parser);
    slice_vec_fini(&r->argv);
    buf_fini(&r->in);
    buf_fini(&r->salvage);
    (void)r->disk->close(r->disk->ctx, r->fd);
    mem_free(r);
}

/* -- the window ------------------------------------------------------------------------------------------------ */

uint64_t
aof_reader_at(const struct aof_reader *r)
{
    return r->from + r->pos;
}

static struct slice
window(const struct aof_reader *r)
{
    return slice_of(r->in.ptr + r->pos, r->in.len - r->pos);
}

static bool
no_memory(struct aof_reader *r)
{
    r->error = -ENOMEM;
    return false;
}

/* Reads on. False at the end of the file, or with `error` set. */
static bool
read_more(struct aof_reader *r)
{
    if (r->pos > 0 && r->pos >= r->in.len / 2) {
        buf_consume(&r->in, r->pos);
        r->from += r->pos;
        r->pos = 0;
    }
    size_t n = r->in.len < READ_BYTES ? READ_BYTES : r->in.len;
    if (!buf_try_reserve(&r->in, n))
        return no_memory(r);
    ssize_t got = disk_read_full(r->disk, r->fd, r->in.ptr + r->in.len, n);
    if (got < 0)
        r->error = (int)got;
    else
        buf_advance(&r->in, (size_t)got);
    return got > 0;
}

/* At least n bytes in the window if the file has them. */
static bool
want(struct aof_reader *r, uint64_t n)
{
    while (r->in.len - r->pos < n) {
        if (!read_more(r))
            return false;
    }
    return true;
}

static enum aof_progress
damaged(const struct aof_reader *r, uint64_t at, const char *what, struct buf *why)
{
    buf_printf(why, "at offset %llu of %llu: %s", (unsigned long long)at, (unsigned long long)r->total, what);
    return AOF_DAMAGED;
}

static enum aof_progress
unreadable(const struct aof_reader *r, struct buf *why)
{
    buf_reset(why);
    buf_printf(why, "at offset %llu of %llu: %s", (unsigned long long)aof_reader_at(r), (unsigned long long)r->total,
               strerror(-r->error));
    return AOF_UNREADABLE;
}

/* -- what lies behind ------------------------------------------------------------------------------------------ */

static bool
move_to(struct aof_reader *r, uint64_t at)
{
    int64_t s = r->disk->seek(r->disk->ctx, r->fd, (int64_t)at);

    if (s < 0)
        r->error = (int)s;
    return s >= 0;
}

/* How many bytes there are, up to n; none with `error` set. */
static size_t
read_at(struct aof_reader *r, uint64_t at, void *to, size_t n)
{
    ssize_t got = move_to(r, at) ? disk_read_full(r->disk, r->fd, to, n) : 0;

    if (got < 0)
        r->error = (int)got;
    return got < 0 ? 0 : (size_t)got;
}

static bool
is_good_block(struct aof_reader *r, uint64_t at, const struct aof_block *b)
{
    bool good = false;

    if (b->synced > at || b->len > r->total - at - AOF_BLOCK_HEAD)
        return false;
    char *p = mem_try(b->len + 1);
    if (p == NULL)
        return no_memory(r);
    if (read_at(r, at + AOF_BLOCK_HEAD, p, b->len) == b->len)
        good = aof_block_sum(at, b->synced, slice_of(p, b->len)) == b->sum;
    mem_free(p);
    return good;
}

/* Whether some good block further on says that the byte at `place` had been on the disk when it was written. */
static bool
was_synced(struct aof_reader *r, uint64_t place)
{
    char *window_bytes = mem_get(READ_BYTES);
    bool found = false;

    for (uint64_t at = place; at + AOF_BLOCK_HEAD <= r->total && !found;) {
        size_t n = read_at(r, at, window_bytes, READ_BYTES);
        if (n < AOF_BLOCK_HEAD)
            break;
        for (size_t i = 0; i + AOF_BLOCK_HEAD <= n && !found; i++) {
            struct aof_block b;
            const char *p = memchr(window_bytes + i, '#', n - AOF_BLOCK_HEAD - i + 1);
            if (p == NULL)
                break;
            i = (size_t)(p - window_bytes);
            if (aof_block_get(slice_of(p, AOF_BLOCK_HEAD), &b) && b.synced > place)
                found = is_good_block(r, at + i, &b);
        }
        at += n - AOF_BLOCK_HEAD + 1;
    }
    mem_free(window_bytes);
    (void)move_to(r, r->from + r->in.len);
    return found;
}

/* The file ends here for us: at the end of the last unit. */
static enum aof_progress
cut(struct aof_reader *r, const char *what, struct buf *why)
{
    const struct good *g = &r->good;

    if (g->body != 0) {
        size_t n = (size_t)(g->end - g->body);
        if (!buf_try_reserve(&r->salvage, n)) {
            (void)no_memory(r);
            return AOF_UNREADABLE;
        }
        if (read_at(r, g->body, r->salvage.ptr, n) != n)
            return damaged(r, g->body, "can't be read again", why);
        buf_advance(&r->salvage, n);
    }
    if (r->session != NULL)
        session_reset(r->session);
    buf_printf(why, "%s at offset %llu of %llu", what, (unsigned long long)aof_reader_at(r),
               (unsigned long long)r->total);
    return AOF_CUT;
}

/* What is here makes no sense. */
static enum aof_progress
trouble(struct aof_reader *r, uint64_t place, const char *what, struct buf *why)
{
    /* What the disk has not written reads as zeros: here, or from somewhere in a line on. */
    struct slice line = window(r);
    line.len = line.len < AOF_BLOCK_HEAD ? line.len : AOF_BLOCK_HEAD;
    bool hole =
        line.len > 0 && (line.ptr[0] == '\0' || (line.ptr[0] == '#' && memchr(line.ptr, '\0', line.len) != NULL));

    if (was_synced(r, place))
        return damaged(r, place, what, why);
    if (r->sums > 0 || hole)
        return cut(r, what, why);
    return damaged(r, place, what, why);
}

/* -- blocks ---------------------------------------------------------------------------------------------------- */

/* How much of the bytes at that offset of the file is there: what a disk did not write reads as sectors of zeros. */
static size_t
before_hole(uint64_t at, struct slice bytes)
{
    size_t i = 0;

    while (i < bytes.len) {
        size_t end = i + (size_t)(SECTOR - (at + i) % SECTOR), k = i;
        end = end < bytes.len ? end : bytes.len;
        while (k < end && bytes.ptr[k] == '\0')
            k++;
        if (k == end)
            return i;
        i = end;
    }
    return bytes.len;
}

static enum aof_progress
enter_block(struct aof_reader *r, const struct aof_block *b, struct buf *why)
{
    uint64_t place = aof_reader_at(r), body = place + AOF_BLOCK_HEAD, left = r->total - body;

    r->sums++;
    if (b->synced > place)
        return trouble(r, place, "a block's line is damaged", why);
    r->block_cut = b->len > left;
    if (r->block_cut && was_synced(r, place))
        return damaged(r, place, "a block's line is damaged", why);
    if (!want(r, AOF_BLOCK_HEAD + (r->block_cut ? left : b->len)))
        return damaged(r, place, "the file has become shorter", why);
    struct slice bytes = slice_of(r->in.ptr + r->pos + AOF_BLOCK_HEAD, (size_t)(r->block_cut ? left : b->len));
    if (r->block_cut)
        bytes.len = before_hole(body, bytes);
    else if (aof_block_sum(place, b->synced, bytes) != b->sum)
        return trouble(r, place, "a block does not match its checksum", why);
    r->block = place;
    r->body = body;
    r->block_end = body + bytes.len;
    r->pos += AOF_BLOCK_HEAD;
    return AOF_MORE;
}

static enum aof_progress
leave_block(struct aof_reader *r, struct buf *why)
{
    if (r->block_cut)
        return cut(r, "the last block is not complete", why);
    if (r->good.end == r->block_end || r->block_end == r->body)
        r->good = (struct good){.end = r->block_end};
    r->block_end = 0;
    return AOF_MORE;
}

static void
unit_done(struct aof_reader *r)
{
    if (r->in_multi)
        return;
    r->good.end = aof_reader_at(r);
    r->good.block = r->block_end != 0 ? r->block : 0;
    r->good.body = r->block_end != 0 ? r->body : 0;
}

static enum aof_progress
annotation(struct aof_reader *r, struct buf *why)
{
    struct aof_block b;

    (void)want(r, AOF_LINE_MAX);
    if (r->error != 0)
        return AOF_UNREADABLE;
    struct slice in = window(r);
    if (r->block_end != 0)
        in.len = in.len < r->block_end - aof_reader_at(r) ? in.len : (size_t)(r->block_end - aof_reader_at(r));
    const char *end = memchr(in.ptr, '\n', in.len < AOF_LINE_MAX ? in.len : AOF_LINE_MAX);
    if (end == NULL && in.len < AOF_LINE_MAX && (r->block_end == 0 || r->block_cut))
        return cut(r, "a line is not complete", why);
    if (end == NULL)
        return trouble(r, aof_reader_at(r), "a line is too long", why);
    if (r->block_end == 0 && slice_starts(in, LIT("#SUM:"))) {
        if (!aof_block_get(in, &b))
            return trouble(r, aof_reader_at(r), "a block's line is damaged", why);
        return enter_block(r, &b, why);
    }
    struct slice stamp = slice_of(in.ptr, (size_t)(end - in.ptr));
    if (memchr(stamp.ptr, '\0', stamp.len) != NULL)
        return trouble(r, aof_reader_at(r), "a line has a hole in it", why);
    int64_t at_s;
    if (r->until_s > 0 && !r->in_multi && stamp.len > 5 && slice_starts(stamp, LIT("#TS:")) &&
        parse_int64(slice_of(stamp.ptr + 4, stamp.len - 5), &at_s) && at_s > r->until_s)
        return cut(r, "what follows is later", why);
    r->pos += stamp.len + 1;
    unit_done(r);
    return AOF_MORE;
}

/* -- commands -------------------------------------------------------------------------------------------------- */

static void
look_at_reply(struct aof_reader *r)
{
    struct out *out = session_out(r->session);

    if (out->bytes.len > out->sent && out->bytes.ptr[out->sent] == '-' && r->errors++ < ERRORS_LOGGED) {
        struct slice line = slice_of(out->bytes.ptr + out->sent, out->bytes.len - out->sent);
        log_warning("A command of the append-only file at offset %llu failed: %.*s",
                    (unsigned long long)aof_reader_at(r), (int)(line.len < 200 ? line.len : 200), line.ptr);
    }
    out_sent(out, out_pending(out));
}

static enum aof_progress
run(struct aof_reader *r, const struct upcoming *u, struct buf *why)
{
    const struct slice *argv = r->argv.v + u->argv_at, name = argv[0];
    bool multi = slice_eq_nocase(name, LIT("MULTI")), exec = slice_eq_nocase(name, LIT("EXEC"));

    if (multi && r->in_multi)
        return damaged(r, aof_reader_at(r), "a transaction begins within another", why);
    r->in_multi = multi || (r->in_multi && !exec && !slice_eq_nocase(name, LIT("DISCARD")));
    r->commands++;
    if (r->engine == NULL)
        return AOF_MORE;
    if (u->ahead.command == NULL) {
        buf_printf(why, "at offset %llu: unknown command '%.*s'", (unsigned long long)aof_reader_at(r),
                   (int)(name.len < 64 ? name.len : 64), name.ptr);
        return AOF_DAMAGED;
    }
    engine_run_ahead(r->engine, r->session, &u->ahead, argv, u->argc);
    look_at_reply(r);
    return AOF_MORE;
}

static enum aof_progress
run_next(struct aof_reader *r, struct buf *why)
{
    const struct upcoming *u = &r->batch[r->next];

    for (unsigned to = engine_fetch_end(r->next, r->fetched, r->batch_count); r->fetched < to; r->fetched++) {
        if (r->session != NULL)
            engine_fetch_ahead(r->session, &r->batch[r->fetched].ahead);
    }
    enum aof_progress p = u->argc > 0 ? run(r, u, why) : AOF_MORE;
    r->pos += u->len;
    r->next++;
    if (p == AOF_MORE)
        unit_done(r);
    return p;
}

/* What of the window may belong to the command that begins `skip` bytes further on. */
static struct slice
command_text(const struct aof_reader *r, size_t skip)
{
    struct slice in = window(r);

    if (r->block_end != 0)
        in.len = (size_t)(r->block_end - aof_reader_at(r));
    return slice_skip(in, skip);
}

static size_t
add_upcoming(struct aof_reader *r, size_t argv_at, size_t len)
{
    struct upcoming *u = &r->batch[r->batch_count++];

    *u = (struct upcoming){.argv_at = argv_at, .len = len, .argc = (int)(r->argv.n - argv_at)};
    if (r->engine != NULL && u->argc > 0)
        u->ahead = engine_look_ahead(r->engine, r->argv.v + argv_at, u->argc, NULL);
    return len;
}

/* Parses what else is there as a whole, so that keys are on their way before they are needed. */
static void
look_ahead(struct aof_reader *r, const struct request_limits *limits, size_t at)
{
    while (r->batch_count < BATCH) {
        struct slice in = command_text(r, at), bad;
        size_t used, argv_at = r->argv.n;
        if (in.len == 0 || in.ptr[0] != '*')
            break;
        if (request_parse(&r->parser, limits, in, &r->argv, &used, &bad) != PARSE_DONE) {
            request_parser_fini(&r->parser); /* it comes again, from its first byte */
            break;
        }
        at += add_upcoming(r, argv_at, used);
    }
    for (unsigned i = 0; r->session != NULL && i < r->batch_count; i++)
        engine_expect_ahead(r->session, &r->batch[i].ahead);
}

static enum aof_progress
command(struct aof_reader *r, struct buf *why)
{
    struct request_limits limits = {(uint64_t)1 << 40, INT32_MAX, 64 << 10, 0};
    struct slice bad;
    enum parse_result p;
    size_t used;

    if (r->in.ptr[r->pos] != '*')
        return trouble(r, aof_reader_at(r), "there is no command", why);
    r->argv.n = 0;
    r->batch_count = r->next = r->fetched = 0;
    do {
        p = request_parse(&r->parser, &limits, command_text(r, 0), &r->argv, &used, &bad);
    } while (p == PARSE_MORE && r->block_end == 0 && read_more(r));
    if (r->error != 0)
        return AOF_UNREADABLE;
    if (p != PARSE_DONE) {
        request_parser_fini(&r->parser);
        if (p == PARSE_MORE && (r->block_end == 0 || r->block_cut))
            return r->block_end == 0 && was_synced(r, aof_reader_at(r))
                       ? damaged(r, aof_reader_at(r), "a command is not complete", why)
                       : cut(r, "a command is not complete", why);
        return r->block_cut ? cut(r, "a command is damaged", why)
                            : trouble(r, aof_reader_at(r), "a command is damaged", why);
    }
    look_ahead(r, &limits, add_upcoming(r, 0, used));
    return run_next(r, why);
}

/* -- a snapshot in front --------------------------------------------------------------------------------------- */

static bool
drop_key(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why)
{
    (void)ctx;
    (void)k;
    (void)why;
    entry_free(e);
    return true;
}

/* The commands that follow may call or replace its functions, so it is loaded where it stands. */
static bool
load_library(void *ctx, struct slice code, struct buf *why)
{
    struct aof_reader *r = ctx;
    struct out *o = session_out(r->session);

    engine_run(r->engine, r->session, (const struct slice[]){LIT("FUNCTION"), LIT("LOAD"), LIT("REPLACE"), code}, 4);
    struct slice reply = slice_of(o->bytes.ptr + o->sent, o->bytes.len - o->sent);
    bool ok = reply.len > 0 && reply.ptr[0] != '-';
    if (!ok)
        buf_printf(why, "a library of functions can't be loaded: %.*s", (int)reply.len, reply.ptr);
    out_sent(o, out_pending(o));
    return ok;
}

static void
begin_snapshot(struct aof_reader *r)
{
    struct rdb_handler h = {.key = drop_key};

    r->limits = r->engine != NULL ? engine_settings(r->engine)->limits : value_limits_default((struct hash_seed){0, 0});
    if (r->engine != NULL) {
        rdb_into_init(&r->into, r->engine, RDB_KEEP_EXPIRED);
        r->into.function = load_library;
        r->into.function_ctx = r;
        h = rdb_into_handler(&r->into);
    }
    r->snapshot = rdb_reader_new(&h, &r->limits);
}

static enum aof_progress
snapshot(struct aof_reader *r, struct buf *why)
{
    size_t n = r->in.len - r->pos;

    if (n == 0 && !read_more(r)) {
        rdb_reader_cut(r->snapshot);
        buf_add_slice(why, rdb_reader_why(r->snapshot));
        return AOF_DAMAGED;
    }
    n = r->in.len - r->pos;
    char *room = rdb_reader_room(r->snapshot, n);
    if (room == NULL) {
        (void)no_memory(r);
        return AOF_UNREADABLE;
    }
    memcpy(room, r->in.ptr + r->pos, n);
    enum rdb_progress p = rdb_reader_feed(r->snapshot, n);
    r->pos += n;
    if (p == RDB_WANTS_MORE)
        return AOF_MORE;
    if (p == RDB_DAMAGED || (r->engine != NULL && !rdb_into_flush(&r->into, why))) {
        buf_add_slice(why, rdb_reader_why(r->snapshot));
        return AOF_DAMAGED;
    }
    r->pos -= rdb_reader_rest(r->snapshot).len;
    r->commands += rdb_reader_keys(r->snapshot);
    rdb_reader_free(r->snapshot);
    r->snapshot = NULL;
    unit_done(r);
    return AOF_MORE;
}

/* -- all of it ------------------------------------------------------------------------------------------------- */

static enum aof_progress
step(struct aof_reader *r, struct buf *why)
{
    if (r->next < r->batch_count)
        return run_next(r, why);
    if (r->snapshot != NULL)
        return snapshot(r, why);
    if (r->block_end != 0 && aof_reader_at(r) == r->block_end)
        return leave_block(r, why);
    if (!want(r, 1))
        return r->in_multi ? cut(r, "the last transaction is not complete", why) : AOF_DONE;
    if (!r->begun) {
        r->begun = true;
        if (want(r, 5) && (slice_starts(window(r), LIT("REDIS")) || slice_starts(window(r), LIT("VALKE")))) {
            begin_snapshot(r);
            return AOF_MORE;
        }
    }
    return r->in.ptr[r->pos] == '#' ? annotation(r, why) : command(r, why);
}

enum aof_progress
aof_reader_step(struct aof_reader *r, size_t max_bytes, struct buf *why)
{
    uint64_t until = aof_reader_at(r) + max_bytes;
    enum aof_progress p = AOF_MORE;

    while (p == AOF_MORE && r->error == 0 && aof_reader_at(r) < until)
        p = step(r, why);
    return r->error != 0 ? unreadable(r, why) : p;
}

uint64_t
aof_reader_total(const struct aof_reader *r)
{
    return r->total;
}

uint64_t
aof_reader_commands(const struct aof_reader *r)
{
    return r->commands;
}

uint64_t
aof_reader_keep(const struct aof_reader *r)
{
    return r->good.body != 0 ? r->good.block : r->good.end;
}

struct slice
aof_reader_salvage(const struct aof_reader *r)
{
    return buf_slice(&r->salvage);
}

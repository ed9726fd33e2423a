/* repl/handshake.c - see handshake.h. */
#include "repl/handshake.h"

#include "base/number.h"

#include <string.h>

enum { LINE_SHOWN = 200, INFO_MAX = 1 << 20, LINE_END = 2 };
#define OFFSET_MAX (INT64_MAX / 4) /* so that no sum with it overflows */

void
request_put(struct buf *out, const struct slice *argv, size_t n)
{
    buf_printf(out, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "$%zu\r\n", argv[i].len);
        buf_add_slice(out, argv[i]);
        buf_add(out, "\r\n", 2);
    }
}

#define REQUEST(out, ...)                                   \
    request_put((out), (const struct slice[]){__VA_ARGS__}, \
                sizeof((struct slice[]){__VA_ARGS__}) / sizeof(struct slice))

void
handshake_begin(struct handshake *h, struct buf *out)
{
    *h = (struct handshake){.step = HS_PING};
    REQUEST(out, LIT("PING"));
}

static bool
is_error(struct slice line)
{
    return line.len > 0 && line.ptr[0] == '-';
}

static enum handshake_result
failed(const char *what, struct slice line, struct buf *why)
{
    buf_printf(why, "%s: %.*s", what, (int)(line.len < LINE_SHOWN ? line.len : LINE_SHOWN), line.ptr);
    return HANDSHAKE_FAILED;
}

static enum handshake_result
introduce(struct handshake *h, const struct handshake_facts *f, struct buf *out)
{
    char text[INT64_TEXT_MAX];

    h->step = HS_REPLIES;
    h->replies_left = 0;
    if (f->password.len > 0) {
        if (f->user.len > 0)
            REQUEST(out, LIT("AUTH"), f->user, f->password);
        else
            REQUEST(out, LIT("AUTH"), f->password);
        h->replies_left++;
    }
    REQUEST(out, LIT("REPLCONF"), LIT("listening-port"), slice_of(text, format_int64(text, f->port)));
    h->replies_left++;
    if (f->ip.len > 0) {
        REQUEST(out, LIT("REPLCONF"), LIT("ip-address"), f->ip);
        h->replies_left++;
    }
    REQUEST(out, LIT("REPLCONF"), LIT("capa"), LIT("eof"), LIT("capa"), LIT("psync2"));
    h->replies_left++;
    h->auth_reply = f->password.len > 0 ? h->replies_left : 0;
    return HANDSHAKE_MORE;
}

static enum handshake_result
ask_for_data(struct handshake *h, const struct handshake_facts *f, struct buf *out)
{
    char text[INT64_TEXT_MAX];
    struct slice next = f->id.len > 0 ? slice_of(text, format_int64(text, (int64_t)f->next)) : LIT("-1");
    struct slice id = f->id.len > 0 ? f->id : LIT("?");

    h->step = HS_PSYNC;
    h->asked_over = f->failover && !h->primary;
    if (h->asked_over)
        REQUEST(out, LIT("PSYNC"), id, next, LIT("FAILOVER"));
    else
        REQUEST(out, LIT("PSYNC"), id, next);
    return HANDSHAKE_MORE;
}

static enum handshake_result
after_introduction(struct handshake *h, const struct handshake_facts *f, struct buf *out)
{
    if (!f->ask_before)
        return ask_for_data(h, f, out);
    h->step = HS_INFO;
    REQUEST(out, LIT("INFO"), LIT("replication"));
    return HANDSHAKE_MORE;
}

static bool
is_id(struct slice s)
{
    if (s.len != HANDSHAKE_ID_LEN)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return true;
}

static void
keep_id(struct handshake *h, struct slice id)
{
    memcpy(h->id, id.ptr, HANDSHAKE_ID_LEN);
    h->id[HANDSHAKE_ID_LEN] = '\0';
}

static enum handshake_result
psync_reply(struct handshake *h, const struct handshake_facts *f, struct slice line, struct buf *out, struct buf *why)
{
    struct slice full = LIT("+FULLRESYNC "), cont = LIT("+CONTINUE");

    if (slice_starts(line, full)) {
        struct slice rest = slice_skip(line, full.len);
        struct slice id = slice_of(rest.ptr, rest.len < HANDSHAKE_ID_LEN ? rest.len : HANDSHAKE_ID_LEN);
        int64_t offset;
        if (!is_id(id) || rest.len < HANDSHAKE_ID_LEN + 2 || rest.ptr[HANDSHAKE_ID_LEN] != ' ' ||
            !parse_int64(slice_skip(rest, HANDSHAKE_ID_LEN + 1), &offset) || offset < 0 || offset > OFFSET_MAX)
            return failed("the primary's answer to PSYNC makes no sense", line, why);
        keep_id(h, id);
        h->offset = (uint64_t)offset;
        h->step = HS_DONE;
        return HANDSHAKE_FULL;
    }
    if (slice_starts(line, cont)) {
        struct slice rest = slice_skip(line, cont.len);
        rest = slice_skip(rest, rest.len > 0 && rest.ptr[0] == ' ');
        if (rest.len > 0 && !is_id(rest))
            return failed("the primary's answer to PSYNC makes no sense", line, why);
        if (rest.len > 0)
            keep_id(h, rest);
        h->step = HS_DONE;
        return HANDSHAKE_CONTINUE;
    }
    if (slice_starts(line, LIT("-NOMASTERLINK")) || slice_starts(line, LIT("-LOADING"))) {
        (void)failed("the primary can't serve us now", line, why);
        return HANDSHAKE_LATER;
    }
    if (!slice_starts(line, LIT("-ERR unknown command")) || f->failover)
        return failed("the primary refuses PSYNC", line, why);
    REQUEST(out, LIT("SYNC"));
    h->step = HS_DONE;
    return HANDSHAKE_OLD;
}

/* A primary that goes on from a snapshot of another history says so here and nowhere else; and whoever was asked to
 * take over, on a connection that broke, whether it has. */
static void
info_line(struct handshake *h, struct slice line)
{
    struct slice id = LIT("master_replid2:"), until = LIT("second_repl_offset:");

    if (slice_starts(line, id) && is_id(slice_skip(line, id.len)))
        memcpy(h->before, line.ptr + id.len, HANDSHAKE_ID_LEN);
    else if (slice_starts(line, until) && !parse_int64(slice_skip(line, until.len), &h->before_until))
        h->before_until = 0;
    else if (slice_eq(line, LIT("role:master")))
        h->primary = true;
}

static enum handshake_result
info_reply(struct handshake *h, const struct handshake_facts *f, struct slice line, struct buf *out, struct buf *why)
{
    if (h->step == HS_INFO) {
        h->mute = is_error(line);
        if (h->mute)
            return ask_for_data(h, f, out);
        if (line.len == 0 || line.ptr[0] != '$' || !parse_int64(slice_skip(line, 1), &h->info_left) ||
            h->info_left < 0 || h->info_left > INFO_MAX)
            return failed("the primary's answer to INFO makes no sense", line, why);
        h->step = HS_INFO_LINES;
        return HANDSHAKE_MORE;
    }
    info_line(h, line);
    h->info_left -= (int64_t)line.len + LINE_END;
    /* The last end of a line is the reply's own. */
    return h->info_left <= -LINE_END ? ask_for_data(h, f, out) : HANDSHAKE_MORE;
}

enum handshake_result
handshake_line(struct handshake *h, const struct handshake_facts *f, struct slice line, struct buf *out,
               struct buf *why)
{
    if (line.len == 0 && h->step != HS_INFO_LINES)
        return HANDSHAKE_MORE; /* it only says that it is there */
    switch (h->step) {
    case HS_PING:
        /* Being told to log in first is as good an answer. */
        if (is_error(line) && !slice_starts(line, LIT("-NOAUTH")) && !slice_starts(line, LIT("-NOPERM")) &&
            !slice_starts(line, LIT("-ERR operation not permitted")))
            return failed("the primary's answer to PING", line, why);
        return introduce(h, f, out);
    case HS_REPLIES:
        if (is_error(line) && h->replies_left == h->auth_reply)
            return failed("can't log in at the primary", line, why);
        if (is_error(line) && slice_starts(line, LIT("-NOAUTH")))
            return failed("the primary wants a password (masterauth)", line, why);
        h->replies_left--;
        return h->replies_left > 0 ? HANDSHAKE_MORE : after_introduction(h, f, out);
    case HS_INFO:
    case HS_INFO_LINES: return info_reply(h, f, line, out, why);
    case HS_PSYNC: return psync_reply(h, f, line, out, why);
    case HS_DONE: break;
    }
    return failed("unexpected line", line, why);
}

enum handshake_bulk_result
handshake_bulk(struct slice line, struct handshake_bulk *out, struct buf *why)
{
    struct slice mark = LIT("$EOF:");
    int64_t len;

    *out = (struct handshake_bulk){0};
    if (line.len == 0)
        return BULK_EMPTY_LINE;
    if (slice_starts(line, mark) && line.len == mark.len + sizeof(out->mark)) {
        out->marked = true;
        memcpy(out->mark, line.ptr + mark.len, sizeof(out->mark));
        return BULK_BEGINS;
    }
    if (line.ptr[0] == '$' && parse_int64(slice_skip(line, 1), &len) && len >= 0) {
        out->len = (uint64_t)len;
        return BULK_BEGINS;
    }
    (void)failed("no snapshot comes", line, why);
    return BULK_REFUSED;
}

/* proto/request.c - the request parser.
 *
 * Two ways through: parse_whole() understands a well-formed command that is completely there and gives up at the first
 * surprise without having kept anything; parse_held() then looks again from the start, byte by byte where it must,
 * keeps what it has understood as offsets and names each error. Inline commands have a way of their own.
 */
#include "proto/request.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/number.h"

#include <stdio.h>

/* An argument of an incomplete command. Offsets, because the input may move between two calls. */
struct span {
    size_t at, len;
};

/* What an incomplete command has to remember, and the text that unquoting made. */
struct request_held {
    size_t scanned;    /* bytes from the command's start that need not be looked at again */
    int64_t bulk_len;  /* of the bulk string whose header ends at `scanned`; -1: its header comes next */
    uint32_t expected; /* arguments announced; 0: the count has not been read */
    uint32_t got;
    uint32_t cap;
    bool has_text;
    struct span *spans;
    struct arena text;
    char error[48];
};

enum { SHORTEST_ARGUMENT = sizeof("$0\r\n\r\n") - 1 };

/* -- state ----------------------------------------------------------------------------------------------------- */

static struct request_held *
hold(struct request_parser *p)
{
    if (p->held == NULL) {
        p->held = mem_get_zero(sizeof(*p->held));
        p->held->bulk_len = -1;
    }
    return p->held;
}

/* The command is over: only text that arguments point into stays. */
static void
let_go(struct request_parser *p)
{
    struct request_held *h = p->held;

    if (h == NULL)
        return;
    mem_free(h->spans);
    if (!h->has_text) {
        mem_free(h);
        p->held = NULL;
        return;
    }
    *h = (struct request_held){.bulk_len = -1, .has_text = true, .text = h->text};
}

void
request__forget(struct request_parser *p)
{
    struct request_held *h = p->held;

    if (!h->has_text)
        return;
    arena_fini(&h->text);
    h->has_text = false;
    if (h->expected == 0 && h->scanned == 0)
        let_go(p);
}

void
request_parser_fini(struct request_parser *p)
{
    if (p->held == NULL)
        return;
    arena_fini(&p->held->text);
    p->held->has_text = false;
    let_go(p);
}

size_t
request_wants(const struct request_parser *p)
{
    const struct request_held *h = p->held;
    size_t wants;

    if (h == NULL || h->bulk_len < 0 || !size_add(h->scanned + 2, (size_t)h->bulk_len, &wants))
        return 0;
    return wants;
}

/* -- a command that is completely there ------------------------------------------------------------------------ */

/* A canonical number of at most nine digits with the two bytes that end its line. */
static inline bool
short_length(const char **at, const char *end, uint32_t *out)
{
    const char *p = *at;

    if (end - p < 3)
        return false;
    uint32_t v = (uint32_t)(unsigned char)*p++ - '0';
    if (v > 9)
        return false;
    if (LIKELY(*p == '\r')) {
        *out = v;
        *at = p + 2;
        return true;
    }
    if (v == 0)
        return false;
    const char *limit = end - p > 9 ? p + 9 : end - 1;
    while (p < limit) {
        uint32_t digit = (uint32_t)(unsigned char)*p - '0';
        if (digit > 9)
            break;
        v = v * 10 + digit;
        p++;
    }
    if (p >= limit || *p != '\r')
        return false;
    *out = v;
    *at = p + 2;
    return true;
}

static inline bool
parse_whole(const struct request_limits *lim, struct slice in, struct slice_vec *argv, size_t *used)
{
    const char *p = in.ptr + 1, *end = in.ptr + in.len;
    uint64_t bulk_max =
        lim->unauth_bulk_max != 0 && lim->unauth_bulk_max < lim->bulk_max ? lim->unauth_bulk_max : lim->bulk_max;
    uint32_t n, len;

    if (!short_length(&p, end, &n) || n == 0 || n > lim->args_max)
        return false;
    if ((size_t)(end - p) / SHORTEST_ARGUMENT < n)
        return false;
    if (UNLIKELY(argv->cap - argv->n < n))
        slice_vec_grow(argv, n);
    struct slice *arg = argv->v + argv->n;
    for (uint32_t i = 0; i < n; i++) {
        if (UNLIKELY(p == end || *p != '$'))
            return false;
        p++;
        if (UNLIKELY(!short_length(&p, end, &len) || len > bulk_max))
            return false;
        if (UNLIKELY((size_t)(end - p) < (size_t)len + 2))
            return false;
        arg[i] = slice_of(p, len);
        p += (size_t)len + 2; /* redis does not look at the two bytes after a bulk string either */
    }
    argv->n += n;
    *used = (size_t)(p - in.ptr);
    return true;
}

/* -- a command in pieces, or one with a mistake ---------------------------------------------------------------- */

/* The line that starts at `from`, without its end. Redis ends it at CR and skips whatever byte follows. */
static enum parse_result
take_line(const struct request_limits *lim, struct slice in, size_t from, struct slice *line)
{
    struct slice rest = slice_skip(in, from);
    const char *cr = rest.len == 0 ? NULL : memchr(rest.ptr, '\r', rest.len);

    if (cr == NULL)
        return rest.len > lim->inline_max ? PARSE_BAD : PARSE_MORE;
    *line = slice_of(rest.ptr, (size_t)(cr - rest.ptr));
    return line->len + 2 > rest.len ? PARSE_MORE : PARSE_DONE;
}

static enum parse_result
bad(struct slice *error, struct slice text)
{
    *error = text;
    return PARSE_BAD;
}

/* Reads "*count". DONE with expected 0 is an empty command. */
static enum parse_result
read_count(struct request_held *h, const struct request_limits *lim, struct slice in, struct slice *error)
{
    struct slice line;
    int64_t count;
    enum parse_result found = take_line(lim, in, 0, &line);

    if (found == PARSE_BAD)
        return bad(error, LIT("ERR Protocol error: too big mbulk count string"));
    if (found == PARSE_MORE)
        return PARSE_MORE;
    if (!parse_int64(slice_skip(line, 1), &count) || count > INT32_MAX)
        return bad(error, LIT("ERR Protocol error: invalid multibulk length"));
    if (count > (int64_t)lim->args_max)
        return bad(error, lim->unauth_bulk_max != 0 ? LIT("ERR Protocol error: unauthenticated multibulk length")
                                                    : LIT("ERR Protocol error: invalid multibulk length"));
    h->scanned = line.len + 2;
    h->expected = count > 0 ? (uint32_t)count : 0;
    return PARSE_DONE;
}

/* Reads "$length". */
static enum parse_result
read_bulk_length(struct request_held *h, const struct request_limits *lim, struct slice in, struct slice *error)
{
    struct slice line;
    int64_t len;
    enum parse_result found = take_line(lim, in, h->scanned, &line);

    if (found == PARSE_BAD)
        return bad(error, LIT("ERR Protocol error: too big bulk count string"));
    if (found == PARSE_MORE)
        return PARSE_MORE;
    char first = in.ptr[h->scanned];
    if (first != '$') {
        int n = snprintf(h->error, sizeof(h->error), "ERR Protocol error: expected '$', got '%c'", first);
        return bad(error, slice_of(h->error, (size_t)n));
    }
    if (!parse_int64(slice_skip(line, 1), &len) || len < 0 || (uint64_t)len > lim->bulk_max)
        return bad(error, LIT("ERR Protocol error: invalid bulk length"));
    if (lim->unauth_bulk_max != 0 && (uint64_t)len > lim->unauth_bulk_max)
        return bad(error, LIT("ERR Protocol error: unauthenticated bulk length"));
    h->scanned += line.len + 2;
    h->bulk_len = len;
    return PARSE_DONE;
}

static void
keep_span(struct request_held *h, size_t at, size_t len)
{
    if (h->got == h->cap) {
        h->cap = h->cap == 0 ? 8 : h->cap + h->cap / 2;
        size_t bytes;
        CHECK(size_mul(h->cap, sizeof(*h->spans), &bytes));
        h->spans = mem_resize(h->spans, bytes);
    }
    h->spans[h->got++] = (struct span){at, len};
}

static enum parse_result
parse_held(struct request_parser *p, const struct request_limits *lim, struct slice in, struct slice_vec *argv,
           size_t *used, struct slice *error)
{
    struct request_held *h = hold(p);

    if (h->expected == 0) {
        enum parse_result r = read_count(h, lim, in, error);
        if (r != PARSE_DONE)
            return r;
    }
    while (h->got < h->expected) {
        if (h->bulk_len < 0) {
            enum parse_result r = read_bulk_length(h, lim, in, error);
            if (r != PARSE_DONE)
                return r;
        }
        size_t left = in.len - h->scanned;
        if (left < 2 || left - 2 < (size_t)h->bulk_len)
            return PARSE_MORE;
        keep_span(h, h->scanned, (size_t)h->bulk_len);
        h->scanned += (size_t)h->bulk_len + 2;
        h->bulk_len = -1;
    }
    if (argv->cap - argv->n < h->got)
        slice_vec_grow(argv, h->got);
    for (uint32_t i = 0; i < h->got; i++)
        argv->v[argv->n++] = slice_of(in.ptr + h->spans[i].at, h->spans[i].len);
    *used = h->scanned;
    let_go(p);
    return PARSE_DONE;
}

/* -- inline commands ------------------------------------------------------------------------------------------- */

/* Unquoted words need memory that outlives this call; most inline commands have none. */
static bool
split_line(struct request_parser *p, struct slice line, struct slice_vec *argv)
{
    if (LIKELY(!words_have_quotes(line)))
        return words_split(line, NULL, argv);
    struct request_held *h = hold(p);
    h->has_text = true;
    return words_split(line, &h->text, argv);
}

static enum parse_result
parse_inline(struct request_parser *p, const struct request_limits *lim, struct slice in, struct slice_vec *argv,
             size_t *used, struct slice *error)
{
    size_t seen = p->held != NULL ? p->held->scanned : 0;
    const char *lf = memchr(in.ptr + seen, '\n', in.len - seen);
    struct slice line = slice_of(in.ptr, lf != NULL ? (size_t)(lf - in.ptr) : in.len);

    if (line.len > lim->inline_max)
        return bad(error, LIT("ERR Protocol error: too big inline request"));
    if (lf == NULL) {
        hold(p)->scanned = in.len;
        return PARSE_MORE;
    }
    let_go(p);
    *used = line.len + 1;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (!split_line(p, line, argv))
        return bad(error, LIT("ERR Protocol error: unbalanced quotes in request"));
    return PARSE_DONE;
}

enum parse_result
request_parse(struct request_parser *p, const struct request_limits *lim, struct slice in, struct slice_vec *argv,
              size_t *used, struct slice *error)
{
    if (UNLIKELY(in.len == 0))
        return PARSE_MORE;
    if (UNLIKELY(in.ptr[0] != '*'))
        return parse_inline(p, lim, in, argv, used, error);
    if (LIKELY(p->held == NULL || p->held->scanned == 0) && LIKELY(parse_whole(lim, in, argv, used)))
        return PARSE_DONE;
    return parse_held(p, lim, in, argv, used, error);
}

/* engine/exec_util.c - arguments, errors and longer replies for handlers. */
#include "engine/engine_priv.h"

#include <math.h>
#include <stdio.h>

/* A value at least this long is sent from where it is. */
enum { REPLY_REF_MIN = 16 * 1024 };

enum rc
arg_int(struct exec *x, struct slice arg, int64_t *out)
{
    return parse_int64(arg, out) ? RC_OK : RC_NOT_INT;
}

enum rc
arg_int_in(struct exec *x, struct slice arg, int64_t min, int64_t max, int64_t *out)
{
    int64_t v;

    if (!parse_int64(arg, &v) || v < min || v > max)
        return RC_NOT_INT;
    *out = v;
    return RC_OK;
}

enum rc
arg_double(struct exec *x, struct slice arg, double *out)
{
    return parse_double(arg, out) ? RC_OK : RC_NOT_FLOAT;
}

enum rc
parse_timeout(struct exec *x, struct slice arg, int64_t *deadline_ms)
{
    long double seconds;

    if (!parse_long_double(arg, &seconds))
        return RC_BAD_TIMEOUT;
    long double ms = ceill(seconds * 1000);
    if (ms > (long double)INT64_MAX)
        return fail(x, "ERR timeout is out of range");
    if (ms < 0 || seconds < 0)
        return RC_NEG_TIMEOUT;
    if (ms > (long double)(INT64_MAX - x->now_ms))
        return fail(x, "ERR timeout is out of range");
    *deadline_ms = ms == 0 ? 0 : x->now_ms + (int64_t)ms;
    return RC_OK;
}

static void
release_blob(void *owner)
{
    blob_drop(owner);
}

enum rc
reply_string(struct exec *x, const struct entry *e)
{
    char text[STRING_TEXT_MAX];
    struct slice s = string_get(e, text);

    if (LIKELY(s.len < REPLY_REF_MIN)) {
        reply_put_bulk(&x->reply, s);
        return RC_OK;
    }
    struct blob *b = string_blob(e);
    if (b == NULL)
        reply_put_bulk(&x->reply, s);
    else
        reply_put_bulk_ref(&x->reply, s, release_blob, b);
    return RC_OK;
}

enum rc
fail(struct exec *x, const char *fmt, ...)
{
    struct buf *b = &x->engine->error;
    va_list ap;

    buf_reset(b);
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
    /* Line ends at the end come from an argument that is being quoted; redis drops them. */
    while (b->len > 0 && (b->ptr[b->len - 1] == '\r' || b->ptr[b->len - 1] == '\n'))
        b->len--;
    x->error = buf_slice(b);
    return RC_REPLIED_ERROR;
}

enum rc
fail_arity(struct exec *x)
{
    struct slice name = x->command->name;

    return fail(x, "ERR wrong number of arguments for '%.*s' command", (int)name.len, name.ptr);
}

struct buf *
exec_scratch(struct exec *x)
{
    struct buf *b = &x->engine->scratch[x->depth > 0];

    buf_reset(b);
    return b;
}

enum rc
reply_help(struct exec *x, const char *const *lines)
{
    struct buf *b = exec_scratch(x);
    size_t n = 0;

    while (lines[n] != NULL)
        n++;
    for (size_t i = 0; i < x->argv[0].len; i++) {
        char c = ascii_lower(x->argv[0].ptr[i]);
        buf_add_char(b, c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
    }
    buf_printf(b, " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    reply_array(x, n + 3);
    reply_simple(x, buf_slice(b));
    for (size_t i = 0; i < n; i++)
        reply_simple(x, slice_cstr(lines[i]));
    reply_simple(x, LIT("HELP"));
    return reply_simple(x, LIT("    Prints this help."));
}

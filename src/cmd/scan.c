/* cmd/scan.c - what the scanning commands share.
 *
 * The cursor comes first in the reply but is known last, so the items are written to a queue of their own, as they are
 * to be sent, and moved behind it.
 */
#include "cmd/scan.h"

#include "base/glob.h"

#include <errno.h>
#include <stdlib.h>

enum { COUNT_DEFAULT = 10, CURSOR_TEXT_MAX = 32 };
enum { SEAL_AT = 64 * 1024 }; /* what is complete need not be copied when the buffer becomes too small */

/* What strtoul makes of the text up to its first NUL: an empty one is 0, and -1 the highest cursor there is. Only a
 * blank in front is refused besides. */
enum rc
scan_cursor(struct slice arg, uint64_t *cursor)
{
    char text[CURSOR_TEXT_MAX], *end;

    bool blank = arg.len > 0 && (arg.ptr[0] == ' ' || (arg.ptr[0] >= '\t' && arg.ptr[0] <= '\r'));
    if (blank || arg.len >= sizeof(text))
        return RC_BAD_CURSOR;
    if (arg.len > 0)
        memcpy(text, arg.ptr, arg.len);
    text[arg.len] = '\0';
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (*end != '\0' || errno == ERANGE)
        return RC_BAD_CURSOR;
    *cursor = v;
    return RC_OK;
}

enum rc
scan_options(struct exec *x, struct scan *s, int at, bool types, struct slice bare)
{
    s->x = x;
    s->count = COUNT_DEFAULT;
    for (int i = at; i < x->argc; i++) {
        struct slice arg = x->argv[i];
        bool more = i + 1 < x->argc;

        if (arg_is(arg, LIT("COUNT")) && more) {
            TRY(arg_int(x, x->argv[++i], &s->count));
            if (s->count < 1)
                return RC_SYNTAX;
        } else if (arg_is(arg, LIT("MATCH")) && more) {
            s->pattern = x->argv[++i];
            if (slice_eq(s->pattern, LIT("*")))
                s->pattern.ptr = NULL;
        } else if (types && arg_is(arg, LIT("TYPE")) && more) {
            s->type = x->argv[++i];
        } else if (bare.ptr != NULL && arg_is(arg, bare)) {
            s->no_values = true;
        } else if (arg_is(arg, LIT("NOVALUES"))) {
            return fail(x, "ERR NOVALUES option can only be used in HSCAN");
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

bool
scan_is_long(const struct scan *s, size_t have)
{
    return exec_is_long(s->x, (uint64_t)s->count < have ? (size_t)s->count : have);
}

bool
scan_wants(struct scan *s, struct slice name)
{
    s->visited++;
    return s->pattern.ptr == NULL || glob_match(s->pattern, name, false);
}

void
scan_add(struct scan *s, struct slice item)
{
    struct reply r = {.out = &s->items, .resp = s->x->reply.resp};

    reply_put_bulk(&r, item);
    s->written++;
    if (s->items.bytes.len >= SEAL_AT)
        out_seal(&s->items);
}

bool
scan_goes_on(struct scan *s)
{
    if (s->cursor == 0 || s->visited >= (uint64_t)s->count)
        return false;
    s->rc = exec_pulse(s->x);
    return s->rc == RC_OK;
}

enum rc
scan_reply(struct scan *s)
{
    struct exec *x = s->x;
    char text[INT64_TEXT_MAX];

    if (s->rc == RC_OK) {
        reply_array(x, 2);
        reply_bulk(x, slice_of(text, format_uint64(text, s->cursor)));
        reply_array(x, s->written);
        out_move(x->reply.out, &s->items);
    }
    out_fini(&s->items);
    return s->rc;
}

enum rc
scan_reply_empty(struct exec *x)
{
    reply_array(x, 2);
    reply_bulk(x, LIT("0"));
    return reply_array(x, 0);
}

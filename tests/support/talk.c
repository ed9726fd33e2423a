/* tests/support/talk.c - see talk.h. */
#include "support/talk.h"

#include "engine/engine.h"

#include <stdarg.h>

void
talk_fini(struct talk *t)
{
    buf_fini(&t->in);
    buf_fini(&t->out);
}

bool
talk_say(struct talk *t, struct session *s, const char *fmt, ...)
{
    va_list ap;

    buf_reset(&t->in);
    va_start(ap, fmt);
    buf_vprintf(&t->in, fmt, ap);
    va_end(ap);
    buf_add(&t->in, "\r\n", 2);
    return engine_feed(session_engine(s), s, buf_slice(&t->in), SIZE_MAX) == t->in.len;
}

const char *
talk_take(struct talk *t, struct session *s)
{
    buf_reset(&t->out);
    talk_drain(session_out(s), &t->out);
    buf_add_char(&t->out, '\0');
    return t->out.ptr;
}

void
talk_drain(struct out *from, struct buf *to)
{
    struct iovec v;

    while (out_vectors(from, &v, 1) == 1) {
        buf_add(to, v.iov_base, v.iov_len);
        out_sent(from, v.iov_len);
    }
}

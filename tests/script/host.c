/* tests/script/host.c - an engine behind standard input and output, for run.py.
 *
 * Request: one byte op, four bytes session number, four bytes length (little endian), that many bytes.
 *   N  a new engine      O  open the session   C  close it   F  feed it the bytes   T  let eight bytes' worth of ms
 * pass Answer: for each session with output or an end: number, flags (1 closed), length, bytes; then the number
 * 0xffffffff.
 */
#include "support/loopback.h"

#include <stdio.h>

enum { OP_SIZE = 9, REQUEST_MAX = 1 << 30 };

static uint32_t
get_u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
put_u32(uint32_t v)
{
    unsigned char p[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
                          (unsigned char)(v >> 24)};

    fwrite(p, 1, sizeof(p), stdout);
}

static void
answer(struct loopback *l)
{
    for (uint32_t i = 0; i < LOOPBACK_SESSIONS; i++) {
        struct loopback_session *s = &l->sessions[i];
        if (s->out.len == 0 && !s->closed)
            continue;
        put_u32(i);
        put_u32(s->closed ? 1 : 0);
        put_u32((uint32_t)s->out.len);
        fwrite(s->out.ptr, 1, s->out.len, stdout);
        buf_reset(&s->out);
        s->closed = false;
    }
    put_u32(UINT32_MAX);
    fflush(stdout);
}

static bool
serve(struct loopback **l, const unsigned char *head, struct slice body)
{
    uint32_t number = get_u32(head + 1);

    switch (head[0]) {
    case 'N':
        loopback_free(*l);
        *l = loopback_new(42);
        return true;
    case 'O': return loopback_open(*l, number);
    case 'C': loopback_close(*l, number); return true;
    case 'F':
        if (number >= LOOPBACK_SESSIONS || (*l)->sessions[number].session == NULL)
            return true; /* closed by the engine in the meantime: nobody listens */
        loopback_feed(*l, number, body);
        return true;
    case 'T':
        if (body.len != 8)
            return false;
        loopback_advance(*l, (int64_t)get_u32((const unsigned char *)body.ptr));
        return true;
    }
    return false;
}

int
main(void)
{
    struct loopback *l = loopback_new(42);
    struct buf body = {0};
    unsigned char head[OP_SIZE];
    bool ok = true;

    while (ok && fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        uint32_t len = get_u32(head + 5);
        if (len > REQUEST_MAX)
            break;
        buf_reset(&body);
        if (fread(buf_room(&body, len + 1), 1, len, stdin) != len)
            break;
        buf_advance(&body, len);
        ok = serve(&l, head, buf_slice(&body));
        if (ok)
            answer(l);
    }
    buf_fini(&body);
    loopback_free(l);
    return ok ? 0 : 1;
}

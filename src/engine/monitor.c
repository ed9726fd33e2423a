/* engine/monitor.c - MONITOR: every command, as a line, to whoever asked. */
#include "engine/engine_priv.h"

#include <stdio.h>

void
session_monitor(struct session *s, bool on)
{
    struct engine *e = s->engine;

    if (on == ((s->flags & SESSION_MONITOR) != 0))
        return;
    if (on) {
        s->flags |= SESSION_MONITOR;
        if (e->monitor_count == e->monitor_cap) {
            e->monitor_cap = e->monitor_cap == 0 ? 4 : e->monitor_cap * 2;
            e->monitors = mem_resize(e->monitors, e->monitor_cap * sizeof(*e->monitors));
        }
        e->monitors[e->monitor_count++] = s->id;
    } else {
        s->flags &= ~(uint32_t)SESSION_MONITOR;
        size_t kept = 0;
        for (size_t i = 0; i < e->monitor_count; i++) {
            if (e->monitors[i] != s->id)
                e->monitors[kept++] = e->monitors[i];
        }
        e->monitor_count = kept;
    }
    e->gate = e->monitor_count > 0 ? e->gate | GATE_MONITORED : e->gate & ~(uint32_t)GATE_MONITORED;
}

/* As redis quotes: printable ASCII as it is, the rest escaped, so that a line is a line whatever an argument holds. */
static void
add_quoted(struct buf *b, struct slice s)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        switch (c) {
        case '\\':
        case '"': buf_printf(b, "\\%c", c); break;
        case '\n': buf_add(b, "\\n", 2); break;
        case '\r': buf_add(b, "\\r", 2); break;
        case '\t': buf_add(b, "\\t", 2); break;
        case '\a': buf_add(b, "\\a", 2); break;
        case '\b': buf_add(b, "\\b", 2); break;
        default:
            if (c >= 0x20 && c < 0x7f)
                buf_add_char(b, (char)c);
            else
                buf_printf(b, "\\x%02x", c);
        }
    }
    buf_add_char(b, '"');
}

void
monitor_feed(struct exec *x)
{
    struct engine *e = x->engine;
    struct buf line = {0};
    struct slice addr = session_addr(x->session);

    if (e->monitor_count == 0)
        return;
    buf_printf(&line, "%lld.%06lld [%d %.*s]", (long long)(e->now_us / 1000000), (long long)(e->now_us % 1000000),
               x->session->db->index, (int)addr.len, addr.ptr);
    for (int i = 0; i < x->argc; i++) {
        buf_add_char(&line, ' ');
        add_quoted(&line, secrets__shown(x, i));
    }
    for (size_t i = 0; i < e->monitor_count; i++) {
        struct session *s = engine_session_by_id(e, e->monitors[i]);
        struct reply r = {session__push_begin(s), s->resp};
        reply_put_simple(&r, buf_slice(&line));
        session__push_end(s);
    }
    buf_fini(&line);
}

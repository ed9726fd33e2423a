/* engine/session_line.c - a session as one line of text: CLIENT LIST, ACL LOG. */
#include "engine/acl.h"
#include "engine/engine_priv.h"
#include "engine/tracking.h"

static size_t
subscriptions(const struct session *s)
{
    return pubsub_session_count(s, PUBSUB_CHANNEL) + pubsub_session_count(s, PUBSUB_PATTERN) +
           pubsub_session_count(s, PUBSUB_SHARD);
}

void
session_describe_flags(const struct session *s, struct buf *b)
{
    unsigned flags = session_flags(s);
    size_t before = b->len;

    if (flags & SESSION_MONITOR)
        buf_add_char(b, 'O');
    else if (flags & SESSION_REPLICA)
        buf_add_char(b, 'S');
    if (flags & SESSION_PRIMARY)
        buf_add_char(b, 'M');
    if (subscriptions(s) > 0)
        buf_add_char(b, 'P');
    if (session_multi_count(s) >= 0)
        buf_add_char(b, 'x');
    if (session_is_blocked(s))
        buf_add_char(b, 'b');
    if (session_tx_dirty(s))
        buf_add_char(b, 'd');
    unsigned tracking = session_tracking(s);
    if (tracking != 0)
        buf_add_char(b, 't');
    if (tracking & TRACKING_BROKEN)
        buf_add_char(b, 'R');
    if (tracking & TRACKING_BCAST)
        buf_add_char(b, 'B');
    if (session_must_close(s) && !session_killed(s))
        buf_add_char(b, 'c');
    if (session_killed(s))
        buf_add_char(b, 'A');
    if (flags & SESSION_UNIX)
        buf_add_char(b, 'U');
    if (flags & SESSION_NO_EVICT)
        buf_add_char(b, 'e');
    if (flags & SESSION_NO_TOUCH)
        buf_add_char(b, 'T');
    if (b->len == before)
        buf_add_char(b, 'N');
}

void
session_describe_capa(const struct session *s, struct buf *b)
{
    if (session_flags(s) & SESSION_FOLLOWS)
        buf_add_char(b, 'r');
}

static struct session_io
io_of(struct engine *e, const struct session *s)
{
    const struct engine_host *host = engine_host_of(e);
    struct session_io io = {.fd = -1, .reads = true};

    if (host->session_io != NULL)
        host->session_io(host->ctx, s, &io);
    return io;
}

static void
add_text(struct buf *b, const char *label, struct slice text)
{
    buf_add_slice(b, slice_cstr(label));
    buf_add_slice(b, text);
}

void
session_describe(const struct exec *x, const struct session *s, struct buf *b)
{
    const struct command *last = s == x->session ? x->command : session_last_command(s);
    struct session_io io = io_of(x->engine, s);
    size_t pending = session_output_pending(s);

    buf_printf(b, "id=%llu", (unsigned long long)session_ident(s));
    add_text(b, " addr=", session_addr(s));
    add_text(b, " laddr=", session_laddr(s));
    buf_printf(b, " fd=%d", io.fd);
    add_text(b, " name=", session_name(s));
    buf_printf(b, " age=%lld idle=%lld", (long long)((x->now_ms - session_opened_ms(s)) / 1000),
               (long long)((x->now_ms - session_active_ms(s)) / 1000));
    add_text(b, " flags=", LIT(""));
    session_describe_flags(s, b);
    buf_printf(b, " db=%d sub=%zu psub=%zu ssub=%zu multi=%d watch=%zu", session_db(s),
               pubsub_session_count(s, PUBSUB_CHANNEL), pubsub_session_count(s, PUBSUB_PATTERN),
               pubsub_session_count(s, PUBSUB_SHARD), session_multi_count(s), session_watch_count(s));
    buf_printf(b, " qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=%zu", io.input_len, io.input_free,
               session_argv_memory(s), session_multi_memory(s));
    buf_printf(b, " rbs=%zu rbp=%zu obl=%zu oll=0 omem=0 tot-mem=%zu events=%s%s", pending, pending, pending,
               session_memory(s) + io.input_len + io.input_free, io.reads ? "r" : "", io.writes ? "w" : "");
    add_text(b, " cmd=", last == NULL ? LIT("NULL") : last->name);
    add_text(b, " user=", s->user == NULL ? LIT("(superuser)") : acl_user_name(s->user));
    buf_printf(b, " redir=%lld resp=%d", session_tracking(s) != 0 ? (long long)session_redirect(s) : -1,
               session_resp(s));
    add_text(b, " lib-name=", session_lib_name(s));
    add_text(b, " lib-ver=", session_lib_ver(s));
    buf_printf(b, " io-thread=0 tot-net-in=%llu tot-net-out=%llu tot-cmds=%llu", (unsigned long long)io.bytes_in,
               (unsigned long long)io.bytes_out, (unsigned long long)session_commands(s));
    add_text(b, " capa=", LIT(""));
    session_describe_capa(s, b);
}

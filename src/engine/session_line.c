/* engine/session_line.c - a session as one line of text: CLIENT LIST, ACL LOG. */
#include "engine/acl.h"
#include "engine/engine_priv.h"
#include "engine/tracking.h"

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
    if (pubsub_session_all(s) > 0)
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

/* A line has two dozen numbers, and each wrong password costs a line (ACL LOG): printf() would be most of its cost. */
static void
add_number(struct buf *b, const char *label, int64_t v)
{
    buf_add_slice(b, slice_cstr(label));
    buf_add_int64(b, v);
}

void
session_describe(const struct exec *x, const struct session *s, struct buf *b)
{
    const struct command *last = s == x->session ? x->command : session_last_command(s);
    struct session_io io = io_of(x->engine, s);
    int64_t pending = (int64_t)session_output_pending(s);

    add_number(b, "id=", (int64_t)session_ident(s));
    add_text(b, " addr=", session_addr(s));
    add_text(b, " laddr=", session_laddr(s));
    add_number(b, " fd=", io.fd);
    add_text(b, " name=", session_name(s));
    add_number(b, " age=", (x->now_ms - session_opened_ms(s)) / 1000);
    add_number(b, " idle=", (x->now_ms - session_active_ms(s)) / 1000);
    add_text(b, " flags=", LIT(""));
    session_describe_flags(s, b);
    add_number(b, " db=", session_db(s));
    add_number(b, " sub=", (int64_t)pubsub_session_count(s, PUBSUB_CHANNEL));
    add_number(b, " psub=", (int64_t)pubsub_session_count(s, PUBSUB_PATTERN));
    add_number(b, " ssub=", (int64_t)pubsub_session_count(s, PUBSUB_SHARD));
    add_number(b, " multi=", session_multi_count(s));
    add_number(b, " watch=", (int64_t)session_watch_count(s));
    add_number(b, " qbuf=", (int64_t)io.input_len);
    add_number(b, " qbuf-free=", (int64_t)io.input_free);
    add_number(b, " argv-mem=", (int64_t)session_argv_memory(s));
    add_number(b, " multi-mem=", (int64_t)session_multi_memory(s));
    add_number(b, " rbs=", pending);
    add_number(b, " rbp=", pending);
    add_number(b, " obl=", pending);
    add_text(b, " oll=0 omem=0", LIT(""));
    add_number(b, " tot-mem=", (int64_t)(session_memory(s) + io.input_len + io.input_free));
    add_text(b, " events=", io.reads ? LIT("r") : LIT(""));
    if (io.writes)
        buf_add_char(b, 'w');
    add_text(b, " cmd=", last == NULL ? LIT("NULL") : last->name);
    add_text(b, " user=", s->user == NULL ? LIT("(superuser)") : acl_user_name(s->user));
    add_number(b, " redir=", session_tracking(s) != 0 ? (int64_t)session_redirect(s) : -1);
    add_number(b, " resp=", session_resp(s));
    add_text(b, " lib-name=", session_lib_name(s));
    add_text(b, " lib-ver=", session_lib_ver(s));
    add_number(b, " io-thread=0 tot-net-in=", (int64_t)io.bytes_in);
    add_number(b, " tot-net-out=", (int64_t)io.bytes_out);
    add_number(b, " tot-cmds=", (int64_t)session_commands(s));
    add_text(b, " capa=", LIT(""));
    session_describe_capa(s, b);
}

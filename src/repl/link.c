/* repl/link.c - the way to our primary: connecting, handshake, taking in its dataset, following its stream. */
#include "base/log.h"
#include "base/number.h"
#include "engine/keyspace.h"
#include "repl/handshake.h"
#include "repl/repl_priv.h"

#include "repl/wire.h"
#include <stdio.h>

enum {
    RETRY_MS = 1000,
    RETRY_SOON_MS = 100,
    RETRY_REFUSED_MS = 10000,
    ACK_MS = 1000,
    NEWLINE_MS = 1000,
    DISK_MS = 2, /* between looks at whether it is ready */
    SLICE_BYTES = 1 << 20,
};

enum link_state {
    LINK_CONNECT,
    LINK_CONNECTING,
    LINK_HANDSHAKE,
    LINK_HEADER,
    LINK_TRANSFER,
    LINK_LOADING,
    LINK_STREAMS
};

struct link {
    struct repl *repl;
    char host[HOST_MAX + 1];
    int port;
    enum link_state state;
    struct wire *wire;
    struct handshake hs;
    struct handshake_bulk bulk;
    uint64_t received; /* of the snapshot */
    bool load_open;    /* load_begin() without load_end() */
    bool old;          /* a primary without PSYNC */
    bool forced;       /* whatever dataset it has is wanted */
    bool known;        /* we have followed its stream before */
    bool mute;         /* it has refused to tell about its history */
    bool failover;     /* it shall take over from us */
    bool asked_over;   /* it has been asked to: it may have done so without our hearing its answer */
    bool unsure;       /* that was on an earlier connection */
    char asked[REPL_ID_LEN + 1];
    struct apply *apply; /* also while the link is down: its place in the stream */
    int64_t try_ms, heard_ms, ack_ms, down_ms;
};

/* -- going down ------------------------------------------------------------------------------------------------ */

static void
close_wire(struct link *l)
{
    struct repl *r = l->repl;

    if (l->load_open) {
        l->load_open = false;
        r->host.load_end(r->host.ctx);
    }
    if (l->wire != NULL)
        r->stats.bytes_in += wire_bytes_in(l->wire);
    wire_free(l->wire);
    l->wire = NULL;
    if (l->apply != NULL) {
        /* What was begun and not finished comes again. */
        r->go_on_db = apply__db(l->apply);
        apply__free(l->apply);
        l->apply = NULL;
    }
}

static void
give_up(struct link *l, const char *why, int64_t retry_ms)
{
    struct repl *r = l->repl;
    int64_t now = repl__now(r);

    if (l->state == LINK_STREAMS) {
        l->down_ms = now;
        log_warning("Connection with primary %s:%d lost: %s", l->host, l->port, why);
    } else if (l->state != LINK_CONNECT) {
        log_warning("Following %s:%d failed: %s", l->host, l->port, why);
    }
    close_wire(l);
    l->state = LINK_CONNECT;
    l->try_ms = now + retry_ms;
    repl__conditions(r);
}

static void
on_down(void *ctx, const char *why)
{
    struct link *l = ctx;

    give_up(l, why, l->state == LINK_STREAMS ? RETRY_SOON_MS : RETRY_MS);
}

struct link *
link__new(struct repl *r, struct slice host, int port, bool forced)
{
    struct link *l = mem_get_zero(sizeof(*l));

    CHECK(host.len <= HOST_MAX);
    l->repl = r;
    memcpy(l->host, host.ptr, host.len);
    l->port = port;
    l->forced = forced;
    l->down_ms = repl__now(r);
    return l;
}

void
link__free(struct link *l)
{
    if (l == NULL)
        return;
    close_wire(l);
    mem_free(l);
}

/* -- the stream ------------------------------------------------------------------------------------------------ */

static void
send_ack(struct link *l)
{
    struct repl *r = l->repl;
    char at[INT64_TEXT_MAX], synced[INT64_TEXT_MAX];
    uint64_t log_at = 0;
    struct slice argv[5] = {LIT("REPLCONF"), LIT("ACK"), slice_of(at, format_uint64(at, tape_end(&r->log)))};
    size_t n = 3;

    if (r->host.log_synced(r->host.ctx, &log_at, false)) {
        argv[n++] = LIT("FACK");
        argv[n++] = slice_of(synced, format_uint64(synced, log_at));
    }
    l->ack_ms = repl__now(r) + ACK_MS;
    if (l->old)
        return;
    request_put(&wire_out(l->wire)->bytes, argv, n);
    wire_flush(l->wire);
}

static void
begin_stream(struct link *l)
{
    struct repl *r = l->repl;
    char addr[HOST_MAX + 16];
    int n = snprintf(addr, sizeof(addr), "%s:%d", l->host, l->port);

    l->state = LINK_STREAMS;
    l->forced = false;
    l->known = true;
    l->apply = apply__new(r, r->go_on_db, slice_of(addr, (size_t)n));
    repl__activate(r);
    repl__conditions(r);
    send_ack(l);
}

static void
go_on(struct link *l)
{
    struct repl *r = l->repl;
    bool renamed = l->hs.id[0] != '\0' && strcmp(l->hs.id, l->asked) != 0;

    if (renamed) {
        memcpy(r->id2, l->asked, sizeof(r->id2));
        r->id2_until = (int64_t)tape_end(&r->log) + 1;
        memcpy(r->id, l->hs.id, sizeof(r->id));
        repl__drop_all(r, "our history has a new name");
    } else if (strcmp(r->id, l->asked) != 0) {
        memcpy(r->id, l->asked, sizeof(r->id));
        memset(r->id2, '0', REPL_ID_LEN);
        r->id2_until = -1;
    }
    log_notice("MASTER <-> REPLICA sync: goes on at offset %llu%s", (unsigned long long)tape_end(&r->log) + 1,
               renamed ? ", under a new replication ID" : "");
    begin_stream(l);
}

static void
stream_input(struct link *l)
{
    struct buf why = {0};

    if (!apply__input(l->apply, wire_in(l->wire), &why)) {
        buf_add_char(&why, '\0');
        give_up(l, why.ptr, RETRY_MS);
    } else if (apply__ack_wanted(l->apply)) {
        send_ack(l);
    }
    buf_fini(&why);
}

/* -- the dataset ----------------------------------------------------------------------------------------------- */

static size_t
key_count(struct engine *e)
{
    size_t n = 0;

    for (int i = 0; i < engine_db_count(e); i++)
        n += keyspace_count(e, engine_db(e, i));
    return n;
}

/* We have something to lose, and nobody has asked for whatever the primary has. */
static bool
is_choosy(const struct link *l)
{
    const struct repl *r = l->repl;

    return !l->forced && r->set.refuse_empty && key_count(r->engine) > 0;
}

/* Another history than ours, and nobody has asked for it. */
static bool
is_strange(const struct link *l)
{
    const struct repl *r = l->repl;

    return is_choosy(l) && (!r->active || (strcmp(l->hs.id, r->id) != 0 && strcmp(l->hs.id, r->id2) != 0));
}

/* By what it said before the snapshot: redis-server's snapshots do not tell. */
static bool
says_older(const struct link *l)
{
    struct repl_history h = {.before_offset = l->hs.before_until - 1};

    memcpy(h.before, l->hs.before, sizeof(h.before));
    return l->known && h.before_offset >= 0 && repl_history_is_older(l->repl, &h);
}

static void
refused(struct link *l, const char *what)
{
    struct buf why = {0};

    buf_printf(
        &why,
        "its dataset is refused because it is %s, while ours holds %zu keys: it may have lost its data. To replace "
        "ours all the same, use REPLICAOF %s %d (or set replica-refuse-empty-primary to no)",
        what, key_count(l->repl->engine), l->host, l->port);
    buf_add_char(&why, '\0');
    give_up(l, why.ptr, RETRY_REFUSED_MS);
    buf_fini(&why);
}

static void
begin_full(struct link *l)
{
    const struct repl *r = l->repl;
    bool same = r->active && (strcmp(l->hs.id, r->id) == 0 || strcmp(l->hs.id, r->id2) == 0);

    /* Of two histories the primary, or its dataset, may say which is older; of one it is plain. */
    if (is_choosy(l) && ((same && l->hs.offset < tape_end(&r->log)) || says_older(l))) {
        refused(l, "an older state of the same history");
        return;
    }
    l->state = LINK_HEADER;
    log_notice("MASTER <-> REPLICA sync: full resynchronization, %s at offset %llu", l->hs.id,
               (unsigned long long)l->hs.offset);
}

static void
finish_load(struct link *l)
{
    struct repl *r = l->repl;

    l->load_open = false;
    r->host.load_end(r->host.ctx);
    if (l->hs.id[0] != '\0') {
        memcpy(r->id, l->hs.id, sizeof(r->id));
    } else {
        repl__new_id(r->id);
    }
    memset(r->id2, '0', REPL_ID_LEN);
    r->id2_until = -1;
    repl__drop_all(r, "our history is another now");
    tape_restart(&r->log, l->hs.offset);
    r->changed_to = l->hs.offset;
    log_notice("MASTER <-> REPLICA sync: finished with success");
    wire_pause(l->wire, false);
    begin_stream(l);
    if (l->state == LINK_STREAMS) /* the first acknowledgement may have found the connection broken */
        stream_input(l);
}

/* In how many milliseconds there is more to do. */
static int64_t
load_step(struct link *l, bool complete)
{
    struct repl *r = l->repl;
    struct buf why = {0};
    enum repl_loading got = r->host.load_step(r->host.ctx, complete, &why);

    switch (got) {
    case REPL_LOAD_MORE:
    case REPL_LOAD_WAITS: break;
    case REPL_LOAD_DONE: finish_load(l); break;
    case REPL_LOAD_REFUSED:
        buf_add_char(&why, '\0');
        refused(l, why.ptr);
        break;
    case REPL_LOAD_FAILED:
        buf_add_char(&why, '\0');
        give_up(l, why.ptr, RETRY_MS);
        break;
    }
    buf_fini(&why);
    return got == REPL_LOAD_WAITS ? DISK_MS : 0;
}

static bool
begin_load(struct link *l, struct buf *why)
{
    struct repl *r = l->repl;
    struct repl_load how = {.total = l->bulk.marked ? 0 : l->bulk.len,
                            .refuse_empty = is_strange(l),
                            .refuse_older = l->known && is_strange(l)};

    l->received = 0;
    repl__drop_all(r, "our dataset is about to be replaced");
    if (!r->host.load_begin(r->host.ctx, &how, why))
        return false;
    l->load_open = true;
    l->state = LINK_TRANSFER;
    log_notice("MASTER <-> REPLICA sync: receiving %s",
               l->bulk.marked ? "the dataset, of unknown length" : "the dataset");
    return true;
}

/* True when all of it is there; what follows stays in the input. */
static bool
transfer_piece(struct link *l, struct slice *piece)
{
    struct slice in = *piece;

    if (!l->bulk.marked) {
        uint64_t left = l->bulk.len - l->received;
        piece->len = in.len < left ? in.len : (size_t)left;
        return piece->len == left;
    }
    /* The mark is the last thing that is sent until we acknowledge: it is at the end of the input or not there yet. */
    size_t mark = sizeof(l->bulk.mark);
    if (in.len >= mark && memcmp(in.ptr + in.len - mark, l->bulk.mark, mark) == 0) {
        piece->len = in.len - mark;
        return true;
    }
    piece->len = in.len > mark ? in.len - mark : 0;
    return false;
}

static void
transfer_input(struct link *l)
{
    struct repl *r = l->repl;
    struct buf *in = wire_in(l->wire), why = {0};
    struct slice piece = buf_slice(in);
    bool complete = transfer_piece(l, &piece);

    if (piece.len > 0 && !r->host.load_feed(r->host.ctx, piece, &why)) {
        buf_add_char(&why, '\0');
        give_up(l, why.ptr, RETRY_MS);
        buf_fini(&why);
        return;
    }
    l->received += piece.len;
    buf_consume(in, piece.len + (complete && l->bulk.marked ? sizeof(l->bulk.mark) : 0));
    if (complete) {
        l->state = LINK_LOADING;
        l->ack_ms = 0;
        wire_pause(l->wire, true);
    }
}

/* -- lines ----------------------------------------------------------------------------------------------------- */

/* FAILOVER: it has taken over, and we follow it from now on. */
static void
handed_over(struct link *l)
{
    if (!l->failover)
        return;
    l->failover = l->asked_over = l->unsure = false;
    repl__failover_end(l->repl, NULL);
}

/* FAILOVER: it says no. Unless its answer on an earlier connection was lost, which may have been yes. */
static void
refused_over(struct link *l)
{
    if (!l->unsure || !l->hs.mute)
        l->repl->failover.refused = true; /* what follows from that frees this link: later */
    else
        log_warning("Failover: %s:%d refuses now, but may have taken over before. If it has not, FAILOVER ABORT makes "
                    "this server a primary again",
                    l->host, l->port);
}

static void
act(struct link *l, enum handshake_result result, const char *why)
{
    bool asked = l->hs.asked_over;

    l->asked_over = l->asked_over || asked;
    switch (result) {
    case HANDSHAKE_MORE: return;
    case HANDSHAKE_FAILED:
    case HANDSHAKE_LATER:
        if (asked)
            refused_over(l);
        give_up(l, why, RETRY_MS);
        return;
    case HANDSHAKE_CONTINUE: go_on(l); break;
    case HANDSHAKE_OLD:
        l->old = true;
        begin_full(l);
        break;
    case HANDSHAKE_FULL: begin_full(l); break;
    }
    handed_over(l);
}

static struct handshake_facts
facts(struct link *l)
{
    struct repl *r = l->repl;
    const struct repl_settings *s = &r->set;
    struct handshake_facts f = {.user = s->user,
                                .password = s->auth,
                                .port = s->announce_port != 0 ? s->announce_port : s->listening_port,
                                .ip = s->announce_ip,
                                .next = tape_end(&r->log) + 1,
                                .failover = l->failover,
                                .ask_before = l->unsure || (l->known && !l->mute && is_choosy(l))};

    l->asked[0] = '\0';
    if (r->active) {
        /* Nothing has been written under the new name yet: we are still at a place of the old history. */
        bool still_old = r->id2_until == (int64_t)tape_end(&r->log) + 1 && !l->failover;
        memcpy(l->asked, still_old ? r->id2 : r->id, sizeof(l->asked));
        f.id = slice_cstr(l->asked);
    }
    return f;
}

static void
header_line(struct link *l, struct slice line)
{
    struct buf why = {0};
    enum handshake_bulk_result b = handshake_bulk(line, &l->bulk, &why);

    if (b == BULK_REFUSED || (b == BULK_BEGINS && !begin_load(l, &why))) {
        buf_add_char(&why, '\0');
        give_up(l, why.ptr, RETRY_MS);
    }
    buf_fini(&why);
}

static void
handshake_input(struct link *l, struct slice line)
{
    struct handshake_facts f = facts(l);
    struct buf why = {0};
    enum handshake_result result = handshake_line(&l->hs, &f, line, &wire_out(l->wire)->bytes, &why);

    l->mute = l->mute || l->hs.mute;
    buf_add_char(&why, '\0');
    act(l, result, why.ptr);
    buf_fini(&why);
    if (l->wire != NULL)
        wire_flush(l->wire);
}

/* False when nothing more can be done with the input for now. */
static bool
one_line(struct link *l)
{
    struct buf *in = wire_in(l->wire), line = {0};
    const char *end = in->len > 0 ? memchr(in->ptr, '\n', in->len) : NULL;

    if (end == NULL) {
        if (in->len > HANDSHAKE_LINE_MAX)
            give_up(l, "a line without end", RETRY_MS);
        return false;
    }
    size_t n = (size_t)(end - in->ptr), used = n + 1;
    n -= n > 0 && in->ptr[n - 1] == '\r';
    /* A copy, as the input may go away with the connection. */
    buf_add(&line, in->ptr, n);
    buf_consume(in, used);
    if (l->state == LINK_HEADER)
        header_line(l, buf_slice(&line));
    else
        handshake_input(l, buf_slice(&line));
    buf_fini(&line);
    return l->wire != NULL;
}

static void
on_input(void *ctx)
{
    struct link *l = ctx;

    l->heard_ms = repl__now(l->repl);
    while (l->wire != NULL && (l->state == LINK_HANDSHAKE || l->state == LINK_HEADER) && one_line(l)) {
    }
    if (l->wire == NULL || wire_in(l->wire)->len == 0)
        return;
    if (l->state == LINK_TRANSFER)
        transfer_input(l);
    else if (l->state == LINK_STREAMS)
        stream_input(l);
}

/* -- the turn -------------------------------------------------------------------------------------------------- */

static void
on_up(void *ctx)
{
    struct link *l = ctx;

    l->heard_ms = repl__now(l->repl);
    l->state = LINK_HANDSHAKE;
    handshake_begin(&l->hs, &wire_out(l->wire)->bytes);
    wire_flush(l->wire);
}

static void
connect_now(struct link *l)
{
    struct repl *r = l->repl;
    struct buf why = {0};
    struct wire_options wo = {
        .loop = r->host.loop,
        .host = l->host,
        .port = l->port,
        .lookups = r->lookups,
        .source = r->set.bind_source,
        .secure = r->host.secure,
        .secure_ctx = r->host.ctx,
        .owner = {.ctx = l, .up = on_up, .input = on_input, .down = on_down},
    };

    l->heard_ms = repl__now(r);
    l->old = false;
    l->unsure = l->asked_over;
    log_notice("Connecting to primary %s:%d", l->host, l->port);
    l->state = LINK_CONNECTING;
    l->wire = wire_open(&wo, &why);
    if (l->wire == NULL) {
        buf_add_char(&why, '\0');
        give_up(l, why.ptr, RETRY_MS);
    }
    buf_fini(&why);
}

static int64_t
time_left(int64_t at, int64_t now)
{
    return at > now ? at - now : 0;
}

/* A long load must not look like a broken link. */
static void
say_alive(struct link *l, int64_t now)
{
    if (now < l->ack_ms)
        return;
    l->ack_ms = now + NEWLINE_MS;
    buf_add_char(&wire_out(l->wire)->bytes, '\n');
    wire_flush(l->wire);
}

int64_t
link__turn(struct link *l)
{
    const struct repl *r = l->repl;
    int64_t now = repl__now(r);

    if (l->state == LINK_CONNECT) {
        if (now < l->try_ms)
            return time_left(l->try_ms, now);
        connect_now(l);
        return 0;
    }
    if (l->state == LINK_LOADING) {
        say_alive(l, now);
        return l->wire != NULL ? load_step(l, true) : 0;
    }
    if (now - l->heard_ms > r->set.timeout_s * 1000) {
        give_up(l, "timed out", RETRY_MS);
        return 0;
    }
    if (l->state == LINK_STREAMS && apply__killed(l->apply)) {
        give_up(l, "closed by a client", RETRY_SOON_MS);
        return 0;
    }
    if (l->state == LINK_TRANSFER) {
        say_alive(l, now);
        if (l->wire != NULL)
            (void)load_step(l, false);
    }
    if (l->state == LINK_STREAMS && now >= l->ack_ms)
        send_ack(l);
    if (l->wire != NULL)
        wire_turn(l->wire);
    if (l->wire != NULL && wire_has_more(l->wire))
        return 0;
    return l->state == LINK_STREAMS ? time_left(l->ack_ms, now) : RETRY_SOON_MS;
}

void
link__flush(struct link *l)
{
    if (l->wire != NULL)
        wire_flush(l->wire);
}

void
link__settings_changed(struct link *l)
{
    if (l->state == LINK_CONNECT)
        l->try_ms = 0;
}

/* -- what is known of it --------------------------------------------------------------------------------------- */

bool
link__is_up(const struct link *l)
{
    return l->state == LINK_STREAMS;
}

struct slice
link__host(const struct link *l)
{
    return slice_cstr(l->host);
}

int
link__port(const struct link *l)
{
    return l->port;
}

int
link__db(const struct link *l)
{
    return l->apply != NULL ? apply__db(l->apply) : l->repl->go_on_db;
}

void
link__failover(struct link *l)
{
    l->failover = true;
}

bool
link__has_asked(const struct link *l)
{
    return l->asked_over;
}

void
link__force(struct link *l)
{
    l->forced = true;
    l->try_ms = 0;
}

const char *
link__state_name(const struct link *l)
{
    static const char *const names[] = {"connect", "connecting", "handshake", "sync", "sync", "sync", "connected"};

    return names[l->state];
}

void
link__info(const struct link *l, struct buf *out)
{
    const struct repl *r = l->repl;
    int64_t now = repl__now(r);
    bool up = l->state == LINK_STREAMS, sync = l->state == LINK_TRANSFER || l->state == LINK_LOADING;
    uint64_t at = tape_end(&r->log);

    buf_printf(out, "master_host:%s\r\nmaster_port:%d\r\nmaster_link_status:%s\r\n", l->host, l->port,
               up ? "up" : "down");
    buf_printf(out, "master_last_io_seconds_ago:%lld\r\nmaster_sync_in_progress:%d\r\n",
               up ? (long long)(now - l->heard_ms) / 1000 : -1, sync);
    buf_printf(out, "slave_read_repl_offset:%llu\r\nslave_repl_offset:%llu\r\n",
               (unsigned long long)(at + (up ? apply__read(l->apply) : 0)), (unsigned long long)at);
    if (sync) {
        uint64_t total = l->bulk.marked ? 0 : l->bulk.len;
        buf_printf(out,
                   "master_sync_total_bytes:%llu\r\nmaster_sync_read_bytes:%llu\r\nmaster_sync_left_bytes:%lld\r\n"
                   "master_sync_perc:%.2f\r\nmaster_sync_last_io_seconds_ago:%lld\r\n",
                   (unsigned long long)total, (unsigned long long)l->received, (long long)(total - l->received),
                   total > 0 ? 100.0 * (double)l->received / (double)total : 0.0,
                   (long long)(now - l->heard_ms) / 1000);
    }
    if (!up)
        buf_printf(out, "master_link_down_since_seconds:%lld\r\n", (long long)(now - l->down_ms) / 1000);
    buf_printf(out, "slave_priority:%lld\r\nslave_read_only:%d\r\nreplica_announced:%d\r\n", (long long)r->set.priority,
               r->set.read_only, r->set.announced);
}

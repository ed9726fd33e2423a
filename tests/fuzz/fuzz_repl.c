/* tests/fuzz/fuzz_repl.c - what peers send: a primary's lines, a primary's stream, a replica's requests.
 *
 * The first byte says which. A stream is run twice, whole and in pieces, and must come to the same place both times.
 */
#include "base/log.h"
#include "base/mem.h"
#include "cmd/families.h"
#include "engine/session.h"
#include "repl/handshake.h"
#include "repl/repl_priv.h"

#define ID "0123456789abcdef0123456789abcdef01234567"

static void
lines(struct slice in)
{
    struct handshake h;
    struct handshake_facts f = {.port = 1,
                                .password = LIT("p"),
                                .id = LIT(ID),
                                .next = 5,
                                .failover = in.len % 3 == 1,
                                .ask_before = in.len % 2 == 1};
    struct handshake_bulk b;
    struct buf out = {0}, why = {0};
    enum handshake_result r = HANDSHAKE_MORE;

    handshake_begin(&h, &out);
    while (in.len > 0 && r == HANDSHAKE_MORE) {
        const char *end = memchr(in.ptr, '\n', in.len);
        size_t n = end != NULL ? (size_t)(end - in.ptr) : in.len;
        struct slice line = slice_of(in.ptr, n);
        r = handshake_line(&h, &f, line, &out, &why);
        (void)handshake_bulk(line, &b, &why);
        in = slice_skip(in, n < in.len ? n + 1 : n);
    }
    CHECK(h.offset <= INT64_MAX / 2);
    buf_fini(&out);
    buf_fini(&why);
}

/* -- a host that has nothing but a snapshot of a few bytes ------------------------------------------------------- */

struct world {
    struct engine *engine;
    struct repl *repl;
    struct disk disk;
    const struct disk *to;
};

static bool
can_snapshot(void *ctx)
{
    return true;
}

static bool
snapshot_begin(void *ctx, const struct disk *to, struct buf *why)
{
    struct world *w = ctx;

    w->to = to;
    return true;
}

static void
snapshot_cancel(void *ctx)
{
    struct world *w = ctx;

    w->to = NULL;
}

static void
snapshot_of_functions(void *ctx, bool functions, struct buf *out)
{
    buf_printf(out, "REDIS0010");
}

static void
role_changed(void *ctx)
{
}

static bool
log_synced(void *ctx, uint64_t *position, bool now)
{
    return false;
}

extern const struct cmd repl_wait_family[];

static void
world_begin(struct world *w)
{
    enum { FAMILIES_MAX = 128 };
    const struct cmd *families[FAMILIES_MAX] = {repl_family, repl_wait_family};

    for (size_t i = 0; i + 3 < FAMILIES_MAX && cmd_families[i] != NULL; i++)
        families[i + 2] = cmd_families[i];
    struct engine_options eo = {.clock = clock_system(), .rng_seed = 1, .databases = 4, .families = families};
    eo.limits = value_limits_default(eo.hash_seed);
    w->engine = engine_new(&eo);
    w->disk = disk_system();
    struct repl_host host = {.ctx = w,
                             .disk = &w->disk,
                             .snapshot_possible = can_snapshot,
                             .snapshot_begin = snapshot_begin,
                             .snapshot_cancel = snapshot_cancel,
                             .snapshot_of_functions = snapshot_of_functions,
                             .role_changed = role_changed,
                             .log_synced = log_synced};

    w->repl = repl_new(w->engine, &host);
    *repl_settings(w->repl) = (struct repl_settings){
        .backlog_size = 1 << 20, .ping_s = 10, .timeout_s = 60, .diskless_sync = true, .out_hard = 1 << 20};
}

static void
world_end(struct world *w)
{
    struct session *s, *next;

    for (s = session_first(w->engine); s != NULL; s = next) {
        next = session_next(s);
        repl_session_closed(w->repl, s);
    }
    repl_free(w->repl);
    engine_free(w->engine);
}

/* -- a stream ---------------------------------------------------------------------------------------------------- */

static uint64_t
run_stream(struct slice in, size_t piece)
{
    struct world w = {0};
    struct buf have = {0}, why = {0};
    bool good = true;

    world_begin(&w);
    w.repl->link = link__new(w.repl, LIT("primary"), 1, true); /* so that what is run is not streamed as our own */
    repl__activate(w.repl);
    struct apply *a = apply__new(w.repl, 0, LIT("primary"));
    while (in.len > 0 && good) {
        size_t n = in.len < piece ? in.len : piece;
        buf_add(&have, in.ptr, n);
        in = slice_skip(in, n);
        good = apply__input(a, &have, &why);
    }
    uint64_t at = tape_end(&w.repl->log);
    apply__free(a);
    buf_fini(&have);
    buf_fini(&why);
    world_end(&w);
    return at;
}

static void
stream(struct slice in)
{
    uint64_t whole = run_stream(in, SIZE_MAX);

    CHECK(whole <= in.len);
    /* What made no sense may have been found sooner or later, but nothing before it may count differently. */
    CHECK(run_stream(in, 1 + in.len % 7) == whole);
}

/* -- requests ---------------------------------------------------------------------------------------------------- */

static void
requests(struct slice in)
{
    struct world w = {0};

    world_begin(&w);
    struct session *s = engine_session_open(w.engine, NULL, LIT("1.2.3.4:5"), LIT(""));
    session_set_authenticated(s, true);
    while (in.len > 0 && !session_must_close(s)) {
        size_t used = engine_feed(w.engine, s, in, 1 << 20);
        (void)repl_turn(w.repl);
        if (w.to != NULL) {
            (void)disk_write_all(w.to, 1, LIT("snapshot"));
            w.to = NULL;
            repl_snapshot_done(w.repl, true);
        }
        repl_flush(w.repl, false);
        out_sent(session_out(s), out_pending(session_out(s)));
        repl_written(w.repl, s, 0);
        if (used == 0)
            break;
        in = slice_skip(in, used);
    }
    world_end(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    log_set_level(LOG_NOTHING);
    struct slice in = slice_of((const char *)data + 1, size - 1);
    switch (data[0] % 3) {
    case 0: lines(in); break;
    case 1: stream(in); break;
    default: requests(in); break;
    }
    return 0;
}

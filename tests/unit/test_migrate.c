/* MIGRATE against a target in the same process: whatever keys it touches, to read, to look again or to remove, are
 * those that its row declares; and what is not there any more is over there. */
#include "unit/engine_fixture.h"

#include "base/number.h"
#include "net/loop.h"
#include "repl/repl_priv.h"

#include "support/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct cmd repl_migrate_family[];

enum { ROUNDS = 400, NAMES = 8, KEYS_MAX = 32, TURNS_MAX = 2000 };

/* Some look like options. */
static const char *const names[NAMES] = {"a", "b", "keys", "auth", "auth2", "replace", "copy", "c"};

struct target {
    int listener, fd; /* -1: nobody */
    int port;
    struct buf in;
    int refuse_one_in; /* requests; 0: none */
    struct rng *rng;
};

struct world {
    struct loopback *l;
    struct loop *loop;
    struct repl *repl;
    struct target target;
    struct rng rng;
    uint64_t touches, removals, mismatches;
};

static void
on_touched(void *ctx, const struct exec *x, struct slice key, bool changes)
{
    struct world *w = ctx;
    int index[KEYS_MAX];
    uint16_t flags[KEYS_MAX];
    bool declared = false;

    if (!slice_eq(x->command->name, LIT("migrate")))
        return;
    w->touches++;
    w->removals += changes;
    int n = cmd_keys(x->command->row, x->argv, x->argc, index, flags, KEYS_MAX);
    for (int i = 0; i < n && i < KEYS_MAX; i++)
        declared = declared || (slice_eq(x->argv[index[i]], key) && (flags[i] & KEY_DELETE));
    w->mismatches += !declared;
}

static void
dump(void *ctx, struct entry *e, struct buf *out)
{
    (void)ctx;
    buf_add_slice(out, entry_key(e));
    buf_printf(out, "%llu", (unsigned long long)entry_type(e));
}

static void
role_changed(void *ctx)
{
    (void)ctx;
}

/* -- the target ------------------------------------------------------------------------------------------------ */

static void
target_begin(struct target *t)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    t->fd = -1;
    t->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(t->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(t->listener, 8), 0);
    assert_int_equal(getsockname(t->listener, (struct sockaddr *)&a, &len), 0);
    t->port = ntohs(a.sin_port);
}

/* The length of the request at the start; 0: not all of it is there. */
static size_t
request_length(struct slice in)
{
    const char *end = in.len > 0 ? memchr(in.ptr, '\n', in.len) : NULL;
    int64_t words, bytes;

    if (end == NULL || !parse_int64(slice_of(in.ptr + 1, (size_t)(end - in.ptr) - 2), &words))
        return 0;
    size_t at = (size_t)(end - in.ptr) + 1;
    for (int64_t i = 0; i < words; i++) {
        end = at < in.len ? memchr(in.ptr + at, '\n', in.len - at) : NULL;
        if (end == NULL || !parse_int64(slice_of(in.ptr + at + 1, (size_t)(end - in.ptr) - at - 2), &bytes))
            return 0;
        at = (size_t)(end - in.ptr) + 1 + (size_t)bytes + 2;
    }
    return at <= in.len ? at : 0;
}

static void
target_turn(struct target *t)
{
    char room[4096];
    ssize_t got;
    size_t n;

    int fd = accept(t->listener, NULL, NULL);
    if (fd >= 0) {
        if (t->fd >= 0)
            close(t->fd);
        t->fd = fd;
        buf_reset(&t->in);
    }
    while (t->fd >= 0 && (got = recv(t->fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
        buf_add(&t->in, room, (size_t)got);
    while (t->fd >= 0 && (n = request_length(buf_slice(&t->in))) > 0) {
        bool refuses = t->refuse_one_in > 0 && rng_below(t->rng, (uint64_t)t->refuse_one_in) == 0;
        const char *reply = refuses ? "-BUSYKEY Target key name already exists.\r\n" : "+OK\r\n";
        (void)send(t->fd, reply, strlen(reply), MSG_NOSIGNAL);
        buf_consume(&t->in, n);
    }
}

/* -- rounds ---------------------------------------------------------------------------------------------------- */

static void
set_all(struct world *w)
{
    for (int i = 0; i < NAMES; i++)
        loopback_command(w->l, 1, (struct slice[]){LIT("SET"), slice_cstr(names[i]), LIT("v")}, 3);
    buf_reset(&w->l->sessions[1].out);
}

static struct slice
some_name(struct world *w)
{
    return slice_cstr(names[rng_below(&w->rng, NAMES)]);
}

static void
migrate(struct world *w)
{
    struct slice argv[KEYS_MAX];
    char port[INT64_TEXT_MAX];
    bool many = rng_below(&w->rng, 2) == 0;
    size_t n = 0;

    argv[n++] = LIT("MIGRATE");
    argv[n++] = LIT("127.0.0.1");
    argv[n++] = slice_of(port, format_int64(port, w->target.port));
    argv[n++] = many ? LIT("") : some_name(w);
    argv[n++] = LIT("0");
    argv[n++] = LIT("5000");
    for (uint64_t options = rng_below(&w->rng, 3); options > 0; options--) {
        switch (rng_below(&w->rng, 4)) {
        case 0: argv[n++] = LIT("COPY"); break;
        case 1: argv[n++] = LIT("REPLACE"); break;
        case 2:
            argv[n++] = LIT("AUTH");
            argv[n++] = some_name(w);
            break;
        default:
            argv[n++] = LIT("AUTH2");
            argv[n++] = some_name(w);
            argv[n++] = some_name(w);
        }
    }
    if (many)
        argv[n++] = LIT("KEYS");
    for (uint64_t keys = many ? 1 + rng_below(&w->rng, 5) : 0; keys > 0; keys--)
        argv[n++] = some_name(w);
    loopback_command(w->l, 0, argv, n);
}

/* Somebody else's change, or none. */
static void
interfere(struct world *w)
{
    if (rng_below(&w->rng, 3) != 0)
        return;
    if (rng_below(&w->rng, 2) == 0)
        loopback_command(w->l, 1, (struct slice[]){LIT("DEL"), some_name(w)}, 2);
    else
        loopback_command(w->l, 1, (struct slice[]){LIT("PEXPIRE"), some_name(w), LIT("100000")}, 3);
    buf_reset(&w->l->sessions[1].out);
}

static void
wait_for_reply(struct world *w)
{
    int turns = 0;

    while (w->l->sessions[0].out.len == 0) {
        assert_true(turns++ < TURNS_MAX);
        if (turns < 8)
            interfere(w);
        (void)loop_wait(w->loop, 1);
        loop_dispatch(w->loop);
        target_turn(&w->target);
        repl_flush(w->repl, false);
        loopback_advance(w->l, 0);
    }
}

static void
test_touched_keys_are_declared(void **state)
{
    struct world w = {0};
    uint64_t done = 0;

    (void)state;
#ifndef SORREL_VERIFY
    skip();
#endif
    rng_seed(&w.rng, 7);
    w.l = loopback_new_with(7, repl_migrate_family);
    w.loop = loop_new();
    struct repl_host host = {.ctx = &w, .loop = w.loop, .dump = dump, .role_changed = role_changed};
    w.repl = repl_new(w.l->engine, &host);
    w.target.rng = &w.rng;
    target_begin(&w.target);
    engine_set_key_witness(w.l->engine, (struct key_witness){on_touched, &w});
    assert_true(loopback_open(w.l, 0) && loopback_open(w.l, 1));
    for (int i = 0; i < ROUNDS; i++) {
        set_all(&w);
        w.target.refuse_one_in = i % 3 == 0 ? 4 : 0;
        migrate(&w);
        wait_for_reply(&w);
        done += w.l->sessions[0].out.ptr[0] == '+';
        buf_reset(&w.l->sessions[0].out);
    }
    print_message("%llu of %d done, %llu touches, %llu removals\n", (unsigned long long)done, ROUNDS,
                  (unsigned long long)w.touches, (unsigned long long)w.removals);
    assert_int_equal(w.mismatches, 0);
    assert_true(done > ROUNDS / 2 && w.touches > 4 * ROUNDS && w.removals > ROUNDS / 2);
    repl_session_closed(w.repl, w.l->sessions[0].session);
    if (w.target.fd >= 0)
        close(w.target.fd);
    close(w.target.listener);
    buf_fini(&w.target.in);
    loopback_close(w.l, 0);
    loopback_close(w.l, 1);
    repl_free(w.repl);
    loopback_free(w.l);
    loop_free(w.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_touched_keys_are_declared)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

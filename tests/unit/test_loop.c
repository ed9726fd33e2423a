/* Unit tests of net/: the loop, connections over socket pairs and over a transport that fails, listeners on loopback.
 */
#include "base/mem.h"
#include "net/conn.h"
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* -- an owner that answers each line with itself ---------------------------------------------------------------- */

enum { PEERS = 8 };

struct peer {
    struct conn *conn; /* NULL: closed */
    int fd;            /* the other end */
    struct out out;
    int inputs, ends, writes;
    size_t left;
};

struct owner {
    struct net *net;
    struct peer peers[PEERS];
    size_t wants;      /* what input() says, when not 0 */
    struct peer *kill; /* input() closes this one */
    bool hold;         /* input() uses nothing up */
};

static void
drop(struct peer *p)
{
    conn_close(p->conn);
    p->conn = NULL;
}

static size_t
on_input(void *ctx, struct conn *c, struct slice in, size_t *wants)
{
    struct owner *o = ctx;
    struct peer *p = conn_data(c);
    size_t used = 0;

    p->inputs++;
    if (o->kill != NULL && o->kill->conn != NULL) {
        bool own = o->kill == p;
        drop(o->kill);
        if (own)
            return 0;
    }
    *wants = o->wants;
    if (o->hold || in.len < o->wants)
        return 0;
    for (;;) {
        struct slice rest = slice_skip(in, used);
        const char *lf = rest.len == 0 ? NULL : memchr(rest.ptr, '\n', rest.len);
        if (lf == NULL)
            return used;
        buf_add(&p->out.bytes, rest.ptr, (size_t)(lf - rest.ptr) + 1);
        used += (size_t)(lf - rest.ptr) + 1;
    }
}

static void
on_ended(void *ctx, struct conn *c, int error)
{
    struct peer *p = conn_data(c);

    p->ends++;
    drop(p);
}

static void
on_written(void *ctx, struct conn *c, size_t left)
{
    struct peer *p = conn_data(c);

    p->writes++;
    p->left = left;
}

static int
setup(void **state)
{
    struct owner *o = mem_get_zero(sizeof(*o));

    o->net = net_new((struct net_owner){.ctx = o, .input = on_input, .ended = on_ended, .written = on_written});
    *state = o;
    return o->net != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
    struct owner *o = *state;

    for (int i = 0; i < PEERS; i++) {
        struct peer *p = &o->peers[i];
        if (p->conn != NULL)
            drop(p);
        if (p->fd > 0)
            close(p->fd);
        out_fini(&p->out);
    }
    net_free(o->net);
    mem_free(o);
    return 0;
}

static struct peer *
connect_peer(struct owner *o, int i)
{
    struct peer *p = &o->peers[i];
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    p->fd = fds[1];
    p->conn = conn_open(o->net, transport_socket(fds[0]), fds[0], &p->out, p);
    assert_non_null(p->conn);
    return p;
}

static void
turn(struct owner *o)
{
    net_wait(o->net, 0, 0);
    net_dispatch(o->net);
    net_flush(o->net);
}

static void
say(struct peer *p, const char *text)
{
    assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

static void
expect_heard(struct peer *p, const char *want)
{
    char got[4096];
    ssize_t n = read(p->fd, got, sizeof(got) - 1);

    got[n > 0 ? n : 0] = '\0';
    assert_string_equal(got, want);
}

/* -- connections ------------------------------------------------------------------------------------------------ */

static void
test_lines_come_back(void **state)
{
    struct owner *o = *state;
    struct peer *a = connect_peer(o, 0), *b = connect_peer(o, 1);
    size_t idle = conn_memory(a->conn);

    say(a, "one\ntwo\nthr");
    say(b, "x\n");
    turn(o);
    expect_heard(a, "one\ntwo\n");
    expect_heard(b, "x\n");
    assert_int_equal(conn_input_len(a->conn), 3);
    assert_true(conn_memory(a->conn) > idle);
    say(a, "ee\n");
    turn(o);
    expect_heard(a, "three\n");
    /* Nothing is held by a connection that waits. */
    assert_int_equal(conn_memory(a->conn), idle);
    assert_int_equal(out_memory(&a->out), 0);
    assert_int_equal(a->inputs, 2);
    assert_int_equal(a->writes, 2);
    assert_int_equal(net_stats(o->net)->reads, 3);
    assert_int_equal(net_stats(o->net)->bytes_in, 16);
    assert_int_equal(net_stats(o->net)->bytes_out, 16);
}

static void
test_one_read_and_one_write_a_turn(void **state)
{
    struct owner *o = *state;
    struct peer *a = connect_peer(o, 0);

    for (int i = 0; i < 100; i++)
        say(a, "line\n");
    turn(o);
    assert_int_equal(net_stats(o->net)->reads, 1);
    assert_int_equal(net_stats(o->net)->writes, 1);
    turn(o);
    assert_int_equal(net_stats(o->net)->reads, 1);
}

/* A request larger than every shared buffer, arriving in pieces. */
static void
test_large_request(void **state)
{
    enum { SIZE = 3000000 };
    struct owner *o = *state;
    struct peer *a = connect_peer(o, 0);
    char *big = mem_get(SIZE), *back = mem_get(SIZE);
    size_t sent = 0, got = 0;

    for (size_t i = 0; i < SIZE; i++)
        big[i] = (char)('a' + i % 26);
    big[SIZE - 1] = '\n';
    o->wants = SIZE;
    while (got < SIZE) {
        ssize_t n = sent < SIZE ? write(a->fd, big + sent, SIZE - sent) : 0;
        sent += n > 0 ? (size_t)n : 0;
        turn(o);
        assert_true(conn_memory(a->conn) <= 2 * sent + 300000);
        n = read(a->fd, back + got, SIZE - got);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_memory_equal(big, back, SIZE);
    /* It was looked at once when it was known to be incomplete, not once for each piece. */
    assert_true(a->inputs < 10);
    turn(o);
    assert_int_equal(out_memory(&a->out), 0);
    assert_int_equal(conn_input_len(a->conn), 0);
    mem_free(big);
    mem_free(back);
}

static void
test_slow_reader(void **state)
{
    enum { SIZE = 4 << 20 };
    struct owner *o = *state;
    struct peer *a = connect_peer(o, 0);
    size_t got = 0;
    char bytes[65536];

    memset(buf_room(&a->out.bytes, SIZE), 'x', SIZE);
    buf_advance(&a->out.bytes, SIZE);
    conn_flush_soon(a->conn);
    turn(o);
    assert_true(a->left > 0);
    assert_true(conn_events(a->conn) & LOOP_WRITE);
    uint64_t writes = net_stats(o->net)->writes;
    /* As long as there is no room nobody tries again, though the owner may have a look. */
    conn_flush_soon(a->conn);
    turn(o);
    assert_int_equal(net_stats(o->net)->writes, writes);
    assert_int_equal(a->writes, 2);
    while (got < SIZE) {
        ssize_t n = read(a->fd, bytes, sizeof(bytes));
        got += n > 0 ? (size_t)n : 0;
        turn(o);
    }
    turn(o);
    assert_int_equal(a->left, 0);
    assert_false(conn_events(a->conn) & LOOP_WRITE);
    assert_int_equal(out_memory(&a->out), 0);
}

static void
test_ends(void **state)
{
    struct owner *o = *state;
    struct peer *a = connect_peer(o, 0), *b = connect_peer(o, 1);

    close(a->fd);
    a->fd = -1;
    turn(o);
    assert_int_equal(a->ends, 1);
    assert_null(a->conn);
    /* Paused: bytes are left alone, the end is still noticed. */
    conn_pause(b->conn, true);
    say(b, "x\n");
    turn(o);
    assert_int_equal(b->inputs, 0);
    close(b->fd);
    b->fd = -1;
    turn(o);
    assert_int_equal(b->ends, 1);
}

static void
test_pause_and_go_on(void **state)
{
    struct owner *o = *state;
    struct peer *a = connect_peer(o, 0);

    conn_pause(a->conn, true);
    say(a, "x\n");
    turn(o);
    conn_pause(a->conn, false);
    turn(o);
    expect_heard(a, "x\n");
    /* Input that was left standing is offered again when asked for. */
    o->hold = true;
    say(a, "y\n");
    turn(o);
    assert_int_equal(conn_input_len(a->conn), 2);
    turn(o);
    assert_int_equal(a->inputs, 2);
    o->hold = false;
    conn_resume_soon(a->conn);
    turn(o);
    expect_heard(a, "y\n");
    assert_int_equal(conn_input_len(a->conn), 0);
}

static void
test_closing_inside_input(void **state)
{
    struct owner *o = *state;
    struct peer *p[4];

    for (int i = 0; i < 4; i++)
        p[i] = connect_peer(o, i);
    for (int i = 0; i < 4; i++)
        say(p[i], "x\n");
    conn_resume_soon(p[2]->conn);
    o->kill = p[2]; /* by whichever comes first; its own event is then not delivered */
    turn(o);
    assert_null(p[2]->conn);
    assert_true(p[2]->inputs <= 1);
    o->kill = p[0];
    say(p[0], "y\n");
    turn(o);
    assert_null(p[0]->conn);
    expect_heard(p[1], "x\n");
    expect_heard(p[3], "x\n");
}

/* -- a transport of our own -------------------------------------------------------------------------------------- */

struct fake {
    const char *bytes;
    int read_errno, write_errno;
    size_t write_max, written;
    bool closed;
};

static ssize_t
fake_read(void *state, void *p, size_t n)
{
    struct fake *f = state;
    size_t len = f->bytes != NULL ? strlen(f->bytes) : 0;

    if (f->bytes == NULL) {
        errno = f->read_errno;
        return -1;
    }
    assert_true(len <= n);
    memcpy(p, f->bytes, len);
    f->bytes = NULL;
    return (ssize_t)len;
}

static ssize_t
fake_writev(void *state, const struct iovec *v, int n)
{
    struct fake *f = state;
    size_t sum = 0;

    if (f->write_errno != 0) {
        errno = f->write_errno;
        return -1;
    }
    for (int i = 0; i < n; i++)
        sum += v[i].iov_len;
    sum = sum < f->write_max ? sum : f->write_max;
    f->written += sum;
    return (ssize_t)sum;
}

static void
fake_close(void *state)
{
    ((struct fake *)state)->closed = true;
}

static const struct transport_ops fake_ops = {.read = fake_read, .writev = fake_writev, .close = fake_close};

static void
test_transport(void **state)
{
    struct owner *o = *state;
    struct peer *p = &o->peers[0];
    struct fake f = {.bytes = "hello\n", .read_errno = EAGAIN, .write_max = 4};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0); /* only to be woken by */
    p->fd = fds[1];
    p->conn = conn_open(o->net, (struct transport){&fake_ops, &f}, fds[0], &p->out, p);
    say(p, "!");
    turn(o);
    assert_int_equal(f.written, 4);
    assert_int_equal(p->left, 2);
    turn(o); /* there is room again: the rest */
    assert_int_equal(f.written, 6);
    assert_int_equal(p->left, 0);
    f.bytes = "more\n";
    f.write_errno = EPIPE;
    turn(o);
    assert_int_equal(p->ends, 1);
    assert_true(f.closed);
    close(fds[0]);
}

static void
test_read_error(void **state)
{
    struct owner *o = *state;
    struct peer *p = &o->peers[0];
    struct fake f = {.read_errno = ECONNRESET};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    p->fd = fds[1];
    p->conn = conn_open(o->net, (struct transport){&fake_ops, &f}, fds[0], &p->out, p);
    say(p, "!");
    turn(o);
    assert_int_equal(p->ends, 1);
    assert_int_equal(p->inputs, 0);
    close(fds[0]);
}

/* -- listeners ---------------------------------------------------------------------------------------------------- */

struct accepted {
    int fds[16], n, rests;
};

static void
on_accepted(void *ctx, struct listener *l, int fd)
{
    struct accepted *a = ctx;

    assert_true(a->n < 16);
    a->fds[a->n++] = fd;
}

static void
on_resting(void *ctx, struct listener *l, int error)
{
    ((struct accepted *)ctx)->rests++;
}

static void
close_accepted(struct accepted *a)
{
    while (a->n > 0)
        close(a->fds[--a->n]);
}

static int
dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void
loop_turn(struct loop *l)
{
    loop_wait(l, 100);
    loop_dispatch(l);
}

static void
test_tcp_listener(void **state)
{
    struct loop *loop = loop_new();
    struct accepted a = {0};
    struct buf why = {0};
    struct listener *l =
        listener_tcp(loop, (struct listener_owner){&a, on_accepted, on_resting}, "127.0.0.1", 0, 16, &why);
    char text[PEER_TEXT_MAX], want[PEER_TEXT_MAX];
    int port = listener_port(l), client[5];

    assert_non_null(l);
    listener_set_accepts_per_turn(l, 2);
    for (int i = 0; i < 5; i++)
        client[i] = dial(port);
    loop_turn(loop);
    assert_int_equal(a.n, 2); /* bounded: the others come with the next turns */
    loop_turn(loop);
    loop_turn(loop);
    assert_int_equal(a.n, 5);
    peer_text(a.fds[0], true, text);
    snprintf(want, sizeof(want), "127.0.0.1:%d", port);
    assert_string_equal(text, want);
    assert_true(peer_is_local(a.fds[0]));
    assert_true(fcntl(a.fds[0], F_GETFL) & O_NONBLOCK);
    socket_tune(a.fds[0], 300);
    /* The port is taken. */
    assert_null(listener_tcp(loop, (struct listener_owner){&a, on_accepted, on_resting}, "127.0.0.1", port, 16, &why));
    assert_int_equal(errno, EADDRINUSE);
    assert_true(why.len > 0);
    for (int i = 0; i < 5; i++)
        close(client[i]);
    close_accepted(&a);
    listener_close(l);
    buf_fini(&why);
    loop_free(loop);
}

static void
test_unix_listener(void **state)
{
    struct loop *loop = loop_new();
    struct accepted a = {0};
    struct buf why = {0};
    char dir[] = "/tmp/sorrel-net-XXXXXX", path[64], text[PEER_TEXT_MAX];
    struct stat st;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    struct listener_owner owner = {&a, on_accepted, on_resting};
    struct listener *l = listener_unix(loop, owner, path, 0770, 16, &why);
    assert_non_null(l);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0770);
    /* What a former server left behind is replaced. */
    struct listener *again = listener_unix(loop, owner, path, 0, 16, &why);
    assert_non_null(again);
    peer_text(-1, true, text);
    assert_string_equal(text, "?:0");
    listener_close(l);
    listener_close(again);
    assert_int_equal(stat(path, &st), -1);
    char long_path[200];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_null(listener_unix(loop, owner, long_path, 0, 16, &why));
    assert_int_equal(rmdir(dir), 0);
    buf_fini(&why);
    loop_free(loop);
}

static void
test_trim(void **state)
{
    struct owner *o = *state;
    size_t least = net_memory(o->net);

    for (int i = 0; i < PEERS; i++)
        say(connect_peer(o, i), "x\n");
    turn(o);
    size_t after = net_memory(o->net);
    assert_true(after > least);
    net_trim(o->net); /* they were needed just now */
    say(&o->peers[0], "y\n");
    turn(o);
    net_trim(o->net); /* only one was */
    assert_true(net_memory(o->net) < after);
    net_trim(o->net);
    net_trim(o->net);
    say(&o->peers[1], "z\n");
    turn(o);
    expect_heard(&o->peers[1], "x\nz\n");
}

static void
test_wake(void **state)
{
    struct loop *loop = loop_new();

    loop_wake(loop);
    loop_wake(loop);
    assert_int_equal(loop_wait(loop, -1), 1);
    loop_dispatch(loop);
    assert_int_equal(loop_wait(loop, 0), 0);
    loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_read_and_one_write_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_request, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pause_and_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closing_inside_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transport, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
        cmocka_unit_test(test_tcp_listener),
        cmocka_unit_test(test_unix_listener),
        cmocka_unit_test(test_wake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* cli/mode_transfer.c - bytes in bulk: --pipe sends them, --rdb and --replica receive them as a replica does. */
#include "cli/modes.h"

#include "base/number.h"
#include "base/progress.h"
#include "base/rng.h"
#include "client/reply.h"
#include "client/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- --pipe ------------------------------------------------------------------------------------------------------ */

enum { CHUNK = 64 * 1024, MARK_BYTES = 20 };

struct pipe_run {
    struct session *s;
    char chunk[CHUNK];
    size_t len, sent;
    bool input_ended, marked, done;
    uint64_t taken; /* bytes of the input so far */
    struct progress bar;
    char mark[2 * MARK_BYTES + 1]; /* what ECHO must bring back at the end, in letters */
    uint64_t replies, errors;
};

/* The last command: when its reply comes, all others have. */
static void
add_mark(struct pipe_run *p)
{
    unsigned char random[MARK_BYTES];
    int n;

    (void)rng_system_bytes(random, sizeof(random));
    for (int i = 0; i < MARK_BYTES; i++)
        snprintf(p->mark + 2 * i, 3, "%02x", random[i]);
    /* The blank line ends a command that the input left half way, where the protocol allows it. */
    n = snprintf(p->chunk, sizeof(p->chunk), "\r\n*2\r\n$4\r\nECHO\r\n$%d\r\n%.*s\r\n", 2 * MARK_BYTES, 2 * MARK_BYTES,
                 p->mark);
    p->len = (size_t)n;
    p->sent = 0;
    p->marked = true;
}

static void
read_input(struct pipe_run *p)
{
    ssize_t n = read(STDIN_FILENO, p->chunk, sizeof(p->chunk));

    p->len = n > 0 ? (size_t)n : 0;
    p->sent = 0;
    p->taken += p->len;
    progress_at(&p->bar, p->taken);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        p->input_ended = true;
        progress_hide(&p->bar);
        printf("All data transferred. Waiting for the last reply...\n");
        fflush(stdout);
        add_mark(p);
    }
}

/* Reads the replies that are there. False if the connection is gone. */
static bool
read_replies(struct pipe_run *p)
{
    const struct sorrel_reply *r;
    struct sorrel_error err;

    while (!p->done && sorrel_conn_wait(p->s->conn, 0)) {
        if (sorrel_conn_next_any(p->s->conn, &r, &err) != SORREL_OK) {
            fflush(stdout);
            fprintf(stderr, "Error: %s\n", err.text);
            return false;
        }
        const struct resp_value *v = reply_value(r);
        if (v->type == RESP_PUSH)
            continue;
        if (p->marked && v->type == RESP_STRING && slice_eq(v->text, slice_of(p->mark, 2 * MARK_BYTES))) {
            p->done = true;
            printf("Last reply received from server.\n");
            break;
        }
        p->replies++;
        if (v->type == RESP_ERROR) {
            p->errors++;
            fprintf(stderr, "%.*s\n", (int)v->text.len, v->text.ptr);
        }
    }
    return true;
}

static bool
send_some(struct pipe_run *p)
{
    ssize_t n = stream_write(conn_stream(p->s->conn), p->chunk + p->sent, p->len - p->sent, false);

    if (n < 0 && errno != EAGAIN) {
        fprintf(stderr, "Error writing to the server: %s\n", stream_reason(conn_stream(p->s->conn), errno));
        return false;
    }
    p->sent += n > 0 ? (size_t)n : 0;
    return true;
}

static bool
pipe_loop(struct pipe_run *p)
{
    int timeout = p->s->opt->pipe_timeout > 0 ? (int)p->s->opt->pipe_timeout * 1000 : -1;

    while (!p->done) {
        bool sending = p->sent < p->len, reading = !sending && !p->input_ended;
        struct pollfd fds[2] = {
            {.fd = sorrel_conn_fd(p->s->conn), .events = stream_wants(conn_stream(p->s->conn), sending)},
            {.fd = reading ? STDIN_FILENO : -1, .events = POLLIN},
        };
        /* The clock runs only when everything has been sent: a slow input is no fault of the server. */
        int n = poll(fds, 2, sending || reading ? -1 : timeout);
        if (n == 0) {
            fprintf(stderr, "No replies for %d seconds: exiting.\n", timeout / 1000);
            p->errors++;
            return true;
        }
        if (fds[0].revents & (POLLIN | POLLHUP | POLLERR) && !read_replies(p))
            return false;
        if (fds[0].revents & POLLOUT && !send_some(p))
            return false;
        if (fds[1].revents != 0)
            read_input(p);
    }
    return true;
}

int
mode_pipe(struct session *s)
{
    struct pipe_run p = {.s = s};

    if (!session_connect(s))
        return 1;
    /* Of a file it is known how much there is to come. */
    struct stat st;
    progress_begin(&p.bar, fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
    bool ok = pipe_loop(&p);
    progress_hide(&p.bar);
    printf("errors: %" PRIu64 ", replies: %" PRIu64 "\n", p.errors, p.replies);
    return ok && p.errors == 0 ? 0 : 1;
}

/* ---- as a replica ------------------------------------------------------------------------------------------------ */

enum { EOF_MARK = 40 };

struct snapshot {
    struct session *s;
    uint64_t left; /* bytes to come; unused with a mark */
    bool marked;   /* its end is a mark of EOF_MARK bytes instead of a length */
    char mark[EOF_MARK];
};

static bool
read_some(struct session *s, char *to, size_t cap, size_t *got)
{
    struct sorrel_error err;

    if (sorrel_conn_flush(s->conn, &err) == SORREL_OK && sorrel_conn_read_raw(s->conn, to, cap, got, &err) == SORREL_OK)
        return true;
    fprintf(stderr, "Error: %s\n", err.text);
    return false;
}

/* The header of the snapshot: "$length" or "$EOF:mark", after the empty lines of a server that is still preparing. */
static bool
read_header(struct snapshot *n)
{
    char line[256];
    size_t len = 0, got;
    int64_t bytes;

    for (;;) {
        if (!read_some(n->s, line + len, 1, &got))
            return false;
        if (line[len] != '\n') {
            if (++len == sizeof(line))
                break;
            continue;
        }
        while (len > 0 && line[len - 1] == '\r')
            len--;
        if (len > 0)
            break;
    }
    struct slice s = slice_of(line, len);
    if (slice_starts(s, LIT("$EOF:")) && s.len == 5 + EOF_MARK) {
        n->marked = true;
        memcpy(n->mark, line + 5, EOF_MARK);
        return true;
    }
    if (s.len > 1 && line[0] == '$' && parse_int64(slice_skip(s, 1), &bytes) && bytes >= 0) {
        n->left = (uint64_t)bytes;
        return true;
    }
    fprintf(stderr, "SYNC with the server failed: %.*s\n", (int)s.len, s.ptr);
    return false;
}

static bool
write_all(int fd, struct slice s)
{
    while (fd >= 0 && s.len > 0) {
        ssize_t n = write(fd, s.ptr, s.len);
        if (n < 0 && errno != EINTR) {
            fprintf(stderr, "Error writing the snapshot: %m\n");
            return false;
        }
        s = slice_skip(s, n > 0 ? (size_t)n : 0);
    }
    return true;
}

/* Copies the snapshot to fd (-1: nowhere). *total is its size. Where a mark ends it, as many bytes as the mark has are
 * held back until it is clear that they are not the mark. */
static bool
copy_snapshot(struct snapshot *n, int fd, uint64_t *total)
{
    char bytes[EOF_MARK + CHUNK];
    size_t held = 0;
    struct progress bar;

    *total = 0;
    progress_begin(&bar, n->marked ? 0 : n->left);
    while (n->marked || n->left > 0) {
        size_t got, want = n->marked || n->left > CHUNK ? CHUNK : (size_t)n->left;
        if (!read_some(n->s, bytes + held, want, &got))
            return false;
        n->left -= n->marked ? 0 : got;
        size_t len = held + got;
        held = !n->marked ? 0 : len < EOF_MARK ? len : EOF_MARK;
        if (!write_all(fd, slice_of(bytes, len - held)))
            return false;
        *total += len - held;
        progress_at(&bar, *total);
        memmove(bytes, bytes + len - held, held);
        if (n->marked && held == EOF_MARK && memcmp(bytes, n->mark, EOF_MARK) == 0)
            break;
    }
    progress_hide(&bar);
    return true;
}

static bool
replconf(struct session *s, const char *name, const char *value)
{
    const struct slice argv[] = {LIT("REPLCONF"), slice_cstr(name), slice_cstr(value)};

    fprintf(stderr, "sending REPLCONF %s %s\n", name, value);
    const struct resp_value *r = session_ask(s, 3, argv);
    if (r != NULL && r->type == RESP_ERROR)
        fprintf(stderr, "REPLCONF %s error: %.*s\n", name, (int)r->text.len, r->text.ptr);
    return r != NULL;
}

static bool
start_sync(struct snapshot *n)
{
    static const struct slice sync = LIT_INIT("SYNC");

    session_send(n->s, 1, &sync);
    return read_header(n);
}

bool
snapshot_fetch(struct session *s, const char *path, bool functions_only)
{
    struct snapshot n = {.s = s};
    bool to_stdout = strcmp(path, "-") == 0;
    uint64_t total;

    if (!session_connect(s) || !replconf(s, "capa", "eof") || !replconf(s, "rdb-only", "1") ||
        (functions_only && !replconf(s, "rdb-filter-only", "functions")))
        return false;
    if (!start_sync(&n))
        return false;
    if (n.marked)
        fprintf(stderr, "SYNC sent to master, writing bytes of bulk transfer until EOF marker to '%s'\n", path);
    else
        fprintf(stderr, "SYNC sent to master, writing %" PRIu64 " bytes to '%s'\n", n.left, path);
    int fd = to_stdout ? STDOUT_FILENO : open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        fprintf(stderr, "Error opening '%s': %m\n", path);
        return false;
    }
    bool ok = copy_snapshot(&n, fd, &total);
    if (ok && !to_stdout && fsync(fd) != 0)
        ok = false;
    if (!to_stdout && close(fd) != 0)
        ok = false;
    if (!ok)
        fprintf(stderr, "The snapshot could not be written completely.\n");
    else if (n.marked)
        fprintf(stderr, "Transfer finished with success after %" PRIu64 " bytes\n", total);
    else
        fprintf(stderr, "Transfer finished with success.\n");
    return ok;
}

int
mode_snapshot(struct session *s, bool functions_only)
{
    return snapshot_fetch(s, s->opt->file, functions_only) ? 0 : 1;
}

/* After a snapshot that ends in a mark, the server sends commands only when the replica has reported. A report that
 * comes before the server has noticed the end of its own work is lost, so there is one every second, as replicas do it.
 * The server answers nothing. */
static void
acknowledge(struct session *s)
{
    static const struct slice ack[] = {LIT_INIT("REPLCONF"), LIT_INIT("ACK"), LIT_INIT("0")};

    session_send(s, 3, ack);
    (void)sorrel_conn_flush(s->conn, NULL); /* the next read finds out */
}

int
mode_replica(struct session *s)
{
    struct snapshot n = {.s = s};
    struct format csv = {.output = OUTPUT_CSV};
    struct buf text = {0};
    uint64_t total;

    if (!session_connect(s) || !replconf(s, "capa", "eof") || !start_sync(&n))
        return 1;
    if (n.marked)
        fprintf(stderr, "SYNC with master, discarding bytes of bulk transfer until EOF marker...\n");
    else
        fprintf(stderr, "SYNC with master, discarding %" PRIu64 " bytes of bulk transfer...\n", n.left);
    if (!copy_snapshot(&n, -1, &total))
        return 1;
    fprintf(stderr, "SYNC done. Logging commands from master.\n");
    session_catch_interrupts(s);
    acknowledge(s);
    for (;;) {
        if (!sorrel_conn_wait(s->conn, 1000)) {
            acknowledge(s);
            if (session_sleep(s, 0))
                break;
            continue;
        }
        const struct resp_value *v = session_receive(s);
        if (v == NULL)
            break;
        buf_reset(&text);
        format_reply(&csv, v, &text);
        fwrite(text.ptr, 1, text.len, stdout);
        fflush(stdout);
    }
    buf_fini(&text);
    return 1;
}

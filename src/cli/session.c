/* cli/session.c - connecting, running commands, following what they change. */
#include "cli/session.h"

#include "base/mem.h"
#include "base/number.h"
#include "cli/pager.h"
#include "client/reply.h"
#include "client/stream.h"
#include "sorrel/sentinel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { ARGS_ON_STACK = 64, REDIRECTS_MAX = 16 };

void
session_init(struct session *s, const struct options *o)
{
    *s = (struct session){.opt = o, .interrupt_fd = -1, .key_fd = -1};
    sorrel_url_copy(&o->url, &s->url);
}

void
session_disconnect(struct session *s)
{
    sorrel_conn_close(s->conn);
    s->conn = NULL;
    s->in_multi = s->subscribed = false;
}

void
session_fini(struct session *s)
{
    session_disconnect(s);
    sorrel_url_fini(&s->url);
    buf_fini(&s->text);
    if (s->interrupt_fd >= 0)
        close(s->interrupt_fd);
}

/* ---- interrupts -------------------------------------------------------------------------------------------------- */

void
session_catch_interrupts(struct session *s)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->interrupt_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Takes the signals that are there. */
static bool
interrupted(struct session *s)
{
    struct signalfd_siginfo info;
    bool any = false;

    while (s->interrupt_fd >= 0 && read(s->interrupt_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        any = true;
    return any;
}

bool
session_sleep(struct session *s, int64_t us)
{
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    if (s->interrupt_fd < 0) {
        while (nanosleep(&left, &left) != 0 && errno == EINTR)
            ;
        return false;
    }
    struct pollfd p = {.fd = s->interrupt_fd, .events = POLLIN};
    (void)ppoll(&p, 1, &left, NULL);
    return interrupted(s);
}

/* Waits for input from the server. False when interrupted. */
static bool
wait_input(struct session *s)
{
    s->interrupted = false;
    if (s->interrupt_fd < 0)
        return true;
    for (;;) {
        if (sorrel_conn_wait(s->conn, 0))
            return true;
        struct pollfd p[2] = {{.fd = sorrel_conn_fd(s->conn), .events = POLLIN},
                              {.fd = s->interrupt_fd, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return true;
        if (p[1].revents != 0 && interrupted(s)) {
            s->interrupted = true;
            return false;
        }
    }
}

/* ---- showing ----------------------------------------------------------------------------------------------------- */

static bool
shows_pushes(const struct session *s)
{
    if (s->opt->show_pushes == PUSHES_AUTO)
        return isatty(STDOUT_FILENO) || getenv("FAKETTY") != NULL;
    return s->opt->show_pushes == PUSHES_YES;
}

static void
show(struct session *s, const struct resp_value *v, bool page)
{
    struct format f = {
        .output = page ? OUTPUT_RAW : s->opt->output,
        .item_delimiter = s->opt->item_delimiter,
        .colours = s->colours,
    };

    buf_reset(&s->text);
    format_reply(&f, v, &s->text);
    if (s->opt->output == OUTPUT_RAW && !page)
        buf_add_slice(&s->text, s->opt->reply_delimiter);
    /* Under -e the error reply of a one-shot command belongs to the errors. */
    bool to_stderr = v->type == RESP_ERROR && s->opt->error_exit && s->one_shot;
    if (to_stderr) {
        buf_reset(&s->text);
        buf_add_slice(&s->text, v->text);
        buf_add_char(&s->text, '\n');
    }
    if (!s->pages || s->subscribed || !pager_show(STDOUT_FILENO, buf_slice(&s->text)))
        fwrite(s->text.ptr, 1, s->text.len, to_stderr ? stderr : stdout);
    buf_shrink(&s->text, 0);
}

static void
show_push(void *ctx, const struct sorrel_reply *push)
{
    struct session *s = ctx;

    if (!shows_pushes(s))
        return;
    show(s, reply_value(push), false);
    fflush(stdout);
}

static enum outcome
say_broken(struct session *s, const struct sorrel_error *err)
{
    fflush(stdout);
    fprintf(stderr, "Error: %s\n", err->text);
    session_disconnect(s);
    return OUTCOME_FAILED;
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

static void
say_no_connection(const struct sorrel_url *u, const struct sorrel_error *err)
{
    if (u->transport == SORREL_UNIX)
        fprintf(stderr, "Could not connect to Redis at %s: %s\n", u->path, err->text);
    else
        fprintf(stderr, "Could not connect to Redis at %s:%u: %s\n", u->host != NULL ? u->host : "127.0.0.1",
                u->port != 0 ? u->port : 6379, err->text);
}

/* One command of the login. False, having said why, if it was refused or the connection broke. */
static bool
introduce(struct session *s, int argc, const char *const *argv, const char *what)
{
    const struct sorrel_reply *r;
    struct sorrel_error err;

    if (sorrel_conn_call(s->conn, argc, argv, NULL, &r, &err) != SORREL_OK) {
        say_broken(s, &err);
        return false;
    }
    if (sorrel_reply_type(r) == SORREL_ERROR) {
        size_t len;
        const char *text = sorrel_reply_text(r, &len);
        fprintf(stderr, "%s failed: %.*s\n", what, (int)len, text);
        return false;
    }
    return true;
}

/* Stops at the first refusal: the command that follows then gets the server's own answer. */
static void
log_in(struct session *s)
{
    char db[INT64_TEXT_MAX + 1], what[INT64_TEXT_MAX + 16];
    const struct sorrel_url *u = &s->url;

    if (u->password != NULL) {
        const char *auth[] = {"AUTH", u->username, u->password};
        if (u->username == NULL)
            auth[1] = u->password;
        if (!introduce(s, u->username != NULL ? 3 : 2, auth, "AUTH"))
            return;
    }
    if (u->client_name != NULL) {
        const char *const name[] = {"CLIENT", "SETNAME", u->client_name};
        if (!introduce(s, 3, name, "CLIENT SETNAME"))
            return;
    }
    if (u->db != 0) {
        db[format_int64(db, u->db)] = '\0';
        const char *const select[] = {"SELECT", db};
        snprintf(what, sizeof(what), "SELECT %s", db);
        if (!introduce(s, 2, select, what)) {
            s->url.db = 0;
            return;
        }
    }
    if (u->protocol == 3) {
        const char *const hello[] = {"HELLO", "3"};
        introduce(s, 2, hello, "HELLO 3");
    }
}

/* A Sentinel URL: where the master is now goes into the session's URL. False, having said why, when no Sentinel
 * knows. */
static bool
find_master(struct session *s)
{
    struct sorrel_error err;
    struct sorrel_address at;

    if (s->url.transport != SORREL_SENTINEL)
        return true;
    if (sorrel_sentinel_master(&s->url, NULL, &at, &err) != SORREL_OK) {
        fflush(stdout);
        fprintf(stderr, "Could not connect to Redis: %s\n", err.text);
        return false;
    }
    sorrel_free(s->url.host);
    s->url.host = at.host;
    s->url.port = at.port;
    return true;
}

bool
session_connect(struct session *s)
{
    struct sorrel_error err;

    s->interrupted = false;
    session_disconnect(s);
    if (!find_master(s))
        return false;
    struct sorrel_url at = s->url;
    if (at.transport == SORREL_SENTINEL)
        at.transport = SORREL_TCP;
    if (sorrel_conn_dial(&at, &s->conn, &err) != SORREL_OK) {
        s->conn = NULL;
        fflush(stdout);
        say_no_connection(&at, &err);
        return false;
    }
    sorrel_conn_on_push(s->conn, show_push, s);
    log_in(s);
    return s->conn != NULL;
}

bool
session_connect_to(struct session *s, const char *host, uint16_t port)
{
    mem_free(s->url.host);
    s->url.host = mem_copy_text(host);
    s->url.port = port;
    s->url.transport = SORREL_TCP;
    return session_connect(s);
}

/* A server that restarted or dropped an idle client has closed the connection by now. To find out before sending costs
 * one system call, and is the only moment at which it is certain that the command has not been executed. */
static bool
still_open(struct session *s)
{
    return s->conn != NULL && !sorrel_conn_broken(s->conn) && stream_state(conn_stream(s->conn)) != STREAM_OVER;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static bool
is(const struct slice *argv, int argc, int at, const char *word)
{
    return at < argc && slice_eq_nocase(argv[at], slice_cstr(word));
}

/* Commands whose replies are texts with lines: they are printed as they are, in whichever form others are. */
static bool
is_page_of_text(int argc, const struct slice *argv)
{
    /* clang-format off */
    static const char *const pages[][2] = {
        {"info", NULL},          {"lolwut", NULL},        {"debug", "htstats"},    {"debug", "htstats-key"},
        {"debug", "client-eviction"}, {"memory", "malloc-stats"}, {"memory", "doctor"}, {"cluster", "nodes"},
        {"cluster", "info"},     {"client", "list"},      {"client", "info"},      {"latency", "graph"},
        {"latency", "doctor"},   {"proxy", "info"},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        if (is(argv, argc, 0, pages[i][0]) && (pages[i][1] == NULL || is(argv, argc, 1, pages[i][1])))
            return true;
    return false;
}

static void
replace_text(char **field, struct slice s)
{
    mem_free(*field);
    *field = memcpy(mem_get(s.len + 1), s.ptr, s.len);
    (*field)[s.len] = '\0';
}

/* AUTH [user] password, or the AUTH part of HELLO, that has succeeded. */
static void
remember_login(struct session *s, int argc, const struct slice *argv)
{
    if (argc == 2) {
        mem_free(s->url.username);
        s->url.username = NULL;
        replace_text(&s->url.password, argv[1]);
    } else if (argc == 3) {
        replace_text(&s->url.username, argv[1]);
        replace_text(&s->url.password, argv[2]);
    }
}

/* Follows the state that a successful command changes. */
static void
follow(struct session *s, int argc, const struct slice *argv)
{
    int64_t n;

    if (is(argv, argc, 0, "select") && argc == 2 && parse_int64(argv[1], &n) && n >= 0 && n <= INT32_MAX) {
        s->url.db = (int)n;
    } else if (is(argv, argc, 0, "auth")) {
        remember_login(s, argc, argv);
    } else if (is(argv, argc, 0, "multi") && argc == 1) {
        s->in_multi = true;
        s->db_before_multi = s->url.db;
    } else if (is(argv, argc, 0, "exec") && argc == 1) {
        s->in_multi = false;
    } else if (is(argv, argc, 0, "discard") && argc == 1) {
        s->in_multi = false;
        s->url.db = (int)s->db_before_multi;
    } else if (is(argv, argc, 0, "hello") && argc > 1) {
        s->url.protocol = is(argv, argc, 1, "3") ? 3 : 2;
        for (int i = 2; i + 2 < argc; i++)
            if (is(argv, argc, i, "auth"))
                remember_login(s, 3, argv + i);
    } else if (is(argv, argc, 0, "reset") && argc == 1) {
        s->in_multi = false;
        s->url.db = 0;
        s->url.protocol = 2;
        mem_free(s->url.username);
        mem_free(s->url.password);
        s->url.username = s->url.password = NULL;
    }
}

static enum outcome
next_reply(struct session *s, bool any, const struct resp_value **out)
{
    const struct sorrel_reply *r;
    struct sorrel_error err;

    if (sorrel_conn_flush(s->conn, &err) != SORREL_OK)
        return say_broken(s, &err);
    if (!wait_input(s)) {
        /* The reply may come at any time now: the connection can't be used for anything else. */
        session_disconnect(s);
        return OUTCOME_INTERRUPTED;
    }
    enum sorrel_rc rc = any ? sorrel_conn_next_any(s->conn, &r, &err) : sorrel_conn_next(s->conn, &r, &err);
    if (rc != SORREL_OK)
        return say_broken(s, &err);
    *out = reply_value(r);
    return OUTCOME_OK;
}

/* MONITOR: whatever comes, until it ends. */
static enum outcome
follow_stream(struct session *s)
{
    const struct resp_value *v;
    enum outcome res;

    while ((res = next_reply(s, true, &v)) == OUTCOME_OK) {
        show(s, v, false);
        fflush(stdout);
        if (v->type == RESP_ERROR)
            return OUTCOME_ERROR_REPLY;
    }
    return res;
}

/* Whether a reply tells how many subscriptions there are now; *count is that number. */
static bool
tells_subscriptions(const struct resp_value *v, int64_t *count)
{
    static const char *const kinds[] = {"subscribe",   "psubscribe",   "ssubscribe",
                                        "unsubscribe", "punsubscribe", "sunsubscribe"};

    if ((v->type != RESP_ARRAY && v->type != RESP_PUSH) || v->count != 3 || !resp_is_text(&v->items[0]) ||
        v->items[2].type != RESP_INTEGER)
        return false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (slice_eq(v->items[0].text, slice_cstr(kinds[i]))) {
            *count = v->items[2].integer;
            return true;
        }
    }
    return false;
}

/* Waits for a message or a key. True if it was a key. */
static bool
key_comes_first(struct session *s)
{
    struct termios cooked, raw;
    bool key = false;

    if (s->key_fd < 0 || sorrel_conn_wait(s->conn, 0) || tcgetattr(s->key_fd, &cooked) != 0)
        return false;
    raw = cooked;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* a key counts without Enter, and the prompt shows it later */
    if (tcsetattr(s->key_fd, TCSADRAIN, &raw) != 0)
        return false;
    struct pollfd p[3] = {{.fd = sorrel_conn_fd(s->conn), .events = POLLIN},
                          {.fd = s->interrupt_fd, .events = POLLIN},
                          {.fd = s->key_fd, .events = POLLIN}};
    if (poll(p, 3, -1) > 0)
        key = p[0].revents == 0 && p[1].revents == 0 && p[2].revents != 0;
    tcsetattr(s->key_fd, TCSADRAIN, &cooked);
    return key;
}

/* Shows messages, and what commands typed in between bring, until the last subscription ends or a key is pressed. */
static enum outcome
follow_messages(struct session *s)
{
    const struct resp_value *v;
    struct sorrel_error err;
    int64_t count;

    if (sorrel_conn_flush(s->conn, &err) != SORREL_OK)
        return say_broken(s, &err);
    s->subscribed = true;
    fflush(stdout);
    while (!key_comes_first(s)) {
        enum outcome res = next_reply(s, true, &v);
        if (res != OUTCOME_OK)
            return res;
        show(s, v, false);
        fflush(stdout);
        if (s->key_fd < 0) {
            if (v->type == RESP_ERROR)
                return OUTCOME_ERROR_REPLY;
            continue;
        }
        if ((tells_subscriptions(v, &count) && count == 0) ||
            (v->type == RESP_STATUS && slice_eq(v->text, LIT("RESET")))) {
            s->subscribed = false;
            return OUTCOME_OK;
        }
        if (v->type == RESP_ERROR && !s->messages_seen) {
            s->subscribed = false;
            return OUTCOME_ERROR_REPLY;
        }
        s->messages_seen = true;
    }
    return OUTCOME_OK;
}

static void
append_command(struct session *s, int argc, const struct slice *argv)
{
    const char *ptrs[ARGS_ON_STACK] = {NULL};
    size_t lens[ARGS_ON_STACK] = {0};
    const char **p = argc <= ARGS_ON_STACK ? ptrs : mem_get_array((size_t)argc, sizeof(*p));
    size_t *l = argc <= ARGS_ON_STACK ? lens : mem_get_array((size_t)argc, sizeof(*l));

    for (int i = 0; i < argc; i++) {
        p[i] = argv[i].ptr;
        l[i] = argv[i].len;
    }
    sorrel_conn_append(s->conn, argc, p, l);
    if (argc > ARGS_ON_STACK) {
        mem_free(p);
        mem_free(l);
    }
}

static bool
subscribes(int argc, const struct slice *argv)
{
    return is(argv, argc, 0, "subscribe") || is(argv, argc, 0, "psubscribe") || is(argv, argc, 0, "ssubscribe");
}

/* -c: "MOVED slot host:port" or "ASK slot host:port" leads to another node. True if the session is connected there, and
 * the command is to be sent again; a host that is left out is the one that answered. */
static bool
follow_redirect(struct session *s, struct slice line)
{
    bool ask = slice_starts(line, LIT("ASK "));
    const char *space, *colon;
    uint64_t port;

    if (!s->opt->cluster_mode || (!ask && !slice_starts(line, LIT("MOVED "))))
        return false;
    line = slice_skip(line, ask ? 4 : 6);
    space = memchr(line.ptr, ' ', line.len);
    colon = memrchr(line.ptr, ':', line.len);
    if (space == NULL || colon == NULL || colon < space ||
        !parse_uint64(slice_skip(line, (size_t)(colon - line.ptr) + 1), &port) || port < 1 || port > 65535)
        return false;
    struct slice host = slice_of(space + 1, (size_t)(colon - space - 1));
    if (host.len == 0)
        host = slice_cstr(s->url.host != NULL ? s->url.host : "127.0.0.1");
    if (!s->one_shot)
        printf("-> Redirected to slot [%.*s] located at %.*s:%u\n", (int)(space - line.ptr), line.ptr, (int)host.len,
               host.ptr, (unsigned)port);
    char *text = memcpy(mem_get(host.len + 1), host.ptr, host.len); /* the line's memory is the old connection's */
    text[host.len] = '\0';
    bool ok = session_connect_to(s, text, (uint16_t)port);
    mem_free(text);
    if (ok && ask) {
        const struct sorrel_reply *r = sorrel_conn_do(s->conn, NULL, "ASKING", NULL);
        ok = r != NULL && sorrel_reply_type(r) != SORREL_ERROR;
        if (!ok)
            session_disconnect(s);
    }
    return ok;
}

static enum outcome
run_connected(struct session *s, int argc, const struct slice *argv)
{
    const struct resp_value *v;
    bool monitor = is(argv, argc, 0, "monitor") && argc == 1;

    append_command(s, argc, argv);
    if (s->subscribed)
        return follow_messages(s);
    if (subscribes(argc, argv) && argc > 1 && !s->in_multi) {
        if (s->opt->output != OUTPUT_RAW)
            printf("Reading messages... (press Ctrl-C to quit%s)\n",
                   s->key_fd >= 0 ? " or any key to type command" : "");
        s->messages_seen = false;
        return follow_messages(s);
    }
    if (is(argv, argc, 0, "shutdown")) {
        /* A server that obeys says nothing any more. */
        const struct sorrel_reply *r;
        if (sorrel_conn_next(s->conn, &r, NULL) != SORREL_OK) {
            session_disconnect(s);
            return OUTCOME_OK;
        }
        show(s, reply_value(r), false);
        return sorrel_reply_type(r) == SORREL_ERROR ? OUTCOME_ERROR_REPLY : OUTCOME_OK;
    }
    enum outcome res = next_reply(s, false, &v);
    for (int i = 0; i < REDIRECTS_MAX && res == OUTCOME_OK && v->type == RESP_ERROR && follow_redirect(s, v->text);
         i++) {
        append_command(s, argc, argv);
        res = next_reply(s, false, &v);
    }
    if (res != OUTCOME_OK)
        return res;
    if (s->conn == NULL)
        return OUTCOME_FAILED; /* there was nobody where it was sent to */
    bool failed = v->type == RESP_ERROR;
    show(s, v, is_page_of_text(argc, argv));
    fflush(stdout);
    if (!failed)
        follow(s, argc, argv);
    else if (is(argv, argc, 0, "exec"))
        s->in_multi = false;
    if (monitor && !failed)
        return follow_stream(s);
    return failed ? OUTCOME_ERROR_REPLY : OUTCOME_OK;
}

void
session_take_pushes(struct session *s)
{
    const struct sorrel_reply *r;

    while (s->conn != NULL && sorrel_conn_wait(s->conn, 0)) {
        /* Gone: the next command says so, or connects anew. */
        if (sorrel_conn_next_any(s->conn, &r, NULL) != SORREL_OK) {
            session_disconnect(s);
            return;
        }
        if (s->subscribed)
            show(s, reply_value(r), false);
        else if (sorrel_reply_type(r) == SORREL_PUSH)
            show_push(s, r);
    }
}

enum outcome
session_run(struct session *s, int argc, const struct slice *argv)
{
    (void)interrupted(s);
    if (!still_open(s) && !session_connect(s))
        return OUTCOME_FAILED;
    return run_connected(s, argc, argv);
}

enum outcome
session_repeat(struct session *s, int argc, const struct slice *argv, int64_t repeat)
{
    enum outcome res = OUTCOME_OK;

    for (int64_t i = 0; repeat < 0 || i < repeat; i++) {
        if (i > 0 && s->opt->interval_us > 0 && session_sleep(s, s->opt->interval_us))
            return OUTCOME_INTERRUPTED;
        res = session_run(s, argc, argv);
        if (res == OUTCOME_FAILED || res == OUTCOME_INTERRUPTED ||
            (res != OUTCOME_OK && s->opt->error_exit && s->one_shot))
            break;
    }
    return res;
}

const struct resp_value *
session_ask(struct session *s, int argc, const struct slice *argv)
{
    const struct resp_value *v;

    if (!still_open(s) && !session_connect(s))
        return NULL;
    append_command(s, argc, argv);
    return next_reply(s, false, &v) == OUTCOME_OK ? v : NULL;
}

void
session_send(struct session *s, int argc, const struct slice *argv)
{
    if (s->conn != NULL)
        append_command(s, argc, argv);
}

const struct resp_value *
session_receive(struct session *s)
{
    const struct resp_value *v;

    return s->conn != NULL && next_reply(s, false, &v) == OUTCOME_OK ? v : NULL;
}

int
session_exit_code(const struct session *s)
{
    return s->interrupted ? 0 : 1;
}

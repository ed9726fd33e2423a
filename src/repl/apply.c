/* repl/apply.c - the stream of a primary: running it, and handing it on as it came.
 *
 * A transaction is one unit: until its end nothing of it counts as received, so that a link that is cut in the middle
 * goes on at its beginning. Only what a primary has reason to send is run; a stream could otherwise shut us down or
 * rewrite our configuration.
 */
#include "base/log.h"
#include "engine/acl.h"
#include "engine/dispatch.h"
#include "engine/settings.h"
#include "proto/request.h"
#include "repl/repl_priv.h"

enum { TRANSACTION_MAX = 1 << 30, SHOWN = 128, COMPLAINTS_MAX = 20, BATCH = 64 };

/* A command of the stream that has been parsed and not yet been run. */
struct upcoming {
    struct ahead ahead;
    size_t argv_at, end; /* in `argv`; in the input, from where parsing began */
    int argc;            /* 0: an empty line */
};

struct apply {
    struct repl *repl;
    struct session *session;
    struct request_parser parser;
    struct slice_vec argv;
    struct upcoming batch[BATCH];
    unsigned batch_count;
    size_t run; /* bytes at the start of the input that have been run and are part of an open transaction */
    bool ack_wanted;
    unsigned complaints;
};

struct apply *
apply__new(struct repl *r, int db, struct slice addr)
{
    struct apply *a = mem_get_zero(sizeof(*a));
    char text[INT64_TEXT_MAX];

    a->repl = r;
    a->session = engine_session_open(r->engine, NULL, addr, LIT(""));
    session_set_flag(a->session, SESSION_INTERNAL, true);
    session_set_flag(a->session, SESSION_PRIMARY, true);
    session_set_user(a->session, NULL);
    session_set_authenticated(a->session, true);
    session_set_reply_mode(a->session, REPLY_OFF);
    if (db != 0)
        engine_run(r->engine, a->session, (const struct slice[]){LIT("SELECT"), slice_of(text, format_int64(text, db))},
                   2);
    return a;
}

void
apply__free(struct apply *a)
{
    if (a == NULL)
        return;
    engine_session_close(a->session);
    request_parser_fini(&a->parser);
    slice_vec_fini(&a->argv);
    mem_free(a);
}

int
apply__db(const struct apply *a)
{
    return session_db(a->session);
}

bool
apply__killed(const struct apply *a)
{
    return session_must_close(a->session);
}

uint64_t
apply__read(const struct apply *a)
{
    return a->run;
}

bool
apply__ack_wanted(struct apply *a)
{
    bool wanted = a->ack_wanted;

    a->ack_wanted = false;
    return wanted;
}

static void
complain(struct apply *a, const char *what, struct slice name)
{
    if (a->complaints++ < COMPLAINTS_MAX)
        log_warning("The primary's stream: %s: '%.*s'", what, (int)(name.len < SHOWN ? name.len : SHOWN), name.ptr);
}

/* Writes, what goes with them, and reads, which may keep something in passing (PFCOUNT). */
static bool
may_come(const struct command *c)
{
    static const struct slice others[] = {
        LIT_INIT("select"),  LIT_INIT("multi"),    LIT_INIT("exec"),     LIT_INIT("discard"),
        LIT_INIT("publish"), LIT_INIT("spublish"), LIT_INIT("eval"),     LIT_INIT("evalsha"),
        LIT_INIT("fcall"),   LIT_INIT("script"),   LIT_INIT("function"),
    };

    if (c->flags & (CMD_WRITE | CMD_READONLY))
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (slice_eq_nocase(slice_cstr(c->parent != NULL ? c->parent->row->name : c->row->name), others[i]))
            return true;
    }
    return false;
}

/* What primaries say to replicas, and nobody else needs to know. */
static bool
is_housekeeping(struct apply *a, const struct slice *argv, int argc)
{
    if (slice_eq_nocase(argv[0], LIT("PING")))
        return true;
    if (!slice_eq_nocase(argv[0], LIT("REPLCONF")))
        return false;
    a->ack_wanted = a->ack_wanted || (argc > 1 && slice_eq_nocase(argv[1], LIT("GETACK")));
    return true;
}

/* True when it was part of the data. */
static bool
run(struct apply *a, const struct upcoming *u)
{
    struct engine *e = a->repl->engine;
    const struct slice *argv = a->argv.v + u->argv_at;
    const struct command *c = u->ahead.command;

    if (c == NULL || !(c->flags & CMD_WRITE)) {
        if (is_housekeeping(a, argv, u->argc))
            return false;
        c = command_resolve(e, argv, u->argc);
    }
    if (c == NULL || !may_come(c)) {
        complain(a, c == NULL ? "a command that is not known here" : "a command that no primary has to send", argv[0]);
        return false;
    }
    /* When keys go is the primary's decision: what it changes is there, whatever our clock says. */
    struct engine_settings *es = engine_settings(e);
    es->never_expire = true;
    uint64_t failed = c->failed + c->rejected;
    engine_run_ahead(e, a->session, &u->ahead, argv, u->argc);
    es->never_expire = false;
    if (UNLIKELY(c->failed + c->rejected != failed))
        complain(a, "a command has failed here", argv[0]);
    return (c->flags & CMD_WRITE) != 0 || c->parent != NULL || c->row->group == GROUP_SCRIPTING;
}

/* Parses some of what has come, and finds what it is about. */
static enum parse_result
look_ahead(struct apply *a, struct slice in, struct buf *why)
{
    struct request_limits limits = {(uint64_t)1 << 40, INT32_MAX, 64 << 10, 0};
    size_t at = 0;
    struct ahead *before = NULL;

    a->argv.n = 0;
    a->batch_count = 0;
    while (a->batch_count < BATCH && at < in.len) {
        size_t used = 0, from = a->argv.n;
        struct slice bad;
        enum parse_result p = request_parse(&a->parser, &limits, slice_skip(in, at), &a->argv, &used, &bad);
        if (p == PARSE_BAD)
            buf_printf(why, "%.*s", (int)bad.len, bad.ptr);
        if (p != PARSE_DONE)
            return p;
        at += used;
        struct upcoming *u = &a->batch[a->batch_count++];
        *u = (struct upcoming){.argv_at = from, .argc = (int)(a->argv.n - from), .end = at};
        if (u->argc > 0)
            u->ahead = engine_look_ahead(a->repl->engine, a->argv.v + from, u->argc, before);
        before = &u->ahead;
    }
    return PARSE_DONE;
}

/* Runs what has been looked at. Takes *at, where that begins in the input, to its end, and *done to the end of what is
 * not part of an open transaction. */
static void
run_batch(struct apply *a, size_t *at, size_t *done)
{
    size_t base = *at;
    unsigned fetched = 0, i;

    for (i = 0; i < a->batch_count; i++)
        engine_expect_ahead(a->session, &a->batch[i].ahead);
    for (i = 0; i < a->batch_count && !apply__killed(a); i++) {
        const struct upcoming *u = &a->batch[i];
        for (unsigned to = engine_fetch_end(i, fetched, a->batch_count); fetched < to; fetched++)
            engine_fetch_ahead(a->session, &a->batch[fetched].ahead);
        *at = base + u->end;
        if (u->argc > 0 && run(a, u))
            a->repl->changed_to = tape_end(&a->repl->log) + *at;
        if (session_multi_count(a->session) < 0)
            *done = *at;
    }
    /* Parsed for nothing: what follows comes again, from its first byte. */
    if (i < a->batch_count)
        request_parser_fini(&a->parser);
    else
        request_forget(&a->parser);
}

bool
apply__input(struct apply *a, struct buf *in, struct buf *why)
{
    struct repl *r = a->repl;
    size_t at = a->run, done = 0;
    enum parse_result p = PARSE_DONE;

    while (p == PARSE_DONE && at < in->len && !apply__killed(a)) {
        p = look_ahead(a, slice_skip(buf_slice(in), at), why);
        run_batch(a, &at, &done);
    }
    if (done > 0) {
        tape_add(&r->log, slice_of(in->ptr, done));
        buf_consume(in, done);
    }
    a->run = at - done;
    if (a->run > TRANSACTION_MAX) {
        buf_printf(why, "a transaction of more than %d bytes", TRANSACTION_MAX);
        return false;
    }
    return p != PARSE_BAD;
}

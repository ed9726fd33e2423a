/* repl/migrate.c - MIGRATE: keys go to another server, and from here when they are there.
 *
 * Nobody else waits meanwhile: the session parks while a connection of its own does the talking (AUTH, SELECT, RESTORE
 * …). A key may change in between, so each is looked at again before it goes: one that is not what was sent is sent
 * anew, one that is gone is deleted there. Where changes keep coming the last turn is run with all writes held back, as
 * in a pause.
 */
#include "base/log.h"
#include "base/names.h"
#include "base/number.h"
#include "base/sha256.h"
#include "engine/keyspace.h"
#include "engine/waiters.h"
#include "repl/handshake.h"
#include "repl/repl_priv.h"
#include "repl/wire.h"

enum { LINE_MAX_BYTES = 4096, TIMEOUT_DEFAULT_MS = 1000, TURNS_FREE = 3 /* then writes wait */ };

struct moved_key {
    struct slice name;               /* owned */
    unsigned char sum[SHA256_BYTES]; /* of what was sent */
    bool asked, there;
    bool gone; /* deleted there, too */
};

struct migration {
    struct repl *repl;
    struct migration *next;
    session_id session;
    struct wire *wire;
    struct slice login_user, login_password; /* owned; empty: none */
    int64_t db, deadline_ms;
    bool copy, replace, introduced;
    bool down;  /* the connection */
    bool holds; /* writes */
    struct moved_key *keys;
    size_t count;
    size_t setup_replies, answered; /* replies still to come before those for keys; the key whose reply is next */
    unsigned turns;
    bool over;        /* nothing more comes */
    struct buf error; /* the line; empty: none */
};

static void
migration_free(struct migration *m)
{
    struct migration **at = &m->repl->migrations;
    bool others_hold = false;

    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    for (const struct migration *o = m->repl->migrations; o != NULL; o = o->next)
        others_hold = others_hold || o->holds;
    if (m->holds && !others_hold)
        engine_unpause(m->repl->engine, PAUSE_MIGRATE);
    wire_free(m->wire);
    for (size_t i = 0; i < m->count; i++)
        name_free(m->keys[i].name);
    mem_free(m->keys);
    name_free(m->login_user);
    name_free(m->login_password);
    buf_fini(&m->error);
    mem_free(m);
}

static struct migration *
find(struct repl *r, session_id id)
{
    struct migration *m = r->migrations;

    while (m != NULL && m->session != id)
        m = m->next;
    return m;
}

void
repl__migrate_forget(struct repl *r, session_id id)
{
    struct migration *m = r->migrations != NULL ? find(r, id) : NULL;

    if (m != NULL)
        migration_free(m);
}

/* -- talking --------------------------------------------------------------------------------------------------- */

/* The session goes on with the next turn: what is running now may not be ended here. */
static void
finish(struct migration *m)
{
    m->over = true;
    m->repl->migrations_over = true;
}

static void
on_down(void *ctx, const char *why)
{
    struct migration *m = ctx;

    m->down = true;
    if (m->over)
        return;
    if (m->error.len == 0)
        buf_printf(&m->error, m->introduced               ? "IOERR error or timeout reading from target node"
                              : wire_has_address(m->wire) ? "IOERR error or timeout writing to target instance"
                                                          : "IOERR error or timeout connecting to the client");
    log_verbose("MIGRATE: %s", why);
    finish(m);
}

static void
on_up(void *ctx)
{
    struct migration *m = ctx;

    m->introduced = true;
    wire_flush(m->wire);
}

static void
one_reply(struct migration *m, struct slice line)
{
    bool failed = line.len > 0 && line.ptr[0] == '-';

    if (failed && m->error.len == 0)
        buf_printf(&m->error, "ERR Target instance replied with error: %.*s", (int)(line.len - 1), line.ptr + 1);
    if (m->setup_replies > 0) {
        m->setup_replies--;
        if (failed)
            finish(m);
        return;
    }
    while (m->answered < m->count && !m->keys[m->answered].asked)
        m->answered++;
    if (m->answered == m->count) {
        finish(m);
        return;
    }
    struct moved_key *k = &m->keys[m->answered++];
    k->there = !failed && !k->gone;
    k->asked = false;
    bool more = false;
    for (size_t i = m->answered; i < m->count; i++)
        more = more || m->keys[i].asked;
    if (!more)
        finish(m);
}

static void
on_input(void *ctx)
{
    struct migration *m = ctx;
    struct buf *in = wire_in(m->wire);
    const char *end;

    while (!m->over && in->len > 0 && (end = memchr(in->ptr, '\n', in->len)) != NULL) {
        size_t n = (size_t)(end - in->ptr);
        one_reply(m, slice_of(in->ptr, n > 0 && in->ptr[n - 1] == '\r' ? n - 1 : n));
        buf_consume(in, n + 1);
    }
    if (!m->over && in->len > LINE_MAX_BYTES)
        on_down(m, "a line without end");
}

void
repl__migrate_turn(struct repl *r)
{
    /* Whoever has paused writes does not want to see ours. */
    while (r->migrations_over && !engine_paused_but_for(r->engine, PAUSE_MIGRATE)) {
        struct migration *m = r->migrations;
        while (m != NULL && !m->over)
            m = m->next;
        if (m == NULL) {
            r->migrations_over = false;
            return;
        }
        struct session *s = engine_session_by_id(r->engine, m->session);
        session_id id = m->session;
        if (s != NULL)
            session_wake(s);
        /* The handler has taken it, or asked for another turn. */
        m = find(r, id);
        if (m != NULL && m->over)
            migration_free(m);
    }
}

/* -- sending --------------------------------------------------------------------------------------------------- */

static struct entry *
entry_of(struct exec *x, const struct moved_key *k)
{
    return peek(x, k->name);
}

static void
dump(struct exec *x, struct entry *e, struct buf *payload, unsigned char sum[SHA256_BYTES])
{
    struct repl *r = repl__of(x);
    int64_t expiry = entry_expiry(e);

    buf_reset(payload);
    r->host.dump(r->host.ctx, e, payload);
    /* The time it has left is part of what it is. */
    buf_add(payload, &expiry, sizeof(expiry));
    sha256(buf_slice(payload), sum);
    payload->len -= sizeof(expiry);
}

static void
send_key(struct exec *x, struct migration *m, struct moved_key *k, struct entry *e, struct buf *payload)
{
    char text[INT64_TEXT_MAX];
    int64_t expiry = entry_expiry(e), left = 0;
    size_t n = 4;

    dump(x, e, payload, k->sum);
    if (expiry >= 0)
        left = expiry - x->now_ms > 0 ? expiry - x->now_ms : 1;
    struct slice argv[5] = {LIT("RESTORE"), k->name, slice_of(text, format_int64(text, left)), buf_slice(payload)};
    /* What is there from an earlier turn is our own. */
    if (m->replace || k->there)
        argv[n++] = LIT("REPLACE");
    request_put(&wire_out(m->wire)->bytes, argv, n);
    k->asked = true;
    k->there = false;
    k->gone = false;
}

static void
send_removal(struct migration *m, struct moved_key *k)
{
    request_put(&wire_out(m->wire)->bytes, (const struct slice[]){LIT("DEL"), k->name}, 2);
    k->asked = true;
    k->there = false;
    k->gone = true;
}

static void
introduce(struct migration *m)
{
    struct buf *out = &wire_out(m->wire)->bytes;
    char text[INT64_TEXT_MAX];

    if (m->login_password.ptr != NULL) {
        struct slice argv[3] = {LIT("AUTH"), m->login_user, m->login_password};
        if (m->login_user.ptr == NULL)
            argv[1] = m->login_password;
        request_put(out, argv, m->login_user.ptr != NULL ? 3 : 2);
        m->setup_replies++;
    }
    request_put(out, (const struct slice[]){LIT("SELECT"), slice_of(text, format_int64(text, m->db))}, 2);
    m->setup_replies++;
}

/* -- the command ----------------------------------------------------------------------------------------------- */

struct wanted {
    int64_t port, db, timeout_ms;
    bool copy, replace;
    struct slice user, password;
    int first_key, key_count;
};

static enum rc
parse_options(struct exec *x, struct wanted *w)
{
    for (int i = 6; i < x->argc; i++) {
        struct slice a = x->argv[i];
        int left = x->argc - 1 - i;
        if (arg_is(a, LIT("copy"))) {
            w->copy = true;
        } else if (arg_is(a, LIT("replace"))) {
            w->replace = true;
        } else if (arg_is(a, LIT("auth")) && left >= 1) {
            w->password = x->argv[++i];
        } else if (arg_is(a, LIT("auth2")) && left >= 2) {
            w->user = x->argv[i + 1];
            w->password = x->argv[i + 2];
            i += 2;
        } else if (arg_is(a, LIT("keys"))) {
            if (x->argv[3].len != 0)
                return fail(x, "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string");
            w->first_key = i + 1;
            w->key_count = x->argc - i - 1;
            return RC_OK;
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

static enum rc
parse(struct exec *x, struct wanted *w)
{
    *w = (struct wanted){.first_key = 3, .key_count = 1};
    TRY(parse_options(x, w));
    TRY(arg_int(x, x->argv[5], &w->timeout_ms));
    TRY(arg_int(x, x->argv[4], &w->db));
    if (w->timeout_ms <= 0)
        w->timeout_ms = TIMEOUT_DEFAULT_MS;
    if (!parse_int64(x->argv[2], &w->port))
        w->port = 0; /* where nobody is, as for redis */
    if (w->port < 0 || w->port > 65535 || x->argv[1].len == 0 || x->argv[1].len > HOST_MAX ||
        memchr(x->argv[1].ptr, '\0', x->argv[1].len) != NULL)
        return fail(x, "IOERR error or timeout connecting to the client");
    return RC_OK;
}

static struct wire *
connect_to(struct repl *r, struct migration *m, struct slice host, int port)
{
    char name[HOST_MAX + 1];
    struct buf why = {0};

    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    struct wire_options wo = {
        .loop = r->host.loop,
        .host = name,
        .port = port,
        .lookups = r->lookups,
        .source = r->set.bind_source,
        .owner = {.ctx = m, .up = on_up, .input = on_input, .down = on_down},
    };
    struct wire *w = wire_open(&wo, &why);
    buf_fini(&why);
    return w;
}

/* The keys that are there; NULL when none is. */
static struct migration *
begin(struct exec *x, const struct wanted *w)
{
    struct repl *r = repl__of(x);
    struct migration *m = mem_get_zero(sizeof(*m));

    *m = (struct migration){.repl = r,
                            .session = session_ident(x->session),
                            .db = w->db,
                            .copy = w->copy,
                            .replace = w->replace,
                            .next = r->migrations};
    m->keys = mem_get_zero((size_t)w->key_count * sizeof(*m->keys) + 1);
    for (int i = 0; i < w->key_count; i++) {
        struct slice name = x->argv[w->first_key + i];
        if (peek(x, name) != NULL)
            m->keys[m->count++].name = name_copy(name);
    }
    if (w->password.ptr != NULL)
        m->login_password = name_copy(w->password);
    if (w->user.ptr != NULL)
        m->login_user = name_copy(w->user);
    r->migrations = m;
    if (m->count > 0)
        return m;
    migration_free(m);
    return NULL;
}

static enum rc
park(struct exec *x, int64_t deadline_ms)
{
    wait_reply_on_timeout(x, TIMEOUT_RUN);
    return wait_on_nothing(x, deadline_ms);
}

static enum rc
start(struct exec *x)
{
    struct repl *r = repl__of(x);
    struct wanted w;
    struct buf payload = {0};

    TRY(parse(x, &w));
    if (!may_block(x))
        return fail(x, "ERR MIGRATE can't wait for the other server inside of a transaction or a script");
    struct migration *m = begin(x, &w);
    if (m == NULL)
        return reply_simple(x, LIT("NOKEY"));
    m->wire = connect_to(r, m, x->argv[1], (int)w.port);
    if (m->wire == NULL) {
        migration_free(m);
        return fail(x, "IOERR error or timeout connecting to the client");
    }
    m->deadline_ms = x->now_ms + w.timeout_ms;
    introduce(m);
    for (size_t i = 0; i < m->count; i++)
        send_key(x, m, &m->keys[i], entry_of(x, &m->keys[i]), &payload);
    buf_fini(&payload);
    return park(x, m->deadline_ms);
}

static bool
is_as_sent(struct exec *x, const struct moved_key *k, struct entry *e, struct buf *payload)
{
    unsigned char sum[SHA256_BYTES];

    dump(x, e, payload, sum);
    return memcmp(sum, k->sum, sizeof(sum)) == 0;
}

/* Sends what has changed since it was sent; true when there is something. */
static bool
send_changed(struct exec *x, struct migration *m)
{
    struct buf payload = {0};
    bool any = false;

    for (size_t i = 0; i < m->count; i++) {
        struct moved_key *k = &m->keys[i];
        struct entry *e = k->there || k->gone ? entry_of(x, k) : NULL;
        bool vanished = k->there && e == NULL;
        if (!vanished && (e == NULL || (k->there && is_as_sent(x, k, e, &payload))))
            continue;
        if (vanished)
            send_removal(m, k);
        else
            send_key(x, m, k, e, &payload);
        any = true;
    }
    buf_fini(&payload);
    return any;
}

/* Those that have arrived as they are go, with one DEL for all. */
static void
delete_moved(struct exec *x, struct migration *m)
{
    struct slice *argv = arena_array(x->arena, m->count + 1, sizeof(*argv));
    struct buf payload = {0};
    int n = 1;

    argv[0] = LIT("DEL");
    for (size_t i = 0; i < m->count; i++) {
        struct moved_key *k = &m->keys[i];
        struct entry *e = k->there ? entry_of(x, k) : NULL;
        /* Where the connection has gone, what has changed could not be sent anew. */
        if (e == NULL || (m->down && !is_as_sent(x, k, e, &payload)))
            continue;
        (void)key_delete(x, x->db, k->name, EV_DEL);
        char *name = arena_get(x->arena, k->name.len + 1);
        memcpy(name, k->name.ptr, k->name.len);
        argv[n++] = slice_of(name, k->name.len);
    }
    buf_fini(&payload);
    if (n > 1)
        effect_as(x, argv, n);
}

/* Another turn for what has changed: a few with everybody writing, then with nobody. */
static enum rc
once_more(struct exec *x, struct migration *m)
{
    if (++m->turns > TURNS_FREE) {
        m->holds = true;
        engine_pause(x->engine, PAUSE_MIGRATE, m->deadline_ms, false);
    }
    m->over = false;
    m->answered = 0;
    wire_flush(m->wire);
    return park(x, 0);
}

static enum rc
go_on(struct exec *x)
{
    struct repl *r = repl__of(x);
    struct migration *m = find(r, session_ident(x->session));

    if (m == NULL)
        return fail(x, "IOERR error or timeout reading from target node");
    if (!m->over && !x->timed_out)
        return park(x, 0);
    /* A replica's keys are its primary's: since this began, somebody has made us one. */
    bool ours = r->link == NULL || !r->set.read_only;
    if (!m->copy && !x->timed_out && !m->down && ours && send_changed(x, m))
        return once_more(x, m);
    if (!m->copy && !x->timed_out && ours)
        delete_moved(x, m);
    struct slice line = buf_slice(&m->error);
    enum rc rc;
    if (x->timed_out)
        rc = fail(x, m->introduced ? "IOERR error or timeout reading from target node"
                                   : "IOERR error or timeout connecting to the client");
    else if (line.len > 0)
        rc = fail(x, "%.*s", (int)line.len, line.ptr);
    else
        rc = ours || m->copy ? reply_ok(x) : RC_READ_ONLY;
    migration_free(m);
    return rc;
}

static enum rc
cmd_migrate(struct exec *x)
{
    return x->resumed ? go_on(x) : start(x);
}

static int
migrate_keys(const struct slice *argv, int argc, int *index, uint16_t *flags, int max)
{
    int n = 0, from = 3, to = 4;

    if (argc < 4)
        return -1;
    if (argv[3].len == 0) {
        from = to = argc; /* none, unless KEYS names some */
        for (int i = 6; i < argc; i++) {
            if (slice_eq_nocase(argv[i], LIT("keys"))) {
                from = i + 1;
                break;
            }
            i += slice_eq_nocase(argv[i], LIT("auth")) ? 1 : slice_eq_nocase(argv[i], LIT("auth2")) ? 2 : 0;
        }
    }
    for (int i = from; i < to; i++, n++) {
        if (n < max) {
            index[n] = i;
            flags[n] = KEY_RW | KEY_ACCESS | KEY_DELETE;
        }
    }
    return n;
}

const struct cmd repl_migrate_family[] = {
    {"migrate", cmd_migrate, .arity = -6, .group = GROUP_GENERIC,
     .flags = CMD_WRITE | CMD_MOVABLEKEYS | CMD_NONDET | CMD_SECRET, .categories = CAT(DANGEROUS),
     .keys = {KEY_AT(3, KEY_RW | KEY_ACCESS | KEY_DELETE),
              {.flags = KEY_RW | KEY_ACCESS | KEY_DELETE | KEY_INCOMPLETE,
               .begin = KEY_BEGIN_KEYWORD,
               .keyword = "KEYS",
               .index = -2,
               .last = -1,
               .step = 1}},
     .find_keys = migrate_keys, .since = "2.6.0",
     .args =
         "host port:int key-selector=<key|empty-string=''> destination-db:int timeout:int [COPY]@3.0.0 [REPLACE]@3.0.0 "
         "authentication=[AUTH auth|AUTH2 auth2={username password}] [KEYS keys=key#1...]@3.0.6",
     .reply = "OK | NOKEY", .about = "Moves keys to another server.", .complexity = "O(N) for what N bytes are moved",
     .tips = "nondeterministic_output"},
    {0},
};

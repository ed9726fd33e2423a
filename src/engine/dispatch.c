/* engine/dispatch.c - what happens before and after a handler.
 *
 * Nearly every command finds the way free: the session's and the engine's gate words are zero, the number of arguments
 * is right, and the handler runs. Everything that may stand in the way is in gate_check(), in the order in which redis
 * looks at it, because the first reason found is the one that the client reads.
 */
#include "engine/dispatch.h"

#include "base/log.h"
#include "engine/acl_priv.h"
#include "engine/engine_priv.h"
#include "engine/latency.h"

/* command.special: what only a few commands are. */
enum special {
    SPECIAL_NOT_QUEUED = 1 << 0, /* runs at once inside MULTI */
    SPECIAL_SUBSCRIBED = 1 << 1, /* allowed to RESP2 subscribers */
    SPECIAL_EXEC = 1 << 2,
    SPECIAL_MAY_WRITE = 1 << 3, /* not a write, but may do or propagate something: waits in a pause of writes */
};
enum { UNKNOWN_ARGS_MAX = 128, VOID_KEPT = 64 * 1024 };

/* -- errors ---------------------------------------------------------------------------------------------------- */

void
dispatch__count_error(struct engine *e, struct slice line)
{
    size_t len = 0;

    while (len < line.len && line.ptr[len] != ' ')
        len++;
    struct slice prefix = slice_of(line.ptr, len);
    size_t at = 0;
    e->stats.errors++;
    while (at < e->error_count && slice_cmp(e->errors[at].prefix, prefix) < 0)
        at++;
    if (at < e->error_count && slice_eq(e->errors[at].prefix, prefix)) {
        e->errors[at].count++;
        return;
    }
    if (e->error_count == ERROR_STATS_MAX)
        return; /* scripts may invent any number of words */
    if (e->error_count == e->error_cap) {
        e->error_cap = e->error_cap == 0 ? 8 : e->error_cap * 2;
        e->errors = mem_resize(e->errors, e->error_cap * sizeof(*e->errors));
    }
    char *p = mem_get(len + 1);
    memcpy(p, prefix.ptr, len);
    memmove(e->errors + at + 1, e->errors + at, (e->error_count - at) * sizeof(*e->errors));
    e->errors[at] = (struct error_stat){slice_of(p, len), 1};
    e->error_count++;
}

static struct slice
error_line(const struct exec *x, enum rc rc)
{
    return rc == RC_REPLIED_ERROR ? x->error : rc_text(rc);
}

static void
write_error(struct exec *x, enum rc rc)
{
    struct slice line = error_line(x, rc);

    dispatch__count_error(x->engine, line);
    reply_put_error(&x->reply, line);
}

/* The command does not get as far as its handler. In MULTI that spoils the transaction; EXEC says so even where there
 * is none to discard. */
static void
reject(struct exec *x, enum rc rc)
{
    struct session *s = x->session;
    struct slice line = error_line(x, rc);

    if (x->command != NULL)
        x->command->rejected++;
    if (x->command != NULL && (x->command->special & SPECIAL_EXEC)) {
        if (s->gate & GATE_MULTI)
            tx__discard(s);
        struct slice why = line.len > 4 && slice_starts(line, LIT("ERR ")) ? slice_skip(line, 4) : line;
        struct buf *b = exec_scratch(x);
        buf_printf(b, "EXECABORT Transaction discarded because of: ");
        buf_add_slice(b, why);
        line = buf_slice(b);
    } else if (s->gate & GATE_MULTI) {
        tx__spoil(s);
    }
    dispatch__count_error(x->engine, line);
    reply_put_error(&x->reply, line);
}

static struct slice
up_to_nul(struct slice s, size_t max)
{
    size_t n = s.len < max ? s.len : max;
    const char *nul = n > 0 ? memchr(s.ptr, '\0', n) : NULL;

    return slice_of(s.ptr, nul != NULL ? (size_t)(nul - s.ptr) : n);
}

/* A browser that was talked into sending us a page's form begins with one of these: nothing that follows may run. */
static bool
is_http(struct exec *x)
{
    enum { LOG_EVERY_MS = 60000 };
    struct engine *e = x->engine;
    struct slice addr = session_addr(x->session);

    if ((!slice_eq_nocase(x->argv[0], LIT("post")) && !slice_eq_nocase(x->argv[0], LIT("host:"))) || x->depth > 0)
        return false;
    if (e->attack_logged_ms == 0 || x->now_ms - e->attack_logged_ms > LOG_EVERY_MS) {
        e->attack_logged_ms = x->now_ms;
        log_warning(
            "Possible SECURITY ATTACK detected: a client sends POST or Host: as HTTP clients do, perhaps a browser "
            "that a page has sent here (cross protocol scripting). Connection from %.*s aborted.",
            (int)addr.len, addr.ptr);
    }
    session_kill(x->session);
    x->reply.out = &e->void_out;
    return true;
}

static enum rc
fail_unknown(struct exec *x)
{
    if (is_http(x))
        return fail(x, "ERR no HTTP here");
    struct slice name = up_to_nul(x->argv[0], 128);
    struct slice args = {"", 0};

    for (int i = 1; i < x->argc && args.len < UNKNOWN_ARGS_MAX; i++) {
        struct slice a = up_to_nul(x->argv[i], UNKNOWN_ARGS_MAX - args.len);
        args = arena_printf(x->arena, "%.*s'%.*s' ", (int)args.len, args.ptr, (int)a.len, a.ptr);
    }
    return fail(x, "ERR unknown command '%.*s', with args beginning with: %.*s", (int)name.len, name.ptr, (int)args.len,
                args.ptr);
}

static enum rc
fail_unknown_sub(struct exec *x)
{
    struct slice sub = up_to_nul(x->argv[1], 128), name = x->argv[0];
    char *upper = arena_get(x->arena, name.len + 1);

    for (size_t i = 0; i < name.len; i++)
        upper[i] = ascii_lower(name.ptr[i]) >= 'a' && ascii_lower(name.ptr[i]) <= 'z' ? (char)(name.ptr[i] & ~0x20)
                                                                                      : name.ptr[i];
    return fail(x, "ERR unknown subcommand '%.*s'. Try %.*s HELP.", (int)sub.len, sub.ptr, (int)name.len, upper);
}

/* -- before the handler ---------------------------------------------------------------------------------------- */

void
exec__begin(struct engine *e, struct session *s, struct command *c, const struct slice *argv, int argc)
{
    struct exec *x = &e->x;

    e->turn++;
    x->session = s;
    x->db = s->db;
    x->command = c;
    x->argv = argv;
    x->argc = argc;
    x->now_ms = e->now_ms;
    x->reply.out = &s->out;
    x->reply.resp = s->resp;
    x->reply_at = s->out.bytes.len + s->out.ref_pending;
    x->first_key = NULL;
    x->first_key_len = 0;
    x->resumed = x->timed_out = x->changed = x->rewritten = x->silent = false;
    x->timeout_reply = TIMEOUT_NULL_ARRAY;
    x->wait_argv = NULL;
    x->wait_when_gone = false;
    x->wait_again_ms = 0;
    e->running = s;
}

/* The flags that count: for EXEC those of everything that is queued. */
static uint32_t
effective_flags(const struct exec *x)
{
    uint32_t flags = x->command->flags;
    const struct session_more *m = x->session->more;

    if ((x->command->special & SPECIAL_EXEC) && (x->session->gate & GATE_MULTI)) {
        for (size_t i = 0; i < m->queue_count; i++)
            flags |= m->queue[i]->command->flags & (CMD_WRITE | CMD_READONLY | CMD_DENYOOM);
    }
    return flags;
}

static bool
queue_may_write(const struct exec *x)
{
    const struct session_more *m = x->session->more;

    for (size_t i = 0; i < m->queue_count; i++) {
        if (m->queue[i]->command->special & SPECIAL_MAY_WRITE)
            return true;
    }
    return false;
}

static bool
may_write(struct exec *x)
{
    const struct command *c = x->command;

    if (effective_flags(x) & CMD_WRITE)
        return true;
    if ((c->special & SPECIAL_EXEC) && (x->session->gate & GATE_MULTI))
        return queue_may_write(x);
    return (c->special & SPECIAL_MAY_WRITE) && (x->cmd->only_reads == NULL || !x->cmd->only_reads(x));
}

/* Conditions of the whole engine. */
static enum rc
condition_check(struct exec *x, uint32_t gate, uint32_t flags)
{
    bool writes = (flags & CMD_WRITE) != 0;
    unsigned client = x->session->flags;

    if ((gate & COND_REPLICA) && (client & SESSION_FOLLOWS) &&
        (writes || ((flags & CMD_READONLY) && !(client & SESSION_READS_REPLICAS))))
        return fail(x, "REDIRECT %.*s", (int)x->engine->redirect.len, x->engine->redirect.ptr);
    /* A transaction that is being queued could use up any amount of memory. */
    if ((gate & COND_OVER_MEMORY) &&
        ((flags & CMD_DENYOOM) || ((gate & GATE_MULTI) && !(x->command->special & SPECIAL_NOT_QUEUED))))
        return RC_OOM;
    if ((gate & COND_MISCONF) && (writes || slice_eq(x->command->name, LIT("ping"))))
        return fail(x, "%.*s", (int)x->engine->misconf.len, x->engine->misconf.ptr);
    if ((gate & COND_NO_REPLICAS) && writes)
        return fail(x, "NOREPLICAS Not enough good replicas to write.");
    if ((gate & COND_READ_ONLY) && writes)
        return RC_READ_ONLY;
    return RC_OK;
}

static enum rc
late_condition_check(struct exec *x, uint32_t gate, uint32_t flags)
{
    if ((gate & COND_STALE) && !(flags & CMD_STALE))
        return fail(x, "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
    if ((gate & COND_LOADING) && !(flags & CMD_LOADING))
        return RC_LOADING;
    if ((gate & COND_BUSY) && !(flags & CMD_ALLOW_BUSY))
        return fail(x, "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
    if ((gate & GATE_FED) && ((flags & CMD_READONLY) || may_write(x)))
        return fail(x, "ERR Replica can't interact with the keyspace");
    return RC_OK;
}

/* RC_OK: the handler may run. */
static enum rc
gate_check(struct exec *x, uint32_t gate)
{
    struct engine *e = x->engine;
    const struct command *c = x->command;
    uint32_t flags = effective_flags(x);

    if ((gate & GATE_NOAUTH) && !(flags & CMD_NO_AUTH))
        return RC_NO_AUTH;
    if ((gate & GATE_MULTI) && (flags & CMD_NO_MULTI))
        return fail(x, "ERR Command not allowed inside a transaction");
    if ((gate & GATE_GUARD) && e->guard.check != NULL)
        TRY(e->guard.check(e->guard.ctx, x, c));
    if (x->session->flags & SESSION_INTERNAL)
        return RC_OK;
    TRY(condition_check(x, gate, flags));
    if ((gate & GATE_SUBSCRIBED) && !(c->special & SPECIAL_SUBSCRIBED))
        return fail(
            x,
            "ERR Can't execute '%.*s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed "
            "in this context",
            (int)c->name.len, c->name.ptr);
    return late_condition_check(x, gate, flags);
}

static inline bool
arity_is_right(const struct command *c, int argc)
{
    return c->arity >= 0 ? argc == c->arity : argc >= -c->arity;
}

/* Finds the subcommand and checks the number of arguments. */
static enum rc
resolve(struct exec *x)
{
    struct command *c = x->command;

    if (UNLIKELY(c == NULL))
        return fail_unknown(x);
    if (UNLIKELY(c->sub_count > 0) && x->argc > 1) {
        struct command *sub = command_sub(c, x->argv[1]);
        if (sub == NULL) {
            x->command = NULL;
            return fail_unknown_sub(x);
        }
        x->command = c = sub;
    }
    x->cmd = c->row;
    return LIKELY(arity_is_right(c, x->argc)) ? RC_OK : fail_arity(x);
}

/* -- after the handler ----------------------------------------------------------------------------------------- */

static void
let_go(void *arena)
{
    arena_fini(arena);
    mem_free(arena);
}

/* Giving much memory back to the system takes milliseconds. */
void
exec__arena_reset(struct engine *e)
{
    enum { MUCH = 4 << 20 };

    if (e->arena.next == e->arena_mark)
        return;
    if (e->host.defer != NULL && arena_bytes(&e->arena) > MUCH) {
        struct arena *a = mem_get(sizeof(*a));
        *a = e->arena;
        e->arena = (struct arena){0};
        e->host.defer(e->host.ctx, let_go, a);
    } else {
        arena_reset(&e->arena);
    }
    e->arena_mark = e->arena.next;
}

/* Adds what a handler changed to the running batch. */
static void
note_effects(struct exec *x, bool copy)
{
    DEBUG_VERIFY(!(x->cmd->flags & CMD_NONDET) || x->rewritten || x->silent);
    if ((x->engine->listening & LISTEN_SINKS) && !x->rewritten && !x->silent)
        effects__command(x->engine, x->session->db->index, x->argv, x->argc, copy);
}

static size_t
reply_bytes(const struct exec *x)
{
    size_t n = x->reply.out->bytes.len + x->reply.out->ref_pending;

    return x->reply.out == &x->session->out && x->depth == 0 && n > x->reply_at ? n - x->reply_at : 0;
}

static struct commandlog_entry
facts_of(const struct exec *x, uint64_t began)
{
    const struct engine *e = x->engine;

    return (struct commandlog_entry){
        .request_bytes = x->depth == 0 ? x->request_bytes : 0,
        .reply_bytes = reply_bytes(x),
        .waited_us = e->arrived != 0 && began > e->arrived ? ticks_to_us(&e->ticks, began - e->arrived) : 0,
    };
}

static void
was_slow(struct exec *x, uint64_t took)
{
    struct engine *e = x->engine;
    int64_t limit = e->settings.slowlog_slower_than_us, took_us = ticks_to_us(&e->ticks, took);

    if (limit >= 0 && took_us >= limit && !(x->command->flags & CMD_SKIP_SLOWLOG)) {
        struct commandlog_entry facts = facts_of(x, e->ticks.mark - took);
        facts.value = took_us;
        e->stats.slow++;
        e->stats.slow_us += (uint64_t)took_us;
        e->stats.slow_us_max = (uint64_t)took_us > e->stats.slow_us_max ? (uint64_t)took_us : e->stats.slow_us_max;
        commandlog__add(x, COMMANDLOG_SLOW, &facts);
    }
    engine_latency(e, x->command->flags & CMD_FAST ? "fast-command" : "command", took_us);
}

static void
was_large(struct exec *x)
{
    struct engine *e = x->engine;
    struct commandlog_entry facts = facts_of(x, e->ticks.mark);

    if (x->command->flags & CMD_SKIP_SLOWLOG)
        return;
    if (facts.request_bytes > e->large_request) {
        facts.value = (int64_t)facts.request_bytes;
        commandlog__add(x, COMMANDLOG_LARGE_REQUEST, &facts);
    }
    if (facts.reply_bytes > e->large_reply) {
        facts.value = (int64_t)facts.reply_bytes;
        commandlog__add(x, COMMANDLOG_LARGE_REPLY, &facts);
    }
}

static void
count_call(struct exec *x, enum rc rc)
{
    struct engine *e = x->engine;
    struct command *c = x->command;

    c->calls++;
    e->stats.commands++;
    x->session->commands++;
    x->session->last = c;
    if (UNLIKELY(x->depth == 0 && (x->request_bytes > e->large_request ||
                                   x->reply.out->bytes.len + x->reply.out->ref_pending > e->large_reply)))
        was_large(x);
    if (e->untimed) {
        e->untimed_commands++;
        return;
    }
    uint64_t now = ticks_now(&e->ticks), took = now - e->ticks.mark;
    e->ticks.mark = now;
    c->ticks += took;
    if (LIKELY(e->settings.latency_tracking))
        latency__count(e, c, took, e->untimed_commands + 1);
    e->untimed_commands = 0;
    if (UNLIKELY(took >= e->slow_ticks) && rc != RC_BLOCKED)
        was_slow(x, took);
}

void
dispatch__reply_mode_next(struct engine *e, struct session *s)
{
    /* SKIP covers the next command, not the one that asked for it. */
    if (s->reply_mode == REPLY_SKIPPING)
        session_set_reply_mode(s, REPLY_ON);
    else if (s->reply_mode == REPLY_SKIP_NEXT)
        s->reply_mode = REPLY_SKIPPING;
    out_sent(&e->void_out, out_pending(&e->void_out));
    if (e->void_out.bytes.cap > VOID_KEPT)
        out_fini(&e->void_out);
}

static void
finish(struct exec *x)
{
    struct engine *e = x->engine;
    struct session *s = x->session;

    e->running = NULL;
    if (UNLIKELY(out_pending(&e->own_push) > 0))
        out_move(&s->out, &e->own_push);
    if (UNLIKELY(s->gate & GATE_REPLY) && !(s->gate & (GATE_HELD | GATE_BLOCKED)))
        dispatch__reply_mode_next(e, s);
    if (UNLIKELY(e->effects.touch_count + e->effects.command_count > 0)) {
        e->effects.atomic = true;
        e->changer = s;
        engine_propagate(e);
        e->changer = NULL;
    }
    exec__arena_reset(e);
}

/* Runs the handler and deals with its result, short of finish(). */
static inline enum rc
call(struct exec *x, bool copy_effects)
{
    enum rc rc = x->command->handler(x);

    if (UNLIKELY(x->open[0] != NULL || x->open[1] != NULL))
        exec__close_edits(x);
    if (UNLIKELY(rc != RC_OK && rc != RC_BLOCKED)) {
        x->command->failed++;
        write_error(x, rc);
    }
    if (x->changed)
        note_effects(x, copy_effects);
    if (UNLIKELY(x->copies != NULL))
        exec__drop_copies(x);
    if (LIKELY(rc != RC_BLOCKED))
        count_call(x, rc);
    else
        x->session->last = x->command; /* that is what it waits in */
    return rc;
}

static void
run_guarded(struct exec *x, uint32_t gate)
{
    enum rc rc;

    if (gate & GATE_REPLY)
        x->reply.out = &x->engine->void_out;
    x->no_touch = (gate & GATE_NO_TOUCH) != 0;
    rc = gate_check(x, gate);
    if (rc != RC_OK) {
        reject(x, rc);
    } else if ((gate & GATE_PAUSED) && pause__hold(x, may_write(x))) {
        /* nothing yet */
    } else if ((gate & GATE_MULTI) && !(x->command->special & SPECIAL_NOT_QUEUED)) {
        tx__queue(x);
    } else if (UNLIKELY(gate & GATE_OBSERVED) && may_write(x) && observer__hold(x)) {
        /* nothing yet */
    } else if ((gate & GATE_PINNED) && slices__hold(x, may_write(x))) {
        /* nor now */
    } else {
        call(x, false);
        if ((gate & GATE_MONITORED) && !(x->command->flags & (CMD_SKIP_MONITOR | CMD_ADMIN)))
            monitor_feed(x);
        if (gate & GATE_TRACKING)
            tracking__after(x);
    }
    if (gate & GATE_TRACKING)
        tracking__command_done(x->session, x->command);
    x->no_touch = false;
}

void
dispatch__run(struct engine *e, struct session *s, struct command *c, const struct slice *argv, int argc, uint64_t hash,
              bool hashed)
{
    struct exec *x = &e->x;

    if (UNLIKELY(e->memory_limited))
        (void)evict__make_room(e);
    exec__begin(e, s, c, argv, argc);
    if (LIKELY(hashed)) {
        x->first_key = argv[c->first_key].ptr;
        x->first_key_len = argv[c->first_key].len;
        x->first_key_hash = hash;
    }
    enum rc rc = resolve(x);
    uint32_t gate = s->gate | e->gate;
    if (LIKELY(rc == RC_OK && gate == 0)) {
        call(x, false);
    } else if (rc == RC_OK) {
        run_guarded(x, gate);
    } else {
        if (gate & GATE_REPLY)
            x->reply.out = &e->void_out;
        reject(x, rc);
    }
    finish(x);
}

bool
dispatch__resume(struct engine *e, struct session *s, struct command *c, const struct slice *argv, int argc,
                 enum resume_why why)
{
    struct exec *x = &e->x;
    enum rc rc = RC_OK;

    exec__begin(e, s, c, argv, argc);
    x->request_bytes = 0;
    x->cmd = c->row;
    if (UNLIKELY(e->gate & GATE_PINNED))
        slices__settle(x, true);
    x->resumed = true;
    x->timed_out = why == RESUME_TIMED_OUT;
    if (s->gate & GATE_REPLY)
        x->reply.out = &e->void_out;
    e->ticks.mark = ticks_now(&e->ticks);
    e->untimed = false;
    /* What its user may do can have changed since it began to wait. */
    if (why == RESUME_FOR_KEYS && ((s->gate | e->gate) & GATE_GUARD) && e->guard.check != NULL)
        rc = e->guard.check(e->guard.ctx, x, c);
    if (rc != RC_OK)
        reject(x, rc);
    else
        rc = call(x, false);
    if (s->gate & GATE_TRACKING)
        tracking__after(x);
    finish(x);
    return rc != RC_BLOCKED;
}

void
dispatch__sliced(struct exec *x, enum rc rc, uint64_t ticks)
{
    struct engine *e = x->engine;

    exec__close_edits(x);
    if (rc != RC_OK) {
        x->command->failed++;
        write_error(x, rc);
    }
    if (x->changed)
        note_effects(x, false);
    exec__drop_copies(x);
    e->untimed = false;
    e->ticks.mark = ticks_now(&e->ticks) - ticks;
    count_call(x, rc);
    finish(x);
}

/* An exec for a command inside another. Only what resolve() and run_inner() do not set. */
#define INNER_EXEC(outer, a, n, r, c)                                                                                 \
    {                                                                                                                 \
        .engine = (outer)->engine, .session = (outer)->session, .db = (outer)->session->db, .argv = (a), .argc = (n), \
        .now_ms = (outer)->now_ms, .rng = (outer)->rng, .arena = (outer)->arena, .limits = (outer)->limits,           \
        .reply = *(r), .depth = (outer)->depth + 1, .no_touch = (outer)->no_touch, .command = (c),                    \
        .script = (outer)->script != NULL                   ? (outer)->script                                         \
                  : (outer)->cmd->flags & CMD_SCRIPT_RUNNER ? (outer)                                                 \
                                                            : NULL,                                                   \
    }

static enum rc
run_inner(struct exec *outer, struct exec *x, enum rc rc, struct reply *reply)
{
    struct engine *e = outer->engine;
    uint32_t gate = x->session->gate | e->gate;

    if (rc == RC_OK && (gate & GATE_GUARD) && e->guard.check != NULL)
        rc = e->guard.check(e->guard.ctx, x, x->command);
    if (rc != RC_OK) {
        if (x->command != NULL)
            x->command->rejected++;
        write_error(x, rc);
        outer->error = x->error;
        return rc;
    }
    if (UNLIKELY(gate & GATE_PINNED))
        slices__settle(x, may_write(x));
    rc = call(x, true);
    if ((gate & GATE_MONITORED) && !(x->command->flags & (CMD_SKIP_MONITOR | CMD_ADMIN)))
        monitor_feed(x);
    if (gate & GATE_TRACKING)
        tracking__after(x);
    outer->db = outer->session->db;
    outer->error = x->error;
    reply->resp = outer->session->resp;
    return rc;
}

enum rc
command_run_inside(struct exec *outer, const struct slice *argv, int argc, struct reply *reply)
{
    struct exec x = INNER_EXEC(outer, argv, argc, reply, commands__find(&outer->engine->commands, argv[0]));

    return run_inner(outer, &x, resolve(&x), reply);
}

enum { INNER_SHARE_MAX = 15 };

/* Those that share a reading have not had it yet: now. */
static void
inner_read(struct engine *e, struct command *last)
{
    uint64_t now = ticks_now(&e->ticks), took = now - e->ticks.mark;

    e->ticks.mark = now;
    last->ticks += took;
    if (e->settings.latency_tracking)
        latency__count(e, last, took, e->untimed_commands);
    e->untimed_commands = 0;
}

void
engine_inner_begin(struct engine *e, struct inner_time *t)
{
    *t = (struct inner_time){NULL, e->untimed_commands, e->untimed, e->ticks.mark};
    e->untimed_commands = 0;
}

void
engine_inner_end(struct engine *e, const struct inner_time *t)
{
    if (e->untimed_commands > 0 && t->last != NULL)
        inner_read(e, t->last);
    e->untimed_commands = t->outer_commands;
    e->untimed = t->outer_untimed;
    e->ticks.mark = t->began;
}

enum rc
command_run_found(struct exec *outer, struct inner_time *t, struct command *c, const struct slice *argv, int argc,
                  struct reply *reply)
{
    struct exec x = INNER_EXEC(outer, argv, argc, reply, c);
    struct engine *e = outer->engine;

    if (c != t->last && e->untimed_commands > 0)
        inner_read(e, t->last);
    e->untimed = c == t->last && (c->flags & CMD_FAST) && e->untimed_commands < INNER_SHARE_MAX;
    t->last = c;
    x.cmd = c->row;
    return run_inner(outer, &x, RC_OK, reply);
}

bool
command_arity_ok(const struct command *c, int argc)
{
    return arity_is_right(c, argc);
}

bool
command_permitted(struct exec *outer, struct command *c, const struct slice *argv, int argc)
{
    struct engine *e = outer->engine;
    struct exec x = INNER_EXEC(outer, argv, argc, &outer->reply, c);

    x.cmd = c->row;
    if (!((x.session->gate | e->gate) & GATE_GUARD) || e->guard.check == NULL)
        return true;
    /* It is only asked: nothing was refused that would have to be logged. */
    int at;
    if (e->guard.check == acl__guard)
        return acl_check(session_user(x.session), c, argv, argc, &at) == ACL_ALLOWED;
    return e->guard.check(e->guard.ctx, &x, c) == RC_OK;
}

void
engine_count_error(struct engine *e, struct slice line)
{
    dispatch__count_error(e, line);
}

/* -- conditions and statistics --------------------------------------------------------------------------------- */

void
engine_set_condition(struct engine *e, enum engine_condition cond, bool on)
{
    if (on)
        e->gate |= cond;
    else
        e->gate &= ~(uint32_t)cond;
}

unsigned
engine_conditions(const struct engine *e)
{
    return e->gate & GATE_CONDITIONS;
}

void
engine_set_guard(struct engine *e, struct command_guard guard)
{
    e->guard = guard;
}

const struct engine_stats *
engine_stats(const struct engine *e)
{
    return &e->stats;
}

bool
engine_error_stat(const struct engine *e, size_t n, struct slice *prefix, uint64_t *count)
{
    if (n >= e->error_count)
        return false;
    *prefix = e->errors[n].prefix;
    *count = e->errors[n].count;
    return true;
}

void
engine_stats_reset(struct engine *e)
{
    uint64_t changes = e->stats.changes;

    e->stats = (struct engine_stats){.changes = changes};
    for (size_t i = 0; i < e->error_count; i++)
        mem_free((void *)(uintptr_t)e->errors[i].prefix.ptr);
    e->error_count = 0;
    for (size_t i = 0; i < e->commands.count; i++) {
        struct command *c = &e->commands.items[i];
        c->calls = c->ticks = c->rejected = c->failed = 0;
        mem_free(c->latency);
        c->latency = NULL;
    }
}

void
dispatch__mark_special(struct engine *e)
{
    static const struct {
        const char *name;
        unsigned special;
    } marks[] = {
        {"exec", SPECIAL_NOT_QUEUED | SPECIAL_EXEC},
        {"discard", SPECIAL_NOT_QUEUED},
        {"multi", SPECIAL_NOT_QUEUED},
        {"watch", SPECIAL_NOT_QUEUED},
        {"quit", SPECIAL_NOT_QUEUED | SPECIAL_SUBSCRIBED},
        {"reset", SPECIAL_NOT_QUEUED | SPECIAL_SUBSCRIBED},
        {"ping", SPECIAL_SUBSCRIBED},
        {"subscribe", SPECIAL_SUBSCRIBED},
        {"unsubscribe", SPECIAL_SUBSCRIBED},
        {"psubscribe", SPECIAL_SUBSCRIBED},
        {"punsubscribe", SPECIAL_SUBSCRIBED},
        {"ssubscribe", SPECIAL_SUBSCRIBED},
        {"sunsubscribe", SPECIAL_SUBSCRIBED},
        {"eval", SPECIAL_MAY_WRITE},
        {"evalsha", SPECIAL_MAY_WRITE},
        {"fcall", SPECIAL_MAY_WRITE},
        {"publish", SPECIAL_MAY_WRITE},
        {"spublish", SPECIAL_MAY_WRITE},
        {"pfcount", SPECIAL_MAY_WRITE},
    };

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        struct command *c = command_find(e, slice_cstr(marks[i].name));
        if (c != NULL)
            c->special = (uint16_t)marks[i].special;
    }
}

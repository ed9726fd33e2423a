/* engine/slices.c - commands that run for long, a slice at a time.
 *
 * The handler runs on a stack of its own (base/coro.h). When its slice is used up it pauses in exec_breathe(); what
 * belongs to the command is set aside, its session waits like one that blocks, and engine_tick() gives each such
 * command a slice in turn. Keys that it reads are pinned: a client's command that may change one is held back,
 * unexecuted, as in a pause. Changes that nobody can hold back (a replication stream, eviction) let the command run to
 * its end first. One that changes its keys piece by piece (SLICES_ALONE) holds those back, too, who would only read
 * them, and is finished before a snapshot begins.
 */
#include "base/coro.h"
#include "engine/engine_priv.h"

enum { PINS_MAX = 64, SEAL_MIN = 64 * 1024 };

struct slow {
    struct slow *next, *prev;
    struct session *session;
    struct coro *stack;
    exec_body *body;
    unsigned flags; /* enum slices_flag */
    enum rc rc;
    bool hurry; /* no more pauses */
    bool cancelled;
    bool ended;                    /* may not write any more, if it has not begun to */
    bool mute;                     /* its reply is not wanted (CLIENT REPLY) */
    int64_t wake_ms;               /* it sleeps until then */
    uint64_t spent;                /* ticks of the slices before this one */
    uint64_t began, ends;          /* of this slice, in ticks */
    struct out out;                /* the reply so far */
    struct slice *argv;            /* a copy, as `pin`s are */
    int pins[PINS_MAX], pin_count; /* arguments; -1: every key */
    /* While it is paused: */
    struct exec x;
    void *arena_mark;
    struct arena arena;
    struct buf scratch[2], error;
};

/* -- on its own stack ------------------------------------------------------------------------------------------ */

static void
run_body(void *arg)
{
    struct slow *t = arg;

    t->rc = t->body(&t->session->engine->x);
}

static enum rc
check_limits(struct exec *x, uint64_t spent)
{
    struct engine *e = x->engine;
    int64_t limit = e->settings.command_time_limit_ms;

    if (limit > 0 && spent / 1000 > ticks_from_us(&e->ticks, limit))
        return fail(x, "ERR command stopped: it ran for longer than command-time-limit (%lld ms)", (long long)limit);
    return RC_OK;
}

static enum rc
pause_here(struct exec *x, struct slow *t)
{
    CHECK(x->open[0] == NULL && x->open[1] == NULL);
    if (!(t->flags & SLICES_MARKS) && t->out.bytes.len >= SEAL_MIN)
        out_seal(&t->out);
    coro_pause(t->stack);
    if (t->cancelled || t->session->killed)
        return fail(x, "ERR command stopped: its client is gone");
    return t->ended ? fail(x, ROLE_CHANGED) : RC_OK;
}

enum rc
exec_breathe(struct exec *x)
{
    struct engine *e = x->engine;
    struct slow *t = x->slow;
    uint64_t now = ticks_now(&e->ticks);

    if (t == NULL)
        return check_limits(x, now - e->ticks.mark);
    if (!(t->flags & (SLICES_NO_LIMIT | SLICES_ALONE)))
        TRY(check_limits(x, t->spent + (now - t->began)));
    if (t->hurry || (now < t->ends && e->settings.slice_us > 0))
        return RC_OK;
    return pause_here(x, t);
}

static bool
beat(struct pulse *p)
{
    enum { BREATH = 64 };
    struct exec_beat *b = (struct exec_beat *)p;

    if (b->rc == RC_OK && ++b->beats % BREATH == 0)
        b->rc = exec_breathe(b->x);
    return b->rc == RC_OK;
}

struct exec_beat
exec_beat_of(struct exec *x)
{
    return (struct exec_beat){.pulse = {beat}, .x = x};
}

enum rc
exec_sleep_until(struct exec *x, int64_t at_ms)
{
    struct slow *t = x->slow;

    if (t == NULL || t->hurry)
        return RC_OK;
    t->wake_ms = at_ms;
    return pause_here(x, t);
}

/* -- setting aside and taking again ---------------------------------------------------------------------------- */

static void
set_aside(struct engine *e, struct slow *t)
{
    t->x = e->x;
    t->arena = e->arena;
    t->arena_mark = e->arena_mark;
    t->scratch[0] = e->scratch[0];
    t->scratch[1] = e->scratch[1];
    t->error = e->error;
    e->arena = (struct arena){0};
    e->arena_mark = NULL;
    e->scratch[0] = e->scratch[1] = e->error = (struct buf){0};
}

static void
drop_idle(struct engine *e)
{
    arena_fini(&e->arena);
    buf_fini(&e->scratch[0]);
    buf_fini(&e->scratch[1]);
    buf_fini(&e->error);
}

/* The engine's own state while no command runs (or, when a command is made to wait for another, that command's). */
struct others {
    struct exec x;
    struct session *running;
    void *arena_mark;
    struct arena arena;
    struct buf scratch[2], error;
    uint64_t mark;
    bool untimed;
};

static void
take_again(struct engine *e, struct slow *t, struct others *o)
{
    *o = (struct others){e->x,     e->running,    e->arena_mark, e->arena, {e->scratch[0], e->scratch[1]},
                         e->error, e->ticks.mark, e->untimed};
    e->x = t->x;
    e->running = t->session;
    e->arena = t->arena;
    e->arena_mark = t->arena_mark;
    e->scratch[0] = t->scratch[0];
    e->scratch[1] = t->scratch[1];
    e->error = t->error;
}

static void
give_back(struct engine *e, const struct others *o)
{
    e->x = o->x;
    e->running = o->running;
    e->arena = o->arena;
    e->arena_mark = o->arena_mark;
    e->scratch[0] = o->scratch[0];
    e->scratch[1] = o->scratch[1];
    e->error = o->error;
    e->ticks.mark = o->mark;
    e->untimed = o->untimed;
}

/* -- pins ------------------------------------------------------------------------------------------------------ */

static void
list_add(struct engine *e, struct slow *t)
{
    t->next = NULL;
    t->prev = e->slow_last;
    *(t->prev != NULL ? &t->prev->next : &e->slow_first) = t;
    e->slow_last = t;
}

static void
list_remove(struct engine *e, struct slow *t)
{
    *(t->prev != NULL ? &t->prev->next : &e->slow_first) = t->next;
    *(t->next != NULL ? &t->next->prev : &e->slow_last) = t->prev;
}

static void
find_pins(struct slow *t, const struct exec *x)
{
    uint16_t flags[PINS_MAX];

    if (t->flags & SLICES_FREE)
        return;
    t->pin_count = t->flags & SLICES_PIN_ALL ? -1 : cmd_keys(x->cmd, x->argv, x->argc, t->pins, flags, PINS_MAX);
    if (t->pin_count <= 0 || t->pin_count > PINS_MAX)
        t->pin_count = -1;
}

static bool
pins_key(const struct slow *t, struct slice key)
{
    if (t->pin_count < 0)
        return true;
    for (int i = 0; i < t->pin_count; i++) {
        if (slice_eq(t->argv[t->pins[i]], key))
            return true;
    }
    return false;
}

/* With `alone` only by one that changes it. */
static bool
is_pinned(const struct engine *e, struct slice key, bool alone)
{
    for (const struct slow *t = e->slow_first; t != NULL; t = t->next) {
        if ((!alone || (t->flags & SLICES_ALONE)) && pins_key(t, key))
            return true;
    }
    return false;
}

bool
slices__pinned(const struct engine *e, struct slice key)
{
    return is_pinned(e, key, false);
}

static void
update_gate(struct engine *e)
{
    bool pins = false;

    e->slow_alone = false;
    for (const struct slow *t = e->slow_first; t != NULL; t = t->next) {
        pins |= t->pin_count != 0;
        e->slow_alone |= (t->flags & SLICES_ALONE) != 0;
    }
    if (pins) {
        e->gate |= GATE_PINNED;
    } else if (e->gate & GATE_PINNED) {
        e->gate &= ~(uint32_t)GATE_PINNED;
        pause__release(e);
    }
}

/* Whether it may change what is pinned or, if it only reads, look at what is being changed. Of transactions, and of
 * scripts that name no keys, nobody knows. What a script does with keys that it has not named is settled when it comes
 * to that. */
static bool
meets_pins(struct exec *x, bool writes)
{
    int index[PINS_MAX];
    uint16_t flags[PINS_MAX];
    int n = cmd_keys(x->cmd, x->argv, x->argc, index, flags, PINS_MAX);
    bool meets = n > PINS_MAX || (n <= 0 && (writes || (x->session->gate & GATE_MULTI)));

    for (int i = 0; i < n && !meets; i++)
        meets = is_pinned(x->engine, x->argv[index[i]], !writes);
    return meets;
}

void
slices__settle(struct exec *x, bool writes)
{
    if ((writes || x->engine->slow_alone) && meets_pins(x, writes))
        slices__finish_all(x->engine);
}

bool
slices__hold(struct exec *x, bool writes)
{
    if (!(writes || x->engine->slow_alone) || !meets_pins(x, writes))
        return false;
    if (x->session->flags & (SESSION_REPLICA | SESSION_INTERNAL)) {
        slices__finish_all(x->engine);
        return false;
    }
    pause__hold_session(x->session, x->command);
    return true;
}

/* -- life ------------------------------------------------------------------------------------------------------ */

static void
slow_free(struct engine *e, struct slow *t)
{
    if (e->spare_stack == NULL)
        e->spare_stack = t->stack;
    else
        coro_free(t->stack);
    out_fini(&t->out);
    mem_free(t->argv);
    mem_free(t);
}

static struct slow *
slow_new(struct exec *x, exec_body *body, unsigned flags)
{
    struct engine *e = x->engine;
    struct coro *stack = e->spare_stack != NULL ? e->spare_stack : coro_new();

    if (stack == NULL)
        return NULL;
    e->spare_stack = NULL;
    struct slow *t = mem_get_zero(sizeof(*t));
    t->session = x->session;
    t->stack = stack;
    t->body = body;
    t->flags = flags;
    t->mute = (x->session->gate & GATE_REPLY) != 0;
    size_t bytes = (size_t)x->argc * sizeof(struct slice);
    for (int i = 0; i < x->argc; i++)
        bytes += x->argv[i].len;
    t->argv = mem_get(bytes);
    char *at = (char *)(t->argv + x->argc);
    for (int i = 0; i < x->argc; i++) {
        if (x->argv[i].len > 0)
            memcpy(at, x->argv[i].ptr, x->argv[i].len);
        t->argv[i] = slice_of(at, x->argv[i].len);
        at += x->argv[i].len;
    }
    return t;
}

/* What was replied before a failure is not to be seen. */
static enum rc
run_whole(struct exec *x, exec_body *body)
{
    struct reply_mark start = {x->reply.out->bytes.len, x->reply.out->ref_count};
    x->again = true;
    enum rc rc = body(x);
    x->again = false;
    if (rc != RC_OK && rc != RC_BLOCKED)
        reply_drop_mark(&x->reply, start);
    return rc;
}

enum rc
exec_in_slices(struct exec *x, exec_body *body, unsigned flags)
{
    struct engine *e = x->engine;
    struct slow *t = NULL;

    CHECK(!x->again);
    /* While somebody is held back for the sake of one such command, the next may not pause, or he might wait for
     * ever. One that has waited for a key is to be through when it is the next one's turn. */
    if (may_block(x) && !x->resumed && ((flags & SLICES_FREE) || e->held_count == 0 || !(e->gate & GATE_PINNED)))
        t = slow_new(x, body, flags);
    if (t == NULL)
        return run_whole(x, body);

    const struct slice *argv = x->argv;
    struct out *out = x->reply.out;
    x->argv = t->argv;
    x->first_key = NULL;
    x->first_key_len = 0;
    x->reply.out = &t->out;
    x->slow = t;
    x->again = true;
    t->began = ticks_now(&e->ticks);
    t->ends = t->began + ticks_from_us(&e->ticks, e->settings.slice_us);
    coro_start(t->stack, run_body, t);
    bool done = coro_resume(t->stack);
    if (!done) {
        t->spent = ticks_now(&e->ticks) - t->began;
        set_aside(e, t);
        find_pins(t, x);
        x->copies = NULL;
        x->changed = false; /* what has been changed so far is propagated when dispatch is through with this */
    }
    x->slow = NULL;
    x->again = false;
    x->argv = argv;
    x->reply.out = out;
    if (done) {
        enum rc rc = t->rc;
        if (rc == RC_OK)
            out_move(out, &t->out);
        slow_free(e, t);
        return rc;
    }
    list_add(e, t);
    session__more(x->session)->slow = t;
    x->session->gate |= GATE_BLOCKED;
    update_gate(e);
    return RC_BLOCKED;
}

/* The command is over; e->x is still its own. */
static void
conclude(struct engine *e, struct slow *t)
{
    struct exec *x = &e->x;
    struct session *s = t->session;

    list_remove(e, t);
    s->more->slow = NULL;
    s->gate &= ~(uint32_t)GATE_BLOCKED;
    x->slow = NULL;
    x->again = false;
    x->reply.out = t->mute || t->cancelled ? &e->void_out : &s->out;
    x->reply_at = s->out.bytes.len + s->out.ref_pending;
    if (t->rc == RC_OK && !t->cancelled) {
        if (t->out.bytes.len >= SEAL_MIN)
            out_seal(&t->out);
        out_move(x->reply.out, &t->out);
    }
    dispatch__sliced(x, t->rc, t->spent);
    out_sent(&e->void_out, out_pending(&e->void_out));
    update_gate(e);
}

/* One slice. True: the command is over and t is gone. */
static bool
run_slice(struct engine *e, struct slow *t)
{
    struct others o;
    struct session *s = t->session;

    e->turn++;
    take_again(e, t, &o);
    t->wake_ms = 0;
    t->began = ticks_now(&e->ticks);
    t->ends = t->began + ticks_from_us(&e->ticks, e->settings.slice_us);
    bool done = coro_resume(t->stack);
    t->spent += ticks_now(&e->ticks) - t->began;
    if (done) {
        conclude(e, t);
        drop_idle(e);
    } else {
        set_aside(e, t);
    }
    give_back(e, &o);
    if (done) {
        bool gone = t->cancelled;
        slow_free(e, t);
        if (!gone) {
            s->told = false;
            session__tell_host(s);
        }
    }
    /* What it has changed is complete: others may see it, and a log must have it before what they do. */
    if (o.running == NULL) {
        e->effects.atomic = false;
        engine_propagate(e);
    }
    return done;
}

void
slices__finish_all(struct engine *e)
{
    struct slow *next;

    for (struct slow *t = e->slow_first; t != NULL; t = next) {
        next = t->next;
        if (t->pin_count == 0)
            continue;
        t->hurry = true;
        while (!run_slice(e, t))
            ;
    }
}

void
slices__end_writers(struct engine *e)
{
    struct slow *next;

    for (struct slow *t = e->slow_first; t != NULL; t = next) {
        next = t->next;
        if (!(t->x.cmd->flags & CMD_WRITE))
            continue;
        t->ended = t->hurry = true;
        while (!run_slice(e, t))
            ;
    }
}

void
slices__forget(struct session *s)
{
    struct slow *t = s->more->slow;

    if (t == NULL)
        return;
    t->cancelled = t->hurry = true;
    while (!run_slice(s->engine, t))
        ;
}

void
engine_settle(struct engine *e)
{
    if (e->slow_alone)
        slices__finish_all(e);
}

void
engine_unpin(struct engine *e)
{
    if (e->gate & GATE_PINNED)
        slices__finish_all(e);
}

void
exec_settle(struct exec *x)
{
    engine_settle(x->engine);
}

size_t
slices__memory(const struct slow *t)
{
    return t != NULL ? mem_size_of(t) + out_memory(&t->out) + t->out.ref_pending : 0;
}

void
slices__fini(struct engine *e)
{
    coro_free(e->spare_stack);
}

size_t
engine_sliced(const struct engine *e)
{
    size_t n = 0;

    for (const struct slow *t = e->slow_first; t != NULL; t = t->next)
        n++;
    return n;
}

static bool
may_run(const struct engine *e, const struct slow *t)
{
    return !((t->flags & SLICES_WRITES) && (e->gate & GATE_PINNED));
}

int64_t
slices__tick(struct engine *e)
{
    int64_t next = INT64_MAX;

    for (struct slow *t = e->slow_first; t != NULL; t = t->next) {
        if (t->wake_ms > e->now_ms || !may_run(e, t))
            continue;
        /* The others first, next time. */
        list_remove(e, t);
        list_add(e, t);
        (void)run_slice(e, t);
        break;
    }
    for (const struct slow *t = e->slow_first; t != NULL; t = t->next)
        next = may_run(e, t) && t->wake_ms < next ? t->wake_ms : next;
    return next;
}

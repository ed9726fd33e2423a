/* engine/waiters.c - sessions that wait for keys.
 *
 * A waiting session has one struct wait with a copy of its command and a link into the queue of each key. A change that
 * touches a key somebody waits for makes the key ready; after the command, the sessions in its queue run their commands
 * again, first come first served, for as long as the key holds what they want. A command that still finds nothing waits
 * on with its place in the queues unchanged.
 */
#include "engine/waiters.h"

#include "engine/engine_priv.h"

struct wait_link {
    struct wait_key *key;
    struct wait *wait;
    struct wait_link *prev, *next; /* in the key's queue */
};

struct wait_key {
    struct slice name;
    struct db *db;
    struct wait_link *first, *last;
    struct wait_key *next_ready;
    bool ready, pinned; /* pinned: being served, must not be freed */
    bool when_gone;     /* somebody in the queue wants to hear of that too */
    char bytes[];
};

struct wait {
    struct session *session; /* owns this */
    struct command *command;
    struct slice *argv;
    int argc;
    size_t argv_bytes;
    enum value_type type;
    enum wait_timeout_reply timeout_reply;
    int64_t deadline_ms; /* 0: for ever */
    int64_t wake_ms;     /* that or wait_look_again()'s time, as in engine.wait_deadlines; 0: not there */
    bool renewed;        /* the command has asked to wait on */
    bool when_gone;      /* runs again too when a key is gone or of another type */
    int link_count;
    struct wait_link links[];
};

static struct slice
key_name(const void *item)
{
    return ((const struct wait_key *)item)->name;
}

static uint64_t
key_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, key_name(item));
}

static const struct table_ops key_ops = {key_name, key_hash};

static uint64_t
deadline_prefix(const void *item)
{
    return (uint64_t)((const struct wait *)item)->wake_ms;
}

static int
deadline_order(const void *a, const void *b)
{
    session_id x = ((const struct wait *)a)->session->id, y = ((const struct wait *)b)->session->id;

    return (x > y) - (x < y);
}

static const struct btree_ops deadline_ops = {deadline_prefix, deadline_order};

/* -- queues ---------------------------------------------------------------------------------------------------- */

static struct wait_key *
key_find(struct engine *e, struct db *db, struct slice name)
{
    return table_find(&db->waiting, &key_ops, keyspace__hash(e, name), name);
}

static struct wait_key *
key_get(struct engine *e, struct db *db, struct slice name)
{
    struct wait_key *k = key_find(e, db, name);

    if (k != NULL)
        return k;
    k = mem_get(sizeof(*k) + name.len);
    *k = (struct wait_key){.name = slice_of(k->bytes, name.len), .db = db};
    if (name.len > 0)
        memcpy(k->bytes, name.ptr, name.len);
    table_insert(&db->waiting, &key_ops, keyspace__hash(e, name), k);
    e->wait_key_total++;
    return k;
}

static void
key_drop_if_idle(struct engine *e, struct wait_key *k)
{
    if (k->first != NULL || k->ready || k->pinned)
        return;
    table_remove(&k->db->waiting, &key_ops, keyspace__hash(e, k->name), k);
    e->wait_key_total--;
    e->wait_gone_total -= k->when_gone;
    mem_free(k);
}

static void
link_up(struct engine *e, struct wait *w, struct db *db, struct slice name)
{
    struct wait_key *k = key_get(e, db, name);

    for (int i = 0; i < w->link_count; i++) {
        if (w->links[i].key == k)
            return; /* named twice */
    }
    struct wait_link *l = &w->links[w->link_count++];
    *l = (struct wait_link){.key = k, .wait = w, .prev = k->last};
    *(k->last != NULL ? &k->last->next : &k->first) = l;
    k->last = l;
    if (w->when_gone && !k->when_gone) {
        k->when_gone = true;
        e->wait_gone_total++;
    }
}

static void
unlink_all(struct engine *e, struct wait *w)
{
    for (int i = 0; i < w->link_count; i++) {
        struct wait_link *l = &w->links[i];
        struct wait_key *k = l->key;
        *(l->prev != NULL ? &l->prev->next : &k->first) = l->next;
        *(l->next != NULL ? &l->next->prev : &k->last) = l->prev;
        key_drop_if_idle(e, k);
    }
    w->link_count = 0;
}

/* -- waiting --------------------------------------------------------------------------------------------------- */

bool
may_block(const struct exec *x)
{
    return x->depth == 0 && !(x->session->flags & SESSION_INTERNAL);
}

static void
copy_argv(struct wait *w, const struct slice *argv, int argc)
{
    size_t bytes = (size_t)argc * sizeof(struct slice);

    for (int i = 0; i < argc; i++)
        bytes += argv[i].len;
    w->argv = mem_get(bytes);
    w->argc = argc;
    w->argv_bytes = bytes;
    char *at = (char *)(w->argv + argc);
    for (int i = 0; i < argc; i++) {
        if (argv[i].len > 0)
            memcpy(at, argv[i].ptr, argv[i].len);
        w->argv[i] = slice_of(at, argv[i].len);
        at += argv[i].len;
    }
}

/* Sets when time alone wakes the session. */
static void
set_alarm(struct engine *e, struct wait *w, int64_t again_ms)
{
    /* What is due already has just been looked at in vain: not twice in the same moment. */
    int64_t again = again_ms == 0 || again_ms > e->now_ms ? again_ms : e->now_ms + 1;
    int64_t wake = w->deadline_ms == 0 || (again != 0 && again < w->deadline_ms) ? again : w->deadline_ms;

    if (wake == w->wake_ms)
        return;
    if (w->wake_ms != 0)
        btree_remove(&e->wait_deadlines, &deadline_ops, w);
    w->wake_ms = wake;
    if (wake != 0)
        btree_insert(&e->wait_deadlines, &deadline_ops, w);
}

enum rc
wait_on_keys(struct exec *x, const struct slice *keys, int n, enum value_type type, int64_t deadline_ms)
{
    struct engine *e = x->engine;
    struct session_more *m = session__more(x->session);

    CHECK(may_block(x));
    if (x->resumed) {
        m->wait->renewed = true;
        set_alarm(e, m->wait, x->wait_again_ms);
        return RC_BLOCKED;
    }
    CHECK(m->wait == NULL);
    struct wait *w = mem_get_zero(sizeof(*w) + (size_t)n * sizeof(struct wait_link));
    w->session = x->session;
    w->command = x->command;
    w->type = type;
    w->timeout_reply = x->timeout_reply;
    w->deadline_ms = deadline_ms;
    w->when_gone = x->wait_when_gone;
    if (x->wait_argv != NULL)
        copy_argv(w, x->wait_argv, x->wait_argc);
    else
        copy_argv(w, x->argv, x->argc);
    for (int i = 0; i < n; i++)
        link_up(e, w, x->db, keys[i]);
    set_alarm(e, w, x->wait_again_ms);
    m->wait = w;
    x->session->gate |= GATE_BLOCKED;
    e->wait_total++;
    effects__listen(e, LISTEN_WAIT, true);
    return RC_BLOCKED;
}

enum rc
wait_on_nothing(struct exec *x, int64_t deadline_ms)
{
    return wait_on_keys(x, NULL, 0, TYPE_STRING, deadline_ms);
}

void
wait_reply_on_timeout(struct exec *x, enum wait_timeout_reply reply)
{
    x->timeout_reply = reply;
}

void
wait_run_as(struct exec *x, const struct slice *argv, int argc)
{
    x->wait_argv = argv;
    x->wait_argc = argc;
}

void
wait_even_gone(struct exec *x)
{
    x->wait_when_gone = true;
}

void
wait_look_again(struct exec *x, int64_t at_ms)
{
    x->wait_again_ms = at_ms == INT64_MAX ? 0 : at_ms;
}

/* The session waits no longer; its struct wait goes to the caller, who frees it. */
static struct wait *
detach(struct session *s)
{
    struct engine *e = s->engine;
    struct wait *w = s->more->wait;

    unlink_all(e, w);
    if (w->wake_ms != 0)
        btree_remove(&e->wait_deadlines, &deadline_ops, w);
    s->more->wait = NULL;
    s->gate &= ~(uint32_t)GATE_BLOCKED;
    e->wait_total--;
    effects__listen(e, LISTEN_WAIT, e->wait_total > 0);
    return w;
}

static void
wait_free(struct wait *w)
{
    mem_free(w->argv);
    mem_free(w);
}

void
waiters__forget(struct session *s)
{
    if (s->more->wait != NULL)
        wait_free(detach(s));
}

/* The session goes on: the host has to look at what else it has sent. */
static void
go_on(struct session *s)
{
    if (s->gate & GATE_REPLY)
        dispatch__reply_mode_next(s->engine, s);
    s->told = false;
    session__tell_host(s);
}

static void resume_by_time(struct engine *e, struct session *s, bool timed_out);

static void
end_wait(struct session *s, const char *error)
{
    if (error == NULL && s->more->wait->timeout_reply == TIMEOUT_RUN) {
        resume_by_time(s->engine, s, true);
        return;
    }
    struct engine *e = s->engine;
    struct wait *w = detach(s);
    struct reply r = {s->gate & GATE_REPLY ? &e->void_out : &s->out, s->resp};

    if (error != NULL) {
        reply_put_error(&r, slice_cstr(error));
        dispatch__count_error(e, LIT("UNBLOCKED"));
        w->command->failed++;
    } else if (w->timeout_reply == TIMEOUT_NULL) {
        reply_put_null(&r);
    } else if (w->timeout_reply == TIMEOUT_ZERO) {
        reply_put_int(&r, 0);
    } else {
        reply_put_null_array(&r);
    }
    w->command->calls++;
    e->stats.commands++;
    wait_free(w);
    go_on(s);
}

void
session_wake(struct session *s)
{
    if ((s->gate & GATE_BLOCKED) && s->more->wait != NULL && s->more->wait->link_count == 0)
        resume_by_time(s->engine, s, false);
}

/* MIGRATE and SHUTDOWN wait, too, and are no such commands: they find out by themselves. */
static bool
waits_in_blocking_command(const struct session *s)
{
    return (s->gate & GATE_BLOCKED) && s->more->wait != NULL && (s->more->wait->command->flags & CMD_BLOCKING);
}

bool
waiters_unblock(struct session *s, bool with_error)
{
    struct engine *e = s->engine;

    if (!waits_in_blocking_command(s))
        return false;
    struct wait *w = s->more->wait;
    if (with_error) {
        end_wait(s, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    } else if (w->timeout_reply != TIMEOUT_RUN) {
        end_wait(s, NULL);
    } else if (w->deadline_ms != 0 && w->deadline_ms <= e->now_ms) {
        return false; /* its time has been up before */
    } else {
        /* Its handler has to run, which it can't inside of the command that unblocks it: the tick calls it. */
        w->deadline_ms = e->now_ms;
        set_alarm(e, w, 0);
    }
    return true;
}

void
waiters__end_all(struct engine *e)
{
    for (struct session *s = e->wait_total > 0 ? e->session_first : NULL; s != NULL; s = s->next) {
        if (waits_in_blocking_command(s)) {
            end_wait(s, ROLE_CHANGED);
            session_close_after_reply(s);
        }
    }
}

void
engine_end_writes(struct engine *e)
{
    waiters__end_all(e);
    slices__end_writers(e);
    engine_propagate(e);
}

size_t
waiters_count(const struct engine *e)
{
    return e->wait_total;
}

size_t
waiters_timed(const struct engine *e)
{
    return e->wait_deadlines.items;
}

size_t
waiters_keys(const struct engine *e)
{
    return e->wait_key_total;
}

size_t
waiters_keys_even_gone(const struct engine *e)
{
    return e->wait_gone_total;
}

size_t
waiters__memory(const struct wait *w)
{
    return w->argv_bytes;
}

/* -- waking ---------------------------------------------------------------------------------------------------- */

static void
make_ready(struct engine *e, struct wait_key *k)
{
    if (k->ready)
        return;
    k->ready = true;
    k->next_ready = NULL;
    *e->ready_last = k;
    e->ready_last = &k->next_ready;
}

void
waiters__touched(struct engine *e, const struct effect_touch *t)
{
    if (t->key.ptr == NULL || table_count(&t->db->waiting) == 0)
        return;
    struct wait_key *k = key_find(e, t->db, t->key);
    if (k != NULL)
        make_ready(e, k);
}

static void
scan_key(void *ctx, void *item)
{
    struct engine *e = ctx;
    struct wait_key *k = item;

    make_ready(e, k);
}

void
waiters__scan(struct engine *e, struct db *db)
{
    uint64_t cursor = 0;

    if (table_count(&db->waiting) == 0)
        return;
    do {
        cursor = table_scan(&db->waiting, &key_ops, cursor, scan_key, e);
    } while (cursor != 0);
}

/* Runs the session's command again. */
static void
resume(struct engine *e, struct session *s, bool timed_out)
{
    struct wait *w = s->more->wait;

    enum resume_why why = timed_out ? RESUME_TIMED_OUT : w->link_count > 0 ? RESUME_FOR_KEYS : RESUME_TO_GO_ON;

    w->renewed = false;
    bool done = dispatch__resume(e, s, w->command, w->argv, w->argc, why);
    CHECK(done != w->renewed && (done || !timed_out));
    if (!done)
        return;
    wait_free(detach(s));
    go_on(s);
}

static void
serve_key(struct engine *e, struct wait_key *k)
{
    struct wait_link *next;

    k->pinned = true;
    for (struct wait_link *l = k->first; l != NULL; l = next) {
        const struct entry *entry = keyspace_find(e, k->db, k->name);
        /* There may be thousands of others who wait for it to come back. */
        if (entry == NULL && !k->when_gone)
            break;
        /* Only this link can go while its session runs: whoever is served leaves, nobody else does. */
        next = l->next;
        if (l->wait->when_gone || (entry != NULL && entry_type(entry) == l->wait->type))
            resume(e, l->wait->session, false);
    }
    k->pinned = false;
    key_drop_if_idle(e, k);
}

void
waiters__serve(struct engine *e)
{
    if (e->serving)
        return; /* a served command made another key ready: the loop below comes to it */
    e->serving = true;
    while (e->ready_first != NULL) {
        struct wait_key *k = e->ready_first;
        e->ready_first = k->next_ready;
        if (e->ready_first == NULL)
            e->ready_last = &e->ready_first;
        k->ready = false;
        serve_key(e, k);
    }
    e->serving = false;
}

/* -- time ------------------------------------------------------------------------------------------------------ */

/* What the command changes may make keys ready, those that its own session waits for among them: they are served when
 * it is done. */
static void
resume_by_time(struct engine *e, struct session *s, bool timed_out)
{
    e->serving = true;
    resume(e, s, timed_out);
    e->serving = false;
    waiters__serve(e);
}

void
waiters__tick(struct engine *e)
{
    struct wait *w;

    while ((w = btree_min(&e->wait_deadlines)) != NULL && w->wake_ms <= e->now_ms) {
        if (w->deadline_ms != 0 && w->deadline_ms <= e->now_ms)
            end_wait(w->session, NULL);
        else
            resume_by_time(e, w->session, false);
    }
}

int64_t
waiters__next_deadline(const struct engine *e)
{
    const struct wait *w = btree_min(&e->wait_deadlines);

    return w != NULL ? w->wake_ms : INT64_MAX;
}

void
waiters__fini(struct engine *e, struct db *db)
{
    CHECK(table_count(&db->waiting) == 0); /* all sessions are closed */
    table_fini(&db->waiting);
}

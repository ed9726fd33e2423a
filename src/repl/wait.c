/* repl/wait.c - WAIT and WAITAOF: sessions that wait until replicas have what they wrote. */
#include "engine/waiters.h"
#include "repl/repl_priv.h"

static void
remember(struct repl *r, session_id id)
{
    for (size_t i = 0; i < r->waiting_count; i++) {
        if (r->waiting[i] == id)
            return;
    }
    if (r->waiting_count == r->waiting_cap) {
        r->waiting_cap = r->waiting_cap == 0 ? 16 : 2 * r->waiting_cap;
        r->waiting = mem_resize(r->waiting, r->waiting_cap * sizeof(*r->waiting));
    }
    r->waiting[r->waiting_count++] = id;
}

void
repl__wait_forget(struct repl *r, session_id id)
{
    for (size_t i = 0; i < r->waiting_count; i++) {
        if (r->waiting[i] == id) {
            r->waiting[i] = r->waiting[--r->waiting_count];
            return;
        }
    }
}

void
repl__wait_check(struct repl *r)
{
    size_t n = r->waiting_count;

    r->acks_moved = false;
    if (n == 0)
        return;
    session_id *ids = mem_get_array(n, sizeof(*ids));
    memcpy(ids, r->waiting, n * sizeof(*ids));
    for (size_t i = 0; i < n; i++) {
        struct session *s = engine_session_by_id(r->engine, ids[i]);
        if (s == NULL || !session_is_blocked(s))
            repl__wait_forget(r, ids[i]);
        else
            session_wake(s);
    }
    mem_free(ids);
}

static enum rc
no_replica_may(struct exec *x, const char *name, const char *since)
{
    if (repl_is_replica(repl__of(x)))
        return fail(
            x,
            "ERR %s cannot be used with replica instances. Please also note that %swrites to replicas are just local "
            "and are not propagated.",
            name, since);
    return RC_OK;
}

static enum rc
read_timeout(struct exec *x, struct slice arg, int64_t *deadline_ms)
{
    int64_t ms;

    if (arg_int(x, arg, &ms) != RC_OK)
        return fail(x, "ERR timeout is not an integer or out of range");
    if (ms < 0)
        return RC_NEG_TIMEOUT;
    if (ms > INT64_MAX - x->now_ms)
        return fail(x, "ERR timeout is out of range");
    *deadline_ms = ms == 0 ? 0 : x->now_ms + ms;
    return RC_OK;
}

static enum rc
park(struct exec *x, int64_t deadline_ms)
{
    struct repl *r = repl__of(x);

    remember(r, session_ident(x->session));
    if (!x->resumed)
        r->ask_acks = true;
    wait_reply_on_timeout(x, TIMEOUT_RUN);
    return wait_on_nothing(x, deadline_ms);
}

static bool
is_over(const struct exec *x)
{
    return x->timed_out || (!x->resumed && !may_block(x)) || repl_is_replica(repl__of(x));
}

static enum rc
cmd_wait(struct exec *x)
{
    struct repl *r = repl__of(x);
    int64_t wanted, deadline;

    if (!x->resumed)
        TRY(no_replica_may(x, "WAIT",
                           "since Redis 4.0 if a replica is configured to be writable (which is not the default) "));
    TRY(arg_int(x, x->argv[1], &wanted));
    TRY(read_timeout(x, x->argv[2], &deadline));
    size_t n = repl__count_acked(r, session_wrote_at(x->session), false);
    if ((int64_t)n >= wanted || is_over(x))
        return reply_int(x, (int64_t)n);
    return park(x, deadline);
}

static enum rc
cmd_waitaof(struct exec *x)
{
    struct repl *r = repl__of(x);
    int64_t local, replicas, deadline;
    uint64_t at = session_wrote_at(x->session), synced = 0;

    TRY(arg_int(x, x->argv[1], &local));
    if (local < 0 || local > 1)
        return fail(x, "ERR value is out of range, must be between 0 and 1");
    TRY(arg_int(x, x->argv[2], &replicas));
    if (replicas < 0)
        return RC_NOT_POSITIVE;
    TRY(read_timeout(x, x->argv[3], &deadline));
    if (!x->resumed)
        TRY(no_replica_may(x, "WAITAOF", ""));
    bool has_log = r->host.log_synced(r->host.ctx, &synced, local > 0);
    if (local > 0 && !has_log)
        return fail(x, "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    bool here = has_log && local > 0 ? synced >= at : has_log && synced >= at;
    size_t n = repl__count_acked(r, at, true);
    if ((here >= local && (int64_t)n >= replicas) || is_over(x)) {
        reply_put_array(&x->reply, 2);
        reply_put_int(&x->reply, here);
        return reply_int(x, (int64_t)n);
    }
    return park(x, deadline);
}

const struct cmd repl_wait_family[] = {
    {"wait", cmd_wait, .arity = 3, .group = GROUP_GENERIC, .flags = CMD_BLOCKING,
     .categories = CAT_NOT_BY_GROUP | CAT(CONNECTION), .since = "3.0.0", .args = "numreplicas:int timeout:int",
     .reply = "integer", .about = "Waits until that many replicas have what this connection wrote.",
     .complexity = "O(1)", .tips = "request_policy:all_shards response_policy:agg_min"},
    {"waitaof", cmd_waitaof, .arity = 4, .group = GROUP_GENERIC, .flags = CMD_BLOCKING,
     .categories = CAT_NOT_BY_GROUP | CAT(CONNECTION), .since = "7.2.0",
     .args = "numlocal:int numreplicas:int timeout:int", .reply = "array of two integers",
     .about = "Waits until what has been written is on the disk, here and at replicas.", .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:agg_min"},
    {0},
};

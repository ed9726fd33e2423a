/* client/batch.c - sorrel/batch.h: commands kept in protocol form, grouped by node, sent at once.
 *
 * Connections of several nodes are taken in the order of the pools' addresses, so that two batches never wait for each
 * other in a circle.
 */
#include "sorrel/batch.h"

#include "base/buf.h"
#include "base/mem.h"
#include "client/client_priv.h"
#include "client/command_priv.h"
#include "client/error_priv.h"

#include <stdarg.h>
#include <stdlib.h>

/* A command: its arguments lie one behind the other in `bytes`, their lengths in `lens`. */
struct item {
    size_t at, lens_at;
    int argc;
    int slot;
    int group;
    struct sorrel_reply *reply;
};

struct sorrel_batch {
    struct buf bytes, lens;
    struct item *items;
    size_t count, cap;
};

struct sorrel_batch *
sorrel_batch_new(void)
{
    return mem_get_zero(sizeof(struct sorrel_batch));
}

static void
drop_replies(struct sorrel_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        sorrel_reply_free(b->items[i].reply);
        b->items[i].reply = NULL;
    }
}

void
sorrel_batch_reset(struct sorrel_batch *b)
{
    drop_replies(b);
    buf_reset(&b->bytes);
    buf_reset(&b->lens);
    b->count = 0;
}

void
sorrel_batch_free(struct sorrel_batch *b)
{
    if (b == NULL)
        return;
    drop_replies(b);
    buf_fini(&b->bytes);
    buf_fini(&b->lens);
    mem_free(b->items);
    mem_free(b);
}

size_t
sorrel_batch_add(struct sorrel_batch *b, int argc, const char *const *argv, const size_t *lens)
{
    if (b->count == b->cap) {
        b->cap = b->cap == 0 ? 16 : b->cap * 2;
        b->items = mem_resize(b->items, b->cap * sizeof(*b->items));
    }
    b->items[b->count] = (struct item){.at = b->bytes.len, .lens_at = b->lens.len, .argc = argc};
    for (int i = 0; i < argc; i++) {
        size_t len = lens != NULL ? lens[i] : strlen(argv[i]);
        buf_add(&b->bytes, argv[i], len);
        buf_add(&b->lens, &len, sizeof(len));
    }
    return b->count++;
}

size_t
sorrel_batch_do(struct sorrel_batch *b, ...)
{
    struct command c = {0};
    const char *word;
    va_list ap;

    va_start(ap, b);
    while ((word = va_arg(ap, const char *)) != NULL)
        command__text(&c, word);
    va_end(ap);
    size_t i = sorrel_batch_add(b, c.argc, command__argv(&c), command__lens(&c));
    command__fini(&c);
    return i;
}

/* Makes a command of an item again. */
static void
unpack(const struct sorrel_batch *b, const struct item *it, struct command *c)
{
    const char *at = b->bytes.ptr + it->at;

    for (int i = 0; i < it->argc; i++) {
        size_t len;
        memcpy(&len, b->lens.ptr + it->lens_at + (size_t)i * sizeof(len), sizeof(len));
        command__bytes(c, at, len);
        at += len;
    }
}

static int
slot_of(const struct sorrel_batch *b, const struct item *it)
{
    struct command c = {0};

    unpack(b, it, &c);
    int key = cluster__first_key(c.argc, command__argv(&c), command__lens(&c));
    int slot = key == 0 ? SLOT_ANY : cluster_slot(slice_of(command__argv(&c)[key], command__lens(&c)[key]));
    command__fini(&c);
    return slot;
}

static void
append(const struct sorrel_batch *b, const struct item *it, struct sorrel_conn *conn)
{
    struct command c = {0};

    unpack(b, it, &c);
    sorrel_conn_append(conn, c.argc, command__argv(&c), command__lens(&c));
    command__fini(&c);
}

/* ---- pipelines --------------------------------------------------------------------------------------------------- */

struct group {
    struct sorrel_pool *pool;
    struct sorrel_conn *conn;
};

struct run {
    struct sorrel_client *cl;
    unsigned flags;
    struct group *groups; /* as many as there are different pools */
    int group_count;
};

static int
by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct group *)a)->pool, y = (uintptr_t)((const struct group *)b)->pool;

    return (x > y) - (x < y);
}

/* Chooses a pool for each command without a reply and takes a connection of each pool. */
static enum sorrel_rc
gather(struct sorrel_batch *b, struct run *run, struct sorrel_error *err)
{
    struct sorrel_pool **pools = mem_get_array(b->count + 1, sizeof(struct sorrel_pool *));
    enum sorrel_rc rc = SORREL_OK;
    int n = 0;

    for (size_t i = 0; i < b->count && rc == SORREL_OK; i++) {
        struct item *it = &b->items[i];
        if (it->reply != NULL)
            continue;
        rc = client__pool(run->cl, it->slot, (run->flags & SORREL_READ) != 0, &pools[i], err);
        if (rc != SORREL_OK)
            break;
        it->group = 0;
        while (it->group < n && run->groups[it->group].pool != pools[i])
            it->group++;
        if (it->group == n)
            run->groups[n++] = (struct group){.pool = pools[i]};
    }
    qsort(run->groups, (size_t)n, sizeof(*run->groups), by_address);
    for (size_t i = 0; i < b->count && rc == SORREL_OK; i++)
        for (int g = 0; b->items[i].reply == NULL && g < n; g++)
            if (run->groups[g].pool == pools[i])
                b->items[i].group = g;
    mem_free(pools);
    run->group_count = 0;
    for (int g = 0; g < n && rc == SORREL_OK; g++) {
        rc = sorrel_pool_take(run->groups[g].pool, &run->groups[g].conn, err);
        if (rc == SORREL_OK)
            run->group_count++;
    }
    return rc;
}

/* Reads the replies of one group. Those that say "not here, not now" are left out, to be asked for again. */
static enum sorrel_rc
collect(struct sorrel_batch *b, struct run *run, int g, struct sorrel_error *err)
{
    struct sorrel_pool *ask;

    for (size_t i = 0; i < b->count; i++) {
        struct item *it = &b->items[i];
        const struct sorrel_reply *r = NULL;
        if (it->reply != NULL || it->group != g)
            continue;
        enum sorrel_rc rc = sorrel_conn_next(run->groups[g].conn, &r, err);
        if (rc != SORREL_OK)
            return rc;
        if (!client__not_executed(run->cl, run->groups[g].pool, r, &ask))
            it->reply = sorrel_reply_copy(r);
    }
    return SORREL_OK;
}

/* Sends what has no reply yet and reads what comes. */
static enum sorrel_rc
round_trip(struct sorrel_batch *b, struct run *run, bool *broken, struct sorrel_error *err)
{
    enum sorrel_rc rc = gather(b, run, err), first = SORREL_OK;

    *broken = false;
    if (rc == SORREL_OK) {
        for (size_t i = 0; i < b->count; i++)
            if (b->items[i].reply == NULL)
                append(b, &b->items[i], run->groups[b->items[i].group].conn);
        /* Every node gets its part before the first is waited for. A failure shows when reading. */
        for (int g = 0; g < run->group_count; g++)
            (void)sorrel_conn_flush(run->groups[g].conn, NULL);
        for (int g = 0; g < run->group_count; g++) {
            enum sorrel_rc one = collect(b, run, g, err);
            first = first == SORREL_OK ? one : first;
        }
        *broken = first != SORREL_OK;
        rc = first;
    }
    for (int g = 0; g < run->group_count; g++)
        sorrel_pool_give(run->groups[g].pool, run->groups[g].conn);
    return rc;
}

/* What a redirection of a single command needs (ASK and its patience) is client__call()'s business. */
static enum sorrel_rc
one_by_one(struct sorrel_batch *b, struct run *run, struct sorrel_error *err)
{
    enum sorrel_rc rc = SORREL_OK;

    for (size_t i = 0; i < b->count && rc == SORREL_OK; i++) {
        struct command c = {0};
        if (b->items[i].reply != NULL)
            continue;
        unpack(b, &b->items[i], &c);
        rc = client__call(run->cl, run->flags, c.argc, command__argv(&c), command__lens(&c), &b->items[i].reply, err);
        command__fini(&c);
    }
    return rc;
}

/* SORREL_ERR_USAGE if the connection would not be what it was afterwards. */
static enum sorrel_rc
check_marks(const struct sorrel_batch *b, enum command_trace most, struct sorrel_error *err)
{
    for (size_t i = 0; i < b->count; i++) {
        size_t len = 0;
        if (b->items[i].argc < 1)
            return error__set(err, SORREL_ERR_USAGE, 0, "a command without a name");
        memcpy(&len, b->lens.ptr + b->items[i].lens_at, sizeof(len));
        const char *name = b->bytes.ptr + b->items[i].at;
        if (command__marks(slice_of(name, len)) > most)
            return error__set(err, SORREL_ERR_USAGE, 0, COMMAND_NEEDS_CONNECTION, len < 20 ? (int)len : 20, name);
    }
    return SORREL_OK;
}

enum sorrel_rc
sorrel_batch_run(struct sorrel_batch *b, struct sorrel_client *cl, unsigned flags, struct sorrel_error *err)
{
    struct run run = {.cl = cl, .flags = flags};
    bool repeat = (flags & (SORREL_REPEAT | SORREL_READ)) != 0, broken;
    struct backoff pause;
    enum sorrel_rc rc = check_marks(b, COMMAND_OPENS, err);

    drop_replies(b);
    if (rc != SORREL_OK)
        return rc;
    for (size_t i = 0; i < b->count; i++)
        b->items[i].slot = client__is_cluster(cl) ? slot_of(b, &b->items[i]) : SLOT_ANY;
    run.groups = mem_get_array(b->count + 1, sizeof(*run.groups));
    client__backoff(cl, &pause);
    for (;;) {
        rc = round_trip(b, &run, &broken, err);
        if (rc == SORREL_OK)
            break;
        bool again = broken ? repeat : client__retry_take(cl, rc);
        if (!again || !backoff__sleep(&pause))
            break;
    }
    mem_free(run.groups);
    if (rc == SORREL_OK)
        rc = one_by_one(b, &run, err);
    if (rc != SORREL_OK)
        drop_replies(b);
    return rc;
}

/* ---- transactions ------------------------------------------------------------------------------------------------ */

/* Where a transaction goes, and what came of it. */
struct venue {
    struct sorrel_pool *pool;
    struct sorrel_conn *conn;
    bool asking;             /* the slot is on its way to this node */
    bool later;              /* out: not executed, and may be elsewhere or later */
    struct sorrel_pool *ask; /* out: where to go on asking; NULL: nowhere */
};

/* MULTI ... EXEC. */
static enum sorrel_rc
transact(struct sorrel_batch *b, struct sorrel_client *cl, struct venue *at, struct sorrel_error *err)
{
    static const char *const asking[] = {"ASKING"}, *const multi[] = {"MULTI"}, *const exec[] = {"EXEC"};
    const struct sorrel_reply *r = NULL;
    enum sorrel_rc outcome = SORREL_OK;

    if (at->asking)
        sorrel_conn_append(at->conn, 1, asking, NULL);
    sorrel_conn_append(at->conn, 1, multi, NULL);
    for (size_t i = 0; i < b->count; i++)
        append(b, &b->items[i], at->conn);
    sorrel_conn_append(at->conn, 1, exec, NULL);
    while (sorrel_conn_outstanding(at->conn) > 0) {
        enum sorrel_rc rc = sorrel_conn_next(at->conn, &r, err);
        if (rc != SORREL_OK)
            return rc;
        /* The first refusal is the reason; EXECABORT only says that there was one. */
        if (sorrel_reply_type(r) == SORREL_ERROR && outcome == SORREL_OK) {
            at->later = client__not_executed(cl, at->pool, r, &at->ask);
            outcome = error__reply(err, SORREL_ERR_SERVER, r);
        }
    }
    if (outcome != SORREL_OK)
        return outcome;
    if (sorrel_reply_count(r) != b->count)
        return error__set(err, SORREL_ERR_PROTOCOL, 0, "EXEC did not answer with one reply for each command");
    for (size_t i = 0; i < b->count; i++)
        b->items[i].reply = sorrel_reply_copy(sorrel_reply_at(r, i));
    return SORREL_OK;
}

enum sorrel_rc
sorrel_batch_exec(struct sorrel_batch *b, struct sorrel_client *cl, unsigned flags, struct sorrel_error *err)
{
    enum { REDIRECTS_MAX = 16 };
    int slot = SLOT_ANY, redirects = 0;
    struct sorrel_pool *ask = NULL;
    struct backoff pause;
    enum sorrel_rc rc = check_marks(b, COMMAND_LEAVES_NOTHING, err);

    drop_replies(b);
    if (rc != SORREL_OK)
        return rc;
    for (size_t i = 0; client__is_cluster(cl) && i < b->count && slot == SLOT_ANY; i++)
        slot = slot_of(b, &b->items[i]);
    client__backoff(cl, &pause);
    for (;;) {
        struct venue at = {.pool = ask, .asking = ask != NULL};
        bool again = false;
        rc = at.asking ? SORREL_OK : client__pool(cl, slot, false, &at.pool, err);
        if (rc == SORREL_OK)
            rc = sorrel_pool_take(at.pool, &at.conn, err);
        if (rc != SORREL_OK) {
            again = client__retry_take(cl, rc);
        } else {
            rc = transact(b, cl, &at, err);
            bool broken = rc != SORREL_OK && sorrel_conn_broken(at.conn);
            again = at.later || (broken && (flags & (SORREL_REPEAT | SORREL_READ)) != 0);
            sorrel_pool_give(at.pool, at.conn);
        }
        ask = at.ask;
        if (ask != NULL && redirects++ < REDIRECTS_MAX)
            continue;
        if (rc == SORREL_OK || !again || !backoff__sleep(&pause))
            return rc;
    }
}

const struct sorrel_reply *
sorrel_batch_reply(const struct sorrel_batch *b, size_t i)
{
    return i < b->count ? b->items[i].reply : NULL;
}

size_t
sorrel_batch_count(const struct sorrel_batch *b)
{
    return b->count;
}

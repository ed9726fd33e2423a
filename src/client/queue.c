/* client/queue.c - sorrel/queue.h: five keys and the scripts that keep them in step.
 *
 * Only BLMOVE is no script: it moves an item without a due time. Whoever got it sets one at once; had he died in
 * between, the next recovery gives the item one, and the one after that brings it back.
 */
#include "sorrel/queue.h"

#include "base/mem.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "sorrel/batch.h"

#include <pthread.h>

enum { VISIBILITY_MS = 30000, TRIES_MAX = 5, ID_BYTES = 12, ID_TEXT = ID_BYTES * 2, BLOCK_MAX_MS = 1000 };

enum { READY, TAKEN, DUE, TRIES, DEAD, KEYS };

/* Times are milliseconds of the server's clock. An item is known by its first 24 bytes. */
#define NOW "local t = redis.call('time')\nlocal now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
#define ID  "local id = string.sub(item, 1, 24)\n"

/* KEYS ready taken due tries dead; ARGV visibility [item]: takes the next item, or takes note of the one given. */
static const char take_script[] = NOW
    "local item = ARGV[2]\n"
    "if not item then item = redis.call('lmove', KEYS[1], KEYS[2], 'LEFT', 'RIGHT') end\n"
    "if not item then return false end\n" ID "redis.call('zadd', KEYS[3], string.format('%.0f', now + ARGV[1]), id)\n"
    "return {item, redis.call('hincrby', KEYS[4], id, 1)}\n";

/* ARGV what item: the item must still be due, that is ours. */
static const char finish_script[] = "local item = ARGV[2]\n" ID "local tries = redis.call('hget', KEYS[4], id)\n"
                                    "if tries ~= ARGV[3] or redis.call('zrem', KEYS[3], id) == 0 then return 0 end\n"
                                    "redis.call('lrem', KEYS[2], 1, item)\n"
                                    "if ARGV[1] == 'back' then\n"
                                    "    redis.call('lpush', KEYS[1], item)\n"
                                    "    return 1\n"
                                    "end\n"
                                    "redis.call('hdel', KEYS[4], id)\n"
                                    "if ARGV[1] == 'dead' then redis.call('rpush', KEYS[5], item) end\n"
                                    "return 1\n";

static const char extend_script[] =
    NOW "local item = ARGV[2]\n" ID
        "if redis.call('hget', KEYS[4], id) ~= ARGV[3] or not redis.call('zscore', KEYS[3], id) then return 0 end\n"
        "redis.call('zadd', KEYS[3], string.format('%.0f', now + ARGV[1]), id)\n"
        "return 1\n";

/* ARGV visibility tries-max from: looks through a thousand taken items, so that the server is never held up long, and
 * answers how many went back and where to go on (0: that was all). When nothing is due and every taken item has its
 * time, there is nothing to look for. */
static const char recover_script[] =
    NOW "if redis.call('zcount', KEYS[3], '-inf', string.format('%.0f', now)) == 0 and\n"
        "    redis.call('zcard', KEYS[3]) == redis.call('llen', KEYS[2]) then return {0, 0} end\n"
        "local n, from = 0, tonumber(ARGV[3])\n"
        "local items = redis.call('lrange', KEYS[2], from, from + 999)\n"
        "for _, item in ipairs(items) do\n"
        "    " ID "    local due = redis.call('zscore', KEYS[3], id)\n"
        "    if not due then\n"
        "        redis.call('zadd', KEYS[3], string.format('%.0f', now + ARGV[1]), id)\n"
        "    elseif tonumber(due) <= now then\n"
        "        n = n + 1\n"
        "        redis.call('zrem', KEYS[3], id)\n"
        "        redis.call('lrem', KEYS[2], 1, item)\n"
        "        if tonumber(redis.call('hget', KEYS[4], id) or 0) >= tonumber(ARGV[2]) then\n"
        "            redis.call('hdel', KEYS[4], id)\n"
        "            redis.call('rpush', KEYS[5], item)\n"
        "        else\n"
        "            redis.call('lpush', KEYS[1], item)\n"
        "        end\n"
        "    end\n"
        "end\n"
        "return {n, #items == 1000 and from + 1000 - n or 0}\n";

struct sorrel_queue {
    struct sorrel_client *client;
    struct sorrel_queue_options opt;
    char *keys[KEYS];
    pthread_mutex_t lock;
    int64_t recovered_ms; /* when we looked for abandoned items last */
};

struct sorrel_queue *
sorrel_queue_new(struct sorrel_client *cl, const char *name, const struct sorrel_queue_options *o)
{
    static const char *const suffixes[KEYS] = {"ready", "taken", "due", "tries", "dead"};
    struct sorrel_queue *q = mem_get_zero(sizeof(*q));

    q->client = cl;
    if (o != NULL)
        q->opt = *o;
    if (q->opt.visibility_ms <= 0)
        q->opt.visibility_ms = VISIBILITY_MS;
    if (q->opt.tries_max <= 0)
        q->opt.tries_max = TRIES_MAX;
    for (int i = 0; i < KEYS; i++)
        q->keys[i] = command__printf("{%s}:%s", name, suffixes[i]);
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void
sorrel_queue_free(struct sorrel_queue *q)
{
    if (q == NULL)
        return;
    for (int i = 0; i < KEYS; i++)
        mem_free(q->keys[i]);
    pthread_mutex_destroy(&q->lock);
    mem_free(q);
}

void
sorrel_item_fini(struct sorrel_item *i)
{
    mem_free(i->raw);
    *i = (struct sorrel_item){0};
}

static void
add_keys(struct command *c, struct sorrel_queue *q)
{
    command__int(c, KEYS);
    for (int i = 0; i < KEYS; i++)
        command__text(c, q->keys[i]);
}

enum sorrel_rc
sorrel_queue_put(struct sorrel_queue *q, const void *payload, size_t len, struct sorrel_error *err)
{
    struct command c = {0};
    char *raw = mem_get(ID_TEXT + len + 1);

    command__random_hex(raw, ID_BYTES);
    if (len > 0)
        memcpy(raw + ID_TEXT, payload, len);
    command__words(&c, "RPUSH", q->keys[READY], NULL);
    command__bytes(&c, raw, ID_TEXT + len);
    enum sorrel_rc rc = command__run(&c, q->client, 0, NULL, err);
    mem_free(raw);
    return rc;
}

/* ---- taking ------------------------------------------------------------------------------------------------------ */

/* Runs the take script, for `moved` (what BLMOVE gave) or for the next item. SORREL_ERR_BUSY when there is none. */
static enum sorrel_rc
take_one(struct sorrel_queue *q, const struct sorrel_reply *moved, struct sorrel_item *out, struct sorrel_error *err)
{
    struct command c = {0};
    struct sorrel_reply *r = NULL;
    int64_t tries = 0;
    size_t len = 0;

    add_keys(&c, q);
    command__int(&c, q->opt.visibility_ms);
    const char *item = sorrel_reply_text(moved, &len);
    if (item != NULL)
        command__bytes(&c, item, len);
    enum sorrel_rc rc = command__script(&c, q->client, take_script, 0, &r, err);
    if (rc != SORREL_OK)
        return rc;
    char *raw = command__dup_text(sorrel_reply_at(r, 0), &len);
    (void)sorrel_reply_int(sorrel_reply_at(r, 1), &tries);
    sorrel_reply_free(r);
    if (raw == NULL || len < ID_TEXT) {
        mem_free(raw);
        return error__set(err, SORREL_ERR_BUSY, 0, "the queue is empty");
    }
    *out = (struct sorrel_item){
        .payload = raw + ID_TEXT, .len = len - ID_TEXT, .tries = (int)tries, .raw = raw, .raw_len = len};
    return SORREL_OK;
}

static void
recover_now_and_then(struct sorrel_queue *q)
{
    int64_t now = command__now_ms();

    pthread_mutex_lock(&q->lock);
    bool due = q->recovered_ms == 0 || now - q->recovered_ms >= q->opt.visibility_ms / 4;
    if (due)
        q->recovered_ms = now;
    pthread_mutex_unlock(&q->lock);
    if (due)
        (void)sorrel_queue_recover(q, NULL, NULL);
}

/* Waits for an item by BLMOVE, at most ms. */
static enum sorrel_rc
wait_for_one(struct sorrel_queue *q, int64_t ms, struct sorrel_item *out, struct sorrel_error *err)
{
    struct command c = {0};
    struct sorrel_reply *r = NULL;
    char seconds[DOUBLE_TEXT_MAX];

    ms = ms < 1 ? 1 : ms;
    size_t len = format_double(seconds, (double)ms / 1000);
    command__words(&c, "BLMOVE", q->keys[READY], q->keys[TAKEN], "LEFT", "RIGHT", NULL);
    command__bytes(&c, seconds, len);
    enum sorrel_rc rc = command__run(&c, q->client, 0, &r, err);
    if (rc == SORREL_OK && sorrel_reply_type(r) == SORREL_NIL)
        rc = error__set(err, SORREL_ERR_BUSY, 0, "the queue is empty");
    if (rc == SORREL_OK)
        rc = take_one(q, r, out, err);
    sorrel_reply_free(r);
    return rc;
}

enum sorrel_rc
sorrel_queue_take(struct sorrel_queue *q, int wait_ms, struct sorrel_item *out, struct sorrel_error *err)
{
    int64_t deadline = command__now_ms() + wait_ms;

    for (;;) {
        recover_now_and_then(q);
        enum sorrel_rc rc = take_one(q, NULL, out, err);
        int64_t left = wait_ms < 0 ? BLOCK_MAX_MS : deadline - command__now_ms();
        if (rc != SORREL_ERR_BUSY || left <= 0)
            return rc;
        /* Short enough to see abandoned items come back, and to stay below any socket time-out. */
        int64_t slice = q->opt.visibility_ms / 4 < BLOCK_MAX_MS ? q->opt.visibility_ms / 4 : BLOCK_MAX_MS;
        rc = wait_for_one(q, left < slice ? left : slice, out, err);
        if (rc != SORREL_ERR_BUSY)
            return rc;
    }
}

/* ---- finishing --------------------------------------------------------------------------------------------------- */

static enum sorrel_rc
finish(struct sorrel_queue *q, const char *script, const char *what, const struct sorrel_item *i,
       struct sorrel_error *err)
{
    struct command c = {0};
    int64_t ours = 0;

    add_keys(&c, q);
    if (what != NULL)
        command__text(&c, what);
    else
        command__int(&c, q->opt.visibility_ms);
    command__bytes(&c, i->raw, i->raw_len);
    command__int(&c, i->tries);
    enum sorrel_rc rc = command__script_int(&c, q->client, script, 0, &ours, err);
    if (rc != SORREL_OK)
        return rc;
    return ours != 0 ? SORREL_OK : error__set(err, SORREL_ERR_LOST, 0, "the item has gone back to the queue meanwhile");
}

enum sorrel_rc
sorrel_queue_done(struct sorrel_queue *q, const struct sorrel_item *i, struct sorrel_error *err)
{
    return finish(q, finish_script, "done", i, err);
}

enum sorrel_rc
sorrel_queue_return(struct sorrel_queue *q, const struct sorrel_item *i, bool dead, struct sorrel_error *err)
{
    return finish(q, finish_script, dead ? "dead" : "back", i, err);
}

enum sorrel_rc
sorrel_queue_extend(struct sorrel_queue *q, const struct sorrel_item *i, struct sorrel_error *err)
{
    return finish(q, extend_script, NULL, i, err);
}

enum sorrel_rc
sorrel_queue_recover(struct sorrel_queue *q, int64_t *recovered, struct sorrel_error *err)
{
    int64_t total = 0, n = 0, from = 0;

    do {
        struct command c = {0};
        struct sorrel_reply *r = NULL;
        add_keys(&c, q);
        command__int(&c, q->opt.visibility_ms);
        command__int(&c, q->opt.tries_max);
        command__int(&c, from);
        enum sorrel_rc rc = command__script(&c, q->client, recover_script, SORREL_REPEAT, &r, err);
        if (rc != SORREL_OK)
            return rc;
        bool ok = sorrel_reply_int(sorrel_reply_at(r, 0), &n) && sorrel_reply_int(sorrel_reply_at(r, 1), &from);
        sorrel_reply_free(r);
        if (!ok)
            return error__set(err, SORREL_ERR_PROTOCOL, 0, "two numbers were expected as the reply");
        total += n;
    } while (from > 0);
    if (recovered != NULL)
        *recovered = total;
    return SORREL_OK;
}

enum sorrel_rc
sorrel_queue_stats(struct sorrel_queue *q, struct sorrel_queue_stats *out, struct sorrel_error *err)
{
    struct sorrel_batch *b = sorrel_batch_new();

    sorrel_batch_do(b, "LLEN", q->keys[READY], NULL);
    sorrel_batch_do(b, "LLEN", q->keys[TAKEN], NULL);
    sorrel_batch_do(b, "LLEN", q->keys[DEAD], NULL);
    enum sorrel_rc rc = sorrel_batch_run(b, q->client, SORREL_READ, err);
    if (rc == SORREL_OK && (!sorrel_reply_int(sorrel_batch_reply(b, 0), &out->ready) ||
                            !sorrel_reply_int(sorrel_batch_reply(b, 1), &out->taken) ||
                            !sorrel_reply_int(sorrel_batch_reply(b, 2), &out->dead)))
        rc = error__set(err, SORREL_ERR_SERVER, 0, "the queue's keys hold something else");
    sorrel_batch_free(b);
    return rc;
}

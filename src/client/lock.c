/* client/lock.c - sorrel/lock.h. The expiry is counted from before the command was sent, so that this side always takes
 * the lock for lost before the server does. */
#include "sorrel/lock.h"

#include "base/mem.h"
#include "client/backoff_priv.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "client/worker_priv.h"

enum { TTL_MS = 30000, POLL_MS = 10, POLL_MAX_MS = 500, TOKEN_BYTES = 16, BLOCK_MAX_MS = 1000 };

/* Whoever has the token already (its first answer got lost) is given the lock again. A lock that is taken answers with
 * how long it will live, below zero. */
static const char acquire_script[] = "local v = redis.call('get', KEYS[1])\n"
                                     "if v == ARGV[1] then\n"
                                     "    redis.call('pexpire', KEYS[1], ARGV[2])\n"
                                     "    return tonumber(redis.call('get', KEYS[2]))\n"
                                     "end\n"
                                     "if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then\n"
                                     "    return redis.call('incr', KEYS[2])\n"
                                     "end\n"
                                     "local left = redis.call('pttl', KEYS[1])\n"
                                     "if left < 1 then left = 1 end\n"
                                     "return -left\n";

static const char renew_script[] = "if redis.call('get', KEYS[1]) == ARGV[1] then\n"
                                   "    return redis.call('pexpire', KEYS[1], ARGV[2])\n"
                                   "end\n"
                                   "return 0\n";

/* One element in the wake list wakes one who waits; if nobody does, it is gone soon, and wakes at worst one in vain. */
static const char release_script[] = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end\n"
                                     "redis.call('del', KEYS[1], KEYS[2])\n"
                                     "redis.call('rpush', KEYS[2], '1')\n"
                                     "redis.call('pexpire', KEYS[2], ARGV[2])\n"
                                     "return 1\n";

struct sorrel_lock {
    struct sorrel_client *client;
    struct sorrel_lock_options opt;
    char *name, *fence_key, *wake_key;
    char token[TOKEN_BYTES * 2 + 1];
    bool taken; /* by this object, lost or not; only the owner's thread looks */
    struct worker worker;
    pthread_mutex_t lock; /* over what follows */
    bool held, reported;
    int64_t until_ms; /* of the monotonic clock */
    int64_t fence;
};

struct sorrel_lock *
sorrel_lock_new(struct sorrel_client *cl, const char *name, const struct sorrel_lock_options *o)
{
    struct sorrel_lock *l = mem_get_zero(sizeof(*l));

    l->client = cl;
    if (o != NULL)
        l->opt = *o;
    if (l->opt.ttl_ms <= 0)
        l->opt.ttl_ms = TTL_MS;
    if (l->opt.poll_ms <= 0)
        l->opt.poll_ms = POLL_MS;
    if (l->opt.poll_max_ms <= 0)
        l->opt.poll_max_ms = POLL_MAX_MS;
    l->name = command__dup(name, strlen(name));
    l->fence_key = command__sibling(name, "fence");
    l->wake_key = command__sibling(name, "wake");
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void
sorrel_lock_free(struct sorrel_lock *l)
{
    if (l == NULL)
        return;
    if (l->taken)
        (void)sorrel_lock_release(l, NULL);
    worker__stop(&l->worker);
    pthread_mutex_destroy(&l->lock);
    mem_free(l->name);
    mem_free(l->fence_key);
    mem_free(l->wake_key);
    mem_free(l);
}

bool
sorrel_lock_held(struct sorrel_lock *l)
{
    pthread_mutex_lock(&l->lock);
    bool held = l->held && command__now_ms() < l->until_ms;
    pthread_mutex_unlock(&l->lock);
    return held;
}

int64_t
sorrel_lock_fence(struct sorrel_lock *l)
{
    pthread_mutex_lock(&l->lock);
    int64_t fence = l->fence;
    pthread_mutex_unlock(&l->lock);
    return fence;
}

/* Takes note of a loss and reports it, once. */
static void
lost(struct sorrel_lock *l)
{
    pthread_mutex_lock(&l->lock);
    bool report = !l->reported && l->held;
    l->held = false;
    l->reported = true;
    pthread_mutex_unlock(&l->lock);
    if (report && l->opt.on_lost != NULL)
        l->opt.on_lost(l->opt.ctx, l);
}

static enum sorrel_rc
renew(struct sorrel_lock *l, struct sorrel_error *err)
{
    struct command c = {0};
    int64_t start = command__now_ms(), ours = 0;

    command__words(&c, "1", l->name, l->token, NULL);
    command__int(&c, l->opt.ttl_ms);
    enum sorrel_rc rc = command__script_int(&c, l->client, renew_script, SORREL_REPEAT, &ours, err);
    if (rc != SORREL_OK)
        return rc;
    if (ours == 0) {
        lost(l);
        return error__set(err, SORREL_ERR_LOST, 0, "the lock '%.100s' is not ours any more", l->name);
    }
    pthread_mutex_lock(&l->lock);
    l->until_ms = start + l->opt.ttl_ms;
    pthread_mutex_unlock(&l->lock);
    return SORREL_OK;
}

/* Renews every third of the ttl. While the server cannot be reached it goes on trying; when the ttl is over without
 * success the lock counts as lost. */
static void
keep_renewing(void *ctx)
{
    struct sorrel_lock *l = ctx;
    int pause = l->opt.ttl_ms / 3 > 0 ? l->opt.ttl_ms / 3 : 1;

    while (!worker__stopping(&l->worker)) {
        if (worker__wait(&l->worker, NULL, pause) == WORKER_WOKEN)
            continue;
        enum sorrel_rc rc = renew(l, NULL);
        if (rc == SORREL_ERR_LOST)
            return;
        if (!sorrel_lock_held(l)) {
            lost(l);
            return;
        }
        pause = rc == SORREL_OK ? l->opt.ttl_ms / 3 : l->opt.ttl_ms / 10;
        pause = pause > 0 ? pause : 1;
    }
}

/* One try. SORREL_ERR_BUSY and how long the other's lock lives at most, if it is taken. */
static enum sorrel_rc
try_once(struct sorrel_lock *l, int64_t *left_ms, struct sorrel_error *err)
{
    struct command c = {0};
    int64_t start = command__now_ms(), n = 0;

    command__words(&c, "2", l->name, l->fence_key, l->token, NULL);
    command__int(&c, l->opt.ttl_ms);
    enum sorrel_rc rc = command__script_int(&c, l->client, acquire_script, SORREL_REPEAT, &n, err);
    if (rc != SORREL_OK)
        return rc;
    if (n < 0) {
        *left_ms = -n;
        return error__set(err, SORREL_ERR_BUSY, 0, "the lock '%.100s' is held by somebody else", l->name);
    }
    pthread_mutex_lock(&l->lock);
    l->held = true;
    l->reported = false;
    l->until_ms = start + l->opt.ttl_ms;
    l->fence = n;
    pthread_mutex_unlock(&l->lock);
    l->taken = true;
    return SORREL_OK;
}

/* Sleeps until a release, at most ms. Blocking commands stay well below any socket time-out. */
static void
wait_for_wake(struct sorrel_lock *l, int64_t ms)
{
    struct command c = {0};
    char seconds[DOUBLE_TEXT_MAX];

    ms = ms < 1 ? 1 : ms < BLOCK_MAX_MS ? ms : BLOCK_MAX_MS;
    size_t len = format_double(seconds, (double)ms / 1000);
    command__words(&c, "BLPOP", l->wake_key, NULL);
    command__bytes(&c, seconds, len);
    if (command__run(&c, l->client, SORREL_REPEAT, NULL, NULL) != SORREL_OK) {
        struct backoff pause;
        backoff__init(&pause, POLL_MS, POLL_MAX_MS, -1);
        backoff__sleep(&pause);
    }
}

enum sorrel_rc
sorrel_lock_acquire(struct sorrel_lock *l, int wait_ms, struct sorrel_error *err)
{
    int64_t deadline = command__now_ms() + wait_ms, left = 0;
    struct backoff pause;

    if (l->taken)
        return error__set(err, SORREL_ERR_USAGE, 0, "this object holds the lock '%.100s' already", l->name);
    command__random_hex(l->token, TOKEN_BYTES);
    backoff__init(&pause, l->opt.poll_ms, l->opt.poll_max_ms, wait_ms);
    for (;;) {
        enum sorrel_rc rc = try_once(l, &left, err);
        if (rc == SORREL_OK && sorrel_lock_held(l))
            break;
        if (rc == SORREL_OK) {
            /* The answer took longer than the lock lives: whose it is now nobody knows. */
            (void)sorrel_lock_release(l, NULL);
            command__random_hex(l->token, TOKEN_BYTES);
            rc = error__set(err, SORREL_ERR_TIMEOUT, 0, "the lock expired while it was being taken");
        }
        if (rc != SORREL_ERR_BUSY)
            return rc;
        int64_t now = command__now_ms();
        if (wait_ms >= 0 && now >= deadline)
            return rc;
        if (l->opt.wait == SORREL_WAIT_POLLING)
            (void)backoff__sleep(&pause);
        else
            wait_for_wake(l, wait_ms >= 0 && deadline - now < left ? deadline - now : left);
    }
    if (l->opt.renew && !worker__start(&l->worker, keep_renewing, l)) {
        (void)sorrel_lock_release(l, NULL);
        return error__set(err, SORREL_ERR_BUSY, 0, "no thread can be made to renew the lock");
    }
    return SORREL_OK;
}

enum sorrel_rc
sorrel_lock_renew(struct sorrel_lock *l, struct sorrel_error *err)
{
    if (!l->taken)
        return error__set(err, SORREL_ERR_USAGE, 0, "the lock '%.100s' is not taken", l->name);
    return renew(l, err);
}

enum sorrel_rc
sorrel_lock_release(struct sorrel_lock *l, struct sorrel_error *err)
{
    struct command c = {0};
    int64_t ours = 0;

    if (!l->taken)
        return error__set(err, SORREL_ERR_USAGE, 0, "the lock '%.100s' is not taken", l->name);
    worker__stop(&l->worker);
    l->taken = false;
    command__words(&c, "2", l->name, l->wake_key, l->token, NULL);
    command__int(&c, l->opt.ttl_ms < 1000 ? l->opt.ttl_ms : 1000);
    enum sorrel_rc rc = command__script_int(&c, l->client, release_script, SORREL_REPEAT, &ours, err);
    if (rc == SORREL_OK && ours == 0) {
        lost(l);
        rc = error__set(err, SORREL_ERR_LOST, 0, "the lock '%.100s' was not ours any more", l->name);
    }
    pthread_mutex_lock(&l->lock);
    l->held = false;
    pthread_mutex_unlock(&l->lock);
    return rc;
}

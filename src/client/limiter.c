/* client/limiter.c - sorrel/limiter.h: three scripts. Each takes the key, limit, window in microseconds, units and a
 * random text, and answers {allowed, remaining, microseconds to wait}. */
#include "sorrel/limiter.h"

#include "base/mem.h"
#include "client/command_priv.h"
#include "client/error_priv.h"

enum { LIMIT_MAX = 1000000, UNITS_MAX = 10000 };

#define SCRIPT_HEAD                                                                          \
    "local t = redis.call('time')\n"                                                         \
    "local now = t[1] * 1000000 + t[2]\n"                                                    \
    "local limit, window, units = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n" \
    "local function text(n) return string.format('%.0f', n) end\n"                           \
    "local ttl = text(math.ceil(window / 1000) + 1)\n"

/* The element whose leaving makes room for the units asked for says how long to wait. */
static const char sliding_script[] =
    SCRIPT_HEAD "redis.call('zremrangebyscore', KEYS[1], '-inf', text(now - window))\n"
                "local used = redis.call('zcard', KEYS[1])\n"
                "if used + units > limit then\n"
                "    local i = used + units - limit - 1\n"
                "    local e = redis.call('zrange', KEYS[1], i, i, 'WITHSCORES')\n"
                "    local wait = e[2] + window - now\n"
                "    if wait < 1 then wait = 1 end\n"
                "    return {0, limit - used, text(wait)}\n"
                "end\n"
                "for i = 1, units do\n"
                "    redis.call('zadd', KEYS[1], text(now), text(now) .. ':' .. ARGV[4] .. ':' .. i)\n"
                "end\n"
                "redis.call('pexpire', KEYS[1], ttl)\n"
                "return {1, limit - used - units, 0}\n";

static const char fixed_script[] =
    SCRIPT_HEAD "local start = now - now % window\n"
                "local v = redis.call('hmget', KEYS[1], 's', 'n')\n"
                "local used = 0\n"
                "if v[1] == text(start) then used = tonumber(v[2]) end\n"
                "if used + units > limit then return {0, limit - used, text(start + window - now)} end\n"
                "redis.call('hset', KEYS[1], 's', text(start), 'n', text(used + units))\n"
                "redis.call('pexpire', KEYS[1], ttl)\n"
                "return {1, limit - used - units, 0}\n";

static const char bucket_script[] =
    SCRIPT_HEAD "local v = redis.call('hmget', KEYS[1], 'n', 't')\n"
                "local tokens, at = limit, now\n"
                "if v[1] then tokens, at = tonumber(v[1]), tonumber(v[2]) end\n"
                "if now > at then tokens = math.min(limit, tokens + (now - at) * limit / window) end\n"
                "local allowed, wait = 0, 0\n"
                "if tokens >= units then\n"
                "    tokens = tokens - units\n"
                "    allowed = 1\n"
                "else\n"
                "    wait = math.ceil((units - tokens) * window / limit)\n"
                "end\n"
                "redis.call('hset', KEYS[1], 'n', string.format('%.9f', tokens), 't', text(now))\n"
                "redis.call('pexpire', KEYS[1], ttl)\n"
                "return {allowed, text(math.floor(tokens)), text(wait)}\n";

struct sorrel_limiter {
    struct sorrel_client *client;
    char *prefix;
    enum sorrel_limiter_kind kind;
    int limit, window_ms;
};

struct sorrel_limiter *
sorrel_limiter_new(struct sorrel_client *cl, const char *prefix, enum sorrel_limiter_kind kind, int limit,
                   int window_ms)
{
    if (limit < 1 || limit > LIMIT_MAX || window_ms < 1 || kind > SORREL_TOKEN_BUCKET)
        return NULL;
    struct sorrel_limiter *l = mem_get_zero(sizeof(*l));
    *l = (struct sorrel_limiter){cl, command__dup(prefix, strlen(prefix)), kind, limit, window_ms};
    return l;
}

void
sorrel_limiter_free(struct sorrel_limiter *l)
{
    if (l == NULL)
        return;
    mem_free(l->prefix);
    mem_free(l);
}

static enum sorrel_rc
read_result(const struct sorrel_reply *r, struct sorrel_limit_result *out, struct sorrel_error *err)
{
    int64_t allowed, remaining, wait_us;

    if (!sorrel_reply_int(sorrel_reply_at(r, 0), &allowed) || !sorrel_reply_int(sorrel_reply_at(r, 1), &remaining) ||
        !sorrel_reply_int(sorrel_reply_at(r, 2), &wait_us))
        return error__set(err, SORREL_ERR_PROTOCOL, 0, "three numbers were expected as the reply");
    *out = (struct sorrel_limit_result){
        .allowed = allowed != 0, .remaining = remaining < 0 ? 0 : remaining, .retry_after_ms = (wait_us + 999) / 1000};
    return SORREL_OK;
}

enum sorrel_rc
sorrel_limiter_ask(struct sorrel_limiter *l, const char *id, int units, struct sorrel_limit_result *out,
                   struct sorrel_error *err)
{
    static const char *const scripts[] = {sliding_script, fixed_script, bucket_script};
    struct command c = {0};
    struct sorrel_reply *r = NULL;
    char token[17];

    /* Each unit is a member of the sliding window's set: one request must not hold the server up. */
    int most = l->limit < UNITS_MAX ? l->limit : UNITS_MAX;
    if (units < 1 || units > most)
        return error__set(err, SORREL_ERR_USAGE, 0, "units must be from 1 to %d", most);
    char *key = command__printf("%s:%s", l->prefix, id);
    command__random_hex(token, 8);
    command__words(&c, "1", key, NULL);
    command__int(&c, l->limit);
    command__int(&c, (int64_t)l->window_ms * 1000);
    command__int(&c, units);
    command__text(&c, token);
    enum sorrel_rc rc = command__script(&c, l->client, scripts[l->kind], 0, &r, err);
    mem_free(key);
    if (rc != SORREL_OK)
        return rc;
    rc = read_result(r, out, err);
    sorrel_reply_free(r);
    return rc;
}

enum sorrel_rc
sorrel_limiter_reset(struct sorrel_limiter *l, const char *id, struct sorrel_error *err)
{
    struct command c = {0};
    char *key = command__printf("%s:%s", l->prefix, id);

    command__words(&c, "DEL", key, NULL);
    enum sorrel_rc rc = command__run(&c, l->client, SORREL_REPEAT, NULL, err);
    mem_free(key);
    return rc;
}

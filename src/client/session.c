/* client/session.c - sorrel/session.h. Every hash has a field "" (when it began), so that a session without fields is
 * one too. */
#include "sorrel/session.h"

#include "base/clock.h"
#include "base/mem.h"
#include "client/command_priv.h"

enum { TTL_MS = 30 * 60 * 1000 };

struct sorrel_sessions {
    struct sorrel_client *client;
    char *prefix;
    int64_t ttl_ms;
};

struct sorrel_sessions *
sorrel_sessions_new(struct sorrel_client *cl, const char *prefix, int64_t ttl_ms)
{
    struct sorrel_sessions *s = mem_get(sizeof(*s));

    *s = (struct sorrel_sessions){cl, command__dup(prefix, strlen(prefix)), ttl_ms > 0 ? ttl_ms : TTL_MS};
    return s;
}

void
sorrel_sessions_free(struct sorrel_sessions *s)
{
    if (s == NULL)
        return;
    mem_free(s->prefix);
    mem_free(s);
}

static char *
key_of(const struct sorrel_sessions *s, const char *id)
{
    return command__printf("%s:%s", s->prefix, id);
}

/* Runs the command, or the script with the command's arguments, and takes its number for a yes or no (out may be NULL).
 * Frees key. */
static enum sorrel_rc
run_bool(struct sorrel_sessions *s, struct command *c, const char *script, char *key, bool *out,
         struct sorrel_error *err)
{
    int64_t n = 0;
    enum sorrel_rc rc = script != NULL ? command__script_int(c, s->client, script, SORREL_REPEAT, &n, err)
                                       : command__run_int(c, s->client, SORREL_REPEAT, &n, err);

    mem_free(key);
    if (rc == SORREL_OK && out != NULL)
        *out = n != 0;
    return rc;
}

enum sorrel_rc
sorrel_session_begin(struct sorrel_sessions *s, size_t n, const char *const *fields, const char *const *values,
                     char **id, struct sorrel_error *err)
{
    static const char script[] = "redis.call('hset', KEYS[1], unpack(ARGV, 2))\n"
                                 "return redis.call('pexpire', KEYS[1], ARGV[1])\n";
    struct clock clock = clock_system();
    struct command c = {0};
    char token[33];

    command__random_hex(token, 16);
    char *key = key_of(s, token);
    command__words(&c, "1", key, NULL);
    command__int(&c, s->ttl_ms);
    command__text(&c, "");
    command__int(&c, clock_wall_us(&clock) / 1000);
    for (size_t i = 0; i < n; i++)
        command__words(&c, fields[i], values[i], NULL);
    enum sorrel_rc rc = command__script(&c, s->client, script, SORREL_REPEAT, NULL, err);
    mem_free(key);
    if (rc == SORREL_OK)
        *id = command__dup(token, strlen(token));
    return rc;
}

enum sorrel_rc
sorrel_session_get(struct sorrel_sessions *s, const char *id, const char *field, bool *alive, char **value,
                   struct sorrel_error *err)
{
    static const char script[] = "if redis.call('pexpire', KEYS[1], ARGV[1]) == 0 then return {0} end\n"
                                 "return {1, redis.call('hget', KEYS[1], ARGV[2])}\n";
    struct command c = {0};
    struct sorrel_reply *r = NULL;
    int64_t there = 0;
    char *key = key_of(s, id);

    command__words(&c, "1", key, NULL);
    command__int(&c, s->ttl_ms);
    command__text(&c, field);
    enum sorrel_rc rc = command__script(&c, s->client, script, SORREL_REPEAT, &r, err);
    mem_free(key);
    if (rc != SORREL_OK)
        return rc;
    (void)sorrel_reply_int(sorrel_reply_at(r, 0), &there);
    *alive = there != 0;
    *value = command__dup_text(sorrel_reply_at(r, 1), NULL);
    sorrel_reply_free(r);
    return SORREL_OK;
}

enum sorrel_rc
sorrel_session_set(struct sorrel_sessions *s, const char *id, const char *field, const char *value, bool *alive,
                   struct sorrel_error *err)
{
    static const char script[] = "if redis.call('pexpire', KEYS[1], ARGV[1]) == 0 then return 0 end\n"
                                 "redis.call('hset', KEYS[1], ARGV[2], ARGV[3])\n"
                                 "return 1\n";
    struct command c = {0};
    char *key = key_of(s, id);

    command__words(&c, "1", key, NULL);
    command__int(&c, s->ttl_ms);
    command__words(&c, field, value, NULL);
    return run_bool(s, &c, script, key, alive, err);
}

enum sorrel_rc
sorrel_session_touch(struct sorrel_sessions *s, const char *id, bool *alive, struct sorrel_error *err)
{
    struct command c = {0};
    char *key = key_of(s, id);

    command__words(&c, "PEXPIRE", key, NULL);
    command__int(&c, s->ttl_ms);
    return run_bool(s, &c, NULL, key, alive, err);
}

enum sorrel_rc
sorrel_session_end(struct sorrel_sessions *s, const char *id, bool *existed, struct sorrel_error *err)
{
    struct command c = {0};
    char *key = key_of(s, id);

    command__words(&c, "DEL", key, NULL);
    return run_bool(s, &c, NULL, key, existed, err);
}

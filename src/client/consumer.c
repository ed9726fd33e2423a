/* client/consumer.c - sorrel/consumer.h: XREADGROUP, and now and then a look at what others have left behind. */
#include "sorrel/consumer.h"

#include "base/mem.h"
#include "client/command_priv.h"
#include "client/error_priv.h"

enum { IDLE_MS = 60000, DELIVERIES_MAX = 5, BLOCK_MAX_MS = 1000, SCAN_COUNT = 100 };

/* Moves one entry to the dead ones if it still is pending: KEYS stream dead, ARGV group id deliveries. */
static const char bury_script[] = "local e = redis.call('xrange', KEYS[1], ARGV[2], ARGV[2])\n"
                                  "if redis.call('xack', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end\n"
                                  "if not e[1] then return 0 end\n"
                                  "redis.call('xadd', KEYS[2], '*', 'stream', KEYS[1], 'group', ARGV[1], 'id', "
                                  "ARGV[2], 'deliveries', ARGV[3], unpack(e[1][2]))\n"
                                  "return 1\n";

struct sorrel_consumer {
    struct sorrel_client *client;
    struct sorrel_consumer_options opt;
    char *stream, *group, *name, *dead;
    char *cursor; /* of XAUTOCLAIM */
    int64_t claimed_ms;
};

static char *
dup_text(const char *s)
{
    return command__dup(s, strlen(s));
}

struct sorrel_consumer *
sorrel_consumer_new(struct sorrel_client *cl, const char *stream, const char *group, const char *name,
                    const struct sorrel_consumer_options *o)
{
    struct sorrel_consumer *c = mem_get_zero(sizeof(*c));

    c->client = cl;
    if (o != NULL)
        c->opt = *o;
    if (c->opt.idle_ms <= 0)
        c->opt.idle_ms = IDLE_MS;
    if (c->opt.deliveries_max <= 0)
        c->opt.deliveries_max = DELIVERIES_MAX;
    c->stream = dup_text(stream);
    c->group = dup_text(group);
    c->name = dup_text(name);
    c->dead = c->opt.dead != NULL ? dup_text(c->opt.dead) : command__sibling(stream, "dead");
    c->cursor = dup_text("0-0");
    return c;
}

void
sorrel_consumer_free(struct sorrel_consumer *c)
{
    if (c == NULL)
        return;
    mem_free(c->stream);
    mem_free(c->group);
    mem_free(c->name);
    mem_free(c->dead);
    mem_free(c->cursor);
    mem_free(c);
}

static enum sorrel_rc
make_group(struct sorrel_consumer *c, struct sorrel_error *err)
{
    struct command cmd = {0};
    struct sorrel_error why;

    command__words(&cmd, "XGROUP", "CREATE", c->stream, c->group, c->opt.from_start ? "0" : "$", "MKSTREAM", NULL);
    enum sorrel_rc rc = command__run(&cmd, c->client, SORREL_REPEAT, NULL, &why);
    if (rc == SORREL_ERR_SERVER && strncmp(why.text, "BUSYGROUP", 9) == 0)
        return SORREL_OK;
    if (rc != SORREL_OK && err != NULL)
        *err = why;
    return rc;
}

/* Runs a command that needs the group, making that if it is missing. */
static enum sorrel_rc
with_group(struct sorrel_consumer *c, struct command *cmd, unsigned flags, struct sorrel_reply **out,
           struct sorrel_error *err)
{
    struct command again = {0};
    struct sorrel_error why = {0};

    for (int i = 0; i < cmd->argc; i++)
        command__bytes(&again, command__argv(cmd)[i], command__lens(cmd)[i]);
    enum sorrel_rc rc =
        sorrel_client_call(c->client, flags, cmd->argc, command__argv(cmd), command__lens(cmd), out, &why);
    if (rc == SORREL_ERR_SERVER && strncmp(why.text, "NOGROUP", 7) == 0) {
        rc = make_group(c, &why);
        if (rc == SORREL_OK)
            rc = sorrel_client_call(c->client, flags, again.argc, command__argv(&again), command__lens(&again), out,
                                    &why);
    }
    command__fini(&again);
    command__fini(cmd);
    if (rc != SORREL_OK && err != NULL)
        *err = why;
    return rc;
}

/* ---- what others have left behind -------------------------------------------------------------------------------- */

static void
bury(struct sorrel_consumer *c, const struct sorrel_reply *id, int64_t deliveries)
{
    struct command cmd = {0};
    size_t len = 0;
    const char *text = sorrel_reply_text(id, &len);

    if (text == NULL)
        return;
    command__words(&cmd, "2", c->stream, c->dead, c->group, NULL);
    command__bytes(&cmd, text, len);
    command__int(&cmd, deliveries);
    (void)command__script(&cmd, c->client, bury_script, SORREL_REPEAT, NULL, NULL);
}

/* Buries what has been idle and delivered too often, so that claiming does not deliver it once more. */
static void
bury_the_dead(struct sorrel_consumer *c)
{
    char *from = dup_text("-");

    while (from != NULL) {
        struct command cmd = {0};
        struct sorrel_reply *r = NULL;
        command__words(&cmd, "XPENDING", c->stream, c->group, "IDLE", NULL);
        command__int(&cmd, c->opt.idle_ms);
        command__words(&cmd, from, "+", NULL);
        command__int(&cmd, SCAN_COUNT);
        (void)command__run(&cmd, c->client, SORREL_REPEAT, &r, NULL);
        mem_free(from);
        from = NULL;
        size_t n = sorrel_reply_count(r), len = 0;
        for (size_t i = 0; i < n; i++) {
            const struct sorrel_reply *one = sorrel_reply_at(r, i);
            int64_t deliveries = 0;
            if (sorrel_reply_int(sorrel_reply_at(one, 3), &deliveries) && deliveries >= c->opt.deliveries_max)
                bury(c, sorrel_reply_at(one, 0), deliveries);
        }
        const char *last =
            n == SCAN_COUNT ? sorrel_reply_text(sorrel_reply_at(sorrel_reply_at(r, n - 1), 0), &len) : NULL;
        if (last != NULL)
            from = command__printf("(%.*s", (int)len, last);
        sorrel_reply_free(r);
    }
}

/* Claims up to `count` abandoned entries. SORREL_ERR_BUSY when there are none. */
static enum sorrel_rc
claim(struct sorrel_consumer *c, int count, struct sorrel_reply **out, struct sorrel_error *err)
{
    struct command cmd = {0};
    struct sorrel_reply *r = NULL;

    command__words(&cmd, "XAUTOCLAIM", c->stream, c->group, c->name, NULL);
    command__int(&cmd, c->opt.idle_ms);
    command__words(&cmd, c->cursor, "COUNT", NULL);
    command__int(&cmd, count);
    enum sorrel_rc rc = with_group(c, &cmd, 0, &r, err);
    if (rc != SORREL_OK)
        return rc;
    char *cursor = command__dup_text(sorrel_reply_at(r, 0), NULL);
    if (cursor != NULL) {
        mem_free(c->cursor);
        c->cursor = cursor;
    }
    const struct sorrel_reply *entries = sorrel_reply_at(r, 1);
    if (sorrel_reply_count(entries) > 0)
        *out = sorrel_reply_copy(entries);
    else
        rc = error__set(err, SORREL_ERR_BUSY, 0, "there are no entries");
    /* More of them may be waiting: then the next read looks again at once. */
    if (rc == SORREL_OK || strcmp(c->cursor, "0-0") != 0)
        c->claimed_ms = 0;
    sorrel_reply_free(r);
    return rc;
}

/* ---- new entries ------------------------------------------------------------------------------------------------- */

static enum sorrel_rc
read_new(struct sorrel_consumer *c, int count, int64_t block_ms, struct sorrel_reply **out, struct sorrel_error *err)
{
    struct command cmd = {0};
    struct sorrel_reply *r = NULL;

    command__words(&cmd, "XREADGROUP", "GROUP", c->group, c->name, "COUNT", NULL);
    command__int(&cmd, count);
    if (block_ms > 0) {
        command__text(&cmd, "BLOCK");
        command__int(&cmd, block_ms);
    }
    command__words(&cmd, "STREAMS", c->stream, ">", NULL);
    /* Not repeated: entries that were read but not received stay pending, and are claimed when they are idle. */
    enum sorrel_rc rc = with_group(c, &cmd, 0, &r, err);
    if (rc != SORREL_OK)
        return rc;
    /* [[stream, entries]], in RESP3 {stream: entries}. */
    const struct sorrel_reply *entries =
        sorrel_reply_type(r) == SORREL_MAP ? sorrel_reply_at(r, 1) : sorrel_reply_at(sorrel_reply_at(r, 0), 1);
    if (sorrel_reply_count(entries) > 0)
        *out = sorrel_reply_copy(entries);
    else
        rc = error__set(err, SORREL_ERR_BUSY, 0, "there are no entries");
    sorrel_reply_free(r);
    return rc;
}

enum sorrel_rc
sorrel_consumer_read(struct sorrel_consumer *c, int count, int wait_ms, struct sorrel_reply **out,
                     struct sorrel_error *err)
{
    int64_t deadline = command__now_ms() + wait_ms;
    int64_t slice = c->opt.idle_ms / 4 < BLOCK_MAX_MS ? c->opt.idle_ms / 4 + 1 : BLOCK_MAX_MS;

    if (count < 1)
        return error__set(err, SORREL_ERR_USAGE, 0, "count must be at least 1");
    for (;;) {
        int64_t now = command__now_ms();
        if (c->claimed_ms == 0 || now - c->claimed_ms >= c->opt.idle_ms / 4) {
            c->claimed_ms = now;
            if (strcmp(c->cursor, "0-0") == 0) /* once for each walk through all that is pending */
                bury_the_dead(c);
            enum sorrel_rc rc = claim(c, count, out, err);
            if (rc != SORREL_ERR_BUSY)
                return rc;
        }
        int64_t left = wait_ms < 0 ? slice : deadline - command__now_ms();
        enum sorrel_rc rc = read_new(c, count, left <= 0 ? 0 : left < slice ? left : slice, out, err);
        if (rc != SORREL_ERR_BUSY || left <= 0)
            return rc;
    }
}

enum sorrel_rc
sorrel_consumer_done(struct sorrel_consumer *c, const char *id, bool *was_pending, struct sorrel_error *err)
{
    struct command cmd = {0};
    int64_t n = 0;

    command__words(&cmd, "XACK", c->stream, c->group, id, NULL);
    enum sorrel_rc rc = command__run_int(&cmd, c->client, SORREL_REPEAT, &n, err);
    if (rc == SORREL_OK && was_pending != NULL)
        *was_pending = n != 0;
    return rc;
}

enum sorrel_rc
sorrel_stream_add(struct sorrel_client *cl, const char *stream, int64_t maxlen, size_t n, const char *const *fields,
                  const char *const *values, char **id, struct sorrel_error *err)
{
    struct command cmd = {0};
    struct sorrel_reply *r = NULL;

    command__words(&cmd, "XADD", stream, NULL);
    if (maxlen > 0) {
        command__words(&cmd, "MAXLEN", "~", NULL);
        command__int(&cmd, maxlen);
    }
    command__text(&cmd, "*");
    for (size_t i = 0; i < n; i++)
        command__words(&cmd, fields[i], values[i], NULL);
    enum sorrel_rc rc = command__run(&cmd, cl, 0, &r, err);
    if (rc != SORREL_OK)
        return rc;
    if (id != NULL)
        *id = command__dup_text(r, NULL);
    sorrel_reply_free(r);
    return SORREL_OK;
}

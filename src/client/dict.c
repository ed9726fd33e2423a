/* client/dict.c - sorrel/dict.h: one command for each call. */
#include "sorrel/dict.h"

#include "base/mem.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "sorrel/json.h"

struct sorrel_dict {
    struct sorrel_client *client;
    char *key;
};

struct sorrel_dict *
sorrel_dict_new(struct sorrel_client *cl, const char *key)
{
    struct sorrel_dict *d = mem_get(sizeof(*d));

    *d = (struct sorrel_dict){cl, command__dup(key, strlen(key))};
    return d;
}

void
sorrel_dict_free(struct sorrel_dict *d)
{
    if (d == NULL)
        return;
    mem_free(d->key);
    mem_free(d);
}

static enum sorrel_rc
check_json(const char *name, const char *json, struct sorrel_error *err)
{
    if (json != NULL && sorrel_json_valid(json, strlen(json)))
        return SORREL_OK;
    return error__set(err, SORREL_ERR_USAGE, 0, "the value of '%.100s' is not valid JSON", name);
}

enum sorrel_rc
sorrel_dict_set(struct sorrel_dict *d, const char *name, const char *json, struct sorrel_error *err)
{
    return sorrel_dict_update(d, 1, &name, &json, err);
}

enum sorrel_rc
sorrel_dict_update(struct sorrel_dict *d, size_t n, const char *const *names, const char *const *json,
                   struct sorrel_error *err)
{
    struct command c = {0};

    if (n == 0)
        return SORREL_OK;
    for (size_t i = 0; i < n; i++)
        if (check_json(names[i], json[i], err) != SORREL_OK)
            return SORREL_ERR_USAGE;
    command__words(&c, "HSET", d->key, NULL);
    for (size_t i = 0; i < n; i++)
        command__words(&c, names[i], json[i], NULL);
    return command__run(&c, d->client, SORREL_REPEAT, NULL, err);
}

enum sorrel_rc
sorrel_dict_get(struct sorrel_dict *d, const char *name, char **json, struct sorrel_error *err)
{
    struct command c = {0};
    struct sorrel_reply *r = NULL;

    command__words(&c, "HGET", d->key, name, NULL);
    enum sorrel_rc rc = command__run(&c, d->client, SORREL_READ, &r, err);
    if (rc != SORREL_OK)
        return rc;
    *json = command__dup_text(r, NULL);
    sorrel_reply_free(r);
    return SORREL_OK;
}

enum sorrel_rc
sorrel_dict_contains(struct sorrel_dict *d, const char *name, bool *out, struct sorrel_error *err)
{
    struct command c = {0};
    int64_t n = 0;

    command__words(&c, "HEXISTS", d->key, name, NULL);
    enum sorrel_rc rc = command__run_int(&c, d->client, SORREL_READ, &n, err);
    if (rc == SORREL_OK)
        *out = n != 0;
    return rc;
}

enum sorrel_rc
sorrel_dict_delete(struct sorrel_dict *d, const char *name, bool *removed, struct sorrel_error *err)
{
    struct command c = {0};
    int64_t n = 0;

    command__words(&c, "HDEL", d->key, name, NULL);
    enum sorrel_rc rc = command__run_int(&c, d->client, SORREL_REPEAT, &n, err);
    if (rc == SORREL_OK && removed != NULL)
        *removed = n != 0;
    return rc;
}

enum sorrel_rc
sorrel_dict_len(struct sorrel_dict *d, size_t *out, struct sorrel_error *err)
{
    struct command c = {0};
    int64_t n = 0;

    command__words(&c, "HLEN", d->key, NULL);
    enum sorrel_rc rc = command__run_int(&c, d->client, SORREL_READ, &n, err);
    if (rc == SORREL_OK)
        *out = (size_t)n;
    return rc;
}

enum sorrel_rc
sorrel_dict_clear(struct sorrel_dict *d, struct sorrel_error *err)
{
    struct command c = {0};

    command__words(&c, "UNLINK", d->key, NULL);
    return command__run(&c, d->client, SORREL_REPEAT, NULL, err);
}

static enum sorrel_rc
read_all(struct sorrel_dict *d, const char *name, struct sorrel_reply **out, struct sorrel_error *err)
{
    struct command c = {0};

    command__words(&c, name, d->key, NULL);
    return command__run(&c, d->client, SORREL_READ, out, err);
}

enum sorrel_rc
sorrel_dict_keys(struct sorrel_dict *d, struct sorrel_reply **out, struct sorrel_error *err)
{
    return read_all(d, "HKEYS", out, err);
}

enum sorrel_rc
sorrel_dict_values(struct sorrel_dict *d, struct sorrel_reply **out, struct sorrel_error *err)
{
    return read_all(d, "HVALS", out, err);
}

enum sorrel_rc
sorrel_dict_items(struct sorrel_dict *d, struct sorrel_reply **out, struct sorrel_error *err)
{
    return read_all(d, "HGETALL", out, err);
}

enum sorrel_rc
sorrel_dict_set_default(struct sorrel_dict *d, const char *name, const char *json, char **value, bool *added,
                        struct sorrel_error *err)
{
    static const char script[] =
        "return {redis.call('hsetnx', KEYS[1], ARGV[1], ARGV[2]), redis.call('hget', KEYS[1], ARGV[1])}\n";
    struct command c = {0};
    struct sorrel_reply *r = NULL;
    int64_t is_new = 0;

    enum sorrel_rc rc = check_json(name, json, err);
    if (rc != SORREL_OK)
        return rc;
    command__words(&c, "1", d->key, name, json, NULL);
    rc = command__script(&c, d->client, script, SORREL_REPEAT, &r, err);
    if (rc != SORREL_OK)
        return rc;
    (void)sorrel_reply_int(sorrel_reply_at(r, 0), &is_new);
    if (value != NULL)
        *value = command__dup_text(sorrel_reply_at(r, 1), NULL);
    if (added != NULL)
        *added = is_new != 0;
    sorrel_reply_free(r);
    return SORREL_OK;
}

/* Hands one page to fn. False when it has had enough. */
static bool
walk_page(const struct sorrel_reply *page, sorrel_dict_fn *fn, void *ctx)
{
    bool go_on = true;

    for (size_t i = 0; go_on && i + 1 < sorrel_reply_count(page); i += 2) {
        char *name = command__dup_text(sorrel_reply_at(page, i), NULL);
        char *json = command__dup_text(sorrel_reply_at(page, i + 1), NULL);
        go_on = name == NULL || json == NULL || fn(ctx, name, json);
        mem_free(name);
        mem_free(json);
    }
    return go_on;
}

enum sorrel_rc
sorrel_dict_each(struct sorrel_dict *d, sorrel_dict_fn *fn, void *ctx, struct sorrel_error *err)
{
    char *cursor = command__dup("0", 1);
    bool go_on = true;

    while (go_on) {
        struct command c = {0};
        struct sorrel_reply *r = NULL;
        command__words(&c, "HSCAN", d->key, cursor, "COUNT", "256", NULL);
        enum sorrel_rc rc = command__run(&c, d->client, SORREL_READ, &r, err);
        mem_free(cursor);
        if (rc != SORREL_OK)
            return rc;
        cursor = command__dup_text(sorrel_reply_at(r, 0), NULL);
        go_on = walk_page(sorrel_reply_at(r, 1), fn, ctx) && cursor != NULL && strcmp(cursor, "0") != 0;
        sorrel_reply_free(r);
    }
    mem_free(cursor);
    return SORREL_OK;
}

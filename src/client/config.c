/* client/config.c - sorrel/config.h: declared settings over a near cache of one hash's fields. */
#include "sorrel/config.h"

#include "base/mem.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "client/outage_priv.h"
#include "sorrel/json.h"
#include "sorrel/near.h"

#include <pthread.h>

struct setting {
    struct setting *next;
    char *name, *standard;
    sorrel_config_check_fn *check;
    void *ctx;
    char *seen; /* the value read last; NULL: the default */
};

struct sorrel_config {
    struct sorrel_client *client;
    struct sorrel_near *near;
    char *key;
    struct setting *settings;
    struct outage outage;
    pthread_mutex_t lock; /* over the settings' `seen` */
};

struct sorrel_config *
sorrel_config_new(struct sorrel_client *cl, const char *key)
{
    struct sorrel_config *c = mem_get_zero(sizeof(*c));

    c->client = cl;
    c->near = sorrel_near_new(cl, 0);
    c->key = command__dup(key, strlen(key));
    outage__init(&c->outage);
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void
sorrel_config_free(struct sorrel_config *c)
{
    if (c == NULL)
        return;
    sorrel_near_free(c->near);
    while (c->settings != NULL) {
        struct setting *s = c->settings;
        c->settings = s->next;
        mem_free(s->name);
        mem_free(s->standard);
        mem_free(s->seen);
        mem_free(s);
    }
    outage__fini(&c->outage);
    pthread_mutex_destroy(&c->lock);
    mem_free(c->key);
    mem_free(c);
}

static struct setting *
find(struct sorrel_config *c, const char *name)
{
    struct setting *s = c->settings;

    while (s != NULL && strcmp(s->name, name) != 0)
        s = s->next;
    return s;
}

static bool
is_good(const struct setting *s, const char *json)
{
    return json != NULL && sorrel_json_valid(json, strlen(json)) &&
           (s->check == NULL || s->check(s->ctx, s->name, json));
}

enum sorrel_rc
sorrel_config_declare(struct sorrel_config *c, const char *name, const char *json_default,
                      sorrel_config_check_fn *check, void *ctx, struct sorrel_error *err)
{
    struct setting *s;

    if (find(c, name) != NULL)
        return error__set(err, SORREL_ERR_USAGE, 0, "the setting '%.100s' is declared already", name);
    s = mem_get_zero(sizeof(*s));
    s->name = command__dup(name, strlen(name));
    s->standard = json_default != NULL ? command__dup(json_default, strlen(json_default)) : NULL;
    s->check = check;
    s->ctx = ctx;
    if (!is_good(s, json_default)) {
        mem_free(s->name);
        mem_free(s->standard);
        mem_free(s);
        return error__set(err, SORREL_ERR_USAGE, 0, "the default of '%.100s' is no good value for it", name);
    }
    s->next = c->settings;
    c->settings = s;
    return SORREL_OK;
}

char *
sorrel_config_get(struct sorrel_config *c, const char *name, struct sorrel_error *err)
{
    struct setting *s = find(c, name);
    struct sorrel_error why = {0};
    char *value = NULL;

    if (s == NULL) {
        error__set(err, SORREL_ERR_USAGE, 0, "the setting '%.100s' is not declared", name);
        return NULL;
    }
    struct sorrel_reply *r = NULL;
    if (outage__ask(&c->outage, &why)) {
        r = sorrel_near_do(c->near, &why, "HGET", c->key, name, NULL);
        outage__answer(&c->outage, r != NULL ? SORREL_OK : why.code, &why);
    }
    if (r != NULL)
        value = command__dup_text(r, NULL);
    if (value != NULL && !is_good(s, value)) {
        mem_free(value);
        value = NULL;
    }
    pthread_mutex_lock(&c->lock);
    if (r != NULL) {
        mem_free(s->seen);
        s->seen = value;
        why.code = SORREL_OK;
    }
    const char *now = s->seen != NULL ? s->seen : s->standard;
    char *out = command__dup(now, strlen(now));
    pthread_mutex_unlock(&c->lock);
    sorrel_reply_free(r);
    if (err != NULL)
        *err = why;
    return out;
}

int64_t
sorrel_config_get_int(struct sorrel_config *c, const char *name, int64_t otherwise)
{
    char *json = sorrel_config_get(c, name, NULL);
    int64_t n = otherwise;

    if (json != NULL)
        (void)sorrel_json_int(json, &n);
    mem_free(json);
    return n;
}

enum sorrel_rc
sorrel_config_set(struct sorrel_config *c, const char *name, const char *json, struct sorrel_error *err)
{
    struct setting *s = find(c, name);
    struct command cmd = {0};

    if (s == NULL)
        return error__set(err, SORREL_ERR_USAGE, 0, "the setting '%.100s' is not declared", name);
    if (!is_good(s, json))
        return error__set(err, SORREL_ERR_USAGE, 0, "that is no good value for '%.100s'", name);
    command__words(&cmd, "HSET", c->key, name, json, NULL);
    return command__run(&cmd, c->client, SORREL_REPEAT, NULL, err);
}

enum sorrel_rc
sorrel_config_reset(struct sorrel_config *c, const char *name, struct sorrel_error *err)
{
    struct command cmd = {0};

    if (find(c, name) == NULL)
        return error__set(err, SORREL_ERR_USAGE, 0, "the setting '%.100s' is not declared", name);
    command__words(&cmd, "HDEL", c->key, name, NULL);
    return command__run(&cmd, c->client, SORREL_REPEAT, NULL, err);
}

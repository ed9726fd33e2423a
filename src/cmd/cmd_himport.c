/* cmd/cmd_himport.c - HIMPORT: many hashes with the same fields, whose names are sent once. */
#include "cmd/args.h"

#include "engine/fieldsets.h"

static enum rc
cmd_himport_prepare(struct exec *x)
{
    const struct slice *fields = x->argv + 3;
    int count = x->argc - 3;
    struct set seen = {0};
    bool twice = false;

    for (int i = 0; i < count && !twice; i++)
        twice = !set_add(&seen, x->limits, fields[i]);
    set_fini(&seen);
    if (twice)
        return fail(x, "ERR duplicate field name in fieldset");
    fieldset_put(x, x->argv[2], fields, count);
    return reply_ok(x);
}

/* Nobody else knows of the fieldset: others get the fields. */
static void
propagate(struct exec *x, const struct fieldset *f, const struct slice *values, bool replaced)
{
    struct slice key = x->argv[2], *argv = arena_array(x->arena, 2 + 2 * (size_t)f->count, sizeof(*argv));
    int argc = 2;

    if (replaced)
        EFFECT_AS(x, LIT("DEL"), key);
    argv[0] = LIT("HSET");
    argv[1] = key;
    for (int i = 0; i < f->count; i++) {
        argv[argc++] = f->fields[i];
        argv[argc++] = values[i];
    }
    effect_as(x, argv, argc);
}

static enum rc
cmd_himport_set(struct exec *x)
{
    const struct slice *values = x->argv + 4;
    const struct fieldset *f = fieldset_find(x, x->argv[3]);
    const struct entry *old = peek(x, x->argv[2]);

    if (f == NULL)
        return fail(x, "ERR no such fieldset");
    if (x->argc - 4 != f->count)
        return fail(x, "ERR value count does not match fieldset field count");
    if (old != NULL && entry_type(old) != TYPE_HASH)
        return RC_WRONGTYPE;
    struct entry *e = entry_new(TYPE_HASH, x->argv[2]);
    for (int i = 0; i < f->count; i++)
        (void)hash_set((struct hash *)entry_handle(e), x->limits, f->fields[i], values[i]);
    propagate(x, f, values, old != NULL);
    key_put(x, x->db, e, EV_HSET);
    return reply_ok(x);
}

static enum rc
cmd_himport_discard(struct exec *x)
{
    return reply_int(x, fieldset_drop(x, x->argv[2]));
}

static enum rc
cmd_himport_discardall(struct exec *x)
{
    return reply_int(x, (int64_t)fieldset_drop_all(x));
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

static const struct cmd himport_subs[] = {
    {"prepare", cmd_himport_prepare, .arity = -4, .group = GROUP_HASH, .flags = CMD_DENYOOM, .since = "8.10.0",
     .args = "fieldset-name field...", .reply = "simple", .about = "Keeps names of fields for the connection.",
     .complexity = "O(N*log(N))", .tips = "request_policy:all_shards"},
    {"set", cmd_himport_set, .arity = -5, .group = GROUP_HASH, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(2, KEY_OW | KEY_UPDATE)}, .since = "8.10.0", .args = "key fieldset-name value...",
     .reply = "simple", .about = "Makes a hash from values for fields whose names were prepared.",
     .complexity = "O(N)"},
    {"discard", cmd_himport_discard, .arity = 3, .group = GROUP_HASH, .since = "8.10.0", .args = "fieldset-name",
     .reply = "integer", .about = "Forgets names of fields.", .complexity = "O(N)",
     .tips = "request_policy:all_shards"},
    {"discardall", cmd_himport_discardall, .arity = 2, .group = GROUP_HASH, .since = "8.10.0", .reply = "integer",
     .about = "Forgets all names of fields that the connection has prepared.", .complexity = "O(N)",
     .tips = "request_policy:all_shards"},
    {0},
};

const struct cmd cmd_himport_family[] = {
    {"himport", NULL, .arity = -2, .group = GROUP_HASH, .subs = himport_subs, .since = "8.10.0",
     .about = "Holds the commands that make many hashes with the same fields."},
    {0},
};

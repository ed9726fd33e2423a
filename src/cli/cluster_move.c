/* cli/cluster_move.c - see cluster_move.h. */
#include "cli/cluster_move.h"

#include "base/mem.h"
#include "base/number.h"
#include "cli/cluster_show.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
enum {
    BATCH = 10, BATCH_MAX = 1000, MIGRATE_MS = 60000, AUTH_WORDS = 3, MIGRATE_WORDS = 8,
    DOWN_SECONDS_MAX = 60, /* how long a cluster may take to notice that it is up again */
};
/* clang-format on */

int64_t
cluster_migrate_ms(const struct options *o)
{
    return o->cluster.timeout_ms > 0 ? o->cluster.timeout_ms : MIGRATE_MS;
}

int
cluster_migrate_auth(const struct options *o, struct slice *argv)
{
    const struct sorrel_url *u = &o->url;
    int argc = 0;

    if (u->password == NULL)
        return 0;
    argv[argc++] = u->username != NULL ? LIT("AUTH2") : LIT("AUTH");
    if (u->username != NULL)
        argv[argc++] = slice_cstr(u->username);
    argv[argc++] = slice_cstr(u->password);
    return argc;
}

bool
cluster_set_slot(struct cluster_node *n, int slot, const char *how, const char *id)
{
    char number[INT64_TEXT_MAX + 1];

    number[format_int64(number, slot)] = '\0';
    if (id == NULL)
        return cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "SETSLOT", number, how));
    return cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "SETSLOT", number, how, id));
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* Some keys of a slot, copied out of the reply that named them. */
struct batch {
    struct buf bytes;
    struct slice keys[BATCH_MAX];
    size_t count;
};

static bool
next_batch(const struct options *o, int slot, struct cluster_node *from, struct batch *b)
{
    char number[INT64_TEXT_MAX + 1], count[INT64_TEXT_MAX + 1];
    size_t at = 0;

    number[format_int64(number, slot)] = '\0';
    count[format_int64(count, o->cluster.pipeline > 0 ? o->cluster.pipeline : BATCH)] = '\0';
    const struct resp_value *v = CLUSTER_ASK(from, "CLUSTER", "GETKEYSINSLOT", number, count);
    if (!cluster_answered(from, v))
        return false;
    buf_reset(&b->bytes);
    b->count = v->count < BATCH_MAX ? v->count : BATCH_MAX;
    for (size_t i = 0; i < b->count; i++)
        buf_add_slice(&b->bytes, v->items[i].text);
    for (size_t i = 0; i < b->count; i++) {
        b->keys[i] = slice_of(b->bytes.ptr + at, v->items[i].text.len);
        at += b->keys[i].len;
    }
    return true;
}

static bool
says(const struct resp_value *v, const char *text)
{
    return v != NULL && v->type == RESP_ERROR && memmem(v->text.ptr, v->text.len, text, strlen(text)) != NULL;
}

static const struct resp_value *
migrate(const struct options *o, struct cluster_node *from, const struct cluster_node *to, const struct slice *keys,
        size_t count, bool replace)
{
    struct slice argv[MIGRATE_WORDS + AUTH_WORDS + BATCH_MAX];
    char port[INT64_TEXT_MAX + 1], ms[INT64_TEXT_MAX + 1];
    int argc = 0;

    port[format_int64(port, to->port)] = '\0';
    ms[format_int64(ms, cluster_migrate_ms(o))] = '\0';
    argv[argc++] = LIT("MIGRATE");
    argv[argc++] = slice_cstr(to->host);
    argv[argc++] = slice_cstr(port);
    argv[argc++] = LIT("");
    argv[argc++] = LIT("0");
    argv[argc++] = slice_cstr(ms);
    if (replace)
        argv[argc++] = LIT("REPLACE");
    argc += cluster_migrate_auth(o, argv + argc);
    argv[argc++] = LIT("KEYS");
    for (size_t i = 0; i < count; i++)
        argv[argc++] = keys[i];
    const struct resp_value *v = session_ask(&from->session, argc, argv);
    for (int s = 0; says(v, "CLUSTERDOWN") && s < DOWN_SECONDS_MAX; s++) {
        sleep(1);
        v = session_ask(&from->session, argc, argv);
    }
    return v;
}

/* DUMP by a node that may be importing the key's slot. */
static const struct resp_value *
dump(struct cluster_node *n, struct slice key)
{
    const struct slice argv[] = {LIT("DUMP"), key}, asking[] = {LIT("ASKING")};

    return session_ask(&n->session, 1, asking) != NULL ? session_ask(&n->session, 2, argv) : NULL;
}

/* True if both sides hold the key with the same value, so that one of them can go. */
static bool
same_value(struct cluster_node *from, struct cluster_node *to, struct slice key)
{
    const struct resp_value *a = dump(from, key), *b = dump(to, key);

    return a != NULL && b != NULL && resp_is_text(a) && resp_is_text(b) && slice_eq(a->text, b->text);
}

/* Moves the keys of a batch one by one after the target said that it has some of them: those that are equal on both
 * sides are no loss. */
static bool
move_one_by_one(const struct options *o, struct cluster_node *from, struct cluster_node *to, const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct resp_value *v = migrate(o, from, to, &b->keys[i], 1, false);
        if (says(v, "BUSYKEY")) {
            if (!same_value(from, to, b->keys[i])) {
                cluster_say(
                    TONE_BAD,
                    "\n[ERR] Key '%.*s' has one value on %s:%u and another on %s:%u. With --cluster-replace the "
                    "first one stays.\n",
                    (int)b->keys[i].len, b->keys[i].ptr, from->host, from->port, to->host, to->port);
                return false;
            }
            v = migrate(o, from, to, &b->keys[i], 1, true);
        }
        if (!cluster_answered(from, v))
            return false;
    }
    return true;
}

bool
cluster_move_keys(const struct options *o, int slot, struct cluster_node *from, struct cluster_node *to,
                  enum move_show show)
{
    struct batch *b = mem_get_zero(sizeof(*b));
    bool ok;

    while ((ok = next_batch(o, slot, from, b)) && b->count > 0) {
        const struct resp_value *v = migrate(o, from, to, b->keys, b->count, o->cluster.replace);
        if (says(v, "BUSYKEY"))
            ok = move_one_by_one(o, from, to, b);
        else
            ok = cluster_answered(from, v);
        if (!ok)
            break;
        for (size_t i = 0; show == MOVE_SHOW_LINE && i < b->count; i++)
            putchar('.');
        fflush(stdout);
    }
    buf_fini(&b->bytes);
    mem_free(b);
    return ok;
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

bool
cluster_tell_owner(struct cluster_node *n, int slot, const char *owner)
{
    char number[INT64_TEXT_MAX + 1];

    number[format_int64(number, slot)] = '\0';
    const struct resp_value *v = CLUSTER_ASK(n, "CLUSTER", "SETSLOT", number, "NODE", owner);
    return says(v, "only with masters") || cluster_answered(n, v);
}

/* The target learns of its slot first, and at the end gets it first: should this stop in between, both sides still find
 * every key. */
bool
cluster_move_slot(struct cluster *c, const struct options *o, int slot, struct cluster_node *from,
                  struct cluster_node *to, enum move_show show)
{
    if (show == MOVE_SHOW_LINE)
        printf("Moving slot %d from %s:%u to %s:%u: ", slot, from->host, from->port, to->host, to->port);
    fflush(stdout);
    bool ok = cluster_set_slot(to, slot, "IMPORTING", from->id) && cluster_set_slot(from, slot, "MIGRATING", to->id) &&
              cluster_move_keys(o, slot, from, to, show) && cluster_set_slot(to, slot, "NODE", to->id) &&
              cluster_tell_owner(from, slot, to->id);
    for (size_t i = 0; ok && i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (n != to && n != from && cluster_node_is_master(n))
            ok = cluster_tell_owner(n, slot, to->id);
    }
    if (ok) {
        from->slots[slot] = SLOT_NONE;
        to->slots[slot] = SLOT_OWNED;
    }
    if (show == MOVE_SHOW_LINE)
        printf("\n");
    return ok;
}

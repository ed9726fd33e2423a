/* cli/cluster_files.c - data into a cluster from a server that is in none (import), and out of it into files
 * (backup). */
#include "cli/cluster_cmds.h"
#include "cli/cluster_move.h"
#include "cli/cluster_show.h"
#include "cli/modes.h"

#include "base/mem.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- import ------------------------------------------------------------------------------------------------------ */

enum { MIGRATE_WORDS = 8, AUTH_WORDS = 3 };

static const char scan_step[] = "1000";

struct import {
    struct cluster *c;
    const struct options *o;
    struct session source;
    struct cluster_node *owners[CLUSTER_SLOTS];
};

static void
find_owners(struct import *m)
{
    for (int slot = 0; slot < CLUSTER_SLOTS; slot++)
        for (size_t i = 0; i < m->c->count; i++)
            if (cluster_node_owns(m->c->nodes[i], slot))
                m->owners[slot] = m->c->nodes[i];
}

static bool
source_failed(const struct import *m, const struct resp_value *v)
{
    const struct sorrel_url *u = &m->source.url;

    if (v != NULL && v->type == RESP_ERROR)
        cluster_say(TONE_BAD, "Source %s:%u replied with error:\n%.*s\n", u->host, u->port, (int)v->text.len,
                    v->text.ptr);
    return v == NULL || v->type == RESP_ERROR;
}

static bool
import_key(struct import *m, struct slice key)
{
    struct slice argv[MIGRATE_WORDS + AUTH_WORDS];
    char port[INT64_TEXT_MAX + 1], ms[INT64_TEXT_MAX + 1];
    const struct cluster_node *to = m->owners[cluster_slot(key)];
    int argc = 0;

    port[format_int64(port, to->port)] = '\0';
    ms[format_int64(ms, cluster_migrate_ms(m->o))] = '\0';
    argv[argc++] = LIT("MIGRATE");
    argv[argc++] = slice_cstr(to->host);
    argv[argc++] = slice_cstr(port);
    argv[argc++] = key;
    argv[argc++] = LIT("0");
    argv[argc++] = slice_cstr(ms);
    if (m->o->cluster.copy)
        argv[argc++] = LIT("COPY");
    if (m->o->cluster.replace)
        argv[argc++] = LIT("REPLACE");
    argc += cluster_migrate_auth(m->o, argv + argc);
    printf("Migrating %.*s to %s:%u: ", (int)key.len, key.ptr, to->host, to->port);
    fflush(stdout);
    if (source_failed(m, session_ask(&m->source, argc, argv)))
        return false;
    printf("OK\n");
    return true;
}

/* The source's keys, step by step. A step is copied before its keys are moved, whose replies take its place. */
static bool
import_all(struct import *m)
{
    struct buf step = {0}, cursor = {0};
    struct slice_vec keys = {0};
    bool ok;

    buf_add_slice(&cursor, LIT("0"));
    do {
        const struct slice argv[] = {LIT("SCAN"), buf_slice(&cursor), LIT("COUNT"), slice_cstr(scan_step)};
        const struct resp_value *v = session_ask(&m->source, 4, argv);
        ok = !source_failed(m, v) && v->count == 2;
        if (!ok)
            break;
        buf_reset(&cursor);
        buf_add_slice(&cursor, v->items[0].text);
        buf_reset(&step);
        keys.n = 0;
        for (size_t i = 0; i < v->items[1].count; i++)
            buf_add_slice(&step, v->items[1].items[i].text);
        for (size_t i = 0, at = 0; i < v->items[1].count; at += v->items[1].items[i++].text.len)
            slice_vec_add(&keys, slice_of(step.ptr + at, v->items[1].items[i].text.len));
        for (size_t i = 0; ok && i < keys.n; i++)
            ok = import_key(m, keys.v[i]);
    } while (ok && !slice_eq(buf_slice(&cursor), LIT("0")));
    slice_vec_fini(&keys);
    buf_fini(&step);
    buf_fini(&cursor);
    return ok;
}

static void
replace_text(char **field, const char *text)
{
    mem_free(*field);
    *field = text != NULL ? mem_copy_text(text) : NULL;
}

/* The source has a login of its own. */
static void
set_login(struct session *s, const struct cluster_options *o)
{
    replace_text(&s->url.username, o->from_user);
    replace_text(&s->url.password, o->from_password);
}

static bool
run_import(struct import *m)
{
    static const struct slice info[] = {LIT_INIT("INFO"), LIT_INIT("cluster")}, size[] = {LIT_INIT("DBSIZE")};

    const struct resp_value *v = session_ask(&m->source, 2, info);
    if (source_failed(m, v))
        return false;
    if (resp_is_text(v) && memmem(v->text.ptr, v->text.len, "cluster_enabled:1", 17) != NULL) {
        cluster_say(TONE_BAD, "[ERR] The source node should not be a cluster node.\n");
        return false;
    }
    v = session_ask(&m->source, 1, size);
    if (source_failed(m, v))
        return false;
    cluster_say(TONE_WARNING, "*** Importing %" PRId64 " keys from DB 0\n", v->type == RESP_INTEGER ? v->integer : 0);
    find_owners(m);
    return import_all(m);
}

int
cluster_import(struct cluster *c, const struct options *o)
{
    char *host;
    uint16_t port;

    if (o->cluster.from == NULL) {
        fprintf(stderr, "[ERR] Option '--cluster-from' is required for subcommand 'import'.\n");
        return 1;
    }
    if (!cluster_split_address(o->cluster.from, &host, &port)) {
        fprintf(stderr, "[ERR] Invalid --cluster-from host. You need to pass a valid address (ie. 120.0.0.1:7000).\n");
        return 1;
    }
    struct import *m = mem_get_zero(sizeof(*m));
    *m = (struct import){.c = c, .o = o};
    session_init(&m->source, o);
    set_login(&m->source, &o->cluster);
    cluster_say(TONE_STEP, ">>> Importing data from %s to cluster %s:%u\n", o->cluster.from, c->nodes[0]->host,
                c->nodes[0]->port);
    bool ok = cluster_check(c, o, true) && session_connect_to(&m->source, host, port) && run_import(m);
    session_fini(&m->source);
    mem_free(m);
    mem_free(host);
    return ok ? 0 : 1;
}

/* ---- backup ------------------------------------------------------------------------------------------------------ */

static void
write_ranges(FILE *f, const struct cluster_node *n)
{
    bool any = false;

    for (int i = 0; i < CLUSTER_SLOTS; i++) {
        int to = i;
        if (!cluster_node_owns(n, i))
            continue;
        while (to + 1 < CLUSTER_SLOTS && cluster_node_owns(n, to + 1))
            to++;
        fprintf(f, to > i ? "%s[%d,%d]" : "%s[%d]", any ? "," : "", i, to);
        any = true;
        i = to;
    }
}

static void
write_node(FILE *f, const struct cluster_node *n)
{
    bool master = cluster_node_is_master(n);
    const char *quote = master ? "" : "\"";

    fprintf(f, "  {\n    \"name\": \"%s\",\n    \"host\": \"%s\",\n    \"port\": %u,\n", n->id, n->host, n->port);
    fprintf(f, "    \"replicate\": %s%s%s,\n    \"slots\": [", quote, master ? "null" : n->master, quote);
    write_ranges(f, n);
    fprintf(f, "],\n    \"slots_count\": %d,\n    \"flags\": \"%s\",\n    \"current_epoch\": %" PRIu64 "\n  }",
            cluster_node_slots(n), master ? "master" : "slave", n->epoch);
}

/* nodes.json: who had which slots. */
static bool
write_nodes(const struct cluster *c, const char *folder)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/nodes.json", folder) >= (int)sizeof(path))
        return false;
    printf("Saving cluster configuration to: %s\n", path);
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        fprintf(stderr, "Error opening '%s': %m\n", path);
        return false;
    }
    fprintf(f, "[\n");
    for (size_t i = 0; i < c->count; i++) {
        write_node(f, c->nodes[i]);
        fprintf(f, i + 1 < c->count ? ",\n" : "\n]");
    }
    bool ok = ferror(f) == 0;
    return fclose(f) == 0 && ok;
}

static bool
save_node(const struct options *o, const struct cluster_node *n, const char *folder)
{
    char path[4096];
    struct session s;

    if (snprintf(path, sizeof(path), "%s/redis-node-%s-%u-%s.rdb", folder, n->host, n->port, n->id) >=
        (int)sizeof(path))
        return false;
    cluster_say(TONE_STEP, ">>> Node %s:%u -> Saving RDB...\n", n->host, n->port);
    fflush(stdout);
    session_init(&s, o);
    bool ok = session_connect_to(&s, n->host, n->port) && snapshot_fetch(&s, path, false);
    session_fini(&s);
    return ok;
}

/* A cluster that is not quite well is worth a backup all the more, but the status tells. */
int
cluster_backup(struct cluster *c, const struct options *o)
{
    const char *folder = o->argv[0];
    bool well = cluster_check(c, o, true);

    for (size_t i = 0; i < c->count; i++)
        if (cluster_node_is_master(c->nodes[i]) && !save_node(o, c->nodes[i], folder))
            return 1;
    if (!write_nodes(c, folder))
        return 1;
    if (!well)
        cluster_say(TONE_WARNING, "*** The cluster has problems: the backup may be incomplete.\n");
    cluster_say(TONE_GOOD, "[OK] Backup created into: %s\n", folder);
    return well ? 0 : 1;
}

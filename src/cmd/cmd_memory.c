/* cmd/cmd_memory.c - MEMORY: what the memory is used for. */
#include "base/mem.h"
#include "engine/dispatch.h"
#include "engine/keyspace.h"
#include "engine/session.h"

/* -- MEMORY --------------------------------------------------------------------------------------------------- */

static enum rc
memory_usage(struct exec *x)
{
    /* What a key costs its database's table: see ds/table.h. */
    enum { TABLE_BYTES_PER_KEY = 8 };
    int64_t samples;
    struct entry *e;

    for (int i = 3; i < x->argc; i += 2) {
        if (i + 1 >= x->argc || !arg_is(x->argv[i], LIT("samples")))
            return RC_SYNTAX;
        TRY(arg_int(x, x->argv[i + 1], &samples)); /* checked only: our count is exact */
        if (samples < 0)
            return RC_SYNTAX;
    }
    e = peek(x, x->argv[2]);
    return e == NULL ? reply_null(x) : reply_int(x, (int64_t)entry_bytes(e) + TABLE_BYTES_PER_KEY);
}

static enum rc
memory_purge(struct exec *x)
{
    mem_purge();
    return reply_ok(x);
}

static void
put_count(struct exec *x, struct slice name, uint64_t n)
{
    reply_bulk(x, name);
    reply_int(x, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static void
put_ratio(struct exec *x, struct slice name, size_t a, size_t b)
{
    reply_bulk(x, name);
    reply_double(x, b == 0 ? 0 : (double)a / (double)b);
}

struct memory_sums {
    size_t keys, tables, clients, replicas;
};

static struct memory_sums
memory_sums_of(struct exec *x)
{
    struct memory_sums sums = {0};
    struct db *db;

    for (int i = 0; (db = db_at(x, i)) != NULL; i++) {
        sums.keys += db_size(x, db);
        sums.tables += table_bytes(&db->by_key) + btree_bytes(&db->by_expiry) + btree_bytes(&db->by_deadline.keys);
    }
    for (const struct session *s = session_first(x->engine); s != NULL; s = session_next(s))
        *(session_flags(s) & SESSION_REPLICA ? &sums.replicas : &sums.clients) += session_memory(s);
    return sums;
}

static void
put_db_stats(struct exec *x, const struct db *db, int index)
{
    reply_bulk(x, arena_printf(x->arena, "db.%d", index));
    reply_map(x, 3);
    put_count(x, LIT("overhead.hashtable.main"), table_bytes(&db->by_key));
    put_count(x, LIT("overhead.hashtable.expires"), btree_bytes(&db->by_expiry));
    put_count(x, LIT("overhead.hashtable.slot-to-keys"), 0);
}

static struct host_memory
host_memory_of(const struct engine *e)
{
    const struct engine_host *host = engine_host_of(e);
    struct host_memory m = {0};

    if (host->memory != NULL)
        host->memory(host->ctx, &m);
    return m;
}

static enum rc
memory_stats(struct exec *x)
{
    struct mem_stats m;
    struct memory_sums sums = memory_sums_of(x);
    struct engine_memory marks = engine_memory_marks(x->engine);
    struct host_memory host = host_memory_of(x->engine);
    size_t used = mem_used(), pairs = 0, data;
    size_t overhead = marks.at_start + sums.tables + sums.clients + sums.replicas + host.replicas + host.backlog +
                      host.aof_buffer + host.scripts + host.functions;
    size_t net = used > marks.at_start ? used - marks.at_start : 0, resident;
    struct reply_mark mark = reply_mark_here(&x->reply);
    struct db *db;

    mem_stats_get(&m);
    resident = host.resident > 0 ? host.resident : m.resident;
    data = used > overhead ? used - overhead : 0;
    put_count(x, LIT("peak.allocated"), marks.peak);
    put_count(x, LIT("total.allocated"), used);
    put_count(x, LIT("startup.allocated"), marks.at_start);
    put_count(x, LIT("replication.backlog"), host.backlog);
    put_count(x, LIT("clients.slaves"), sums.replicas + host.replicas);
    put_count(x, LIT("clients.normal"), sums.clients);
    put_count(x, LIT("cluster.links"), 0);
    put_count(x, LIT("aof.buffer"), host.aof_buffer);
    put_count(x, LIT("lua.caches"), host.scripts);
    put_count(x, LIT("functions.caches"), host.functions);
    for (int i = 0; (db = db_at(x, i)) != NULL; i++)
        if (db_size(x, db) > 0) {
            put_db_stats(x, db, i);
            pairs++;
        }
    put_count(x, LIT("overhead.total"), overhead);
    put_count(x, LIT("keys.count"), sums.keys);
    put_count(x, LIT("keys.bytes-per-key"), sums.keys == 0 ? 0 : data / sums.keys);
    put_count(x, LIT("dataset.bytes"), data);
    put_ratio(x, LIT("dataset.percentage"), 100 * data, net);
    put_ratio(x, LIT("peak.percentage"), 100 * used, marks.peak);
    put_count(x, LIT("allocator.allocated"), m.allocated);
    put_count(x, LIT("allocator.active"), m.active);
    put_count(x, LIT("allocator.resident"), m.resident);
    put_ratio(x, LIT("allocator-fragmentation.ratio"), m.active, m.allocated);
    put_count(x, LIT("allocator-fragmentation.bytes"), m.active > m.allocated ? m.active - m.allocated : 0);
    put_ratio(x, LIT("allocator-rss.ratio"), m.resident, m.active);
    put_count(x, LIT("allocator-rss.bytes"), m.resident > m.active ? m.resident - m.active : 0);
    put_ratio(x, LIT("rss-overhead.ratio"), resident, m.resident);
    reply_bulk(x, LIT("rss-overhead.bytes"));
    reply_int(x, (int64_t)resident - (int64_t)m.resident);
    put_ratio(x, LIT("fragmentation"), resident, used);
    reply_bulk(x, LIT("fragmentation.bytes"));
    reply_int(x, (int64_t)resident - (int64_t)used);
    reply_close_map(&x->reply, mark, pairs + 27);
    return RC_OK;
}

static enum rc
memory_doctor(struct exec *x)
{
    struct mem_stats m;
    struct buf *b = exec_scratch(x);

    mem_stats_get(&m);
    if (m.active > (100 << 20) && m.resident > m.active + m.active / 2)
        buf_printf(b, "The allocator holds %zu MiB more than is in use. MEMORY PURGE gives it back.\n",
                   (m.resident - m.active) >> 20);
    else
        buf_printf(b, "Nothing is wrong with the memory.\n");
    reply_put_verbatim(&x->reply, "txt", buf_slice(b));
    return RC_OK;
}

static enum rc
memory_malloc_stats(struct exec *x)
{
    struct mem_stats m;
    struct buf *b = exec_scratch(x);

    mem_stats_get(&m);
    buf_printf(b, "%s\nallocated: %zu\nactive: %zu\nresident: %zu\nretained: %zu\nmapped: %zu\nmetadata: %zu\n",
               mem_allocator_name(), m.allocated, m.active, m.resident, m.retained, m.mapped, m.metadata);
    reply_put_verbatim(&x->reply, "txt", buf_slice(b));
    return RC_OK;
}

static enum rc
memory_help(struct exec *x)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Say what is wrong with the memory, if anything is.",
        "MALLOC-STATS",
        "    Return what the allocator knows.",
        "PURGE",
        "    Give free pages back to the system.",
        "STATS",
        "    Tell what the memory is used for.",
        "USAGE <key> [SAMPLES <count>]",
        "    Tell how many bytes a key takes.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define HELP_ROW   .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE, .reply = "array", .complexity = "O(1)"
#define ALL_SHARDS "request_policy:all_shards response_policy:special"

static const struct cmd memory_subs[] = {
    {"doctor", memory_doctor, .arity = 2, .group = GROUP_SERVER, .since = "4.0.0", .reply = "verbatim",
     .about = "Says what is wrong with the memory.", .complexity = "O(1)",
     .tips = "nondeterministic_output " ALL_SHARDS},
    {"help", memory_help, .arity = 2, HELP_ROW, .since = "4.0.0", .about = "Explains the subcommands."},
    {"malloc-stats", memory_malloc_stats, .arity = 2, .group = GROUP_SERVER, .since = "4.0.0", .reply = "verbatim",
     .about = "Returns what the allocator knows.", .complexity = "O(1)", .tips = "nondeterministic_output " ALL_SHARDS},
    {"purge", memory_purge, .arity = 2, .group = GROUP_SERVER, .since = "4.0.0", .reply = "OK",
     .about = "Gives free pages back to the system.", .complexity = "that of the allocator",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {"stats", memory_stats, .arity = 2, .group = GROUP_SERVER, .since = "4.0.0", .reply = "map",
     .about = "Tells what the memory is used for.", .complexity = "O(1)",
     .tips = "nondeterministic_output " ALL_SHARDS},
    {"usage", memory_usage, .arity = -3, .group = GROUP_SERVER, .flags = CMD_READONLY, .keys = {KEY_AT(2, KEY_RO)},
     .since = "4.0.0", .args = "key [SAMPLES count:int]", .reply = "integer | null",
     .about = "Tells how many bytes a key takes.", .complexity = "O(N) for N elements"},
    {0},
};

const struct cmd cmd_memory_family[] = {
    {"memory", NULL, .arity = -2, .group = GROUP_SERVER, .subs = memory_subs, .since = "4.0.0",
     .about = "What the memory is used for.", .complexity = "that of the subcommand"},
    {0},
};

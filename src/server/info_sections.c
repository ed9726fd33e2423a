/* server/info_sections.c - the fields of INFO. Those of features that are not there yet say what a server without them
 * says. */
#include "base/mem.h"
#include "base/number.h"
#include "base/version.h"
#include "engine/acl.h"
#include "engine/dispatch.h"
#include "engine/effects.h"
#include "engine/evict.h"
#include "engine/keyspace.h"
#include "engine/latency.h"
#include "engine/pubsub.h"
#include "engine/settings.h"
#include "engine/tracking.h"
#include "engine/waiters.h"
#include "proto/words.h"
#include "script/script.h"
#include "server/info.h"
#include "server/persist.h"
#include "server/persist_aof.h"
#include "server/supervise.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

static void
number(struct buf *out, const char *name, uint64_t v)
{
    info_field(out, name, "%llu", (unsigned long long)v);
}

static void
signed_number(struct buf *out, const char *name, int64_t v)
{
    info_field(out, name, "%lld", (long long)v);
}

static void
zeros(struct buf *out, const char *const *names)
{
    for (; *names != NULL; names++)
        number(out, *names, 0);
}

static void
text(struct buf *out, const char *name, const char *v)
{
    info_field(out, name, "%s", v);
}

/* -- server ---------------------------------------------------------------------------------------------------- */

static void
tcp_listener(const struct server *s, struct buf *out, int *n, enum config_id port, const char *name)
{
    struct slice_vec hosts = {0};

    if (config_num(s->config, port) == 0)
        return;
    (void)words_split(config_text(s->config, CFG_BIND), NULL, &hosts);
    buf_printf(out, "listener%d:name=%s", (*n)++, name);
    for (size_t i = 0; i < hosts.n; i++)
        buf_printf(out, ",bind=%.*s", (int)hosts.v[i].len, hosts.v[i].ptr);
    buf_printf(out, ",port=%lld\r\n", (long long)config_num(s->config, port));
    slice_vec_fini(&hosts);
}

static void
listeners(const struct server *s, struct buf *out)
{
    struct slice path = config_text(s->config, CFG_UNIXSOCKET);
    int n = 0;

    tcp_listener(s, out, &n, CFG_PORT, "tcp");
    if (path.len > 0)
        buf_printf(out, "listener%d:name=unix,bind=%.*s\r\n", n++, (int)path.len, path.ptr);
    tcp_listener(s, out, &n, CFG_TLS_PORT, "tls");
}

void
info_server(struct server *s, struct buf *out)
{
    struct utsname os = {0};
    int64_t now = engine_now_ms(s->engine), up_s = (now - s->started_ms) / 1000;

    (void)uname(&os);
    text(out, "redis_version", SORREL_REDIS_VERSION);
    text(out, "server_name", "sorrel");
    text(out, "sorrel_version", SORREL_VERSION);
    text(out, "redis_git_sha1", "00000000");
    number(out, "redis_git_dirty", 0);
    text(out, "redis_build_id", "0000000000000000");
    text(out, "redis_mode", "standalone");
    info_field(out, "os", "%s %s %s", os.sysname, os.release, os.machine);
    number(out, "arch_bits", sizeof(void *) * 8);
    text(out, "monotonic_clock", "POSIX clock_gettime");
    text(out, "multiplexing_api", "epoll");
    text(out, "atomicvar_api", "c11-builtin");
    info_field(out, "gcc_version", "%d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
    number(out, "process_id", (uint64_t)getpid());
    text(out, "process_supervised", supervise_wanted(s->config) ? "systemd" : "no");
    text(out, "run_id", s->run_id);
    enum config_id port = config_num(s->config, CFG_PORT) != 0 ? CFG_PORT : CFG_TLS_PORT;
    signed_number(out, "tcp_port", config_num(s->config, port));
    signed_number(out, "server_time_usec", clock_wall_us(&s->clock));
    signed_number(out, "uptime_in_seconds", up_s);
    signed_number(out, "uptime_in_days", up_s / 86400);
    signed_number(out, "hz", 1000 / s->cron_every_ms);
    signed_number(out, "configured_hz", config_num(s->config, CFG_HZ));
    number(out, "lru_clock", (uint64_t)(now / 1000) & 0xffffff);
    text(out, "executable", s->executable);
    text(out, "config_file", s->config_path);
    number(out, "io_threads_active", 0);
    listeners(s, out);
    if (s->drain_until_ms != 0)
        signed_number(out, "shutdown_in_milliseconds", s->drain_until_ms - now);
}

/* -- clients --------------------------------------------------------------------------------------------------- */

enum { SESSIONS_SAMPLED = 1000 };

/* Looks at the oldest sessions only: with tens of thousands, asking them all would be felt by every one of them. */
static size_t
sessions_memory(const struct server *s)
{
    size_t sum = 0, seen = 0, all = session_count(s->engine);

    for (struct session *c = session_first(s->engine); c != NULL && seen < SESSIONS_SAMPLED;
         c = session_next(c), seen++) {
        const struct conn *conn = session_host_data(c);
        sum += session_memory(c) + (conn != NULL ? conn_memory(conn) : 0);
    }
    return seen == 0 ? 0 : (size_t)((double)sum / (double)seen * (double)all);
}

struct largest {
    size_t input, output;
};

/* Of those sessions that hold any at the moment: what is between two commands holds none. */
static struct largest
largest_buffers(const struct server *s)
{
    struct largest l = {0};
    size_t seen = 0;

    for (struct session *c = session_first(s->engine); c != NULL && seen < SESSIONS_SAMPLED;
         c = session_next(c), seen++) {
        const struct conn *conn = session_host_data(c);
        size_t in = conn != NULL ? conn_input_len(conn) + conn_input_room(conn) : 0, out = session_output_pending(c);
        l.input = in > l.input ? in : l.input;
        l.output = out > l.output ? out : l.output;
    }
    return l;
}

void
info_clients(struct server *s, struct buf *out)
{
    struct largest largest = largest_buffers(s);
    int64_t now = engine_now_ms(s->engine);

    recent_note(&s->input_recent, now, largest.input);
    recent_note(&s->output_recent, now, largest.output);
    number(out, "connected_clients", session_count(s->engine) - repl_stats(s->repl).replicas);
    number(out, "cluster_connections", 0);
    number(out, "maxclients", s->clients_max);
    number(out, "client_recent_max_input_buffer", recent_most(&s->input_recent, now));
    number(out, "client_recent_max_output_buffer", recent_most(&s->output_recent, now));
    number(out, "blocked_clients", waiters_count(s->engine) + engine_held_count(s->engine));
    number(out, "tracking_clients", engine_tracking_stats(s->engine).clients);
    number(out, "pubsub_clients", pubsub_session_total(s->engine));
    number(out, "watching_clients", engine_watchers(s->engine));
    number(out, "clients_in_timeout_table", waiters_timed(s->engine));
    number(out, "total_watched_keys", engine_watched_keys(s->engine));
    number(out, "total_blocking_keys", waiters_keys(s->engine));
    number(out, "total_blocking_keys_on_nokey", waiters_keys_even_gone(s->engine));
}

/* -- memory ---------------------------------------------------------------------------------------------------- */

static uint64_t
resident_bytes(void)
{
    char line[128];
    uint64_t pages;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    /* "size resident ..." in pages */
    line[n] = '\0';
    struct slice second = slice_skip(slice_cstr(line), strcspn(line, " ") + 1);
    second.len = strcspn(second.ptr, " ");
    return parse_uint64(second, &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static double
ratio(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : (double)a / (double)b;
}

static uint64_t
all_table_bytes(const struct server *s)
{
    uint64_t sum = 0;

    for (int i = 0; i < engine_db_count(s->engine); i++)
        sum += table_bytes(&engine_db(s->engine, i)->by_key);
    return sum;
}

static void
used_memory(struct server *s, struct buf *out, uint64_t used, uint64_t rss, uint64_t clients)
{
    uint64_t overhead = s->startup_memory + clients + all_table_bytes(s);
    uint64_t dataset = used > overhead ? used - overhead : 0;
    uint64_t net = used > s->startup_memory ? used - s->startup_memory : 0;

    number(out, "used_memory", used);
    info_human(out, "used_memory_human", used);
    number(out, "used_memory_rss", rss);
    info_human(out, "used_memory_rss_human", rss);
    number(out, "used_memory_peak", s->stats.peak_memory);
    info_human(out, "used_memory_peak_human", s->stats.peak_memory);
    signed_number(out, "used_memory_peak_time", s->stats.peak_memory_ms / 1000);
    info_field(out, "used_memory_peak_perc", "%.2f%%", 100 * ratio(used, s->stats.peak_memory));
    number(out, "used_memory_overhead", overhead);
    number(out, "used_memory_startup", s->startup_memory);
    number(out, "used_memory_dataset", dataset);
    info_field(out, "used_memory_dataset_perc", "%.2f%%", 100 * ratio(dataset, net));
}

static void
script_memory(struct server *s, struct buf *out)
{
    struct script_stats t;

    script_stats(s->engine, &t);
    number(out, "used_memory_lua", t.lua_bytes);
    number(out, "used_memory_vm_eval", t.lua_bytes);
    info_human(out, "used_memory_lua_human", t.lua_bytes);
    number(out, "used_memory_scripts_eval", t.cache_bytes);
    number(out, "number_of_cached_scripts", t.cached);
    number(out, "number_of_functions", t.functions);
    number(out, "number_of_libraries", t.libraries);
    number(out, "used_memory_vm_functions", 0); /* functions live in the same interpreter */
    number(out, "used_memory_vm_total", t.lua_bytes);
    info_human(out, "used_memory_vm_total_human", t.lua_bytes);
    number(out, "used_memory_functions", t.function_bytes);
    number(out, "used_memory_scripts", t.cache_bytes + t.function_bytes);
    info_human(out, "used_memory_scripts_human", t.cache_bytes + t.function_bytes);
}

void
info_host_memory(struct server *s, struct host_memory *out)
{
    struct repl_stats repl = repl_stats(s->repl);
    struct script_stats t;

    script_stats(s->engine, &t);
    *out = (struct host_memory){.resident = resident_bytes(),
                                .backlog = repl.backlog_memory,
                                .replicas = repl.buffer_memory - repl.backlog_memory,
                                .aof_buffer = persist_aof_buffered(s),
                                .scripts = t.cache_bytes,
                                .functions = t.function_bytes};
}

void
info_memory(struct server *s, struct buf *out)
{
    struct repl_stats repl = repl_stats(s->repl);
    struct mem_stats m;
    uint64_t used = mem_used(), rss = resident_bytes(), clients = sessions_memory(s);
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    struct buf policy = {0};

    mem_stats_get(&m);
    if (used > s->stats.peak_memory)
        s->stats.peak_memory = used, s->stats.peak_memory_ms = engine_now_ms(s->engine);
    used_memory(s, out, used, rss, clients);
    number(out, "allocator_allocated", m.allocated);
    number(out, "allocator_active", m.active);
    number(out, "allocator_resident", m.resident);
    number(out, "allocator_muzzy", m.muzzy);
    number(out, "total_system_memory", machine);
    info_human(out, "total_system_memory_human", machine);
    script_memory(s, out);
    number(out, "maxmemory", engine_settings(s->engine)->maxmemory);
    info_human(out, "maxmemory_human", engine_settings(s->engine)->maxmemory);
    config_format(s->config, CFG_MAXMEMORY_POLICY, &policy);
    info_field(out, "maxmemory_policy", "%.*s", (int)policy.len, policy.ptr);
    buf_fini(&policy);
    info_field(out, "allocator_frag_ratio", "%.2f", ratio(m.active, m.allocated));
    signed_number(out, "allocator_frag_bytes", (int64_t)(m.active - m.allocated));
    info_field(out, "allocator_rss_ratio", "%.2f", ratio(m.resident, m.active));
    signed_number(out, "allocator_rss_bytes", (int64_t)(m.resident - m.active));
    info_field(out, "rss_overhead_ratio", "%.2f", ratio(rss, m.resident));
    signed_number(out, "rss_overhead_bytes", (int64_t)(rss - m.resident));
    info_field(out, "mem_fragmentation_ratio", "%.2f", ratio(rss, used));
    signed_number(out, "mem_fragmentation_bytes", (int64_t)(rss - used));
    number(out, "mem_not_counted_for_evict", engine_uncounted_memory(s->engine));
    number(out, "mem_replication_backlog", repl.backlog_memory);
    number(out, "mem_total_replication_buffers", repl.buffer_memory);
    number(out, "mem_clients_slaves", repl.buffer_memory - repl.backlog_memory);
    number(out, "mem_clients_normal", clients);
    number(out, "mem_cluster_links", 0);
    number(out, "mem_overhead_db_hashtable_rehashing", 0); /* a table grows in its place */
    number(out, "mem_aof_buffer", persist_aof_buffered(s));
    text(out, "mem_allocator", mem_allocator_name());
    number(out, "active_defrag_running", 0);
    number(out, "lazyfree_pending_objects", reaper_pending(s->reaper));
    number(out, "lazyfreed_objects", reaper_freed(s->reaper));
}

/* -- persistence, replication; cluster: not there yet ------------------------------------------------------------- */

void
info_persistence(struct server *s, struct buf *out)
{
    persist_info(s->persist, out);
    persist_aof_info(s, out);
}

void
info_replication(struct server *s, struct buf *out)
{
    repl_info(s->repl, out);
}

void
info_modules(struct server *s, struct buf *out)
{
    (void)s, (void)out;
}

void
info_cluster(struct server *s, struct buf *out)
{
    (void)s;
    number(out, "cluster_enabled", 0);
}

/* -- statistics ------------------------------------------------------------------------------------------------ */

static void
loop_stats(struct server *s, struct buf *out)
{
    uint64_t turns = rate_per_second(&s->turns_rate), commands_us = 0;
    int64_t busy_us = engine_ticks_us(s->engine, rate_per_second(&s->turn_ticks_rate));
    struct command *c;

    for (size_t id = 0; (c = command_by_id(s->engine, id)) != NULL; id++)
        commands_us += command_usec(s->engine, c);
    number(out, "eventloop_cycles", s->stats.turns);
    signed_number(out, "eventloop_duration_sum", engine_ticks_us(s->engine, s->stats.turn_ticks));
    number(out, "eventloop_duration_cmd_sum", commands_us);
    number(out, "instantaneous_eventloop_cycles_per_sec", turns);
    signed_number(out, "instantaneous_eventloop_duration_usec", turns > 0 ? busy_us / (int64_t)turns : 0);
}

void
info_stats(struct server *s, struct buf *out)
{
    struct script_stats scripts;
    struct repl_stats repl = repl_stats(s->repl);
    /* clang-format off */
    static const char *const defrag[] = {"latest_fork_usec",         "total_forks",
                                         "migrate_cached_sockets",   "slave_expires_tracked_keys",
                                         "active_defrag_hits",       "active_defrag_misses",
                                         "active_defrag_key_hits",   "active_defrag_key_misses",
                                         "total_active_defrag_time", "current_active_defrag_time",
                                         NULL};
    /* clang-format on */
    struct tracking_stats tracking = engine_tracking_stats(s->engine);
    static const char *const threads[] = {"io_threaded_reads_processed", "io_threaded_writes_processed",
                                          "reply_buffer_shrinks", "reply_buffer_expands", NULL};
    const struct engine_stats *e = engine_stats(s->engine);
    const struct net_stats *n = net_stats(s->net);

    number(out, "total_connections_received", s->stats.connections);
    number(out, "total_commands_processed", e->commands);
    number(out, "instantaneous_ops_per_sec", rate_per_second(&s->commands_rate));
    number(out, "total_net_input_bytes", n->bytes_in);
    number(out, "total_net_output_bytes", n->bytes_out);
    number(out, "total_net_repl_input_bytes", repl.bytes_in);
    number(out, "total_net_repl_output_bytes", repl.bytes_out);
    info_field(out, "instantaneous_input_kbps", "%.2f", (double)rate_per_second(&s->in_rate) / 1024);
    info_field(out, "instantaneous_output_kbps", "%.2f", (double)rate_per_second(&s->out_rate) / 1024);
    info_field(out, "instantaneous_input_repl_kbps", "%.2f", (double)rate_per_second(&s->repl_in_rate) / 1024);
    info_field(out, "instantaneous_output_repl_kbps", "%.2f", (double)rate_per_second(&s->repl_out_rate) / 1024);
    number(out, "rejected_connections", s->stats.rejected);
    number(out, "sync_full", repl.full);
    number(out, "sync_partial_ok", repl.partial_ok);
    number(out, "sync_partial_err", repl.partial_err);
    number(out, "expired_subkeys", e->expired_members);
    number(out, "expired_keys", e->expired);
    text(out, "expired_stale_perc", "0.00");
    number(out, "expired_time_cap_reached_count", 0);
    signed_number(out, "expire_cycle_cpu_milliseconds", engine_ticks_us(s->engine, e->expiry_ticks) / 1000);
    number(out, "evicted_keys", e->evicted);
    number(out, "evicted_clients", s->stats.evicted_clients);
    script_stats(s->engine, &scripts);
    number(out, "evicted_scripts", scripts.evicted);
    signed_number(out, "total_eviction_exceeded_time", engine_evict_stats(s->engine).exceeded_us / 1000);
    signed_number(out, "current_eviction_exceeded_time", engine_evict_stats(s->engine).exceeded_now_us / 1000);
    number(out, "keyspace_hits", e->hits);
    number(out, "keyspace_misses", e->misses);
    number(out, "pubsub_channels", pubsub_count(s->engine, PUBSUB_CHANNEL));
    number(out, "pubsub_patterns", pubsub_count(s->engine, PUBSUB_PATTERN));
    number(out, "pubsubshard_channels", pubsub_count(s->engine, PUBSUB_SHARD));
    zeros(out, defrag);
    number(out, "tracking_total_keys", tracking.keys);
    number(out, "tracking_total_items", tracking.items);
    number(out, "tracking_total_prefixes", tracking.prefixes);
    number(out, "acl_access_denied_auth", acl_failed_logins(engine_acl(s->engine)));
    number(out, "acl_access_denied_cmd", acl_denials(engine_acl(s->engine), ACL_DENIED_COMMAND));
    number(out, "acl_access_denied_key", acl_denials(engine_acl(s->engine), ACL_DENIED_KEY));
    number(out, "acl_access_denied_channel", acl_denials(engine_acl(s->engine), ACL_DENIED_CHANNEL));
    number(out, "acl_access_denied_tls_cert", s->stats.nameless_certificates);
    number(out, "unauthenticated_clients", session_stranger_count(s->engine));
    number(out, "unauthenticated_clients_closed", s->stats.strangers_closed);
    number(out, "unexpected_error_replies", e->unexpected_errors);
    number(out, "total_error_replies", e->errors);
    number(out, "dump_payload_sanitizations", 0);
    number(out, "total_reads_processed", n->reads);
    number(out, "total_writes_processed", n->writes);
    zeros(out, threads);
    number(out, "client_query_buffer_limit_disconnections", s->stats.query_limit_closed);
    number(out, "client_output_buffer_limit_disconnections", s->stats.output_limit_closed);
    loop_stats(s, out);
    number(out, "slowlog_commands_count", e->slow);
    number(out, "slowlog_commands_time_ms_sum", e->slow_us / 1000);
    number(out, "slowlog_commands_time_ms_max", e->slow_us_max / 1000);
}

static void
cpu_seconds(struct buf *out, const char *name, struct timeval t)
{
    info_field(out, name, "%lld.%06lld", (long long)t.tv_sec, (long long)t.tv_usec);
}

void
info_cpu(struct server *s, struct buf *out)
{
    struct rusage self = {0}, children = {0}, thread = {0};

    (void)s;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    getrusage(RUSAGE_THREAD, &thread);
    cpu_seconds(out, "used_cpu_sys", self.ru_stime);
    cpu_seconds(out, "used_cpu_user", self.ru_utime);
    cpu_seconds(out, "used_cpu_sys_children", children.ru_stime);
    cpu_seconds(out, "used_cpu_user_children", children.ru_utime);
    cpu_seconds(out, "used_cpu_sys_main_thread", thread.ru_stime);
    cpu_seconds(out, "used_cpu_user_main_thread", thread.ru_utime);
}

void
info_commandstats(struct server *s, struct buf *out)
{
    struct command *c;

    for (size_t id = 0; (c = command_by_id(s->engine, id)) != NULL; id++) {
        uint64_t usec = command_usec(s->engine, c);
        if (c->calls == 0 && c->rejected == 0 && c->failed == 0)
            continue;
        buf_printf(out,
                   "cmdstat_%.*s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu\r\n",
                   (int)c->name.len, c->name.ptr, (unsigned long long)c->calls, (unsigned long long)usec,
                   ratio(usec, c->calls), (unsigned long long)c->rejected, (unsigned long long)c->failed);
    }
}

void
info_errorstats(struct server *s, struct buf *out)
{
    struct slice prefix;
    uint64_t count;

    for (size_t i = 0; engine_error_stat(s->engine, i, &prefix, &count); i++)
        buf_printf(out, "errorstat_%.*s:count=%llu\r\n", (int)prefix.len, prefix.ptr, (unsigned long long)count);
}

void
info_latencystats(struct server *s, struct buf *out)
{
    struct slice_vec words = {0};
    struct command *c;

    if (!config_on(s->config, CFG_LATENCY_TRACKING))
        return;
    (void)words_split(config_text(s->config, CFG_LATENCY_TRACKING_INFO_PERCENTILES), NULL, &words);
    for (size_t id = 0; (c = command_by_id(s->engine, id)) != NULL; id++) {
        if (c->latency == NULL || c->latency->total == 0)
            continue;
        buf_printf(out, "latency_percentiles_usec_%.*s:", (int)c->name.len, c->name.ptr);
        for (size_t i = 0; i < words.n; i++) {
            double percent = 0;
            (void)parse_double(words.v[i], &percent);
            buf_printf(out, "%sp%.*s=%.3f", i > 0 ? "," : "", (int)words.v[i].len, words.v[i].ptr,
                       latency_percentile(c->latency, percent));
        }
        buf_printf(out, "\r\n");
    }
    slice_vec_fini(&words);
}

/* -- keyspace -------------------------------------------------------------------------------------------------- */

void
info_keyspace(struct server *s, struct buf *out)
{
    for (int i = 0; i < engine_db_count(s->engine); i++) {
        const struct db *db = engine_db(s->engine, i);
        size_t keys = keyspace_count(s->engine, db);
        if (keys == 0)
            continue;
        buf_printf(out, "db%d:keys=%zu,expires=%zu,avg_ttl=%lld,subexpiry=%zu\r\n", i, keys,
                   keyspace_volatile(s->engine, db), (long long)keyspace_average_ttl(s->engine, db),
                   keyspace_with_deadlines(db));
    }
}

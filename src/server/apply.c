/* server/apply.c - from the configuration to what it governs. */
#include "base/log.h"
#include "base/mem.h"
#include "engine/acl.h"
#include "engine/evict.h"
#include "engine/settings.h"
#include "proto/words.h"
#include "server/crash.h"
#include "server/machine.h"
#include "server/persist.h"
#include "server/persist_aof.h"
#include "server/process.h"
#include "server/replication.h"
#include "server/server.h"
#include "server/title.h"
#include "server/tuning.h"
#include "server/users.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static uint32_t
to_u32(int64_t v)
{
    return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* -- listening ------------------------------------------------------------------------------------------------- */

/* An address with a dash in front may be missing on this machine. */
static bool
may_be_missing(int error)
{
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == EPROTONOSUPPORT || error == ENOPROTOOPT ||
           error == ESOCKTNOSUPPORT || error == EPFNOSUPPORT;
}

static bool
bind_address(struct server *s, struct slice address, int port, bool tls, struct listener **out, struct buf *why)
{
    enum config_id pace = tls ? CFG_MAX_NEW_TLS_CONNECTIONS_PER_CYCLE : CFG_MAX_NEW_CONNECTIONS_PER_CYCLE;
    bool optional = slice_starts(address, LIT("-"));
    struct buf host = {0}, reason = {0};

    buf_add_slice(&host, slice_skip(address, optional));
    buf_add_char(&host, '\0');
    *out = listener_tcp(net_loop(s->net), server_listener_owner(s, tls), host.ptr, port,
                        (int)config_num(s->config, CFG_TCP_BACKLOG), &reason);
    bool ok = *out != NULL || (optional && may_be_missing(errno));
    if (*out != NULL)
        listener_set_accepts_per_turn(*out, (int)config_num(s->config, pace));
    if (!ok)
        buf_printf(why, "could not listen on %s port %d: %.*s", host.ptr, port, (int)reason.len, reason.ptr);
    buf_fini(&host);
    buf_fini(&reason);
    return ok;
}

/* Opens one TCP listener for each address into v; on failure none is left open. */
static int
bind_port(struct server *s, int port, bool tls, struct listener **v, int max, struct buf *why)
{
    struct slice_vec words = {0};
    int n = 0;
    bool ok = true;

    if (port == 0)
        return 0;
    (void)words_split(config_text(s->config, CFG_BIND), NULL, &words);
    for (size_t i = 0; i < words.n && ok && n < max; i++) {
        ok = bind_address(s, words.v[i], port, tls, &v[n], why);
        n += ok && v[n] != NULL;
    }
    if (ok && n == 0 && words.n > 0) {
        buf_printf(why, "none of the addresses to bind exists here");
        ok = false;
    }
    slice_vec_fini(&words);
    while (!ok && n > 0)
        listener_close(v[--n]);
    return ok ? n : -1;
}

static int
bind_all(struct server *s, struct listener **v, int max, struct buf *why)
{
    int n = bind_port(s, (int)config_num(s->config, CFG_PORT), false, v, max, why);
    if (n < 0)
        return -1;
    int more = bind_port(s, (int)config_num(s->config, CFG_TLS_PORT), true, v + n, max - n, why);
    while (more < 0 && n > 0)
        listener_close(v[--n]);
    return more < 0 ? -1 : n + more;
}

bool
server_rebind(struct server *s, struct buf *why)
{
    struct listener *fresh[LISTENERS_MAX];
    struct listener *kept[LISTENERS_MAX];
    int n, kept_n = 0;

    /* The old ones must go first: new ones may want the same addresses. If those can't be had, the old ones come back.
     */
    for (int i = 0; i < s->listener_count; i++) {
        if (listener_is_unix(s->listeners[i]))
            kept[kept_n++] = s->listeners[i];
        else
            listener_close(s->listeners[i]);
    }
    n = bind_all(s, fresh, LISTENERS_MAX - 1, why);
    s->listener_count = 0;
    for (int i = 0; i < n; i++)
        s->listeners[s->listener_count++] = fresh[i];
    for (int i = 0; i < kept_n; i++)
        s->listeners[s->listener_count++] = kept[i];
    return n >= 0;
}

bool
server_listen(struct server *s, struct buf *why)
{
    struct slice path = config_text(s->config, CFG_UNIXSOCKET);

    if (!server_rebind(s, why))
        return false;
    if (path.len == 0)
        return true;
    struct buf reason = {0};
    struct listener *l = listener_unix(net_loop(s->net), server_listener_owner(s, false), path.ptr,
                                       (unsigned)config_num(s->config, CFG_UNIXSOCKETPERM),
                                       (int)config_num(s->config, CFG_TCP_BACKLOG), &reason);
    if (l == NULL)
        buf_printf(why, "could not listen on %s: %.*s", path.ptr, (int)reason.len, reason.ptr);
    else
        s->listeners[s->listener_count++] = l;
    buf_fini(&reason);
    return l != NULL;
}

/* -- settings -------------------------------------------------------------------------------------------------- */

static void
apply_engine(struct server *s, const bool *changed)
{
    struct engine_settings *e = engine_settings(s->engine);
    const struct config *c = s->config;
    struct value_limits *l = &e->limits;

    e->proto_max_bulk_len = (uint64_t)config_num(c, CFG_PROTO_MAX_BULK_LEN);
    CHECK(notify_mask_parse(config_text(c, CFG_NOTIFY_KEYSPACE_EVENTS), &e->notify_mask));
    e->slowlog_slower_than_us = config_num(c, CFG_SLOWLOG_LOG_SLOWER_THAN);
    e->slowlog_max_len = to_u32(config_num(c, CFG_SLOWLOG_MAX_LEN));
    e->slowlog_args_max = (uint64_t)config_num(c, CFG_SLOWLOG_ENTRY_MAX_ARGC);
    e->slowlog_arg_bytes_max = (uint64_t)config_num(c, CFG_SLOWLOG_ENTRY_MAX_STRING_LEN);
    e->large_request_bytes = config_num(c, CFG_COMMANDLOG_REQUEST_LARGER_THAN);
    e->large_reply_bytes = config_num(c, CFG_COMMANDLOG_REPLY_LARGER_THAN);
    e->large_request_max_len = to_u32(config_num(c, CFG_COMMANDLOG_LARGE_REQUEST_MAX_LEN));
    e->large_reply_max_len = to_u32(config_num(c, CFG_COMMANDLOG_LARGE_REPLY_MAX_LEN));
    e->script_busy_ms = config_num(c, CFG_BUSY_REPLY_THRESHOLD);
    e->replica = repl_is_replica(s->repl);
    if (s->log != NULL)
        s->log->replica = e->replica;
    e->lazy_expire_deletes = !e->replica;
    e->enable_debug_command = config_num(c, CFG_ENABLE_DEBUG_COMMAND) != 0;
    e->auth_failure_limit = to_u32(config_num(c, CFG_AUTH_FAILURE_LIMIT));
    e->tracking_table_max_keys = (uint64_t)config_num(c, CFG_TRACKING_TABLE_MAX_KEYS);
    e->latency_tracking = config_on(c, CFG_LATENCY_TRACKING);
    e->latency_threshold_ms = config_num(c, CFG_LATENCY_MONITOR_THRESHOLD);
    e->command_time_limit_ms = config_num(c, CFG_COMMAND_TIME_LIMIT);
    e->maxmemory = config_maxmemory(c, machine_memory(""));
    s->client_memory_max = config_maxmemory_clients(c, e->maxmemory);
    /* A replica has what its primary has, however much that is. */
    if (e->replica && config_on(c, CFG_REPLICA_IGNORE_MAXMEMORY))
        e->maxmemory = 0;
    e->maxmemory_policy = to_u32(config_num(c, CFG_MAXMEMORY_POLICY));
    e->clock_adaptive = e->maxmemory_policy == EVICT_ALLKEYS_ADAPTIVE;
    e->lru_clock_lfu =
        e->maxmemory_policy == EVICT_ALLKEYS_LFU || e->maxmemory_policy == EVICT_VOLATILE_LFU || e->clock_adaptive;
    e->maxmemory_samples = to_u32(config_num(c, CFG_MAXMEMORY_SAMPLES));
    e->maxmemory_eviction_tenacity = to_u32(config_num(c, CFG_MAXMEMORY_EVICTION_TENACITY));
    e->lfu_log_factor = to_u32(config_num(c, CFG_LFU_LOG_FACTOR));
    e->lfu_decay_time = to_u32(config_num(c, CFG_LFU_DECAY_TIME));
    e->hll_sparse_max_bytes = (size_t)config_num(c, CFG_HLL_SPARSE_MAX_BYTES);
    l->hash_max_listpack_entries = to_u32(config_num(c, CFG_HASH_MAX_LISTPACK_ENTRIES));
    l->hash_max_listpack_value = to_u32(config_num(c, CFG_HASH_MAX_LISTPACK_VALUE));
    l->set_max_intset_entries = to_u32(config_num(c, CFG_SET_MAX_INTSET_ENTRIES));
    l->set_max_listpack_entries = to_u32(config_num(c, CFG_SET_MAX_LISTPACK_ENTRIES));
    l->set_max_listpack_value = to_u32(config_num(c, CFG_SET_MAX_LISTPACK_VALUE));
    l->zset_max_listpack_entries = to_u32(config_num(c, CFG_ZSET_MAX_LISTPACK_ENTRIES));
    l->zset_max_listpack_value = to_u32(config_num(c, CFG_ZSET_MAX_LISTPACK_VALUE));
    l->list_max_listpack_size = (int32_t)config_num(c, CFG_LIST_MAX_LISTPACK_SIZE);
    l->list_compress_depth = to_u32(config_num(c, CFG_LIST_COMPRESS_DEPTH));
    l->stream_node_max_bytes = (uint64_t)config_num(c, CFG_STREAM_NODE_MAX_BYTES);
    l->stream_node_max_entries = (uint64_t)config_num(c, CFG_STREAM_NODE_MAX_ENTRIES);
    l->json_max_depth = to_u32(config_num(c, CFG_JSON_MAX_DEPTH));
    l->stream_idmp_duration = to_u32(config_num(c, CFG_STREAM_IDMP_DURATION));
    l->stream_idmp_maxsize = to_u32(config_num(c, CFG_STREAM_IDMP_MAXSIZE));
    engine_settings_changed(s->engine);
    acl_set_channels_default(engine_acl(s->engine), config_num(c, CFG_ACL_PUBSUB_DEFAULT) == 0);
    acl_log_set_max(engine_acl(s->engine), (size_t)config_num(c, CFG_ACLLOG_MAX_LEN));
    /* Only when it was given: ACL SETUSER may have changed the default user since. */
    if (changed == NULL ? config_text(c, CFG_REQUIREPASS).len > 0 : changed[CFG_REQUIREPASS])
        engine_set_password(s->engine, config_text(c, CFG_REQUIREPASS));
}

/* Descriptors for the clients and a few for ourselves. Returns how many clients that allows, at most what was wanted.
 */
static size_t
descriptors_for(size_t clients)
{
    enum { OWN = 32 };
    rlim_t want = (rlim_t)clients + OWN;
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= want)
        return clients;
    struct rlimit raised = {want, l.rlim_max > want ? l.rlim_max : want};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return clients;
    raised = (struct rlimit){l.rlim_max < want ? l.rlim_max : want, l.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &raised);
    (void)getrlimit(RLIMIT_NOFILE, &l);
    if (l.rlim_cur >= want)
        return clients;
    return l.rlim_cur > OWN ? (size_t)(l.rlim_cur - OWN) : 1;
}

/* At the start fewer clients are better than no server; afterwards the one who asks is told. */
static bool
apply_clients_max(struct server *s, bool at_start, struct buf *why)
{
    size_t wanted = (size_t)config_num(s->config, CFG_MAXCLIENTS), possible = descriptors_for(wanted);

    if (possible < wanted && !at_start) {
        buf_printf(why, "The operating system is not able to handle the specified number of clients, try with %zu",
                   possible);
        return false;
    }
    if (possible < wanted)
        log_warning(
            "The limit of open files allows for %zu clients, not the %zu of maxclients. Raise it (ulimit -n) or "
            "lower maxclients.",
            possible, wanted);
    s->clients_max = possible;
    return true;
}

static void
apply_limits(struct server *s)
{
    const struct config *c = s->config;
    s->query_max = (size_t)config_num(c, CFG_CLIENT_QUERY_BUFFER_LIMIT);
    config_output_limits(c, s->output_limits);
    s->idle_seconds_max = config_num(c, CFG_TIMEOUT);
    s->stranger_seconds_max = config_num(c, CFG_UNAUTHENTICATED_TIMEOUT);
    s->strangers_max = (size_t)config_num(c, CFG_UNAUTHENTICATED_MAXCLIENTS);
    if (s->strangers_max == 0)
        s->strangers_max = s->clients_max / 2 + 1;
    s->keepalive_s = (int)config_num(c, CFG_TCP_KEEPALIVE);
    s->guard_strangers = config_on(c, CFG_PROTECTED_MODE) && config_text(c, CFG_REQUIREPASS).len == 0;
    s->cron_every_ms = 1000 / config_num(c, CFG_HZ);
    for (int i = 0; i < s->listener_count; i++) {
        bool tls = listener_port(s->listeners[i]) == config_num(c, CFG_TLS_PORT);
        listener_set_accepts_per_turn(s->listeners[i], (int)config_num(c, tls ? CFG_MAX_NEW_TLS_CONNECTIONS_PER_CYCLE
                                                                              : CFG_MAX_NEW_CONNECTIONS_PER_CYCLE));
    }
    log_set_level((enum log_level)config_num(c, CFG_LOGLEVEL));
    if (s->log != NULL)
        s->log->format = (int)config_num(c, CFG_LOG_FORMAT);
    if (s->log != NULL && config_on(c, CFG_CRASH_LOG_ENABLED))
        crash_watch(s->log, s->engine);
    else
        crash_ignore();
}

/* CONFIG GET dir shows where we really are. */
static bool
apply_dir(struct server *s, bool starting, struct buf *why)
{
    char real[4096];
    struct slice dir = config_text(s->config, CFG_DIR);

    if (chdir(dir.ptr) != 0) {
        if (starting)
            buf_printf(why, "dir: can't change to '%s': ", dir.ptr);
        buf_printf(why, "%m");
        return false;
    }
    if (getcwd(real, sizeof(real)) != NULL)
        (void)config_set_text(s->config, CFG_DIR, slice_cstr(real), why);
    return true;
}

/* Any number is taken, what can be done with it is kept. */
static void
apply_bounds(struct server *s)
{
    enum { HZ_MIN = 1, HZ_MAX = 500, BACKLOG_MIN = 16384 };
    int64_t hz = config_num(s->config, CFG_HZ);
    struct buf unused = {0};

    if (hz < HZ_MIN)
        CHECK(config_set_text(s->config, CFG_HZ, LIT("1"), &unused));
    else if (hz > HZ_MAX)
        CHECK(config_set_text(s->config, CFG_HZ, LIT("500"), &unused));
    if (config_num(s->config, CFG_REPL_BACKLOG_SIZE) < BACKLOG_MIN)
        CHECK(config_set_text(s->config, CFG_REPL_BACKLOG_SIZE, LIT("16384"), &unused));
}

/* The client reads redis's text; what exactly went wrong is in the log. */
static bool
apply_listeners(struct server *s, bool addresses, struct buf *why)
{
    struct buf reason = {0};
    bool ok = server_rebind(s, &reason);

    if (!ok) {
        log_warning("%.*s", (int)reason.len, reason.ptr);
        buf_add_slice(why, addresses ? LIT("Failed to bind to specified addresses.")
                                     : LIT("Unable to listen on this port. Check server logs."));
    }
    buf_fini(&reason);
    return ok;
}

/* At the start a score that can't be had is a line in the log; afterwards the one who asks for it is told. */
static bool
apply_process(struct server *s, const bool *changed, struct buf *why)
{
    bool ok = tuning_oom_score(&s->oom_score, s->config, repl_is_replica(s->repl));

    if (s->title != NULL && changed != NULL)
        title_show(s->title, s->config, s->config_path);
    if (ok || changed == NULL || !(changed[CFG_OOM_SCORE_ADJ] || changed[CFG_OOM_SCORE_ADJ_VALUES]))
        return true;
    buf_printf(why, "Failed to apply new oom_score_adj configuration, check server logs.");
    return false;
}

bool
server_apply(struct server *s, const bool *changed, enum config_id *blamed, struct buf *why)
{
    *blamed = CFG_DIR;
    if ((changed == NULL || changed[CFG_DIR]) && !apply_dir(s, changed == NULL, why))
        return false;
    if (!server_tls_apply(s, changed, blamed, why))
        return false;
    if (changed != NULL && (changed[CFG_PORT] || changed[CFG_TLS_PORT] || changed[CFG_BIND])) {
        *blamed = changed[CFG_BIND] ? CFG_BIND : changed[CFG_PORT] ? CFG_PORT : CFG_TLS_PORT;
        if (!apply_listeners(s, changed[CFG_BIND], why))
            return false;
    }
    *blamed = CFG_MAXCLIENTS;
    if ((changed == NULL || changed[CFG_MAXCLIENTS]) && !apply_clients_max(s, changed == NULL, why))
        return false;
    *blamed = changed != NULL && !changed[CFG_OOM_SCORE_ADJ] ? CFG_OOM_SCORE_ADJ_VALUES : CFG_OOM_SCORE_ADJ;
    if (!apply_process(s, changed, why))
        return false;
    apply_bounds(s);
    apply_limits(s);
    apply_engine(s, changed);
    net_set_gather_us(s->net, to_u32(config_num(s->config, CFG_COALESCE_US)));
    server_replication_apply(s);
    persist_aof_apply(s, changed);
    if (changed != NULL)
        persist_judge(s->persist);
    return changed != NULL || users_load(s->engine, s->config, why);
}

/* server/replication.c - see replication.h. */
#include "server/replication.h"

#include "base/log.h"
#include "base/number.h"
#include "net/conn.h"
#include "net/listener.h"
#include "proto/words.h"
#include "script/script.h"
#include "server/persist.h"
#include "server/persist_aof.h"
#include "store/dump.h"
#include "store/rdb.h"
#include "store/rdb_write.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* -- what replication asks for --------------------------------------------------------------------------------- */

static bool
snapshot_possible(void *ctx)
{
    const struct server *s = ctx;

    return !persist_saving(s->persist) && !persist_aof_rewriting(s) && !persist_loading(s->persist);
}

static bool
snapshot_begin(void *ctx, const struct disk *to, struct buf *why)
{
    struct server *s = ctx;

    return persist_stream(s->persist, to, why);
}

static void
snapshot_cancel(void *ctx)
{
    struct server *s = ctx;

    persist_stream_cancel(s->persist);
}

static void
snapshot_of_functions(void *ctx, bool functions, struct buf *out)
{
    struct server *s = ctx;
    struct rdb_packer packer = {.checksum = config_on(s->config, CFG_RDBCHECKSUM)};
    struct rdb_chunk c = {0};

    rdb_put_magic(&c, RDB_VERSION_WRITTEN);
    if (functions)
        script_save_libraries(s->engine, &c.bytes);
    rdb_put_eof(&c);
    rdb_pack(&packer, &c, out);
    rdb_pack_end(&packer, out);
    rdb_chunk_fini(&c);
}

static void
send_late(void *ctx, struct session *session)
{
    struct conn *c = session_host_data(session);

    (void)ctx;
    if (c != NULL)
        socket_delay(conn_fd(c));
}

static bool
secure(void *ctx, int fd, const char *host, struct transport *out, struct buf *why)
{
    struct server *s = ctx;

    (void)host;
    *out = transport_socket(fd);
    if (!config_on(s->config, CFG_TLS_REPLICATION))
        return true;
    struct tls_context *tls = server_tls_client(s, why);
    bool ok = tls != NULL && tls_connect(tls, fd, NULL, out);
    if (tls == NULL)
        close(fd);
    else if (!ok)
        buf_printf(why, "TLS can't be set up");
    tls_context_free(tls);
    return ok;
}

static void
dump(void *ctx, struct entry *e, struct buf *out)
{
    const struct server *s = ctx;

    (void)dump_value(e, config_on(s->config, CFG_RDBCOMPRESSION), NULL, out);
}

static void
confirmed(void *ctx)
{
    struct server *s = ctx;

    net_retry_held(s->net);
}

static void
role_changed(void *ctx)
{
    struct server *s = ctx;
    bool none[CONFIG_COUNT] = {false};
    struct buf text = {0}, why = {0};
    enum config_id blamed;
    struct slice host;
    int port;

    if (repl_primary_address(s->repl, &host, &port))
        buf_printf(&text, "%.*s %d", (int)host.len, host.ptr, port);
    else
        buf_printf(&text, "no one");
    if (!config_set_text(s->config, CFG_REPLICAOF, buf_slice(&text), &why) || !server_apply(s, none, &blamed, &why))
        log_warning("The configuration can't follow the change of role: %.*s", (int)why.len, why.ptr);
    buf_fini(&text);
    buf_fini(&why);
}

static bool
log_synced(void *ctx, uint64_t *position, bool now)
{
    struct server *s = ctx;

    return persist_aof_synced(s, position, now);
}

void
server_replication_new(struct server *s)
{
    s->disk = disk_system();
    struct repl_host host = {
        .ctx = s,
        .loop = net_loop(s->net),
        .disk = &s->disk,
        .snapshot_possible = snapshot_possible,
        .snapshot_begin = snapshot_begin,
        .snapshot_cancel = snapshot_cancel,
        .snapshot_of_functions = snapshot_of_functions,
        .send_late = send_late,
        .load_begin = server_load_begin,
        .load_feed = server_load_feed,
        .load_step = server_load_step,
        .load_end = server_load_end,
        .secure = secure,
        .dump = dump,
        .confirmed = confirmed,
        .role_changed = role_changed,
        .log_synced = log_synced,
    };
    s->repl = repl_new(s->engine, &host);
}

void
server_replication_apply(struct server *s)
{
    const struct config *c = s->config;
    struct repl_settings *r = repl_settings(s->repl);
    const struct output_limit *limit = &s->output_limits[CLASS_REPLICA];
    bool tls = config_on(c, CFG_TLS_REPLICATION);

    *r = (struct repl_settings){
        .backlog_size = (uint64_t)config_num(c, CFG_REPL_BACKLOG_SIZE),
        .backlog_ttl_s = config_num(c, CFG_REPL_BACKLOG_TTL),
        .ping_s = config_num(c, CFG_REPL_PING_REPLICA_PERIOD),
        .timeout_s = config_num(c, CFG_REPL_TIMEOUT),
        .sync_delay_s = config_num(c, CFG_REPL_DISKLESS_SYNC_DELAY),
        .sync_delay_max_replicas = config_num(c, CFG_REPL_DISKLESS_SYNC_MAX_REPLICAS),
        .diskless_sync = config_on(c, CFG_REPL_DISKLESS_SYNC),
        .serve_stale = config_on(c, CFG_REPLICA_SERVE_STALE_DATA),
        .read_only = config_on(c, CFG_REPLICA_READ_ONLY),
        .announced = config_on(c, CFG_REPLICA_ANNOUNCED),
        .refuse_empty = config_on(c, CFG_REPLICA_REFUSE_EMPTY_PRIMARY),
        .defer_nodelay = config_on(c, CFG_REPL_DISABLE_TCP_NODELAY),
        .min_replicas = config_num(c, CFG_MIN_REPLICAS_TO_WRITE),
        .reply_replicas = config_num(c, CFG_MIN_REPLICAS_TO_REPLY),
        .min_replicas_lag_s = config_num(c, CFG_MIN_REPLICAS_MAX_LAG),
        .priority = config_num(c, CFG_REPLICA_PRIORITY),
        .out_hard = limit->hard,
        .out_soft = limit->soft,
        .out_soft_s = limit->soft_seconds,
        .spill_max = (uint64_t)config_num(c, CFG_REPL_SPILL_MAX),
        .lease_ms = config_num(c, CFG_PRIMARY_LEASE_MS),
        .lease_peers = config_num(c, CFG_PRIMARY_LEASE_REPLICAS),
        .lease_sentinels = config_num(c, CFG_PRIMARY_LEASE_SENTINELS),
        .announce_port = (int)config_num(c, CFG_REPLICA_ANNOUNCE_PORT),
        .listening_port = (int)config_num(c, tls && config_num(c, CFG_TLS_PORT) != 0 ? CFG_TLS_PORT : CFG_PORT),
        .announce_ip = config_text(c, CFG_REPLICA_ANNOUNCE_IP),
        .auth = config_text(c, CFG_MASTERAUTH),
        .user = config_text(c, CFG_MASTERUSER),
        .bind_source = config_text(c, CFG_BIND_SOURCE_ADDR),
    };
    repl_settings_changed(s->repl);
}

void
server_replication_start(struct server *s)
{
    struct slice_vec w = {0};
    int64_t port;

    if (words_split(config_text(s->config, CFG_REPLICAOF), NULL, &w) && w.n == 2 && parse_int64(w.v[1], &port)) {
        struct buf host = {0};
        buf_add_slice(&host, w.v[0]); /* the configuration's text changes on the way */
        repl_follow(s->repl, buf_slice(&host), (int)port, false);
        buf_fini(&host);
    }
    slice_vec_fini(&w);
}

void
server_history_aux(void *ctx, struct slice name, struct slice value)
{
    struct repl_history *h = ctx;
    bool before = slice_eq(name, LIT("sorrel-repl-before"));
    int64_t n;

    if ((before || slice_eq(name, LIT("repl-id"))) && value.len == REPL_ID_LEN) {
        char *id = before ? h->before : h->id;
        memcpy(id, value.ptr, REPL_ID_LEN);
        id[REPL_ID_LEN] = '\0';
    } else if (slice_eq(name, LIT("sorrel-repl-before-offset")) && parse_int64(value, &n) && n >= 0) {
        h->before_offset = n;
    } else if (slice_eq(name, LIT("repl-offset")) && parse_int64(value, &n) && n >= 0 && n < INT64_MAX / 2) {
        h->offset = n;
    } else if (slice_eq(name, LIT("repl-stream-db")) && parse_int64(value, &n) && n >= 0 && n < INT32_MAX) {
        h->db = n;
    }
}

/* How long a shutdown may wait for replicas to get what they have not got yet: 0 when there are none that need to. */
int64_t
server_drain_ms(const struct server *s, unsigned flags)
{
    if ((flags & (SHUTDOWN_NOW | SHUTDOWN_ABORT)) || repl_is_replica(s->repl) || repl_all_caught_up(s->repl))
        return 0;
    return config_num(s->config, CFG_SHUTDOWN_TIMEOUT) * 1000;
}

/* repl/info.c - the replication section of INFO. */
#include "repl/repl_priv.h"

static const char *
state_name(const struct replica *p)
{
    switch (p->state) {
    case REPLICA_SHAKES:
    case REPLICA_WAITS:
    case REPLICA_WAITS_LENGTH: return "wait_bgsave";
    case REPLICA_LOADS: return "send_bulk";
    case REPLICA_WAITS_ACK:
    case REPLICA_ONLINE: return "online";
    case REPLICA_SERVED: return "rdb_transmitted";
    }
    return "";
}

static void
replicas(struct repl *r, struct buf *out)
{
    char host[HOST_MAX + 1];
    int64_t now = repl__now(r);
    size_t n = 0;
    int port;

    buf_printf(out, "connected_slaves:%zu\r\n", r->count);
    if (r->link == NULL && r->set.min_replicas > 0)
        buf_printf(out, "min_slaves_good_slaves:%zu\r\n", repl__good_replicas(r));
    for (const struct replica *p = r->first; p != NULL; p = p->next) {
        repl__replica_address(p, host, &port);
        buf_printf(out, "slave%zu:ip=%s,port=%d,state=%s,offset=%llu,lag=%lld\r\n", n++, host, port, state_name(p),
                   (unsigned long long)p->acked, replica_is_online(p) ? (long long)(now - p->acked_ms) / 1000 : 0);
    }
}

void
repl_info(struct repl *r, struct buf *out)
{
    uint64_t end = tape_end(&r->log), begin = tape_begin(&r->log);
    uint64_t least = end > r->set.backlog_size ? end - r->set.backlog_size : 0;

    /* What is held beyond that is for single replicas, and promised to nobody. */
    begin = begin > least ? begin : least;
    buf_printf(out, "role:%s\r\n", r->link != NULL ? "slave" : "master");
    if (r->link != NULL)
        link__info(r->link, out);
    replicas(r, out);
    buf_printf(out, "master_failover_state:%s\r\n", repl__failover_name(r));
    buf_printf(out, "master_replid:%s\r\nmaster_replid2:%s\r\nmaster_repl_offset:%llu\r\nsecond_repl_offset:%lld\r\n",
               r->id, r->id2, (unsigned long long)end, (long long)r->id2_until);
    buf_printf(out, "repl_backlog_active:%d\r\nrepl_backlog_size:%llu\r\n", r->active,
               (unsigned long long)r->set.backlog_size);
    buf_printf(out, "repl_backlog_first_byte_offset:%llu\r\nrepl_backlog_histlen:%llu\r\n",
               r->active ? (unsigned long long)begin + 1 : 0ull, r->active ? (unsigned long long)(end - begin) : 0ull);
    if (r->set.lease_ms > 0 && r->link == NULL)
        buf_printf(out, "primary_lease:%s\r\n", r->lease_lost ? "lost" : "held");
}

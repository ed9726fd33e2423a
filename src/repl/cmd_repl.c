/* repl/cmd_repl.c - REPLICAOF, ROLE, FAILOVER, and what replicas say: REPLCONF, PSYNC, SYNC. */
#include "base/log.h"
#include "base/number.h"
#include "repl/repl_priv.h"

/* -- what replicas say ----------------------------------------------------------------------------------------- */

static enum rc
replconf_ack(struct exec *x, int at)
{
    struct repl *r = repl__of(x);
    struct replica *p = repl__replica(x->session, false);
    int64_t offset, log_offset = 0;

    if (p == NULL || p->state == REPLICA_SHAKES || arg_int(x, x->argv[at], &offset) != RC_OK || offset < 0)
        return RC_OK;
    if (at + 2 < x->argc && arg_is(x->argv[at + 1], LIT("fack")) &&
        (arg_int(x, x->argv[at + 2], &log_offset) != RC_OK || log_offset < 0))
        log_offset = 0;
    repl__acked(r, p, (uint64_t)offset, (uint64_t)log_offset);
    return RC_OK;
}

/* The words name what the snapshot is to hold; only functions can be named. */
static enum rc
read_filter(struct exec *x, struct replica *p, struct slice words)
{
    bool functions = false;

    for (size_t at = 0, n; at < words.len; at += n + 1) {
        const char *blank = memchr(words.ptr + at, ' ', words.len - at);
        n = blank != NULL ? (size_t)(blank - words.ptr) - at : words.len - at;
        struct slice word = slice_of(words.ptr + at, n);
        if (n > 0 && !arg_is(word, LIT("functions")))
            return fail(x, "ERR Unsupported rdb-filter-only option: %.*s", (int)(n < 64 ? n : 64), word.ptr);
        functions = functions || n > 0;
    }
    p->no_data = true;
    p->no_functions = !functions;
    return RC_OK;
}

static enum rc
replconf_option(struct exec *x, struct slice name, struct slice value)
{
    struct replica *p = repl__replica(x->session, true);
    int64_t n;

    if (arg_is(name, LIT("listening-port"))) {
        TRY(arg_int(x, value, &n));
        p->port = n >= 0 && n <= 65535 ? (int)n : 0;
    } else if (arg_is(name, LIT("ip-address"))) {
        if (value.len > HOST_MAX)
            return fail(x, "ERR REPLCONF ip-address provided by replica instance is too long: %zu bytes", value.len);
        for (size_t i = 0; i < value.len; i++) {
            if (value.ptr[i] <= ' ' || value.ptr[i] == ',' || value.ptr[i] == 127)
                return fail(x, "ERR REPLCONF ip-address is no address");
        }
        memcpy(p->ip, value.ptr, value.len);
        p->ip[value.len] = '\0';
    } else if (arg_is(name, LIT("capa"))) {
        if (arg_is(value, LIT("eof")))
            p->capa |= CAPA_EOF;
        else if (arg_is(value, LIT("psync2")))
            p->capa |= CAPA_PSYNC2;
    } else if (arg_is(name, LIT("rdb-only"))) {
        TRY(arg_int_in(x, value, 0, 1, &n));
        p->rdb_only = n == 1;
    } else if (arg_is(name, LIT("rdb-filter-only"))) {
        TRY(read_filter(x, p, value));
    } else if (!arg_is(name, LIT("version"))) {
        return fail(x, "ERR Unrecognized REPLCONF option: %.*s", (int)(name.len < 64 ? name.len : 64), name.ptr);
    }
    return RC_OK;
}

static enum rc
cmd_replconf(struct exec *x)
{
    if (x->argc % 2 == 0)
        return RC_SYNTAX;
    for (int i = 1; i < x->argc; i += 2) {
        if (arg_is(x->argv[i], LIT("ack")))
            return replconf_ack(x, i + 1);
        if (arg_is(x->argv[i], LIT("getack")))
            return RC_OK; /* a primary's word: nobody else is answered */
        TRY(replconf_option(x, x->argv[i], x->argv[i + 1]));
    }
    return reply_ok(x);
}

/* Whether the stream can go on from that offset of that history; *at is the position. */
static bool
can_continue(struct repl *r, struct slice id, int64_t offset, uint64_t *at)
{
    bool ours = slice_eq(id, slice_cstr(r->id));
    bool before = r->id2_until >= 0 && slice_eq(id, slice_cstr(r->id2)) && offset <= r->id2_until;

    if (!r->active || offset < 1 || offset > INT64_MAX / 2 || (!ours && !before)) {
        if (id.len != 1 || id.ptr[0] != '?')
            log_notice(
                "Partial resynchronization not accepted: the replica asks for history %.*s up to %lld, ours is %s",
                (int)(id.len < REPL_ID_LEN ? id.len : REPL_ID_LEN), id.ptr, (long long)offset, r->id);
        return false;
    }
    *at = (uint64_t)offset - 1;
    if (*at < tape_begin(&r->log) || *at > tape_end(&r->log)) {
        log_notice("Partial resynchronization not accepted: offset %lld is not in the backlog, which has %llu to %llu",
                   (long long)offset, (unsigned long long)tape_begin(&r->log) + 1,
                   (unsigned long long)tape_end(&r->log) + 1);
        return false;
    }
    return true;
}

static enum rc
may_attach(struct exec *x)
{
    if (repl__of(x)->failover.state != FAILOVER_NONE)
        return fail(x, "NOMASTERLINK Can't SYNC while failing over");
    if (out_pending(session_out(x->session)) > 0)
        return fail(x, "ERR SYNC and PSYNC are invalid with pending output");
    if (session_flags(x->session) & SESSION_MONITOR)
        return fail(x, "ERR MONITOR and replication do not go together");
    return RC_OK;
}

static enum rc
has_stream(struct exec *x)
{
    const struct repl *r = repl__of(x);

    if (r->link != NULL && !link__is_up(r->link))
        return fail(x, "NOMASTERLINK Can't SYNC while not connected with my master");
    return RC_OK;
}

/* PSYNC … FAILOVER: our primary wants us to take over, and is at the same place of the same history. */
static enum rc
take_over(struct exec *x)
{
    struct repl *r = repl__of(x);

    if (r->link == NULL)
        return fail(x, "ERR PSYNC FAILOVER can't be sent to a master.");
    if (!slice_eq(x->argv[1], slice_cstr(r->id)))
        return fail(x, "ERR PSYNC FAILOVER replid must match my replid.");
    log_notice("Failover request received: we take over");
    repl_follow(r, LIT(""), 0, true);
    return RC_OK;
}

static enum rc
cmd_psync(struct exec *x)
{
    struct repl *r = repl__of(x);
    struct replica *p = repl__replica(x->session, true);
    int64_t offset;
    uint64_t at = 0;

    if (p->state != REPLICA_SHAKES)
        return RC_OK;
    TRY(arg_int(x, x->argv[2], &offset));
    TRY(may_attach(x));
    if (x->argc > 3 && arg_is(x->argv[3], LIT("failover")))
        TRY(take_over(x));
    TRY(has_stream(x));
    bool go_on = can_continue(r, x->argv[1], offset, &at);
    r->stats.partial_err += !go_on && !slice_eq(x->argv[1], LIT("?"));
    return repl__attach(x, p, go_on, at);
}

static enum rc
cmd_sync(struct exec *x)
{
    struct replica *p = repl__replica(x->session, true);

    if (p->state != REPLICA_SHAKES)
        return RC_OK;
    TRY(may_attach(x));
    TRY(has_stream(x));
    p->old_sync = true;
    return repl__attach(x, p, false, 0);
}

/* -- roles ----------------------------------------------------------------------------------------------------- */

static bool
is_host(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] == 127 || s.ptr[i] == '"')
            return false;
    }
    return s.len > 0 && s.len <= HOST_MAX;
}

static enum rc
cmd_replicaof(struct exec *x)
{
    struct repl *r = repl__of(x);
    struct slice host = x->argv[1], old_host;
    int64_t port;
    int old_port;

    if (r->failover.state != FAILOVER_NONE)
        return fail(x, "ERR REPLICAOF not allowed while failing over.");
    if (arg_is(host, LIT("no")) && arg_is(x->argv[2], LIT("one"))) {
        if (r->link != NULL)
            log_notice("MASTER MODE requested by client %llu", (unsigned long long)session_ident(x->session));
        repl_follow(r, LIT(""), 0, true);
        return reply_ok(x);
    }
    if (session_flags(x->session) & SESSION_REPLICA)
        return fail(x, "ERR Command is not valid when client is a replica.");
    if (arg_int_in(x, x->argv[2], 0, 65535, &port) != RC_OK)
        return fail(x, "ERR Invalid master port");
    if (!is_host(host))
        return fail(x, "ERR Invalid master host");
    if (repl_primary_address(r, &old_host, &old_port) && old_port == port && slice_eq_nocase(old_host, host)) {
        link__force(r->link);
        return reply_simple(x, LIT("OK Already connected to specified master"));
    }
    repl_follow(r, host, (int)port, true);
    return reply_ok(x);
}

static enum rc
role_of_primary(struct exec *x)
{
    const struct repl *r = repl__of(x);
    char host[HOST_MAX + 1], text[INT64_TEXT_MAX];
    size_t n = 0;
    int port;

    for (const struct replica *p = r->first; p != NULL; p = p->next)
        n += replica_is_online(p);
    reply_put_array(&x->reply, 3);
    reply_put_bulk(&x->reply, LIT("master"));
    reply_put_int(&x->reply, (int64_t)tape_end(&r->log));
    reply_put_array(&x->reply, n);
    for (const struct replica *p = r->first; p != NULL; p = p->next) {
        if (!replica_is_online(p))
            continue;
        repl__replica_address(p, host, &port);
        reply_put_array(&x->reply, 3);
        reply_put_bulk(&x->reply, slice_cstr(host));
        reply_put_bulk(&x->reply, slice_of(text, format_int64(text, port)));
        reply_put_bulk(&x->reply, slice_of(text, format_uint64(text, p->acked)));
    }
    return RC_OK;
}

static enum rc
cmd_role(struct exec *x)
{
    const struct repl *r = repl__of(x);

    if (r == NULL) { /* an engine without a server around it */
        reply_put_array(&x->reply, 3);
        reply_put_bulk(&x->reply, LIT("master"));
        reply_put_int(&x->reply, 0);
        return reply_array(x, 0);
    }
    if (r->link == NULL)
        return role_of_primary(x);
    reply_put_array(&x->reply, 5);
    reply_put_bulk(&x->reply, LIT("slave"));
    reply_put_bulk(&x->reply, link__host(r->link));
    reply_put_int(&x->reply, link__port(r->link));
    reply_put_bulk(&x->reply, slice_cstr(link__state_name(r->link)));
    return reply_int(x, r->active && link__is_up(r->link) ? (int64_t)tape_end(&r->log) : -1);
}

#define FOLLOW_ARGS "args=<host-port={host port:int}|no-one={NO ONE}>"

const struct cmd repl_family[] = {
    {"replicaof", cmd_replicaof, .arity = 3, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_NOSCRIPT | CMD_STALE, .since = "5.0.0", .args = FOLLOW_ARGS,
     .reply = "OK", .about = "Makes this server a replica of another one, or a primary of its own.",
     .complexity = "O(1)"},
    {"slaveof", cmd_replicaof, .arity = 3, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_NOSCRIPT | CMD_STALE, .since = "1.0.0", .args = FOLLOW_ARGS,
     .reply = "OK", .about = "Another name for REPLICAOF.", .complexity = "O(1)", .deprecated_since = "5.0.0",
     .replaced_by = "REPLICAOF"},
    {"role", cmd_role, .arity = 1, .group = GROUP_SERVER, .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT(ADMIN) | CAT(DANGEROUS), .since = "2.8.12", .reply = "array",
     .about = "Says which part this server plays in replication, and with whom.", .complexity = "O(1)"},
    {"failover", repl__cmd_failover, .arity = -1, .group = GROUP_SERVER, .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE,
     .since = "6.2.0", .args = "target=[TO {host port:int [FORCE]}] [ABORT] [TIMEOUT milliseconds:int]", .reply = "OK",
     .about = "Hands over to a replica once it has everything.", .complexity = "O(1)"},
    {"replconf", cmd_replconf, .arity = -1, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY, .since = "3.0.0", .reply = "OK",
     .about = "What replicas and primaries tell each other.", .complexity = "O(1)"},
    {"psync", cmd_psync, .arity = -3, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI | CMD_NOSCRIPT, .since = "2.8.0",
     .args = "replicationid offset:int", .about = "Asks for the stream of changes, as a replica."},
    {"sync", cmd_sync, .arity = 1, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI | CMD_NOSCRIPT, .since = "1.0.0",
     .about = "Asks for the dataset and the stream of changes, as a replica of old."},
    {0},
};

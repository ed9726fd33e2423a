/* cmd/cmd_debug.c - DEBUG: for tests and for looking inside. Refused unless enable-debug-command allows it.
 *
 * COMMAND INFO knows DEBUG as one command without subcommands, so they have a table of their own here. What crashes the
 * server (SEGFAULT, PANIC, OOM, JMAP …) does not exist. */
#include "base/glob.h"
#include "cmd/cmd_digest.h"
#include "engine/engine.h"
#include "engine/keyspace.h"
#include "engine/session.h"
#include "engine/settings.h"

#include <stdlib.h>

/* -- time and log --------------------------------------------------------------------------------------------- */

static enum rc
debug_sleep(struct exec *x)
{
    const struct engine_host *host = engine_host_of(x->engine);
    char text[64] = {0};
    double seconds;

    memcpy(text, x->argv[2].ptr, x->argv[2].len < sizeof(text) ? x->argv[2].len : sizeof(text) - 1);
    seconds = strtod(text, NULL); /* what is no number does not sleep */
    if (host->sleep_us != NULL && seconds > 0)
        host->sleep_us(host->ctx, seconds < 1e6 ? (int64_t)(seconds * 1e6) : INT64_C(1000000000000));
    return reply_ok(x);
}

static enum rc
debug_log(struct exec *x)
{
    const struct engine_host *host = engine_host_of(x->engine);

    if (host->log_line != NULL)
        host->log_line(host->ctx, x->argv[2]);
    return reply_ok(x);
}

static enum rc
debug_error(struct exec *x)
{
    return fail(x, "%.*s", (int)(x->argv[2].len < 4096 ? x->argv[2].len : 4096), x->argv[2].ptr);
}

static int64_t
number_or_zero(struct slice s)
{
    int64_t v = 0;

    return parse_int64(s, &v) ? v : 0;
}

static enum rc
debug_set_active_expire(struct exec *x)
{
    engine_settings(x->engine)->active_expire = number_or_zero(x->argv[2]) != 0;
    engine_settings_changed(x->engine);
    return reply_ok(x);
}

/* Accepted for the sake of test suites: there is no periodic job here whose pausing could be observed. */
static enum rc
debug_nothing(struct exec *x)
{
    return reply_ok(x);
}

static enum rc
debug_unknown(struct exec *x)
{
    struct slice name = x->argv[1];

    return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
                (int)(name.len < 128 ? name.len : 128), name.ptr);
}

static enum rc
debug_replybuffer(struct exec *x)
{
    int64_t ms;

    if (arg_is(x->argv[2], LIT("peak-reset-time"))) {
        if (!arg_is(x->argv[3], LIT("never")) && !arg_is(x->argv[3], LIT("reset")))
            TRY(arg_int(x, x->argv[3], &ms));
    } else if (arg_is(x->argv[2], LIT("resizing"))) {
        TRY(arg_int(x, x->argv[3], &ms));
    } else {
        return debug_unknown(x);
    }
    return reply_ok(x);
}

/* -- keys ----------------------------------------------------------------------------------------------------- */

static enum rc
debug_object(struct exec *x)
{
    struct entry *e = peek(x, x->argv[2]);
    struct buf *b = exec_scratch(x);

    if (e == NULL)
        return RC_NO_KEY;
    /* Addresses are nobody's business, so all values seem to live at 0x0. serializedlength is what the value takes in
     * memory: the size of its dump is not known here. */
    buf_printf(b, "Value at:0x0 refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%lld",
               entry_encoding(e), entry_bytes(e), (unsigned)entry_clock(e), (long long)entry_idle_seconds(x, e));
    return reply_simple(x, buf_slice(b));
}

/* Key and value lie in one allocation, which counts as the value's. */
static enum rc
debug_sdslen(struct exec *x)
{
    struct entry *e = peek(x, x->argv[2]);
    struct buf *b = exec_scratch(x);

    if (e == NULL)
        return RC_NO_KEY;
    if (entry_type(e) != TYPE_STRING || strcmp(entry_encoding(e), "int") == 0)
        return fail(x, "ERR Not an sds encoded string.");
    buf_printf(b,
               "key_sds_len:%zu, key_sds_avail:0, key_zmalloc: 0, val_sds_len:%zu, val_sds_avail:0, val_zmalloc: %zu",
               entry_key(e).len, string_len(e), entry_bytes(e));
    return reply_simple(x, buf_slice(b));
}

/* Lists have no plain nodes: only the argument is looked at. */
static enum rc
debug_packed_threshold(struct exec *x)
{
    const uint64_t most = (UINT64_C(4) << 30) - (1 << 20);
    uint64_t size;

    if (!parse_memory(x->argv[2], &size) || size > most)
        return fail(x, "ERR argument must be a memory value bigger than 1 and smaller than 4gb");
    return reply_ok(x);
}

static enum rc
debug_digest(struct exec *x)
{
    unsigned char digest[SHA1_BYTES];
    char hex[SHA1_HEX];

    digest_keyspace(x, digest);
    sha1_hex(digest, hex);
    return reply_simple(x, slice_of(hex, sizeof(hex)));
}

static enum rc
debug_digest_value(struct exec *x)
{
    reply_array(x, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        unsigned char digest[SHA1_BYTES] = {0};
        char hex[SHA1_HEX];
        struct entry *e = peek(x, x->argv[i]);

        if (e != NULL)
            digest_value(digest, e);
        sha1_hex(digest, hex);
        reply_simple(x, slice_of(hex, sizeof(hex)));
    }
    return RC_OK;
}

static enum rc
debug_populate(struct exec *x)
{
    struct slice prefix = x->argc > 3 ? x->argv[3] : LIT("key");
    int64_t count, size = 0;
    struct buf *value = exec_scratch(x);
    struct buf key = {0};

    if (arg_int(x, x->argv[2], &count) != RC_OK || count < 0)
        return RC_NOT_POSITIVE;
    if (x->argc > 4 && (arg_int(x, x->argv[4], &size) != RC_OK || size < 0 || (uint64_t)size > string_max(x)))
        return RC_NOT_POSITIVE;
    if (!buf_try_reserve(value, (size_t)size + 32))
        return RC_NO_MEMORY;
    for (int64_t i = 0; i < count; i++) {
        buf_reset(&key);
        buf_add_slice(&key, prefix);
        buf_printf(&key, ":%lld", (long long)i);
        if (peek(x, buf_slice(&key)) != NULL)
            continue;
        buf_reset(value);
        buf_printf(value, "value:%lld", (long long)i);
        if (size > 0) {
            if (value->len < (size_t)size)
                memset(buf_room(value, (size_t)size - value->len), 0, (size_t)size - value->len);
            value->len = (size_t)size;
        }
        enum rc rc = key_set_string(x, buf_slice(&key), buf_slice(value), -1, EV_NONE);
        if (rc != RC_OK) {
            buf_fini(&key);
            return rc;
        }
    }
    buf_fini(&key);
    effect_none(x);
    return reply_ok(x);
}

/* -- the insides of tables ------------------------------------------------------------------------------------ */

static void
add_table(struct buf *b, const char *title, const struct table *t)
{
    size_t slots = table_slots(t), target = table_slots_target(t);

    buf_printf(b, "[%s]\n", title);
    if (slots == 0) {
        buf_printf(b, "No stats available for empty dictionaries\n");
        return;
    }
    buf_printf(b, " table size: %zu\n number of elements: %zu\n load: %.1f%%\n bytes: %zu\n", slots, table_count(t),
               100.0 * (double)table_count(t) / (double)slots, table_bytes(t));
    if (target != 0)
        buf_printf(b, " moving to a table of size: %zu\n", target);
}

static enum rc
debug_htstats(struct exec *x)
{
    struct buf *b = exec_scratch(x);
    int64_t n;
    struct db *db;

    TRY(arg_int(x, x->argv[2], &n));
    if ((db = db_at(x, n)) == NULL)
        return fail(x, "ERR Out of range database");
    add_table(b, "Dictionary HT", &db->by_key);
    buf_printf(b, "[Expires]\n number of elements: %zu\n bytes: %zu\n", db->by_expiry.items,
               btree_bytes(&db->by_expiry));
    reply_put_verbatim(&x->reply, "txt", buf_slice(b));
    return RC_OK;
}

static enum rc
debug_stringmatch_len(struct exec *x)
{
    int64_t len;
    struct buf *b = exec_scratch(x);

    TRY(arg_int_in(x, x->argv[2], 0, 16 << 20, &len));
    memset(buf_room(b, (size_t)len + 1), 'a', (size_t)len);
    return reply_int(x, glob_match(x->argv[3], slice_of(b->ptr, (size_t)len), false));
}

/* -- PROTOCOL ------------------------------------------------------------------------------------------------- */

static void
put_three(struct exec *x)
{
    for (int i = 0; i < 3; i++)
        reply_int(x, i);
}

static void
put_map_example(struct exec *x)
{
    reply_map(x, 3);
    for (int i = 0; i < 3; i++) {
        reply_int(x, i);
        reply_put_bool(&x->reply, i == 1);
    }
}

static void
put_attribute_example(struct exec *x)
{
    if (x->reply.resp == 3) {
        reply_put_attribute(&x->reply, 1);
        reply_bulk(x, LIT("key-popularity"));
        reply_array(x, 2);
        reply_bulk(x, LIT("key:123"));
        reply_int(x, 90);
    }
    reply_bulk(x, LIT("Some real reply following the attribute"));
}

static enum rc
put_push_example(struct exec *x)
{
    if (x->reply.resp == 2)
        return fail(x, "ERR RESP2 is not supported by this command");
    reply_put_push(&x->reply, 2);
    reply_bulk(x, LIT("server-cpu-usage"));
    reply_int(x, 42);
    return reply_bulk(x, LIT("Some real reply following the push reply"));
}

static enum rc
debug_protocol(struct exec *x)
{
    struct slice kind = x->argv[2];

    if (arg_is(kind, LIT("string")))
        return reply_bulk(x, LIT("Hello World"));
    if (arg_is(kind, LIT("integer")))
        return reply_int(x, 12345);
    if (arg_is(kind, LIT("double")))
        return reply_double(x, 3.141);
    if (arg_is(kind, LIT("null")))
        return reply_null(x);
    if (arg_is(kind, LIT("push")))
        return put_push_example(x);
    if (arg_is(kind, LIT("array"))) {
        reply_array(x, 3);
        put_three(x);
    } else if (arg_is(kind, LIT("set"))) {
        reply_set(x, 3);
        put_three(x);
    } else if (arg_is(kind, LIT("map"))) {
        put_map_example(x);
    } else if (arg_is(kind, LIT("attrib"))) {
        put_attribute_example(x);
    } else if (arg_is(kind, LIT("true")) || arg_is(kind, LIT("false"))) {
        reply_put_bool(&x->reply, arg_is(kind, LIT("true")));
    } else if (arg_is(kind, LIT("verbatim"))) {
        reply_put_verbatim(&x->reply, "txt", LIT("This is a verbatim\nstring"));
    } else if (arg_is(kind, LIT("bignum"))) {
        reply_put_bignum(&x->reply, LIT("1234567999999999999999999999999999999"));
    } else {
        return fail(x, "ERR Wrong protocol type name. Please use one of the following: "
                       "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
    }
    return RC_OK;
}

/* -- which one ------------------------------------------------------------------------------------------------ */

static enum rc debug_help(struct exec *x);

static const struct debug_sub {
    struct slice name;
    int argc_min, argc_max; /* DEBUG and the subcommand included */
    enum rc (*run)(struct exec *x);
} debug_subs[] = {
    {LIT_INIT("digest"), 2, 2, debug_digest},
    {LIT_INIT("digest-value"), 2, INT32_MAX, debug_digest_value},
    {LIT_INIT("error"), 3, 3, debug_error},
    {LIT_INIT("help"), 2, 2, debug_help},
    {LIT_INIT("htstats"), 3, 3, debug_htstats},
    {LIT_INIT("log"), 3, 3, debug_log},
    {LIT_INIT("object"), 3, 3, debug_object},
    {LIT_INIT("pause-cron"), 3, 3, debug_nothing},
    {LIT_INIT("populate"), 3, 5, debug_populate},
    {LIT_INIT("protocol"), 3, 3, debug_protocol},
    {LIT_INIT("quicklist-packed-threshold"), 3, 3, debug_packed_threshold},
    {LIT_INIT("replybuffer"), 4, 4, debug_replybuffer},
    {LIT_INIT("sdslen"), 3, 3, debug_sdslen},
    {LIT_INIT("set-active-expire"), 3, 3, debug_set_active_expire},
    {LIT_INIT("sleep"), 3, 3, debug_sleep},
    {LIT_INIT("stringmatch-len"), 4, 4, debug_stringmatch_len},
};

static enum rc
debug_help(struct exec *x)
{
    static const char *const lines[] = {
        "CHANGE-REPL-ID",
        "    Take new replication IDs, so that no replica can go on where it stopped.",
        "DIGEST",
        "    Return a digest of everything stored; equal datasets have equal digests.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    Return the digests of the values of keys.",
        "ERROR <text>",
        "    Reply with that error.",
        "HTSTATS <db>",
        "    Tell about the table of a database's keys.",
        "LOG <text>",
        "    Write a line to the log.",
        "OBJECT <key>",
        "    Tell how a value is stored.",
        "PAUSE-CRON <0|1>",
        "    Accepted, without effect.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Make that many strings, as far as they do not exist; nothing is propagated.",
        "PROTOCOL <type>",
        "    Reply with an example of a type: string, integer, double, bignum, null, array,",
        "    set, map, attrib, push, verbatim, true, false.",
        "QUICKLIST-PACKED-THRESHOLD <size>",
        "    Accepted, without effect.",
        "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
        "    Save a snapshot, empty all databases and load it again; MERGE replaces keys that are there.",
        "REPLYBUFFER (PEAK-RESET-TIME (NEVER|RESET|<ms>)|RESIZING <0|1>)",
        "    Accepted, without effect.",
        "SDSLEN <key>",
        "    Tell how long a key and its string are, and what both take in memory.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Whether expired keys are removed before somebody looks at them.",
        "SLEEP <seconds>",
        "    Stand still for that long.",
        "STRINGMATCH-LEN <length> <pattern>",
        "    Match a pattern with a text of that many letters a.",
        NULL,
    };

    return reply_help(x, lines);
}

static enum rc
cmd_debug(struct exec *x)
{
    struct slice name = x->argv[1];

    if (!engine_settings(x->engine)->enable_debug_command && !(session_flags(x->session) & SESSION_INTERNAL))
        return fail(
            x, "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it "
               "from a local connection, otherwise you need to set this option in the configuration file, and then "
               "restart the server.");
    exec_settle(x);
    for (size_t i = 0; i < sizeof(debug_subs) / sizeof(debug_subs[0]); i++) {
        const struct debug_sub *sub = &debug_subs[i];

        if (arg_is(name, sub->name) && x->argc >= sub->argc_min && x->argc <= sub->argc_max)
            return sub->run(x);
    }
    const struct engine_host *host = engine_host_of(x->engine);
    enum rc rc = RC_OK;
    if (host->debug != NULL && host->debug(host->ctx, x, &rc))
        return rc;
    return debug_unknown(x);
}

const struct cmd cmd_debug_family[] = {
    {"debug", cmd_debug, .arity = -2, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE, .since = "1.0.0", .args = NULL,
     .about = "For tests and for looking inside.", .complexity = "that of the subcommand"},
    {0},
};

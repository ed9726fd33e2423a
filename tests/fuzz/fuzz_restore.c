/* tests/fuzz/fuzz_restore.c - RESTORE of any bytes: refused, or a value on which the commands of its type work.
 *
 * The first byte picks the commands that follow; the rest is the payload without its footer, which is added here.
 */
#include "base/crc64.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/families.h"
#include "engine/keyspace.h"
#include "engine/session.h"
#include "store/dump.h"
#include "store/rdb.h"

#include <stdio.h>

static int64_t
frozen(void *ctx)
{
    (void)ctx;
    return 1700000000000000;
}

static void
run(struct engine *e, struct session *s, const char *line)
{
    struct slice argv[16];
    int argc = 0;
    char copy[256];

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *save = NULL, *w = strtok_r(copy, " ", &save); w != NULL && argc < 16; w = strtok_r(NULL, " ", &save))
        argv[argc++] = slice_cstr(w);
    engine_run(e, s, argv, argc);
    struct out *o = session_out(s);
    out_sent(o, out_pending(o));
}

static const char *const traffic[] = {
    "GET k",
    "APPEND k x",
    "STRLEN k",
    "INCR k",
    "SETRANGE k 3 y",
    "LRANGE k 0 -1",
    "LPUSH k a 1",
    "RPOP k",
    "LINSERT k BEFORE a b",
    "LREM k 0 a",
    "LSET k 0 zz",
    "LTRIM k 1 -2",
    "LINDEX k -1",
    "SMEMBERS k",
    "SADD k 12 a",
    "SREM k 12",
    "SPOP k 2",
    "SRANDMEMBER k -5",
    "HGETALL k",
    "HSET k f 1 g 2",
    "HDEL k f",
    "HINCRBY k g 5",
    "HRANDFIELD k 3",
    "HPTTL k FIELDS 3 a b c",
    "HPEXPIRE k 5000 FIELDS 2 a f",
    "HPERSIST k FIELDS 2 a f",
    "SPTTL k MEMBERS 3 a b 12",
    "SPEXPIRE k 5000 MEMBERS 2 a 12",
    "ZPTTL k MEMBERS 2 a b",
    "ZPEXPIREAT k 1 MEMBERS 2 a b",
    "ZRANGE k 0 -1 WITHSCORES",
    "ZADD k 3 a 4 b",
    "ZREM k a",
    "ZPOPMIN k 2",
    "ZRANK k b",
    "ZCOUNT k -inf +inf",
    "ZINCRBY k 1.5 b",
    "XRANGE k - +",
    "XREVRANGE k + - COUNT 3",
    "XADD k * f v",
    "XLEN k",
    "XTRIM k MAXLEN 2",
    "XINFO STREAM k FULL",
    "XREADGROUP GROUP group c COUNT 5 STREAMS k >",
    "XPENDING k group - + 10",
    "XACK k group 0-1",
    "XAUTOCLAIM k group d 0 0",
    "XDEL k 1-1",
    "XGROUP DELCONSUMER k group a",
    "OBJECT ENCODING k",
    "COPY k k2 REPLACE",
    "SORT k ALPHA",
    "DEBUG DIGEST-VALUE k",
    "SCAN 0",
    "SSCAN k 0",
    "HSCAN k 0",
    "ZSCAN k 0",
    "RENAME k k3",
    "RENAME k3 k",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cmd *families[64];
    size_t n = 0;
    struct hash_seed seed = {3, 4};
    struct buf payload = {0};
    struct rng rng;
    unsigned char footer[10];

    if (size < 2)
        return 0;
    for (; cmd_families[n] != NULL && n < 60; n++)
        families[n] = cmd_families[n];
    families[n++] = store_dump_family;
    families[n] = NULL;
    struct engine_options opt = {.clock = {frozen, frozen, NULL},
                                 .rng_seed = 7,
                                 .hash_seed = seed,
                                 .databases = 1,
                                 .families = families,
                                 .limits = value_limits_default(seed)};
    struct engine *e = engine_new(&opt);
    struct session *s = engine_session_open(e, NULL, LIT("a"), LIT("b"));
    rng_seed(&rng, data[0]);
    buf_add(&payload, data + 1, size - 1);
    store_le(footer, data[0] % 8 == 0 ? RDB_VERSION_VALKEY_MIN : RDB_VERSION_REDIS_MAX, 2);
    buf_add(&payload, footer, 2);
    store_le(footer, crc64(0, buf_slice(&payload)), 8);
    buf_add(&payload, footer, 8);
    engine_run(e, s, (const struct slice[]){LIT("RESTORE"), LIT("k"), LIT("0"), buf_slice(&payload)}, 4);
    struct out *o = session_out(s);
    bool accepted = o->bytes.len > 0 && o->bytes.ptr[0] == '+';
    out_sent(o, out_pending(o));
    for (int i = 0; accepted && i < 30; i++)
        run(e, s, i == 15 ? "DUMP k" : traffic[rng_below(&rng, sizeof(traffic) / sizeof(traffic[0]))]);
    CHECK(keyspace_verify(engine_db(e, 0)));
    engine_free(e);
    buf_fini(&payload);
    return 0;
}

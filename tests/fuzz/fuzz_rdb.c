/* tests/fuzz/fuzz_rdb.c - a snapshot of any bytes, in any pieces, is read or refused; what is read can be written.
 *
 * The first byte seeds the sizes of the pieces and says whether the checksum counts (it hardly ever would match). Each
 * value that is accepted is verified from inside and written again.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "store/rdb_read.h"
#include "store/rdb_write.h"
#include "support/values.h"

static bool
on_key(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why)
{
    struct rdb_chunk c = {0};
    struct rdb_packer p = {.compress = true, .checksum = true};
    struct rdb_value v;
    struct buf out = {0};

    (void)ctx, (void)k, (void)why;
    CHECK(value_verify(e));
    rdb_put_key(&c, &v, e, RDB_CLOCK_NONE, 0);
    while (!rdb_put_value(&c, &v, 100)) {
    }
    rdb_pack(&p, &c, &out);
    rdb_chunk_fini(&c);
    buf_fini(&out);
    entry_free(e);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rdb_handler h = {.key = on_key};
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct rdb_reader *r;
    struct rng rng;
    enum rdb_progress p = RDB_WANTS_MORE;

    if (size < 1)
        return 0;
    rng_seed(&rng, data[0]);
    r = rdb_reader_new(&h, &lim);
    rdb_reader_set_checksum(r, false);
    for (size_t at = 1; at < size && p == RDB_WANTS_MORE;) {
        size_t n = 1 + rng_below(&rng, data[0] % 2 ? 4096 : 16);
        n = n < size - at ? n : size - at;
        char *room = rdb_reader_room(r, n);
        memcpy(room, data + at, n);
        p = rdb_reader_feed(r, n);
        at += n;
    }
    if (p == RDB_WANTS_MORE)
        rdb_reader_cut(r);
    CHECK((p == RDB_COMPLETE) == (rdb_reader_why(r).len == 0));
    rdb_reader_free(r);
    return 0;
}

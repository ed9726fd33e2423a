/* tests/fuzz/fuzz_aof.c - any bytes as a log: manifest and file are read or refused, what is cut off can be written on.
 *
 * The first byte says what the bytes are: a manifest; a file that is only checked; or one that is loaded into an engine
 * and, if it loads, goes on being written and must load again with one key more.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/session.h"
#include "store/aof.h"
#include "store/manifest.h"
#include "support/loopback.h"
#include "support/simdisk.h"

static void
manifest(struct slice text)
{
    struct manifest m = {0};
    struct buf why = {0}, out = {0};

    if (manifest_parse(&m, text, &why)) {
        struct manifest again = {0};
        manifest_format(&m, &out);
        CHECK(manifest_parse(&again, buf_slice(&out), &why));
        CHECK(again.n == m.n);
        manifest_fini(&again);
    }
    manifest_fini(&m);
    buf_fini(&why);
    buf_fini(&out);
}

static void
check_only(struct simdisk *sim)
{
    struct disk d = simdisk_disk(sim);
    struct aof_reader_options ro = {.disk = &d, .path = "dir/a.aof.1.incr.aof"};
    struct buf why = {0};
    int error = 0;
    struct aof_reader *r = aof_reader_open(&ro, &error, &why);

    while (aof_reader_step(r, 100, &why) == AOF_MORE) {
    }
    aof_reader_free(r);
    buf_fini(&why);
}

static bool
load(struct simdisk *sim, bool write_on)
{
    struct loopback *l = loopback_new(1);
    struct disk d = simdisk_disk(sim);
    struct aof_options ao = {
        .engine = l->engine, .disk = &d, .clock = engine_clock(l->engine), .dir = "dir", .name = "a.aof"};
    struct aof *a = aof_new(&ao);
    struct buf why = {0};
    enum aof_progress p = AOF_DAMAGED;

    if (aof_load_begin(a, &why) == AOF_FOUND) {
        while ((p = aof_load_step(a, 1000, &why)) == AOF_MORE) {
        }
    }
    aof_load_end(a);
    if (p == AOF_DONE && write_on) {
        CHECK(aof_start(a, &why));
        loopback_open(l, 0);
        loopback_feed(l, 0, LIT("SET one more\r\n"));
        CHECK(aof_flush(a));
    }
    aof_free(a);
    loopback_free(l);
    buf_fini(&why);
    return p == AOF_DONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    log_set_level(LOG_NOTHING);
    struct slice bytes = slice_of(data + 1, size - 1);
    if (data[0] % 4 == 0) {
        manifest(bytes);
        return 0;
    }
    struct simdisk *sim = simdisk_new(data[0]);
    simdisk_put(sim, "dir/a.aof.manifest", LIT("file a.aof.1.incr.aof seq 1 type i\n"));
    simdisk_put(sim, "dir/a.aof.1.incr.aof", bytes);
    if (data[0] % 4 == 1)
        check_only(sim);
    else if (load(sim, true))
        CHECK(load(sim, false));
    simdisk_free(sim);
    return 0;
}

/* tests/fuzz/fuzz_hll.c - any bytes as a HyperLogLog: refused as a whole, or a sketch on which every command works.
 *
 * The first byte says what is made of the rest: a string as it is, a sparse sketch with these runs, or a dense one
 * whose registers begin with these bytes.
 */
#include "base/check.h"
#include "ds/hll.h"
#include "engine/settings.h"
#include "support/loopback.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice
say(struct loopback *l, const struct slice *argv, int argc)
{
    struct buf b = {0};

    buf_reset(&l->sessions[0].out);
    buf_printf(&b, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++) {
        buf_printf(&b, "$%zu\r\n", argv[i].len);
        buf_add_slice(&b, argv[i]);
        buf_add(&b, "\r\n", 2);
    }
    loopback_feed(l, 0, buf_slice(&b));
    buf_fini(&b);
    return buf_slice(&l->sessions[0].out);
}
#define SAY(l, ...) \
    say((l), (const struct slice[]){__VA_ARGS__}, (int)(sizeof((struct slice[]){__VA_ARGS__}) / sizeof(struct slice)))

static bool
refused(struct slice reply)
{
    return reply.len > 0 && reply.ptr[0] == '-';
}

/* The integer that is the reply, or -1. */
static long long
number(struct slice reply)
{
    return reply.len > 1 && reply.ptr[0] == ':' ? strtoll(reply.ptr + 1, NULL, 10) : -1;
}

static void
make_value(struct buf *v, unsigned how, struct slice rest)
{
    static const char header[] = "HYLL";

    if (how % 4 == 0) {
        buf_add_slice(v, rest);
        return;
    }
    bool dense = how % 4 == 1;
    buf_add(v, header, 4);
    buf_add_char(v, dense ? 0 : 1);
    buf_add(v, "\0\0\0", 3);
    buf_add(v, "\0\0\0\0\0\0\0\x80", 8);
    if (!dense) {
        buf_add_slice(v, rest);
        return;
    }
    size_t n = rest.len < HLL_DENSE_BYTES - HLL_HEADER_BYTES ? rest.len : HLL_DENSE_BYTES - HLL_HEADER_BYTES;
    buf_add(v, rest.ptr, n);
    while (v->len < HLL_DENSE_BYTES)
        buf_add_char(v, 0);
}

/* Fills a sparse sketch up to all registers, so that inputs need not hit the number. */
static void
complete_sparse(struct buf *v)
{
    size_t covered = 0, at = HLL_HEADER_BYTES;

    while (at < v->len && covered < HLL_REGISTERS) {
        unsigned char c = (unsigned char)v->ptr[at];
        size_t bytes = c >> 6 == 1 ? 2 : 1;
        if (at + bytes > v->len)
            break;
        covered += c >> 6 == 0   ? (c & 0x3fu) + 1
                   : c >> 6 == 1 ? ((c & 0x3fu) << 8 | (unsigned char)v->ptr[at + 1]) + 1
                                 : (c & 3u) + 1;
        at += bytes;
    }
    v->len = at;
    if (covered < HLL_REGISTERS) {
        size_t left = HLL_REGISTERS - covered - 1;
        buf_add_char(v, (char)(0x40 | left >> 8));
        buf_add_char(v, (char)left);
    }
}

static void
use_sketch(struct loopback *l, struct slice element)
{
    long long before = number(SAY(l, LIT("PFCOUNT"), LIT("k")));

    CHECK(before >= 0);
    CHECK(number(SAY(l, LIT("PFCOUNT"), LIT("k"))) == before); /* kept in the header meanwhile */
    CHECK(!refused(SAY(l, LIT("PFMERGE"), LIT("m"), LIT("k"))));
    CHECK(number(SAY(l, LIT("PFCOUNT"), LIT("m"))) == before);
    long long changed = number(SAY(l, LIT("PFADD"), LIT("k"), element));
    CHECK(changed == 0 || changed == 1);
    long long after = number(SAY(l, LIT("PFCOUNT"), LIT("k")));
    CHECK(changed == 0 ? after == before : after >= 0);
    CHECK(number(SAY(l, LIT("PFADD"), LIT("k"), element)) == 0);
    /* Two sketches together are what their merger is. */
    long long both = number(SAY(l, LIT("PFCOUNT"), LIT("k"), LIT("m")));
    CHECK(!refused(SAY(l, LIT("PFMERGE"), LIT("m"), LIT("k"))));
    CHECK(number(SAY(l, LIT("PFCOUNT"), LIT("m"))) == both);
    CHECK(!refused(SAY(l, LIT("PFDEBUG"), LIT("TODENSE"), LIT("k"))));
    CHECK(number(SAY(l, LIT("PFCOUNT"), LIT("k"))) == after);
    CHECK(!refused(SAY(l, LIT("PFDEBUG"), LIT("GETREG"), LIT("k"))));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loopback *l = loopback_new(3);
    struct buf v = {0};

    if (size < 2) {
        loopback_free(l);
        return 0;
    }
    loopback_open(l, 0);
    struct slice rest = slice_of(data + 1, size - 1), element = slice_of(data, size < 9 ? size : 9);
    make_value(&v, data[0], rest);
    if (data[0] % 4 == 3)
        complete_sparse(&v);
    bool valid = hll_looks_right(buf_slice(&v)) && hll_valid(buf_slice(&v));
    CHECK(!refused(SAY(l, LIT("SET"), LIT("k"), buf_slice(&v))));
    /* A header that says its count is known is believed, in a sketch that is one. */
    if (valid && (v.ptr[15] & 0x80))
        use_sketch(l, element);
    if (!valid) {
        CHECK(refused(SAY(l, LIT("PFCOUNT"), LIT("k"))));
        CHECK(refused(SAY(l, LIT("PFADD"), LIT("k"), element)));
        CHECK(refused(SAY(l, LIT("PFMERGE"), LIT("m"), LIT("k"))));
        struct slice got = SAY(l, LIT("GET"), LIT("k"));
        CHECK(got.len >= v.len + 2 && memcmp(got.ptr + got.len - 2 - v.len, v.ptr, v.len) == 0);
    }
    buf_fini(&v);
    loopback_free(l);
    return 0;
}

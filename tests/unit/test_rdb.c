/* tests/unit/test_rdb.c - snapshots: checksum, packed forms, writing and reading every type, whole, in pieces, cut and
 * damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc64.h"
#include "base/mem.h"
#include "store/listpack.h"
#include "store/packs.h"
#include "store/rdb_read.h"
#include "store/rdb_write.h"
#include "value/deadlines.h"
#include "value/stream_idmp.h"

#include <stdio.h>
#include <stdlib.h>

static struct value_limits
limits(void)
{
    return value_limits_default((struct hash_seed){1, 2});
}

static void
test_crc64(void **state)
{
    (void)state;
    assert_true(crc64(0, LIT("123456789")) == UINT64_C(0xe9c6d914c4b8d9ca));
    struct slice text = LIT("This is a test of the emergency broadcast system, and of splitting it anywhere.");
    uint64_t whole = crc64(0, text);
    for (size_t i = 0; i <= text.len; i++)
        assert_true(crc64(crc64(0, slice_of(text.ptr, i)), slice_skip(text, i)) == whole);

    /* Long texts go another way, and must come to what bytes one by one come to. */
    unsigned char long_text[3000];
    for (size_t i = 0; i < sizeof(long_text); i++)
        long_text[i] = (unsigned char)(i * i >> 3 ^ i);
    for (size_t n = 0, at = 0; n < 2500; n += 37, at = n % 16) {
        uint64_t one_by_one = n, at_once = crc64(n, slice_of(long_text + at, n));
        for (size_t i = 0; i < n; i++)
            one_by_one = crc64(one_by_one, slice_of(long_text + at + i, 1));
        assert_true(at_once == one_by_one);
    }
}

static void
test_listpack_there_and_back(void **state)
{
    static const int64_t numbers[] = {
        0,        1,         127,       128,       -1,        -4096,        -4097,         4095,
        4096,     32767,     32768,     -32768,    -32769,    8388607,      8388608,       -8388608,
        -8388609, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 2147483648LL, 123456789012LL};
    enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
    static const size_t lengths[] = {0, 1, 63, 64, 125, 126, 4095, 4096, 16377, 16378, 16379, 70000};
    enum { LENGTHS = sizeof(lengths) / sizeof(lengths[0]) };
    struct buf b = {0}, text = {0};
    struct listpack lp = listpack_begin(&b);
    struct pack_cursor c;
    struct pack_item it;

    (void)state;
    memset(buf_room(&text, 70000), 'x', 70000);
    for (size_t i = 0; i < NUMBERS; i++)
        listpack_add_int(&lp, numbers[i]);
    for (size_t i = 0; i < LENGTHS; i++)
        listpack_add(&lp, slice_of(text.ptr, lengths[i]));
    listpack_add(&lp, LIT("007"));
    listpack_end(&lp);
    assert_true(pack_open(&c, PACK_LISTPACK, buf_slice(&b)));
    for (size_t i = 0; i < NUMBERS; i++) {
        assert_int_equal(pack_next(&c, &it), PACK_ITEM);
        assert_true(it.is_int && it.i == numbers[i]);
    }
    for (size_t i = 0; i < LENGTHS; i++) {
        assert_int_equal(pack_next(&c, &it), PACK_ITEM);
        assert_true(!it.is_int && it.s.len == lengths[i]);
    }
    assert_int_equal(pack_next(&c, &it), PACK_ITEM);
    assert_true(slice_eq(it.s, LIT("007")));
    assert_int_equal(pack_next(&c, &it), PACK_END);
    buf_fini(&b);
    buf_fini(&text);
}

static void
check_pack(enum pack_form form, struct slice block, const char *const *want, size_t n)
{
    struct pack_cursor c;
    struct pack_item it;

    assert_true(pack_open(&c, form, block));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pack_next(&c, &it), PACK_ITEM);
        assert_true(slice_eq(it.s, slice_cstr(want[i])));
    }
    assert_int_equal(pack_next(&c, &it), PACK_END);
    /* No part of it is accepted. */
    for (size_t cut = 0; cut < block.len; cut++) {
        char *part = mem_get(cut + 1);
        memcpy(part, block.ptr, cut);
        enum pack_next got = PACK_ITEM;
        if (pack_open(&c, form, slice_of(part, cut))) {
            while ((got = pack_next(&c, &it)) == PACK_ITEM) {
            }
            assert_int_equal(got, PACK_BAD);
        }
        mem_free(part);
    }
}

static void
test_old_forms(void **state)
{
    static const char ziplist[] = "\x23\0\0\0\x1d\0\0\0\x05\0"
                                  "\0\x03"
                                  "abc\x05\xf2\x02\xfe\x80\x03\xc0\0\x10\x04\xe0\xff\xff\xff\xff\xff\xff\xff\x7f";
    static const char zipmap[] = "\x02\x03"
                                 "foo\x03\0"
                                 "bar\x05"
                                 "hello\x05\x02"
                                 "worldxx\xff";
    static const char intset[] = "\2\0\0\0\3\0\0\0\xff\xff\1\0\0\x10";
    struct buf b = {0};

    (void)state;
    /* Lengths are patched in, so that the bytes above may be read as text. */
    buf_add(&b, ziplist, sizeof(ziplist) - 1);
    buf_add_char(&b, (char)0xff);
    b.ptr[0] = (char)b.len;
    b.ptr[4] = (char)(b.len - 1 - 10);
    check_pack(PACK_ZIPLIST, buf_slice(&b), (const char *const[]){"abc", "1", "-128", "4096", "9223372036854775807"},
               5);
    buf_fini(&b);
    check_pack(PACK_ZIPMAP, slice_of(zipmap, sizeof(zipmap) - 1), (const char *const[]){"foo", "bar", "hello", "world"},
               4);
    check_pack(PACK_INTSET, slice_of(intset, sizeof(intset) - 1), (const char *const[]){"-1", "1", "4096"}, 3);
}

/* -- whole snapshots ------------------------------------------------------------------------------------------- */

enum { PLAIN_KEYS = 18, KEYS = 24, HEAD_BITS = 8 * 40, VERSION_TENS_BIT = 8 * 7 };

/* A dataset with every type in small and large. */
static struct entry *
make(size_t i)
{
    struct value_limits lim = limits();
    char name[32], text[64];
    struct slice key = slice_of(name, (size_t)snprintf(name, sizeof(name), "key:%zu", i));
    size_t n = i % 2 == 0 ? 10 : 1000;
    struct entry *e;

    if (i < 8) {
        static const char *const strings[] = {"",
                                              "0",
                                              "-129",
                                              "hello",
                                              "2147483648",
                                              "12345678901234567890",
                                              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                              "007"};
        return entry_new_string(key, slice_cstr(strings[i]), i == 3 ? 1234567890123 : -1);
    }
    static const enum value_type with_deadlines[] = {TYPE_HASH, TYPE_SET, TYPE_ZSET};
    bool deadlines = i >= PLAIN_KEYS;
    e = entry_new(deadlines ? with_deadlines[(i - PLAIN_KEYS) / 2] : (enum value_type)(TYPE_LIST + (i - 8) / 2), key);
    if (deadlines)
        e = entry_add_deadlines(e);
    for (size_t k = 0; k < n; k++) {
        struct slice s = slice_of(text, (size_t)snprintf(text, sizeof(text), "%s%zu", k % 3 == 0 ? "member-" : "", k));
        switch (entry_type(e)) {
        case TYPE_LIST: list_push((struct list *)entry_handle(e), &lim, LIST_TAIL, s); break;
        case TYPE_SET: (void)set_add((struct set *)entry_handle(e), &lim, s); break;
        case TYPE_ZSET: (void)zset_put((struct zset *)entry_handle(e), &lim, s, (double)k / 3); break;
        case TYPE_HASH: (void)hash_set((struct hash *)entry_handle(e), &lim, s, s); break;
        default: {
            struct stream_node_limits sl = {4096, 100};
            struct slice f[4] = {LIT("f"), s, k % 7 == 0 ? LIT("other") : LIT("g"), LIT("v")};
            stream_append((struct stream *)entry_handle(e), &sl, (struct stream_id){1 + k / 4, k}, f, 2);
        }
        }
        if (deadlines && k % 4 != 0)
            entry_set_deadline(e, &lim, s, INT64_C(1700000000000) + (int64_t)(k * 7919 % 1000));
    }
    if (entry_type(e) == TYPE_STREAM) {
        struct stream *st = (struct stream *)entry_handle(e);
        struct stream_group *g = stream_group_create(st, LIT("group"), (struct stream_id){2, 9}, 5);
        struct stream_consumer *a = stream_consumer_create(g, LIT("a"), 111),
                               *b = stream_consumer_create(g, LIT("b"), 222);
        stream_pending_add(g, a, (struct stream_id){0, 1}, 1000, 1);
        stream_pending_add(g, b, (struct stream_id){0, 2}, 1001, 2);
        stream_pending_add(g, a, (struct stream_id){1, 4}, 1002, 3);
        stream_pending_add(g, stream_group_nobody(g), (struct stream_id){1, 5}, 0, 7);
        for (unsigned k = 0; k < 5; k++)
            stream_idmp_record(st, (struct stream_idmp_limits){100, 3}, LIT("producer"), slice_of("abcde" + k, 1),
                               (struct stream_id){1, 4 + k}, 5);
        (void)stream_delete(st, (struct stream_id){1, 3});
    }
    return e;
}

/* A file of the keys [first, end). */
static void
write_keys(struct buf *out, bool compress, size_t budget, size_t first, size_t end)
{
    struct rdb_chunk c = {0};
    struct rdb_packer p = {.compress = compress, .checksum = true};
    struct rdb_value v;

    rdb_put_magic(&c, RDB_VERSION_EXPIRES);
    rdb_put_aux(&c, LIT("redis-ver"), LIT("7.2.0"));
    rdb_put_db(&c, 0, KEYS, 1);
    for (size_t i = first; i < end; i++) {
        struct entry *e = make(i);
        rdb_put_key(&c, &v, e, i % 3 == 0 ? RDB_CLOCK_IDLE : i % 3 == 1 ? RDB_CLOCK_FREQ : RDB_CLOCK_NONE, i);
        while (!rdb_put_value(&c, &v, budget)) {
            rdb_pack(&p, &c, out);
            rdb_chunk_reset(&c);
        }
        entry_free(e);
    }
    rdb_put_eof(&c);
    rdb_pack(&p, &c, out);
    rdb_pack_end(&p, out);
    rdb_chunk_fini(&c);
}

static void
write_all(struct buf *out, bool compress, size_t budget)
{
    write_keys(out, compress, budget, 0, KEYS);
}

/* The bytes that a value is written as, which tell whether two are equal. */
static struct buf
image(struct entry *e)
{
    struct rdb_chunk c = {0};
    struct rdb_packer p = {0};
    struct rdb_value v;
    struct buf out = {0};

    rdb_put_type(&c, &v, e);
    while (!rdb_put_value(&c, &v, SIZE_MAX)) {
    }
    rdb_pack(&p, &c, &out);
    rdb_chunk_fini(&c);
    return out;
}

struct seen {
    size_t keys;
    bool compare;
};

/* Sets and hashes come back in another order: compared by what they hold. */
static void
assert_same(struct entry *a, struct entry *b)
{
    struct slice x, y;
    struct set_member m;

    assert_int_equal(entry_type(a), entry_type(b));
    assert_true(slice_eq(entry_key(a), entry_key(b)));
    assert_true(entry_expiry(a) == entry_expiry(b));
    if (entry_deadlines(a) != NULL) {
        double at;
        assert_int_equal(zset_count(entry_deadlines(a)), zset_count(entry_deadlines(b)));
        struct zset_iter it = zset_seek(entry_deadlines(a), 0, false);
        while (zset_next(entry_deadlines(a), &it, &x, &at))
            assert_true(entry_deadline(b, x) == (int64_t)at);
    }
    if (entry_type(a) == TYPE_HASH) {
        const struct hash *ha = (const struct hash *)entry_handle(a), *hb = (const struct hash *)entry_handle(b);
        assert_int_equal(hash_count(ha), hash_count(hb));
        for (struct hash_iter it = {0}; hash_next(ha, &it, &x, &y);) {
            struct slice other;
            assert_true(hash_get(hb, x, &other) && slice_eq(y, other));
        }
        return;
    }
    if (entry_type(a) == TYPE_SET) {
        const struct set *sa = (const struct set *)entry_handle(a), *sb = (const struct set *)entry_handle(b);
        assert_int_equal(set_count(sa), set_count(sb));
        for (struct set_iter it = {0}; set_next(sa, &it, &m);)
            assert_true(set_has(sb, m.s));
        return;
    }
    struct buf ia = image(a), ib = image(b);
    assert_true(slice_eq(buf_slice(&ia), buf_slice(&ib)));
    buf_fini(&ia);
    buf_fini(&ib);
}

static bool
on_key(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why)
{
    struct seen *seen = ctx;

    (void)why;
    if (seen->compare) {
        struct entry *want = make(seen->keys);
        assert_same(want, e);
        assert_true(k->idle_s == (seen->keys % 3 == 0 ? (int64_t)seen->keys : -1));
        assert_true(k->freq == (seen->keys % 3 == 1 ? (int64_t)seen->keys : -1));
        entry_free(want);
    }
    seen->keys++;
    entry_free(e);
    return true;
}

/* Feeds `piece` bytes at a time. */
static enum rdb_progress
read_all(struct slice in, size_t piece, struct seen *seen)
{
    struct rdb_handler h = {.key = on_key, .ctx = seen};
    struct value_limits lim = limits();
    struct rdb_reader *r = rdb_reader_new(&h, &lim);
    enum rdb_progress p = RDB_WANTS_MORE;

    for (size_t at = 0; at < in.len && p == RDB_WANTS_MORE; at += piece) {
        size_t n = in.len - at < piece ? in.len - at : piece;
        char *room = rdb_reader_room(r, n);
        memcpy(room, in.ptr + at, n);
        p = rdb_reader_feed(r, n);
    }
    if (p == RDB_WANTS_MORE) {
        rdb_reader_cut(r);
        assert_true(rdb_reader_why(r).len > 0);
    }
    rdb_reader_free(r);
    return p;
}

static void
test_all_types(void **state)
{
    static const size_t pieces[] = {1, 7, 1000, 1 << 20};

    (void)state;
    for (int compress = 0; compress < 2; compress++) {
        struct buf file = {0}, slow = {0};
        write_all(&file, compress != 0, SIZE_MAX);
        write_all(&slow, compress != 0, 100);
        assert_true(slice_eq(buf_slice(&file), buf_slice(&slow)));
        for (size_t i = 0; i < 4; i++) {
            struct seen seen = {.compare = true};
            assert_int_equal(read_all(buf_slice(&file), pieces[i], &seen), RDB_COMPLETE);
            assert_int_equal(seen.keys, KEYS);
        }
        buf_fini(&file);
        buf_fini(&slow);
    }
}

static void
test_cut(void **state)
{
    struct buf file = {0};

    (void)state;
    write_all(&file, true, SIZE_MAX);
    for (size_t cut = 0; cut < file.len; cut += 1 + cut / 64) {
        struct seen seen = {0};
        assert_int_equal(read_all(slice_of(file.ptr, cut), 4096, &seen), RDB_WANTS_MORE);
    }
    buf_fini(&file);
}

struct flips {
    size_t found, harmless;
};

/* Flips a bit in each `step` of them, those of the head all. The file holds the keys [first, end). */
static void
flip_file(struct buf *file, size_t step, size_t first, size_t end, struct flips *flips)
{
    for (size_t bit = 0; bit < 8 * file->len; bit += bit < HEAD_BITS ? 1 : step) {
        struct seen seen = {.keys = first, .compare = bit == VERSION_TENS_BIT};
        file->ptr[bit / 8] = (char)(file->ptr[bit / 8] ^ 1 << bit % 8);
        enum rdb_progress p = read_all(buf_slice(file), 1 << 20, &seen);
        /* Flags of streams' entries, say, may make it want more bytes than there are. */
        if (p != RDB_COMPLETE) {
            flips->found++;
        } else {
            assert_int_equal(bit, VERSION_TENS_BIT);
            assert_int_equal(seen.keys, end);
            flips->harmless++;
        }
        file->ptr[bit / 8] = (char)(file->ptr[bit / 8] ^ 1 << bit % 8);
    }
}

/* One flipped bit, anywhere: the checksum covers it all, so the file is never accepted as complete; but where it makes
 * the version one that had no checksum (0012 becomes 0002), and then it holds what it did. SORREL_LARGE=1 flips every
 * bit of each key, in a file of its own, so that what comes before it need not be read each
 * time; k/n those of every n-th key. */
static void
flip_bits(bool compress, size_t step)
{
    const char *large = getenv("SORREL_LARGE");
    bool every_bit = large != NULL;
    struct flips flips = {0};
    size_t part = 0, parts = 1;

    if (every_bit && sscanf(large, "%zu/%zu", &part, &parts) != 2)
        parts = 1;
    for (size_t first = 0, end; first < KEYS; first = end) {
        struct buf file = {0};
        end = every_bit ? first + 1 : KEYS;
        if (first % parts != part % parts)
            continue;
        write_keys(&file, compress, SIZE_MAX, first, end);
        flip_file(&file, every_bit ? 1 : step, first, end, &flips);
        buf_fini(&file);
    }
    if (every_bit)
        print_message("%zu bits: %zu found, %zu harmless\n", flips.found + flips.harmless, flips.found, flips.harmless);
}

static void
test_flipped_bits(void **state)
{
    (void)state;
    flip_bits(false, 997);
    flip_bits(true, 8 * 997 + 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc64),     cmocka_unit_test(test_listpack_there_and_back),
        cmocka_unit_test(test_old_forms), cmocka_unit_test(test_all_types),
        cmocka_unit_test(test_cut),       cmocka_unit_test(test_flipped_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

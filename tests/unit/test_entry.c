/* Entries: exact sizes, keys of every length, expiry, clock, renaming and copying. */
#include "base/buf.h"
#include "base/mem.h"
#include "value/entry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct slice
key_of(struct buf *b, size_t len)
{
    buf_reset(b);
    for (size_t i = 0; i < len; i++)
        buf_add_char(b, (char)('A' + i % 50));
    return buf_slice(b);
}

static size_t
bytes_of_new(size_t key_len, size_t value_len, int64_t expire)
{
    struct buf k = {0}, v = {0};
    key_of(&k, key_len);
    key_of(&v, value_len);
    struct entry *e = entry_new_string(buf_slice(&k), buf_slice(&v), expire);
    size_t n = entry_bytes(e);

    entry_free(e);
    buf_fini(&k);
    buf_fini(&v);
    return n;
}

/* The sizes that the memory targets rest on, in the allocator that we ship with. */
static void
sizes(void **state)
{
    if (strncmp(mem_allocator_name(), "jemalloc", 8) != 0)
        skip();
    assert_int_equal(bytes_of_new(16, 9, -1), 32);
    assert_int_equal(bytes_of_new(16, 64, -1), 96);
    assert_int_equal(bytes_of_new(16, 64, 1700000000000), 96);
    assert_int_equal(bytes_of_new(0, 0, -1), 16);
    struct entry *e = entry_new_string(LIT("0123456789abcdef"), LIT("12345678901234"), -1);
    assert_int_equal(entry_bytes(e), 32);
    entry_free(e);
    e = entry_new(TYPE_HASH, LIT("0123456789abcdef"));
    assert_int_equal(mem_size_of(e), 32);
    mem_free(e); /* an empty collection holds nothing else */
}

static void
header_fields(void **state)
{
    static const size_t lengths[] = {0, 1, 16, 249, 250, 253, 254, 255, 256, 257, 65535, 65536, 1 << 20};
    struct buf kb = {0}, kb2 = {0};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct slice key = key_of(&kb, lengths[i]), other = key_of(&kb2, lengths[i] / 2 + 200);
        struct entry *e = entry_new_string(key, LIT("some value"), -1);
        char text[STRING_TEXT_MAX];
        assert_int_equal((uintptr_t)e % 16, 0);
        assert_int_equal(entry_type(e), TYPE_STRING);
        assert_int_equal(entry_expiry(e), -1);
        assert_int_equal(entry_flags(e), 0);
        entry_set_clock(e, 0xabcdef);
        entry_set_flag(e, ENTRY_STAMP, true);
        for (int64_t at = 0; at < 3; at++) {
            e = entry_set_expiry(e, at << 40);
            assert_int_equal(entry_expiry(e), at << 40);
            assert_true(slice_eq(entry_key(e), key));
            assert_true(slice_eq(string_get(e, text), LIT("some value")));
        }
        e = entry_set_expiry(e, -1);
        e = entry_set_expiry(e, -1);
        assert_int_equal(entry_expiry(e), -1);
        assert_true(slice_eq(entry_key(e), key));
        assert_int_equal(entry_clock(e), 0xabcdef);
        assert_int_equal(entry_flags(e), ENTRY_STAMP);
        entry_set_flag(e, ENTRY_STAMP, false);
        assert_int_equal(entry_flags(e), 0);
        e = entry_set_expiry(e, 99);
        struct entry *twin = entry_copy(e, other, NULL, NULL);
        e = entry_rename(e, other);
        assert_true(slice_eq(entry_key(e), other) && slice_eq(entry_key(twin), other));
        assert_true(slice_eq(string_get(e, text), LIT("some value")));
        assert_true(slice_eq(string_get(twin, text), LIT("some value")));
        assert_int_equal(entry_expiry(e), 99);
        assert_int_equal(entry_expiry(twin), 99);
        assert_int_equal(entry_clock(e), 0xabcdef);
        entry_free(twin);
        entry_free(e);
    }
    entry_free(NULL);
    buf_fini(&kb);
    buf_fini(&kb2);
}

static void
names(void **state)
{
    assert_string_equal(value_type_name(TYPE_STRING), "string");
    assert_string_equal(value_type_name(TYPE_ZSET), "zset");
    for (int t = 0; t < TYPE_COUNT; t++)
        assert_non_null(value_type_name((enum value_type)t));
}

static void
effort(void **state)
{
    struct buf v = {0};
    struct entry *small = entry_new_string(LIT("k"), LIT("v"), -1);
    struct entry *large = entry_new_string(LIT("k"), key_of(&v, 4 << 20), -1);

    assert_int_equal(entry_free_effort(small), 1);
    assert_true(entry_free_effort(large) > 64);
    assert_true(entry_bytes(large) >= 4 << 20);
    entry_free(small);
    entry_free(large);
    buf_fini(&v);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(header_fields),
        cmocka_unit_test(names),
        cmocka_unit_test(effort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

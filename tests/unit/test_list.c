/* Lists against an array of copies, under several block limits. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "value/list.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SEED = 11, MODEL_MAX = 20000 };

struct model {
    struct slice at[MODEL_MAX];
    size_t count;
};

static void
model_insert(struct model *m, size_t at, struct slice s)
{
    char *copy = mem_get(s.len + 1);

    memcpy(copy, s.ptr, s.len);
    memmove(m->at + at + 1, m->at + at, (m->count - at) * sizeof(m->at[0]));
    m->at[at] = slice_of(copy, s.len);
    m->count++;
}

static void
model_remove(struct model *m, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++)
        mem_free((void *)(uintptr_t)m->at[i].ptr);
    m->count -= n;
    memmove(m->at + at, m->at + at + n, (m->count - at) * sizeof(m->at[0]));
}

static size_t
model_remove_equal(struct model *m, struct slice s, enum list_end from, size_t max)
{
    size_t removed = 0;

    for (size_t i = 0; i < m->count && (max == 0 || removed < max);) {
        size_t at = from == LIST_HEAD ? i : m->count - 1 - i;
        if (slice_eq(m->at[at], s)) {
            model_remove(m, at, 1);
            removed++;
        } else {
            i++;
        }
    }
    return removed;
}

static void
assert_same(const struct list *l, const struct model *m)
{
    struct slice e;

    assert_true(list_verify(l));
    assert_int_equal(list_count(l), m->count);
    struct list_iter it = list_seek(l, 0, LIST_TAIL);
    for (size_t i = 0; i < m->count; i++) {
        assert_true(list_next(l, &it, &e));
        assert_true(slice_eq(e, m->at[i]));
    }
    assert_false(list_next(l, &it, &e));
    it = list_seek(l, m->count == 0 ? 0 : m->count - 1, LIST_HEAD);
    for (size_t i = m->count; i-- > 0;) {
        assert_true(list_next(l, &it, &e));
        assert_true(slice_eq(e, m->at[i]));
    }
    assert_false(list_next(l, &it, &e));
    if (m->count > 0) {
        assert_true(slice_eq(list_peek(l, LIST_HEAD), m->at[0]));
        assert_true(slice_eq(list_peek(l, LIST_TAIL), m->at[m->count - 1]));
    }
}

static struct slice
some_element(struct rng *rng, char *text, size_t large)
{
    static const size_t edges[] = {0, 1, 249, 250, 251, 252, 255, 256, 4000, 8100, 8150, 8160, 8161, 8162, 8163, 8200};
    size_t len;

    switch (rng_below(rng, 12)) {
    case 0: len = large ? edges[rng_below(rng, sizeof(edges) / sizeof(edges[0]))] : 300; break;
    case 1: len = rng_below(rng, 600); break;
    default: len = rng_below(rng, 30); break;
    }
    memset(text, (int)('a' + rng_below(rng, 3)), len);
    return slice_of(text, len);
}

static void
change(struct list *l, struct model *m, const struct value_limits *lim, struct rng *rng, int bias)
{
    static char text[10000];
    struct slice e = some_element(rng, text, (size_t)(bias & 1));
    enum list_end end = rng_below(rng, 2) ? LIST_HEAD : LIST_TAIL;
    size_t at = rng_below(rng, m->count + 1);

    switch (rng_below(rng, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (m->count < MODEL_MAX - 1) {
            list_push(l, lim, end, e);
            model_insert(m, end == LIST_HEAD ? 0 : m->count, e);
        }
        break;
    case 4:
    case 5:
        if (m->count < MODEL_MAX - 1) {
            list_insert(l, lim, at, e);
            model_insert(m, at, e);
        }
        break;
    case 6:
    case 7:
        if (m->count > 0) {
            at = at == m->count ? 0 : at;
            list_set(l, lim, at, e);
            model_insert(m, at, e);
            model_remove(m, at + 1, 1);
            assert_true(slice_eq(list_at(l, at), e));
        }
        break;
    case 8:
        if (bias & 2 && m->count > 0) {
            size_t n = rng_below(rng, 30) == 0 ? rng_below(rng, m->count + 1) : 1;
            list_drop(l, end, n);
            model_remove(m, end == LIST_HEAD ? 0 : m->count - n, n);
        }
        break;
    case 9: {
        size_t max = rng_below(rng, 40) == 0 ? 0 : 1 + rng_below(rng, 5);
        assert_int_equal(list_remove_equal(l, e, end, max), model_remove_equal(m, e, end, max));
        break;
    }
    default:
        if (m->count > 0 && bias & 4) {
            list_drop(l, end, 1);
            model_remove(m, end == LIST_HEAD ? 0 : m->count - 1, 1);
        }
        break;
    }
}

static void
random_changes(void **state)
{
    static const int fills[] = {-2, -1, -5, 1, 3, 128, 0, -100};
    struct model *m = mem_get_zero(sizeof(*m));
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct rng rng;

    for (uint64_t i = 0; i < 16; i++) {
        struct list l = {0};
        rng_seed(&rng, SEED + i);
        lim.list_max_listpack_size = fills[i % 8];
        for (int step = 0; step < 5000; step++) {
            /* It grows, hovers and shrinks in turn. */
            change(&l, m, &lim, &rng, (int)(i & 1) | (step / 700 % 2 ? 6 : 2));
            if (step % 23 == 0 || m->count < 20)
                assert_same(&l, m);
        }
        assert_same(&l, m);
        struct list copy = list_copy(&l, &lim, NULL);
        assert_same(&copy, m);
        list_drop(&copy, LIST_TAIL, list_count(&copy));
        assert_int_equal(list_count(&copy), 0);
        assert_same(&l, m);
        list_fini(&l);
        model_remove(m, 0, m->count);
        assert_same(&l, m);
    }
    mem_free(m);
}

static void
ends_cost_what_they_should(void **state)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});

    for (int end = LIST_HEAD; end <= LIST_TAIL; end++) {
        struct list l = {0};
        char text[32];
        list_push(&l, &lim, (enum list_end)end, LIT("123456789012345"));
        if (strncmp(mem_allocator_name(), "jemalloc", 8) == 0)
            assert_true(list_bytes(&l) <= 32);
        for (unsigned i = 1; i < 1000000; i++) {
            memset(text, 'x', 15);
            memcpy(text, &i, 4);
            list_push(&l, &lim, (enum list_end)end, slice_of(text, 15));
        }
        assert_true(list_verify(&l));
        assert_true(list_bytes(&l) < 16300000);
        assert_true(slice_eq(list_at(&l, end == LIST_HEAD ? 999999 : 0), LIT("123456789012345")));
        list_fini(&l);
    }
}

static void
queue_stays_small(void **state)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct list l = {0};

    for (int i = 0; i < 300000; i++) {
        list_push(&l, &lim, LIST_TAIL, LIT("0123456789"));
        if (i >= 100)
            list_drop(&l, LIST_HEAD, 1);
        if (i % 1000 == 0)
            assert_true(list_verify(&l));
    }
    assert_true(list_bytes(&l) < 4096);
    assert_int_equal(list_count(&l), 100);
    list_fini(&l);
}

static void
encodings(void **state)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct list l = {0};
    static char large[1 << 20];

    assert_string_equal(list_encoding(&l), "listpack");
    for (int i = 0; i < 300; i++)
        list_push(&l, &lim, LIST_TAIL, LIT("0123456789"));
    assert_string_equal(list_encoding(&l), "listpack");
    for (int i = 0; i < 700; i++)
        list_push(&l, &lim, LIST_TAIL, LIT("0123456789"));
    assert_string_equal(list_encoding(&l), "quicklist");
    list_drop(&l, LIST_HEAD, 500);
    assert_string_equal(list_encoding(&l), "quicklist");
    list_drop(&l, LIST_HEAD, 480);
    assert_string_equal(list_encoding(&l), "listpack");
    list_set(&l, &lim, 10, slice_of(large, sizeof(large)));
    assert_string_equal(list_encoding(&l), "quicklist");
    assert_true(list_verify(&l));
    assert_int_equal(list_at(&l, 10).len, sizeof(large));
    assert_int_equal(list_at(&l, 9).len, 10);
    assert_int_equal(list_count(&l), 20);
    assert_int_equal(list_remove_equal(&l, slice_of(large, sizeof(large)), LIST_HEAD, 0), 1);
    assert_true(list_verify(&l));
    lim.list_max_listpack_size = 4;
    list_fini(&l);
    for (int i = 0; i < 4; i++)
        list_push(&l, &lim, LIST_HEAD, LIT("a"));
    assert_string_equal(list_encoding(&l), "listpack");
    list_push(&l, &lim, LIST_HEAD, LIT("a"));
    assert_string_equal(list_encoding(&l), "quicklist");
    list_fini(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(ends_cost_what_they_should),
        cmocka_unit_test(queue_stays_small),
        cmocka_unit_test(encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

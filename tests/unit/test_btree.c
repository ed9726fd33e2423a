/* The B+tree against a sorted array of the same items. */
#include "base/mem.h"
#include "base/rng.h"
#include "ds/btree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 77, MODEL_MAX = 30000 };

struct item {
    uint64_t prefix, id;
};

static uint64_t
item_prefix(const void *p)
{
    return ((const struct item *)p)->prefix;
}

static int
item_compare(const void *a, const void *b)
{
    uint64_t x = ((const struct item *)a)->id, y = ((const struct item *)b)->id;

    return (x > y) - (x < y);
}

static const struct btree_ops ops = {item_prefix, item_compare};

struct model {
    struct item *at[MODEL_MAX];
    size_t count;
};

static bool
is_before(const void *ctx, const void *p)
{
    const struct item *a = p, *b = ctx;

    return a->prefix != b->prefix ? a->prefix < b->prefix : a->id < b->id;
}

static size_t
model_place(const struct model *m, const struct item *it)
{
    size_t lo = 0, hi = m->count;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (is_before(it, m->at[mid]))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void
model_insert(struct model *m, struct item *it)
{
    size_t at = model_place(m, it);

    memmove(m->at + at + 1, m->at + at, (m->count - at) * sizeof(m->at[0]));
    m->at[at] = it;
    m->count++;
}

static void
model_take(struct model *m, size_t at)
{
    m->count--;
    memmove(m->at + at, m->at + at + 1, (m->count - at) * sizeof(m->at[0]));
}

static void
assert_same(const struct btree *t, const struct model *m)
{
    assert_true(btree_verify(t, &ops));
    assert_int_equal(t->items, m->count);
    struct btree_iter it = btree_seek(t, 0);
    for (size_t i = 0; i < m->count; i++, btree_forward(&it))
        assert_ptr_equal(btree_get(it), m->at[i]);
    assert_null(btree_get(it));
    btree_forward(&it);
    assert_null(btree_get(it));
    for (size_t i = m->count; i-- > 0;) {
        btree_backward(&it);
        assert_ptr_equal(btree_get(it), m->at[i]);
    }
    btree_backward(&it);
    btree_backward(&it);
    assert_null(btree_get(it));
    if (m->count > 0) {
        btree_forward(&it);
        assert_ptr_equal(btree_get(it), m->at[0]);
    }
    assert_ptr_equal(btree_min(t), m->count > 0 ? m->at[0] : NULL);
}

static void
assert_place(const struct btree *t, const struct model *m, size_t at)
{
    assert_ptr_equal(btree_at(t, at), m->at[at]);
    assert_int_equal(btree_rank(t, &ops, m->at[at]), at);
}

static void
assert_counts(const struct btree *t, const struct model *m, struct item probe)
{
    assert_int_equal(btree_count_before(t, is_before, &probe), model_place(m, &probe));
    struct item low = {probe.prefix, 0}, high = {probe.prefix, UINT64_MAX};
    assert_int_equal(btree_count_prefix(t, &ops, probe.prefix, false), model_place(m, &low));
    assert_int_equal(btree_count_prefix(t, &ops, probe.prefix, true), model_place(m, &high));
}

/* Kinds of prefixes: dense, all over, few distinct, all equal, clusters far apart, ascending, descending. */
static uint64_t
some_prefix(struct rng *rng, unsigned kind, uint64_t step)
{
    switch (kind) {
    case 0: return rng_below(rng, 100000);
    case 1: return rng_next(rng);
    case 2: return rng_below(rng, 5) << 60;
    case 3: return 42;
    case 4: return (rng_below(rng, 4) << 62 | UINT64_C(1) << 61) + rng_below(rng, 1000);
    case 5: return step << 32;
    case 6: return UINT64_MAX - (step << 32);
    default: return UINT64_MAX - rng_below(rng, 3);
    }
}

static void
give_order(void *item, void *ctx)
{
    ((struct item *)item)->prefix = *(uint64_t *)ctx;
}

static void
change(struct btree *t, struct model *m, struct rng *rng, unsigned kind, uint64_t step, unsigned grow)
{
    uint64_t prefix = some_prefix(rng, kind, step);
    size_t at = m->count > 0 ? rng_below(rng, m->count) : 0;

    if (m->count == 0 || (m->count < MODEL_MAX && rng_below(rng, 100) < grow)) {
        struct item *it = mem_get(sizeof(*it));
        *it = (struct item){prefix, step};
        btree_insert(t, &ops, it);
        model_insert(m, it);
        assert_place(t, m, model_place(m, it));
        return;
    }
    struct item *it = m->at[at];
    switch (rng_below(rng, 8)) {
    case 0: {
        struct item *twin = mem_get(sizeof(*twin));
        *twin = *it;
        btree_replace(t, &ops, it, twin);
        m->at[at] = twin;
        mem_free(it);
        assert_place(t, m, at);
        break;
    }
    case 1:
        model_take(m, at);
        if (rng_below(rng, 2))
            prefix = it->prefix + rng_below(rng, 3);
        btree_change(t, &ops, it, give_order, &prefix);
        model_insert(m, it);
        assert_place(t, m, model_place(m, it));
        break;
    default:
        if (rng_below(rng, 3) == 0)
            at = rng_below(rng, 2) ? 0 : m->count - 1;
        it = m->at[at];
        btree_remove(t, &ops, it);
        model_take(m, at);
        mem_free(it);
        break;
    }
}

static void
play(uint64_t seed, unsigned kind)
{
    struct model *m = mem_get_zero(sizeof(*m));
    struct btree t = {0};
    struct rng rng;

    rng_seed(&rng, seed);
    for (uint64_t step = 0; step < 30000; step++) {
        unsigned grow = step / 10000 == 0 ? 80 : step / 10000 == 1 ? 50 : 15;
        change(&t, m, &rng, kind, step, grow);
        if (m->count > 0 && step % 7 == 0) {
            assert_place(&t, m, rng_below(&rng, m->count));
            assert_counts(&t, m, (struct item){some_prefix(&rng, kind, rng_below(&rng, step + 1)), step / 2});
            assert_counts(&t, m, *m->at[rng_below(&rng, m->count)]);
        }
        if (step % 997 == 0 || m->count < 3)
            assert_same(&t, m);
    }
    assert_same(&t, m);
    while (m->count > 0) {
        size_t at = rng_below(&rng, m->count);
        struct item *it = m->at[at];
        btree_remove(&t, &ops, it);
        model_take(m, at);
        mem_free(it);
        if (m->count % 499 == 0)
            assert_same(&t, m);
    }
    assert_int_equal(btree_bytes(&t), 0);
    btree_fini(&t);
    mem_free(m);
}

static void
random_changes(void **state)
{
    for (unsigned kind = 0; kind < 8; kind++)
        play(SEED + kind, kind);
}

enum { MANY = 200000 };

static double
bytes_an_item(unsigned kind)
{
    struct item *items = mem_get_array(MANY, sizeof(*items));
    struct btree t = {0};
    struct rng rng;

    rng_seed(&rng, SEED);
    for (uint64_t i = 0; i < MANY; i++) {
        items[i] = (struct item){some_prefix(&rng, kind, i), i};
        btree_insert(&t, &ops, &items[i]);
    }
    assert_true(btree_verify(&t, &ops));
    double bytes = (double)btree_bytes(&t) / MANY;
    btree_fini(&t);
    assert_int_equal(t.items, 0);
    mem_free(items);
    return bytes;
}

static void
memory(void **state)
{
    assert_true(bytes_an_item(1) < 14.0);
    assert_true(bytes_an_item(5) < 9.2);
    assert_true(bytes_an_item(3) < 9.2); /* equal prefixes, ascending otherwise */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

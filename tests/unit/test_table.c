/* tests/unit/test_table.c - ds/table against a plain array, through growth, shrinking and everything between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/table.h"

#include <stdio.h>

enum { SEED = 20240902, KEYS_MAX = 60000 };
static const struct hash_seed HASH_SEED = {0x0123456789abcdef, 0xfedcba9876543210};

/* An item is its number; the key is the number's bytes. */
struct item {
    uint64_t number;
    uint64_t seen;
};

static struct slice
item_key(const void *item)
{
    return slice_of(&((const struct item *)item)->number, 8);
}

static uint64_t
item_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, item_key(item));
}

/* All items share 32 positions: what displacement and early growth are for. */
static uint64_t
clumped_hash(const void *item, struct hash_seed seed)
{
    uint64_t h = siphash(seed, item_key(item));

    return (h & 0xffffffff) | (h >> 32 & 31) << 59;
}

static const struct table_ops OPS = {item_key, item_hash};
static const struct table_ops CLUMPED = {item_key, clumped_hash};

/* The twin: all numbers below KEYS_MAX, present or not, and the present ones in a dense array. */
struct twin {
    struct item **items;
    uint32_t *present, *where;
    size_t n;
};

static void
twin_init(struct twin *w)
{
    w->items = mem_get_zero(KEYS_MAX * sizeof(*w->items));
    w->present = mem_get_zero(KEYS_MAX * sizeof(*w->present));
    w->where = mem_get_zero(KEYS_MAX * sizeof(*w->where));
    w->n = 0;
}

static void
twin_fini(struct twin *w)
{
    for (size_t i = 0; i < KEYS_MAX; i++)
        mem_free(w->items[i]);
    mem_free(w->items);
    mem_free(w->present);
    mem_free(w->where);
}

static void
add(struct table *t, const struct table_ops *ops, struct twin *w, uint32_t number)
{
    struct item *item = mem_get(sizeof(*item));

    item->number = number;
    item->seen = 0;
    table_insert(t, ops, ops->hash(item, t->seed), item);
    w->items[number] = item;
    w->where[number] = (uint32_t)w->n;
    w->present[w->n++] = number;
}

static void
drop(struct table *t, const struct table_ops *ops, struct twin *w, uint32_t number)
{
    struct item *item = w->items[number];
    uint64_t hash = ops->hash(item, t->seed);

    assert_true(table_remove(t, ops, hash, item));
    assert_false(table_remove(t, ops, hash, item));
    mem_free(item);
    w->items[number] = NULL;
    uint32_t last = w->present[--w->n];
    w->present[w->where[number]] = last;
    w->where[last] = w->where[number];
}

static void
look(const struct table *t, const struct table_ops *ops, const struct twin *w, uint32_t number)
{
    struct item probe = {number, 0};
    uint64_t hash = ops->hash(&probe, t->seed);

    table_prefetch_bucket(t, hash);
    table_prefetch_item(t, hash);
    assert_ptr_equal(table_find(t, ops, hash, item_key(&probe)), w->items[number]);
}

static void
replace(struct table *t, const struct table_ops *ops, struct twin *w, uint32_t number)
{
    struct item *old = w->items[number], *fresh = mem_get(sizeof(*fresh));

    *fresh = *old;
    uint64_t hash = ops->hash(old, t->seed);
    mem_free(old);
    table_replace(t, hash, old, fresh);
    w->items[number] = fresh;
}

/* Random operations drifting up and down between `low` and `high` items. */
static void
play(const struct table_ops *ops, int rounds, size_t low, size_t high, unsigned keys)
{
    struct rng r;
    struct table t;
    struct twin w;
    bool up = true;

    rng_seed(&r, SEED);
    twin_init(&w);
    table_init(&t, HASH_SEED);
    for (int i = 0; i < rounds; i++) {
        uint32_t number = (uint32_t)rng_below(&r, keys);
        uint64_t op = rng_below(&r, 100);

        look(&t, ops, &w, number);
        if (w.n >= high)
            up = false;
        if (w.n <= low)
            up = true;
        if (op < (up ? 70u : 25u)) {
            if (w.items[number] == NULL)
                add(&t, ops, &w, number);
        } else if (op < 95) {
            if (w.n > 0)
                drop(&t, ops, &w, w.present[rng_below(&r, w.n)]);
        } else if (w.n > 0) {
            replace(&t, ops, &w, w.present[rng_below(&r, w.n)]);
        }
        if (op == 99)
            table_step(&t, ops, 1 + rng_below(&r, 20));
        assert_int_equal(table_count(&t), w.n);
        if (i % 997 == 0)
            assert_true(table_verify(&t, ops));
    }
    assert_true(table_verify(&t, ops));
    for (uint32_t k = 0; k < keys; k++)
        look(&t, ops, &w, k);
    while (w.n > 0)
        drop(&t, ops, &w, w.present[w.n - 1]);
    assert_int_equal(table_count(&t), 0);
    assert_null(table_random(&t, &r));
    table_fini(&t);
    twin_fini(&w);
}

static void
model_small(void **state)
{
    play(&OPS, 30000, 0, 60, 200);
}

static void
model_middle(void **state)
{
    play(&OPS, 100000, 100, 3000, 5000);
}

static void
model_large(void **state)
{
    play(&OPS, 400000, 1000, 45000, KEYS_MAX);
}

/* Positions that clump make the table grow early rather than fail. */
static void
model_clumped(void **state)
{
    play(&CLUMPED, 60000, 0, 1200, 2000);
}

/* -- the scan's promise ------------------------------------------------------------------------------------------ */

static void
mark_seen(void *ctx, void *item)
{
    ((struct item *)item)->seen++;
    ++*(size_t *)ctx;
}

/* Scans once from end to end; between the calls numbers from `stay` on come and go. */
static void
scan_while(struct table *t, struct twin *w, struct rng *r, uint32_t stay, int add_weight, int drop_weight)
{
    uint64_t cursor = 0;
    size_t calls = 0, visits = 0;

    for (uint32_t k = 0; k < KEYS_MAX; k++)
        if (w->items[k] != NULL)
            w->items[k]->seen = 0;
    do {
        cursor = table_scan(t, &OPS, cursor, mark_seen, &visits);
        assert_true(cursor < (uint64_t)1 << TABLE_CURSOR_BITS);
        for (int i = 0; i < add_weight + drop_weight; i++) {
            uint32_t k = stay + (uint32_t)rng_below(r, KEYS_MAX - stay);
            if (i < add_weight && w->items[k] == NULL)
                add(t, &OPS, w, k);
            else if (i >= add_weight && w->items[k] != NULL)
                drop(t, &OPS, w, k);
        }
        assert_true(++calls < 100000);
    } while (cursor != 0);
    for (uint32_t k = 0; k < stay; k++)
        assert_true(w->items[k]->seen >= 1);
}

static void
scan_sees_what_stays(void **state)
{
    struct rng r;
    struct table t;
    struct twin w;
    size_t n = 0;

    rng_seed(&r, SEED);
    twin_init(&w);
    table_init(&t, HASH_SEED);
    assert_int_equal(table_scan(&t, &OPS, 0, mark_seen, &n), 0);
    for (uint32_t k = 0; k < 3000; k++)
        add(&t, &OPS, &w, k);

    /* A table at rest hands out everything exactly once. */
    scan_while(&t, &w, &r, 3000, 0, 0);
    for (uint32_t k = 0; k < 3000; k++)
        assert_int_equal(w.items[k]->seen, 1);

    for (int round = 0; round < 6; round++) {
        size_t before = table_slots(&t);
        scan_while(&t, &w, &r, 3000, 150, 0);
        assert_true(round > 0 || table_slots(&t) > before);
        scan_while(&t, &w, &r, 3000, 30, 30);
        scan_while(&t, &w, &r, 3000, 0, 120);
        scan_while(&t, &w, &r, 3000, 0, 120);
    }
    /* From any place a client may name, the scan comes to an end. */
    for (int i = 0; i < 1000; i++) {
        uint64_t cursor = rng_next(&r);
        (void)table_scan(&t, &OPS, cursor, mark_seen, &n);
    }
    table_fini(&t);
    twin_fini(&w);
}

/* Shrinks by a factor of a hundred during one scan, then grows back during another. */
static void
scan_through_large_changes(void **state)
{
    struct rng r;
    struct table t;
    struct twin w;

    rng_seed(&r, SEED + 1);
    twin_init(&w);
    table_init(&t, HASH_SEED);
    for (uint32_t k = 0; k < KEYS_MAX; k++)
        add(&t, &OPS, &w, k);
    for (uint32_t k = KEYS_MAX - 1; k >= 500; k--) {
        if (k % 3 == 0)
            drop(&t, &OPS, &w, k);
    }
    scan_while(&t, &w, &r, 500, 0, 60);
    scan_while(&t, &w, &r, 500, 0, 400);
    scan_while(&t, &w, &r, 500, 300, 0);
    assert_true(table_verify(&t, &OPS));
    table_fini(&t);
    twin_fini(&w);
}

/* -- random, sizes, memory --------------------------------------------------------------------------------------- */

static void
random_is_uniform(void **state)
{
    enum { N = 1500, PICKS = 60 * N };
    struct rng r;
    struct table t;
    struct twin w;

    rng_seed(&r, SEED);
    twin_init(&w);
    table_init(&t, HASH_SEED);
    for (uint32_t k = 0; k < N; k++)
        add(&t, &OPS, &w, k);
    /* At rest and in the middle of a move. */
    for (int round = 0; round < 2; round++) {
        double chi = 0;
        for (uint32_t k = 0; k < w.n; k++)
            w.items[k]->seen = 0;
        for (int i = 0; i < PICKS; i++)
            ((struct item *)table_random(&t, &r))->seen++;
        double expected = (double)PICKS / (double)w.n;
        for (uint32_t k = 0; k < w.n; k++) {
            double d = (double)w.items[k]->seen - expected;
            chi += d * d / expected;
        }
        /* Chi-square with n - 1 degrees: mean n, deviation sqrt(2n); five deviations. */
        assert_true(chi < (double)w.n + 5 * 1.4143 * 55);
        while (table_slots_target(&t) == 0)
            add(&t, &OPS, &w, (uint32_t)w.n);
        for (int i = 0; i < 12; i++)
            add(&t, &OPS, &w, (uint32_t)w.n);
        assert_true(table_slots_target(&t) != 0);
    }
    table_fini(&t);
    twin_fini(&w);
}

static void
sizes(void **state)
{
    struct table t;
    struct twin w;
    struct rng r;

    /* A million items: 7.34 bytes each. */
    table_init(&t, HASH_SEED);
    assert_int_equal(table_bytes(&t), 0);
    table_reserve(&t, &OPS, 1000000);
    assert_true(table_slots(&t) / 10 == 114688 || table_slots(&t) % 10 != 0);
    assert_true(table_bytes(&t) <= 7350000);
    rng_seed(&r, SEED);
    assert_null(table_random(&t, &r));

    /* A reserved table that holds next to nothing still gives one. */
    twin_init(&w);
    add(&t, &OPS, &w, 7);
    assert_ptr_equal(table_random(&t, &r), w.items[7]);
    table_fini(&t);
    assert_int_equal(table_bytes(&t), 0);
    twin_fini(&w);

    /* Growing item by item never wastes much, and emptying gives the memory back. */
    twin_init(&w);
    table_init(&t, HASH_SEED);
    for (uint32_t k = 0; k < KEYS_MAX; k++) {
        add(&t, &OPS, &w, k);
        if (k > 1000 && table_slots_target(&t) == 0)
            assert_true(table_bytes(&t) <= 12 * table_count(&t));
    }
    for (uint32_t k = KEYS_MAX; k-- > 0;)
        drop(&t, &OPS, &w, k);
    assert_int_equal(table_bytes(&t), 64);
    table_fini(&t);

    /* Reserving a filled table moves everything. */
    for (uint32_t k = 0; k < 1000; k++)
        add(&t, &OPS, &w, k);
    table_reserve(&t, &OPS, 20000);
    assert_int_equal(table_slots_target(&t), 0);
    assert_true(table_slots(&t) >= 20000);
    assert_true(table_verify(&t, &OPS));
    table_fini(&t);
    twin_fini(&w);
}

/* Pages of large arrays are counted while they are in use and not afterwards. */
static void
memory_is_counted(void **state)
{
    struct table t;
    struct twin w;

    twin_init(&w);
    table_init(&t, HASH_SEED);
    size_t before = mem_used();
    table_reserve(&t, &OPS, 2000000);
    size_t held = table_bytes(&t);
    assert_true(mem_used() - before >= held && mem_used() - before < held + 100000);
    table_fini(&t);
    assert_true(mem_used() < before + 100000);
    for (uint32_t k = 0; k < KEYS_MAX; k++)
        add(&t, &OPS, &w, k);
    /* Under a sanitizer only the pages are counted. */
    assert_true(mem_used() - before >= table_bytes(&t) * 9 / 10);
    table_fini(&t);
    twin_fini(&w);
}

/* Drains tables in every state of their growth, freeing each item at once: a sanitizer sees a second look. */
static void
draining_frees_each_item_once(void **state)
{
    struct rng g;

    rng_seed(&g, SEED);
    for (int round = 0; round < 60; round++) {
        const struct table_ops *ops = round % 4 == 0 ? &CLUMPED : &OPS;
        size_t n = rng_below(&g, round % 4 == 0 ? 300 : 20000), drained = 0, at = 0;
        struct table t;
        struct item *item;

        table_init(&t, HASH_SEED);
        for (size_t k = 0; k < n; k++) {
            item = mem_get(sizeof(*item));
            *item = (struct item){k, 0};
            table_insert(&t, ops, ops->hash(item, t.seed), item);
        }
        while ((item = table_drain(&t, &at)) != NULL) {
            assert_true(item->number < n && item->seen++ == 0);
            drained++;
            assert_int_equal(table_count(&t), n - drained);
            mem_free(item);
        }
        assert_int_equal(drained, n);
        table_fini(&t);
    }
}

/* Counts what the moves cost: each hashes the item. */
static uint64_t hashed;

static uint64_t
counted_hash(const void *item, struct hash_seed seed)
{
    hashed++;
    return item_hash(item, seed);
}

static void
note_item(void *ctx, void *item)
{
    struct item ***at = ctx;

    *(*at)++ = item;
}

/* Who removes in the order of a scan empties one end first: nothing is rebuilt again and again for that. */
static void
removing_in_scan_order(void **state)
{
    static const struct table_ops counted = {item_key, counted_hash};
    struct item *found[1024], **at;
    struct table t;
    struct twin w;
    uint64_t cursor = 0;

    (void)state;
    table_init(&t, HASH_SEED);
    twin_init(&w);
    for (uint32_t i = 0; i < KEYS_MAX; i++)
        add(&t, &counted, &w, i);
    hashed = 0;
    do {
        at = found;
        cursor = table_scan(&t, &counted, cursor, note_item, &at);
        for (struct item **p = found; p < at; p++)
            assert_true(table_remove(&t, &counted, item_hash(*p, HASH_SEED), *p));
    } while (cursor != 0);
    assert_int_equal(t.items, 0);
    assert_true(hashed < 6 * KEYS_MAX);
    table_fini(&t);
    twin_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_small),
        cmocka_unit_test(model_middle),
        cmocka_unit_test(model_large),
        cmocka_unit_test(model_clumped),
        cmocka_unit_test(scan_sees_what_stays),
        cmocka_unit_test(scan_through_large_changes),
        cmocka_unit_test(random_is_uniform),
        cmocka_unit_test(sizes),
        cmocka_unit_test(removing_in_scan_order),
        cmocka_unit_test(memory_is_counted),
        cmocka_unit_test(draining_frees_each_item_once),
    };
    printf("test_table: seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

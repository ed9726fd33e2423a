/* Streams against an array of the same entries. */
#include "base/mem.h"
#include "base/rng.h"
#include "ds/btree.h"
#include "value/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { SEED = 4711, MODEL_MAX = 4000, STEPS = 30000 };

struct twin {
    struct stream_id id[MODEL_MAX];
    uint32_t tag[MODEL_MAX]; /* what the entry's fields were made from */
    size_t count;
};

static const struct stream_node_limits limits = {4096, 100};

/* Fields of an entry: mostly the usual two, sometimes others, sometimes long. */
static size_t
make_fields(uint32_t tag, struct slice out[8], char text[4][400])
{
    size_t pairs = tag % 7 == 0 ? 1 + tag % 3 : 2;

    for (size_t i = 0; i < pairs; i++) {
        out[2 * i] = tag % 7 == 0 ? LIT("other") : i == 0 ? LIT("sensor") : LIT("temp");
        int n = snprintf(text[i], sizeof(text[i]), "%u-%zu", tag, i);
        if (tag % 31 == 0)
            n = snprintf(text[i], sizeof(text[i]), "%0300u", tag);
        out[2 * i + 1] = slice_of(text[i], (size_t)n);
    }
    return pairs;
}

static void
assert_entry(struct stream_entry e, struct stream_id id, uint32_t tag)
{
    struct slice want[8], name, value;
    char text[4][400];
    size_t pairs = make_fields(tag, want, text);

    assert_int_equal(stream_id_cmp(e.id, id), 0);
    assert_int_equal(e.pairs, pairs);
    for (size_t i = 0; i < pairs; i++) {
        stream_entry_pair(&e, &name, &value);
        assert_true(slice_eq(name, want[2 * i]));
        assert_true(slice_eq(value, want[2 * i + 1]));
    }
}

static size_t
place(const struct twin *m, struct stream_id id)
{
    size_t i = 0;

    while (i < m->count && stream_id_cmp(m->id[i], id) < 0)
        i++;
    return i;
}

static void
twin_cut(struct twin *m, size_t at, size_t n)
{
    memmove(m->id + at, m->id + at + n, (m->count - at - n) * sizeof(m->id[0]));
    memmove(m->tag + at, m->tag + at + n, (m->count - at - n) * sizeof(m->tag[0]));
    m->count -= n;
}

static void
assert_same(const struct stream *s, const struct twin *m, struct rng *rng)
{
    struct stream_entry e;
    size_t from = m->count == 0 ? 0 : rng_below(rng, m->count);
    struct stream_id start = m->count == 0 ? STREAM_ID_MIN : m->id[from];

    assert_true(stream_verify(s));
    assert_int_equal(stream_count(s), m->count);
    struct stream_iter it = stream_seek(s, start, false);
    for (size_t i = from; i < m->count; i++) {
        assert_true(stream_next(&it, &e));
        assert_entry(e, m->id[i], m->tag[i]);
    }
    assert_false(stream_next(&it, &e));
    it = stream_seek(s, start, true);
    for (size_t i = m->count == 0 ? 0 : from + 1; i > 0; i--) {
        assert_true(stream_next(&it, &e));
        assert_entry(e, m->id[i - 1], m->tag[i - 1]);
    }
    assert_false(stream_next(&it, &e));
}

static void
step_append(struct stream *s, struct twin *m, struct rng *rng)
{
    struct slice fields[8];
    char text[4][400];
    struct stream_id id = stream_last_id(s);
    uint32_t tag = (uint32_t)rng_below(rng, 1000000);

    if (rng_below(rng, 3) == 0)
        id = (struct stream_id){id.ms + 1 + rng_below(rng, 1000), rng_below(rng, 3)};
    else
        id.seq += 1 + rng_below(rng, 5);
    if (m->count == MODEL_MAX)
        return;
    size_t pairs = make_fields(tag, fields, text);
    stream_append(s, &limits, id, fields, pairs);
    m->id[m->count] = id;
    m->tag[m->count++] = tag;
}

static void
step_trim(struct stream *s, struct twin *m, struct rng *rng)
{
    size_t before = m->count, removed;

    if (m->count == 0)
        return;
    size_t cut = rng_below(rng, m->count < 50 ? m->count : 50);
    if (rng_below(rng, 2) == 0)
        removed = stream_trim_count(s, m->count - cut, false, 0);
    else
        removed = stream_trim_id(s, m->id[cut], false, 0);
    assert_int_equal(removed, cut);
    twin_cut(m, 0, cut);
    size_t approx = stream_trim_count(s, m->count / 2, true, 200);
    assert_true(approx <= 200 && approx <= m->count - m->count / 2);
    twin_cut(m, 0, approx);
    assert_int_equal(stream_count(s) + cut + approx, before);
}

static void
behaves_like_an_array(void **state)
{
    struct rng rng;
    struct stream s = {0};
    static struct twin m;

    (void)state;
    m.count = 0;
    rng_seed(&rng, SEED);
    for (int i = 0; i < STEPS; i++) {
        unsigned dice = (unsigned)rng_below(&rng, 100);
        if (dice < 80) {
            step_append(&s, &m, &rng);
        } else if (dice < 98 && m.count > 0) {
            size_t at = rng_below(&rng, m.count);
            assert_true(stream_has(&s, m.id[at]));
            assert_true(stream_delete(&s, m.id[at]));
            assert_false(stream_delete(&s, m.id[at]));
            twin_cut(&m, at, 1);
        } else {
            step_trim(&s, &m, &rng);
        }
        if (i % 1000 == 0)
            assert_same(&s, &m, &rng);
    }
    struct stream copy = stream_copy(&s, NULL);
    assert_same(&copy, &m, &rng);
    stream_fini(&copy);
    assert_true(place(&m, STREAM_ID_MIN) == 0);
    stream_fini(&s);
}

static void
groups_keep_what_is_pending(void **state)
{
    struct stream s = {0};
    struct stream_group *g = stream_group_create(&s, LIT("g"), STREAM_ID_MIN, 0);

    (void)state;
    assert_null(stream_group_create(&s, LIT("g"), STREAM_ID_MIN, 0));
    for (char c = 'z'; c >= 'a'; c--)
        assert_non_null(stream_group_create(&s, slice_of(&c, 1), STREAM_ID_MIN, 0) != NULL || c == 'g' ? g : NULL);
    assert_int_equal(stream_group_count(&s), 26);
    assert_int_equal(stream_group_at(&s, 6)->name.ptr[0], 'g');
    struct stream_consumer *alice = stream_consumer_create(g, LIT("alice"), 5);
    struct stream_consumer *bob = stream_consumer_create(g, LIT("bob"), 6);
    assert_null(stream_consumer_create(g, LIT("bob"), 6));
    for (uint64_t i = 1; i <= 1000; i++)
        stream_pending_add(g, i % 2 ? alice : bob, (struct stream_id){i * 7919 % 1009, 0}, (int64_t)i, 1);
    assert_int_equal(stream_pending_count(g, alice), 500);
    for (size_t i = 1; i < 1000; i++)
        assert_true(stream_id_cmp(stream_pending_at(g, NULL, i - 1)->id, stream_pending_at(g, NULL, i)->id) < 0);
    struct stream_pending *p = stream_pending_find(g, (struct stream_id){7919 % 1009, 0});
    assert_non_null(p);
    assert_ptr_equal(p->consumer, alice);
    stream_pending_deliver(g, p, bob, 2000, 2);
    assert_int_equal(stream_pending_count(g, bob), 501);
    struct stream copy = stream_copy(&s, NULL);
    struct stream_group *twin = stream_group_find(&copy, LIT("g"));
    assert_int_equal(stream_pending_count(twin, stream_consumer_find(twin, LIT("bob"))), 501);
    stream_fini(&copy);
    stream_pending_remove(g, p);
    assert_int_equal(stream_consumer_delete(g, bob), 500);
    assert_int_equal(stream_pending_count(g, NULL), 499);
    stream_group_destroy(&s, g);
    assert_null(stream_group_find(&s, LIT("g")));
    stream_fini(&s);
}

static void
small_entries_take_few_bytes(void **state)
{
    struct stream s = {0};
    char a[16], b[16];
    enum { N = 100000 };

    (void)state;
    for (int i = 0; i < N; i++) {
        struct slice fields[4] = {LIT("sensor"), slice_of(a, (size_t)snprintf(a, sizeof(a), "%04d", i % 1000)),
                                  LIT("temp"),
                                  slice_of(b, (size_t)snprintf(b, sizeof(b), "%.2f", 20 + i % 100 / 10.0))};
        stream_append(&s, &limits, (struct stream_id){1700000000000u + (uint64_t)i / 20, (uint64_t)i % 20}, fields, 2);
    }
    assert_true(stream_bytes(&s) < 20 * N);
    stream_fini(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_an_array),
        cmocka_unit_test(groups_keep_what_is_pending),
        cmocka_unit_test(small_entries_take_few_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Strips against a plain array of elements. */
#include "base/mem.h"
#include "base/rng.h"
#include "ds/strip.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SEED = 5, CAP = 8000, MODEL_MAX = 4096 };

struct model {
    unsigned char *bytes[MODEL_MAX];
    size_t len[MODEL_MAX], count;
};

static void
model_insert(struct model *m, size_t at, struct slice s)
{
    memmove(m->bytes + at + 1, m->bytes + at, (m->count - at) * sizeof(m->bytes[0]));
    memmove(m->len + at + 1, m->len + at, (m->count - at) * sizeof(m->len[0]));
    m->bytes[at] = mem_get(s.len + 1);
    memcpy(m->bytes[at], s.ptr, s.len);
    m->len[at] = s.len;
    m->count++;
}

static void
model_remove(struct model *m, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++)
        mem_free(m->bytes[i]);
    m->count -= n;
    memmove(m->bytes + at, m->bytes + at + n, (m->count - at) * sizeof(m->bytes[0]));
    memmove(m->len + at, m->len + at + n, (m->count - at) * sizeof(m->len[0]));
}

static void
assert_same(const struct strip *s, const struct model *m)
{
    assert_true(strip_verify(s));
    assert_int_equal(s->count, m->count);
    struct strip_pos p = strip_first(s);
    size_t used = 1;
    for (size_t i = 0; i < m->count; i++, p = strip_next(s, p)) {
        assert_true(slice_eq(strip_get(s, p), slice_of(m->bytes[i], m->len[i])));
        used += strip_element_bytes(m->len[i]);
    }
    assert_int_equal(p.desc, 0);
    assert_int_equal(used, strip_used(s));
    p = strip_stop(s);
    for (size_t i = m->count; i-- > 0;) {
        assert_true(strip_prev(s, &p));
        assert_true(slice_eq(strip_get(s, p), slice_of(m->bytes[i], m->len[i])));
    }
    assert_false(strip_prev(s, &p));
}

static size_t
some_length(struct rng *rng)
{
    static const size_t edges[] = {0, 1, 2, 126, 127, 128, 249, 250, 251, 252, 253, 254, 255, 256, 257, 1000};

    return rng_below(rng, 3) == 0 ? edges[rng_below(rng, sizeof(edges) / sizeof(edges[0]))] : rng_below(rng, 40);
}

/* One random change to both. */
static void
change(struct strip *s, struct model *m, struct rng *rng)
{
    char text[1024];
    size_t len = some_length(rng), at = rng_below(rng, m->count + 1);
    enum strip_end end = rng_below(rng, 2) ? STRIP_HEAD : STRIP_TAIL;
    struct slice e = slice_of(text, len);

    memset(text, (int)rng_next(rng), sizeof(text));
    switch (rng_below(rng, 6)) {
    case 0:
    case 1:
        if (strip_room(s, end) < strip_element_bytes(len) || m->count == MODEL_MAX)
            break;
        strip_push(s, end, e);
        model_insert(m, end == STRIP_HEAD ? 0 : m->count, e);
        break;
    case 2:
        if ((strip_room(s, STRIP_HEAD) < strip_element_bytes(len) &&
             strip_room(s, STRIP_TAIL) < strip_element_bytes(len)) ||
            m->count == MODEL_MAX)
            break;
        strip_insert(s, strip_seek(s, at), e);
        model_insert(m, at, e);
        break;
    case 3: {
        size_t n = rng_below(rng, 3);
        n = n < m->count - at ? n : m->count - at;
        struct strip_pos p = strip_remove(s, strip_seek(s, at), n), q = strip_seek(s, at);
        assert_true(p.at == q.at && p.desc == q.desc);
        model_remove(m, at, n);
        break;
    }
    case 4: {
        size_t n = rng_below(rng, 4) == 0 ? rng_below(rng, m->count + 1) / 2 : m->count > 0;
        strip_drop(s, end, n);
        model_remove(m, end == STRIP_HEAD ? 0 : m->count - n, n);
        break;
    }
    default: strip_shift(s, rng_below(rng, s->cap - strip_used(s) + 1)); break;
    }
}

static void
play(uint64_t seed)
{
    struct rng rng;
    struct model *m = mem_get_zero(sizeof(*m));
    struct strip *s = mem_get(sizeof(*s) + CAP), *t = mem_get(sizeof(*t) + CAP);

    rng_seed(&rng, seed);
    strip_init(s, CAP, rng_below(&rng, 2) ? STRIP_HEAD : STRIP_TAIL);
    for (int step = 0; step < 4000; step++) {
        change(s, m, &rng);
        assert_same(s, m);
        if (step % 50 == 0) {
            /* In two and together again. */
            size_t at = rng_below(&rng, m->count + 1);
            strip_shift(s, 0);
            strip_init(t, CAP, rng_below(&rng, 2) ? STRIP_HEAD : STRIP_TAIL);
            strip_split(s, strip_seek(s, at), at, t);
            assert_true(strip_verify(s) && strip_verify(t));
            assert_int_equal(s->count, at);
            strip_join(s, t);
            assert_same(s, m);
            strip_init(t, strip_used(s), STRIP_TAIL);
            strip_copy(t, s);
            assert_same(t, m);
        }
    }
    model_remove(m, 0, m->count);
    mem_free(m);
    mem_free(s);
    mem_free(t);
}

static void
random_changes(void **state)
{
    for (uint64_t i = 0; i < 6; i++)
        play(SEED + i);
}

static void
largest(void **state)
{
    static char text[STRIP_CAP_MAX];
    struct strip *s = mem_get(sizeof(*s) + STRIP_CAP_MAX);
    size_t len = STRIP_CAP_MAX - 6;

    memset(text, 'z', sizeof(text));
    for (int i = 0; i < 2; i++) {
        enum strip_end end = i ? STRIP_HEAD : STRIP_TAIL;
        strip_init(s, STRIP_CAP_MAX, end);
        strip_push(s, end, slice_of(text, len));
        assert_int_equal(strip_room(s, STRIP_HEAD) + strip_room(s, STRIP_TAIL), 0);
        assert_true(strip_verify(s));
        assert_int_equal(strip_get(s, strip_first(s)).len, len);
        strip_drop(s, end, 1);
        assert_true(strip_verify(s));
    }
    mem_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

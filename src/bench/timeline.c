/* bench/timeline.c - moments of equal length, joined in pairs when there are too many. */
#include "bench/timeline.h"

#include "base/mem.h"

#include <string.h>

enum { FIRST_MOMENT_NS = 100 * 1000 * 1000, SUB_BITS = 3 };

void
timeline_init(struct timeline *t)
{
    *t = (struct timeline){FIRST_MOMENT_NS, 0, mem_get_zero(MOMENTS_MAX * sizeof(struct moment))};
}

void
timeline_fini(struct timeline *t)
{
    mem_free(t->moments);
    *t = (struct timeline){0};
}

static uint32_t
slot_of(uint64_t v)
{
    if (v < 2u << SUB_BITS)
        return (uint32_t)v;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(v) - SUB_BITS;
    uint32_t slot = (shift << SUB_BITS) + (uint32_t)(v >> shift);
    return slot < MOMENT_SLOTS ? slot : MOMENT_SLOTS - 1;
}

static uint64_t
slot_end(uint32_t slot)
{
    if (slot < 2u << SUB_BITS)
        return slot;
    uint32_t shift = (slot >> SUB_BITS) - 1;
    return ((slot - ((uint64_t)shift << SUB_BITS) + 1) << shift) - 1;
}

static void
join(struct moment *into, const struct moment *from)
{
    into->requests += from->requests;
    into->max_ns = from->max_ns > into->max_ns ? from->max_ns : into->max_ns;
    for (int i = 0; i < MOMENT_SLOTS; i++)
        into->slots[i] += from->slots[i];
}

static void
halve(struct timeline *t)
{
    int half = (t->count + 1) / 2;

    for (int i = 0; i < half; i++) {
        struct moment both = t->moments[2 * i];
        if (2 * i + 1 < t->count)
            join(&both, &t->moments[2 * i + 1]);
        t->moments[i] = both;
    }
    memset(t->moments + half, 0, (size_t)(MOMENTS_MAX - half) * sizeof(*t->moments));
    t->count = half;
    t->moment_ns *= 2;
}

void
timeline_add(struct timeline *t, int64_t at_ns, uint64_t latency_ns, uint64_t n)
{
    if (at_ns < 0)
        return;
    while (at_ns / t->moment_ns >= MOMENTS_MAX)
        halve(t);
    int i = (int)(at_ns / t->moment_ns);
    struct moment *m = &t->moments[i];
    t->count = i + 1 > t->count ? i + 1 : t->count;
    m->requests += n;
    m->max_ns = latency_ns > m->max_ns ? latency_ns : m->max_ns;
    m->slots[slot_of(latency_ns)] += (uint32_t)n;
}

void
timeline_merge(struct timeline *into, struct timeline *from)
{
    while (into->moment_ns < from->moment_ns)
        halve(into);
    while (from->moment_ns < into->moment_ns)
        halve(from);
    for (int i = 0; i < from->count; i++)
        join(&into->moments[i], &from->moments[i]);
    into->count = from->count > into->count ? from->count : into->count;
}

uint64_t
timeline_percentile(const struct timeline *t, int i, double percent)
{
    const struct moment *m = &t->moments[i];
    double wanted = percent / 100 * (double)m->requests;
    uint64_t seen = 0;

    for (uint32_t slot = 0; slot < MOMENT_SLOTS && m->requests > 0; slot++) {
        seen += m->slots[slot];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t end = slot_end(slot);
            return end < m->max_ns ? end : m->max_ns;
        }
    }
    return m->max_ns;
}

/* bench/histogram.c - slots by magnitude and the bits after the first. */
#include "bench/histogram.h"

#include <string.h>

enum { SUB = 1 << HISTOGRAM_SUB_BITS };

/* Values below 2 * SUB have slots of their own; above, the top SUB_BITS + 1 bits count. */
static uint32_t
slot_of(uint64_t v)
{
    if (v < 2 * SUB)
        return (uint32_t)v;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(v) - HISTOGRAM_SUB_BITS;
    uint32_t slot = (shift << HISTOGRAM_SUB_BITS) + (uint32_t)(v >> shift);
    return slot < HISTOGRAM_SLOTS ? slot : HISTOGRAM_SLOTS - 1;
}

static uint64_t
slot_end(uint32_t slot)
{
    if (slot < 2 * SUB)
        return slot;
    uint32_t shift = (slot >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t top = slot - ((uint64_t)shift << HISTOGRAM_SUB_BITS);
    return ((top + 1) << shift) - 1;
}

void
histogram_reset(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
    h->min = UINT64_MAX;
}

void
histogram_add(struct histogram *h, uint64_t value, uint64_t n)
{
    h->count += n;
    h->total += value * n;
    h->min = value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
    h->slots[slot_of(value)] += n;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->total += from->total;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
    for (uint32_t i = 0; i < HISTOGRAM_SLOTS; i++)
        into->slots[i] += from->slots[i];
}

uint64_t
histogram_percentile(const struct histogram *h, double percent)
{
    double wanted = percent / 100 * (double)h->count;
    uint64_t seen = 0;

    for (uint32_t i = 0; i < HISTOGRAM_SLOTS; i++) {
        seen += h->slots[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t end = slot_end(i);
            return end < h->max ? end : h->max;
        }
    }
    return h->max;
}

double
histogram_mean(const struct histogram *h)
{
    return h->count > 0 ? (double)h->total / (double)h->count : 0;
}

/* engine/latency.c - histograms of commands, samples of events. */
#include "engine/latency.h"

#include "engine/engine_priv.h"

enum { LOWEST_BIT = 3, SUB_BITS = 3 };

static unsigned
bucket_of(uint64_t ns)
{
    if (ns < (1u << LOWEST_BIT))
        return 0;
    unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
    unsigned step = (unsigned)(ns >> (octave - SUB_BITS)) & (LATENCY_STEPS - 1);
    unsigned b = (octave - LOWEST_BIT) * LATENCY_STEPS + step;

    return b < LATENCY_BUCKETS ? b : LATENCY_BUCKETS - 1;
}

/* The first time that no longer belongs to the bucket. */
static uint64_t
bucket_end(unsigned b)
{
    unsigned octave = b / LATENCY_STEPS + LOWEST_BIT, step = b % LATENCY_STEPS;

    return ((uint64_t)LATENCY_STEPS + step + 1) << (octave - SUB_BITS);
}

void
latency__count(struct engine *e, struct command *c, uint64_t took, unsigned commands)
{
    if (c->latency == NULL)
        c->latency = mem_get_zero(sizeof(*c->latency));
    double ns = (double)took * e->ns_per_tick / commands;
    c->latency->counts[bucket_of((uint64_t)ns)] += commands;
    c->latency->total += commands;
}

uint64_t
latency_below(const struct latency_histogram *h, uint64_t ns)
{
    uint64_t n = 0;

    for (unsigned b = 0; b < LATENCY_BUCKETS && bucket_end(b) <= ns; b++)
        n += h->counts[b];
    return n;
}

double
latency_percentile(const struct latency_histogram *h, double percent)
{
    double want = (double)h->total * percent / 100;
    uint64_t n = 0;
    unsigned last = 0;

    for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
        if (h->counts[b] == 0)
            continue;
        n += h->counts[b];
        last = b;
        if ((double)n >= want)
            break;
    }
    return h->total == 0 ? 0 : (double)(bucket_end(last) - 1) / 1000;
}

/* -- events ---------------------------------------------------------------------------------------------------- */

const struct latency_event *
latency_event_first(const struct engine *e)
{
    return e->latency_events;
}

const struct latency_event *
latency_event_find(const struct engine *e, struct slice name)
{
    const struct latency_event *v = e->latency_events;

    while (v != NULL && !slice_eq(slice_cstr(v->name), name))
        v = v->other;
    return v;
}

struct latency_sample
latency_sample_at(const struct latency_event *v, unsigned n)
{
    return v->samples[(v->next + LATENCY_SAMPLES - v->count + n) % LATENCY_SAMPLES];
}

void
engine_latency(struct engine *e, const char *event, int64_t took_us)
{
    int64_t ms = took_us / 1000, now_s = e->now_us / 1000000;
    struct latency_event *v = (struct latency_event *)(uintptr_t)latency_event_find(e, slice_cstr(event));

    if (e->settings.latency_threshold_ms == 0 || ms < e->settings.latency_threshold_ms)
        return;
    if (v == NULL) {
        v = mem_get_zero(sizeof(*v));
        v->name = event;
        v->other = e->latency_events;
        e->latency_events = v;
    }
    v->ms_max = ms > v->ms_max ? ms : v->ms_max;
    /* One sample a second, the worst. */
    struct latency_sample *last = &v->samples[(v->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
    if (v->count > 0 && last->at_s == now_s) {
        last->ms = ms > last->ms ? ms : last->ms;
        return;
    }
    v->samples[v->next] = (struct latency_sample){now_s, ms};
    v->next = (v->next + 1) % LATENCY_SAMPLES;
    v->count += v->count < LATENCY_SAMPLES;
}

size_t
latency_reset(struct engine *e, struct slice name)
{
    size_t n = 0;

    for (struct latency_event **at = &e->latency_events; *at != NULL;) {
        struct latency_event *v = *at;
        if (name.len > 0 && !slice_eq(slice_cstr(v->name), name)) {
            at = &v->other;
            continue;
        }
        *at = v->other;
        mem_free(v);
        n++;
    }
    return n;
}

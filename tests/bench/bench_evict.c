/* tests/bench/bench_evict.c - how often a cache with our eviction hits, beside the best policies known.
 *
 *   make MODE=release build/release/libengine.a
 *   gcc -O2 -flto -std=gnu11 -D_GNU_SOURCE -DSORREL_JEMALLOC -Isrc tests/bench/bench_evict.c build/release/libengine.a
 * \
 *       $(pkg-config --libs jemalloc libcrypto liblzf luajit libutf8proc) -lm -o bench_evict
 *   ./bench_evict [keys that fit] [requests] [trace ...]   prints a table: traces down, policies across, hit ratios in
 * percent
 *   ./bench_evict --trace NAME keys requests FILE          writes a trace, one key number (four bytes) after the other
 *
 * The references are exact, with lists and ghosts of any size they like: LRU, SIEVE, S3-FIFO, ARC and W-TinyLFU (window
 * of 1 %, sketch of four bits). Ours run in the engine itself, in their own bytes: GET, and SET after a miss, a hundred
 * requests a simulated second for every thousand keys that fit. eviction.py plays the same traces against running
 * servers.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/families.h"
#include "engine/dispatch.h"
#include "engine/engine.h"
#include "engine/evict.h"
#include "engine/keyspace.h"
#include "engine/session.h"
#include "engine/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace {
    uint32_t *key;
    size_t n, keys; /* requests; different keys */
    size_t fit;     /* keys that the cache holds */
};

/* -- traces ---------------------------------------------------------------------------------------------------- */

static double *
zipf_new(double exponent, size_t n)
{
    double *sums = malloc(n * sizeof(*sums)), sum = 0;

    for (size_t i = 0; i < n; i++)
        sums[i] = sum += pow((double)(i + 1), -exponent);
    for (size_t i = 0; i < n; i++)
        sums[i] /= sum;
    return sums;
}

static uint32_t
zipf_next(const double *sums, size_t n, struct rng *rng)
{
    double u = (double)(rng_next(rng) >> 11) * 0x1p-53;
    size_t lo = 0, hi = n - 1;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (sums[mid] < u)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (uint32_t)lo;
}

/* zipf-0.9: ten times as many keys as fit. loop-1.1: round and round over 1.1 times what fits. shift: nine of ten
 * requests go to a hot set of three quarters of what fits, which is another one after every tenth of the trace;
 * shift-40: after every fortieth. scan: zipf-0.9 with keys that come once in every fourth stretch. */
static bool
trace_make(struct trace *t, const char *name)
{
    struct rng rng;
    double *z = NULL;
    size_t universe = t->fit * 10, hot = t->fit * 3 / 4, once = 0;
    bool zipf = strncmp(name, "zipf-", 5) == 0, loop = strncmp(name, "loop-", 5) == 0;
    size_t sets = strncmp(name, "shift-", 6) == 0 ? strtoul(name + 6, NULL, 10) : 10;
    bool shift = strncmp(name, "shift", 5) == 0 && sets > 0, scan = strcmp(name, "scan") == 0;
    size_t length = loop ? (size_t)((double)t->fit * strtod(name + 5, NULL)) : 1;

    if (!zipf && !loop && !shift && !scan)
        return false;
    rng_seed(&rng, 11);
    if (!loop)
        z = zipf_new(zipf ? strtod(name + 5, NULL) : shift ? 0.6 : 0.9, shift ? hot : universe);
    for (size_t i = 0; i < t->n; i++) {
        if (loop)
            t->key[i] = (uint32_t)(i % length);
        else if (zipf)
            t->key[i] = zipf_next(z, universe, &rng);
        else if (shift && rng_below(&rng, 10) == 0)
            t->key[i] = (uint32_t)rng_below(&rng, universe);
        else if (shift)
            t->key[i] = (uint32_t)((i / (t->n / sets) * hot + zipf_next(z, hot, &rng)) % universe);
        else if (i / (t->fit * 5 / 2) % 4 == 3)
            t->key[i] = (uint32_t)(universe + once++);
        else
            t->key[i] = zipf_next(z, universe, &rng);
    }
    free(z);
    t->keys = loop ? length : universe + once;
    return true;
}

/* -- references ------------------------------------------------------------------------------------------------ */

enum { LISTS = 4, NOWHERE = 255 };
struct node {
    int next, prev;
    uint8_t list, uses;
};
struct sim {
    const struct trace *t;
    struct node *v;
    int first[LISTS], last[LISTS];
    size_t count[LISTS], hits;
};

static void
sim_start(struct sim *s, const struct trace *t)
{
    *s = (struct sim){.t = t, .v = malloc(t->keys * sizeof(struct node))};
    for (size_t i = 0; i < t->keys; i++)
        s->v[i] = (struct node){-1, -1, NOWHERE, 0};
    for (int i = 0; i < LISTS; i++)
        s->first[i] = s->last[i] = -1;
}

static double
sim_end(struct sim *s)
{
    free(s->v);
    return 100.0 * (double)s->hits / (double)s->t->n;
}

static void
out_of(struct sim *s, int k)
{
    struct node *n = &s->v[k];

    *(n->prev >= 0 ? &s->v[n->prev].next : &s->first[n->list]) = n->next;
    *(n->next >= 0 ? &s->v[n->next].prev : &s->last[n->list]) = n->prev;
    s->count[n->list]--;
    n->list = NOWHERE;
}

static void
into(struct sim *s, int k, int list)
{
    struct node *n = &s->v[k];

    if (n->list != NOWHERE)
        out_of(s, k);
    n->list = (uint8_t)list;
    n->prev = -1;
    n->next = s->first[list];
    *(n->next >= 0 ? &s->v[n->next].prev : &s->last[list]) = k;
    s->first[list] = k;
    s->count[list]++;
}

static double
run_lru(const struct trace *t)
{
    struct sim s;

    sim_start(&s, t);
    for (size_t i = 0; i < t->n; i++) {
        int k = (int)t->key[i];
        if (s.v[k].list == 0)
            s.hits++;
        else if (s.count[0] == t->fit)
            out_of(&s, s.last[0]);
        into(&s, k, 0);
    }
    return sim_end(&s);
}

static double
run_sieve(const struct trace *t)
{
    struct sim s;
    int hand = -1;

    sim_start(&s, t);
    for (size_t i = 0; i < t->n; i++) {
        int k = (int)t->key[i];
        if (s.v[k].list == 0) {
            s.hits++;
            s.v[k].uses = 1;
            continue;
        }
        if (s.count[0] == t->fit) {
            int victim = hand >= 0 ? hand : s.last[0];
            while (s.v[victim].uses != 0) {
                s.v[victim].uses = 0;
                victim = s.v[victim].prev >= 0 ? s.v[victim].prev : s.last[0];
            }
            hand = s.v[victim].prev;
            out_of(&s, victim);
        }
        s.v[k].uses = 0;
        into(&s, k, 0);
    }
    return sim_end(&s);
}

static double
run_s3fifo(const struct trace *t)
{
    enum { SMALL, MAIN, GHOST };
    struct sim s;

    sim_start(&s, t);
    for (size_t i = 0; i < t->n; i++) {
        int k = (int)t->key[i];
        if (s.v[k].list == SMALL || s.v[k].list == MAIN) {
            s.hits++;
            s.v[k].uses += s.v[k].uses < 3;
            continue;
        }
        while (s.count[SMALL] + s.count[MAIN] >= t->fit) {
            bool small = s.count[SMALL] >= t->fit / 10 || s.count[MAIN] == 0;
            int victim = s.last[small ? SMALL : MAIN];
            if (small && s.v[victim].uses > 1) {
                s.v[victim].uses = 0;
                into(&s, victim, MAIN);
            } else if (small) {
                into(&s, victim, GHOST);
                if (s.count[GHOST] > t->fit)
                    out_of(&s, s.last[GHOST]);
            } else if (s.v[victim].uses > 0) {
                s.v[victim].uses--;
                into(&s, victim, MAIN);
            } else {
                out_of(&s, victim);
            }
        }
        into(&s, k, s.v[k].list == GHOST ? MAIN : SMALL);
        s.v[k].uses = 0;
    }
    return sim_end(&s);
}

enum { ARC_T1, ARC_T2, ARC_B1, ARC_B2 };

static void
arc_replace(struct sim *s, double target, bool from_b2)
{
    size_t n = s->count[ARC_T1];
    bool recent = n > 0 && ((double)n > target || (from_b2 && (double)n == floor(target)) || s->count[ARC_T2] == 0);

    into(s, s->last[recent ? ARC_T1 : ARC_T2], recent ? ARC_B1 : ARC_B2);
}

static double
run_arc(const struct trace *t)
{
    struct sim s;
    double target = 0, fit = (double)t->fit;

    sim_start(&s, t);
    for (size_t i = 0; i < t->n; i++) {
        int k = (int)t->key[i], list = s.v[k].list;
        double b1 = (double)s.count[ARC_B1], b2 = (double)s.count[ARC_B2];
        if (list == ARC_T1 || list == ARC_T2) {
            s.hits++;
            into(&s, k, ARC_T2);
        } else if (list == ARC_B1) {
            target = fmin(fit, target + fmax(1, b2 / b1));
            arc_replace(&s, target, false);
            into(&s, k, ARC_T2);
        } else if (list == ARC_B2) {
            target = fmax(0, target - fmax(1, b1 / b2));
            arc_replace(&s, target, true);
            into(&s, k, ARC_T2);
        } else {
            size_t recent = s.count[ARC_T1] + s.count[ARC_B1], all = recent + s.count[ARC_T2] + s.count[ARC_B2];
            if (recent == t->fit && s.count[ARC_T1] == t->fit) {
                out_of(&s, s.last[ARC_T1]);
            } else if (all >= t->fit) {
                if (recent == t->fit)
                    out_of(&s, s.last[ARC_B1]);
                else if (all == 2 * t->fit)
                    out_of(&s, s.last[ARC_B2]);
                if (s.count[ARC_T1] + s.count[ARC_T2] >= t->fit)
                    arc_replace(&s, target, false);
            }
            into(&s, k, ARC_T1);
        }
    }
    return sim_end(&s);
}

/* Four rows of small counters, halved after every ten times what fits. */
struct counts {
    uint8_t *v;
    size_t mask, added, period;
};

static uint8_t *
counts_at(const struct counts *c, uint32_t key, unsigned row)
{
    uint64_t x = (key + 1) * UINT64_C(0x9e3779b97f4a7c15) * (2 * row + 3);

    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return &c->v[row * (c->mask + 1) + ((x >> 32) & c->mask)];
}

static unsigned
counts_get(const struct counts *c, uint32_t key)
{
    unsigned least = 15;

    for (unsigned row = 0; row < 4; row++)
        least = *counts_at(c, key, row) < least ? *counts_at(c, key, row) : least;
    return least;
}

static void
counts_add(struct counts *c, uint32_t key)
{
    unsigned now = counts_get(c, key);

    for (unsigned row = 0; row < 4 && now < 15; row++)
        *counts_at(c, key, row) += *counts_at(c, key, row) == now;
    if (++c->added < c->period)
        return;
    c->added /= 2;
    for (size_t i = 0; i < 4 * (c->mask + 1); i++)
        c->v[i] /= 2;
}

static double
run_wtinylfu(const struct trace *t)
{
    enum { WINDOW, PROBATION, PROTECTED };
    struct counts c = {.period = 10 * t->fit};
    size_t window = t->fit / 100 + 1, protected_max = (t->fit - window) * 4 / 5, width = 1;
    struct sim s;
    struct rng rng;

    while (width < 4 * t->fit)
        width *= 2;
    c.mask = width - 1;
    c.v = calloc(4, width);
    rng_seed(&rng, 3);
    sim_start(&s, t);
    for (size_t i = 0; i < t->n; i++) {
        int k = (int)t->key[i], list = s.v[k].list;
        counts_add(&c, t->key[i]);
        s.hits += list != NOWHERE;
        into(&s, k, list == NOWHERE ? WINDOW : list == PROBATION ? PROTECTED : list);
        if (s.count[PROTECTED] > protected_max)
            into(&s, s.last[PROTECTED], PROBATION);
        if (s.count[WINDOW] <= window)
            continue;
        int candidate = s.last[WINDOW], victim = s.last[PROBATION] >= 0 ? s.last[PROBATION] : s.last[PROTECTED];
        into(&s, candidate, PROBATION);
        if (s.count[WINDOW] + s.count[PROBATION] + s.count[PROTECTED] <= t->fit || victim < 0)
            continue;
        unsigned a = counts_get(&c, (uint32_t)candidate), b = counts_get(&c, (uint32_t)victim);
        bool admit = a > b || (a > 5 && rng_below(&rng, 128) == 0);
        out_of(&s, admit ? victim : candidate);
    }
    free(c.v);
    return sim_end(&s);
}

/* -- ours ------------------------------------------------------------------------------------------------------ */

struct rig {
    int64_t us;
};

static int64_t
rig_wall(void *ctx)
{
    return ((struct rig *)ctx)->us;
}

static int64_t
rig_mono(void *ctx)
{
    return ((struct rig *)ctx)->us * 1000;
}

static struct slice
key_text(char text[32], uint32_t key)
{
    return slice_of(text, (size_t)snprintf(text, 32, "key:%010u", key));
}

static void
set_key(struct engine *e, struct session *s, struct slice key)
{
    static const char value[100];

    engine_run(e, s, (const struct slice[]){LIT("SET"), key, slice_of(value, sizeof(value))}, 3);
    out_sent(session_out(s), out_pending(session_out(s)));
}

/* As much memory as lets that many keys stay, which is tried out: a limit is kept by staying a little under it. */
static uint64_t
limit_for(struct engine *e, struct session *s, size_t fit)
{
    struct engine_settings *settings = engine_settings(e);
    uint64_t base = mem_used(), limit = base + fit * 160;
    char text[32];

    settings->maxmemory_policy = EVICT_ALLKEYS_RANDOM;
    for (int round = 0; round < 6; round++) {
        settings->maxmemory = limit;
        engine_settings_changed(e);
        for (size_t i = 0; i < 3 * fit; i++)
            set_key(e, s, key_text(text, (uint32_t)(UINT32_MAX - i)));
        limit = base + (uint64_t)((double)(limit - base) * (double)fit / (double)table_count(&engine_db(e, 0)->by_key));
        engine_run(e, s, (const struct slice[]){LIT("FLUSHALL")}, 1);
        out_sent(session_out(s), out_pending(session_out(s)));
    }
    return limit;
}

static double
run_ours(const struct trace *t, enum evict_policy policy)
{
    struct rig rig = {INT64_C(1700000000000000)};
    struct hash_seed seed = {1, 2};
    struct engine_options opt = {.clock = {rig_wall, rig_mono, &rig},
                                 .rng_seed = 7,
                                 .hash_seed = seed,
                                 .families = cmd_families,
                                 .limits = value_limits_default(seed)};
    struct engine *e = engine_new(&opt);
    struct session *s = engine_session_open(e, NULL, LIT(""), LIT(""));
    struct engine_settings *settings = engine_settings(e);
    size_t hits = 0, every = t->fit / 1000 + 1;
    char text[32];

    settings->maxmemory = limit_for(e, s, t->fit);
    settings->maxmemory_policy = policy;
    settings->clock_adaptive = policy == EVICT_ALLKEYS_ADAPTIVE;
    settings->lru_clock_lfu = policy == EVICT_ALLKEYS_LFU || settings->clock_adaptive;
    engine_settings_changed(e);
    for (size_t i = 0; i < t->n; i++) {
        struct slice key = key_text(text, t->key[i]);
        uint64_t before = engine_stats(e)->hits;
        if (i % every == 0) {
            rig.us += 10000;
            engine_now_update(e);
        }
        engine_run(e, s, (const struct slice[]){LIT("GET"), key}, 2);
        out_sent(session_out(s), out_pending(session_out(s)));
        if (engine_stats(e)->hits > before)
            hits++;
        else
            set_key(e, s, key);
    }
    size_t resident = table_count(&engine_db(e, 0)->by_key);
    engine_free(e);
    if (resident > t->fit + t->fit / 200)
        fprintf(stderr, "(%zu keys fit, not %zu)", resident, t->fit);
    return 100.0 * (double)hits / (double)t->n;
}

static int
write_trace(struct trace *t, const char *name, const char *path)
{
    FILE *f = fopen(path, "w");

    if (!trace_make(t, name) || f == NULL)
        return 1;
    size_t n = fwrite(t->key, sizeof(*t->key), t->n, f);
    return fclose(f) != 0 || n != t->n;
}

static bool
is_among(const char *name, char **words, int n)
{
    while (n > 0 && strcmp(words[n - 1], name) != 0)
        n--;
    return n > 0;
}

int
main(int argc, char **argv)
{
    static const char *const names[] = {"zipf-0.7", "zipf-0.9", "zipf-1.1", "loop-1.1",
                                        "loop-2",   "shift",    "shift-40", "scan"};
    static double (*const references[])(const struct trace *) = {run_lru, run_sieve, run_s3fifo, run_arc, run_wtinylfu};
    bool only_trace = argc > 5 && strcmp(argv[1], "--trace") == 0;
    int at = only_trace ? 3 : 1;
    struct trace t = {.fit = argc > at ? strtoul(argv[at], NULL, 10) : 20000,
                      .n = argc > at + 1 ? strtoul(argv[at + 1], NULL, 10) : 2000000};

    t.key = malloc(t.n * sizeof(*t.key));
    if (only_trace)
        return write_trace(&t, argv[2], argv[5]);
    printf("%-9s %7s %7s %7s %7s %7s | %7s %8s %7s %7s\n", "trace", "LRU", "SIEVE", "S3-FIFO", "ARC", "W-TLFU",
           "all-lru", "adaptive", "all-lfu", "random");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (argc > 3 && !is_among(names[i], argv + 3, argc - 3))
            continue;
        trace_make(&t, names[i]);
        printf("%-9s", names[i]);
        for (size_t r = 0; r < sizeof(references) / sizeof(references[0]); r++)
            printf(" %7.2f", references[r](&t));
        printf(" | %7.2f %8.2f", run_ours(&t, EVICT_ALLKEYS_LRU), run_ours(&t, EVICT_ALLKEYS_ADAPTIVE));
        printf(" %7.2f %7.2f\n", run_ours(&t, EVICT_ALLKEYS_LFU), run_ours(&t, EVICT_ALLKEYS_RANDOM));
        fflush(stdout);
    }
    free(t.key);
    return 0;
}

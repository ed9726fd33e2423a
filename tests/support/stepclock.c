/* tests/support/stepclock.c - see stepclock.h. */
#include "support/stepclock.h"

#include "cmd/families.h"

static int64_t
wall(void *ctx)
{
    return ((struct step_clock *)ctx)->us;
}

static int64_t
mono(void *ctx)
{
    struct step_clock *c = ctx;

    c->us += c->step_us;
    return c->us * 1000;
}

struct engine *
step_clock_engine(struct step_clock *c)
{
    struct hash_seed seed = {1, 2};
    struct engine_options opt = {
        .clock = {wall, mono, c},
        .rng_seed = 7,
        .hash_seed = seed,
        .families = cmd_families,
        .limits = value_limits_default(seed),
    };

    c->us = INT64_C(1700000000000000);
    return engine_new(&opt);
}

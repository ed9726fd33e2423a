/* tests/support/loopback.c - the smallest possible host of an engine. */
#include "support/loopback.h"

#include "base/mem.h"
#include "cmd/families.h"
#include "engine/settings.h"
#include "support/talk.h"

static int64_t
fake_wall_us(void *ctx)
{
    return ((const struct loopback *)ctx)->now_us;
}

static int64_t
fake_mono_ns(void *ctx)
{
    struct loopback *l = ctx;

    l->mono_extra_ns += l->mono_step_ns;
    return (l->now_us - LOOPBACK_START_MS * 1000) * 1000 + l->mono_extra_ns;
}

/* Nobody else is there to be served: a script that is found to run for too long ends. */
static bool
end_script(void *ctx, struct session *running)
{
    return false;
}

struct loopback *
loopback_new(uint64_t seed)
{
    return loopback_new_with(seed, NULL);
}

struct loopback *
loopback_new_with(uint64_t seed, const struct cmd *family)
{
    enum { FAMILIES_MAX = 64 };
    const struct cmd *families[FAMILIES_MAX + 2] = {NULL};
    struct loopback *l = mem_get_zero(sizeof(*l));
    size_t n = 0;

    for (; cmd_families[n] != NULL; n++) {
        CHECK(n < FAMILIES_MAX);
        families[n] = cmd_families[n];
    }
    families[n] = family;
    l->now_us = LOOPBACK_START_MS * 1000;
    struct engine_options opt = {
        .clock = {fake_wall_us, fake_mono_ns, l},
        .rng_seed = seed,
        .hash_seed = {seed, ~seed},
        .databases = 16,
        .families = families,
        .host = {.busy = end_script},
        .limits = value_limits_default((struct hash_seed){seed, ~seed}),
    };
    l->engine = engine_new(&opt);
    engine_settings(l->engine)->enable_debug_command = true;
    engine_now_update(l->engine);
    return l;
}

bool
loopback_open(struct loopback *l, unsigned number)
{
    if (number >= LOOPBACK_SESSIONS || l->sessions[number].session != NULL)
        return false;
    struct loopback_session *s = &l->sessions[number];
    s->session = engine_session_open(l->engine, s, LIT("127.0.0.1:50000"), LIT("127.0.0.1:6379"));
    s->closed = false;
    buf_reset(&s->in);
    buf_reset(&s->out);
    return true;
}

void
loopback_close(struct loopback *l, unsigned number)
{
    struct loopback_session *s = &l->sessions[number];

    if (s->session == NULL)
        return;
    engine_session_close(s->session);
    s->session = NULL;
}

void
loopback_free(struct loopback *l)
{
    if (l == NULL)
        return;
    for (unsigned i = 0; i < LOOPBACK_SESSIONS; i++) {
        loopback_close(l, i);
        buf_fini(&l->sessions[i].in);
        buf_fini(&l->sessions[i].out);
    }
    engine_free(l->engine);
    mem_free(l);
}

/* Runs whatever can run until nothing moves any more: one session's command may set another's going. */
static void
settle(struct loopback *l)
{
    bool moved = true;

    while (moved) {
        moved = false;
        for (unsigned i = 0; i < LOOPBACK_SESSIONS; i++) {
            struct loopback_session *s = &l->sessions[i];
            if (s->session == NULL)
                continue;
            if (s->in.len > 0 && !session_must_close(s->session) && !session_is_blocked(s->session)) {
                size_t used = engine_feed(l->engine, s->session, buf_slice(&s->in), SIZE_MAX);
                moved = moved || used > 0;
                buf_consume(&s->in, used);
            }
            talk_drain(session_out(s->session), &s->out);
            if (session_must_close(s->session)) {
                loopback_close(l, i);
                s->closed = moved = true;
            }
        }
        bool more = engine_tick(l->engine, 1000000) == 0;
        moved = moved || (more && engine_sliced(l->engine) > 0);
    }
    for (unsigned i = 0; i < LOOPBACK_SESSIONS; i++)
        if (l->sessions[i].session != NULL)
            talk_drain(session_out(l->sessions[i].session), &l->sessions[i].out);
}

void
loopback_feed(struct loopback *l, unsigned number, struct slice bytes)
{
    struct loopback_session *s = &l->sessions[number];

    CHECK(s->session != NULL);
    buf_add_slice(&s->in, bytes);
    settle(l);
}

void
loopback_command(struct loopback *l, unsigned number, const struct slice *argv, size_t argc)
{
    struct buf request = {0};

    buf_printf(&request, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++) {
        buf_printf(&request, "$%zu\r\n", argv[i].len);
        buf_add_slice(&request, argv[i]);
        buf_add(&request, "\r\n", 2);
    }
    loopback_feed(l, number, buf_slice(&request));
    buf_fini(&request);
}

void
loopback_advance(struct loopback *l, int64_t ms)
{
    l->now_us += ms * 1000;
    engine_now_update(l->engine);
    settle(l);
}

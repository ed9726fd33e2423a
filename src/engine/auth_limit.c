/* engine/auth_limit.c - how often an address may fail to log in: auth-failure-limit.
 *
 * A small table that never grows, keyed against whoever would choose addresses to collide. An address has one of four
 * places; when all are taken the one whose minute began first gives way. So a crowd of addresses can at worst make the
 * table forget some of itself.
 */
#include "engine/acl.h"

#include "base/siphash.h"
#include "engine/engine_priv.h"

enum { SETS = 1024, WAYS = 4, WINDOW_MS = 60000 };

struct attempts {
    uint64_t address; /* its hash */
    int64_t since_ms;
    uint32_t failed;
};

struct auth_limit {
    struct attempts v[SETS][WAYS];
};

/* Without the port, which changes with each connection. */
static uint64_t
address_of(const struct exec *x)
{
    struct slice addr = session_addr(x->session);
    size_t len = addr.len;

    if (!(session_flags(x->session) & SESSION_UNIX)) {
        while (len > 0 && addr.ptr[len - 1] != ':')
            len--;
    }
    return siphash(x->engine->hash_seed, slice_of(addr.ptr, len));
}

static struct attempts *
find(struct auth_limit *l, uint64_t address, int64_t now_ms)
{
    struct attempts *set = l->v[address % SETS];

    for (int i = 0; i < WAYS; i++) {
        int64_t ago = now_ms - set[i].since_ms;
        if (set[i].address == address && ago >= 0 && ago < WINDOW_MS && set[i].failed > 0)
            return &set[i];
    }
    return NULL;
}

bool
auth_limit_reached(struct exec *x)
{
    struct engine *e = x->engine;

    if (e->settings.auth_failure_limit == 0 || e->auth_limit == NULL)
        return false;
    const struct attempts *a = find(e->auth_limit, address_of(x), x->now_ms);
    return a != NULL && a->failed >= e->settings.auth_failure_limit;
}

void
auth_limit_failed(struct exec *x)
{
    struct engine *e = x->engine;
    uint64_t address = address_of(x);

    if (e->settings.auth_failure_limit == 0)
        return;
    if (e->auth_limit == NULL)
        e->auth_limit = mem_get_zero(sizeof(*e->auth_limit));
    struct attempts *a = find(e->auth_limit, address, x->now_ms);
    if (a == NULL) {
        struct attempts *set = e->auth_limit->v[address % SETS];
        a = &set[0];
        for (int i = 1; i < WAYS; i++)
            a = set[i].since_ms < a->since_ms ? &set[i] : a;
        *a = (struct attempts){.address = address, .since_ms = x->now_ms};
    }
    a->failed += a->failed < UINT32_MAX;
}

void
auth_limit__fini(struct engine *e)
{
    mem_free(e->auth_limit);
    e->auth_limit = NULL;
}

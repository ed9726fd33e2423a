/* engine/ghosts.c - see ghosts.h. */
#include "engine/ghosts.h"

#include "base/check.h"
#include "base/mem.h"

enum { GHOSTS_MIN = 1024, NOTE_BITS = 5, FINGERPRINT_SHIFT = 40, FINGERPRINT_MASK = 0x7ff };

void
ghosts_fini(struct ghosts *g)
{
    mem_free(g->v);
    *g = (struct ghosts){0};
}

static size_t
places_for(size_t keys)
{
    size_t want = keys < GHOSTS_MIN ? GHOSTS_MIN : keys;

    return want - want / 8;
}

bool
ghosts_fits(const struct ghosts *g, size_t keys)
{
    size_t want = places_for(keys);

    return g->count >= want - want / 8 && g->count <= want + want / 8;
}

size_t
ghosts_bytes(size_t keys)
{
    return places_for(keys) * sizeof(uint16_t);
}

void
ghosts_fit(struct ghosts *g, size_t keys)
{
    if (ghosts_fits(g, keys))
        return;
    mem_free(g->v);
    g->count = places_for(keys);
    g->v = mem_get_zero(g->count * sizeof(*g->v));
}

/* Never 0, so that an empty place is told from a ghost. */
static uint16_t
fingerprint(uint64_t hash)
{
    uint16_t bits = hash >> FINGERPRINT_SHIFT & FINGERPRINT_MASK;

    return bits != 0 ? bits : 1;
}

void
ghosts_add(struct ghosts *g, uint64_t hash, unsigned note)
{
    CHECK(note <= GHOST_NOTE_MAX);
    if (g->count > 0)
        g->v[hash % g->count] = (uint16_t)(fingerprint(hash) << NOTE_BITS | note);
}

bool
ghosts_take(struct ghosts *g, uint64_t hash, unsigned *note)
{
    if (g->count == 0)
        return false;
    uint16_t *place = &g->v[hash % g->count];
    if (*place >> NOTE_BITS != fingerprint(hash))
        return false;
    *note = *place & GHOST_NOTE_MAX;
    *place = 0;
    return true;
}

/* engine/ghosts.h - which keys were let go of late, in two bytes for each that there is.
 *
 * A table without chains: the hash says the place, eleven more bits of it are the fingerprint, five bits are the
 * owner's note. Who comes later to a place takes it, so that about two thirds of those are remembered that went while
 * as many went as there are places. One key in two thousand is taken for another. All zero is empty.
 */
#ifndef SORREL_ENGINE_GHOSTS_H
#define SORREL_ENGINE_GHOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ghosts {
    uint16_t *v;
    size_t count;
};
enum { GHOST_NOTE_MAX = 31 };

void ghosts_fini(struct ghosts *g); /* leaves it empty, without memory */
/* Whether there is room for nearly as many as there are keys: within an eighth. */
bool ghosts_fits(const struct ghosts *g, size_t keys);
/* Makes it fit, if it does not: then all is forgotten. The bytes that it takes are those of ghosts_bytes(). */
void ghosts_fit(struct ghosts *g, size_t keys);
size_t ghosts_bytes(size_t keys);
void ghosts_add(struct ghosts *g, uint64_t hash, unsigned note);
/* Whether it is there; its note, and it is there no longer. */
bool ghosts_take(struct ghosts *g, uint64_t hash, unsigned *note);

#endif

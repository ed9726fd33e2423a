/* base/glob.h - the pattern language of KEYS, SCAN, PSUBSCRIBE and ACL.
 *
 * `*`, `?`, `[a-z]`, `[^a]`, `\x`. Iterative: time is at most pattern length times subject length, and a step budget
 * ends the search for hostile input. Needs no memory.
 */
#ifndef SORREL_BASE_GLOB_H
#define SORREL_BASE_GLOB_H

#include "base/slice.h"

/* True if the whole subject matches. With `nocase`, ASCII case is ignored. Over budget counts as no match. */
bool glob_match(struct slice pattern, struct slice subject, bool nocase);
/* True if the pattern can only match itself: it has none of * ? [ \ in it. */
bool glob_is_literal(struct slice pattern);

#endif

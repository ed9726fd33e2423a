/* value/ops.h - what an entry must be able to do with any collection, one row for each type.
 *
 * A new type adds its row to value_ops in ops.c; nothing else in this folder lists the types.
 */
#ifndef SORREL_VALUE_OPS_H
#define SORREL_VALUE_OPS_H

#include "value/entry.h"

struct value_ops {
    void (*fini)(struct handle *h);
    struct handle (*copy)(const struct handle *h, const struct value_limits *lim, struct pulse *p);
    size_t (*bytes)(const struct handle *h);  /* outside the entry */
    size_t (*effort)(const struct handle *h); /* allocations to free, roughly */
    const char *(*encoding)(const struct handle *h);
    size_t (*elements)(const struct handle *h); /* a JSON document: 1, unless it is none yet */
    /* See entry_expect(). NULL: there is nothing to bring nearer. */
    void (*expect)(const struct handle *h, const struct slice *members, int n, int step);
};

extern const struct value_ops value_ops[TYPE_COUNT];

#endif

/* bench/sizes.h - how long values are: one size, a range, or sizes with weights. */
#ifndef SORREL_BENCH_SIZES_H
#define SORREL_BENCH_SIZES_H

#include <stdbool.h>
#include <stdint.h>

enum { SIZES_MAX = 64 };

struct value_sizes {
    const char *text; /* as it was given; not owned */
    int count;
    struct {
        int64_t bytes;
        uint32_t weight;
    } v[SIZES_MAX];
};

/* "100", "10-1000" (evenly spread over SIZES_MAX sizes, both ends among them) or "64:80,1024:15,65536:5". */
bool value_sizes_parse(struct value_sizes *s, const char *text);
int64_t value_sizes_largest(const struct value_sizes *s);

#endif

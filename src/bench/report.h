/* bench/report.h - results as text for people, CSV as redis-benchmark has it, or JSON. */
#ifndef SORREL_BENCH_REPORT_H
#define SORREL_BENCH_REPORT_H

#include "bench/options.h"

struct outcome {
    const char *title;
    struct load_result result;
    double server_cpu_us; /* for each request; negative: not known */
};

enum { ROUNDS_MAX = 1000 };

/* Rounds against two servers. All-zero is empty. */
struct comparison {
    const char *title;
    int rounds;
    double throughput[ROUNDS_MAX], p99[ROUNDS_MAX], cpu[ROUNDS_MAX]; /* first server / second; cpu 0: not known */
    double first_rps, second_rps;                                    /* sums */
};

/* What comes before the first result (the CSV's header). */
void report_begin(const struct options *o);
void report_outcome(const struct options *o, const struct outcome *r);
void comparison_add(struct comparison *c, const struct outcome *first, const struct outcome *second);
void comparison_fini(struct comparison *c);
void report_comparison(const struct options *o, struct comparison *c);

#endif

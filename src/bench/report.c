/* bench/report.c - printing. Latencies are kept in nanoseconds and shown in milliseconds. */
#include "bench/report.h"

#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double
ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static double
rate(const struct load_result *r)
{
    return r->seconds > 0 ? (double)r->requests / r->seconds : 0;
}

void
report_begin(const struct options *o)
{
    if (o->report == REPORT_CSV && !o->compare)
        printf("\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\","
               "\"p99_latency_ms\",\"max_latency_ms\"\n");
}

static double
at(const struct load_result *r, double percent)
{
    return ms(histogram_percentile(&r->latency, percent));
}

static uint64_t
lowest(const struct load_result *r)
{
    return r->latency.count > 0 ? r->latency.min : 0;
}

static void
report_csv(const struct outcome *o)
{
    const struct load_result *r = &o->result;

    printf("\"%s\",\"%.2f\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\",\"%.3f\"\n", o->title, rate(r),
           histogram_mean(&r->latency) / 1e6, ms(lowest(r)), at(r, 50), at(r, 95), at(r, 99), ms(r->latency.max));
}

static void
print_json_text(const char *s)
{
    putchar('"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else if ((unsigned char)*s < ' ')
            printf("\\u%04x", (unsigned char)*s);
        else
            putchar(*s);
    }
    putchar('"');
}

static void
report_json(const struct outcome *o)
{
    static const double percents[] = {50, 75, 90, 95, 99, 99.9, 99.99};
    const struct load_result *r = &o->result;

    printf("{\"test\": ");
    print_json_text(o->title);
    printf(", \"requests\": %llu, \"errors\": %llu, \"seconds\": %.6f, \"rps\": %.2f", (unsigned long long)r->requests,
           (unsigned long long)r->errors, r->seconds, rate(r));
    if (o->server_cpu_us >= 0)
        printf(", \"server_cpu_us\": %.4f", o->server_cpu_us);
    printf(", \"client_cpu_us\": %.4f", r->requests > 0 ? r->cpu_seconds * 1e6 / (double)r->requests : 0);
    printf(", \"latency_ms\": {\"avg\": %.6f, \"min\": %.6f", histogram_mean(&r->latency) / 1e6, ms(lowest(r)));
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        printf(", \"p%g\": %.6f", percents[i], at(r, percents[i]));
    printf(", \"max\": %.6f}}\n", ms(r->latency.max));
}

/* A bar for each doubling of the latency. */
static void
print_picture(const struct load_result *r)
{
    static const char bar[] = "############################################################";
    double below = 0;

    for (uint64_t edge = 1000; edge < (uint64_t)1 << 43; edge *= 2) {
        /* The share of all requests up to the edge, by asking for the slot that holds it. */
        uint64_t seen = 0;
        for (uint32_t i = 0; i < HISTOGRAM_SLOTS; i++) {
            uint32_t shift = i < 512 ? 0 : (i >> HISTOGRAM_SUB_BITS) - 1;
            uint64_t start = i < 512 ? i : (uint64_t)(i - (shift << HISTOGRAM_SUB_BITS)) << shift;
            if (start > edge)
                break;
            seen += r->latency.slots[i];
        }
        double share = (double)seen / (double)r->latency.count;
        if (share - below > 0)
            printf("  <= %10.3f ms %6.2f %%  %.*s\n", ms(edge), 100 * (share - below),
                   (int)(60 * (share - below) + 0.5), bar);
        below = share;
        if (seen == r->latency.count)
            break;
    }
}

static void
report_full(const struct options *opt, const struct outcome *o)
{
    static const double percents[] = {50, 75, 90, 95, 99, 99.9, 99.99, 100};
    const struct load_result *r = &o->result;

    printf("====== %s ======\n", o->title);
    printf("  %llu requests completed in %.2f seconds\n", (unsigned long long)r->requests, r->seconds);
    printf("  %d connections, %d thread%s, pipeline %d, %s bytes payload\n", opt->load.connections, opt->load.threads,
           opt->load.threads == 1 ? "" : "s", opt->load.pipeline, opt->sizes.text);
    if (opt->load.rate > 0)
        printf("  %.0f requests a second wanted; latency counts from when each was due\n", opt->load.rate);
    printf("\nLatency:\n");
    print_picture(r);
    printf("\n");
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        printf("  %6g %% <= %.*f ms\n", percents[i], opt->precision, at(r, percents[i]));
    printf("\nSummary:\n");
    printf("  throughput summary: %.2f requests per second\n", rate(r));
    printf("  average %.*f ms, least %.*f, most %.*f\n", opt->precision, histogram_mean(&r->latency) / 1e6,
           opt->precision, ms(lowest(r)), opt->precision, ms(r->latency.max));
    if (o->server_cpu_us >= 0)
        printf("  processor time: server %.3f us a request, this program %.3f us\n", o->server_cpu_us,
               r->requests > 0 ? r->cpu_seconds * 1e6 / (double)r->requests : 0);
    printf("\n");
}

void
report_outcome(const struct options *opt, const struct outcome *o)
{
    switch (opt->report) {
    case REPORT_CSV: report_csv(o); break;
    case REPORT_JSON: report_json(o); break;
    case REPORT_QUIET:
        printf("%s: %.2f requests per second, p50=%.*f msec\n", o->title, rate(&o->result), opt->precision,
               at(&o->result, 50));
        break;
    case REPORT_FULL: report_full(opt, o); break;
    }
    fflush(stdout);
}

/* ---- comparisons ------------------------------------------------------------------------------------------------- */

void
comparison_add(struct comparison *c, const struct outcome *first, const struct outcome *second)
{
    double a = rate(&first->result), b = rate(&second->result);
    double pa = at(&first->result, 99), pb = at(&second->result, 99);
    int i = c->rounds++;

    c->first_rps += a;
    c->second_rps += b;
    c->throughput[i] = b > 0 ? a / b : 0;
    c->p99[i] = pb > 0 ? pa / pb : 0;
    c->cpu[i] =
        first->server_cpu_us > 0 && second->server_cpu_us > 0 ? first->server_cpu_us / second->server_cpu_us : 0;
}

void
comparison_fini(struct comparison *c)
{
    c->rounds = 0;
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
print_spread(const char *what, double *v, int n, bool json)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    double median = n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
    if (json)
        printf(", \"%s\": {\"median\": %.4f, \"min\": %.4f, \"max\": %.4f}", what, median, v[0], v[n - 1]);
    else
        printf("  %-22s %.3f  (%.3f to %.3f)\n", what, median, v[0], v[n - 1]);
}

void
report_comparison(const struct options *o, struct comparison *c)
{
    bool json = o->report == REPORT_JSON;

    if (json) {
        printf("{\"test\": ");
        print_json_text(c->title);
        printf(", \"rounds\": %d, \"rps\": %.2f, \"other_rps\": %.2f", c->rounds, c->first_rps / c->rounds,
               c->second_rps / c->rounds);
    } else {
        printf("%s: %.2f against %.2f requests per second; first / second, median of %d rounds (least to most):\n",
               c->title, c->first_rps / c->rounds, c->second_rps / c->rounds, c->rounds);
    }
    print_spread("throughput", c->throughput, c->rounds, json);
    print_spread(json ? "p99" : "p99 latency", c->p99, c->rounds, json);
    if (c->cpu[0] > 0)
        print_spread(json ? "server_cpu" : "server cpu a request", c->cpu, c->rounds, json);
    if (json)
        printf("}\n");
    fflush(stdout);
}

/* cli/mode_latency.c - round trips of PING, and what this machine itself adds to them. */
#include "cli/modes.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAUSE_US = 10000, BUCKETS = 30 };

struct samples {
    int64_t min_ms, max_ms, total_ms, count;
    int64_t start_ns;
    uint64_t buckets[BUCKETS]; /* of microseconds: 10, 16, 25, 40, 63, 100 ... */
};

static int64_t
now_ns(void)
{
    struct clock c = clock_system();

    return clock_mono_ns(&c);
}

static void
begin(struct samples *m)
{
    *m = (struct samples){.min_ms = INT64_MAX, .start_ns = now_ns()};
}

static void
note(struct samples *m, int64_t ns)
{
    int64_t ms = ns / 1000000;
    int bucket = (int)ceil(5 * log10((double)(ns < 10000 ? 10000 : ns) / 10000));

    m->min_ms = ms < m->min_ms ? ms : m->min_ms;
    m->max_ms = ms > m->max_ms ? ms : m->max_ms;
    m->total_ms += ms;
    m->count++;
    m->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

static double
average(const struct samples *m)
{
    return m->count > 0 ? (double)m->total_ms / (double)m->count : 0;
}

static void
say_result(enum output output, const struct samples *m)
{
    const char *form = output == OUTPUT_CSV ? "%lld,%lld,%.2f,%lld\n"
                       : output == OUTPUT_JSON || output == OUTPUT_QUOTED_JSON
                           ? "{\"min\": %lld, \"max\": %lld, \"avg\": %.2f, \"count\": %lld}\n"
                           : "%lld %lld %.2f %lld\n";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    printf(form, (long long)(m->count > 0 ? m->min_ms : 0), (long long)m->max_ms, average(m), (long long)m->count);
#pragma GCC diagnostic pop
    fflush(stdout);
}

static void
say_running(const struct samples *m)
{
    printf("\x1b[0G\x1b[2Kmin: %lld, max: %lld, avg: %.2f (%lld samples)", (long long)m->min_ms, (long long)m->max_ms,
           average(m), (long long)m->count);
    fflush(stdout);
}

/* A row of the spectrum: a cell for each bucket, brighter where more samples are. */
static void
say_spectrum(const struct samples *m)
{
    static const char marks[] = ".:-+*0123456789abcdefghijklmnop";
    static const unsigned char shades[] = {0, 234, 236, 238, 240, 243, 246, 143, 178, 214, 208, 196};

    for (int i = 0; i < BUCKETS; i++) {
        double share = m->count > 0 ? (double)m->buckets[i] / (double)m->count : 0;
        size_t shade = share <= 0 ? 0 : 1 + (size_t)(share * (double)(sizeof(shades) - 2) + 0.5);
        printf("\x1b[38;5;244;48;5;%um%c", shades[shade < sizeof(shades) ? shade : sizeof(shades) - 1], marks[i]);
    }
    printf("\x1b[0m\n");
    fflush(stdout);
}

static void
say_legend(void)
{
    printf("Each cell is a range of round-trip times, five to a power of ten:\n"
           ".:-+*  10us to 100us   01234  to 1ms   56789  to 10ms   abcde  to 100ms   fghij  to 1s   klmnop  more\n"
           "Dark: few samples; yellow: many; red: nearly all.\n");
}

int
mode_latency(struct session *s, enum mode what)
{
    static const struct slice ping = LIT_INIT("PING");
    const struct options *o = s->opt;
    bool live = o->output == OUTPUT_STANDARD && (isatty(STDOUT_FILENO) || getenv("FAKETTY") != NULL || o->output_given);
    int64_t span_us = o->interval_given && o->interval_us > 0 ? o->interval_us
                      : what == MODE_LATENCY_HISTORY          ? 15000000
                                                              : 1000000;
    struct samples m;

    if (!session_connect(s))
        return 1;
    session_catch_interrupts(s);
    if (what == MODE_LATENCY_DIST)
        say_legend();
    for (begin(&m);;) {
        int64_t start = now_ns();
        const struct resp_value *r = session_ask(s, 1, &ping);
        if (r == NULL)
            return session_exit_code(s);
        note(&m, now_ns() - start);
        if (live && what != MODE_LATENCY_DIST)
            say_running(&m);
        double passed = (double)(now_ns() - m.start_ns) / 1e9;
        bool over = passed * 1e6 >= (double)span_us;
        if (what == MODE_LATENCY && !live && over) {
            say_result(o->output, &m);
            return 0;
        }
        if (what == MODE_LATENCY_DIST && over) {
            say_spectrum(&m);
            begin(&m);
        } else if (what == MODE_LATENCY_HISTORY && over) {
            if (!live)
                say_result(o->output, &m);
            printf(" -- %.2f seconds range\n", passed);
            fflush(stdout);
            begin(&m);
        }
        if (session_sleep(s, PAUSE_US)) {
            if (live)
                printf("\n");
            return 0;
        }
    }
}

int
mode_intrinsic_latency(int64_t seconds)
{
    int64_t start = now_ns(), end = start + seconds * 1000000000LL, before = start, max = 0, runs = 0;

    /* The clock read in a loop: a gap between two reads is time that somebody else had the processor. */
    while (before < end) {
        int64_t now = now_ns(), gap = now - before;
        before = now;
        runs++;
        if (gap / 1000 > max / 1000) {
            printf("Max latency so far: %lld microseconds.\n", (long long)(gap / 1000));
            fflush(stdout);
        }
        max = gap > max ? gap : max;
    }
    double average_ns = (double)(before - start) / (double)runs;
    printf("\n%lld total runs (avg latency: %.4f microseconds / %.2f nanoseconds per run).\n", (long long)runs,
           average_ns / 1000, average_ns);
    printf("Worst run took %.0fx longer than the average latency.\n", (double)max / average_ns);
    return 0;
}

/* cli/mode_stat.c - a line about the server every second, and a load that shows how well a cache of its size works. */
#include "cli/modes.h"

#include "base/clock.h"
#include "base/number.h"
#include "base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- --stat ------------------------------------------------------------------------------------------------------ */

/* The value of "name:" at the start of a line of INFO. */
static int64_t
info_number(struct slice info, const char *name)
{
    struct slice field = slice_cstr(name);
    int64_t n;

    for (struct slice rest = info; rest.len > 0;) {
        const char *nl = memchr(rest.ptr, '\n', rest.len);
        size_t len = nl == NULL ? rest.len : (size_t)(nl - rest.ptr);
        struct slice line = slice_of(rest.ptr, len > 0 && rest.ptr[len - 1] == '\r' ? len - 1 : len);
        if (slice_starts(line, field) && line.len > field.len && line.ptr[field.len] == ':')
            return parse_int64(slice_skip(line, field.len + 1), &n) ? n : 0;
        rest = slice_skip(rest, len + 1);
    }
    return 0;
}

/* The sum of "keys=" over all databases. */
static int64_t
count_keys(struct slice info)
{
    int64_t total = 0, n;

    for (size_t i = 0; i + 5 < info.len; i++) {
        if (memcmp(info.ptr + i, "keys=", 5) != 0 || info.ptr[i - (i > 0)] != ':')
            continue;
        struct slice digits = slice_skip(info, i + 5);
        size_t len = 0;
        while (len < digits.len && digits.ptr[len] >= '0' && digits.ptr[len] <= '9')
            len++;
        if (parse_int64(slice_of(digits.ptr, len), &n))
            total += n;
    }
    return total;
}

static void
human_bytes(char *out, size_t cap, int64_t n)
{
    static const char units[] = "BKMGT";
    double v = (double)n;
    int unit = 0;

    while (v >= 1024 && units[unit + 1] != '\0') {
        v /= 1024;
        unit++;
    }
    snprintf(out, cap, unit == 0 ? "%.0f%c" : "%.2f%c", v, units[unit]);
}

static void
say_line(struct slice info, int64_t *requests)
{
    char memory[32], load[64];
    int64_t now = info_number(info, "total_commands_processed");
    bool saving = info_number(info, "rdb_bgsave_in_progress") != 0;
    bool rewriting = info_number(info, "aof_rewrite_in_progress") != 0;

    human_bytes(memory, sizeof(memory), info_number(info, "used_memory"));
    snprintf(load, sizeof(load), "%" PRId64 " (+%" PRId64 ")", now, *requests < 0 ? 0 : now - *requests);
    printf("%-11" PRId64 "%-8s%-8" PRId64 "%-8" PRId64 "%-24s%-12" PRId64 "%s\n", count_keys(info), memory,
           info_number(info, "connected_clients"), info_number(info, "blocked_clients"), load,
           info_number(info, "total_connections_received"),
           saving && rewriting ? "SAVE+AOF"
           : saving            ? "SAVE"
           : rewriting         ? "AOF"
                               : "");
    fflush(stdout);
    *requests = now;
}

int
mode_stat(struct session *s)
{
    static const struct slice info = LIT_INIT("INFO");
    int64_t pause = s->opt->interval_us > 0 ? s->opt->interval_us : 1000000, requests = -1;

    if (!session_connect(s))
        return 1;
    session_catch_interrupts(s);
    for (int64_t line = 0;; line++) {
        const struct resp_value *r = session_ask(s, 1, &info);
        if (r == NULL)
            return session_exit_code(s);
        if (!resp_is_text(r)) {
            fprintf(stderr, "ERROR: %.*s\n", r->type == RESP_ERROR ? (int)r->text.len : 0, r->text.ptr);
            return 1;
        }
        if (line % 20 == 0)
            printf("------- data ------ --------------------- load -------------------- - child -\n"
                   "keys       mem      clients blocked requests            connections          \n");
        say_line(r->text, &requests);
        if (session_sleep(s, pause))
            return 0;
    }
}

/* ---- --lru-test -------------------------------------------------------------------------------------------------- */

enum { PIPELINE = 250 };

/* A key number under a power law: a fifth of the keys gets four fifths of the requests. */
static uint64_t
pick_key(struct rng *g, int64_t keys)
{
    const double exponent = 6.2;
    double u = (double)(rng_next(g) >> 11) * 0x1p-53, n = (double)keys;

    double x = pow((pow(n, exponent + 1) - 1) * u + 1, 1 / (exponent + 1));
    double key = n - x;
    return key < 0 ? 0 : (uint64_t)key;
}

struct hits {
    int64_t gets, hits, misses;
};

/* One pipeline of GETs, and SETs for what was missing. False if the connection is gone. */
static bool
one_round(struct session *s, struct rng *g, int64_t keys, struct hits *h)
{
    char names[PIPELINE][32];
    struct slice missing[PIPELINE];
    int lens[PIPELINE], missed = 0;

    for (int i = 0; i < PIPELINE; i++) {
        lens[i] = snprintf(names[i], sizeof(names[i]), "lru:%" PRIu64, pick_key(g, keys));
        const struct slice get[] = {LIT("GET"), slice_of(names[i], (size_t)lens[i])};
        session_send(s, 2, get);
    }
    for (int i = 0; i < PIPELINE; i++) {
        const struct resp_value *r = session_receive(s);
        if (r == NULL)
            return false;
        h->gets++;
        if (r->type == RESP_NIL)
            missing[missed++] = slice_of(names[i], (size_t)lens[i]);
    }
    h->hits += PIPELINE - missed;
    h->misses += missed;
    for (int i = 0; i < missed; i++) {
        const struct slice set[] = {LIT("SET"), missing[i], LIT("value")};
        session_send(s, 3, set);
    }
    for (int i = 0; i < missed; i++) {
        const struct resp_value *r = session_receive(s);
        if (r == NULL)
            return false;
        if (r->type == RESP_ERROR) {
            fprintf(stderr, "%.*s\n", (int)r->text.len, r->text.ptr);
            return false;
        }
    }
    return true;
}

int
mode_lru_test(struct session *s, int64_t keys)
{
    struct clock clock = clock_system();
    struct rng g;
    struct hits h = {0};

    if (!session_connect(s))
        return 1;
    session_catch_interrupts(s);
    rng_seed(&g, (uint64_t)clock_wall_us(&clock));
    for (int64_t start = clock_mono_ns(&clock);;) {
        if (!one_round(s, &g, keys, &h))
            return session_exit_code(s);
        int64_t passed = clock_mono_ns(&clock) - start;
        if (passed < 1000000000)
            continue;
        double rate = (double)h.gets * 1e9 / (double)passed;
        printf("%.0f Gets/sec | Hits: %" PRId64 " (%.2f%%) | Misses: %" PRId64 " (%.2f%%)\n", rate, h.hits,
               100.0 * (double)h.hits / (double)h.gets, h.misses, 100.0 * (double)h.misses / (double)h.gets);
        fflush(stdout);
        h = (struct hits){0};
        start = clock_mono_ns(&clock);
        if (session_sleep(s, 0))
            return 0;
    }
}

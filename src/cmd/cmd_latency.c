/* cmd/cmd_latency.c - LATENCY: what is slow, and when it was. */
#include "engine/latency.h"
#include "engine/session.h"
#include "engine/settings.h"

static enum rc
latency_latest(struct exec *x)
{
    size_t n = 0;

    for (const struct latency_event *v = latency_event_first(x->engine); v != NULL; v = v->other)
        n++;
    reply_array(x, n);
    for (const struct latency_event *v = latency_event_first(x->engine); v != NULL; v = v->other) {
        struct latency_sample last = latency_sample_at(v, v->count - 1);
        reply_array(x, 4);
        reply_bulk(x, slice_cstr(v->name));
        reply_int(x, last.at_s);
        reply_int(x, last.ms);
        reply_int(x, v->ms_max);
    }
    return RC_OK;
}

static enum rc
latency_history(struct exec *x)
{
    const struct latency_event *v = latency_event_find(x->engine, x->argv[2]);

    reply_array(x, v != NULL ? v->count : 0);
    for (unsigned i = 0; v != NULL && i < v->count; i++) {
        struct latency_sample s = latency_sample_at(v, i);
        reply_array(x, 2);
        reply_int(x, s.at_s);
        reply_int(x, s.ms);
    }
    return RC_OK;
}

static enum rc
latency_reset_events(struct exec *x)
{
    size_t n = 0;

    if (x->argc == 2)
        return reply_int(x, (int64_t)latency_reset(x->engine, LIT("")));
    for (int i = 2; i < x->argc; i++)
        n += x->argv[i].len > 0 ? latency_reset(x->engine, x->argv[i]) : 0;
    return reply_int(x, (int64_t)n);
}

/* A column for each of the last samples, as high as it is slow; below it how long ago it was. */
static enum rc
latency_graph(struct exec *x)
{
    enum { COLUMNS = 64, ROWS = 8 };
    const struct latency_event *v = latency_event_find(x->engine, x->argv[2]);
    struct buf *b = exec_scratch(x);
    int64_t low = INT64_MAX, high = 0;

    if (v == NULL)
        return fail(x, "ERR No samples available for event '%.*s'", (int)(x->argv[2].len < 128 ? x->argv[2].len : 128),
                    x->argv[2].ptr);
    unsigned shown = v->count < COLUMNS ? v->count : COLUMNS, from = v->count - shown;
    for (unsigned i = from; i < v->count; i++) {
        int64_t ms = latency_sample_at(v, i).ms;
        low = ms < low ? ms : low;
        high = ms > high ? ms : high;
    }
    buf_printf(b, "%s - high %lld ms, low %lld ms (all time high %lld ms)\n", v->name, (long long)high, (long long)low,
               (long long)v->ms_max);
    for (int row = ROWS; row > 0; row--) {
        for (unsigned i = from; i < v->count; i++)
            buf_add_char(b, latency_sample_at(v, i).ms * ROWS >= high * row ? '#' : ' ');
        buf_add_char(b, '\n');
    }
    buf_printf(b, "from %lld s ago to %lld s ago\n", (long long)(x->now_ms / 1000 - latency_sample_at(v, from).at_s),
               (long long)(x->now_ms / 1000 - latency_sample_at(v, v->count - 1).at_s));
    reply_put_verbatim(&x->reply, "txt", buf_slice(b));
    return RC_OK;
}

static const char *
advice_for(struct slice event)
{
    if (slice_eq(event, LIT("command")) || slice_eq(event, LIT("fast-command")))
        return "SLOWLOG GET shows which commands it was.";
    if (slice_eq(event, LIT("eviction-cycle")))
        return "Keys are evicted faster than is good: raise maxmemory, or store smaller values.";
    return "Look at the load of the machine and of its disk.";
}

static enum rc
latency_doctor(struct exec *x)
{
    struct buf *b = exec_scratch(x);

    if (engine_settings(x->engine)->latency_threshold_ms == 0)
        buf_printf(b,
                   "Latency is not monitored. CONFIG SET latency-monitor-threshold <milliseconds> switches it on.\n");
    else if (latency_event_first(x->engine) == NULL)
        buf_printf(b, "No latency events have been recorded.\n");
    for (const struct latency_event *v = latency_event_first(x->engine); v != NULL; v = v->other) {
        int64_t sum = 0;
        for (unsigned i = 0; i < v->count; i++)
            sum += latency_sample_at(v, i).ms;
        const char *advice = advice_for(slice_cstr(v->name));
        buf_printf(b, "%s: %u times, %lld ms on average, %lld ms at worst. %s\n", v->name, v->count,
                   (long long)(sum / v->count), (long long)v->ms_max, advice);
    }
    reply_put_verbatim(&x->reply, "txt", buf_slice(b));
    return RC_OK;
}

/* -- histograms ----------------------------------------------------------------------------------------------- */

/* The bounds that redis prints for powers of two from 1.024 us on: the largest time its own buckets there hold. */
static int64_t
bound_us(unsigned k)
{
    int64_t ns = INT64_C(1024) << k;

    return (ns + ns / 128 - 1) / 1000;
}

static void
put_histogram(struct exec *x, const struct command *c)
{
    enum { BOUNDS = 24 };
    const struct latency_histogram *h = c->latency;
    uint64_t before = 0;
    size_t n = 0;

    reply_bulk(x, c->name);
    reply_map(x, 2);
    reply_bulk(x, LIT("calls"));
    reply_int(x, (int64_t)h->total);
    reply_bulk(x, LIT("histogram_usec"));
    struct reply_mark mark = reply_mark_here(&x->reply);
    for (unsigned k = 0; k < BOUNDS && before < h->total; k++) {
        uint64_t below = k == BOUNDS - 1 ? h->total : latency_below(h, UINT64_C(1024) << k);
        if (below == before)
            continue;
        before = below;
        reply_int(x, bound_us(k));
        reply_int(x, (int64_t)below);
        n++;
    }
    reply_close_map(&x->reply, mark, n);
}

/* The command, if it has run, and its subcommands that have. */
static size_t
put_histograms(struct exec *x, const struct command *c)
{
    size_t n = 0;

    if (c->latency != NULL && c->latency->total > 0) {
        put_histogram(x, c);
        n++;
    }
    for (uint32_t i = 0; i < c->sub_count; i++)
        n += put_histograms(x, &c->subs[i]);
    return n;
}

static enum rc
latency_histogram(struct exec *x)
{
    struct reply_mark mark = reply_mark_here(&x->reply);
    const struct command *c;
    size_t n = 0;

    if (x->argc == 2) {
        for (size_t i = 0; (c = command_at(x->engine, i)) != NULL; i++)
            n += put_histograms(x, c);
    }
    for (int i = 2; i < x->argc; i++) {
        c = command_by_full_name(x->engine, x->argv[i]);
        n += c != NULL ? put_histograms(x, c) : 0;
    }
    reply_close_map(&x->reply, mark, n);
    return RC_OK;
}

static enum rc
latency_help(struct exec *x)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Say what is slow, if anything is.",
        "GRAPH <event>",
        "    Draw an event's times.",
        "HISTOGRAM [<command> ...]",
        "    Return how long commands take.",
        "HISTORY <event>",
        "    Return an event's times.",
        "LATEST",
        "    Return the latest time of each event.",
        "RESET [<event> ...]",
        "    Forget events, all of them without a name.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define HELP_ROW    .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE, .reply = "array", .complexity = "O(1)"
#define ALL_NODES   "nondeterministic_output request_policy:all_nodes response_policy:special"
#define LATENCY_ROW .group = GROUP_SERVER, .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE

static const struct cmd latency_subs[] = {
    {"doctor", latency_doctor, .arity = 2, LATENCY_ROW, .since = "2.8.13", .reply = "verbatim",
     .about = "Says what is slow.", .complexity = "O(1)", .tips = ALL_NODES},
    {"graph", latency_graph, .arity = 3, LATENCY_ROW, .since = "2.8.13", .args = "event", .reply = "verbatim",
     .about = "Draws an event's times.", .complexity = "O(1)", .tips = ALL_NODES},
    {"help", latency_help, .arity = 2, HELP_ROW, .since = "2.8.13", .about = "Explains the subcommands."},
    {"histogram", latency_histogram, .arity = -2, LATENCY_ROW, .since = "7.0.0", .args = "[command...]", .reply = "map",
     .about = "Returns how long commands take.", .complexity = "O(N) for N commands", .tips = ALL_NODES},
    {"history", latency_history, .arity = 3, LATENCY_ROW, .since = "2.8.13", .args = "event", .reply = "array",
     .about = "Returns an event's times.", .complexity = "O(1)", .tips = ALL_NODES},
    {"latest", latency_latest, .arity = 2, LATENCY_ROW, .since = "2.8.13", .reply = "array",
     .about = "Returns the latest time of each event.", .complexity = "O(1)", .tips = ALL_NODES},
    {"reset", latency_reset_events, .arity = -2, LATENCY_ROW, .since = "2.8.13", .args = "[event...]",
     .reply = "integer", .about = "Forgets events.", .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:agg_sum"},
    {0},
};

const struct cmd cmd_latency_family[] = {
    {"latency", NULL, .arity = -2, .group = GROUP_SERVER, .subs = latency_subs, .since = "2.8.13",
     .about = "What is slow.", .complexity = "that of the subcommand"},
    {0},
};

/* cmd/cmd_hotkeys.c - HOTKEYS: the keys used most, for a while or always, and the biggest. */
#include "cmd/args.h"
#include "engine/hotkeys.h"

enum { TOP_DEFAULT = 10, SECONDS_MAX = 1000000000 };

/* -- START, STOP, RESET ---------------------------------------------------------------------------------------- */

struct wish {
    unsigned metrics;
    int64_t top, seconds, ratio;
};

static enum rc
parse_metrics(struct exec *x, int *at, unsigned *metrics)
{
    int64_t n;
    int i = *at;

    if (i + 1 >= x->argc)
        return RC_SYNTAX;
    TRY(arg_range_or(x, x->argv[++i], 1, 2, "ERR METRICS count must be 1 or 2", &n));
    while (i + 1 < x->argc && (arg_is(x->argv[i + 1], LIT("cpu")) || arg_is(x->argv[i + 1], LIT("net")))) {
        unsigned bit = 1u << (arg_is(x->argv[++i], LIT("cpu")) ? HOT_CPU : HOT_NET);
        if (*metrics & bit)
            return fail(x, "ERR METRICS names one of them twice");
        *metrics |= bit;
    }
    if (__builtin_popcount(*metrics) != n)
        return fail(x, "ERR METRICS count does not match the number of metrics");
    *at = i;
    return RC_OK;
}

static enum rc
parse_wish(struct exec *x, struct wish *w)
{
    *w = (struct wish){.top = TOP_DEFAULT, .ratio = 1};
    for (int i = 2; i < x->argc; i++) {
        struct slice word = x->argv[i];

        if (arg_is(word, LIT("metrics")) && w->metrics == 0) {
            TRY(parse_metrics(x, &i, &w->metrics));
            continue;
        }
        if (arg_is(word, LIT("slots")))
            return fail(x, "ERR SLOTS parameter cannot be used in non-cluster mode");
        if (i + 1 == x->argc)
            return RC_SYNTAX;
        if (arg_is(word, LIT("count")))
            TRY(arg_range_or(x, x->argv[++i], 1, HOTKEYS_MAX, "ERR COUNT must be between 1 and 64", &w->top));
        else if (arg_is(word, LIT("duration")))
            TRY(arg_range_or(x, x->argv[++i], 0, SECONDS_MAX, "ERR DURATION must be a number of seconds", &w->seconds));
        else if (arg_is(word, LIT("sample")))
            TRY(arg_range_or(x, x->argv[++i], 1, INT32_MAX, "ERR SAMPLE must be a positive number", &w->ratio));
        else
            return RC_SYNTAX;
    }
    return w->metrics != 0 ? RC_OK : fail(x, "ERR METRICS with CPU or NET is needed");
}

static enum rc
hotkeys_start_reply(struct exec *x)
{
    struct wish w;

    TRY(parse_wish(x, &w));
    if (!hotkeys_start(x->engine, w.metrics, (unsigned)w.top, (uint64_t)w.ratio, w.seconds * 1000))
        return fail(x, "ERR hotkeys tracking is already in progress");
    return reply_ok(x);
}

static enum rc
hotkeys_stop_reply(struct exec *x)
{
    return hotkeys_stop(x->engine) ? reply_ok(x) : fail(x, "ERR no hotkeys tracking is in progress");
}

static enum rc
hotkeys_reset_reply(struct exec *x)
{
    return hotkeys_reset(x->engine) ? reply_ok(x) : fail(x, "ERR hotkeys tracking is in progress, stop it first");
}

/* -- GET ------------------------------------------------------------------------------------------------------- */

static void
put_number(struct exec *x, struct slice name, uint64_t v)
{
    reply_bulk(x, name);
    reply_int(x, v < INT64_MAX ? (int64_t)v : INT64_MAX);
}

/* Sums stand for all commands, not only for those looked at. */
static void
put_top(struct exec *x, struct slice name, const struct hotkeys_info *i, enum hot_metric metric)
{
    struct hot_key top[HOTKEYS_MAX];
    size_t n = hotkeys_top(x->engine, metric, !i->own, top, i->top);

    reply_bulk(x, name);
    reply_array(x, 2 * n);
    for (size_t k = 0; k < n; k++) {
        uint64_t sum = top[k].sum * i->ratio;
        reply_bulk(x, top[k].key);
        reply_int(x, (int64_t)(metric == HOT_CPU ? sum / 1000 : sum));
    }
}

static enum rc
hotkeys_get_reply(struct exec *x)
{
    struct hotkeys_info i = hotkeys_info(x->engine);
    bool cpu = (i.metrics & 1u << HOT_CPU) != 0, net = (i.metrics & 1u << HOT_NET) != 0;

    reply_map(x, 7 + (cpu ? 3 : 0) + (net ? 2 : 0));
    put_number(x, LIT("tracking-active"), i.active);
    put_number(x, LIT("sample-ratio"), i.ratio);
    reply_bulk(x, LIT("selected-slots"));
    reply_array(x, 0);
    put_number(x, LIT("all-commands-all-slots-us"), i.ns / 1000);
    put_number(x, LIT("net-bytes-all-commands-all-slots"), i.bytes);
    put_number(x, LIT("collection-start-time-unix-ms"), (uint64_t)i.began_ms);
    put_number(x, LIT("collection-duration-ms"), (uint64_t)i.duration_ms);
    if (cpu) {
        put_number(x, LIT("total-cpu-time-user-ms"), (uint64_t)i.user_ms);
        put_number(x, LIT("total-cpu-time-sys-ms"), (uint64_t)i.system_ms);
    }
    if (net)
        put_number(x, LIT("total-net-bytes"), i.bytes);
    if (cpu)
        put_top(x, LIT("by-cpu-time-us"), &i, HOT_CPU);
    if (net)
        put_top(x, LIT("by-net-bytes"), &i, HOT_NET);
    return RC_OK;
}

/* -- TOP, BIG -------------------------------------------------------------------------------------------------- */

/* [word] [COUNT n]: which of the words (index), and n. */
static enum rc
parse_choice(struct exec *x, const struct slice *words, int n_words, int *choice, int64_t *count)
{
    int i = 2;

    *choice = 0;
    *count = TOP_DEFAULT;
    for (int w = 0; i < x->argc && w < n_words; w++) {
        if (!arg_is(x->argv[i], words[w]))
            continue;
        *choice = w;
        i++;
        break;
    }
    if (i == x->argc)
        return RC_OK;
    if (i + 2 != x->argc || !arg_is(x->argv[i], LIT("count")))
        return RC_SYNTAX;
    return arg_range_or(x, x->argv[i + 1], 1, HOTKEYS_MAX, "ERR COUNT must be between 1 and 64", count);
}

static enum rc
hotkeys_top_reply(struct exec *x)
{
    static const struct slice words[] = {LIT_INIT("calls"), LIT_INIT("cpu"), LIT_INIT("net")};
    struct hot_key top[HOTKEYS_MAX];
    int metric;
    int64_t count;

    TRY(parse_choice(x, words, 3, &metric, &count));
    size_t n = hotkeys_top(x->engine, (enum hot_metric)metric, true, top, (size_t)count);
    reply_array(x, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t sum = top[i].sum * HOTKEYS_ALWAYS_RATIO;
        reply_array(x, 3);
        reply_bulk(x, top[i].key);
        reply_int(x, (int64_t)(metric == HOT_CPU ? sum / 1000 : sum));
        reply_int(x, top[i].db);
    }
    return RC_OK;
}

static enum rc
hotkeys_big_reply(struct exec *x)
{
    static const struct slice words[] = {LIT_INIT("bytes"), LIT_INIT("elements")};
    struct big_key top[HOTKEYS_MAX];
    int metric;
    int64_t count;

    TRY(parse_choice(x, words, 2, &metric, &count));
    size_t n = bigkeys_top(x->engine, (enum big_metric)metric, top, (size_t)count);
    reply_array(x, n);
    for (size_t i = 0; i < n; i++) {
        reply_array(x, 4);
        reply_bulk(x, top[i].key);
        reply_int(x, (int64_t)top[i].size);
        reply_bulk(x, slice_cstr(top[i].type));
        reply_int(x, top[i].db);
    }
    return RC_OK;
}

static enum rc
hotkeys_help(struct exec *x)
{
    static const char *const lines[] = {
        "BIG [BYTES|ELEMENTS] [COUNT <n>]",
        "    Return the biggest keys that the sweep over all databases has found: key, bytes or",
        "    elements, type, database.",
        "GET",
        "    Return what has been collected since START or, without one, of late.",
        "RESET",
        "    Forget what has been collected since START.",
        "START METRICS <count> [CPU] [NET] [COUNT <k>] [DURATION <seconds>] [SAMPLE <ratio>]",
        "    Collect the k keys that cost most time, or bytes on the network, from now on,",
        "    looking at one command of `ratio`.",
        "STOP",
        "    End that, and keep what has been collected.",
        "TOP [CALLS|CPU|NET] [COUNT <n>]",
        "    Return the keys used most of late: key, calls, microseconds or bytes, database.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

#define HOTKEYS_ROW .group = GROUP_SERVER, .flags = CMD_ADMIN | CMD_NOSCRIPT

static const struct cmd hotkeys_subs[] = {
    {"big", hotkeys_big_reply, .arity = -2, HOTKEYS_ROW, .since = "8.6.0",
     .args = "metric=[BYTES|ELEMENTS] [COUNT n:int]", .reply = "array", .about = "Returns the biggest keys.",
     .complexity = "O(1)", .tips = "nondeterministic_output request_policy:special response_policy:special"},
    {"get", hotkeys_get_reply, .arity = 2, HOTKEYS_ROW, .since = "8.6.0", .reply = "map",
     .about = "Returns the keys that cost most time and bytes.", .complexity = "O(K) for K keys returned",
     .tips = "nondeterministic_output request_policy:special response_policy:special"},
    {"help", hotkeys_help, .arity = 2, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE, .since = "8.6.1",
     .reply = "array", .about = "Explains the subcommands.", .complexity = "O(1)"},
    {"reset", hotkeys_reset_reply, .arity = 2, HOTKEYS_ROW, .since = "8.6.0", .reply = "OK",
     .about = "Forgets what a collection of hot keys has found.", .complexity = "O(1)",
     .tips = "request_policy:special"},
    {"start", hotkeys_start_reply, .arity = -2, HOTKEYS_ROW, .since = "8.6.0",
     .args = "[METRICS metrics={count:int [CPU] [NET]}] [COUNT k:int] [DURATION seconds:int] [SAMPLE ratio:int] "
             "[SLOTS slots={count:int slot:int...}]",
     .reply = "OK", .about = "Begins a collection of hot keys.", .complexity = "O(1)",
     .tips = "request_policy:special"},
    {"stop", hotkeys_stop_reply, .arity = 2, HOTKEYS_ROW, .since = "8.6.0", .reply = "OK",
     .about = "Ends a collection of hot keys.", .complexity = "O(1)", .tips = "request_policy:special"},
    {"top", hotkeys_top_reply, .arity = -2, HOTKEYS_ROW, .since = "8.6.0",
     .args = "metric=[CALLS|CPU|NET] [COUNT n:int]", .reply = "array", .about = "Returns the keys used most of late.",
     .complexity = "O(1)", .tips = "nondeterministic_output request_policy:special response_policy:special"},
    {0},
};

const struct cmd cmd_hotkeys_family[] = {
    {"hotkeys", NULL, .arity = -2, .group = GROUP_SERVER, .subs = hotkeys_subs, .since = "8.6.0",
     .about = "Which keys are used most, and which are biggest.", .complexity = "that of the subcommand"},
    {0},
};

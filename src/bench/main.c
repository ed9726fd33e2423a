/* bench/main.c - sorrel-benchmark: the tests, one after the other, and what they found. */
#include "base/mem.h"
#include "base/number.h"
#include "bench/html.h"
#include "bench/options.h"
#include "bench/report.h"
#include "sorrel/conn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BENCH_VERSION "0.1.0"

enum { ARGS_MAX = 32 };

/* A test of the usual set. The names are the ones that scripts read from redis-benchmark's CSV. */
static const struct test {
    const char *keyword, *group; /* of -t: either selects it */
    const char *title;
    const char *args[ARGS_MAX];
} tests[] = {
    {"ping_inline", "ping", "PING_INLINE", {NULL}},
    {"ping_mbulk", "ping", "PING_MBULK", {"PING"}},
    {"set", "set", "SET", {"SET", "key:__rand_int__", "__data__"}},
    {"get", "get", "GET", {"GET", "key:__rand_int__"}},
    {"incr", "incr", "INCR", {"INCR", "counter:__rand_int__"}},
    {"lpush", "lpush", "LPUSH", {"LPUSH", "mylist", "__data__"}},
    {"rpush", "rpush", "RPUSH", {"RPUSH", "mylist", "__data__"}},
    {"lpop", "lpop", "LPOP", {"LPOP", "mylist"}},
    {"rpop", "rpop", "RPOP", {"RPOP", "mylist"}},
    {"sadd", "sadd", "SADD", {"SADD", "myset", "element:__rand_int__"}},
    {"hset", "hset", "HSET", {"HSET", "myhash", "element:__rand_int__", "__data__"}},
    {"spop", "spop", "SPOP", {"SPOP", "myset"}},
    {"zadd", "zadd", "ZADD", {"ZADD", "myzset", "__rand_int__", "element:__rand_int__"}},
    {"zpopmin", "zpopmin", "ZPOPMIN", {"ZPOPMIN", "myzset"}},
    {"lrange_list", "lrange", "LPUSH (needed to benchmark LRANGE)", {"LPUSH", "mylist", "__data__"}},
    {"lrange_100", "lrange", "LRANGE_100 (first 100 elements)", {"LRANGE", "mylist", "0", "99"}},
    {"lrange_300", "lrange", "LRANGE_300 (first 300 elements)", {"LRANGE", "mylist", "0", "299"}},
    {"lrange_500", "lrange", "LRANGE_500 (first 500 elements)", {"LRANGE", "mylist", "0", "499"}},
    {"lrange_600", "lrange", "LRANGE_600 (first 600 elements)", {"LRANGE", "mylist", "0", "599"}},
    /* clang-format off */
    {"mset", "mset", "MSET (10 keys)",
     {"MSET", "key:__rand_int__", "__data__", "key:__rand_int__", "__data__", "key:__rand_int__", "__data__",
      "key:__rand_int__", "__data__", "key:__rand_int__", "__data__", "key:__rand_int__", "__data__",
      "key:__rand_int__", "__data__", "key:__rand_int__", "__data__", "key:__rand_int__", "__data__",
      "key:__rand_int__", "__data__"}},
    /* clang-format on */
    {"xadd", "xadd", "XADD", {"XADD", "mystream", "*", "myfield", "__data__"}},
};

/* ---- commands as bytes ------------------------------------------------------------------------------------------- */

static void
add_place(uint32_t **list, uint32_t *count, size_t at)
{
    *list = mem_resize(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = (uint32_t)at;
}

/* Appends an argument with its placeholders filled in; numbers are zeros until the load writes others. */
static void
add_argument(struct load_command *c, struct slice arg, struct slice data, bool cluster)
{
    static const struct slice number = LIT_INIT("__rand_int__"), value = LIT_INIT("__data__"), tag = LIT_INIT("{tag}");
    struct buf text = {0};
    size_t places[16], tags[16], count = 0, tag_count = 0;

    for (size_t i = 0; i < arg.len;) {
        struct slice rest = slice_skip(arg, i);
        if (slice_starts(rest, number) && count < 16) {
            places[count++] = text.len;
            buf_add_slice(&text, LIT("000000000000"));
            i += number.len;
        } else if (cluster && slice_starts(rest, tag) && tag_count < 16) {
            tags[tag_count++] = text.len + 1;
            buf_add_slice(&text, LIT("{000000}"));
            i += tag.len;
        } else if (slice_starts(rest, value)) {
            buf_add_slice(&text, data);
            i += value.len;
        } else {
            buf_add_char(&text, arg.ptr[i++]);
        }
    }
    buf_printf(&c->bytes, "$%zu\r\n", text.len);
    for (size_t i = 0; i < count; i++)
        add_place(&c->at, &c->at_count, c->bytes.len + places[i]);
    for (size_t i = 0; i < tag_count; i++)
        add_place(&c->tag_at, &c->tag_count, c->bytes.len + tags[i]);
    buf_add_slice(&c->bytes, buf_slice(&text));
    buf_add_slice(&c->bytes, LIT("\r\n"));
    buf_fini(&text);
}

static void
build_command(struct load_command *c, const struct slice *args, size_t n, struct slice data, bool cluster)
{
    *c = (struct load_command){.weight = 1};
    buf_printf(&c->bytes, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++)
        add_argument(c, args[i], data, cluster);
}

/* The commands of a test: one for each size of values, picked by their weights. */
struct command_set {
    struct load_command *v;
    uint32_t count;
};

static bool
has_value(const struct slice *args, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (args[i].len >= 8 && memmem(args[i].ptr, args[i].len, "__data__", 8) != NULL)
            return true;
    }
    return false;
}

/* Adds a command with that weight; where it carries values, one for each of their sizes. */
static void
add_command(struct command_set *set, const struct options *o, const struct slice *args, size_t n, uint64_t weight)
{
    struct slice longest = slice_of(o->data, (size_t)value_sizes_largest(&o->sizes));
    int variants = has_value(args, n) ? o->sizes.count : 1;
    uint64_t sum = 0;

    for (int i = 0; i < o->sizes.count; i++)
        sum += o->sizes.v[i].weight;
    set->v = mem_resize(set->v, (set->count + (uint32_t)variants) * sizeof(*set->v));
    for (int i = 0; i < variants; i++) {
        struct load_command *c = &set->v[set->count++];
        build_command(c, args, n, slice_of(longest.ptr, (size_t)o->sizes.v[i].bytes), o->cluster);
        /* A command without values must weigh as much as all variants of another together. */
        c->weight = weight * (variants > 1 ? o->sizes.v[i].weight : sum);
    }
}

/* A key of the usual tests with room for a tag: "key:{tag}:__rand_int__", "mylist:{tag}". */
static struct slice
tagged(struct buf *room, struct slice key)
{
    const char *colon = memchr(key.ptr, ':', key.len);
    size_t name = colon != NULL ? (size_t)(colon - key.ptr) : key.len;

    buf_reset(room);
    buf_printf(room, "%.*s:{tag}%.*s", (int)name, key.ptr, (int)(key.len - name), key.ptr + name);
    return buf_slice(room);
}

static void
add_test(struct command_set *set, const struct options *o, const struct test *t)
{
    struct slice args[ARGS_MAX];
    struct buf keys[ARGS_MAX] = {0};
    size_t n = 0;

    if (t->args[0] == NULL) {
        set->v = mem_get_zero(sizeof(*set->v));
        set->count = 1;
        set->v[0].weight = 1;
        buf_add_slice(&set->v[0].bytes, LIT("PING\r\n"));
        return;
    }
    while (n < ARGS_MAX && t->args[n] != NULL) {
        args[n] = slice_cstr(t->args[n]);
        if (o->cluster && (n == 1 || slice_starts(args[n], LIT("key:"))))
            args[n] = tagged(&keys[n], args[n]);
        n++;
    }
    add_command(set, o, args, n, 1);
    for (size_t i = 0; i < n; i++)
        buf_fini(&keys[i]);
}

static void
command_set_fini(struct command_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        buf_fini(&set->v[i].bytes);
        mem_free(set->v[i].at);
        mem_free(set->v[i].tag_at);
    }
    mem_free(set->v);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Seconds of processor time that the server has used; negative if it does not say. */
static double
server_cpu(const struct sorrel_url *u)
{
    struct sorrel_conn *c;
    double total = -1;

    if (sorrel_conn_open(u, &c, NULL) != SORREL_OK)
        return -1;
    size_t len;
    const char *text = sorrel_reply_text(sorrel_conn_do(c, NULL, "INFO", "cpu", NULL), &len);
    for (struct slice rest = text != NULL ? slice_of(text, len) : LIT(""); rest.len > 0;) {
        const char *nl = memchr(rest.ptr, '\n', rest.len);
        size_t n = nl != NULL ? (size_t)(nl - rest.ptr) : rest.len;
        struct slice line = slice_of(rest.ptr, n > 0 && rest.ptr[n - 1] == '\r' ? n - 1 : n);
        double v;
        if ((slice_starts(line, LIT("used_cpu_sys:")) && parse_double(slice_skip(line, 13), &v)) ||
            (slice_starts(line, LIT("used_cpu_user:")) && parse_double(slice_skip(line, 14), &v)))
            total = total < 0 ? v : total + v;
        rest = slice_skip(rest, n + 1);
    }
    sorrel_conn_close(c);
    return total;
}

/* The same of all nodes together, if it is a cluster. */
static double
servers_cpu(const struct options *o, const struct sorrel_url *u)
{
    double total = 0;

    if (!o->cluster)
        return server_cpu(u);
    for (uint32_t i = 0; total >= 0 && i < o->nodes.count; i++) {
        double one = server_cpu(&o->nodes.v[i].url);
        total = one < 0 ? -1 : total + one;
    }
    return total;
}

/* One run against one server. False, having said why, if it could not be done. */
static bool
measure(const struct options *o, const struct sorrel_url *u, const struct command_set *set, const char *title,
        struct outcome *out)
{
    struct load l = o->load;

    l.url = u;
    l.commands = set->v;
    l.command_count = set->count;
    out->title = title;
    l.nodes = o->cluster ? &o->nodes : NULL;
    double before = servers_cpu(o, u);
    if (!load_run(&l, &out->result)) {
        fprintf(stderr, "%s: %s\n", title, out->result.error);
        return false;
    }
    double after = servers_cpu(o, u);
    out->server_cpu_us = before >= 0 && after >= before && out->result.requests > 0
                             ? (after - before) * 1e6 / (double)out->result.requests
                             : -1;
    return true;
}

static bool
compare(const struct options *o, const struct command_set *set, const char *title)
{
    struct comparison cmp = {.title = title};
    struct options part = *o;
    struct outcome *a = mem_get_zero(sizeof(*a)), *b = mem_get_zero(sizeof(*b));
    bool ok = true;

    part.load.requests = o->load.requests / (uint64_t)o->rounds;
    part.load.seconds = o->load.seconds / o->rounds;
    if (o->load.requests > 0 && part.load.requests == 0)
        part.load.requests = 1;
    for (int i = 0; ok && i < o->rounds; i++) {
        /* Who comes first changes, so that neither always meets the warmer machine. */
        ok = i % 2 == 0 ? measure(&part, &o->url, set, title, a) && measure(&part, &o->other, set, title, b)
                        : measure(&part, &o->other, set, title, b) && measure(&part, &o->url, set, title, a);
        if (ok)
            comparison_add(&cmp, a, b);
        load_result_fini(&a->result);
        load_result_fini(&b->result);
    }
    if (ok)
        report_comparison(o, &cmp);
    comparison_fini(&cmp);
    mem_free(a);
    mem_free(b);
    return ok;
}

static bool
run_commands(const struct options *o, const struct command_set *set, const char *title)
{
    if (o->compare)
        return compare(o, set, title);
    struct outcome *out = mem_get_zero(sizeof(*out));
    bool ok = measure(o, &o->url, set, title, out);
    if (ok)
        report_outcome(o, out);
    if (ok && o->page != NULL)
        html_add(o->page, out);
    if (ok && out->result.errors > 0) {
        fprintf(stderr, "%s: %llu error replies, the first: %s\n", title, (unsigned long long)out->result.errors,
                out->result.error);
        ok = !o->error_exit;
    }
    load_result_fini(&out->result);
    mem_free(out);
    return ok;
}

/* Whether -t names the test: by keyword, by group, or the list that LRANGE tests need. */
static bool
selected(const struct options *o, const struct test *t)
{
    struct slice list = o->tests != NULL ? slice_cstr(o->tests) : LIT("");

    if (o->tests == NULL)
        return true;
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        struct slice word = comma != NULL ? slice_of(list.ptr, (size_t)(comma - list.ptr)) : list;
        if (slice_eq_nocase(word, slice_cstr(t->keyword)) || slice_eq_nocase(word, slice_cstr(t->group)) ||
            (strcmp(t->keyword, "lrange_list") == 0 && slice_starts_nocase(word, LIT("lrange_"))))
            return true;
        list = comma != NULL ? slice_skip(list, word.len + 1) : LIT("");
    }
    return false;
}

static bool
run_own_command(const struct options *o)
{
    struct slice *args = mem_get_array((size_t)o->argc + 1, sizeof(*args));
    struct command_set set = {0};
    struct buf title = {0}, input = {0};
    size_t n = 0;

    for (; n < (size_t)o->argc; n++) {
        args[n] = slice_cstr(o->argv[n]);
        buf_printf(&title, "%s%s", n > 0 ? " " : "", o->argv[n]);
    }
    for (ssize_t got = 1; o->stdin_last && got > 0;) {
        got = read(STDIN_FILENO, buf_room(&input, 65536), 65536);
        buf_advance(&input, got > 0 ? (size_t)got : 0);
    }
    if (o->stdin_last)
        args[n++] = buf_slice(&input);
    buf_add_char(&title, '\0');
    add_command(&set, o, args, n, 1);
    bool ok = run_commands(o, &set, title.ptr);
    command_set_fini(&set);
    buf_fini(&title);
    buf_fini(&input);
    mem_free(args);
    return ok;
}

static bool
run_mix(const struct options *o)
{
    struct command_set both = {0};
    struct slice key = o->cluster ? LIT("key:{tag}:__rand_int__") : LIT("key:__rand_int__");
    const struct slice set[] = {LIT("SET"), key, LIT("__data__")};
    const struct slice get[] = {LIT("GET"), key};
    char title[64];

    add_command(&both, o, set, 3, (uint64_t)o->sets);
    add_command(&both, o, get, 2, (uint64_t)o->gets);
    snprintf(title, sizeof(title), "SET:GET %lld:%lld", (long long)o->sets, (long long)o->gets);
    bool ok = run_commands(o, &both, title);
    command_set_fini(&both);
    return ok;
}

static bool
run_all(const struct options *o)
{
    bool any = false;

    if (o->argc > 0)
        return run_own_command(o);
    if (o->sets + o->gets > 0)
        return run_mix(o);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        struct command_set set = {0};
        if (!selected(o, &tests[i]))
            continue;
        any = true;
        add_test(&set, o, &tests[i]);
        bool ok = run_commands(o, &set, tests[i].title);
        command_set_fini(&set);
        if (!ok)
            return false;
    }
    if (!any)
        fprintf(stderr, "-t names no known test.\n");
    return any;
}

/* -I: connections that only exist. */
static bool
stay_idle(const struct options *o)
{
    struct sorrel_conn **conns = mem_get_array((size_t)o->load.connections, sizeof(struct sorrel_conn *));
    struct sorrel_error err;
    int n = 0;

    while (n < o->load.connections && sorrel_conn_open(&o->url, &conns[n], &err) == SORREL_OK)
        n++;
    if (n < o->load.connections) {
        fprintf(stderr, "connection %d: %s\n", n + 1, err.text);
    } else {
        printf("%d idle connections opened; stop with Ctrl-C.\n", n);
        fflush(stdout);
        pause();
    }
    bool ok = n == o->load.connections;
    while (n > 0)
        sorrel_conn_close(conns[--n]);
    mem_free(conns);
    return ok;
}

static bool
run_rounds(struct options *o)
{
    size_t most = (size_t)value_sizes_largest(&o->sizes);
    char *data = mem_get(most);
    bool ok = true;

    memset(data, 'x', most);
    o->data = data;
    report_begin(o);
    do {
        ok = run_all(o);
    } while (ok && o->forever);
    mem_free(data);
    return ok;
}

static bool
run(struct options *o)
{
    if (o->help || o->version) {
        if (o->help)
            options_print_help();
        else
            printf("sorrel-benchmark %s\n", BENCH_VERSION);
        return true;
    }
    if (o->idle)
        return stay_idle(o);
    if (o->cluster && !load_nodes_find(&o->nodes, &o->url))
        return false;
    if (o->html == NULL)
        return run_rounds(o);
    o->page = html_open(o, o->html);
    if (o->page == NULL)
        return false;
    bool ok = run_rounds(o);
    return html_close(o->page) && ok;
}

int
main(int argc, char **argv)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct options o;

    sigaction(SIGPIPE, &ignore, NULL);
    bool ok = options_parse(&o, argc, argv) && run(&o);
    options_fini(&o);
    return fflush(stdout) == 0 && ok ? 0 : 1;
}

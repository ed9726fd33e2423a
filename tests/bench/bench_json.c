/* tests/bench/bench_json.c - reading and printing JSON, and what a document takes beside its text (beside jansson's tree:
 * bench_jansson.c).
 *
 *   make MODE=release build/release/libengine.a
 *   gcc -O2 -flto -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/bench_json.c build/release/libengine.a \
 *       -ljemalloc -lm
 *   ./a.out                 or   ./a.out 9 | ./bench_jansson
 */
#include "base/mem.h"
#include "value/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A typical API document: so many people, about 200 bytes each, minified. */
static void
make_document(struct buf *out, unsigned people)
{
    unsigned r = 12345;

    buf_printf(out, "{\"id\":4711,\"page\":1,\"total\":%u,\"next\":null,\"items\":[", people);
    for (unsigned i = 0; i < people; i++) {
        r = r * 1103515245 + 12345;
        buf_printf(out,
                   "%s{\"id\":%u,\"name\":\"Person %u\",\"email\":\"p%u@example.org\",\"active\":%s,\"score\":%u.%02u,"
                   "\"tags\":[\"alpha\",\"beta\",\"t%u\"],\"address\":{\"street\":\"%u Main Street\",\"city\":"
                   "\"Springfield\",\"zip\":\"%05u\"}}",
                   i > 0 ? "," : "", r % 1000000, r % 10000, r % 100000, r & 64 ? "true" : "false", r % 100, r / 7 % 100,
                   r % 50, r % 200, r % 100000);
    }
    buf_printf(out, "]}");
}

/* Another: one object in which nearly no key is there twice, as a service tells of one thing. */
static void
make_single(struct buf *out)
{
    buf_printf(out, "{\"id\":1296269,\"node\":\"MDEwOlJlcG9zaXRvcnkxMjk2MjY5\",\"owner\":{\"login\":\"octavia\",\"avatar\":"
                    "\"https://example.org/images/octavia.gif\",\"kind\":\"User\",\"admin\":false},\"private\":false,\"fork\":true");
    for (unsigned i = 0; i < 24; i++)
        buf_printf(out, ",\"%s_url_%u\":\"https://api.example.org/repos/octavia/hello/part%u\"", i % 2 ? "events" : "hooks", i, i);
    buf_printf(out, ",\"stars\":80,\"size\":108,\"pushed\":\"2011-01-26T19:06:43Z\",\"permissions\":{\"push\":false,\"pull\":true}}");
}

/* What it would save to keep a key that has been there before as a reference to it, of three bytes. */
static size_t
saved_by_interning(json_node root)
{
    enum { KEYS_MAX = 4096 };
    static struct slice seen[KEYS_MAX];
    struct {
        json_node end;
        size_t left;
    } open[JSON_DEPTH_MAX];
    size_t keys = 0, saved = 0;
    unsigned depth = 0;
    json_node n = root, end = root + json_size(root);

    while (n < end) {
        while (depth > 0 && n >= open[depth - 1].end)
            depth--;
        if (depth > 0 && open[depth - 1].left > 0 && open[depth - 1].left-- % 2 == 0) {
            struct slice key = json_string(n);
            size_t i = 0;
            while (i < keys && !slice_eq(seen[i], key))
                i++;
            if (i < keys && json_size(n) > 3)
                saved += json_size(n) - 3;
            else if (i == keys && keys < KEYS_MAX)
                seen[keys++] = key;
        }
        enum json_kind kind = json_kind(n);
        if (kind != JSON_ARRAY && kind != JSON_OBJECT) {
            n += json_size(n);
            continue;
        }
        open[depth].end = n + json_size(n);
        open[depth++].left = kind == JSON_OBJECT ? 2 * json_count(n) : 0;
        n = json_first(n);
    }
    return saved;
}

static void
measure(const char *name, unsigned people)
{
    struct buf text = {0}, tape = {0}, out = {0};
    struct json_error error;
    struct json j = {0};

    if (people > 0)
        make_document(&text, people);
    else
        make_single(&text);
    size_t rounds = 200u * 1000 * 1000 / text.len;
    double best_parse = 1e9, best_print = 1e9;
    for (int k = 0; k < 5; k++) {
        double from = cpu_seconds();
        for (size_t i = 0; i < rounds / 5; i++) {
            buf_reset(&tape);
            CHECK(json_parse(buf_slice(&text), JSON_DEPTH_MAX, &tape, &error));
        }
        double parse = cpu_seconds() - from;
        CHECK(json_set(&j, buf_slice(&tape)));
        from = cpu_seconds();
        for (size_t i = 0; i < rounds / 5; i++) {
            buf_reset(&out);
            json_print(json_root(&j), NULL, &out);
        }
        double print = cpu_seconds() - from;
        best_parse = parse < best_parse ? parse : best_parse;
        best_print = print < best_print ? print : best_print;
    }
    double megabytes = (double)(rounds / 5) * (double)text.len / 1e6;
    printf("%s, %zu bytes of text: parsing %.0f MB/s, printing %.0f MB/s, %zu bytes in memory: %.2f of the text\n", name, text.len,
           megabytes / best_parse, megabytes / best_print, json_bytes(&j), (double)json_bytes(&j) / (double)text.len);
    printf("  stored %zu bytes, references to keys would save %zu\n", tape.len, saved_by_interning((json_node)tape.ptr));
    json_fini(&j);
    buf_fini(&text);
    buf_fini(&tape);
    buf_fini(&out);
}

int
main(int argc, char **argv)
{
    if (argc > 1) { /* only the text, for others */
        struct buf text = {0};
        make_document(&text, (unsigned)strtoul(argv[1], NULL, 10));
        fwrite(text.ptr, 1, text.len, stdout);
        buf_fini(&text);
        return 0;
    }
    measure("an API document", 9);
    measure("a single object", 0);
    measure("a long one", 480);
    return 0;
}

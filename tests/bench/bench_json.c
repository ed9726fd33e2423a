/* tests/bench/bench_json.c - reading and printing JSON, and what a document takes beside its text (beside jansson's
 * tree: bench_jansson.c).
 *
 *   make MODE=release build/release/libengine.a
 *   gcc -O2 -flto -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/bench_json.c build/release/libengine.a \
 *       -ljemalloc -lm -lutf8proc
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
                   i > 0 ? "," : "", r % 1000000, r % 10000, r % 100000, r & 64 ? "true" : "false", r % 100,
                   r / 7 % 100, r % 50, r % 200, r % 100000);
    }
    buf_printf(out, "]}");
}

/* Another: one object in which nearly no key is there twice, as a service tells of one thing. */
static void
make_single(struct buf *out)
{
    buf_printf(out,
               "{\"id\":1296269,\"node\":\"MDEwOlJlcG9zaXRvcnkxMjk2MjY5\",\"owner\":{\"login\":\"octavia\",\"avatar\":"
               "\"https://example.org/images/"
               "octavia.gif\",\"kind\":\"User\",\"admin\":false},\"private\":false,\"fork\":true");
    for (unsigned i = 0; i < 24; i++)
        buf_printf(out, ",\"%s_url_%u\":\"https://api.example.org/repos/octavia/hello/part%u\"",
                   i % 2 ? "events" : "hooks", i, i);
    buf_printf(out, ",\"stars\":80,\"size\":108,\"pushed\":\"2011-01-26T19:06:43Z\",\"permissions\":{\"push\":false,"
                    "\"pull\":true}}");
}

enum vector { DOUBLES, FLOATS, SHORT_FLOATS, CENTS, BYTES, MILLISECONDS };

/* What numbers a service sends: doubles, 32-bit ones with their own digits or with a double's, prices, pixels, times.
 */
static void
make_vector(struct buf *out, enum vector kind)
{
    unsigned r = 12345;
    char text[32];

    for (int i = 0; i < 1536; i++) {
        r = r * 1103515245 + 12345;
        double v = (double)((uint64_t)r << 21 ^ r * 2654435761u) / 9007199254740992.0;
        int n = kind == SHORT_FLOATS ? 1 : 0;
        do /* the fewest digits */
            snprintf(text, sizeof(text), "%.*g", n, (double)(float)v);
        while (kind == SHORT_FLOATS && strtof(text, NULL) != (float)v && n++ < 9);
        buf_add_char(out, i == 0 ? '[' : ',');
        switch (kind) {
        case DOUBLES: buf_printf(out, "%.17g", v); break;
        case FLOATS: buf_printf(out, "%.17g", (double)(float)v); break;
        case SHORT_FLOATS: buf_printf(out, "%s", text); break;
        case CENTS: buf_printf(out, "%u.%02u", r % 100, r / 7 % 100); break;
        case BYTES: buf_printf(out, "%u", r >> 8 & 255); break;
        case MILLISECONDS: buf_printf(out, "1790%09u", r % 1000000000); break;
        }
    }
    buf_add_char(out, ']');
}

static void
measure(const char *name, struct buf text)
{
    struct json_reading how = {.depth_max = JSON_DEPTH_MAX, .share_keys = true}; /* as JSON.SET reads */
    struct buf tape = {0}, out = {0}, plain = {0};
    struct json_error error;
    struct json j = {0};

    size_t rounds = 200u * 1000 * 1000 / text.len;
    double best_parse = 1e9, best_print = 1e9;
    for (int k = 0; k < 5; k++) {
        double from = cpu_seconds();
        for (size_t i = 0; i < rounds / 5; i++) {
            buf_reset(&tape);
            CHECK(json_read(buf_slice(&text), how, &tape, &error));
        }
        double parse = cpu_seconds() - from;
        CHECK(json_set_shared(&j, buf_slice(&tape)));
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
    printf("%s, %zu bytes of text: parsing %.0f MB/s, printing %.0f MB/s, %zu bytes in memory: %.2f of the text\n",
           name, text.len, megabytes / best_parse, megabytes / best_print, json_bytes(&j),
           (double)json_bytes(&j) / (double)text.len);
    CHECK(json_parse(buf_slice(&text), JSON_DEPTH_MAX, &plain, &error) && json_set(&j, buf_slice(&plain)));
    printf("  %zu bytes with references to keys, without them %zu, in memory %zu\n", tape.len, plain.len,
           json_bytes(&j));
    json_fini(&j);
    buf_fini(&text);
    buf_fini(&tape);
    buf_fini(&out);
    buf_fini(&plain);
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
    struct buf text = {0}, list = {0}, single = {0};
    make_document(&list, 9);
    measure("an API document", list);
    make_single(&single);
    measure("a single object", single);
    make_document(&text, 480);
    measure("a long one", text);
    for (enum vector k = DOUBLES; k <= MILLISECONDS; k++) {
        static const char *const names[] = {"doubles", "32-bit numbers as doubles", "32-bit numbers", "prices", "bytes",
                                            "times"};
        struct buf numbers = {0};
        make_vector(&numbers, k);
        measure(names[k], numbers);
    }
    return 0;
}

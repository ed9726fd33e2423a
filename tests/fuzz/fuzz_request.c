/* tests/fuzz/fuzz_request.c - any bytes, in any pieces, mean the same to the request parser.
 *
 * The first byte chooses the limits, the second seeds the sizes of the pieces; the rest is parsed at once and in pieces
 * that move in memory, and both must see the same commands and the same end.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proto/request.h"

static void
note(struct buf *out, const struct slice_vec *argv, size_t from)
{
    for (size_t i = from; i < argv->n; i++) {
        buf_printf(out, "%zu:", argv->v[i].len);
        buf_add_slice(out, argv->v[i]);
    }
    buf_add_char(out, ';');
}

static void
at_once(const struct request_limits *lim, struct slice in, struct buf *out)
{
    struct request_parser p = {0};
    struct slice_vec argv = {0};
    struct slice error = {0};
    enum parse_result r;
    size_t used;

    for (;;) {
        size_t from = argv.n;
        used = 0;
        r = request_parse(&p, lim, in, &argv, &used, &error);
        if (r != PARSE_DONE)
            break;
        CHECK(used > 0 && used <= in.len);
        note(out, &argv, from);
        in = slice_skip(in, used);
    }
    if (r == PARSE_BAD)
        buf_add_slice(out, error);
    request_parser_fini(&p);
    slice_vec_fini(&argv);
}

static void
in_pieces(const struct request_limits *lim, struct slice in, struct rng *rng, struct buf *out)
{
    struct request_parser p = {0};
    struct slice_vec argv = {0};
    struct slice error = {0};
    enum parse_result r = PARSE_MORE;
    size_t from = 0, until = 0;

    while (until < in.len && r != PARSE_BAD) {
        until += 1 + rng_below(rng, 32);
        until = until < in.len ? until : in.len;
        do {
            size_t n = until - from, used = 0;
            char *copy = mem_get(n > 0 ? n : 1);
            memcpy(copy, in.ptr + from, n);
            argv.n = 0;
            r = request_parse(&p, lim, slice_of(copy, n), &argv, &used, &error);
            if (r == PARSE_DONE)
                note(out, &argv, 0);
            from += r == PARSE_DONE ? used : 0;
            request_forget(&p);
            mem_free(copy);
        } while (r == PARSE_DONE);
    }
    if (r == PARSE_BAD)
        buf_add_slice(out, error);
    request_parser_fini(&p);
    slice_vec_fini(&argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct request_limits limits[] = {
        {512u << 20, INT32_MAX, 64u << 10, 0}, {512u << 20, 10, 64u << 10, 16u << 10}, {100, 100, 64, 0}};
    struct buf whole = {0}, pieces = {0};
    struct rng rng;

    if (size < 2)
        return 0;
    const struct request_limits *lim = &limits[data[0] % 2];
    struct slice in = slice_of(data + 2, size - 2);
    rng_seed(&rng, data[1]);
    at_once(lim, in, &whole);
    in_pieces(lim, in, &rng, &pieces);
    CHECK(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    /* Limits as small as the lines themselves: what arrives first decides then, so only its safety is looked at. */
    buf_reset(&pieces);
    in_pieces(&limits[2], in, &rng, &pieces);
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}

/* The reply reader, as a client of a hostile server: any bytes, split where the first byte says. Reading in two pieces
 * and at once must come to the same end, and what the fast path skips must be what the slow one builds. */
#include "base/check.h"
#include "base/mem.h"
#include "proto/reply_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
walk(const struct resp_value *v)
{
    size_t sum = 0;

    if (v->attributes != NULL)
        sum += walk(v->attributes);
    if (!resp_is_aggregate(v)) {
        for (size_t i = 0; i < v->text.len; i++)
            sum += (unsigned char)v->text.ptr[i];
        return sum;
    }
    for (size_t i = 0; i < v->count; i++)
        sum += walk(&v->items[i]);
    return sum + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct reply_limits lim = {.bulk_max = 1 << 16, .values_max = 1 << 16};
    struct reply_reader whole = {0}, split = {0}, skip = {0};
    const struct resp_value *v, *w;
    struct slice error;
    enum resp_type type;
    size_t used = 0, used_split = 0, used_skip = 0;

    if (size == 0)
        return 0;
    size_t cut = data[0] % size;
    struct slice in = slice_of(data + 1, size - 1);
    char *head = mem_get(cut + 1); /* exactly the first part, so that a read beyond it shows */
    memcpy(head, in.ptr, cut < in.len ? cut : in.len);
    cut = cut < in.len ? cut : in.len;

    enum parse_result a = reply_read(&whole, &lim, in, &used, &v, &error);
    enum parse_result b = reply_read(&split, &lim, slice_of(head, cut), &used_split, &w, &error);
    if (b == PARSE_MORE)
        b = reply_read(&split, &lim, in, &used_split, &w, &error);
    enum parse_result c = reply_skip(&skip, &lim, in, &used_skip, &type, &error);
    CHECK(a == b && a == c);
    if (a == PARSE_DONE) {
        CHECK(used == used_split && used == used_skip && used <= in.len);
        CHECK(walk(v) == walk(w));
        CHECK((type == RESP_ERROR) == (in.ptr[0] == '-' || in.ptr[0] == '!'));
        struct arena copy = {0};
        CHECK(walk(resp_copy(&copy, v)) == walk(v));
        arena_fini(&copy);
    }
    mem_free(head);
    reply_reader_fini(&whole);
    reply_reader_fini(&split);
    reply_reader_fini(&skip);
    return 0;
}

/* bench/sizes.c - reading -d. */
#include "bench/sizes.h"

#include "base/number.h"

enum { BYTES_MAX = 1 << 30, WEIGHT_MAX = 1000000 };

static bool
read_size(struct slice s, int64_t *out)
{
    return parse_int64(s, out) && *out > 0 && *out <= BYTES_MAX;
}

static void
spread(struct value_sizes *s, int64_t from, int64_t to)
{
    int64_t span = to - from;

    s->count = span + 1 < SIZES_MAX ? (int)span + 1 : SIZES_MAX;
    for (int i = 0; i < s->count; i++) {
        s->v[i].bytes = s->count > 1 ? from + span * i / (s->count - 1) : from;
        s->v[i].weight = 1;
    }
}

static bool
read_weighted(struct value_sizes *s, struct slice list)
{
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        struct slice item = comma != NULL ? slice_of(list.ptr, (size_t)(comma - list.ptr)) : list;
        const char *colon = item.len > 0 ? memchr(item.ptr, ':', item.len) : NULL;
        int64_t weight;
        if (colon == NULL || s->count == SIZES_MAX)
            return false;
        size_t at = (size_t)(colon - item.ptr);
        if (!read_size(slice_of(item.ptr, at), &s->v[s->count].bytes) ||
            !parse_int64(slice_skip(item, at + 1), &weight) || weight <= 0 || weight > WEIGHT_MAX)
            return false;
        s->v[s->count++].weight = (uint32_t)weight;
        list = slice_skip(list, item.len + (comma != NULL));
    }
    return s->count > 0;
}

bool
value_sizes_parse(struct value_sizes *s, const char *text)
{
    struct slice all = slice_cstr(text);
    const char *dash = all.len > 0 ? memchr(all.ptr, '-', all.len) : NULL;
    int64_t from, to;

    *s = (struct value_sizes){.text = text};
    if (dash != NULL) {
        size_t at = (size_t)(dash - all.ptr);
        if (!read_size(slice_of(all.ptr, at), &from) || !read_size(slice_skip(all, at + 1), &to) || to < from)
            return false;
        spread(s, from, to);
        return true;
    }
    if (read_size(all, &from)) {
        spread(s, from, from);
        return true;
    }
    return read_weighted(s, all);
}

int64_t
value_sizes_largest(const struct value_sizes *s)
{
    int64_t most = 0;

    for (int i = 0; i < s->count; i++)
        most = s->v[i].bytes > most ? s->v[i].bytes : most;
    return most;
}

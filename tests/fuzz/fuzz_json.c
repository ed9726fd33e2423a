/* tests/fuzz/fuzz_json.c - JSON text and a path over it.
 *
 * Up to the first zero byte the input is a path, the rest is a text. A text that is read must be sound, print as
 * something that reads back equal, and survive the removal of what the path matches.
 */
#include "base/mem.h"
#include "value/json_path.h"

/* A document whose arrays all have tags is the same document, has the same matches in the same order, and packs again.
 */
static void
loosen_and_tighten(struct json *j, const struct json_path *p, struct arena *a)
{
    struct json loose = json_copy(j);
    struct json_match *m, *k;
    struct json_own own, other;
    size_t n, count;

    CHECK(json_loosen(&loose) && json_verify(&loose) && json_equal(json_root(j), json_root(&loose)));
    if (p != NULL && json_path_find(p, a, json_root(j), &m, &n)) {
        CHECK(json_path_find(p, a, json_root(&loose), &k, &count) && n == count);
        for (size_t i = 0; i < n; i++)
            CHECK(json_equal(json_match_node(json_root(j), m[i], &own),
                             json_match_node(json_root(&loose), k[i], &other)));
    }
    json_tighten(&loose);
    CHECK(json_verify(&loose) && json_size(json_root(j)) == json_size(json_root(&loose)));
    CHECK(memcmp(json_root(j), json_root(&loose), json_size(json_root(j))) == 0);
    json_fini(&loose);
}

static void
remove_elements(struct json *j, const struct json_path *p, struct arena *a)
{
    struct json_match *m;
    size_t n;

    if (!json_path_find(p, a, json_root(j), &m, &n))
        return;
    for (size_t i = 0; i < n; i++) {
        json_node root = json_root(j);
        CHECK(m[i].at < json_size(root));
        if (m[i].parent == JSON_NO_PARENT || json_kind(root + m[i].parent) != JSON_ARRAY || json_in_packed(root, m[i]))
            continue;
        CHECK(json_splice(j, m[i].parent, m[i].at, json_size(root + m[i].at), (struct slice){NULL, 0}, -1,
                          JSON_DEPTH_MAX));
        CHECK(json_verify(j));
        return; /* the other places have moved */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
    size_t path_len = zero == NULL ? 0 : (size_t)(zero - data), skip = zero == NULL ? 0 : path_len + 1, where;
    struct slice text = slice_of((const char *)data + skip, size - skip);
    struct buf tape = {0}, out = {0}, again = {0};
    struct arena arena = {0};
    struct json_error error;
    struct json_path path;
    const char *why;
    struct json j = {0};

    bool has_path =
        path_len > 0 && json_path_parse(&arena, slice_of((const char *)data, path_len), &path, &why, &where);
    if (json_parse(text, JSON_DEPTH_MAX, &tape, &error)) {
        CHECK(json_set(&j, buf_slice(&tape)) && json_verify(&j));
        json_print(json_root(&j), NULL, &out);
        CHECK(json_parse(buf_slice(&out), JSON_DEPTH_MAX, &again, &error));
        CHECK(slice_eq(buf_slice(&tape), buf_slice(&again)));
        CHECK(json_equal(json_root(&j), (json_node)again.ptr));
        loosen_and_tighten(&j, has_path ? &path : NULL, &arena);
        if (has_path)
            remove_elements(&j, &path, &arena);
        json_fini(&j);
    }
    buf_fini(&tape);
    buf_fini(&out);
    buf_fini(&again);
    arena_fini(&arena);
    return 0;
}

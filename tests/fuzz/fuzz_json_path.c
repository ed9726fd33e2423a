/* tests/fuzz/fuzz_json_path.c - paths alone, in both dialects, over one document that has a bit of everything. */
#include "base/mem.h"
#include "value/json_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
    "{\"a\":[1,2.5,-3,\"x\",null,true,{\"b\":{\"c\":[[],[[1]]]}}],\"b\":{\"a\":\"text\",\"n\":10,\"\":0},\"list\":"
    "[{\"v\":[1,2,300],\"p\":8,\"q\":\"abc\"},{\"p\":12,\"q\":\"abd\"},{\"q\":\"\"}],\"u\":\"\\u00e9\\ud83d\\ude00\"}";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct buf tape = {0};
    struct json_error error;
    struct json_path path;
    struct json_match *m;
    const char *why;
    size_t n, where;

    CHECK(json_parse(slice_of(document, sizeof(document) - 1), JSON_DEPTH_MAX, &tape, &error));
    if (json_path_parse(&arena, slice_of((const char *)data, size), &path, &why, &where)) {
        json_node root = (json_node)tape.ptr;
        if (json_path_find(&path, &arena, root, &m, &n)) {
            struct json_own own;
            for (size_t i = 0; i < n; i++)
                CHECK(m[i].at < json_size(root) && json_size(json_match_node(root, m[i], &own)) > 0);
        }
    } else {
        CHECK(why != NULL);
    }
    buf_fini(&tape);
    arena_fini(&arena);
    return 0;
}

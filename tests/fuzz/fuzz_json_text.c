/* tests/fuzz/fuzz_json_text.c - JSON text alone.
 *
 * The first byte says how deep a text may be and how its arrays of numbers are rounded. What is read must be sound, and
 * print, short or with line breaks, as a text that reads back to the same, with references to keys and without; what is
 * not read must say why and where.
 */
#include "base/mem.h"
#include "value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
print_and_read(json_node root, struct slice tape, const struct json_format *format)
{
    struct buf out = {0}, again = {0};
    struct json_error error;

    json_print(root, format, &out);
    CHECK(json_parse(buf_slice(&out), JSON_DEPTH_MAX, &again, &error));
    CHECK(slice_eq(tape, buf_slice(&again)) && json_equal(root, (json_node)again.ptr));
    buf_fini(&out);
    buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_format spread = {LIT_INIT("\t "), LIT_INIT("\r\n"), LIT_INIT(" ")};
    struct buf tape = {0}, shared = {0};
    struct json_error error = {0};
    struct json j = {0};

    if (size == 0)
        return 0;
    unsigned depth = data[0] % (JSON_DEPTH_MAX + 1);
    enum json_float type = data[0] % (JSON_FP64 + 1);
    struct slice text = slice_of((const char *)data + 1, size - 1);
    if (json_read(text, (struct json_reading){depth, type, true}, &shared, &error)) {
        CHECK(json_read(text, (struct json_reading){depth, type, false}, &tape, &error) && tape.len >= shared.len);
        CHECK(json_set_shared(&j, buf_slice(&shared)) && json_verify(&j));
        print_and_read(json_root(&j), buf_slice(&tape), NULL);
        CHECK(json_unshare(&j) && json_verify(&j) && json_size(json_root(&j)) == tape.len);
        CHECK(memcmp(json_root(&j), tape.ptr, tape.len) == 0);
        CHECK(json_depth(json_root(&j)) <= depth + 1);
        print_and_read(json_root(&j), buf_slice(&tape), NULL);
        print_and_read(json_root(&j), buf_slice(&tape), &spread);
        struct json copy = json_copy(&j);
        CHECK(json_equal(json_root(&copy), json_root(&j)));
        json_fini(&copy);
        json_fini(&j);
    } else {
        CHECK(error.why != NULL && error.line > 0 && error.column > 0 && error.column <= size + 1);
    }
    buf_fini(&tape);
    buf_fini(&shared);
    return 0;
}

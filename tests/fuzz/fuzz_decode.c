/* tests/fuzz/fuzz_decode.c - data for the libraries that scripts have: cjson, cmsgpack, struct, patterns of strings.
 *
 * The first byte says which. What decodes is encoded again and decoded once more: the second time must succeed as well.
 */
#include "support/loopback.h"

#include "engine/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const decoders[] = {
    ("local ok, v = pcall(cjson.decode, ARGV[1]) if not ok then return v end\n"
     "local again, s = pcall(cjson.encode, v) if not again then return s end\n"
     "cjson.decode(s) return s"),
    ("local ok, v = pcall(cmsgpack.unpack, ARGV[1]) if not ok then return v end\n"
     "local again, s = pcall(cmsgpack.pack, v) if not again then return s end\n"
     "cmsgpack.unpack(s) return {s, v}"),
    "local ok, v = pcall(cmsgpack.unpack_one, ARGV[1]) return {tostring(ok), pcall(cmsgpack.unpack_limit, ARGV[1], 3, "
    "1)}",
    "local n = string.byte(ARGV[1]) or 0 return {pcall(struct.unpack, ARGV[1]:sub(2, n + 1), ARGV[1]:sub(n + 2))}",
    "local n = string.byte(ARGV[1]) or 0 return {pcall(struct.pack, ARGV[1]:sub(2, n + 1), 1, 'text', 2.5, 'x', -1)}",
    ("local n = string.byte(ARGV[1]) or 0 local p, s = ARGV[1]:sub(2, n + 1), ARGV[1]:sub(n + 2)\n"
     "return {pcall(string.find, s, p), (pcall(string.gsub, s, p, '%0%1'))}"),
};
enum { DECODERS = sizeof(decoders) / sizeof(decoders[0]) };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 4096)
        return 0;
    const char *decoder = decoders[data[0] % DECODERS];
    const struct slice argv[] = {LIT("EVAL"), slice_of(decoder, strlen(decoder)), LIT("0"),
                                 slice_of((const char *)data + 1, size - 1)};
    struct loopback *l = loopback_new(7);

    l->mono_step_ns = 1000000;
    engine_settings(l->engine)->script_busy_ms = 50;
    loopback_open(l, 0);
    loopback_command(l, 0, argv, 4);
    loopback_free(l);
    return 0;
}

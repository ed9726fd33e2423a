/* tests/fuzz/fuzz_script.c - scripts and the libraries' decoders, in an engine of their own.
 *
 * The first byte says what the rest is: a whole script (or library), or data for cjson, cmsgpack or struct to decode, or a
 * pattern with its subject. Time and memory are bounded from outside; a script that runs for long is ended by the host.
 */
#include "support/loopback.h"

#include "base/mem.h"
#include "engine/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const decoders[] = {
    "local ok, v = pcall(cjson.decode, ARGV[1]) if ok then local again, s = pcall(cjson.encode, v) return s end return v",
    "return {pcall(cmsgpack.unpack, ARGV[1])}",
    "local ok, v = pcall(cmsgpack.unpack_one, ARGV[1]) return tostring(ok)",
    "local n = string.byte(ARGV[1]) or 0 return {pcall(struct.unpack, ARGV[1]:sub(2, n + 1), ARGV[1]:sub(n + 2))}",
    "local n = string.byte(ARGV[1]) or 0 return {pcall(struct.pack, ARGV[1]:sub(2, n + 1), 1, 'text', 2.5, 'x', -1)}",
    ("local n = string.byte(ARGV[1]) or 0 local p, s = ARGV[1]:sub(2, n + 1), ARGV[1]:sub(n + 2)\n"
     "return {pcall(string.find, s, p), (pcall(string.gsub, s, p, '%0%1'))}"),
};
enum { DECODERS = sizeof(decoders) / sizeof(decoders[0]), WHAT = DECODERS + 3 };

static void
put_bulk(struct buf *b, struct slice s)
{
    buf_printf(b, "$%zu\r\n", s.len);
    buf_add_slice(b, s);
    buf_add(b, "\r\n", 2);
}

static struct slice
word(const char *s)
{
    return slice_of(s, strlen(s));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf request = {0};

    if (size < 1 || size > 4096)
        return 0;
    struct loopback *l = loopback_new(7);
    unsigned what = data[0] % WHAT;
    struct slice rest = slice_of(data + 1, size - 1);
    l->mono_step_ns = 1000000;
    engine_settings(l->engine)->script_busy_ms = 50;
    loopback_open(l, 0);
    if (what < DECODERS) {
        buf_printf(&request, "*4\r\n");
        put_bulk(&request, word("EVAL"));
        put_bulk(&request, word(decoders[what]));
        put_bulk(&request, word("0"));
        put_bulk(&request, rest);
    } else if (what == DECODERS) {
        buf_printf(&request, "*3\r\n");
        put_bulk(&request, word("FUNCTION"));
        put_bulk(&request, word("LOAD"));
        put_bulk(&request, rest);
    } else if (what == DECODERS + 1) {
        buf_printf(&request, "*3\r\n");
        put_bulk(&request, word("FUNCTION"));
        put_bulk(&request, word("RESTORE"));
        put_bulk(&request, rest);
    } else {
        buf_printf(&request, "*5\r\n");
        put_bulk(&request, word("EVAL"));
        put_bulk(&request, rest);
        put_bulk(&request, word("1"));
        put_bulk(&request, word("key"));
        put_bulk(&request, word("argument"));
    }
    loopback_feed(l, 0, buf_slice(&request));
    buf_fini(&request);
    loopback_free(l);
    return 0;
}

/* script/dump.c - FUNCTION DUMP's value: every library's code as a string of an RDB file, a version, and a checksum.
 *
 * Written without compression, read with. Everything in it is hostile.
 */
#include "base/crc64.h"
#include "script/script_priv.h"

enum { OPCODE_FUNCTION = 245, VERSION_WRITTEN = 10, VERSION_MAX = 12, TRAILER = 10, LIBRARIES_MAX = 100000 };

static void
put_little(struct buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_add_char(b, (char)(v >> 8 * i));
}

static void
put_length(struct buf *b, size_t n)
{
    if (n < 1 << 6) {
        buf_add_char(b, (char)n);
    } else if (n < 1 << 14) {
        buf_add_char(b, (char)(0x40 | n >> 8));
        buf_add_char(b, (char)n);
    } else {
        buf_add_char(b, (char)0x80);
        for (int i = 3; i >= 0; i--)
            buf_add_char(b, (char)(n >> 8 * i));
    }
}

static void
put_libraries(const struct script_host *h, struct buf *out)
{
    for (const struct library *l = h->libraries; l != NULL; l = l->next) {
        buf_add_char(out, (char)OPCODE_FUNCTION);
        put_length(out, l->code.len);
        buf_add_slice(out, l->code);
    }
}

void
script_save_libraries(const struct engine *e, struct buf *out)
{
    const struct script_host *h = script__host_if_any(e);

    if (h != NULL)
        put_libraries(h, out);
}

void
script__dump(const struct script_host *h, struct buf *out)
{
    put_libraries(h, out);
    put_little(out, VERSION_WRITTEN, 2);
    put_little(out, crc64(0, buf_slice(out)), 8);
}

/* -- reading --------------------------------------------------------------------------------------------------- */

struct dump_reader {
    const unsigned char *p, *end;
};

static bool
take_big(struct dump_reader *r, int bytes, uint64_t *v)
{
    if (r->end - r->p < bytes)
        return false;
    *v = 0;
    for (int i = 0; i < bytes; i++)
        *v = *v << 8 | *r->p++;
    return true;
}

/* *encoded: not a length, but a special form of a string. */
static bool
take_length(struct dump_reader *r, uint64_t *n, bool *encoded)
{
    uint64_t first, low;

    *encoded = false;
    if (!take_big(r, 1, &first))
        return false;
    switch (first >> 6) {
    case 0: *n = first; return true;
    case 1:
        if (!take_big(r, 1, &low))
            return false;
        *n = (first & 0x3f) << 8 | low;
        return true;
    case 2: return first == 0x80 ? take_big(r, 4, n) : first == 0x81 && take_big(r, 8, n);
    default:
        *encoded = true;
        *n = first & 0x3f;
        return true;
    }
}

/* LZF: a control byte below 32 is followed by that many literal bytes and one; others repeat what lies behind. */
static bool
unpack_lzf(struct slice in, struct buf *out, size_t len)
{
    const unsigned char *p = (const unsigned char *)in.ptr, *end = p + in.len;

    while (p < end) {
        size_t control = *p++;
        if (control < 32) {
            size_t n = control + 1;
            if ((size_t)(end - p) < n || out->len + n > len)
                return false;
            buf_add(out, p, n);
            p += n;
            continue;
        }
        size_t n = control >> 5;
        if (n == 7) {
            if (p >= end)
                return false;
            n += *p++;
        }
        if (p >= end)
            return false;
        size_t back = ((control & 31) << 8 | *p++) + 1;
        n += 2;
        if (back > out->len || out->len + n > len)
            return false;
        for (buf_room(out, n); n > 0; n--)
            buf_add_char(out, out->ptr[out->len - back]);
    }
    return out->len == len;
}

/* A string into out. */
static bool
take_string(struct dump_reader *r, struct buf *out)
{
    enum { ENCODED_LZF = 3 };
    uint64_t n, packed;
    bool encoded;

    buf_reset(out);
    if (!take_length(r, &n, &encoded))
        return false;
    if (!encoded) {
        if ((uint64_t)(r->end - r->p) < n)
            return false;
        buf_add(out, r->p, (size_t)n);
        r->p += n;
        return true;
    }
    if (n != ENCODED_LZF || !take_length(r, &packed, &encoded) || encoded || !take_length(r, &n, &encoded) || encoded)
        return false;
    if ((uint64_t)(r->end - r->p) < packed || n > SCRIPT_TEXT_MAX)
        return false;
    struct slice in = slice_of(r->p, (size_t)packed);
    r->p += packed;
    return unpack_lzf(in, out, (size_t)n);
}

static enum rc
read_libraries(struct script_host *h, struct exec *x, struct dump_reader *r, struct buf *code, struct library **staged)
{
    uint64_t opcode;

    for (int n = 0; r->p < r->end; n++) {
        if (n == LIBRARIES_MAX || !take_big(r, 1, &opcode) || opcode != OPCODE_FUNCTION || !take_string(r, code))
            return fail(x, "ERR given type is not a function");
        struct library *l = library__load(h, x, buf_slice(code), false);
        if (l == NULL)
            return RC_REPLIED_ERROR;
        l->next = *staged;
        *staged = l;
    }
    return RC_OK;
}

enum rc
script__read_dump(struct script_host *h, struct exec *x, struct slice dump, struct library **staged)
{
    const unsigned char *p = (const unsigned char *)dump.ptr;
    struct buf code = {0};
    uint64_t crc = 0;

    if (dump.len >= TRAILER) {
        for (int i = 0; i < 8; i++)
            crc |= (uint64_t)p[dump.len - 8 + (size_t)i] << 8 * i;
    }
    if (dump.len < TRAILER || p[dump.len - TRAILER + 1] != 0 || p[dump.len - TRAILER] > VERSION_MAX ||
        crc64(0, slice_of(dump.ptr, dump.len - 8)) != crc)
        return fail(x, "ERR DUMP payload version or checksum are wrong");
    struct dump_reader r = {p, p + dump.len - TRAILER};
    enum rc rc = read_libraries(h, x, &r, &code, staged);
    buf_fini(&code);
    return rc;
}

/* cmd/cmd_bitmap.c - strings as arrays of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP.
 *
 * The work on bytes is in ds/bitmap.h; BITFIELD is in cmd_bitfield.c.
 */
#include "base/mem.h"
#include "cmd/args.h"
#include "cmd/cmd_bitmap_priv.h"
#include "ds/bitmap.h"

enum rc
bitmap__arg_offset(struct exec *x, struct slice arg, unsigned scale, uint64_t *out)
{
    bool scaled = scale > 0 && arg.len > 0 && arg.ptr[0] == '#';
    int64_t v;

    if (!parse_int64(scaled ? slice_skip(arg, 1) : arg, &v) || v < 0 ||
        (scaled && __builtin_mul_overflow(v, (int64_t)scale, &v)) || (uint64_t)v / 8 >= string_max(x))
        return fail(x, "ERR bit offset is not an integer or out of range");
    *out = (uint64_t)v;
    return RC_OK;
}

enum rc
bitmap__edit(struct exec *x, struct slice key, size_t len, struct entry **e, char **bytes, bool *grown)
{
    TRY(edit_entry(x, key, TYPE_STRING, ENTRY_EXISTING, e));
    *grown = *e == NULL || string_len(*e) < len;
    if (*e == NULL)
        TRY(edit_entry(x, key, TYPE_STRING, ENTRY_CREATE, e));
    struct entry *moved = string_edit(*e, len, bytes);
    if (moved == NULL) {
        entry_unchanged(x, *e);
        return RC_NO_MEMORY;
    }
    *e = entry_moved(x, *e, moved);
    return RC_OK;
}

void
bitmap__done(struct exec *x, struct entry *e, bool changed)
{
    if (changed)
        entry_changed(x, e, EV_SETBIT);
    else
        entry_unchanged(x, e);
}

static enum rc
cmd_setbit(struct exec *x)
{
    uint64_t offset;
    int64_t bit;
    struct entry *e;
    char *bytes;
    bool grown;

    TRY(bitmap__arg_offset(x, x->argv[2], 0, &offset));
    TRY(arg_range_or(x, x->argv[3], 0, 1, "ERR bit is not an integer or out of range", &bit));
    TRY(bitmap__edit(x, x->argv[1], (size_t)(offset / 8) + 1, &e, &bytes, &grown));

    unsigned char *at = (unsigned char *)bytes + offset / 8, mask = (unsigned char)(0x80 >> offset % 8);
    bool was = (*at & mask) != 0;
    *at = (unsigned char)(bit ? *at | mask : *at & ~mask);
    bitmap__done(x, e, grown || was != (bool)bit);
    return reply_int(x, was);
}

static enum rc
cmd_getbit(struct exec *x)
{
    const struct entry *e;
    uint64_t offset;
    char text[STRING_TEXT_MAX];

    TRY(bitmap__arg_offset(x, x->argv[2], 0, &offset));
    TRY(read_string(x, x->argv[1], &e));
    struct slice s = e != NULL ? string_get(e, text) : LIT("");
    return reply_int(x, offset / 8 < s.len && ((unsigned char)s.ptr[offset / 8] & 0x80 >> offset % 8) != 0);
}

/* -- ranges ---------------------------------------------------------------------------------------------------- */

/* The unit of a range, when it is said. */
static enum rc
arg_unit(struct slice arg, bool *bits)
{
    *bits = arg_is(arg, LIT("bit"));
    return *bits || arg_is(arg, LIT("byte")) ? RC_OK : RC_SYNTAX;
}

/* An inclusive range that may count from the end, as bits first..last of a string of len bytes. False: it is empty. */
static bool
bit_range(int64_t start, int64_t end, bool bits, size_t len, uint64_t *first, uint64_t *last)
{
    int64_t n = (int64_t)len * (bits ? 8 : 1);

    start = start >= 0 ? start : start + n < 0 ? 0 : start + n;
    end = end >= 0 ? end : end + n < 0 ? 0 : end + n;
    if (end >= n)
        end = n - 1;
    if (start > end)
        return false;
    *first = (uint64_t)start * (bits ? 1 : 8);
    *last = bits ? (uint64_t)end : (uint64_t)end * 8 + 7;
    return true;
}

/* Whether a string of so many bytes is to be gone through in slices, so many at a time. */
enum { LONG_BYTES = 4 << 20, PART_BYTES = 256 * 1024 };

static bool
is_long(const struct exec *x, size_t bytes)
{
    return bytes >= LONG_BYTES && !exec_is_sliced(x);
}

/* The last bit of the part that begins with bit `at`, none being behind `last`. */
static uint64_t
part_end(uint64_t at, uint64_t last)
{
    uint64_t end = (at / 8 / PART_BYTES + 1) * PART_BYTES * 8 - 1;

    return end < last ? end : last;
}

static enum rc cmd_bitcount(struct exec *x);

static enum rc
count_bits(struct exec *x, struct slice s, uint64_t first, uint64_t last)
{
    int64_t n = 0;

    if (is_long(x, s.len))
        return exec_in_slices(x, cmd_bitcount, 0);
    for (uint64_t at = first; at <= last; at = part_end(at, last) + 1) {
        n += (int64_t)bitmap_count_range(s, at, part_end(at, last));
        TRY(exec_breathe(x));
    }
    return reply_int(x, n);
}

/* As redis does, the arguments are looked at only when there is a string: a missing key counts nothing. */
static enum rc
cmd_bitcount(struct exec *x)
{
    const struct entry *e;
    int64_t start, end;
    uint64_t first, last;
    bool bits = false;
    char text[STRING_TEXT_MAX];

    TRY(read_string(x, x->argv[1], &e));
    if (e == NULL)
        return reply_int(x, 0);
    struct slice s = string_get(e, text);
    if (x->argc == 2 && s.len < LONG_BYTES)
        return reply_int(x, (int64_t)bitmap_count(s));
    if (x->argc == 2)
        return count_bits(x, s, 0, s.len * 8 - 1);
    if (x->argc != 4 && x->argc != 5)
        return RC_SYNTAX;
    TRY(arg_int(x, x->argv[2], &start));
    TRY(arg_int(x, x->argv[3], &end));
    if (start < 0 && end < 0 && start > end)
        return reply_int(x, 0);
    if (x->argc == 5)
        TRY(arg_unit(x->argv[4], &bits));
    if (!bit_range(start, end, bits, s.len, &first, &last))
        return reply_int(x, 0);
    return count_bits(x, s, first, last);
}

static enum rc
cmd_bitpos(struct exec *x)
{
    const struct entry *e;
    int64_t bit, start = 0, end = -1;
    uint64_t first, last, at;
    bool bits = false, end_given = x->argc > 4;
    char text[STRING_TEXT_MAX];

    TRY(arg_int(x, x->argv[2], &bit));
    if (bit != 0 && bit != 1)
        return fail(x, "ERR The bit argument must be 1 or 0.");
    TRY(read_string(x, x->argv[1], &e));
    if (e == NULL)
        return reply_int(x, bit ? -1 : 0);
    struct slice s = string_get(e, text);
    if (x->argc > 6)
        return RC_SYNTAX;
    if (x->argc > 3)
        TRY(arg_int(x, x->argv[3], &start));
    if (x->argc == 6)
        TRY(arg_unit(x->argv[5], &bits));
    if (x->argc > 4)
        TRY(arg_int(x, x->argv[4], &end));
    if (!bit_range(start, end, bits, s.len, &first, &last))
        return reply_int(x, -1);
    if (is_long(x, s.len))
        return exec_in_slices(x, cmd_bitpos, 0);
    for (; first <= last; first = part_end(first, last) + 1) {
        if (bitmap_find(s, bit != 0, first, part_end(first, last), &at))
            return reply_int(x, (int64_t)at);
        TRY(exec_breathe(x));
    }
    /* Without an end the string goes on with zeros for ever. */
    return reply_int(x, bit || end_given ? -1 : (int64_t)s.len * 8);
}

/* -- BITOP ----------------------------------------------------------------------------------------------------- */

static enum rc
arg_operation(struct exec *x, enum bitmap_op *op)
{
    static const struct {
        struct slice word;
        enum bitmap_op op;
    } words[] = {
        {LIT_INIT("AND"), BITMAP_AND},     {LIT_INIT("OR"), BITMAP_OR},     {LIT_INIT("XOR"), BITMAP_XOR},
        {LIT_INIT("NOT"), BITMAP_NOT},     {LIT_INIT("DIFF"), BITMAP_DIFF}, {LIT_INIT("DIFF1"), BITMAP_DIFF1},
        {LIT_INIT("ANDOR"), BITMAP_ANDOR}, {LIT_INIT("ONE"), BITMAP_ONE},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!arg_is(x->argv[1], words[i].word))
            continue;
        *op = words[i].op;
        if (*op == BITMAP_NOT && x->argc != 4)
            return fail(x, "ERR BITOP NOT must be called with a single source key.");
        if ((*op == BITMAP_DIFF || *op == BITMAP_DIFF1 || *op == BITMAP_ANDOR) && x->argc < 5)
            return fail(x, "ERR BITOP %s must be called with at least two source keys.", words[i].word.ptr);
        return RC_OK;
    }
    return RC_SYNTAX;
}

/* Combines n sources into out, a part at a time. */
static enum rc
combine(struct exec *x, enum bitmap_op op, const struct slice *sources, size_t n, char *out, size_t len)
{
    struct slice *parts = arena_array(x->arena, n, sizeof(*parts));

    for (size_t at = 0; at < len; at += PART_BYTES) {
        size_t here = len - at < PART_BYTES ? len - at : PART_BYTES;
        for (size_t i = 0; i < n; i++) {
            size_t left = sources[i].len > at ? sources[i].len - at : 0;
            parts[i] = slice_of(sources[i].ptr + (left > 0 ? at : 0), left < here ? left : here);
        }
        bitmap_combine(op, parts, n, out + at, here);
        TRY(exec_breathe(x));
    }
    return RC_OK;
}

static enum rc
cmd_bitop(struct exec *x)
{
    enum bitmap_op op;
    size_t n = (size_t)x->argc - 3, len = 0;
    char *out, (*texts)[STRING_TEXT_MAX];

    TRY(arg_operation(x, &op));
    struct slice *sources = arena_array(x->arena, n, sizeof(*sources));
    texts = arena_array(x->arena, n, sizeof(*texts));
    for (size_t i = 0; i < n; i++) {
        const struct entry *e;

        TRY(read_string(x, x->argv[3 + i], &e));
        sources[i] = e != NULL ? string_get(e, texts[i]) : LIT("");
        len = sources[i].len > len ? sources[i].len : len;
    }
    if (len == 0) {
        key_delete(x, x->db, x->argv[2], EV_DEL);
        return reply_int(x, 0);
    }
    if (is_long(x, len))
        return exec_in_slices(x, cmd_bitop, 0);
    struct entry *made = entry_new(TYPE_STRING, x->argv[2]), *grown = string_edit_unset(made, len, &out);
    if (grown == NULL) {
        entry_free(made);
        return RC_NO_MEMORY;
    }
    enum rc rc = combine(x, op, sources, n, out, len);
    if (rc != RC_OK) {
        entry_drop(x, grown);
        return rc;
    }
    key_put(x, x->db, grown, EV_SET);
    return reply_int(x, (int64_t)len);
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

const struct cmd cmd_bitmap_family[] = {
    {"setbit", cmd_setbit, .arity = 4, .group = GROUP_BITMAP, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "2.2.0", .args = "key offset:int value:int",
     .reply = "integer", .about = "Sets or clears one bit of a string, which grows if needed; returns what it was.",
     .complexity = "O(1)"},
    {"getbit", cmd_getbit, .arity = 3, .group = GROUP_BITMAP, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.2.0", .args = "key offset:int", .reply = "integer",
     .about = "Returns one bit of a string.", .complexity = "O(1)"},
    {"bitcount", cmd_bitcount, .arity = -2, .group = GROUP_BITMAP, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.6.0",
     .args = "key range=[start:int end:int unit=[BYTE|BIT]@7.0.0]", .reply = "integer",
     .about = "Counts the bits that are set in a string or a part of it.", .complexity = "O(N)",
     .history = "7.0.0 New BYTE BIT."},
    {"bitpos", cmd_bitpos, .arity = -3, .group = GROUP_BITMAP, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.8.7",
     .args = "key bit:int range=[start:int end-unit-block=[end:int unit=[BYTE|BIT]@7.0.0]]", .reply = "integer",
     .about = "Finds the first bit that is set, or clear, in a string or a part of it.", .complexity = "O(N)",
     .history = "7.0.0 New BYTE BIT."},
    {"bitop", cmd_bitop, .arity = -4, .group = GROUP_BITMAP, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(2, KEY_OW | KEY_UPDATE), KEY_RANGE(3, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "2.6.0",
     .args = "operation=<AND|OR|XOR|NOT|DIFF@8.2.0|DIFF1@8.2.0|ANDOR@8.2.0|ONE@8.2.0> destkey:key key...",
     .reply = "integer", .about = "Combines strings bit by bit and stores the result.", .complexity = "O(N)",
     .history = "8.2.0 New DIFF DIFF1 ANDOR ONE."},
    {0},
};

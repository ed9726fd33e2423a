/* cmd/cmd_bitfield.c - BITFIELD and BITFIELD_RO: integers of any width at any bit of a string.
 *
 * All operations are read before the first is done, so an error changes nothing. Numbers are computed in 128 bits,
 * where no sum of two of them overflows. */
#include "cmd/args.h"
#include "cmd/cmd_bitmap_priv.h"

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };
enum operation { FIELD_GET, FIELD_SET, FIELD_INCRBY };

struct field {
    enum operation op;
    enum overflow overflow;
    bool is_signed;
    unsigned bits;
    uint64_t offset;
    int64_t value;
};

struct fields {
    struct field *list;
    size_t n;
    bool writes;
    uint64_t end; /* the bit after the last one that is written */
};

/* -- arguments ------------------------------------------------------------------------------------------------- */

/* i1 to i64, u1 to u63. */
static enum rc
arg_type(struct exec *x, struct slice arg, struct field *f)
{
    int64_t bits;

    f->is_signed = arg.len > 0 && arg.ptr[0] == 'i';
    if (arg.len == 0 || (!f->is_signed && arg.ptr[0] != 'u') || !parse_int64(slice_skip(arg, 1), &bits) || bits < 1 ||
        bits > (f->is_signed ? 64 : 63))
        return fail(x,
                    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
    f->bits = (unsigned)bits;
    return RC_OK;
}

static enum rc
arg_overflow(struct exec *x, struct slice arg, enum overflow *out)
{
    if (arg_is(arg, LIT("wrap")))
        *out = OVERFLOW_WRAP;
    else if (arg_is(arg, LIT("sat")))
        *out = OVERFLOW_SAT;
    else if (arg_is(arg, LIT("fail")))
        *out = OVERFLOW_FAIL;
    else
        return fail(x, "ERR Invalid OVERFLOW type specified");
    return RC_OK;
}

static enum rc
parse_fields(struct exec *x, struct fields *all)
{
    enum overflow overflow = OVERFLOW_WRAP;

    all->list = arena_array(x->arena, (size_t)x->argc, sizeof(*all->list));
    for (int i = 2; i < x->argc;) {
        struct slice word = x->argv[i];
        int left = x->argc - i - 1;
        struct field f = {.overflow = overflow};

        if (arg_is(word, LIT("overflow")) && left >= 1) {
            TRY(arg_overflow(x, x->argv[i + 1], &overflow));
            i += 2;
            continue;
        }
        if (arg_is(word, LIT("get")) && left >= 2)
            f.op = FIELD_GET;
        else if (arg_is(word, LIT("set")) && left >= 3)
            f.op = FIELD_SET;
        else if (arg_is(word, LIT("incrby")) && left >= 3)
            f.op = FIELD_INCRBY;
        else
            return RC_SYNTAX;
        TRY(arg_type(x, x->argv[i + 1], &f));
        TRY(bitmap__arg_offset(x, x->argv[i + 2], f.bits, &f.offset));
        if (f.op != FIELD_GET) {
            TRY(arg_int(x, x->argv[i + 3], &f.value));
            all->writes = true;
            all->end = f.offset + f.bits > all->end ? f.offset + f.bits : all->end;
        }
        all->list[all->n++] = f;
        i += f.op == FIELD_GET ? 3 : 4;
    }
    return RC_OK;
}

/* -- bits ------------------------------------------------------------------------------------------------------ */

/* A field lies in at most nine bytes; what is beyond the end of the string reads as zero. */
static __int128
field_get(const struct field *f, struct slice s)
{
    size_t first = (size_t)(f->offset / 8), last = (size_t)((f->offset + f->bits - 1) / 8);
    unsigned __int128 v = 0;

    for (size_t i = first; i <= last; i++)
        v = v << 8 | (i < s.len ? (unsigned char)s.ptr[i] : 0);
    v >>= 7 - (f->offset + f->bits - 1) % 8;
    v &= ((unsigned __int128)1 << f->bits) - 1;
    if (f->is_signed && v >> (f->bits - 1))
        return (__int128)v - ((__int128)1 << f->bits);
    return (__int128)v;
}

static void
field_put(const struct field *f, char *bytes, __int128 value)
{
    size_t first = (size_t)(f->offset / 8), last = (size_t)((f->offset + f->bits - 1) / 8);
    unsigned shift = 7 - (unsigned)((f->offset + f->bits - 1) % 8);
    unsigned __int128 mask = (((unsigned __int128)1 << f->bits) - 1) << shift,
                      v = (unsigned __int128)value << shift & mask;

    for (size_t i = last + 1; i-- > first; v >>= 8, mask >>= 8)
        bytes[i] = (char)(((unsigned char)bytes[i] & ~(unsigned)mask) | (unsigned)v);
}

/* Brings a value into the field's range. False: it is outside and OVERFLOW FAIL. */
static bool
field_fit(const struct field *f, __int128 *v)
{
    __int128 min = f->is_signed ? -((__int128)1 << (f->bits - 1)) : 0;
    __int128 max = ((__int128)1 << (f->is_signed ? f->bits - 1 : f->bits)) - 1;

    if (*v >= min && *v <= max)
        return true;
    if (f->overflow == OVERFLOW_FAIL)
        return false;
    if (f->overflow == OVERFLOW_SAT) {
        *v = *v > max ? max : min;
        return true;
    }
    unsigned __int128 low = (unsigned __int128)*v & (((unsigned __int128)1 << f->bits) - 1);
    *v = f->is_signed && low >> (f->bits - 1) ? (__int128)low - ((__int128)1 << f->bits) : (__int128)low;
    return true;
}

/* Does one operation and writes its reply. True if bits changed. */
static bool
field_do(struct exec *x, const struct field *f, char *bytes, size_t len)
{
    __int128 was = field_get(f, slice_of(bytes, len)), now = f->value;

    if (f->op == FIELD_GET) {
        reply_int(x, (int64_t)was);
        return false;
    }
    if (f->op == FIELD_INCRBY)
        now += was;
    else if (!f->is_signed)
        now = (__int128)(uint64_t)f->value; /* a negative number is a large one here: SAT makes it the maximum */
    if (!field_fit(f, &now)) {
        reply_null(x);
        return false;
    }
    field_put(f, bytes, now);
    reply_int(x, (int64_t)(f->op == FIELD_SET ? was : now));
    return now != was;
}

/* -- commands -------------------------------------------------------------------------------------------------- */

static enum rc
read_fields(struct exec *x, const struct fields *all)
{
    const struct entry *e;
    char text[STRING_TEXT_MAX];

    TRY(read_string(x, x->argv[1], &e));
    struct slice s = e != NULL ? string_get(e, text) : LIT("");
    reply_array(x, all->n);
    for (size_t i = 0; i < all->n; i++)
        reply_int(x, (int64_t)field_get(&all->list[i], s));
    return RC_OK;
}

static enum rc
cmd_bitfield(struct exec *x)
{
    struct fields all = {0};
    struct entry *e;
    char *bytes;
    bool changed;

    TRY(parse_fields(x, &all));
    if (!all.writes)
        return read_fields(x, &all);
    TRY(bitmap__edit(x, x->argv[1], (size_t)((all.end + 7) / 8), &e, &bytes, &changed));
    size_t len = string_len(e);
    reply_array(x, all.n);
    for (size_t i = 0; i < all.n; i++)
        changed |= field_do(x, &all.list[i], bytes, len);
    bitmap__done(x, e, changed);
    return RC_OK;
}

static enum rc
cmd_bitfield_ro(struct exec *x)
{
    struct fields all = {0};

    TRY(parse_fields(x, &all));
    if (all.writes)
        return fail(x, "ERR BITFIELD_RO only supports the GET subcommand");
    return read_fields(x, &all);
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

#define FIELD_WRITE                                                                                            \
    "write={overflow-block=[OVERFLOW <WRAP|SAT|FAIL>] "                                                        \
    "write-operation=<SET set-block={encoding offset:int value:int}|INCRBY incrby-block={encoding offset:int " \
    "increment:int}>}"

/* Reads only as long as every operation is a GET; what is no operation counts as a write, as in redis. */
static int
bitfield_keys(const struct slice *argv, int argc, int *index, uint16_t *flags, int max)
{
    bool writes = false;

    for (int i = 2; i < argc && !writes; i++) {
        int left = argc - 1 - i;
        if (left >= 2 && arg_is(argv[i], LIT("get")))
            i += 2;
        else if (left >= 1 && arg_is(argv[i], LIT("overflow")))
            i += 1;
        else
            writes = true;
    }
    if (max > 0) {
        index[0] = 1;
        flags[0] = writes ? KEY_RW | KEY_ACCESS | KEY_UPDATE : KEY_RO | KEY_ACCESS;
    }
    return 1;
}

const struct cmd cmd_bitfield_family[] = {
    {"bitfield", cmd_bitfield, .arity = -2, .group = GROUP_BITMAP, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE)}, .find_keys = bitfield_keys, .since = "3.2.0",
     .args = "key operation=[GET get-block={encoding offset:int}|" FIELD_WRITE "]...", .reply = "array",
     .about = "Reads, sets and increments integers of any width inside a string.", .complexity = "O(1)"},
    {"bitfield_ro", cmd_bitfield_ro, .arity = -2, .group = GROUP_BITMAP, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "6.0.0", .args = "key [GET get-block={encoding offset:int}]...",
     .reply = "array", .about = "Reads integers of any width inside a string.", .complexity = "O(1)"},
    {0},
};

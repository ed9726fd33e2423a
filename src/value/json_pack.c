/* value/json_pack.c - arrays of numbers without tags.
 *
 * Which type the numbers get depends on nothing but their values, so a text that was printed reads back to the same
 * bytes.
 */
#include "value/json_priv.h"

#include "base/check.h"
#include "base/decimal.h"
#include "base/number.h"

#include <float.h>
#include <math.h>

#define EXACT_MAX (INT64_C(1) << 53) /* integers up to here are doubles as well */

/* -- narrow floating-point types -------------------------------------------------------------------------------- */

/* Counted from zero, the numbers of a type are the integers that its bits are: `largest` of them, with `bits` that
 * count, the lowest worth 2^least. Decimals of so many digits are all different in it, but for the very small. */
struct narrow {
    int bits, least, digits;
    uint32_t largest, sign;
};

static const struct narrow half = {11, -24, 3, 0x7bff, 0x8000}, brain = {8, -133, 2, 0x7f7f, 0x8000},
                           single = {24, -149, 6, 0x7f7fffff, 0x80000000};

static double
power_of_two(int e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* Rounds to the nearest, ties to even. False beyond the largest. */
static bool
narrow(const struct narrow *t, double v, uint32_t *out)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023 - (t->bits - 1);
    if (exponent + t->bits > 129)
        return false;
    int ulp = exponent < t->least ? t->least : exponent;
    double whole = nearbyint(fabs(v) * power_of_two(-ulp));
    uint32_t n = ((uint32_t)(ulp - t->least) << (t->bits - 1)) + (uint32_t)whole;
    *out = n | (signbit(v) ? t->sign : 0);
    return n <= t->largest;
}

static struct decimal
narrow_digits(const struct narrow *t, uint32_t n)
{
    uint32_t hidden = UINT32_C(1) << (t->bits - 1), fraction = n & (hidden - 1), biased = n >> (t->bits - 1);

    if (biased == 0)
        return decimal_of_bits(fraction, t->least, false);
    return decimal_of_bits(fraction | hidden, t->least + (int)biased - 1, fraction == 0 && biased > 1);
}

/* The number that the bits stand for: the one of the fewest digits. */
static double
widen(const struct narrow *t, uint32_t bits)
{
    uint32_t n = bits & ~t->sign;
    double v = 0;

    if (n != 0) {
        struct decimal d = narrow_digits(t, n);
        bool ok = decimal_to_double(d.digits, d.exponent, &v);
        CHECK(ok); /* nine digits are never near the middle between two doubles */
    }
    return bits & t->sign ? -v : v;
}

/* Whether so many decimal digits are enough for v: quick, and false for some that have them. Between 0.001 and 1e9
 * powers of ten and products are exact enough for the division to prove it. */
static bool
has_few_digits(double v, int digits)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double size = fabs(v);

    if (size < 1e-3 || size >= 1e9)
        return false;
    int whole = 0; /* digits in front of the point; negative: zeros behind it */
    while (size >= powers[whole])
        whole++;
    if (whole == 0)
        whole = size >= 0.1 ? 0 : size >= 0.01 ? -1 : -2;
    if (digits < whole)
        return false;
    double n = nearbyint(size * powers[digits - whole]);
    return n / powers[digits - whole] == size;
}

bool
json__round(double v, enum json_float type, double *out)
{
    const struct narrow *t = type == JSON_FP16 ? &half : type == JSON_BF16 ? &brain : &single;
    uint32_t bits;

    *out = v;
    if (type == JSON_FP64 || type == JSON_FLOAT_ANY)
        return true;
    if (!narrow(t, v, &bits))
        return false;
    *out = widen(t, bits);
    return true;
}

/* -- one number ------------------------------------------------------------------------------------------------- */

static const struct narrow *
narrow_of(unsigned type)
{
    return type == PACK_FP16 ? &half : type == PACK_BF16 ? &brain : type == PACK_FP32 ? &single : NULL;
}

/* Whether the type has exactly this double, and its bytes. */
static bool
encode_double(unsigned type, double v, unsigned char *out)
{
    const struct narrow *t = narrow_of(type);
    uint32_t bits;

    if (t != NULL) {
        if (!narrow(t, v, &bits) || (!has_few_digits(v, t->digits) && widen(t, bits) != v))
            return false;
        memcpy(out, &bits, type == PACK_FP32 ? 4 : 2);
        return true;
    }
    if (type == PACK_SINGLE) {
        if (fabs(v) > FLT_MAX)
            return false;
        float f = (float)v;
        memcpy(out, &f, sizeof(f));
        return (double)f == v;
    }
    memcpy(out, &v, sizeof(v));
    return true;
}

static double
decode_double(unsigned type, const unsigned char *at)
{
    const struct narrow *t = narrow_of(type);
    uint32_t bits = 0;
    double v;
    float f;

    if (t != NULL) {
        memcpy(&bits, at, type == PACK_FP32 ? 4 : 2);
        return widen(t, bits);
    }
    if (type == PACK_SINGLE) {
        memcpy(&f, at, sizeof(f));
        return f;
    }
    memcpy(&v, at, sizeof(v));
    return v;
}

static int64_t
decode_int(unsigned type, const unsigned char *at)
{
    uint64_t v = 0;

    switch (type) {
    case PACK_INT8: return (int8_t)*at;
    case PACK_UINT8: return *at;
    case PACK_INT16:
    case PACK_UINT16: memcpy(&v, at, 2); return type == PACK_INT16 ? (int16_t)v : (int64_t)v;
    case PACK_INT32:
    case PACK_UINT32: memcpy(&v, at, 4); return type == PACK_INT32 ? (int32_t)v : (int64_t)v;
    default: memcpy(&v, at, 8); return (int64_t)v;
    }
}

static bool
is_whole(double v)
{
    return fabs(v) <= (double)EXACT_MAX && v == nearbyint(v);
}

/* The narrowest type for integers from `least` to `most`. */
static unsigned
int_type(int64_t least, int64_t most)
{
    if (least >= 0)
        return most <= INT8_MAX     ? PACK_INT8
               : most <= UINT8_MAX  ? PACK_UINT8
               : most <= INT16_MAX  ? PACK_INT16
               : most <= UINT16_MAX ? PACK_UINT16
               : most <= INT32_MAX  ? PACK_INT32
               : most <= UINT32_MAX ? PACK_UINT32
                                    : PACK_INT64;
    return least >= INT8_MIN && most <= INT8_MAX     ? PACK_INT8
           : least >= INT16_MIN && most <= INT16_MAX ? PACK_INT16
           : least >= INT32_MIN && most <= INT32_MAX ? PACK_INT32
                                                     : PACK_INT64;
}

json_node
json__element(json_node packed, const unsigned char *at, struct json_own *own)
{
    unsigned type = packed[1] & ~PACK_WHOLE;
    int64_t i;

    if (type >= PACK_FP16) {
        double v = decode_double(type, at);
        if (!(packed[1] & PACK_WHOLE) || !is_whole(v)) {
            own->bytes[0] = TAG_REAL;
            memcpy(own->bytes + 1, &v, sizeof(v));
            return own->bytes;
        }
        i = (int64_t)v;
    } else {
        i = decode_int(type, at);
    }
    json__write_int(own->bytes, i);
    return own->bytes;
}

bool
json__encode(json_node packed, json_node number, unsigned char *out)
{
    unsigned type = packed[1] & ~PACK_WHOLE;
    bool whole = packed[1] & PACK_WHOLE;
    int64_t i;

    if (!json_is_number(number))
        return false;
    bool integer = json_int64(number, &i);
    if (type < PACK_FP16) {
        if (!integer)
            return false;
        memcpy(out, &i, sizeof(i));
        return decode_int(type, out) == i;
    }
    if (json_kind(number) == JSON_INTEGER) {
        if (!whole || !integer || i > EXACT_MAX || i < -EXACT_MAX)
            return false;
        return encode_double(type, (double)i, out);
    }
    double v = json_double(number);
    return !(whole && is_whole(v)) && encode_double(type, v, out);
}

void
json__print_element(json_node packed, const unsigned char *at, struct buf *out)
{
    unsigned type = packed[1] & ~PACK_WHOLE;

    if (type < PACK_FP16) {
        out->len += format_int64(buf_room(out, INT64_TEXT_MAX), decode_int(type, at));
        return;
    }
    const struct narrow *t = narrow_of(type);
    uint32_t bits = 0;
    if (t != NULL && !(packed[1] & PACK_WHOLE)) { /* its digits are at hand */
        memcpy(&bits, at, json__width(packed));
        uint32_t n = bits & ~t->sign;
        struct decimal d = n == 0 ? (struct decimal){0} : narrow_digits(t, n);
        out->len += json__decimal_text(buf_room(out, JSON_SCALAR_MAX), bits & t->sign, d);
        return;
    }
    double v = decode_double(type, at);
    if ((packed[1] & PACK_WHOLE) && is_whole(v))
        out->len += format_int64(buf_room(out, INT64_TEXT_MAX), (int64_t)v);
    else
        out->len += json__double_text(buf_room(out, JSON_SCALAR_MAX), v);
}

/* -- arrays ----------------------------------------------------------------------------------------------------- */

/* What an array has. */
struct mixture {
    size_t reals;
    int64_t least, most; /* of the integers */
    bool integers;
};

static bool
survey(json_node n, json_node end, struct mixture *m)
{
    int64_t i;

    *m = (struct mixture){.least = INT64_MAX, .most = INT64_MIN};
    for (; n < end; n += json__size(n)) {
        if (*n == TAG_DOUBLE || *n == TAG_REAL) {
            m->reals++;
            continue;
        }
        if (!json_int64(n, &i)) /* something else, or beyond the type */
            return false;
        m->integers = true;
        m->least = i < m->least ? i : m->least;
        m->most = i > m->most ? i : m->most;
    }
    return true;
}

/* Makes doubles of all. Integers that are beside other numbers must be exact and told from these. */
static bool
gather(json_node n, json_node end, bool integers, unsigned char *out)
{
    for (; n < end; n += json__size(n), out += sizeof(double)) {
        double v = json_double(n);
        if (integers && json_kind(n) == JSON_NUMBER && is_whole(v))
            return false;
        memcpy(out, &v, sizeof(v));
    }
    return true;
}

/* The narrowest type that has all the doubles that were gathered; they become of that type. */
static unsigned
squeeze(json_node n, json_node end, bool integers, unsigned char *numbers, size_t count)
{
    static const unsigned char order[] = {PACK_FP16, PACK_BF16, PACK_FP32, PACK_SINGLE};
    unsigned char ignored[8];
    double v;

    for (size_t k = 0; k < sizeof(order); k++) {
        unsigned type = order[k], width = type <= PACK_BF16 ? 2 : 4;
        size_t i = 0;
        /* The last one first: where numbers differ it saves going far. */
        memcpy(&v, numbers + (count - 1) * sizeof(v), sizeof(v));
        if (!encode_double(type, v, ignored))
            continue;
        for (; i < count; i++) {
            memcpy(&v, numbers + i * sizeof(v), sizeof(v));
            if (!encode_double(type, v, numbers + i * width))
                break;
        }
        if (i == count)
            return type;
        gather(n, end, integers, numbers); /* some have been written over */
    }
    return PACK_FP64;
}

static void
put_packed(struct buf *tape, size_t at, unsigned type, const unsigned char *numbers, size_t size)
{
    unsigned char *head = (unsigned char *)tape->ptr + at;
    uint32_t bytes = (uint32_t)size;

    head[0] = TAG_PACKED;
    head[1] = (unsigned char)type;
    memcpy(head + 2, &bytes, 4);
    memmove(head + PACKED_HEAD, numbers, size);
    tape->len = at + PACKED_HEAD + size;
}

static bool
pack_integers(struct buf *tape, size_t at, size_t count, unsigned type)
{
    unsigned char head[PACKED_HEAD] = {TAG_PACKED, (unsigned char)type};
    size_t width = json__width(head), size = count * width;

    if (PACKED_HEAD + size > tape->len - at)
        return false;
    unsigned char *room = (unsigned char *)buf_room(tape, size + 8), *to = room;
    json_node n = (json_node)tape->ptr + at + CONTAINER_HEAD;
    for (size_t left = count; left > 0; left--, n += json__size(n), to += width) {
        int64_t i = 0;
        json_int64(n, &i);
        memcpy(to, &i, 8);
    }
    put_packed(tape, at, type, room, size);
    return true;
}

bool
json__pack(struct buf *tape, size_t at, size_t count)
{
    json_node first = (json_node)tape->ptr + at + CONTAINER_HEAD, end = (json_node)tape->ptr + tape->len;
    struct mixture m;

    if (count == 0 || !json_is_number(first) || !survey(first, end, &m))
        return false;
    if (m.reals == 0)
        return pack_integers(tape, at, count, int_type(m.least, m.most));
    if (m.integers && (m.least < -EXACT_MAX || m.most > EXACT_MAX))
        return false;
    unsigned char *numbers = (unsigned char *)buf_room(tape, count * sizeof(double));
    first = (json_node)tape->ptr + at + CONTAINER_HEAD;
    end = (json_node)tape->ptr + tape->len;
    if (!gather(first, end, m.integers, numbers))
        return false;
    unsigned type = squeeze(first, end, m.integers, numbers, count);
    unsigned char head[PACKED_HEAD] = {TAG_PACKED, (unsigned char)type};
    put_packed(tape, at, type | (m.integers ? PACK_WHOLE : 0), numbers, count * json__width(head));
    return true;
}

void
json__unpack(struct buf *tape, json_node packed)
{
    size_t at = json_open(tape, false);

    json_put_part(tape, at, packed, 0, json_count(packed));
    json__close_plain(tape, at, json_count(packed));
}

bool
json__verify_packed(json_node packed)
{
    unsigned type = packed[1] & ~PACK_WHOLE;

    return type < PACK_TYPES && (type >= PACK_FP16 || packed[1] < PACK_TYPES) && json__load32(packed + 2) > 0 &&
           json__load32(packed + 2) % json__width(packed) == 0;
}

/* -- making arrays of parts of others ---------------------------------------------------------------------------- */

size_t
json_open_like(struct buf *tape, json_node array)
{
    size_t at = json_open(tape, false);

    if (*array == TAG_PACKED)
        put_packed(tape, at, array[1], array, 0);
    return at;
}

/* The open array gets tags. */
static void
loosen_open(struct buf *tape, size_t at)
{
    struct buf packed = {0};
    json_node n = (json_node)tape->ptr + at;
    uint32_t bytes = (uint32_t)(tape->len - at - PACKED_HEAD);

    memcpy(tape->ptr + at + 2, &bytes, 4);
    buf_add(&packed, n, PACKED_HEAD + bytes);
    tape->len = at;
    json_open(tape, false);
    json_put_part(tape, at, (json_node)packed.ptr, 0, json_count((json_node)packed.ptr));
    buf_fini(&packed);
}

static void
put_node(struct buf *tape, json_node n)
{
    if (*n == TAG_REAL)
        json_put_double(tape, json_double(n));
    else
        buf_add(tape, n, json__size(n));
}

void
json_put_part(struct buf *tape, size_t at, json_node array, size_t from, size_t count)
{
    if (*array == TAG_PACKED && (unsigned char)tape->ptr[at] == TAG_PACKED) {
        unsigned width = json__width(array);
        buf_add(tape, array + PACKED_HEAD + from * width, count * width);
        return;
    }
    struct json_children c = json_children_from(array, from);
    for (; count > 0 && json_next(&c); count--)
        put_node(tape, c.value);
}

void
json_put_values(struct buf *tape, size_t at, struct slice values)
{
    json_node n = (json_node)values.ptr, end = n + values.len;
    unsigned char bytes[8];

    for (; n < end && (unsigned char)tape->ptr[at] == TAG_PACKED; n += json__size(n)) {
        json_node open = (json_node)tape->ptr + at;
        if (!json__encode(open, n, bytes)) {
            loosen_open(tape, at);
            break;
        }
        buf_add(tape, bytes, json__width(open));
    }
    buf_add(tape, n, (size_t)(end - n));
}

void
json_close_like(struct buf *tape, size_t at, size_t count)
{
    uint32_t bytes = (uint32_t)(tape->len - at - PACKED_HEAD);

    if (count > 0 && (unsigned char)tape->ptr[at] == TAG_PACKED) {
        memcpy(tape->ptr + at + 2, &bytes, 4);
        return;
    }
    if (count == 0) {
        tape->len = at;
        json_open(tape, false);
    }
    json_close(tape, at, count);
}

/* value/json_number.c - numbers of documents: their texts, their bytes. */
#include "value/json_priv.h"

#include "base/check.h"
#include "base/decimal.h"
#include "base/mem.h"
#include "base/number.h"

#include <math.h>
#include <stdlib.h>

/* -- bytes ------------------------------------------------------------------------------------------------------ */

size_t
json__write_int(unsigned char *p, int64_t v)
{
    unsigned bytes = v == (int8_t)v ? 1 : v == (int16_t)v ? 2 : v == (int32_t)v ? 4 : 8;

    if (v >= 0 && v < TAG_SHORT) {
        p[0] = (unsigned char)v;
        return 1;
    }
    p[0] = bytes == 1 ? TAG_INT8 : bytes == 2 ? TAG_INT16 : bytes == 4 ? TAG_INT32 : TAG_INT64;
    memcpy(p + 1, &v, bytes);
    return 1 + bytes;
}

void
json_put_int(struct buf *tape, int64_t v)
{
    unsigned char *p = (unsigned char *)buf_room(tape, 9);

    buf_advance(tape, json__write_int(p, v));
}

void
json__put_double_text(struct buf *tape, struct slice text)
{
    unsigned char *p = (unsigned char *)buf_room(tape, 2 + text.len);

    p[0] = TAG_DOUBLE;
    p[1] = (unsigned char)text.len;
    memcpy(p + 2, text.ptr, text.len);
    buf_advance(tape, 2 + text.len);
}

size_t
json__decimal_text(char *out, bool minus, struct decimal d)
{
    char digits[24], *p = out;

    if (minus)
        *p++ = '-';
    if (d.digits == 0) {
        const struct slice zero = LIT("0.0");
        memcpy(p, zero.ptr, zero.len);
        return (size_t)(p - out) + zero.len;
    }
    int n = (int)format_uint64(digits, d.digits), point = n + d.exponent;
    if (point >= n && point <= 16) {
        memcpy(p, digits, (size_t)n);
        memset(p + n, '0', (size_t)(point - n));
        p[point] = '.';
        p[point + 1] = '0';
        return (size_t)(p + point + 2 - out);
    }
    if (point > 0 && point <= 16) {
        memcpy(p, digits, (size_t)point);
        p[point] = '.';
        memcpy(p + point + 1, digits + point, (size_t)(n - point));
        return (size_t)(p + n + 1 - out);
    }
    if (point > -5 && point <= 0) {
        memcpy(p, "0.0000", (size_t)(2 - point));
        memcpy(p + 2 - point, digits, (size_t)n);
        return (size_t)(p + 2 - point + n - out);
    }
    *p++ = digits[0];
    if (n > 1) {
        *p++ = '.';
        memcpy(p, digits + 1, (size_t)(n - 1));
        p += n - 1;
    }
    *p++ = 'e';
    p += format_int64(p, point - 1);
    return (size_t)(p - out);
}

size_t
json__double_text(char *out, double v)
{
    return json__decimal_text(out, signbit(v), v == 0 ? (struct decimal){0} : decimal_of(fabs(v)));
}

void
json__put_real(struct buf *tape, double v)
{
    unsigned char *p = (unsigned char *)buf_room(tape, 9);

    p[0] = TAG_REAL;
    memcpy(p + 1, &v, sizeof(v));
    buf_advance(tape, 9);
}

void
json_put_double(struct buf *tape, double v)
{
    char text[JSON_SCALAR_MAX];

    CHECK(isfinite(v));
    size_t len = json__double_text(text, v);
    if (len <= REAL_TEXT_MAX)
        json__put_double_text(tape, slice_of(text, len));
    else
        json__put_real(tape, v);
}

/* Text that was checked when it came in. */
static double
read_text(const unsigned char *p, size_t len)
{
    char text[JSON_SCALAR_MAX + 1];
    const unsigned char *from = p, *end = p + len;
    uint64_t digits = 0;
    int exponent = 0, power = 0;
    double v;

    p += *p == '-';
    for (bool fraction = false; p < end && *p != 'e'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        digits = digits * 10 + (*p - '0'); /* never more than REAL_TEXT_MAX */
        exponent -= fraction;
    }
    if (p < end) {
        bool minus = *++p == '-';
        for (p += minus; p < end; p++)
            power = power * 10 + (*p - '0');
        exponent += minus ? -power : power;
    }
    if (decimal_to_double(digits, exponent, &v))
        return *from == '-' ? -v : v;
    memcpy(text, from, len);
    text[len] = 0;
    return strtod(text, NULL);
}

double
json_double(json_node n)
{
    double v;
    int64_t i;
    uint64_t u;

    if (*n == TAG_REAL) {
        memcpy(&v, n + 1, sizeof(v));
        return v;
    }
    if (json_int64(n, &i))
        return (double)i;
    if (*n == TAG_UINT64) {
        memcpy(&u, n + 1, 8);
        return (double)u;
    }
    CHECK(*n == TAG_DOUBLE && n[1] <= REAL_TEXT_MAX);
    return read_text(n + 2, n[1]);
}

/* -- text ------------------------------------------------------------------------------------------------------- */

struct digits {
    const unsigned char *from, *point, *end;
    uint64_t value; /* of the digits as a whole, when there are at most DIGITS_MAX that count */
    int count, exponent;
    bool has_exponent;
};
enum { DIGITS_MAX = 19, EXPONENT_MAX = 100000 };

static const unsigned char *
take_digits(const unsigned char *p, const unsigned char *end, struct digits *d)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        d->value = d->value * 10 + (*p - '0');
        d->count += d->value > 0 || d->count > 0;
    }
    return p;
}

/* Behind the e. Without digits there is no exponent. */
static const unsigned char *
take_exponent(const unsigned char *p, const unsigned char *end, struct digits *d)
{
    bool minus = p < end && *p == '-';
    int v = 0;

    if (p < end && (*p == '+' || *p == '-'))
        p++;
    const unsigned char *first = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        v = v < EXPONENT_MAX ? v * 10 + (*p - '0') : v;
    d->has_exponent = p > first;
    d->exponent += minus ? -v : v;
    return p;
}

/* NULL, or what is wrong at d->end. */
static const char *
scan_number(const unsigned char *p, const unsigned char *end, struct digits *d)
{
    *d = (struct digits){.from = p, .end = p};
    if (*p == '-')
        p++;
    if (p == end || *p < '0' || *p > '9')
        return p == end ? "EOF while parsing a value" : d->from == p ? "expected value" : "invalid number";
    if (*p == '0')
        p++;
    else
        p = take_digits(p, end, d);
    if (p < end && *p >= '0' && *p <= '9')
        return d->end = p, "invalid number";
    if (p < end && *p == '.') {
        d->point = p++;
        const unsigned char *first = p;
        p = take_digits(p, end, d);
        if (p == first)
            return d->end = p, "invalid number";
        d->exponent = -(int)(p - first < EXPONENT_MAX ? p - first : EXPONENT_MAX);
    }
    if (p < end && (*p | 0x20) == 'e') {
        p = take_exponent(p + 1, end, d);
        if (!d->has_exponent)
            return d->end = p, "invalid number";
    }
    d->end = p;
    return NULL;
}

/* Text that would be printed just so: few digits, no exponent, nothing superfluous at the end, not tiny. */
static bool
is_canonical(const struct digits *d)
{
    size_t zeros = 0;

    if (d->has_exponent || d->point == NULL || d->end - d->from > REAL_TEXT_MAX)
        return false;
    size_t fraction = (size_t)(d->end - d->point) - 1;
    if (d->end[-1] == '0' && fraction > 1)
        return false;
    bool whole = d->point[-1] != '0' || d->point - d->from > (d->from[0] == '-' ? 2 : 1);
    if (whole)
        return true;
    while (zeros < fraction && d->point[1 + zeros] == '0')
        zeros++;
    return zeros < 5;
}

/* Integers up to 64 bits, signed or unsigned. */
static bool
put_integer(const struct digits *d, struct buf *out)
{
    bool minus = d->from[0] == '-';
    uint64_t v = 0;

    if (d->point != NULL || d->has_exponent || d->count > DIGITS_MAX + 1 || (minus && d->count == 0))
        return false;
    for (const unsigned char *p = d->from + minus; d->count > DIGITS_MAX && p < d->end; p++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
            return false;
    if (d->count <= DIGITS_MAX)
        v = d->value;
    if (v <= (uint64_t)INT64_MAX + minus) {
        json_put_int(out, minus ? (int64_t)(0 - v) : (int64_t)v);
        return true;
    }
    if (minus)
        return false;
    buf_add_char(out, (char)TAG_UINT64);
    buf_add(out, &v, 8);
    return true;
}

static double
read_double(const struct digits *d)
{
    size_t len = (size_t)(d->end - d->from);
    double v;

    if (d->count <= DIGITS_MAX && decimal_to_double(d->value, d->exponent, &v))
        return d->from[0] == '-' ? -v : v;
    /* strtod() needs an end that is no digit. */
    char text[64], *copy = len < sizeof(text) ? text : mem_get(len + 1);
    memcpy(copy, d->from, len);
    copy[len] = 0;
    v = strtod(copy, NULL);
    if (copy != text)
        mem_free(copy);
    return v;
}

bool
json__read_number(const unsigned char **p, const unsigned char *end, struct buf *out, bool *as_is, const char **why)
{
    struct digits d;

    if ((*why = scan_number(*p, end, &d)) != NULL) {
        *p = d.end;
        return false;
    }
    *p = d.end;
    if (put_integer(&d, out))
        return true;
    if (as_is == NULL && is_canonical(&d)) {
        json__put_double_text(out, slice_of(d.from, (size_t)(d.end - d.from)));
        return true;
    }
    double v = read_double(&d);
    if (!isfinite(v)) {
        *p = d.from;
        *why = "number out of range";
        return false;
    }
    if (as_is == NULL) {
        json_put_double(out, v);
    } else {
        json__put_real(out, v);
        *as_is = true;
    }
    return true;
}

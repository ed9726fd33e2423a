/* base/number.c - parsing and printing of numbers. */
#include "base/number.h"

#include "base/decimal.h"

#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool
parse_uint64(struct slice s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.len == 0 || s.len > 20 || (s.ptr[0] == '0' && s.len > 1))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        /* Nineteen digits can't overflow, so only the twentieth needs the check. */
        if (i < 19)
            v = v * 10 + digit;
        else if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool
parse_int64(struct slice s, int64_t *out)
{
    uint64_t v;
    bool negative = s.len > 0 && s.ptr[0] == '-';

    if (!parse_uint64(negative ? slice_skip(s, 1) : s, &v))
        return false;
    if (negative) {
        if (v == 0 || v > (uint64_t)INT64_MAX + 1)
            return false;
        *out = (int64_t)(-v);
        return true;
    }
    if (v > INT64_MAX)
        return false;
    *out = (int64_t)v;
    return true;
}

/* Copies s to a NUL-terminated buffer for strtod. False when it can't be a number. */
static bool
number_text(struct slice s, char *text, size_t cap)
{
    if (s.len == 0 || s.len >= cap || (s.ptr[0] >= '\t' && s.ptr[0] <= '\r') || s.ptr[0] == ' ')
        return false;
    if (memchr(s.ptr, '\0', s.len) != NULL)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return true;
}

static bool
read_double(struct slice s, char *text, size_t cap, double *out)
{
    char *end;

    if (!number_text(s, text, cap))
        return false;
    errno = 0;
    double v = strtod(text, &end);
    if (end != text + s.len || isnan(v))
        return false;
    if (errno == ERANGE && (v == HUGE_VAL || v == -HUGE_VAL || fpclassify(v) == FP_ZERO))
        return false;
    *out = v;
    return true;
}

bool
parse_double(struct slice s, double *out)
{
    char text[256];
    int64_t integer;

    /* Most scores are integers, and those that a double holds exactly need no strtod(). */
    if (s.len <= 15 && parse_int64(s, &integer)) {
        *out = (double)integer;
        return true;
    }
    if (LIKELY(s.len < sizeof(text)))
        return read_double(s, text, sizeof(text), out);
    /* 1e308 has 309 digits, and nothing forbids more. */
    char *longer = mem_get(s.len + 1);
    bool ok = read_double(s, longer, s.len + 1, out);
    mem_free(longer);
    return ok;
}

bool
parse_long_double(struct slice s, long double *out)
{
    char text[LONG_DOUBLE_TEXT_MAX], *end; /* INCRBYFLOAT must read back what it wrote */

    if (!number_text(s, text, sizeof(text)))
        return false;
    errno = 0;
    long double v = strtold(text, &end);
    if (end != text + s.len || isnan(v))
        return false;
    if (errno == ERANGE && (v == HUGE_VALL || v == -HUGE_VALL || fpclassify(v) == FP_ZERO))
        return false;
    *out = v;
    return true;
}

bool
parse_memory(struct slice s, uint64_t *out)
{
    static const struct {
        struct slice name;
        uint64_t factor;
    } units[] = {
        {LIT_INIT(""), 1},        {LIT_INIT("b"), 1},         {LIT_INIT("k"), 1000},       {LIT_INIT("kb"), 1u << 10},
        {LIT_INIT("m"), 1000000}, {LIT_INIT("mb"), 1u << 20}, {LIT_INIT("g"), 1000000000}, {LIT_INIT("gb"), 1u << 30},
    };
    size_t digits = 0;
    uint64_t v = 0;

    for (; digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9'; digits++) {
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s.ptr[digits] - '0'), &v))
            return false;
    }
    if (digits == 0 && s.len > 0)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (slice_eq_nocase(slice_skip(s, digits), units[i].name))
            return !__builtin_mul_overflow(v, units[i].factor, out);
    return false;
}

/* How many decimal digits: 1233/4096 is a little more than log10(2), so the guess from the bits is right or one too
 * high. */
static size_t
decimal_width(uint64_t v)
{
    /* clang-format off */
    static const uint64_t powers[] = {
        1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u, 1000000000u, 10000000000u, 100000000000u,
        1000000000000u, 10000000000000u, 100000000000000u, 1000000000000000u, 10000000000000000u, 100000000000000000u,
        1000000000000000000u, 10000000000000000000u,
    };
    /* clang-format on */
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1), guess = bits * 1233 >> 12;

    return guess + (v >= powers[guess] || guess == 0);
}

size_t
format_uint64(char *out, uint64_t v)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    size_t len = decimal_width(v), at = len;

    while (v >= 100) {
        at -= 2;
        memcpy(out + at, pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(out, pairs + 2 * v, 2);
    else
        out[0] = (char)('0' + v);
    return len;
}

size_t
format_int64(char *out, int64_t v)
{
    if (v >= 0)
        return format_uint64(out, (uint64_t)v);
    out[0] = '-';
    return 1 + format_uint64(out + 1, -(uint64_t)v);
}

static size_t
put_word(char *out, struct slice word)
{
    memcpy(out, word.ptr, word.len);
    return word.len;
}

/* The digits of a positive double: value = digits * 10^exponent. */
struct spelled {
    char digits[20];
    int count, exponent;
};

static size_t
put_scientific(char *out, const struct spelled *d, int power)
{
    size_t n = 0;

    out[n++] = d->digits[0];
    if (d->count > 1) {
        out[n++] = '.';
        memcpy(out + n, d->digits + 1, (size_t)d->count - 1);
        n += (size_t)d->count - 1;
    }
    out[n++] = 'e';
    out[n++] = power < 0 ? '-' : '+';
    return n + format_uint64(out + n, (uint64_t)(power < 0 ? -power : power));
}

/* Where redis 7.2 writes a number out and where it takes to an exponent. */
static size_t
put_decimal(char *out, const struct spelled *d)
{
    int power = d->exponent + d->count - 1, size = power < 0 ? -power : power;
    int whole = d->count + d->exponent; /* digits before the point */
    size_t n = 0;

    if (d->exponent >= 0 && size < d->count + 7) {
        memcpy(out, d->digits, (size_t)d->count);
        memset(out + d->count, '0', (size_t)d->exponent);
        return (size_t)whole;
    }
    if (d->exponent >= 0 || (d->exponent <= -7 && size >= 4))
        return put_scientific(out, d, power);
    if (whole <= 0) {
        out[n++] = '0';
        out[n++] = '.';
        memset(out + n, '0', (size_t)-whole);
        n += (size_t)-whole;
        whole = 0;
    } else {
        memcpy(out, d->digits, (size_t)whole);
        n = (size_t)whole;
        out[n++] = '.';
    }
    memcpy(out + n, d->digits + whole, (size_t)(d->count - whole));
    return n + (size_t)(d->count - whole);
}

size_t
format_double(char *out, double v)
{
    struct spelled d;

    if (isnan(v))
        return put_word(out, LIT("nan"));
    if (isinf(v))
        return put_word(out, v > 0 ? LIT("inf") : LIT("-inf"));
    if (v == 0)
        return put_word(out, signbit(v) ? LIT("-0") : LIT("0"));
    if (v > -4503599627370496.0 && v < 4503599627370496.0 && v == (double)(int64_t)v)
        return format_int64(out, (int64_t)v);
    size_t sign = v < 0;
    if (sign)
        out[0] = '-';
    struct decimal shortest = decimal_of(fabs(v));
    d.count = (int)format_uint64(d.digits, shortest.digits);
    d.exponent = shortest.exponent;
    return sign + put_decimal(out + sign, &d);
}

size_t
format_long_double(char *out, long double v)
{
    if (isinf(v))
        return put_word(out, v > 0 ? LIT("inf") : LIT("-inf"));
    int n = snprintf(out, LONG_DOUBLE_TEXT_MAX, "%.17Lf", v);
    if (n <= 0 || n >= LONG_DOUBLE_TEXT_MAX)
        return 0;
    if (memchr(out, '.', (size_t)n) != NULL) {
        while (out[n - 1] == '0')
            n--;
        if (out[n - 1] == '.')
            n--;
    }
    if (n == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        n = 1;
    }
    return (size_t)n;
}

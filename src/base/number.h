/* base/number.h - numbers and their texts, exactly as Redis reads and prints them.
 *
 * Sources: the behaviour of redis-server 7.0; RESP specification for doubles and big numbers.
 */
#ifndef SORREL_BASE_NUMBER_H
#define SORREL_BASE_NUMBER_H

#include "base/slice.h"

enum { INT64_TEXT_MAX = 21, DOUBLE_TEXT_MAX = 48, LONG_DOUBLE_TEXT_MAX = 5 * 1024 };

/* A canonical signed decimal: no blanks, no plus sign, no leading zeros, in range. Anything else is false. */
bool parse_int64(struct slice s, int64_t *out);
bool parse_uint64(struct slice s, uint64_t *out);
/* strtod's syntax over the whole slice, inf and infinity included; blanks in front, hex and NaN refused as Redis does
 * for its command arguments (see the definition). Overflow gives false. */
bool parse_double(struct slice s, double *out);
bool parse_long_double(struct slice s, long double *out);
/* Sizes as in redis.conf: 1k = 1000, 1kb = 1024, likewise m, mb, g, gb; plain bytes with b or nothing. An empty text,
 * as a variable that is not set leaves on a command line, is 0. */
bool parse_memory(struct slice s, uint64_t *out);

/* Writes the decimal text, returns its length. `out` holds INT64_TEXT_MAX bytes. No NUL. */
size_t format_int64(char *out, int64_t v);
size_t format_uint64(char *out, uint64_t v);
/* The shortest text that reads back as v, as redis 7.2 prints scores and RESP3 doubles (7.0 printed 17 digits):
 * integers below 2^52 without exponent or point, inf, -inf, nan. `out` holds DOUBLE_TEXT_MAX bytes. */
size_t format_double(char *out, double v);
/* The form of INCRBYFLOAT: 17 digits after the point, trailing zeros dropped. `out` holds LONG_DOUBLE_TEXT_MAX. */
size_t format_long_double(char *out, long double v);

#endif

/* base/decimal.h - between binary floating-point numbers and decimal digits, exactly and fast.
 *
 * One way there are the fewest digits that read back as the same number, of those with the least error (Raffaello
 * Giulietti, "The Schubfach way to render doubles", 2020); the other way the double nearest to given digits (Daniel
 * Lemire, "Number parsing at a gigabyte per second", 2021). Both need products with powers of ten of 128 bits, of which
 * there is one table.
 */
#ifndef SORREL_BASE_DECIMAL_H
#define SORREL_BASE_DECIMAL_H

#include "base/slice.h"

/* digits * 10^exponent; no zeros at the end of the digits. */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* Of a finite double above zero. */
struct decimal decimal_of(double v);
/* Of significand * 2^exponent in a narrower type, above zero: those digits that only this number of the type is nearest
 * to. `lowest`: the significand is the least of normal numbers, below which they lie twice as close. */
struct decimal decimal_of_bits(uint64_t significand, int exponent, bool lowest);
/* The double nearest to digits * 10^exponent. False where this cannot tell: what is tiny, too large, or close to the
 * middle between two; strtod() can. */
bool decimal_to_double(uint64_t digits, int exponent, double *out);

#endif

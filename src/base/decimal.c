/* base/decimal.c - the shortest digits of a number, and the number nearest to digits. */
#include "base/decimal.h"

#include "base/check.h"
#include "base/decimal_powers.h"

__extension__ typedef unsigned __int128 wide;

/* Logarithms of powers, rounded down; exact for all exponents that doubles have. */
static int
log10_of_pow2(int e)
{
    return e * 1262611 >> 22;
}

static int
log10_of_three_quarters_pow2(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

static int
log2_of_pow10(int e)
{
    return e * 1741647 >> 19;
}

/* -- the shortest digits ---------------------------------------------------------------------------------------- */

/* The upper part of n * 10^k scaled, whose lowest bit also tells whether anything was cut off. */
static uint64_t
scale(const uint64_t power[2], uint64_t n)
{
    wide low = (wide)power[1] * n, high = (wide)power[0] * n + (uint64_t)(low >> 64);

    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

static void
drop_zeros(struct decimal *d, uint64_t power, int zeros)
{
    if (d->digits % power == 0) {
        d->digits /= power;
        d->exponent += zeros;
    }
}

/* Numbers that people write end in many zeros, others hardly ever in one. Sixteen of them there are at most. */
static struct decimal
without_zeros(uint64_t digits, int exponent)
{
    struct decimal d = {digits, exponent};

    if (digits % 10 != 0)
        return d;
    drop_zeros(&d, 100000000, 8);
    drop_zeros(&d, 10000, 4);
    drop_zeros(&d, 100, 2);
    drop_zeros(&d, 10, 1);
    drop_zeros(&d, 10, 1);
    return d;
}

/* All is counted in quarters, so that the borders of what rounds to the number are whole. 10^k is the largest power of
 * ten that is not above the distance between them: at most one of its multiples by ten lies inside, else one or two of
 * its own. */
struct decimal
decimal_of_bits(uint64_t significand, int exponent, bool lowest)
{
    int k = lowest ? log10_of_three_quarters_pow2(exponent) : log10_of_pow2(exponent);
    int shift = exponent + log2_of_pow10(-k) + 1;
    const uint64_t *power = powers[-k - POWER_MIN];
    uint64_t odd = significand & 1; /* ties go to even: only then do the borders belong to the number */
    uint64_t lower = scale(power, (4 * significand - 2 + lowest) << shift) + odd;
    uint64_t upper = scale(power, (4 * significand + 2) << shift) - odd;
    uint64_t quarters = scale(power, 4 * significand << shift), whole = quarters / 4;

    if (whole >= 10) {
        uint64_t tens = whole / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above)
            return without_zeros(tens + above, k + 1);
    }
    bool below = lower <= 4 * whole, above = 4 * whole + 4 <= upper;
    if (below != above)
        return without_zeros(whole + above, k);
    uint64_t middle = 4 * whole + 2;
    return without_zeros(whole + (quarters > middle || (quarters == middle && (whole & 1))), k);
}

/* Most numbers that people write have four decimals at most: scaled they are integers, and dividing gives the same
 * double back, which proves that those digits mean it. Doubles tell all decimals of fifteen digits apart. */
static bool
by_scaling(double v, struct decimal *out)
{
    if (v < 1e-4 || v >= 1e11)
        return false;
    double whole = (double)(int64_t)(v * 1e4 + 0.5);
    if (whole / 1e4 != v)
        return false;
    *out = without_zeros((uint64_t)whole, -4);
    return true;
}

struct decimal
decimal_of(double v)
{
    struct decimal quick;
    uint64_t bits;

    if (by_scaling(v, &quick))
        return quick;
    memcpy(&bits, &v, sizeof(bits));
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7ff);
    if (biased == 0)
        return decimal_of_bits(fraction, -1074, false);
    return decimal_of_bits(fraction | UINT64_C(1) << 52, biased - 1075, fraction == 0 && biased > 1);
}

/* -- the nearest double ----------------------------------------------------------------------------------------- */

/* Both numbers are exact, so the one operation rounds as it should. */
static bool
by_one_operation(uint64_t digits, int exponent, double *out)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (digits > UINT64_C(1) << 53 || exponent < -22 || exponent > 22)
        return false;
    *out = exponent < 0 ? (double)digits / exact[-exponent] : (double)digits * exact[exponent];
    return true;
}

bool
decimal_to_double(uint64_t digits, int exponent, double *out)
{
    if (by_one_operation(digits, exponent, out))
        return true;
    if (digits == 0 || exponent < POWER_MIN || exponent > 308)
        return false;
    int zeros = __builtin_clzll(digits);
    uint64_t n = digits << zeros, power[2];
    memcpy(power, powers[exponent - POWER_MIN], sizeof(power));
    /* From here on it must be a lower bound, but for the small ones, which are near enough as they are. */
    if (exponent < -27 || exponent > POWER_EXACT)
        power[0] -= power[1]-- == 0;
    wide product = (wide)power[0] * n;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if ((high & 0x1ff) == 0x1ff) { /* what was left out may carry as far as the bits that count */
        uint64_t more = (uint64_t)((wide)power[1] * n >> 64);
        high += __builtin_add_overflow(low, more, &low);
    }
    if (low == UINT64_MAX && (exponent < -27 || exponent > POWER_EXACT))
        return false;
    int top = (int)(high >> 63);
    uint64_t mantissa = high >> (top + 9);
    int biased = log2_of_pow10(exponent) + 63 + top - zeros + 1023;
    if (biased <= 0)
        return false;
    /* A tie: only these powers can be part of one, and only when nothing was cut off. */
    if (low <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) == 1 && mantissa << (top + 9) == high)
        mantissa--;
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa == UINT64_C(1) << 53) {
        mantissa >>= 1;
        biased++;
    }
    if (biased >= 0x7ff)
        return false;
    uint64_t bits = (uint64_t)biased << 52 | (mantissa & ((UINT64_C(1) << 52) - 1));
    memcpy(out, &bits, sizeof(bits));
    return true;
}

/* base/crc64.c - eight bytes at a time from eight tables; longer texts by carry-less multiplication where there is one.
 *
 * A CRC is linear: the entry for a byte is the XOR of the entries for its bits. So each table follows from eight
 * constants, and the compiler works it out.
 *
 * Folding: sixteen bytes are a polynomial of degree 127; multiplied by x^512 modulo ours they may be added to the
 * sixteen bytes that come 64 later, and the checksum stays what it was. Four such lanes go through the text; what is
 * left in the end is again a text of sixteen bytes, for the tables.
 */
#include "base/crc64.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* clang-format off */
#define E(i, a, b, c, d, e, f, g, h)                                                                                   \
    (((i) & 1 ? a : 0) ^ ((i) & 2 ? b : 0) ^ ((i) & 4 ? c : 0) ^ ((i) & 8 ? d : 0) ^                                   \
     ((i) & 16 ? e : 0) ^ ((i) & 32 ? f : 0) ^ ((i) & 64 ? g : 0) ^ ((i) & 128 ? h : 0))
#define E4(i, ...)  E(i, __VA_ARGS__), E((i) + 1, __VA_ARGS__), E((i) + 2, __VA_ARGS__), E((i) + 3, __VA_ARGS__)
#define E16(i, ...) E4(i, __VA_ARGS__), E4((i) + 4, __VA_ARGS__), E4((i) + 8, __VA_ARGS__), E4((i) + 12, __VA_ARGS__)
#define E64(i, ...) E16(i, __VA_ARGS__), E16((i) + 16, __VA_ARGS__), E16((i) + 32, __VA_ARGS__), E16((i) + 48, __VA_ARGS__)
#define TABLE(...) {E64(0, __VA_ARGS__), E64(64, __VA_ARGS__), E64(128, __VA_ARGS__), E64(192, __VA_ARGS__)}

static const uint64_t table[8][256] = {
    TABLE(0x7ad870c830358979, 0xf5b0e190606b12f2, 0xc038e5739841b68f, 0xab28ecb46814fe75,
          0x7d08ff3b88be6f81, 0xfa11fe77117cdf02, 0xdf7adabd7a6e2d6f, 0x95ac9329ac4bc9b5),
    TABLE(0x89e99ffd73bddf69, 0x388a19a9bfec2db9, 0x711433537fd85b72, 0xe22866a6ffb0b6e4,
          0xef09eb1ea7f6fea3, 0xf54af06e177a6e2d, 0xc1ccc68f76634f31, 0xa8c0ab4db4510d09),
    TABLE(0xf4125129ce4038be, 0xc37d8400c417e217, 0xada22e52d0b85745, 0x701d7af6f9e73de1,
          0xe03af5edf3ce7bc2, 0xeb2ccd88bf0b64ef, 0xfd00bd4226815ab5, 0xd1585cd715952601),
    TABLE(0x8ce168638c796306, 0x329bf69440655567, 0x6537ed2880caaace, 0xca6fda510195559c,
          0xbf8692f15bbd3853, 0x545403b1efede3cd, 0xa8a80763dfdbc79a, 0x7a092894e7201c5f),
    TABLE(0x3504e58b9ba6dd1e, 0x6a09cb17374dba3c, 0xd413962e6e9b7478, 0x837e0a0f85a17b9b,
          0x2da5324c53d5645d, 0x5b4a6498a7aac8ba, 0xb694c9314f559174, 0x4670b431c63cb183),
    TABLE(0xe39d1389931b9354, 0xec6301407ea0b5c3, 0xf39f24d3a5d6f8ed, 0xcc676ff4133a62b1,
          0xb397f9bb7ee35609, 0x4c76d525a5513f79, 0x98edaa4b4aa27ef2, 0x1a8272c5cdd36e8f),
    TABLE(0x62a95de6e302eff2, 0xc552bbcdc605dfe4, 0xa1fc51c8d49c2ca3, 0x68a185c2f1afca2d,
          0xd1430b85e35f945a, 0x89df31589e28bbdf, 0x38e744e264c6e4d5, 0x71ce89c4c98dc9aa),
    TABLE(0x381d0015c96f4444, 0x703a002b92de8888, 0xe074005725bd1110, 0xebb126fd13edb14b,
          0xfc3b6ba97f4cf1fd, 0xd32ff101a60e7091, 0x8d06c450148b7249, 0x3154aef3718177f9),
};
/* clang-format on */

static uint64_t
by_tables(uint64_t crc, const unsigned char *p, size_t len)
{
    const unsigned char *end = p + len;

    for (; end - p >= 8; p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        w ^= crc;
        crc = table[7][w & 255] ^ table[6][w >> 8 & 255] ^ table[5][w >> 16 & 255] ^ table[4][w >> 24 & 255] ^
              table[3][w >> 32 & 255] ^ table[2][w >> 40 & 255] ^ table[1][w >> 48 & 255] ^ table[0][w >> 56];
    }
    for (; p < end; p++)
        crc = table[0][(crc ^ *p) & 255] ^ crc >> 8;
    return crc;
}

#ifdef __x86_64__
enum { FOLD_MIN = 256, LANES = 4, LANE_BYTES = 16, STRIDE = LANES * LANE_BYTES };

/* x times x^n, where k holds x^(n+63) and x^(n-1): bits are reflected, which makes a product one too high. */
__attribute__((target("pclmul"))) static inline __m128i
fold(__m128i x, __m128i k)
{
    return _mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11));
}

__attribute__((target("pclmul"))) static uint64_t
by_folding(uint64_t crc, const unsigned char *p, size_t len)
{
    const __m128i by_stride = _mm_set_epi64x((long long)0xf49784a634f014e4, (long long)0xaf86efb16d9ab4fb);
    const __m128i by_lane = _mm_set_epi64x((long long)0x381d0015c96f4444, (long long)0xd9d7be7d505da32c);
    unsigned char rest[LANE_BYTES];
    __m128i x[LANES];

    for (int i = 0; i < LANES; i++)
        x[i] = _mm_loadu_si128((const __m128i *)(p + (size_t)i * LANE_BYTES));
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi64_si128((long long)crc));
    for (p += STRIDE, len -= STRIDE; len >= STRIDE; p += STRIDE, len -= STRIDE)
        for (int i = 0; i < LANES; i++)
            x[i] = _mm_xor_si128(fold(x[i], by_stride), _mm_loadu_si128((const __m128i *)(p + (size_t)i * LANE_BYTES)));
    for (int i = 1; i < LANES; i++)
        x[i] = _mm_xor_si128(fold(x[i - 1], by_lane), x[i]);
    _mm_storeu_si128((__m128i *)rest, x[LANES - 1]);
    return by_tables(by_tables(0, rest, sizeof(rest)), p, len);
}
#endif

uint64_t
crc64(uint64_t crc, struct slice bytes)
{
#ifdef __x86_64__
    if (bytes.len >= FOLD_MIN && __builtin_cpu_supports("pclmul"))
        return by_folding(crc, (const unsigned char *)bytes.ptr, bytes.len);
#endif
    return by_tables(crc, (const unsigned char *)bytes.ptr, bytes.len);
}

/* ds/bitmap.c - counting, finding and combining bits in runs of bytes. */
#include "ds/bitmap.h"

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif

static inline uint64_t
word_at(const char *p)
{
    uint64_t w;

    memcpy(&w, p, 8);
    return w;
}

/* -- counting -------------------------------------------------------------------------------------------------- */

static uint64_t
count_plain(const char *p, size_t len)
{
    uint64_t n = 0;

    for (; len >= 8; p += 8, len -= 8)
        n += (uint64_t)__builtin_popcountll(word_at(p));
    for (; len > 0; p++, len--)
        n += (uint64_t)__builtin_popcount((unsigned char)*p);
    return n;
}

#if HAVE_X86
__attribute__((target("popcnt"))) static uint64_t
count_popcnt(const char *p, size_t len)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;

    for (; len >= 32; p += 32, len -= 32) {
        a += (uint64_t)__builtin_popcountll(word_at(p));
        b += (uint64_t)__builtin_popcountll(word_at(p + 8));
        c += (uint64_t)__builtin_popcountll(word_at(p + 16));
        d += (uint64_t)__builtin_popcountll(word_at(p + 24));
    }
    for (; len >= 8; p += 8, len -= 8)
        a += (uint64_t)__builtin_popcountll(word_at(p));
    for (; len > 0; p++, len--)
        b += (uint64_t)__builtin_popcount((unsigned char)*p);
    return a + b + c + d;
}

/* Each half byte is looked up in a table of sixteen counts held in a register; the counts of bytes are summed before
 * they can overflow (31 rounds of at most 8). */
__attribute__((target("avx2,popcnt"))) static uint64_t
count_avx2(const char *p, size_t len)
{
    const __m256i low = _mm256_set1_epi8(0x0f);
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2,
                                           2, 3, 2, 3, 3, 4);
    __m256i sum = _mm256_setzero_si256();

    while (len >= 32) {
        size_t rounds = len / 32 < 31 ? len / 32 : 31;
        __m256i bytes = _mm256_setzero_si256();

        for (size_t i = 0; i < rounds; i++, p += 32) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
            __m256i a = _mm256_shuffle_epi8(table, _mm256_and_si256(v, low));
            __m256i b = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low));
            bytes = _mm256_add_epi8(bytes, _mm256_add_epi8(a, b));
        }
        sum = _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
        len -= rounds * 32;
    }
    uint64_t parts[4];
    _mm256_storeu_si256((__m256i *)(void *)parts, sum);
    return parts[0] + parts[1] + parts[2] + parts[3] + count_popcnt(p, len);
}
#endif

uint64_t
bitmap_count(struct slice bytes)
{
#if HAVE_X86
    if (bytes.len >= 256 && __builtin_cpu_supports("avx2"))
        return count_avx2(bytes.ptr, bytes.len);
    if (__builtin_cpu_supports("popcnt"))
        return count_popcnt(bytes.ptr, bytes.len);
#endif
    return count_plain(bytes.ptr, bytes.len);
}

/* The bits of a byte from bit `first` to bit `last`, counted from its highest one. */
static inline unsigned
byte_mask(unsigned first, unsigned last)
{
    return (0xffu >> first) & (0xffu << (7 - last) & 0xffu);
}

uint64_t
bitmap_count_range(struct slice bytes, uint64_t first, uint64_t last)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t from = (size_t)(first / 8), to = (size_t)(last / 8);

    CHECK(first <= last && to < bytes.len);
    if (from == to)
        return (uint64_t)__builtin_popcount(p[from] & byte_mask((unsigned)first % 8, (unsigned)last % 8));
    return (uint64_t)__builtin_popcount(p[from] & byte_mask((unsigned)first % 8, 7)) +
           bitmap_count(slice_of(p + from + 1, to - from - 1)) +
           (uint64_t)__builtin_popcount(p[to] & byte_mask(0, (unsigned)last % 8));
}

/* -- finding --------------------------------------------------------------------------------------------------- */

/* The first byte that is not `skip`, or len. Eight words at a time, which the compiler turns into vectors. */
static size_t
skip_bytes(const char *p, size_t len, unsigned char skip)
{
    uint64_t same = skip * UINT64_C(0x0101010101010101);
    size_t i = 0;

    for (; len - i >= 64; i += 64) {
        uint64_t differs = 0;
        for (size_t k = 0; k < 64; k += 8)
            differs |= word_at(p + i + k) ^ same;
        if (differs != 0)
            break;
    }
    for (; len - i >= 8 && word_at(p + i) == same; i += 8)
        ;
    for (; i < len && (unsigned char)p[i] == skip; i++)
        ;
    return i;
}

/* The first set bit among those of `mask` in a byte; false if there is none. */
static bool
find_in_byte(unsigned byte, unsigned mask, size_t index, uint64_t *at)
{
    byte &= mask;
    if (byte == 0)
        return false;
    *at = (uint64_t)index * 8 + (unsigned)__builtin_clz(byte << 24);
    return true;
}

bool
bitmap_find(struct slice bytes, bool bit, uint64_t first, uint64_t last, uint64_t *at)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t from = (size_t)(first / 8), to = (size_t)(last / 8);
    unsigned flip = bit ? 0 : 0xff;

    CHECK(first <= last && to < bytes.len);
    unsigned head = byte_mask((unsigned)first % 8, from == to ? (unsigned)last % 8 : 7);
    if (find_in_byte(p[from] ^ flip, head, from, at))
        return true;
    if (from == to)
        return false;
    size_t i = from + 1 + skip_bytes(bytes.ptr + from + 1, to - from - 1, (unsigned char)flip);
    return find_in_byte(p[i] ^ flip, i == to ? byte_mask(0, (unsigned)last % 8) : 0xff, i, at);
}

/* -- combining ------------------------------------------------------------------------------------------------- */

/* A block of the result stays in the first-level cache while every source goes over it. */
enum { BLOCK = 4096 };

/* What the sources have shown so far: `any` bits in one of them, `many` in more than one. */
struct block {
    uint64_t any[BLOCK / 8];
    uint64_t many[BLOCK / 8];
};

/* The part of a source that falls into the block; bytes beyond its end are no part of it. */
static struct slice
part(struct slice source, size_t at, size_t len)
{
    struct slice s = slice_skip(source, at);

    return slice_of(s.ptr, s.len < len ? s.len : len);
}

static void
load(uint64_t *to, struct slice s)
{
    memcpy(to, s.ptr, s.len);
    memset((char *)to + s.len, 0, BLOCK - s.len);
}

#define EACH_WORD(s, statement)                         \
    do {                                                \
        const char *src = (s).ptr;                      \
        size_t whole = (s).len / 8, rest = (s).len % 8; \
        for (size_t i = 0; i < whole; i++) {            \
            uint64_t w = word_at(src + i * 8);          \
            statement;                                  \
        }                                               \
        if (rest > 0) {                                 \
            uint64_t w = 0;                             \
            size_t i = whole;                           \
            memcpy(&w, src + i * 8, rest);              \
            statement;                                  \
        }                                               \
    } while (0)

/* The loops are simple enough for the compiler to use vectors, which gcc does at -O3 and clang always. */
#ifdef __clang__
#define VECTORISED
#else
#define VECTORISED __attribute__((optimize("O3")))
#endif

VECTORISED static void
combine_block(enum bitmap_op op, const struct slice *sources, size_t n, size_t at, size_t len, struct block *b)
{
    uint64_t *any = b->any, *many = b->many;

    load(any, part(sources[0], at, len));
    if (op == BITMAP_NOT) {
        for (size_t i = 0; i < BLOCK / 8; i++)
            any[i] = ~any[i];
        return;
    }
    if (op == BITMAP_DIFF || op == BITMAP_DIFF1 || op == BITMAP_ANDOR) {
        /* `any` is the first source, `many` the union of the others. */
        memset(many, 0, BLOCK);
        for (size_t k = 1; k < n; k++)
            EACH_WORD(part(sources[k], at, len), many[i] |= w);
        for (size_t i = 0; i < BLOCK / 8; i++)
            any[i] = op == BITMAP_DIFF ? any[i] & ~many[i] : op == BITMAP_DIFF1 ? ~any[i] & many[i] : any[i] & many[i];
        return;
    }
    if (op == BITMAP_ONE)
        memset(many, 0, BLOCK);
    for (size_t k = 1; k < n; k++) {
        struct slice s = part(sources[k], at, len);

        if (op == BITMAP_AND) {
            EACH_WORD(s, any[i] &= w);
            size_t done = (s.len + 7) / 8 * 8;
            memset((char *)any + done, 0, BLOCK - done);
        } else if (op == BITMAP_OR) {
            EACH_WORD(s, any[i] |= w);
        } else if (op == BITMAP_XOR) {
            EACH_WORD(s, any[i] ^= w);
        } else {
            EACH_WORD(s, many[i] |= any[i] & w; any[i] |= w);
        }
    }
    if (op == BITMAP_ONE)
        for (size_t i = 0; i < BLOCK / 8; i++)
            any[i] &= ~many[i];
}

/* The processor's own look ahead ends with a page, which is what a block is. */
static void
prefetch_block(struct slice s)
{
    for (size_t i = 0; i < s.len; i += 64)
        __builtin_prefetch(s.ptr + i);
}

void
bitmap_combine(enum bitmap_op op, const struct slice *sources, size_t n, char *out, size_t len)
{
    struct block b;

    CHECK(n > 0);
    for (size_t at = 0; at < len; at += BLOCK) {
        size_t here = len - at < BLOCK ? len - at : BLOCK;

        for (size_t k = 0; k < n; k++)
            prefetch_block(part(sources[k], at + BLOCK, BLOCK));
        combine_block(op, sources, n, at, here, &b);
        memcpy(out + at, b.any, here);
    }
}

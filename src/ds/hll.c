/* ds/hll.c - HyperLogLog sketches, in the bytes that Redis keeps them in. */
#include "ds/hll.h"

#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif

enum { INDEX_BITS = 14, VALUE_BITS = 64 - INDEX_BITS, DENSE = 0, SPARSE = 1, AT_ENCODING = 4, AT_CARD = 8 };
enum { ZERO_MAX = 64, XZERO_MAX = HLL_REGISTERS, VAL_MAX = 32, VAL_RUN_MAX = 4 };

/* -- hashing --------------------------------------------------------------------------------------------------- */

static uint64_t
murmur64a(struct slice s, uint64_t seed)
{
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    uint64_t h = seed ^ (s.len * m), k = 0;

    for (; s.len >= 8; s = slice_skip(s, 8)) {
        memcpy(&k, s.ptr, 8);
        k *= m;
        k ^= k >> 47;
        h = (h ^ k * m) * m;
    }
    if (s.len > 0) {
        k = 0;
        memcpy(&k, s.ptr, s.len);
        h = (h ^ k) * m;
    }
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

struct hll_item
hll_item_of(struct slice element)
{
    uint64_t h = murmur64a(element, 0xadc83b19);
    uint64_t rest = h >> INDEX_BITS | UINT64_C(1) << VALUE_BITS;

    return (struct hll_item){(uint32_t)(h % HLL_REGISTERS), (uint8_t)(__builtin_ctzll(rest) + 1)};
}

/* -- runs ------------------------------------------------------------------------------------------------------ */

struct run {
    uint32_t bytes, registers;
    uint8_t value;
    bool wide; /* the long form of zeros */
};

static inline struct run
run_at(const unsigned char *p)
{
    if (*p & 0x80)
        return (struct run){1, (*p & 3u) + 1, (uint8_t)((*p >> 2 & 31) + 1), false};
    if (*p & 0x40)
        return (struct run){2, ((*p & 63u) << 8 | p[1]) + 1, 0, true};
    return (struct run){1, *p + 1u, 0, false};
}

/* Its registers alone, without a branch that would be guessed wrong half of the time. */
static inline uint32_t
registers_at(const unsigned char *p)
{
    uint32_t b = *p, is_long = (b & 0xc0) == 0x40, is_value = b >> 7;
    uint32_t high = (b & 63 & (0 - is_long)) << 8, low = is_long ? p[is_long] : b & (0x3f ^ (0x3c & (0 - is_value)));

    return (high | low) + 1;
}

/* Writes a run, zeros in the shortest form; returns its bytes. */
static uint32_t
run_put(unsigned char *p, uint32_t registers, uint8_t value)
{
    if (value > 0) {
        p[0] = (unsigned char)(0x80 | (value - 1) << 2 | (registers - 1));
        return 1;
    }
    if (registers <= ZERO_MAX) {
        p[0] = (unsigned char)(registers - 1);
        return 1;
    }
    p[0] = (unsigned char)(0x40 | (registers - 1) >> 8);
    p[1] = (unsigned char)(registers - 1);
    return 2;
}

static inline const unsigned char *
runs_begin(struct slice s)
{
    return (const unsigned char *)s.ptr + HLL_HEADER_BYTES;
}

static inline const unsigned char *
runs_end(struct slice s)
{
    return (const unsigned char *)s.ptr + s.len;
}

/* Most runs of a full sparse sketch are one byte long, so eight of them can be summed at once. Returns false, and the
 * sum is meaningless, when one of the eight bytes begins a long run. */
static inline bool
eight_runs(const unsigned char *p, uint32_t *registers)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t w, top, pairs;

    memcpy(&w, p, 8);
    top = (w ^ 0x40 * ones) & 0xc0 * ones;
    if (((top - ones) & ~top & 0x80 * ones) != 0)
        return false;
    /* The two low bits of values, the six low bits of zeros. */
    w &= 0x3f * ones - (w >> 7 & ones) * 0x3c;
    pairs = (w & UINT64_C(0x00ff00ff00ff00ff)) + (w >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    *registers = (uint32_t)(pairs * UINT64_C(0x0001000100010001) >> 48) + 8;
    return true;
}

/* Where the run with a register is, which run is before it (itself, if it is the first) and which register it begins
 * with. */
struct place {
    const unsigned char *at, *previous;
    uint32_t first;
};

/* Several runs summed at once: the registers and bytes of all, and (by bits) which bytes begin one. */
struct stretch {
    uint32_t registers, bytes, begins;
};

#if HAVE_X86
/* The runs that begin in 32 bytes, of which the first begins one. A byte is the second of a long run when it follows
 * one that begins such a run: of bytes in a row that look like beginnings, every other one is. An addition that carries
 * through each such row tells the odd from the even in all of them at once. */
__attribute__((target("avx2,popcnt"), always_inline)) static inline struct stretch
stretch_avx2(const unsigned char *p)
{
    const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
    const __m256i each = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201), none = _mm256_setzero_si256();
    const uint32_t odd_bits = 0xaaaaaaaa;
    __m256i top = _mm256_and_si256(v, _mm256_set1_epi8((char)0xc0)), low = _mm256_and_si256(v, _mm256_set1_epi8(0x3f));
    __m256i looks_long = _mm256_cmpeq_epi8(top, _mm256_set1_epi8(0x40));
    uint32_t rows = (uint32_t)_mm256_movemask_epi8(looks_long);
    uint32_t begins = (((rows << 1 | odd_bits) - rows) ^ odd_bits) & rows, second = begins << 1;
    /* The last byte belongs to the next stretch if the other half of its run does. */
    uint32_t used = begins >> 31 ? UINT32_MAX >> 1 : UINT32_MAX;
    __m256i is_second = _mm256_shuffle_epi8(_mm256_set1_epi32((int)second), each);
    is_second = _mm256_cmpeq_epi8(_mm256_and_si256(is_second, bit), bit);
    __m256i is_value = _mm256_cmpgt_epi8(none, v);

    /* Registers less one: of a value two bits, of zeros six; of a long run six times 256 and the byte that follows. */
    __m256i units = _mm256_and_si256(low, _mm256_or_si256(_mm256_set1_epi8(3), _mm256_andnot_si256(is_value, low)));
    units = _mm256_blendv_epi8(_mm256_andnot_si256(looks_long, units), v, is_second);
    __m256i pages = _mm256_and_si256(low, _mm256_andnot_si256(is_second, looks_long));
    if (begins >> 31)
        pages = _mm256_andnot_si256(_mm256_setr_epi32(0, 0, 0, 0, 0, 0, 0, (int)0xff000000), pages);
    __m256i sums = _mm256_add_epi64(_mm256_sad_epu8(units, none), _mm256_slli_epi64(_mm256_sad_epu8(pages, none), 8));
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    uint32_t sum = (uint32_t)_mm_cvtsi128_si32(half) + (uint32_t)_mm_extract_epi32(half, 2);

    return (struct stretch){sum + (uint32_t)__builtin_popcount(used & ~second), (uint32_t)__builtin_popcount(used),
                            used & ~second};
}

/* As walk(), as long as there are 32 bytes. */
__attribute__((target("avx2,popcnt"))) static bool
walk_avx2(struct place *w, const unsigned char *end, uint32_t index, uint32_t *begins)
{
    for (; end - w->at >= 32;) {
        struct stretch s = stretch_avx2(w->at);
        if (w->first + s.registers > index) {
            *begins = s.begins;
            return true;
        }
        w->first += s.registers;
        w->previous = w->at + 31 - __builtin_clz(s.begins);
        w->at += s.bytes;
    }
    return false;
}

__attribute__((target("avx2,popcnt"))) static struct stretch
one_stretch_avx2(const unsigned char *p)
{
    return stretch_avx2(p);
}
#endif

/* Passes over the runs before that of a register, several at once. True when it is among the next ones, whose
 * beginnings are given; false when these are to be looked at one by one. */
static inline bool
walk(struct place *w, const unsigned char *end, uint32_t index, uint32_t *begins)
{
    uint32_t n;

#if HAVE_X86
    if (end - w->at >= 32 && __builtin_cpu_supports("avx2") && walk_avx2(w, end, index, begins))
        return true;
#endif
    for (; end - w->at >= 8 && eight_runs(w->at, &n); w->at += 8) {
        if (w->first + n > index) {
            *begins = 0xff;
            return true;
        }
        w->first += n;
        w->previous = w->at + 7;
    }
    return false;
}

/* The registers of what is left of a sketch, less than a stretch; false when the last run is not whole. */
static bool
sum_rest(const unsigned char *p, const unsigned char *end, uint64_t *registers)
{
    uint32_t n;

#if HAVE_X86
    if (__builtin_cpu_supports("avx2")) {
        unsigned char padded[32] = {0}; /* with runs of one zero each */
        size_t left = (size_t)(end - p);

        memcpy(padded, p, left);
        struct stretch s = one_stretch_avx2(padded);
        *registers += s.registers - (32 - left);
        return s.begins >> left & 1;
    }
#endif
    while (p < end) {
        if (end - p >= 8 && eight_runs(p, &n)) {
            *registers += n;
            p += 8;
            continue;
        }
        if ((*p & 0xc0) == 0x40 && end - p < 2)
            return false;
        struct run r = run_at(p);
        *registers += r.registers;
        p += r.bytes;
    }
    return true;
}

static struct place
find_run(struct slice sketch, uint32_t index, struct hll_place near)
{
    const unsigned char *end = runs_end(sketch), *begin = runs_begin(sketch);
    struct place w = {begin + near.at, begin + near.previous, near.first};
    uint32_t begins;

    for (;;) {
        if (!walk(&w, end, index, &begins))
            begins = 1;
        const unsigned char *p = w.at;
        for (; begins != 0; begins &= begins - 1) {
            w.at = p + __builtin_ctz(begins);
            uint32_t n = registers_at(w.at);
            if (w.first + n > index)
                return w;
            w.first += n;
            w.previous = w.at;
        }
        w.at += run_at(w.at).bytes;
    }
}

/* -- whole sketches -------------------------------------------------------------------------------------------- */

bool
hll_looks_right(struct slice s)
{
    return s.len >= HLL_HEADER_BYTES && memcmp(s.ptr, "HYLL", 4) == 0 &&
           (s.ptr[AT_ENCODING] == SPARSE || (s.ptr[AT_ENCODING] == DENSE && s.len == HLL_DENSE_BYTES));
}

bool
hll_is_dense(struct slice s)
{
    return s.ptr[AT_ENCODING] == DENSE;
}

bool
hll_valid_near(struct slice s, uint32_t index, struct hll_place *near)
{
    const unsigned char *end = runs_end(s), *begin = runs_begin(s);
    struct place w = {begin, begin, 0};

    *near = (struct hll_place){0};
    if (hll_is_dense(s))
        return true;
#if HAVE_X86
    uint32_t begins;
    if (__builtin_cpu_supports("avx2")) {
        bool more = walk_avx2(&w, end, index, &begins);
        *near = (struct hll_place){(uint32_t)(w.at - begin), (uint32_t)(w.previous - begin), w.first};
        if (more && walk_avx2(&w, end, HLL_REGISTERS, &begins))
            return false; /* too many */
    }
#endif
    uint64_t registers = w.first;
    if (!sum_rest(w.at, end, &registers))
        return false;
    return registers == HLL_REGISTERS;
}

bool
hll_valid(struct slice s)
{
    return hll_valid_near(s, 0, &(struct hll_place){0});
}

void
hll_empty(struct buf *sketch)
{
    static const char header[HLL_HEADER_BYTES] = {'H', 'Y', 'L', 'L', SPARSE};

    buf_reset(sketch);
    buf_add(sketch, header, sizeof(header));
    buf_advance(sketch, run_put((unsigned char *)buf_room(sketch, 2), HLL_REGISTERS, 0));
}

bool
hll_cached(struct slice sketch, uint64_t *count)
{
    uint64_t v = 0;

    for (int i = 7; i >= 0; i--)
        v = v << 8 | (unsigned char)sketch.ptr[AT_CARD + i];
    *count = v;
    return v >> 63 == 0;
}

void
hll_cache(char *sketch, uint64_t count)
{
    for (int i = 0; i < 8; i++)
        sketch[AT_CARD + i] = (char)(count >> (8 * i));
}

void
hll_cache_drop(char *sketch)
{
    sketch[AT_CARD + 7] = (char)(sketch[AT_CARD + 7] | 0x80);
}

/* -- registers ------------------------------------------------------------------------------------------------- */

static inline uint8_t
dense_get(const unsigned char *dense, uint32_t index)
{
    uint32_t bit = index * 6, at = bit / 8, shift = bit % 8;
    uint32_t two = dense[at];

    /* The last register ends with the last byte. */
    if (shift > 2)
        two |= (uint32_t)dense[at + 1] << 8;
    return (uint8_t)(two >> shift & 63);
}

static inline void
dense_put(unsigned char *dense, uint32_t index, uint8_t value)
{
    uint32_t bit = index * 6, at = bit / 8, shift = bit % 8;

    dense[at] = (unsigned char)((dense[at] & ~(63u << shift)) | (uint32_t)value << shift);
    if (shift > 2)
        dense[at + 1] = (unsigned char)((dense[at + 1] & ~(63u >> (8 - shift))) | value >> (8 - shift));
}

uint8_t
hll_get(struct slice sketch, uint32_t index)
{
    if (hll_is_dense(sketch))
        return dense_get(runs_begin(sketch), index);
    return run_at(find_run(sketch, index, (struct hll_place){0}).at).value;
}

bool
hll_dense_raise(char *sketch, struct hll_item item)
{
    unsigned char *dense = (unsigned char *)sketch + HLL_HEADER_BYTES;

    if (dense_get(dense, item.index) >= item.value)
        return false;
    dense_put(dense, item.index, item.value);
    return true;
}

void
hll_to_dense(struct buf *sketch)
{
    struct buf dense = {0};

    if (hll_is_dense(buf_slice(sketch)))
        return;
    memset(buf_room(&dense, HLL_DENSE_BYTES), 0, HLL_DENSE_BYTES);
    buf_advance(&dense, HLL_DENSE_BYTES);
    memcpy(dense.ptr, sketch->ptr, HLL_HEADER_BYTES);
    dense.ptr[AT_ENCODING] = DENSE;
    const unsigned char *end = runs_end(buf_slice(sketch));
    uint32_t index = 0;
    for (const unsigned char *p = runs_begin(buf_slice(sketch)); p < end;) {
        struct run r = run_at(p);
        if (r.value > 0)
            for (uint32_t i = 0; i < r.registers; i++)
                dense_put((unsigned char *)dense.ptr + HLL_HEADER_BYTES, index + i, r.value);
        index += r.registers;
        p += r.bytes;
    }
    buf_fini(sketch);
    *sketch = dense;
}

/* Neighbouring runs of one value become one where it is short enough. Only the few runs around a change are looked at,
 * from `p` on: what lies further away has been merged before, and the bytes are to be those that Redis gets. */
static void
merge_runs(struct buf *sketch, unsigned char *p)
{
    for (int left = 5; left > 0; left--) {
        unsigned char *end = (unsigned char *)sketch->ptr + sketch->len;

        if (p >= end)
            return;
        struct run a = run_at(p);
        if (a.value > 0 && p + 1 < end) {
            struct run b = run_at(p + 1);
            if (b.value == a.value && a.registers + b.registers <= VAL_RUN_MAX) {
                run_put(p, a.registers + b.registers, a.value);
                memmove(p + 1, p + 2, (size_t)(end - p - 2));
                sketch->len--;
                continue;
            }
        }
        p += a.bytes;
    }
}

/* Puts what replaces one run into its place: registers before the raised one, itself, and those after it. */
static uint32_t
split_run(unsigned char *out, struct run r, uint32_t before, uint8_t value)
{
    uint32_t n = 0, after = r.registers - before - 1;

    if (before > 0)
        n += run_put(out, before, r.value);
    n += run_put(out + n, 1, value);
    if (after > 0)
        n += run_put(out + n, after, r.value);
    return n;
}

bool
hll_raise_near(struct buf *sketch, struct hll_item item, size_t sparse_max, struct hll_place near)
{
    if (hll_is_dense(buf_slice(sketch)))
        return hll_dense_raise(sketch->ptr, item);
    if (item.value > VAL_MAX) {
        hll_to_dense(sketch);
        return hll_dense_raise(sketch->ptr, item);
    }
    struct place found = find_run(buf_slice(sketch), item.index, near);
    size_t at = (size_t)((const char *)found.at - sketch->ptr),
           previous = (size_t)((const char *)found.previous - sketch->ptr);
    struct run r = run_at(found.at);
    uint32_t first = found.first;
    if (r.value >= item.value)
        return false;

    unsigned char fresh[5];
    uint32_t n = split_run(fresh, r, item.index - first, item.value);
    if (n > r.bytes && sketch->len + n - r.bytes > sparse_max) {
        hll_to_dense(sketch);
        return hll_dense_raise(sketch->ptr, item);
    }
    buf_room(sketch, sizeof(fresh));
    unsigned char *p = (unsigned char *)sketch->ptr;
    memmove(p + at + n, p + at + r.bytes, sketch->len - at - r.bytes);
    memcpy(p + at, fresh, n);
    sketch->len = sketch->len + n - r.bytes;
    merge_runs(sketch, p + previous);
    return true;
}

bool
hll_raise(struct buf *sketch, struct hll_item item, size_t sparse_max)
{
    return hll_raise_near(sketch, item, sparse_max, (struct hll_place){0});
}

/* -- merging and counting -------------------------------------------------------------------------------------- */

/* Registers first..last, four in three bytes. */
static void
merge_dense_plain(uint8_t *registers, const unsigned char *dense, uint32_t first, uint32_t end)
{
    const unsigned char *p = dense + first / 4 * 3;

    for (uint32_t i = first; i < end; i += 4, p += 3) {
        uint32_t w = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
        for (uint32_t k = 0; k < 4; k++) {
            uint8_t v = (uint8_t)(w >> (6 * k) & 63);
            registers[i + k] = v > registers[i + k] ? v : registers[i + k];
        }
    }
}

#if HAVE_X86
/* 24 bytes are spread over eight lanes of three bytes; shifts bring the four registers of a lane to its four bytes. */
__attribute__((target("avx2"))) static uint32_t
merge_dense_avx2(uint8_t *registers, const unsigned char *dense)
{
    const __m256i spread = _mm256_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1, 0, 1, 2, -1, 3, 4, 5,
                                            -1, 6, 7, 8, -1, 9, 10, 11, -1);
    uint32_t i = 0;

    /* The last load would read four bytes too many. */
    for (; i < HLL_REGISTERS - 32; i += 32, dense += 24) {
        __m256i v =
            _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)dense)),
                                    _mm_loadu_si128((const __m128i *)(const void *)(dense + 12)), 1);
        v = _mm256_shuffle_epi8(v, spread);
        __m256i a = _mm256_and_si256(v, _mm256_set1_epi32(0x3f));
        __m256i b = _mm256_and_si256(_mm256_slli_epi32(v, 2), _mm256_set1_epi32(0x3f00));
        __m256i c = _mm256_and_si256(_mm256_slli_epi32(v, 4), _mm256_set1_epi32(0x3f0000));
        __m256i d = _mm256_and_si256(_mm256_slli_epi32(v, 6), _mm256_set1_epi32(0x3f000000));
        __m256i *to = (__m256i *)(void *)(registers + i);
        v = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
        _mm256_storeu_si256(to, _mm256_max_epu8(v, _mm256_loadu_si256(to)));
    }
    return i;
}
#endif

void
hll_merge(uint8_t *registers, struct slice sketch)
{
    const unsigned char *p = runs_begin(sketch), *end = runs_end(sketch);
    uint32_t index = 0;

    if (hll_is_dense(sketch)) {
#if HAVE_X86
        if (__builtin_cpu_supports("avx2"))
            index = merge_dense_avx2(registers, p);
#endif
        merge_dense_plain(registers, p, index, HLL_REGISTERS);
        return;
    }
    while (p < end) {
        struct run r = run_at(p);
        if (r.value > 0)
            for (uint32_t i = index; i < index + r.registers; i++)
                registers[i] = r.value > registers[i] ? r.value : registers[i];
        index += r.registers;
        p += r.bytes;
    }
}

static double
sigma(double v)
{
    double weight = 1, sum = v, before;

    if (v == 1)
        return INFINITY;
    do {
        v *= v;
        before = sum;
        sum += v * weight;
        weight += weight;
    } while (sum != before);
    return sum;
}

static double
tau(double v)
{
    double weight = 1, sum = 1 - v, before;

    if (v == 0 || v == 1)
        return 0;
    do {
        v = sqrt(v);
        before = sum;
        weight *= 0.5;
        sum -= (1 - v) * (1 - v) * weight;
    } while (sum != before);
    return sum / 3;
}

/* From how many registers have each value. Values beyond what a hash can give count as nothing. */
static uint64_t
estimate(const uint32_t histogram[64])
{
    const double m = HLL_REGISTERS, alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
    double z = m * tau((m - histogram[VALUE_BITS + 1]) / m);

    for (int i = VALUE_BITS; i >= 1; i--)
        z = (z + histogram[i]) * 0.5;
    z += m * sigma(histogram[0] / m);
    return (uint64_t)llroundl(alpha * m * m / z);
}

uint64_t
hll_count_registers(const uint8_t *registers)
{
    uint32_t parts[4][64] = {{0}};

    /* Four histograms, so that equal neighbours do not wait for one another. */
    for (uint32_t i = 0; i < HLL_REGISTERS; i += 4)
        for (uint32_t k = 0; k < 4; k++)
            parts[k][registers[i + k] & 63]++;
    for (int i = 0; i < 64; i++)
        parts[0][i] += parts[1][i] + parts[2][i] + parts[3][i];
    return estimate(parts[0]);
}

uint64_t
hll_count(struct slice sketch)
{
    if (hll_is_dense(sketch)) {
        uint8_t registers[HLL_REGISTERS] = {0};
        hll_merge(registers, sketch);
        return hll_count_registers(registers);
    }
    uint32_t histogram[64] = {0};
    const unsigned char *end = runs_end(sketch);
    for (const unsigned char *p = runs_begin(sketch); p < end;) {
        struct run r = run_at(p);
        histogram[r.value] += r.registers;
        p += r.bytes;
    }
    return estimate(histogram);
}

void
hll_runs_text(struct slice sketch, struct buf *out)
{
    const unsigned char *end = runs_end(sketch);

    for (const unsigned char *p = runs_begin(sketch); p < end;) {
        struct run r = run_at(p);
        if (p != runs_begin(sketch))
            buf_add_char(out, ' ');
        if (r.value > 0)
            buf_printf(out, "v:%u,%u", r.value, r.registers);
        else
            buf_printf(out, "%c:%u", r.wide ? 'Z' : 'z', r.registers);
        p += r.bytes;
    }
}

/* ds/packtable.c - linear hashing over small blocks of packed elements.
 *
 * A member's block is named by the low bits of its hash, its tag is the top eight. There are 2^level + split blocks:
 * those below `split` and their images above have been told apart by one more bit. The table splits the next block
 * whenever there are too many members or bytes for its blocks, and merges the last one back when there are far too few.
 *
 * A block is one allocation: count (2 bytes), bytes of elements (2), the tags in room for a multiple of eight, then the
 * elements in the order of their tags. An element is the member, in a map followed by the value; each of them is a
 * length byte and the bytes, or EXTERNAL and the address of an allocation of its own. An empty block is a NULL pointer,
 * and a block is always as large as the allocator's class for its bytes, so that its capacity need not be stored.
 *
 * The blocks' addresses are in segments of fixed size, so that no growth ever copies a large directory; only the first
 * segment grows step by step, for the sake of small tables.
 */
#include "ds/packtable.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/prefetch.h"

enum {
    EXTERNAL = 0xff, /* in place of a length: an address follows */
    ADDRESS_BYTES = sizeof(void *),
    HEADER_BYTES = 4,
    TAG_GROUP = 8, /* tags are compared eight at a time */
    SEGMENT_BITS = 9,
    SEGMENT = 1 << SEGMENT_BITS,
    FIRST_SEGMENT_MIN = 8,
    SPLIT_COUNT = 14,   /* members for each block at which the table splits one … */
    SPLIT_BYTES = 1024, /* … or bytes of elements */
    MERGE_COUNT = 5,    /* below both of these it merges one */
    MERGE_BYTES = 400,
    BLOCK_BYTES_MAX = 0xffff,
    PREFETCH_LINES = 5,
    CACHED_BYTES = 256 * 1024, /* a table of that size is mostly in the second-level cache */
};

struct block {
    uint16_t count;
    uint16_t bytes; /* of elements */
    unsigned char data[];
};

/* A member or value too long to lie in a block. */
struct external {
    size_t len;
    char data[];
};

struct packtable {
    struct hash_seed seed;
    struct block ***segments; /* each holds SEGMENT addresses, the first one first_room */
    size_t segment_room;      /* of the array of segments */
    uint32_t first_room;
    bool with_values;
    uint8_t level;
    uint16_t longest; /* no block has had more members than that: the odds of packtable_random */
    size_t split;     /* below 2^level */
    size_t count;
    size_t element_bytes; /* in blocks, over all */
    size_t block_bytes;   /* allocated for blocks, over all */
    size_t external_bytes, externals;
};

/* -- blocks and elements ------------------------------------------------------------------------------------- */

static inline size_t
tag_room(size_t count)
{
    return (count + TAG_GROUP - 1) & ~(size_t)(TAG_GROUP - 1);
}

static inline unsigned char *
elements(const struct block *b)
{
    return (unsigned char *)(uintptr_t)b->data + tag_room(b->count);
}

static inline size_t
block_alloc(size_t count, size_t bytes)
{
    return count == 0 ? 0 : mem_good_size(HEADER_BYTES + tag_room(count) + bytes);
}

static inline size_t
part_bytes(const unsigned char *at)
{
    return *at == EXTERNAL ? 1 + ADDRESS_BYTES : 1 + (size_t)*at;
}

static inline struct external *
part_external(const unsigned char *at)
{
    struct external *e;

    memcpy(&e, at + 1, ADDRESS_BYTES);
    return e;
}

static inline struct slice
part_get(const unsigned char *at)
{
    if (LIKELY(*at != EXTERNAL))
        return slice_of(at + 1, *at);
    const struct external *e = part_external(at);
    return slice_of(e->data, e->len);
}

static inline size_t
part_room(size_t len)
{
    return len <= PACKTABLE_INLINE_MAX ? 1 + len : 1 + ADDRESS_BYTES;
}

static void
part_write(struct packtable *t, unsigned char *at, struct slice s)
{
    if (LIKELY(s.len <= PACKTABLE_INLINE_MAX)) {
        *at = (unsigned char)s.len;
        if (s.len > 0)
            memcpy(at + 1, s.ptr, s.len);
        return;
    }
    size_t bytes;
    CHECK(size_add(sizeof(struct external), s.len, &bytes));
    struct external *e = mem_get(bytes);
    e->len = s.len;
    memcpy(e->data, s.ptr, s.len);
    *at = EXTERNAL;
    memcpy(at + 1, &e, ADDRESS_BYTES);
    t->externals++;
    t->external_bytes += mem_good_size(bytes);
}

/* Frees what the part holds outside the block. */
static void
part_drop(struct packtable *t, const unsigned char *at)
{
    if (LIKELY(*at != EXTERNAL))
        return;
    struct external *e = part_external(at);
    t->externals--;
    t->external_bytes -= mem_good_size(sizeof(*e) + e->len);
    mem_free(e);
}

static inline size_t
element_bytes(const struct packtable *t, const unsigned char *at)
{
    size_t n = part_bytes(at);

    return t->with_values ? n + part_bytes(at + n) : n;
}

static inline unsigned char
tag_of(uint64_t hash)
{
    return (unsigned char)(hash >> 56);
}

/* -- the directory ------------------------------------------------------------------------------------------- */

static inline size_t
blocks_of(const struct packtable *t)
{
    return ((size_t)1 << t->level) + t->split;
}

static inline size_t
index_of(const struct packtable *t, uint64_t hash)
{
    size_t mask = ((size_t)1 << t->level) - 1, i = hash & mask;

    return i < t->split ? hash & (2 * mask + 1) : i;
}

static inline struct block **
block_at(const struct packtable *t, size_t i)
{
    return &t->segments[i >> SEGMENT_BITS][i & (SEGMENT - 1)];
}

/* Makes sure that the directory has a place for block i, which is the one after the last. */
static void
directory_extend(struct packtable *t, size_t i)
{
    if (i < SEGMENT) {
        if (i < t->first_room)
            return;
        uint32_t room = t->first_room * 2 < SEGMENT ? t->first_room * 2 : SEGMENT;
        t->segments[0] = mem_resize(t->segments[0], room * sizeof(struct block *));
        t->first_room = room;
    } else if ((i & (SEGMENT - 1)) == 0) {
        size_t n = i >> SEGMENT_BITS;
        if (n == t->segment_room) {
            t->segment_room *= 2;
            t->segments = mem_resize(t->segments, t->segment_room * sizeof(*t->segments));
        }
        t->segments[n] = mem_get(SEGMENT * sizeof(struct block *));
    }
}

/* Block i, the last one, has gone: gives back what only it needed. */
static void
directory_shrink(struct packtable *t, size_t i)
{
    if (i >= SEGMENT) {
        if ((i & (SEGMENT - 1)) == 0)
            mem_free(t->segments[i >> SEGMENT_BITS]);
    } else if (i >= FIRST_SEGMENT_MIN && i * 4 <= t->first_room) {
        t->first_room = (uint32_t)(i * 2);
        t->segments[0] = mem_resize(t->segments[0], t->first_room * sizeof(struct block *));
    }
}

struct packtable *
packtable_new(struct hash_seed seed, bool with_values)
{
    struct packtable *t = mem_get_zero(sizeof(*t));

    t->seed = seed;
    t->with_values = with_values;
    t->segment_room = 1;
    t->segments = mem_get(sizeof(*t->segments));
    t->first_room = FIRST_SEGMENT_MIN;
    t->segments[0] = mem_get(t->first_room * sizeof(struct block *));
    *block_at(t, 0) = NULL;
    return t;
}

static void
block_drop_externals(struct packtable *t, const struct block *b)
{
    const unsigned char *at = elements(b);

    for (size_t i = 0; i < b->count; i++) {
        part_drop(t, at);
        if (t->with_values)
            part_drop(t, at + part_bytes(at));
        at += element_bytes(t, at);
    }
}

void
packtable_free(struct packtable *t)
{
    if (t == NULL)
        return;
    size_t n = blocks_of(t);
    for (size_t i = 0; i < n; i++) {
        struct block *b = *block_at(t, i);
        if (t->externals > 0 && b != NULL)
            block_drop_externals(t, b);
        mem_free(b);
        if ((i & (SEGMENT - 1)) == SEGMENT - 1 || i + 1 == n)
            mem_free(t->segments[i >> SEGMENT_BITS]);
    }
    mem_free(t->segments);
    mem_free(t);
}

/* Gives a copied block allocations of its own for what lies outside. */
static void
block_own_externals(const struct packtable *t, struct block *b)
{
    unsigned char *at = elements(b);
    size_t parts = (size_t)b->count * (t->with_values ? 2 : 1);

    for (size_t i = 0; i < parts; i++, at += part_bytes(at)) {
        if (LIKELY(*at != EXTERNAL))
            continue;
        const struct external *e = part_external(at);
        struct external *copy = mem_get(sizeof(*e) + e->len);
        memcpy(copy, e, sizeof(*e) + e->len);
        memcpy(at + 1, &copy, ADDRESS_BYTES);
    }
}

struct packtable *
packtable_copy(const struct packtable *t, struct pulse *p)
{
    struct packtable *copy = mem_get(sizeof(*copy));
    size_t n = blocks_of(t);
    bool wanted = true;

    *copy = *t;
    copy->segments = mem_get_array(t->segment_room, sizeof(*t->segments));
    for (size_t i = 0; i < n; i++) {
        if ((i & (SEGMENT - 1)) == 0)
            copy->segments[i >> SEGMENT_BITS] = mem_get_array(i == 0 ? t->first_room : SEGMENT, sizeof(struct block *));
        const struct block *b = *block_at(t, i);
        wanted = wanted && pulse_beat(p);
        if (b == NULL || !wanted) {
            *block_at(copy, i) = NULL;
            continue;
        }
        struct block *c = mem_get(block_alloc(b->count, b->bytes));
        memcpy(c, b, HEADER_BYTES + tag_room(b->count) + b->bytes);
        if (t->externals > 0)
            block_own_externals(copy, c);
        *block_at(copy, i) = c;
    }
    return copy;
}

/* -- finding ------------------------------------------------------------------------------------------------- */

struct place {
    struct block **where;
    size_t n;          /* which member of the block */
    unsigned char *at; /* its element */
};

/* The top bit of each byte of w that is zero; a byte after a zero one may be reported wrongly, which costs a
 * comparison. */
static inline uint64_t
zero_bytes(uint64_t w)
{
    return (w - 0x0101010101010101u) & ~w & 0x8080808080808080u;
}

static inline bool
part_equals(const unsigned char *at, struct slice s)
{
    if (LIKELY(*at != EXTERNAL))
        return *at == s.len && (s.len == 0 || memcmp(at + 1, s.ptr, s.len) == 0);
    return s.len > PACKTABLE_INLINE_MAX && slice_eq(part_get(at), s);
}

static bool
locate(const struct packtable *t, uint64_t hash, struct slice member, struct place *out)
{
    out->where = block_at(t, index_of(t, hash));
    struct block *b = *out->where;
    if (b == NULL)
        return false;
    /* The lines that the walk below will want, while the header is on its way. */
    for (size_t line = 1; line < PREFETCH_LINES; line++)
        prefetch((const char *)b + 64 * line);

    unsigned char *at = elements(b);
    size_t reached = 0;
    for (size_t group = 0; group < b->count; group += TAG_GROUP) {
        uint64_t tags;
        memcpy(&tags, b->data + group, TAG_GROUP);
        uint64_t hits = zero_bytes(tags ^ 0x0101010101010101u * tag_of(hash));
        for (; hits != 0; hits &= hits - 1) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            size_t n = group + (size_t)(7 - __builtin_ctzll(hits) / 8);
            if (n < reached) { /* hits come last to first: start again from the front */
                at = elements(b);
                reached = 0;
            }
#else
            size_t n = group + (size_t)__builtin_ctzll(hits) / 8;
#endif
            if (n >= b->count)
                continue;
            for (; reached < n; reached++)
                at += element_bytes(t, at);
            if (LIKELY(part_equals(at, member))) {
                out->n = n;
                out->at = at;
                return true;
            }
        }
    }
    return false;
}

void
packtable_prefetch(const struct packtable *t, struct slice member)
{
    if (t->block_bytes < CACHED_BYTES)
        return;
    const struct block *b = *block_at(t, index_of(t, siphash(t->seed, member)));
    for (size_t line = 0; b != NULL && line < PREFETCH_LINES; line++)
        prefetch((const char *)b + 64 * line);
}

bool
packtable_find(const struct packtable *t, struct slice member, struct slice *value)
{
    struct place p;

    if (!locate(t, siphash(t->seed, member), member, &p))
        return false;
    if (value != NULL)
        *value = t->with_values ? part_get(p.at + part_bytes(p.at)) : slice_of("", 0);
    return true;
}

/* -- changing one block -------------------------------------------------------------------------------------- */

/* Reallocates a block for other contents, not none, when they fall into another class of the allocator. */
static struct block *
block_fit(struct packtable *t, struct block *b, size_t had, size_t want)
{
    if (had == want)
        return b;
    t->block_bytes += want - had;
    return mem_resize(b, want);
}

/* Makes room for one more element at the end of a block and notes its tag; returns where the element goes. */
static unsigned char *
block_append(struct packtable *t, struct block **where, unsigned char tag, size_t size)
{
    struct block *b = *where;
    size_t count = b == NULL ? 0 : b->count, bytes = b == NULL ? 0 : b->bytes;

    CHECK(bytes + size <= BLOCK_BYTES_MAX);
    b = block_fit(t, b, block_alloc(count, bytes), block_alloc(count + 1, bytes + size));
    if (tag_room(count + 1) != tag_room(count)) {
        memmove(b->data + tag_room(count + 1), b->data + tag_room(count), bytes);
        memset(b->data + tag_room(count), 0, TAG_GROUP);
    }
    b->data[count] = tag;
    b->count = (uint16_t)(count + 1);
    b->bytes = (uint16_t)(bytes + size);
    *where = b;
    if (b->count > t->longest)
        t->longest = b->count;
    t->element_bytes += size;
    return elements(b) + bytes;
}

/* Makes the part at `at` `want` bytes long instead of `had`; returns where it is now. */
static unsigned char *
block_regap(struct packtable *t, struct block **where, unsigned char *at, size_t had, size_t want)
{
    struct block *b = *where;
    size_t offset = (size_t)(at - elements(b)), tail = b->bytes - offset - had;
    size_t bytes = b->bytes - had + want, alloc = block_alloc(b->count, bytes);

    CHECK(bytes <= BLOCK_BYTES_MAX);
    if (want < had)
        memmove(at + want, at + had, tail);
    *where = b = block_fit(t, b, block_alloc(b->count, b->bytes), alloc);
    at = elements(b) + offset;
    if (want > had)
        memmove(at + want, at + had, tail);
    b->bytes = (uint16_t)bytes;
    t->element_bytes += want - had;
    return at;
}

/* Takes an element and its tag out of a block. */
static void
block_cut(struct packtable *t, struct place *p)
{
    struct block *b = *p->where;
    unsigned char *first = elements(b);
    size_t size = element_bytes(t, p->at), offset = (size_t)(p->at - first);
    size_t had = block_alloc(b->count, b->bytes), count = b->count - 1u, bytes = b->bytes - size;

    memmove(p->at, p->at + size, bytes - offset);
    memmove(b->data + p->n, b->data + p->n + 1, count - p->n);
    if (tag_room(count) != tag_room(count + 1))
        memmove(b->data + tag_room(count), first, bytes);
    else
        b->data[count] = 0;
    b->count = (uint16_t)count;
    b->bytes = (uint16_t)bytes;
    t->element_bytes -= size;
    if (count > 0) {
        *p->where = block_fit(t, b, had, block_alloc(count, bytes));
    } else {
        t->block_bytes -= had;
        mem_free(b);
        *p->where = NULL;
    }
}

/* -- splitting and merging ----------------------------------------------------------------------------------- */

/* A block sorted into two, built beside the old one. */
struct half {
    size_t count, bytes;
    struct block *block;
    unsigned char *end;
};

static void
half_make(struct packtable *t, struct half *h)
{
    size_t alloc = block_alloc(h->count, h->bytes);

    t->block_bytes += alloc;
    h->block = NULL;
    if (alloc == 0)
        return;
    h->block = mem_get(alloc);
    h->block->bytes = (uint16_t)h->bytes;
    h->block->count = (uint16_t)h->count;
    memset(h->block->data, 0, tag_room(h->count));
    h->end = elements(h->block);
    h->count = 0;
}

/* Divides the next block in line between itself and a new one by another bit of the hashes. */
static void
split_one(struct packtable *t)
{
    size_t fresh = blocks_of(t), i = t->split;
    uint64_t bit = (uint64_t)1 << t->level;

    directory_extend(t, fresh);
    struct block *b = *block_at(t, i);
    struct half halves[2] = {{0, 0, NULL, NULL}, {0, 0, NULL, NULL}};
    unsigned char side[UINT8_MAX + 1];
    size_t count = b == NULL ? 0 : b->count;
    const unsigned char *at = b == NULL ? NULL : elements(b);
    if (count > sizeof(side))
        return; /* beyond all odds; a later split will do */
    for (size_t n = 0; n < count; n++) {
        size_t size = element_bytes(t, at);
        side[n] = (siphash(t->seed, part_get(at)) & bit) != 0;
        halves[side[n]].count++;
        halves[side[n]].bytes += size;
        at += size;
    }
    half_make(t, &halves[0]);
    half_make(t, &halves[1]);
    at = b == NULL ? NULL : elements(b);
    for (size_t n = 0; n < count; n++) {
        struct half *h = &halves[side[n]];
        size_t size = element_bytes(t, at);
        CHECK(h->end != NULL);
        memcpy(h->end, at, size);
        h->end += size;
        h->block->data[h->count++] = b->data[n];
        at += size;
    }
    if (b != NULL) {
        t->block_bytes -= block_alloc(b->count, b->bytes);
        mem_free(b);
    }
    *block_at(t, i) = halves[0].block;
    *block_at(t, fresh) = halves[1].block;
    if (++t->split == (size_t)1 << t->level) {
        t->level++;
        t->split = 0;
    }
}

/* Puts the last block's members back into the one that they came from. */
static void
merge_one(struct packtable *t)
{
    size_t last = blocks_of(t) - 1;
    size_t into = last - ((size_t)1 << (t->split > 0 ? t->level : t->level - 1));
    struct block *b = *block_at(t, last), **target = block_at(t, into);

    if (b != NULL && *target != NULL) {
        if ((size_t)b->bytes + (*target)->bytes > BLOCK_BYTES_MAX / 2)
            return;
        const unsigned char *at = elements(b);
        for (size_t n = 0; n < b->count; n++) {
            size_t size = element_bytes(t, at);
            memcpy(block_append(t, target, b->data[n], size), at, size);
            t->element_bytes -= size;
            at += size;
        }
        t->block_bytes -= block_alloc(b->count, b->bytes);
        mem_free(b);
    } else if (b != NULL) {
        *target = b;
    }
    if (t->split == 0) {
        t->level--;
        t->split = (size_t)1 << t->level;
    }
    t->split--;
    directory_shrink(t, last);
}

static void
balance_up(struct packtable *t)
{
    size_t n = blocks_of(t);

    if (UNLIKELY(t->count > n * SPLIT_COUNT || t->element_bytes > n * SPLIT_BYTES))
        split_one(t);
}

static void
balance_down(struct packtable *t)
{
    size_t n = blocks_of(t);

    if (UNLIKELY(n > 1 && t->count < n * MERGE_COUNT && t->element_bytes < n * MERGE_BYTES))
        merge_one(t);
    if (blocks_of(t) == 1)
        t->longest = *block_at(t, 0) == NULL ? 0 : (*block_at(t, 0))->count;
}

/* -- the calls ----------------------------------------------------------------------------------------------- */

size_t
packtable_count(const struct packtable *t)
{
    return t->count;
}

size_t
packtable_bytes(const struct packtable *t)
{
    size_t segments = (blocks_of(t) + SEGMENT - 1) >> SEGMENT_BITS;
    size_t directory = mem_good_size(t->segment_room * sizeof(*t->segments)) +
                       mem_good_size(t->first_room * sizeof(struct block *)) +
                       (segments - 1) * SEGMENT * sizeof(struct block *);

    return mem_good_size(sizeof(*t)) + directory + t->block_bytes + t->external_bytes;
}

static void
set_value(struct packtable *t, struct place *p, struct slice value)
{
    unsigned char *at = p->at + part_bytes(p->at);
    size_t had = part_bytes(at), want = part_room(value.len);

    part_drop(t, at);
    *at = 0; /* whatever moves it meanwhile must not take it for an external one; its room is known */
    if (had != want)
        at = block_regap(t, p->where, at, had, want);
    part_write(t, at, value);
    balance_up(t);
}

bool
packtable_put(struct packtable *t, struct slice member, struct slice value)
{
    uint64_t hash = siphash(t->seed, member);
    struct place p;

    CHECK(t->with_values || value.len == 0);
    if (locate(t, hash, member, &p)) {
        if (t->with_values)
            set_value(t, &p, value);
        return false;
    }
    size_t member_room = part_room(member.len), value_room = t->with_values ? part_room(value.len) : 0;
    unsigned char *at = block_append(t, p.where, tag_of(hash), member_room + value_room);
    part_write(t, at, member);
    if (t->with_values)
        part_write(t, at + member_room, value);
    t->count++;
    balance_up(t);
    return true;
}

bool
packtable_remove(struct packtable *t, struct slice member)
{
    struct place p;

    if (!locate(t, siphash(t->seed, member), member, &p))
        return false;
    unsigned char *value = p.at + part_bytes(p.at);
    struct external *outside[2] = {*p.at == EXTERNAL ? part_external(p.at) : NULL,
                                   t->with_values && *value == EXTERNAL ? part_external(value) : NULL};
    block_cut(t, &p);
    for (int i = 0; i < 2; i++) {
        if (outside[i] == NULL)
            continue;
        t->externals--;
        t->external_bytes -= mem_good_size(sizeof(struct external) + outside[i]->len);
        mem_free(outside[i]);
    }
    t->count--;
    balance_down(t);
    return true;
}

void
packtable_random(const struct packtable *t, struct rng *rng, struct slice *member, struct slice *value)
{
    CHECK(t->count > 0);
    /* A place out of blocks times the longest block, until one is taken: the same odds for every member. */
    for (;;) {
        const struct block *b = *block_at(t, rng_below(rng, blocks_of(t)));
        size_t n = rng_below(rng, t->longest);

        if (b == NULL || n >= b->count)
            continue;
        const unsigned char *at = elements(b);
        while (n-- > 0)
            at += element_bytes(t, at);
        *member = part_get(at);
        if (value != NULL)
            *value = t->with_values ? part_get(at + part_bytes(at)) : slice_of("", 0);
        return;
    }
}

static uint64_t
reverse_bits(uint64_t v)
{
    v = __builtin_bswap64(v);
    v = (v >> 4 & 0x0f0f0f0f0f0f0f0fu) | (v & 0x0f0f0f0f0f0f0f0fu) << 4;
    v = (v >> 2 & 0x3333333333333333u) | (v & 0x3333333333333333u) << 2;
    return (v >> 1 & 0x5555555555555555u) | (v & 0x5555555555555555u) << 1;
}

uint64_t
packtable_scan(const struct packtable *t, uint64_t cursor, packtable_visit *fn, void *ctx)
{
    size_t i = index_of(t, cursor), mask = ((size_t)1 << t->level) - 1;
    const struct block *b = *block_at(t, i);
    const unsigned char *at = b == NULL ? NULL : elements(b);

    if ((cursor & mask) < t->split)
        mask = 2 * mask + 1;
    for (size_t n = 0; b != NULL && n < b->count; n++) {
        size_t size = part_bytes(at);
        struct slice value = slice_of("", 0);
        if (t->with_values) {
            value = part_get(at + size);
            size += part_bytes(at + size);
        }
        fn(ctx, part_get(at), value);
        at += size;
    }
    /* A block holds what agrees with its number in the low bits. Counting with the bits reversed goes through those
     * classes so that each lies in one piece, however finely the table divides it by the time of the next call. */
    return reverse_bits(reverse_bits(cursor | ~(uint64_t)mask) + 1);
}

bool
packtable_next(const struct packtable *t, struct packtable_iter *it, struct slice *member, struct slice *value)
{
    for (; it->block < blocks_of(t); it->block++, it->pos = 0) {
        const struct block *b = *block_at(t, it->block);
        if (b == NULL || it->pos == b->bytes)
            continue;
        const unsigned char *at = elements(b) + it->pos;
        size_t size = part_bytes(at);
        *member = part_get(at);
        if (t->with_values) {
            if (value != NULL)
                *value = part_get(at + size);
            size += part_bytes(at + size);
        } else if (value != NULL) {
            *value = slice_of("", 0);
        }
        it->pos += size;
        return true;
    }
    return false;
}

/* -- checking ------------------------------------------------------------------------------------------------ */

static bool
part_verify(const unsigned char *at, size_t left, size_t *externals)
{
    if (left < 1 || left < part_bytes(at))
        return false;
    if (*at != EXTERNAL)
        return *at <= PACKTABLE_INLINE_MAX;
    ++*externals;
    return part_external(at)->len > PACKTABLE_INLINE_MAX;
}

static bool
block_verify(const struct packtable *t, size_t i, size_t *externals)
{
    const struct block *b = *block_at(t, i);
    const unsigned char *at = elements(b), *end = at + b->bytes;

    for (size_t n = 0; n < b->count; n++) {
        const unsigned char *member = at;
        for (int part = 0; part < (t->with_values ? 2 : 1); part++) {
            if (!part_verify(at, (size_t)(end - at), externals))
                return false;
            at += part_bytes(at);
        }
        uint64_t hash = siphash(t->seed, part_get(member));
        if (index_of(t, hash) != i || b->data[n] != tag_of(hash))
            return false;
    }
    return at == end && b->count > 0 && b->count <= t->longest;
}

bool
packtable_verify(const struct packtable *t)
{
    size_t count = 0, bytes = 0, allocated = 0, externals = 0;

    if (t->split >= (size_t)1 << t->level)
        return false;
    for (size_t i = 0; i < blocks_of(t); i++) {
        const struct block *b = *block_at(t, i);
        if (b == NULL)
            continue;
        if (!block_verify(t, i, &externals))
            return false;
        count += b->count;
        bytes += b->bytes;
        allocated += block_alloc(b->count, b->bytes);
    }
    return count == t->count && bytes == t->element_bytes && allocated == t->block_bytes && externals == t->externals;
}

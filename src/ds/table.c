/* ds/table.c - buckets of one cache line in hash order.
 *
 * An item's position is the top 39 bits of its hash; its home is the bucket whose equal share of all positions holds
 * it. Since buckets are in the order of positions, the table can have any number of them, a move to another number runs
 * from front to back with one frontier, and a scan cursor is simply a position.
 *
 * An array has a few buckets beyond the last home so that displacement never wraps around, which would break the order.
 * An item that finds no room near its home makes the table grow early (see rebuild); with keyed hashes that is a matter
 * of very small tables only.
 */
#include "ds/table_priv.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/prefetch.h"

enum {
    SEARCH_MAX = 2048, /* how far away the next free slot may be */
    POSITION_BITS = TABLE_CURSOR_BITS,
    STEP_BUCKETS = 4,       /* moved at each insertion or removal while a move is under way */
    AT_ONCE_MAX = 16,       /* buckets of a table that is moved in one go */
    PAGED_MIN = 128 * 1024, /* bytes of an array that gets pages of its own */
    RELEASE_BUCKETS = 4096, /* moved buckets go back to the system in runs of 256 KiB */
    RANDOM_TRIES = 4096,
};

/* -- positions and sides ------------------------------------------------------------------------------------- */

static inline uint64_t
position_of(uint64_t hash)
{
    return hash >> (64 - POSITION_BITS);
}

/* The bucket that a position belongs to, among `count`. */
static inline size_t
home_of(uint64_t position, size_t count)
{
    return (size_t)(((unsigned __int128)(position << (64 - POSITION_BITS)) * count) >> 64);
}

/* The first position that belongs to that bucket. */
static uint64_t
first_position(size_t home, size_t count)
{
    CHECK(count > 0);
    return (uint64_t)((((unsigned __int128)home << POSITION_BITS) + count - 1) / count);
}

/* Buckets beyond the last home. One line holds no displaced items at all; small tables can do with few. */
static size_t
overflow_buckets(size_t count)
{
    if (count <= 1)
        return 0;
    return count <= 8 ? 1 : count <= 64 ? 4 : DISPLACE_MAX;
}

static inline size_t
side_buckets(const struct table_side *s)
{
    return s->count + overflow_buckets(s->count);
}

static size_t
side_bytes(const struct table_side *s)
{
    return s->count == 0 ? 0 : side_buckets(s) * BUCKET_BYTES;
}

static bool
side_paged(const struct table_side *s)
{
    return side_bytes(s) >= PAGED_MIN;
}

static struct table_side
side_new(size_t count)
{
    struct table_side s = {NULL, count};

    CHECK(count < (size_t)1 << (POSITION_BITS - 3));
    s.buckets = side_paged(&s) ? mem_pages_get(side_bytes(&s)) : mem_get_zero_aligned(BUCKET_BYTES, side_bytes(&s));
    return s;
}

static void
side_free(struct table_side *s)
{
    if (side_paged(s))
        mem_pages_free(s->buckets, side_bytes(s));
    else
        mem_free(s->buckets);
    *s = (struct table_side){NULL, 0};
}

/* The side that holds items of that position, and their home in it. The table must have buckets. */
static inline const struct table_side *
side_of(const struct table *t, uint64_t position, size_t *home)
{
    if (UNLIKELY(t->old.count != 0)) {
        *home = home_of(position, t->old.count);
        if (*home >= t->frontier)
            return &t->old;
    }
    *home = home_of(position, t->now.count);
    return &t->now;
}

/* The last bucket, counted from `home`, that may hold its items. */
static inline size_t
last_bucket(const struct table_side *s, size_t home, size_t reach)
{
    size_t end = side_buckets(s) - 1;

    return end - home < reach ? end : home + reach;
}

/* Memory of paged arrays that really is in use: the unmoved part of the old one, and the share of the new one that the
 * move has filled. A function of the frontier, so that nothing needs to be remembered. */
static size_t
pages_in_use(const struct table *t)
{
    size_t released = t->frontier / RELEASE_BUCKETS * RELEASE_BUCKETS, n = 0;

    if (t->old.count == 0)
        return side_paged(&t->now) ? side_bytes(&t->now) : 0;
    if (side_paged(&t->old))
        n += side_bytes(&t->old) - released * BUCKET_BYTES;
    if (side_paged(&t->now))
        n += (size_t)((unsigned __int128)side_bytes(&t->now) * released / t->old.count);
    return n;
}

static void
recount_pages(const struct table *t, size_t before)
{
    size_t after = pages_in_use(t);

    if (after != before)
        mem_pages_count((int64_t)after - (int64_t)before);
}

/* -- sizes --------------------------------------------------------------------------------------------------- */

/* 1, 2, 4, 8, then four steps to each doubling: 10, 12, 14, 16, 20 … */
static size_t
next_count(size_t count)
{
    if (count < 8)
        return count == 0 ? 1 : 2 * count;
    return count + ((size_t)1 << (63 - __builtin_clzll(count))) / 4;
}

/* Items that fill so many buckets to 90 %. */
static inline size_t
count_limit(size_t count)
{
    return count * (SLOTS * 9) / 10;
}

static size_t
count_for(size_t items)
{
    size_t count = 1;

    while (count_limit(count) < items)
        count = next_count(count);
    return count;
}

/* -- placing and moving -------------------------------------------------------------------------------------- */

/* Takes note that an item that belongs to `home` lies in that bucket. */
static inline void
extend(const struct table_side *s, size_t home, size_t bucket)
{
    unsigned e = extent_for(bucket - home);

    if (e > extent(&s->buckets[home]))
        extent_set(&s->buckets[home], e);
}

/* The bucket where the item in that slot belongs. The tag says how far back modulo four; whether that can be NEAR_MAX +
 * 1 buckets or more, the extents there tell. Only if so the item is asked. */
static size_t
home_at(const struct table *t, const struct table_ops *ops, const struct table_side *s, size_t bucket, unsigned slot)
{
    size_t back = (bucket - s->buckets[bucket].bytes[slot]) & 3;

    for (size_t d = back + 4; d <= DISPLACE_MAX && d <= bucket; d += 4)
        if (UNLIKELY(extent(&s->buckets[bucket - d]) == EXTENT_FAR))
            return home_of(position_of(ops->hash(slot_item(&s->buckets[bucket], slot), t->seed)), s->count);
    return bucket - back;
}

/* Moves the item of bucket `from` that belongs nearest to bucket `to` into the free slot there, if it may lie so far
 * from its home. */
static bool
pass_on(const struct table *t, const struct table_ops *ops, const struct table_side *s, size_t from, size_t to,
        size_t far_max)
{
    struct table_bucket *b = &s->buckets[from];
    size_t nearest = 0;
    unsigned slot = 0;

    for (unsigned m = slots_taken(b); m != 0; m &= m - 1) {
        size_t home = home_at(t, ops, s, from, first_slot(m));
        if (home >= nearest) {
            nearest = home;
            slot = first_slot(m);
        }
    }
    if (to - nearest > far_max)
        return false;
    slot_set(&s->buckets[to], first_slot(slots_free(&s->buckets[to])), b->bytes[slot], slot_item(b, slot));
    slot_set(b, slot, 0, NULL);
    extend(s, nearest, to);
    return true;
}

/* The home is full. The next free slot may be many full buckets away; if it is, it is brought nearer by passing items
 * on towards it, each by a few buckets, so that all of them stay close to home and no lookup has far to go. */
static bool
place_displaced(const struct table *t, const struct table_ops *ops, const struct table_side *s, size_t home,
                unsigned char tag, const void *item)
{
    size_t last = last_bucket(s, home, SEARCH_MAX), at = home + 1;

    while (at <= last && slots_free(&s->buckets[at]) == 0)
        at++;
    if (at > last)
        return false;
    while (at - home > NEAR_MAX) {
        size_t from = at - NEAR_MAX;
        while (from < at && !pass_on(t, ops, s, from, at, NEAR_MAX))
            from++;
        if (from == at) { /* a crowded stretch: everything near is a guest itself */
            if (at - home <= DISPLACE_MAX)
                break;
            size_t furthest = at - DISPLACE_MAX;
            for (from = at - 1; from >= furthest && !pass_on(t, ops, s, from, at, DISPLACE_MAX);)
                from--;
            if (from < furthest)
                return false;
        }
        at = from;
    }
    slot_set(&s->buckets[at], first_slot(slots_free(&s->buckets[at])), tag, item);
    extend(s, home, at);
    return true;
}

/* Puts an item where a search will find it; false if that would be too far from its home. */
static inline bool
place(const struct table *t, const struct table_ops *ops, const struct table_side *s, uint64_t hash, const void *item)
{
    size_t home = home_of(position_of(hash), s->count);
    unsigned room = slots_free(&s->buckets[home]);

    if (UNLIKELY(room == 0))
        return place_displaced(t, ops, s, home, tag_of(hash, home), item);
    slot_set(&s->buckets[home], first_slot(room), tag_of(hash, home), item);
    return true;
}

/* Copies all items of one array into another; false if one found no room. */
static bool
pour(const struct table *t, const struct table_ops *ops, const struct table_side *from, const struct table_side *to)
{
    size_t n = from->count == 0 ? 0 : side_buckets(from);

    for (size_t i = 0; i < n; i++) {
        for (unsigned m = slots_taken(&from->buckets[i]); m != 0; m &= m - 1) {
            void *item = slot_item(&from->buckets[i], first_slot(m));
            if (!place(t, ops, to, ops->hash(item, t->seed), item))
                return false;
        }
    }
    return true;
}

/* Puts everything into one new array of at least `count` buckets, however long that takes: what remains to be done when
 * an item finds no room near its home. */
static void
rebuild(struct table *t, const struct table_ops *ops, size_t count)
{
    size_t before = pages_in_use(t);

    for (;; count = next_count(count)) {
        CHECK(count / 64 <= t->items); /* else the hash function gives many keys the same hash */
        struct table_side fresh = side_new(count);
        if (pour(t, ops, &t->old, &fresh) && pour(t, ops, &t->now, &fresh)) {
            side_free(&t->old);
            side_free(&t->now);
            t->now = fresh;
            t->frontier = 0;
            break;
        }
        side_free(&fresh);
    }
    recount_pages(t, before);
}

/* Moves the items of one old bucket and of those after it that belong to it. Items displaced into it from before have
 * been moved already. False if one found no room; nothing is lost then, and rebuild() must follow. */
static bool
move_bucket(struct table *t, const struct table_ops *ops, size_t home)
{
    size_t last = last_bucket(&t->old, home, extent_reach(extent(&t->old.buckets[home])));

    for (size_t i = home; i <= last; i++) {
        struct table_bucket *b = &t->old.buckets[i];
        for (unsigned m = slots_taken(b); m != 0; m &= m - 1) {
            if (i > home && home_at(t, ops, &t->old, i, first_slot(m)) != home)
                continue;
            void *item = slot_item(b, first_slot(m));
            if (!place(t, ops, &t->now, ops->hash(item, t->seed), item))
                return false;
            slot_set(b, first_slot(m), 0, NULL);
        }
    }
    extent_set(&t->old.buckets[home], 0);
    return true;
}

/* Most entries with a value reach into a second line. */
static void
prefetch_item(const char *item)
{
    prefetch(item);
    prefetch(item + BUCKET_BYTES);
}

/* Moving must read every item for its hash: the lines are asked for one step ahead. */
static void
prefetch_items(const struct table_side *s, size_t bucket, size_t n)
{
    size_t end = bucket + n < side_buckets(s) ? bucket + n : side_buckets(s);

    for (; bucket < end; bucket++)
        for (unsigned m = slots_taken(&s->buckets[bucket]); m != 0; m &= m - 1)
            prefetch(slot_item(&s->buckets[bucket], first_slot(m)));
}

/* For whoever wants the values as well. */
static void
prefetch_whole(const struct table_side *s, size_t bucket)
{
    if (bucket >= side_buckets(s))
        return;
    for (unsigned m = slots_taken(&s->buckets[bucket]); m != 0; m &= m - 1)
        prefetch_item(slot_item(&s->buckets[bucket], first_slot(m)));
}

static void
finish_move(struct table *t)
{
    side_free(&t->old);
    t->frontier = 0;
}

bool
table_step(struct table *t, const struct table_ops *ops, size_t n)
{
    if (t->old.count == 0)
        return false;

    size_t before = pages_in_use(t), released = t->frontier / RELEASE_BUCKETS;
    for (; n > 0 && t->frontier < t->old.count; n--) {
        prefetch_items(&t->old, t->frontier + STEP_BUCKETS, 1);
        if (!move_bucket(t, ops, t->frontier)) {
            rebuild(t, ops, next_count(t->now.count));
            return false;
        }
        t->frontier++;
    }
    if (t->frontier == t->old.count) {
        finish_move(t);
    } else if (t->frontier / RELEASE_BUCKETS != released && side_paged(&t->old)) {
        size_t runs = t->frontier / RELEASE_BUCKETS - released;
        mem_pages_drop(&t->old.buckets[released * RELEASE_BUCKETS], runs * RELEASE_BUCKETS * BUCKET_BYTES);
    }
    recount_pages(t, before);
    return t->old.count != 0;
}

static void
finish_now(struct table *t, const struct table_ops *ops)
{
    while (table_step(t, ops, t->old.count))
        ;
}

/* Begins a move to another number of buckets; small tables are moved at once. No move may be under way. */
static void
resize(struct table *t, const struct table_ops *ops, size_t count)
{
    size_t before = pages_in_use(t);

    t->old = t->now;
    t->frontier = 0;
    t->shrink_below = 0;
    t->now = side_new(count);
    recount_pages(t, before);
    if (t->old.count <= AT_ONCE_MAX)
        finish_now(t, ops);
    else
        prefetch_items(&t->old, 0, STEP_BUCKETS);
}

static void
make_room(struct table *t, const struct table_ops *ops)
{
    if (UNLIKELY(t->old.count != 0)) {
        table_step(t, ops, STEP_BUCKETS);
    } else if (UNLIKELY(t->items >= count_limit(t->now.count))) {
        if (t->now.count == 0)
            t->now = side_new(1);
        else
            resize(t, ops, next_count(t->now.count));
    }
}

/* Whether all items would find room in an array of `count` buckets. Who deletes in the order of a scan leaves one end
 * as full as it was; moved to an array that is small for it, the whole would have to be rebuilt. Samples the array: up
 * to a thousand cache misses. */
static bool
fits_everywhere(const struct table *t, size_t count)
{
    enum { SAMPLES = 32, LONG = 32, ROOM = LONG * SLOTS };

    if (t->now.count < SAMPLES * LONG)
        return true; /* a rebuilding takes no time worth speaking of */
    size_t most = (size_t)((double)ROOM * 0.95 * (double)count / (double)t->now.count) + ROOM / 16;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct table_bucket *b = &t->now.buckets[(t->now.count - LONG) / (SAMPLES - 1) * i];
        size_t taken = 0;
        if (i == SAMPLES - 1)
            b = &t->now.buckets[t->now.count - LONG];
        for (int n = 0; n < LONG; n++)
            taken += (size_t)__builtin_popcount(slots_taken(&b[n]));
        if (taken > most)
            return false;
    }
    return true;
}

/* After a removal: goes on moving, or begins to shrink to about 70 % load when it has fallen below 40 %. */
static void
give_room(struct table *t, const struct table_ops *ops)
{
    if (UNLIKELY(t->old.count != 0)) {
        table_step(t, ops, STEP_BUCKETS);
    } else if (UNLIKELY(t->items < t->now.count * (SLOTS * 4) / 10) &&
               (t->shrink_below == 0 || t->items < t->shrink_below)) {
        size_t count = count_for(t->items + t->items * 2 / 7);
        if (count < t->now.count && fits_everywhere(t, count))
            resize(t, ops, count);
        else
            t->shrink_below = t->items - t->items / 8;
    }
}

/* -- the calls ----------------------------------------------------------------------------------------------- */

void
table_init(struct table *t, struct hash_seed seed)
{
    *t = (struct table){.seed = seed};
}

void
table_fini(struct table *t)
{
    size_t before = pages_in_use(t);

    side_free(&t->now);
    side_free(&t->old);
    t->frontier = t->shrink_below = 0;
    t->items = 0;
    recount_pages(t, before);
}

void
table_prefetch_bucket(const struct table *t, uint64_t hash)
{
    size_t home;
    const struct table_side *s = side_of(t, position_of(hash), &home);

    if (LIKELY(s->buckets != NULL))
        prefetch(s->buckets + home);
}

void
table_prefetch_item(const struct table *t, uint64_t hash)
{
    size_t home;

    if (UNLIKELY(t->items == 0))
        return;
    const struct table_side *s = side_of(t, position_of(hash), &home);
    const struct table_bucket *b = &s->buckets[home];
    for (unsigned m = slots_tagged(b, tag_of(hash, home)); m != 0; m &= m - 1) {
        const char *item = slot_item(b, first_slot(m));
        prefetch_item(item);
    }
    if (UNLIKELY(extent(b) != 0))
        prefetch(b + 1);
}

static void *
find_in_bucket(const struct table_bucket *b, const struct table_ops *ops, unsigned char tag, struct slice key)
{
    for (unsigned m = slots_tagged(b, tag); m != 0; m &= m - 1) {
        void *item = slot_item(b, first_slot(m));
        if (LIKELY(slice_eq(ops->key(item), key)))
            return item;
    }
    return NULL;
}

void *
table_find(const struct table *t, const struct table_ops *ops, uint64_t hash, struct slice key)
{
    size_t home;

    if (UNLIKELY(t->items == 0))
        return NULL;
    const struct table_side *s = side_of(t, position_of(hash), &home);
    const struct table_bucket *b = &s->buckets[home];
    unsigned char tag = tag_of(hash, home);
    void *item = find_in_bucket(b, ops, tag, key);
    if (LIKELY(item != NULL || extent(b) == 0))
        return item;

    size_t last = last_bucket(s, home, extent_reach(extent(b)));
    for (size_t i = home + 1; i <= last && item == NULL; i++)
        item = find_in_bucket(&s->buckets[i], ops, tag, key);
    return item;
}

void
table_insert(struct table *t, const struct table_ops *ops, uint64_t hash, void *item)
{
    uintptr_t address = (uintptr_t)item;

    CHECK(item != NULL && (address & ((1 << ADDRESS_SHIFT) - 1)) == 0 && address >> (ADDRESS_BITS - 1) >> 1 == 0);
    make_room(t, ops);
    for (;;) {
        size_t home;
        const struct table_side *s = side_of(t, position_of(hash), &home);
        if (LIKELY(place(t, ops, s, hash, item)))
            break;
        rebuild(t, ops, next_count(t->now.count));
    }
    t->items++;
    DEBUG_VERIFY(t->items > 32 || table_verify(t, ops));
}

struct spot {
    const struct table_side *side;
    size_t home, bucket;
    unsigned slot;
};

/* Finds an item by its address. */
static bool
locate(const struct table *t, uint64_t hash, const void *item, struct spot *out)
{
    if (t->items == 0)
        return false;
    out->side = side_of(t, position_of(hash), &out->home);
    size_t last = last_bucket(out->side, out->home, extent_reach(extent(&out->side->buckets[out->home])));
    for (size_t i = out->home; i <= last; i++) {
        const struct table_bucket *b = &out->side->buckets[i];
        for (unsigned m = slots_tagged(b, tag_of(hash, out->home)); m != 0; m &= m - 1) {
            if (slot_item(b, first_slot(m)) == item) {
                out->bucket = i;
                out->slot = first_slot(m);
                return true;
            }
        }
    }
    return false;
}

void
table_replace(struct table *t, uint64_t hash, const void *old_item, void *new_item)
{
    struct spot at;
    uintptr_t address = (uintptr_t)new_item;

    CHECK((address & ((1 << ADDRESS_SHIFT) - 1)) == 0 && address >> (ADDRESS_BITS - 1) >> 1 == 0);
    bool found = locate(t, hash, old_item, &at);
    CHECK(found);
    slot_set(&at.side->buckets[at.bucket], at.slot, tag_of(hash, at.home), new_item);
}

/* After a displaced item went: finds out how far the others that belong to `home` still reach. Without this, a table
 * whose items come and go would end up looking far and wide for every absent key. */
static void
repair_extent(const struct table *t, const struct table_ops *ops, const struct table_side *s, size_t home)
{
    size_t i = last_bucket(s, home, extent_reach(extent(&s->buckets[home])));

    for (; i > home; i--) {
        for (unsigned m = slots_taken(&s->buckets[i]); m != 0; m &= m - 1) {
            if (home_at(t, ops, s, i, first_slot(m)) == home) {
                extent_set(&s->buckets[home], extent_for(i - home));
                return;
            }
        }
    }
    extent_set(&s->buckets[home], 0);
}

bool
table_remove(struct table *t, const struct table_ops *ops, uint64_t hash, const void *item)
{
    struct spot at;

    if (!locate(t, hash, item, &at))
        return false;
    slot_set(&at.side->buckets[at.bucket], at.slot, 0, NULL);
    t->items--;
    if (at.bucket != at.home)
        repair_extent(t, ops, at.side, at.home);
    give_room(t, ops);
    DEBUG_VERIFY(t->items > 32 || table_verify(t, ops));
    return true;
}

uint64_t
table_scan(const struct table *t, const struct table_ops *ops, uint64_t cursor, table_visit *fn, void *ctx)
{
    const uint64_t end = (uint64_t)1 << POSITION_BITS;
    size_t home;

    if (t->items == 0 || cursor >= end)
        return 0;
    const struct table_side *s = side_of(t, cursor, &home);
    size_t last = last_bucket(s, home, extent_reach(extent(&s->buckets[home])));
    prefetch_whole(s, home);
    /* Whoever scans goes on with the next bucket: its items are on their way meanwhile. */
    prefetch_whole(s, home + 1);
    for (size_t i = home; i <= last; i++)
        for (unsigned m = slots_taken(&s->buckets[i]); m != 0; m &= m - 1)
            if (home_at(t, ops, s, i, first_slot(m)) == home)
                fn(ctx, slot_item(&s->buckets[i], first_slot(m)));
    uint64_t next = first_position(home + 1, s->count);
    if (s == &t->now && t->old.count != 0) {
        /* The positions of this bucket that the move has not reached yet are still in the old array. */
        uint64_t frontier = first_position(t->frontier, t->old.count);
        next = next < frontier ? next : frontier;
    }
    return next < end ? next : 0;
}

void *
table_drain(struct table *t, size_t *at)
{
    size_t in_now = side_buckets(&t->now);

    while (t->items > 0) {
        const struct table_side *s = *at < in_now ? &t->now : &t->old;
        size_t bucket = *at < in_now ? *at : *at - in_now;
        unsigned taken = slots_taken(&s->buckets[bucket]);
        if (taken != 0) {
            void *item = slot_item(&s->buckets[bucket], first_slot(taken));
            slot_set(&s->buckets[bucket], first_slot(taken), 0, NULL);
            t->items--;
            return item;
        }
        prefetch_items(s, bucket + 2, 1);
        (*at)++;
    }
    return NULL;
}

/* The buckets of the current array that may hold anything: during a move, those up to the frontier's position. */
static size_t
used_buckets(const struct table *t)
{
    if (t->old.count == 0)
        return side_buckets(&t->now);
    size_t home = home_of(first_position(t->frontier, t->old.count), t->now.count);
    size_t n = home + DISPLACE_MAX + 1;
    return n < side_buckets(&t->now) ? n : side_buckets(&t->now);
}

void *
table_random(const struct table *t, struct rng *rng)
{
    if (t->items == 0)
        return NULL;

    /* A random slot of all that may be taken, until one is: uniform, since every item has one slot. */
    size_t now = used_buckets(t), old = t->old.count == 0 ? 0 : side_buckets(&t->old) - t->frontier;
    for (unsigned tries = 0;; tries++) {
        uint64_t pick = rng_below(rng, (now + old) * SLOTS);
        size_t bucket = pick / SLOTS;
        unsigned slot = pick % SLOTS;
        const struct table_bucket *b =
            bucket < now ? &t->now.buckets[bucket] : &t->old.buckets[t->frontier + bucket - now];
        if (b->bytes[slot] != 0)
            return slot_item(b, slot);
        if (tries < RANDOM_TRIES)
            continue;
        /* A table far larger than what it holds (reserved, not filled yet): take the next that comes. */
        for (;; bucket = bucket + 1 < now + old ? bucket + 1 : 0) {
            b = bucket < now ? &t->now.buckets[bucket] : &t->old.buckets[t->frontier + bucket - now];
            if (slots_taken(b) != 0)
                return slot_item(b, first_slot(slots_taken(b)));
        }
    }
}

void
table_reserve(struct table *t, const struct table_ops *ops, size_t n)
{
    if (n <= count_limit(t->now.count))
        return;
    finish_now(t, ops);
    if (t->items == 0) {
        size_t before = pages_in_use(t);
        side_free(&t->now);
        t->now = side_new(count_for(n));
        recount_pages(t, before);
    } else {
        resize(t, ops, count_for(n));
        finish_now(t, ops);
    }
}

size_t
table_growth_due(const struct table *t)
{
    if (t->old.count != 0 || t->items < count_limit(t->now.count))
        return 0;
    struct table_side next = {NULL, next_count(t->now.count)};
    return side_paged(&next) ? 0 : side_bytes(&next);
}

size_t
table_bytes(const struct table *t)
{
    size_t n = pages_in_use(t);

    if (!side_paged(&t->now))
        n += side_bytes(&t->now);
    if (!side_paged(&t->old))
        n += side_bytes(&t->old);
    return n;
}

size_t
table_slots(const struct table *t)
{
    return (t->old.count != 0 ? t->old.count : t->now.count) * SLOTS;
}

size_t
table_slots_target(const struct table *t)
{
    return t->old.count != 0 ? t->now.count * SLOTS : 0;
}

/* Counts the items of one side, checking that each is where a search would look for it. */
static bool
side_verify(const struct table *t, const struct table_ops *ops, const struct table_side *s, size_t *items)
{
    size_t n = s->count == 0 ? 0 : side_buckets(s);

    for (size_t i = 0; i < n; i++) {
        const struct table_bucket *b = &s->buckets[i];
        if (i >= s->count && extent(b) != 0)
            return false;
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            void *item = slot_item(b, slot);
            if ((b->bytes[slot] != 0) != (item != NULL))
                return false;
            if (item == NULL)
                continue;
            uint64_t hash = ops->hash(item, t->seed);
            size_t home;
            if (side_of(t, position_of(hash), &home) != s || b->bytes[slot] != tag_of(hash, home) || home > i ||
                home_at(t, ops, s, i, slot) != home || i - home > extent_reach(extent(&s->buckets[home])))
                return false;
            ++*items;
        }
    }
    return true;
}

bool
table_verify(const struct table *t, const struct table_ops *ops)
{
    size_t items = 0;

    if (t->old.count == 0 && t->frontier != 0)
        return false;
    return side_verify(t, ops, &t->now, &items) && side_verify(t, ops, &t->old, &items) && items == t->items;
}

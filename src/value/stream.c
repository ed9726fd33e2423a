/* value/stream.c - the entries of a stream: blocks, appending, deleting, trimming, reading.
 *
 * A block after its header: the names of its first entry ("master names", each a varint length and bytes), then
 * records:
 *
 *     flags (1)  ms - base.ms (varint)  seq (varint; minus base.seq when the ms are equal)
 *     [pair count (varint), when the names are not the master names]
 *     values, or names and values alternating (each a varint length and bytes)
 *     size of the record so far, readable from its end: one byte below 255, else four bytes little-endian and 255
 *
 * Blocks are ours from the first byte to the last (foreign data enters through stream_append), so offsets are trusted.
 */
#include "value/stream_priv.h"

#include "base/check.h"
#include "base/mem.h"

enum { RECORD_DELETED = 1, RECORD_OWN_NAMES = 2 };
enum { VARINT_MAX = 10, TRAILER_MAX = 5, BLOCK_BYTES_FIRST = 256 };

struct stream_block {
    struct stream_id base; /* id of the first record, deleted or not */
    uint32_t used, cap;    /* bytes of data */
    uint32_t records, live;
    uint32_t name_pairs, records_at; /* master names: how many, and where records start */
    unsigned char data[];
};

/* -- ids ------------------------------------------------------------------------------------------------------- */

bool
stream_id_next(struct stream_id *id)
{
    if (id->seq < UINT64_MAX) {
        id->seq++;
        return true;
    }
    if (id->ms == UINT64_MAX)
        return false;
    *id = (struct stream_id){id->ms + 1, 0};
    return true;
}

bool
stream_id_prev(struct stream_id *id)
{
    if (id->seq > 0) {
        id->seq--;
        return true;
    }
    if (id->ms == 0)
        return false;
    *id = (struct stream_id){id->ms - 1, UINT64_MAX};
    return true;
}

/* -- varints --------------------------------------------------------------------------------------------------- */

static unsigned char *
put_varint(unsigned char *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (unsigned char)(v | 0x80);
    *p++ = (unsigned char)v;
    return p;
}

static const unsigned char *
get_varint(const unsigned char *p, uint64_t *v)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        value |= (uint64_t)(*p & 0x7f) << shift;
        if ((*p++ & 0x80) == 0)
            break;
    }
    *v = value;
    return p;
}

static unsigned char *
put_slice(unsigned char *p, struct slice s)
{
    p = put_varint(p, s.len);
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    return p + s.len;
}

static const unsigned char *
get_slice(const unsigned char *p, struct slice *s)
{
    uint64_t len;

    p = get_varint(p, &len);
    *s = slice_of(p, len);
    return p + len;
}

/* -- blocks in order ------------------------------------------------------------------------------------------- */

static uint64_t
block_prefix(const void *item)
{
    return ((const struct stream_block *)item)->base.ms;
}

static int
block_compare(const void *a, const void *b)
{
    return stream_id_cmp(((const struct stream_block *)a)->base, ((const struct stream_block *)b)->base);
}

static const struct btree_ops block_ops = {block_prefix, block_compare};

static bool
block_starts_by(const void *ctx, const void *item)
{
    return stream_id_cmp(((const struct stream_block *)item)->base, *(const struct stream_id *)ctx) <= 0;
}

/* Index of the last block that starts at or before id; SIZE_MAX if all start after it. */
static size_t
block_index_for(const struct stream_body *b, struct stream_id id)
{
    return btree_count_before(&b->blocks, block_starts_by, &id) - 1;
}

static size_t
block_alloc_bytes(size_t cap)
{
    return sizeof(struct stream_block) + cap;
}

static struct stream_block *
block_new(struct stream_body *b, struct stream_id base, size_t cap)
{
    size_t bytes = mem_good_size(block_alloc_bytes(cap));
    CHECK(bytes - sizeof(struct stream_block) <= UINT32_MAX);
    struct stream_block *block = mem_get(bytes);

    *block = (struct stream_block){.base = base, .cap = (uint32_t)(bytes - sizeof(*block))};
    b->block_bytes += bytes;
    return block;
}

static void
block_drop(struct stream_body *b, struct stream_block *block)
{
    b->block_bytes -= block_alloc_bytes(block->cap);
    mem_free(block);
}

/* Gives the block another capacity; its place in the tree goes along. */
static struct stream_block *
block_resize(struct stream_body *b, struct stream_block *block, size_t cap)
{
    struct stream_block *copy = block_new(b, block->base, cap);
    uint32_t new_cap = copy->cap;

    memcpy(copy, block, sizeof(*block) + block->used);
    copy->cap = new_cap;
    btree_replace(&b->blocks, &block_ops, block, copy);
    if (b->last == block)
        b->last = copy;
    block_drop(b, block);
    return copy;
}

static void
block_unlink(struct stream_body *b, struct stream_block *block)
{
    btree_remove(&b->blocks, &block_ops, block);
    if (b->last == block)
        b->last = b->blocks.items > 0 ? btree_at(&b->blocks, b->blocks.items - 1) : NULL;
    block_drop(b, block);
}

/* -- records --------------------------------------------------------------------------------------------------- */

struct record {
    unsigned char *start; /* its flags byte */
    struct stream_id id;
    size_t pairs;
    const unsigned char *payload;
    bool deleted, own_names;
};

/* Reads the head of the record at offset `at`. */
static struct record
record_at(const struct stream_block *block, size_t at)
{
    struct record r = {.start = (unsigned char *)(uintptr_t)(block->data + at)};
    const unsigned char *p = r.start + 1;
    uint64_t ms, seq, pairs = block->name_pairs;

    r.deleted = (*r.start & RECORD_DELETED) != 0;
    r.own_names = (*r.start & RECORD_OWN_NAMES) != 0;
    p = get_varint(p, &ms);
    p = get_varint(p, &seq);
    r.id.ms = block->base.ms + ms;
    r.id.seq = ms == 0 ? block->base.seq + seq : seq;
    if (r.own_names)
        p = get_varint(p, &pairs);
    r.pairs = pairs;
    r.payload = p;
    return r;
}

/* The offset behind the record: its payload is walked, so use it only where the payload is wanted anyway. */
static size_t
record_end(const struct stream_block *block, const struct record *r)
{
    const unsigned char *p = r->payload;
    struct slice ignored;

    for (size_t n = r->own_names ? 2 * r->pairs : r->pairs; n > 0; n--)
        p = get_slice(p, &ignored);
    size_t size = (size_t)(p - r->start);
    return (size_t)(p - block->data) + (size < 255 ? 1 : TRAILER_MAX);
}

/* The offset of the record that ends at offset `end`. */
static size_t
record_before(const struct stream_block *block, size_t end)
{
    size_t size = block->data[end - 1];

    if (size < 255)
        return end - 1 - size;
    uint32_t wide;
    memcpy(&wide, block->data + end - TRAILER_MAX, 4);
    return end - TRAILER_MAX - wide;
}

static size_t
pairs_bytes_max(const struct slice *fields, size_t pairs)
{
    size_t bytes = 0;

    for (size_t i = 0; i < 2 * pairs; i++)
        CHECK(size_add(bytes, fields[i].len + VARINT_MAX, &bytes));
    return bytes;
}

static bool
has_master_names(const struct stream_block *block, const struct slice *fields, size_t pairs)
{
    const unsigned char *p = block->data;
    struct slice name;

    if (pairs != block->name_pairs)
        return false;
    for (size_t i = 0; i < pairs; i++) {
        p = get_slice(p, &name);
        if (!slice_eq(name, fields[2 * i]))
            return false;
    }
    return true;
}

static void
write_master_names(struct stream_block *block, const struct slice *fields, size_t pairs)
{
    unsigned char *p = block->data;

    for (size_t i = 0; i < pairs; i++)
        p = put_slice(p, fields[2 * i]);
    block->name_pairs = (uint32_t)pairs;
    block->used = block->records_at = (uint32_t)(p - block->data);
}

/* There must be room. */
static void
write_record(struct stream_block *block, struct stream_id id, const struct slice *fields, size_t pairs)
{
    unsigned char *start = block->data + block->used, *p = start;
    bool own_names = !has_master_names(block, fields, pairs);
    uint64_t ms = id.ms - block->base.ms;

    *p++ = own_names ? RECORD_OWN_NAMES : 0;
    p = put_varint(p, ms);
    p = put_varint(p, ms == 0 ? id.seq - block->base.seq : id.seq);
    if (own_names)
        p = put_varint(p, pairs);
    for (size_t i = 0; i < pairs; i++) {
        if (own_names)
            p = put_slice(p, fields[2 * i]);
        p = put_slice(p, fields[2 * i + 1]);
    }
    size_t size = (size_t)(p - start);
    if (size < 255) {
        *p++ = (unsigned char)size;
    } else {
        uint32_t wide = (uint32_t)size;
        memcpy(p, &wide, 4);
        p[4] = 255;
        p += TRAILER_MAX;
    }
    block->used = (uint32_t)(p - block->data);
    block->records++;
    block->live++;
}

/* -- the stream ------------------------------------------------------------------------------------------------ */

struct stream_body *
stream__body_make(struct stream *s)
{
    struct stream_body *b = stream__body(s);

    if (b == NULL) {
        b = mem_get_zero(sizeof(*b));
        handle_set(&s->h, b, 0);
    }
    return b;
}

static void
free_blocks(struct stream_body *b)
{
    struct btree_iter it = btree_seek(&b->blocks, 0);

    for (struct stream_block *block; (block = btree_get(it)) != NULL;) {
        btree_forward(&it);
        mem_free(block);
    }
    btree_fini(&b->blocks);
}

void
stream_fini(struct stream *s)
{
    struct stream_body *b = stream__body(s);

    if (b == NULL)
        return;
    free_blocks(b);
    stream__groups_fini(b);
    stream__idmp_free(b->idmp);
    mem_free(b);
    *s = (struct stream){0};
}

struct stream
stream_copy(const struct stream *s, struct pulse *p)
{
    struct stream copy = {0};
    const struct stream_body *from = stream__body(s);

    if (from == NULL)
        return copy;
    struct stream_body *to = stream__body_make(&copy);
    to->length = from->length;
    to->entries_added = from->entries_added;
    to->last_id = from->last_id;
    to->max_deleted_id = from->max_deleted_id;
    struct btree_iter it = btree_seek(&from->blocks, 0);
    for (const struct stream_block *block; (block = btree_get(it)) != NULL && pulse_beat(p); btree_forward(&it)) {
        struct stream_block *b = block_new(to, block->base, block->used);
        uint32_t cap = b->cap;
        memcpy(b, block, sizeof(*block) + block->used);
        b->cap = cap;
        btree_insert(&to->blocks, &block_ops, b);
        to->last = b;
    }
    stream__groups_copy(to, from);
    to->idmp = stream__idmp_copy(from->idmp);
    return copy;
}

size_t
stream_count(const struct stream *s)
{
    const struct stream_body *b = stream__body(s);

    return b == NULL ? 0 : b->length;
}

size_t
stream_blocks(const struct stream *s)
{
    const struct stream_body *b = stream__body(s);

    return b == NULL ? 0 : b->blocks.items;
}

size_t
stream_bytes(const struct stream *s)
{
    const struct stream_body *b = stream__body(s);

    return b == NULL ? 0
                     : sizeof(*b) + b->block_bytes + btree_bytes(&b->blocks) + stream__groups_bytes(b) +
                           stream__idmp_bytes(b->idmp);
}

struct stream_id
stream_first_id(const struct stream *s)
{
    struct stream_iter it = stream_seek(s, STREAM_ID_MIN, false);
    struct stream_entry e;

    return stream_next(&it, &e) ? e.id : STREAM_ID_MIN;
}

struct stream_id
stream_last_id(const struct stream *s)
{
    const struct stream_body *b = stream__body(s);

    return b == NULL ? STREAM_ID_MIN : b->last_id;
}

struct stream_id
stream_max_deleted_id(const struct stream *s)
{
    const struct stream_body *b = stream__body(s);

    return b == NULL ? STREAM_ID_MIN : b->max_deleted_id;
}

uint64_t
stream_entries_added(const struct stream *s)
{
    const struct stream_body *b = stream__body(s);

    return b == NULL ? 0 : b->entries_added;
}

void
stream_set_last_id(struct stream *s, struct stream_id id)
{
    stream__body_make(s)->last_id = id;
}

void
stream_set_max_deleted_id(struct stream *s, struct stream_id id)
{
    stream__body_make(s)->max_deleted_id = id;
}

void
stream_set_entries_added(struct stream *s, uint64_t n)
{
    stream__body_make(s)->entries_added = n;
}

/* -- appending ------------------------------------------------------------------------------------------------- */

/* A full block keeps only what it uses. */
static void
seal_last(struct stream_body *b)
{
    struct stream_block *block = b->last;

    if (block != NULL && mem_good_size(block_alloc_bytes(block->used)) < block_alloc_bytes(block->cap))
        block_resize(b, block, block->used);
}

static bool
last_takes(const struct stream_body *b, const struct stream_node_limits *lim, size_t bytes)
{
    const struct stream_block *block = b->last;

    if (block == NULL || block->used + bytes > UINT32_MAX / 2)
        return false;
    if (lim->max_entries > 0 && block->records >= lim->max_entries)
        return false;
    return lim->max_bytes == 0 || block->used + bytes <= lim->max_bytes;
}

static void
make_room(struct stream_body *b, size_t need)
{
    struct stream_block *block = b->last;

    if (block->cap - block->used < need) {
        size_t grown = (size_t)block->cap * 2;
        block_resize(b, block, block->used + need > grown ? block->used + need : grown);
    }
}

void
stream_append(struct stream *s, const struct stream_node_limits *lim, struct stream_id id, const struct slice *fields,
              size_t pairs)
{
    struct stream_body *b = stream__body_make(s);
    size_t bytes = pairs_bytes_max(fields, pairs);
    size_t record_bytes = bytes + 3 * VARINT_MAX + 1 + TRAILER_MAX;

    CHECK(stream_id_cmp(id, b->last_id) > 0);
    CHECK(record_bytes < UINT32_MAX / 4);
    if (!last_takes(b, lim, bytes)) {
        seal_last(b);
        /* The names are stored before the first record, so a new block may need them twice. */
        size_t cap = bytes + record_bytes;
        b->last = block_new(b, id, cap > BLOCK_BYTES_FIRST ? cap : BLOCK_BYTES_FIRST);
        write_master_names(b->last, fields, pairs);
        btree_insert(&b->blocks, &block_ops, b->last);
    }
    make_room(b, record_bytes);
    write_record(b->last, id, fields, pairs);
    b->length++;
    b->entries_added++;
    b->last_id = id;
}

/* -- reading --------------------------------------------------------------------------------------------------- */

static bool
enter_block(struct stream_iter *it, size_t index)
{
    if (index >= it->body->blocks.items) {
        it->block = NULL;
        return false;
    }
    it->block_index = index;
    it->block = btree_at(&it->body->blocks, index);
    it->at = it->reverse ? it->block->used : it->block->records_at;
    return true;
}

struct stream_iter
stream_seek(const struct stream *s, struct stream_id from, bool reverse)
{
    struct stream_iter it = {.body = stream__body(s), .reverse = reverse};

    if (it.body == NULL || it.body->blocks.items == 0)
        return it;
    size_t index = block_index_for(it.body, from);
    if (index == SIZE_MAX) {
        if (!reverse)
            enter_block(&it, 0);
        return it;
    }
    if (!enter_block(&it, index))
        return it;
    /* Forward: skip what is before. Reverse: step back from the end over what is after. */
    while (reverse ? it.at > it.block->records_at : it.at < it.block->used) {
        size_t at = reverse ? record_before(it.block, it.at) : it.at;
        struct record r = record_at(it.block, at);
        if (reverse ? stream_id_cmp(r.id, from) <= 0 : stream_id_cmp(r.id, from) >= 0)
            break;
        it.at = reverse ? at : record_end(it.block, &r);
    }
    return it;
}

bool
stream_next(struct stream_iter *it, struct stream_entry *out)
{
    while (it->block != NULL) {
        bool at_edge = it->reverse ? it->at == it->block->records_at : it->at == it->block->used;
        if (at_edge) {
            enter_block(it, it->reverse ? it->block_index - 1 : it->block_index + 1);
            continue;
        }
        size_t at = it->reverse ? record_before(it->block, it->at) : it->at;
        struct record r = record_at(it->block, at);
        it->at = it->reverse ? at : record_end(it->block, &r);
        if (r.deleted)
            continue;
        *out = (struct stream_entry){r.id, r.pairs, r.own_names ? NULL : it->block->data, r.payload};
        return true;
    }
    return false;
}

void
stream_entry_pair(struct stream_entry *e, struct slice *name, struct slice *value)
{
    if (e->names != NULL)
        e->names = get_slice(e->names, name);
    else
        e->values = get_slice(e->values, name);
    e->values = get_slice(e->values, value);
}

/* -- removing -------------------------------------------------------------------------------------------------- */

static void
kill_record(struct stream_body *b, struct stream_block *block, struct record *r)
{
    *r->start |= RECORD_DELETED;
    block->live--;
    b->length--;
}

/* The live record with that id, and its block; false if there is none. */
static bool
find_record(const struct stream_body *b, struct stream_id id, struct stream_block **block, struct record *found)
{
    size_t index = b == NULL || b->blocks.items == 0 ? SIZE_MAX : block_index_for(b, id);

    if (index == SIZE_MAX)
        return false;
    *block = btree_at(&b->blocks, index);
    for (size_t at = (*block)->records_at; at < (*block)->used;) {
        struct record r = record_at(*block, at);
        int order = stream_id_cmp(r.id, id);
        if (order >= 0) {
            *found = r;
            return order == 0 && !r.deleted;
        }
        at = record_end(*block, &r);
    }
    return false;
}

bool
stream_has(const struct stream *s, struct stream_id id)
{
    struct stream_block *block;
    struct record r;

    return find_record(stream__body(s), id, &block, &r);
}

bool
stream_delete(struct stream *s, struct stream_id id)
{
    struct stream_body *b = stream__body(s);
    struct stream_block *block;
    struct record r;

    if (!find_record(b, id, &block, &r))
        return false;
    kill_record(b, block, &r);
    if (block->live == 0)
        block_unlink(b, block);
    if (stream_id_cmp(id, b->max_deleted_id) > 0)
        b->max_deleted_id = id;
    return true;
}

static struct stream_id
block_last_id(const struct stream_block *block)
{
    return record_at(block, record_before(block, block->used)).id;
}

static bool
trim_wants(const struct stream_trim *t, const struct stream_body *b, struct stream_id id)
{
    return t->by_count ? b->length > t->keep : stream_id_cmp(id, t->min_id) < 0;
}

static bool
trim_takes_block(const struct stream_trim *t, const struct stream_body *b, const struct stream_block *block)
{
    if (t->by_count)
        return b->length - block->live >= t->keep;
    return stream_id_cmp(block_last_id(block), t->min_id) < 0;
}

/* Kills records from the block's front while the goal asks for more. `*held` counts those that a group still needs. */
static size_t
trim_inside(const struct stream_trim *t, struct stream *s, struct stream_block *block, size_t *held)
{
    struct stream_body *b = stream__body(s);
    size_t killed = 0;

    for (size_t at = block->records_at; at < block->used;) {
        struct record r = record_at(block, at);
        if (!trim_wants(t, b, r.id))
            break;
        at = record_end(block, &r);
        if (r.deleted)
            continue;
        if (t->refs == STREAM_REFS_ACKED && b->group_count > 0 && stream_is_referenced(s, r.id)) {
            ++*held;
            continue;
        }
        if (t->refs == STREAM_REFS_DROP)
            stream_drop_references(s, r.id);
        kill_record(b, block, &r);
        killed++;
        /* Behind one that stays this is a hole, as XDEL makes them. */
        if (*held > 0 && stream_id_cmp(r.id, b->max_deleted_id) > 0)
            b->max_deleted_id = r.id;
    }
    return killed;
}

size_t
stream_trim(struct stream *s, const struct stream_trim *t)
{
    struct stream_body *b = stream__body(s);
    size_t removed = 0, looked_at = 0, index = 0, held = 0;

    while (b != NULL && index < b->blocks.items && (!t->by_count || b->length > t->keep)) {
        struct stream_block *block = btree_at(&b->blocks, index);
        if (t->limit > 0 && looked_at + block->live > t->limit)
            break;
        looked_at += block->live;
        bool whole = trim_takes_block(t, b, block);
        if (whole && (t->refs == STREAM_REFS_KEEP || b->group_count == 0)) {
            removed += block->live;
            b->length -= block->live;
            block_unlink(b, block);
            continue;
        }
        if (!t->approx || whole)
            removed += trim_inside(t, s, block, &held);
        if (block->live == 0)
            block_unlink(b, block);
        else if (whole)
            index++;
        else
            break;
    }
    return removed;
}

/* -- estimates and checks -------------------------------------------------------------------------------------- */

int64_t
stream_estimate_read(const struct stream *s, struct stream_id id)
{
    const struct stream_body *b = stream__body(s);
    struct stream_id first = stream_first_id(s);
    bool zero = id.ms == 0 && id.seq == 0;

    if (b == NULL || b->entries_added == 0)
        return 0;
    if (b->length == 0 && stream_id_cmp(id, b->last_id) <= 0)
        return (int64_t)b->entries_added;
    /* Something above id may have been deleted: then nobody can tell how much lies between. */
    if (!zero && stream_id_cmp(id, b->max_deleted_id) < 0)
        return STREAM_ENTRIES_READ_UNKNOWN;
    int against_last = stream_id_cmp(id, b->last_id);
    if (against_last == 0)
        return (int64_t)b->entries_added;
    if (against_last > 0)
        return STREAM_ENTRIES_READ_UNKNOWN;
    bool holes_at_front_only =
        (b->max_deleted_id.ms == 0 && b->max_deleted_id.seq == 0) || stream_id_cmp(b->max_deleted_id, first) < 0;
    if (holes_at_front_only && stream_id_cmp(id, first) <= 0)
        return (int64_t)(b->entries_added - b->length) + (stream_id_cmp(id, first) == 0);
    return STREAM_ENTRIES_READ_UNKNOWN;
}

static bool
block_verify(const struct stream_block *block, struct stream_id *last, size_t *live)
{
    size_t records = 0, alive = 0, at = block->records_at;

    while (at < block->used) {
        struct record r = record_at(block, at);
        bool first_of_all = records == 0 && *live == 0;
        if (records == 0 && stream_id_cmp(r.id, block->base) != 0)
            return false;
        if (!first_of_all && stream_id_cmp(r.id, *last) <= 0)
            return false;
        size_t end = record_end(block, &r);
        if (record_before(block, end) != at)
            return false;
        *last = r.id;
        records++;
        alive += !r.deleted;
        at = end;
    }
    *live += alive;
    return at == block->used && records == block->records && alive == block->live && alive > 0 &&
           block->used <= block->cap;
}

bool
stream_verify(const struct stream *s)
{
    const struct stream_body *b = stream__body(s);
    struct stream_id last = {0, 0};
    size_t live = 0, bytes = 0;

    if (b == NULL)
        return true;
    if (!btree_verify(&b->blocks, &block_ops))
        return false;
    struct btree_iter it = btree_seek(&b->blocks, 0);
    const struct stream_block *final = NULL;
    for (const struct stream_block *block; (block = btree_get(it)) != NULL; btree_forward(&it)) {
        if (!block_verify(block, &last, &live))
            return false;
        bytes += block_alloc_bytes(block->cap);
        final = block;
    }
    return final == b->last && live == b->length && bytes == b->block_bytes && stream_id_cmp(last, b->last_id) <= 0;
}

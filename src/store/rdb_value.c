/* store/rdb_value.c - writing values in steps.
 *
 * Small collections go in one step as a packed block. Large ones are a count and then their elements, some at a time.
 * Lists and streams lie in the file as nodes and their number comes first, so they are walked twice: once to find where
 * nodes end, once to write them.
 */
#include "base/number.h"
#include "store/listpack.h"
#include "store/rdb_extra.h"
#include "store/rdb_write_priv.h"
#include "value/deadlines.h"
#include "value/json.h"

enum {
    LIST_NODE_BYTES = 8192,
    STREAM_NODE_BYTES = 4096,
    STREAM_NODE_ENTRIES = 100,
    STREAM_SAME_FIELDS = 2, /* the flag of an entry whose field names are those of the node */
    ELEMENT_COST = 16,      /* looking at an element costs at least as much as copying so many bytes */
};
/* A listpack can't be larger than this with certainty; longer elements lie alone and plain. */
static const size_t plain_min = (size_t)1 << 30;

/* Stages: 0 nothing written yet. The others are those of the type. */
enum {
    STAGE_START,
    STAGE_ELEMENTS,
    STAGE_COUNTED,
    STAGE_GROUPS,
    STAGE_PENDING,
    STAGE_CONSUMERS,
    STAGE_CONSUMER_PENDING,
    STAGE_DEADLINES, /* of members, before the key */
};

/* A block that is complete in the chunk from `start` on becomes a string: the mark gives it its length. */
static void
close_block(struct rdb_chunk *c, size_t start)
{
    rdb__mark_block(c, start, c->bytes.len - start);
}

static bool
is_packed(const char *encoding)
{
    return strcmp(encoding, "listpack") == 0;
}

static bool
has_deadlines(const struct entry *e)
{
    const struct zset *d = entry_deadlines(e);

    return d != NULL && zset_count(d) > 0;
}

int
rdb_version_of(const struct entry *e)
{
    return entry_type(e) == TYPE_HASH && has_deadlines(e) ? RDB_VERSION_EXPIRES : RDB_VERSION_WRITTEN;
}

static enum rdb_type
hash_type_of(struct entry *e)
{
    bool packed = is_packed(hash_encoding((const struct hash *)entry_handle(e)));

    if (has_deadlines(e))
        return packed ? RDB_HASH_EXPIRES_LISTPACK : RDB_HASH_EXPIRES;
    return packed ? RDB_HASH_LISTPACK : RDB_HASH;
}

static enum rdb_type
type_of(struct entry *e)
{
    const void *h = entry_handle(e);

    switch (entry_type(e)) {
    case TYPE_LIST: return RDB_LIST_QUICKLIST_2;
    case TYPE_SET: return strcmp(set_encoding(h), "intset") == 0 ? RDB_SET_INTSET : RDB_SET;
    case TYPE_ZSET: return is_packed(zset_encoding(h)) ? RDB_ZSET_LISTPACK : RDB_ZSET_2;
    case TYPE_HASH: return hash_type_of(e);
    case TYPE_STREAM: return RDB_STREAM_2;
    case TYPE_JSON: return RDB_MODULE_2;
    default: return RDB_STRING;
    }
}

void
rdb_put_type(struct rdb_chunk *c, struct rdb_value *v, struct entry *e)
{
    *v = (struct rdb_value){.entry = e};
    rdb_put_extra(c, e);
    rdb_put_byte(c, type_of(e));
}

static void
put_key(struct rdb_chunk *c, struct entry *e, enum rdb_clock clock, uint64_t clock_value)
{
    int64_t expiry = entry_expiry(e);

    if (entry_type(e) == TYPE_STREAM)
        rdb_put_messages_aux(c, e);
    if (expiry >= 0) {
        unsigned char at[9] = {RDB_EXPIRE_MS};
        store_le(at + 1, (uint64_t)expiry, 8);
        buf_add(&c->bytes, at, sizeof(at));
    }
    if (clock == RDB_CLOCK_IDLE) {
        rdb_put_byte(c, RDB_IDLE);
        rdb_put_len(c, clock_value);
    } else if (clock == RDB_CLOCK_FREQ) {
        rdb_put_byte(c, RDB_FREQ);
        rdb_put_byte(c, (unsigned)clock_value & 255);
    }
    c->keys++;
    rdb_put_byte(c, type_of(e));
    rdb_put_string(c, entry_key(e));
}

void
rdb_put_key(struct rdb_chunk *c, struct rdb_value *v, struct entry *e, enum rdb_clock clock, uint64_t clock_value)
{
    *v = (struct rdb_value){.entry = e, .clock = clock, .clock_value = clock_value};
    if (UNLIKELY(rdb_deadlines_apart(e)))
        v->stage = STAGE_DEADLINES;
    else
        put_key(c, e, clock, clock_value);
}

void
rdb_put_string_key(struct rdb_chunk *c, struct entry *e, enum rdb_clock clock, uint64_t clock_value)
{
    put_key(c, e, clock, clock_value);
    rdb__put_string_value(c, e);
}

static bool
put_deadlines(struct rdb_chunk *c, struct rdb_value *v, size_t budget)
{
    if (!rdb_put_deadlines_aux(c, v->entry, &v->it.zset, budget))
        return false;
    put_key(c, v->entry, v->clock, v->clock_value);
    v->stage = STAGE_START;
    memset(&v->it, 0, sizeof(v->it));
    return true;
}

/* -- sets, hashes, sorted sets --------------------------------------------------------------------------------- */

static void
put_intset(struct rdb_chunk *c, const struct set *set)
{
    struct set_iter it = {0};
    struct set_member m;
    int64_t v, low = 0, high = 0;
    unsigned char head[8];
    size_t start = c->bytes.len;

    while (set_next(set, &it, &m)) {
        bool is_int = parse_int64(m.s, &v);
        CHECK(is_int);
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    unsigned width = low == (int16_t)low && high == (int16_t)high   ? 2
                     : low == (int32_t)low && high == (int32_t)high ? 4
                                                                    : 8;
    store_le(head, width, 4);
    store_le(head + 4, set_count(set), 4);
    buf_add(&c->bytes, head, sizeof(head));
    for (it = (struct set_iter){0}; set_next(set, &it, &m);) {
        bool is_int = parse_int64(m.s, &v);
        CHECK(is_int);
        store_le(head, (uint64_t)v, width);
        buf_add(&c->bytes, head, width);
    }
    close_block(c, start);
}

static bool
put_set(struct rdb_chunk *c, struct rdb_value *v, const struct set *set, size_t budget)
{
    struct set_member m;
    size_t used = 0;

    if (v->stage == STAGE_START) {
        if (type_of(v->entry) == RDB_SET_INTSET) {
            put_intset(c, set);
            return true;
        }
        rdb_put_len(c, set_count(set));
        v->stage = STAGE_ELEMENTS;
    }
    while (used < budget) {
        if (!set_next(set, &v->it.set, &m))
            return true;
        rdb_put_string(c, m.s);
        used += m.s.len + ELEMENT_COST;
    }
    return false;
}

static void
put_hash_packed(struct rdb_chunk *c, const struct hash *hash)
{
    size_t start = c->bytes.len;
    struct listpack lp = listpack_begin(&c->bytes);
    struct hash_iter it = {0};
    struct slice field, value;

    while (hash_next(hash, &it, &field, &value)) {
        listpack_add(&lp, field);
        listpack_add(&lp, value);
    }
    listpack_end(&lp);
    close_block(c, start);
}

/* Fields that expire come first, in that order: that is how Redis finds those that are due. */
static void
put_hash_packed_expiring(struct rdb_chunk *c, const struct hash *hash, const struct zset *deadlines)
{
    struct zset_iter first = zset_seek(deadlines, 0, false);
    struct hash_iter it = {0};
    struct slice field, value;
    double at;
    size_t start = c->bytes.len;
    struct listpack lp = listpack_begin(&c->bytes);

    while (zset_next(deadlines, &first, &field, &at)) {
        bool there = hash_get(hash, field, &value);
        CHECK(there);
        listpack_add(&lp, field);
        listpack_add(&lp, value);
        listpack_add_int(&lp, (int64_t)at);
    }
    while (hash_next(hash, &it, &field, &value)) {
        if (zset_score(deadlines, field, &at))
            continue;
        listpack_add(&lp, field);
        listpack_add(&lp, value);
        listpack_add_int(&lp, 0);
    }
    listpack_end(&lp);
    close_block(c, start);
}

/* True when that was all. */
static bool
put_hash_start(struct rdb_chunk *c, struct entry *e, const struct hash *hash)
{
    enum rdb_type type = type_of(e);
    unsigned char first[8];

    if (type == RDB_HASH_LISTPACK) {
        put_hash_packed(c, hash);
        return true;
    }
    if (type != RDB_HASH) {
        store_le(first, (uint64_t)entry_first_deadline(e), 8);
        buf_add(&c->bytes, first, 8);
    }
    if (type == RDB_HASH_EXPIRES_LISTPACK) {
        put_hash_packed_expiring(c, hash, entry_deadlines(e));
        return true;
    }
    rdb_put_len(c, hash_count(hash));
    return false;
}

static bool
put_hash(struct rdb_chunk *c, struct rdb_value *v, const struct hash *hash, size_t budget)
{
    struct slice field, value;
    size_t used = 0;

    if (v->stage == STAGE_START) {
        if (put_hash_start(c, v->entry, hash))
            return true;
        v->stage = STAGE_ELEMENTS;
    }
    bool expires = has_deadlines(v->entry);
    int64_t first = expires ? entry_first_deadline(v->entry) : 0;
    while (used < budget) {
        if (!hash_next(hash, &v->it.hash, &field, &value))
            return true;
        if (expires) {
            int64_t at = entry_deadline(v->entry, field);
            rdb_put_len(c, at < 0 ? 0 : (uint64_t)(at - first + 1));
        }
        rdb_put_string(c, field);
        rdb_put_string(c, value);
        used += field.len + value.len + 2 * ELEMENT_COST;
    }
    return false;
}

static void
put_zset_packed(struct rdb_chunk *c, const struct zset *z)
{
    size_t start = c->bytes.len;
    struct listpack lp = listpack_begin(&c->bytes);
    struct zset_iter it = zset_seek(z, 0, false);
    struct slice member;
    double score;

    while (zset_next(z, &it, &member, &score)) {
        listpack_add(&lp, member);
        listpack_add_score(&lp, score);
    }
    listpack_end(&lp);
    close_block(c, start);
}

/* Descending, as redis writes them: whoever inserts in that order finds the place at once. */
static bool
put_zset(struct rdb_chunk *c, struct rdb_value *v, const struct zset *z, size_t budget)
{
    struct slice member;
    double score;
    size_t used = 0, n = zset_count(z);

    if (v->stage == STAGE_START) {
        if (type_of(v->entry) == RDB_ZSET_LISTPACK) {
            put_zset_packed(c, z);
            return true;
        }
        rdb_put_len(c, n);
        v->it.zset = zset_seek(z, n - 1, true);
        v->stage = STAGE_ELEMENTS;
    }
    while (used < budget) {
        if (!zset_next(z, &v->it.zset, &member, &score))
            return true;
        rdb_put_string(c, member);
        buf_add(&c->bytes, &score, 8);
        used += member.len + 8 + ELEMENT_COST;
    }
    return false;
}

/* -- lists ----------------------------------------------------------------------------------------------------- */

/* Whether an element of that length must begin a new node, when the node so far has that many elements and bytes. */
static bool
list_node_full(size_t count, size_t bytes, size_t len)
{
    return count > 0 && (len >= plain_min || bytes + len > LIST_NODE_BYTES);
}

static bool
count_list_nodes(struct rdb_value *v, const struct list *list, size_t budget)
{
    struct slice element;
    size_t used = 0;

    while (used < budget) {
        if (!list_next(list, &v->it.list, &element))
            return true;
        if (v->nodes == 0 || list_node_full(1, v->node, element.len)) {
            v->nodes++;
            v->node = 0;
        }
        v->node += element.len >= plain_min ? LIST_NODE_BYTES : element.len + LISTPACK_ELEMENT_OVERHEAD;
        used += ELEMENT_COST;
    }
    return false;
}

/* Writes one node; returns the bytes in it. */
static size_t
put_list_node(struct rdb_chunk *c, struct rdb_value *v, const struct list *list)
{
    struct list_iter next = v->it.list;
    struct slice element;
    size_t count = 0, bytes = 0, start;

    bool any = list_next(list, &next, &element);
    CHECK(any);
    if (element.len >= plain_min) {
        rdb_put_len(c, RDB_NODE_PLAIN);
        rdb_put_string(c, element);
        v->it.list = next;
        v->left--;
        return element.len;
    }
    rdb_put_len(c, RDB_NODE_PACKED);
    start = c->bytes.len;
    struct listpack lp = listpack_begin(&c->bytes);
    while (v->left > 0 && !list_node_full(count, bytes, element.len)) {
        listpack_add(&lp, element);
        bytes += element.len + LISTPACK_ELEMENT_OVERHEAD;
        count++;
        v->left--;
        v->it.list = next;
        if (v->left > 0 && !list_next(list, &next, &element))
            break;
    }
    listpack_end(&lp);
    close_block(c, start);
    return bytes;
}

static bool
put_list(struct rdb_chunk *c, struct rdb_value *v, const struct list *list, size_t budget)
{
    size_t used = 0;

    if (v->stage == STAGE_START) {
        v->it.list = list_seek(list, 0, LIST_TAIL);
        v->stage = STAGE_ELEMENTS;
    }
    if (v->stage == STAGE_ELEMENTS) {
        if (!count_list_nodes(v, list, budget))
            return false;
        rdb_put_len(c, v->nodes);
        v->it.list = list_seek(list, 0, LIST_TAIL);
        v->left = list_count(list);
        v->stage = STAGE_COUNTED;
    }
    while (v->left > 0 && used < budget)
        used += put_list_node(c, v, list) + ELEMENT_COST;
    return v->left == 0;
}

/* -- streams --------------------------------------------------------------------------------------------------- */

static size_t
stream_entry_bytes(struct stream_entry e)
{
    struct slice name, value;
    size_t n = 0;

    for (size_t i = 0; i < e.pairs; i++) {
        stream_entry_pair(&e, &name, &value);
        n += name.len + value.len + LISTPACK_ELEMENT_OVERHEAD;
    }
    return n;
}

static bool
stream_node_full(size_t count, size_t bytes)
{
    return count >= STREAM_NODE_ENTRIES || bytes >= STREAM_NODE_BYTES;
}

static bool
count_stream_nodes(struct rdb_value *v, size_t budget)
{
    struct stream_entry e;
    size_t used = 0;

    while (used < budget) {
        if (!stream_next(&v->it.stream, &e))
            return true;
        if (v->nodes == 0 || stream_node_full(v->left, v->node)) {
            v->nodes++;
            v->left = v->node = 0;
        }
        size_t bytes = stream_entry_bytes(e);
        v->left++;
        v->node += bytes;
        used += bytes + ELEMENT_COST;
    }
    return false;
}

static bool
same_names(struct stream_entry a, struct stream_entry b)
{
    struct slice x, y, ignored;

    if (a.pairs != b.pairs)
        return false;
    for (size_t i = 0; i < a.pairs; i++) {
        stream_entry_pair(&a, &x, &ignored);
        stream_entry_pair(&b, &y, &ignored);
        if (!slice_eq(x, y))
            return false;
    }
    return true;
}

/* The entry, its id as a difference to the node's. It ends with the number of elements it takes, for reading backwards.
 */
static void
put_stream_entry(struct listpack *lp, struct stream_entry e, struct stream_entry first)
{
    bool same = same_names(e, first);
    struct slice name, value;

    listpack_add_int(lp, same ? STREAM_SAME_FIELDS : 0);
    listpack_add_int(lp, (int64_t)(e.id.ms - first.id.ms));
    listpack_add_int(lp, (int64_t)(e.id.seq - first.id.seq));
    if (!same)
        listpack_add_int(lp, (int64_t)e.pairs);
    for (size_t i = 0; i < e.pairs; i++) {
        stream_entry_pair(&e, &name, &value);
        if (!same)
            listpack_add(lp, name);
        listpack_add(lp, value);
    }
    listpack_add_int(lp, (int64_t)(same ? e.pairs + 3 : 2 * e.pairs + 4));
}

/* How many entries the node that begins here has, by the same rule as in count_stream_nodes(). */
static size_t
stream_node_entries(struct stream_iter it)
{
    struct stream_entry e;
    size_t count = 0, bytes = 0;

    while (!stream_node_full(count, bytes) && stream_next(&it, &e)) {
        count++;
        bytes += stream_entry_bytes(e);
    }
    return count;
}

static size_t
put_stream_node(struct rdb_chunk *c, struct rdb_value *v)
{
    struct stream_entry first, e;
    struct slice name, value;
    unsigned char id[16];
    size_t entries = stream_node_entries(v->it.stream);
    struct stream_iter peek = v->it.stream;

    bool any = stream_next(&peek, &first);
    CHECK(any);
    store_be64(id, first.id.ms);
    store_be64(id + 8, first.id.seq);
    rdb_put_string(c, slice_of(id, sizeof(id)));
    size_t start = c->bytes.len;
    struct listpack lp = listpack_begin(&c->bytes);
    listpack_add_int(&lp, (int64_t)entries);
    listpack_add_int(&lp, 0); /* deleted ones: none is written */
    listpack_add_int(&lp, (int64_t)first.pairs);
    e = first;
    for (size_t i = 0; i < first.pairs; i++) {
        stream_entry_pair(&e, &name, &value);
        listpack_add(&lp, name);
    }
    listpack_add_int(&lp, 0);
    for (size_t i = 0; i < entries && stream_next(&v->it.stream, &e); i++)
        put_stream_entry(&lp, e, first);
    listpack_end(&lp);
    close_block(c, start);
    v->left -= entries;
    return c->bytes.len - start;
}

static void
put_id(struct rdb_chunk *c, struct stream_id id)
{
    rdb_put_len(c, id.ms);
    rdb_put_len(c, id.seq);
}

static void
put_raw_id(struct rdb_chunk *c, struct stream_id id)
{
    char *p = buf_room(&c->bytes, 16);

    store_be64(p, id.ms);
    store_be64(p + 8, id.seq);
    buf_advance(&c->bytes, 16);
}

static void
put_time(struct rdb_chunk *c, int64_t ms)
{
    buf_add(&c->bytes, &ms, 8);
}

/* Groups, each: name, counters, pending entries; then its consumers with theirs. */
static bool
put_stream_groups(struct rdb_chunk *c, struct rdb_value *v, const struct stream *s, size_t budget)
{
    size_t used = 0;

    for (; used < budget; used += ELEMENT_COST) {
        if (v->at.group == stream_group_count(s))
            return true;
        const struct stream_group *g = stream_group_at(s, v->at.group);
        /* What nobody has is written as a last consumer's, who has no name and was never seen. */
        size_t consumers = g->consumer_count + (g->nobody != NULL);
        const struct stream_consumer *k = v->at.consumer < g->consumer_count ? g->consumers[v->at.consumer]
                                          : v->at.consumer < consumers       ? g->nobody
                                                                             : NULL;
        switch (v->stage) {
        case STAGE_GROUPS:
            rdb_put_string(c, g->name);
            put_id(c, g->last_id);
            rdb_put_len(c, (uint64_t)g->entries_read);
            rdb_put_len(c, stream_pending_count(g, NULL));
            v->at.pending = 0;
            v->stage = STAGE_PENDING;
            break;
        case STAGE_PENDING:
            if (v->at.pending < stream_pending_count(g, NULL)) {
                const struct stream_pending *p = stream_pending_at(g, NULL, v->at.pending++);
                put_raw_id(c, p->id);
                put_time(c, p->delivered_ms);
                rdb_put_len(c, p->deliveries);
                break;
            }
            rdb_put_len(c, consumers);
            v->at.consumer = 0;
            v->stage = STAGE_CONSUMERS;
            break;
        case STAGE_CONSUMERS:
            if (k == NULL) {
                v->at.group++;
                v->stage = STAGE_GROUPS;
                break;
            }
            rdb_put_string(c, k->name);
            put_time(c, k->seen_ms);
            rdb_put_len(c, stream_pending_count(g, k));
            v->at.pending = 0;
            v->stage = STAGE_CONSUMER_PENDING;
            break;
        default:
            if (v->at.pending < stream_pending_count(g, k)) {
                put_raw_id(c, stream_pending_at(g, k, v->at.pending++)->id);
                break;
            }
            v->at.consumer++;
            v->stage = STAGE_CONSUMERS;
        }
    }
    return false;
}

static bool
put_stream(struct rdb_chunk *c, struct rdb_value *v, const struct stream *s, size_t budget)
{
    size_t used = 0;

    if (v->stage == STAGE_START) {
        v->it.stream = stream_seek(s, STREAM_ID_MIN, false);
        v->stage = STAGE_ELEMENTS;
    }
    if (v->stage == STAGE_ELEMENTS) {
        if (stream_count(s) > 0 && !count_stream_nodes(v, budget))
            return false;
        rdb_put_len(c, v->nodes);
        v->it.stream = stream_seek(s, STREAM_ID_MIN, false);
        v->left = stream_count(s);
        v->stage = STAGE_COUNTED;
    }
    if (v->stage == STAGE_COUNTED) {
        while (v->left > 0 && used < budget)
            used += put_stream_node(c, v);
        if (v->left > 0)
            return false;
        rdb_put_len(c, stream_count(s));
        put_id(c, stream_last_id(s));
        put_id(c, stream_first_id(s));
        put_id(c, stream_max_deleted_id(s));
        rdb_put_len(c, stream_entries_added(s));
        rdb_put_len(c, stream_group_count(s));
        v->stage = STAGE_GROUPS;
    }
    return put_stream_groups(c, v, s, budget);
}

/* A document is printed in one go: it is one string in the file. */
static void
put_json(struct rdb_chunk *c, const struct json *j)
{
    struct buf text = {0};

    json_print(json_root(j), NULL, &text);
    rdb_put_len(c, RDB_JSON_ID);
    rdb_put_len(c, RDB_PART_STRING);
    rdb_put_string(c, buf_slice(&text));
    rdb_put_len(c, RDB_PART_END);
    buf_fini(&text);
}

bool
rdb_put_value(struct rdb_chunk *c, struct rdb_value *v, size_t budget)
{
    const void *h = entry_type(v->entry) == TYPE_STRING ? NULL : entry_handle(v->entry);

    if (v->stage == STAGE_DEADLINES && !put_deadlines(c, v, budget))
        return false;
    switch (entry_type(v->entry)) {
    case TYPE_LIST: return put_list(c, v, h, budget);
    case TYPE_SET: return put_set(c, v, h, budget);
    case TYPE_ZSET: return put_zset(c, v, h, budget);
    case TYPE_HASH: return put_hash(c, v, h, budget);
    case TYPE_STREAM: return put_stream(c, v, h, budget);
    case TYPE_JSON: put_json(c, h); return true;
    default: rdb__put_string_value(c, v->entry); return true;
    }
}

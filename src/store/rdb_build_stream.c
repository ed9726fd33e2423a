/* store/rdb_build_stream.c - reading streams: nodes of entries, counters, groups with what they have pending.
 *
 * What must hold is what commands rely on: ids strictly ascending over all nodes, the number of entries as told, the
 * last id not below any entry, a pending entry known to its group before a consumer names it, and each with one
 * consumer.
 */
#include "store/rdb_build.h"

#include "base/mem.h"
#include "store/packs.h"

enum { DELETED = 1, SAME_FIELDS = 2 };
enum { STAGE_COUNT, STAGE_NODES, STAGE_HEAD, STAGE_GROUPS, STAGE_PEL, STAGE_CONSUMERS, STAGE_CONSUMER_PEL };

static struct stream *
stream_of(struct rdb_build *b)
{
    return (struct stream *)entry_handle(b->entry);
}

/* -- nodes ----------------------------------------------------------------------------------------------------- */

static enum rdb_got
next_item(struct pack_cursor *c, struct rdb_input *in, struct pack_item *out)
{
    switch (pack_next(c, out)) {
    case PACK_ITEM: return RDB_GOT;
    case PACK_END: return rdb_bad(in, "a stream's node ends too early");
    default: return rdb_bad(in, c->why);
    }
}

static enum rdb_got
next_int(struct pack_cursor *c, struct rdb_input *in, int64_t *out)
{
    struct pack_item it;

    RDB_TRY(next_item(c, in, &it));
    if (!it.is_int)
        return rdb_bad(in, "a stream's node has a text where a number should be");
    *out = it.i;
    return RDB_GOT;
}

/* A number of elements that are still to come in the node. */
static enum rdb_got
next_count(struct pack_cursor *c, struct rdb_input *in, int64_t *out)
{
    RDB_TRY(next_int(c, in, out));
    return *out < 0 || *out > (int64_t)(c->end - c->p) ? rdb_bad(in, "a stream's node has an impossible count")
                                                       : RDB_GOT;
}

static void
reserve(struct rdb_build *b, size_t items, size_t fields)
{
    if (items > b->items_cap) {
        b->items_cap = items + items / 2 + 8;
        b->items = mem_resize(b->items, b->items_cap * sizeof(*b->items));
    }
    if (fields > b->fields_cap) {
        b->fields_cap = fields + fields / 2 + 16;
        b->fields = mem_resize(b->fields, b->fields_cap * sizeof(*b->fields));
    }
}

/* Reads n elements to items[at …]; there is room for them as they come, not as they are announced. */
static enum rdb_got
get_items(struct rdb_build *b, struct rdb_input *in, struct pack_cursor *c, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++) {
        reserve(b, i + 1, 0);
        RDB_TRY(next_item(c, in, &b->items[i]));
    }
    return RDB_GOT;
}

/* Reads one entry: flags, id, names unless they are the node's (items 0 .. shared-1), values, its number of elements.
 */
static enum rdb_got
add_entry(struct rdb_build *b, struct rdb_input *in, struct pack_cursor *c, struct stream_id base, size_t shared,
          bool *deleted)
{
    int64_t flags, ms, seq, pairs = (int64_t)shared, elements;

    RDB_TRY(next_int(c, in, &flags));
    RDB_TRY(next_int(c, in, &ms));
    RDB_TRY(next_int(c, in, &seq));
    bool same = (flags & SAME_FIELDS) != 0;
    if (!same)
        RDB_TRY(next_count(c, in, &pairs));
    if (pairs == 0)
        return rdb_bad(in, "a stream has an entry without fields");
    size_t n = (size_t)pairs, texts = same ? n : 2 * n;
    RDB_TRY(get_items(b, in, c, shared, texts));
    reserve(b, 0, 2 * n);
    RDB_TRY(next_int(c, in, &elements));
    if (elements != (int64_t)(same ? n + 3 : 2 * n + 4))
        return rdb_bad(in, "a stream's entry tells a wrong length");
    *deleted = (flags & DELETED) != 0;
    if (*deleted)
        return RDB_GOT;
    for (size_t i = 0; i < n; i++) {
        b->fields[2 * i] = pack_item_slice(&b->items[same ? i : shared + 2 * i]);
        b->fields[2 * i + 1] = pack_item_slice(&b->items[same ? shared + i : shared + 2 * i + 1]);
    }
    /* The differences are added without regard to sign or overflow, as they were made. */
    struct stream_id id = {base.ms + (uint64_t)ms, base.seq + (uint64_t)seq};
    if (stream_id_cmp(id, stream_last_id(stream_of(b))) <= 0)
        return rdb_bad(in, "a stream's ids do not ascend");
    struct stream_node_limits limits = {b->limits->stream_node_max_bytes, b->limits->stream_node_max_entries};
    stream_append(stream_of(b), &limits, id, b->fields, n);
    return RDB_GOT;
}

static enum rdb_got
add_node(struct rdb_build *b, struct rdb_input *in)
{
    struct slice name, block;
    struct pack_cursor c;
    struct pack_item it;
    int64_t live, dead, shared, zero;
    int64_t seen_live = 0, seen_dead = 0;

    RDB_TRY(rdb_get_string(in, &b->b, &name));
    if (name.len != 16)
        return rdb_bad(in, "a stream's node has no id");
    struct stream_id base = {load_be64(name.ptr), load_be64(name.ptr + 8)};
    RDB_TRY(rdb_get_string(in, &b->a, &block));
    if (!pack_open(&c, PACK_LISTPACK, block))
        return rdb_bad(in, c.why);
    RDB_TRY(next_count(&c, in, &live));
    RDB_TRY(next_count(&c, in, &dead));
    RDB_TRY(next_count(&c, in, &shared));
    RDB_TRY(get_items(b, in, &c, 0, (size_t)shared));
    RDB_TRY(next_int(&c, in, &zero));
    if (zero != 0)
        return rdb_bad(in, "a stream's node has a wrong head");
    while (seen_live + seen_dead < live + dead) {
        bool deleted = false;
        RDB_TRY(add_entry(b, in, &c, base, (size_t)shared, &deleted));
        *(deleted ? &seen_dead : &seen_live) += 1;
    }
    if (seen_live != live || pack_next(&c, &it) != PACK_END)
        return rdb_bad(in, "a stream's node counts its entries wrongly");
    return RDB_GOT;
}

/* -- counters -------------------------------------------------------------------------------------------------- */

static enum rdb_got
get_id(struct rdb_input *in, struct stream_id *id)
{
    RDB_TRY(rdb_get_len(in, &id->ms));
    return rdb_get_len(in, &id->seq);
}

static enum rdb_got
get_head(struct rdb_build *b, struct rdb_input *in)
{
    struct stream *s = stream_of(b);
    struct stream_id last, first, max_deleted = STREAM_ID_MIN;
    uint64_t length, added, groups;

    RDB_TRY(rdb_get_len(in, &length));
    RDB_TRY(get_id(in, &last));
    added = length;
    if (b->type != RDB_STREAM) {
        RDB_TRY(get_id(in, &first));
        RDB_TRY(get_id(in, &max_deleted));
        RDB_TRY(rdb_get_len(in, &added));
    }
    RDB_TRY(rdb_get_len(in, &groups));
    if (length != stream_count(s))
        return rdb_bad(in, "a stream counts its entries wrongly");
    if (stream_id_cmp(last, stream_last_id(s)) < 0)
        return rdb_bad(in, "a stream's last id is below an entry's");
    if (added < length || (int64_t)added < 0)
        return rdb_bad(in, "a stream has had fewer entries than it has");
    stream_set_last_id(s, last);
    stream_set_max_deleted_id(s, max_deleted);
    stream_set_entries_added(s, added);
    b->groups_left = groups;
    return RDB_GOT;
}

/* -- groups ---------------------------------------------------------------------------------------------------- */

static enum rdb_got
get_group(struct rdb_build *b, struct rdb_input *in)
{
    struct stream_id last;
    struct slice name;
    uint64_t read = 0, pending;

    RDB_TRY(rdb_get_string(in, &b->a, &name));
    RDB_TRY(get_id(in, &last));
    if (b->type != RDB_STREAM)
        RDB_TRY(rdb_get_len(in, &read));
    RDB_TRY(rdb_get_len(in, &pending));
    int64_t entries_read = b->type == RDB_STREAM ? stream_estimate_read(stream_of(b), last) : (int64_t)read;
    if (entries_read < STREAM_ENTRIES_READ_UNKNOWN)
        return rdb_bad(in, "a group has read an impossible number of entries");
    b->group = stream_group_create(stream_of(b), name, last, entries_read);
    if (b->group == NULL)
        return rdb_bad(in, "a stream has a group twice");
    b->left = pending;
    b->pel_count = b->pel_assigned = 0;
    return RDB_GOT;
}

static enum rdb_got
get_raw_id(struct rdb_input *in, struct stream_id *id)
{
    const unsigned char *p;

    RDB_TRY(rdb_get_bytes(in, 16, &p));
    *id = (struct stream_id){load_be64(p), load_be64(p + 8)};
    return RDB_GOT;
}

static enum rdb_got
get_pending(struct rdb_build *b, struct rdb_input *in)
{
    struct rdb_pel pel = {0};
    const unsigned char *p;

    RDB_TRY(get_raw_id(in, &pel.id));
    RDB_TRY(rdb_get_bytes(in, 8, &p));
    RDB_TRY(rdb_get_len(in, &pel.deliveries));
    pel.delivered_ms = (int64_t)load_le(p, 8);
    if (b->pel_count > 0 && stream_id_cmp(pel.id, b->pel[b->pel_count - 1].id) <= 0)
        return rdb_bad(in, "a group's pending ids do not ascend");
    if (b->pel_count == b->pel_cap) {
        b->pel_cap = b->pel_cap == 0 ? 64 : 2 * b->pel_cap;
        b->pel = mem_resize(b->pel, b->pel_cap * sizeof(*b->pel));
    }
    b->pel[b->pel_count++] = pel;
    return RDB_GOT;
}

static enum rdb_got
get_consumer(struct rdb_build *b, struct rdb_input *in)
{
    const unsigned char *seen, *active = NULL;
    struct slice name;
    uint64_t pending;

    RDB_TRY(rdb_get_string(in, &b->a, &name));
    RDB_TRY(rdb_get_bytes(in, 8, &seen));
    if (b->type == RDB_STREAM_3)
        RDB_TRY(rdb_get_bytes(in, 8, &active));
    RDB_TRY(rdb_get_len(in, &pending));
    b->left = pending;
    if (name.len == 0 && load_le(seen, 8) == 0) {
        b->consumer = stream_group_nobody(b->group);
        return RDB_GOT;
    }
    b->consumer = stream_consumer_create(b->group, name, (int64_t)load_le(seen, 8));
    if (b->consumer == NULL)
        return rdb_bad(in, "a group has a consumer twice");
    b->consumer->active_ms = (int64_t)load_le(active != NULL ? active : seen, 8);
    return RDB_GOT;
}

static enum rdb_got
get_assignment(struct rdb_build *b, struct rdb_input *in)
{
    struct stream_id id;
    size_t low = 0, high = b->pel_count;

    RDB_TRY(get_raw_id(in, &id));
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (stream_id_cmp(b->pel[mid].id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == b->pel_count || stream_id_cmp(b->pel[low].id, id) != 0)
        return rdb_bad(in, "a consumer has an entry pending that its group has not");
    if (b->pel[low].assigned)
        return rdb_bad(in, "two consumers have the same entry pending");
    b->pel[low].assigned = true;
    b->pel_assigned++;
    stream_pending_add(b->group, b->consumer, id, b->pel[low].delivered_ms, b->pel[low].deliveries);
    return RDB_GOT;
}

/* -- the whole ------------------------------------------------------------------------------------------------- */

/* One step of the current stage; `*done` when the value is complete. */
static enum rdb_got
step(struct rdb_build *b, struct rdb_input *in, bool *done)
{
    switch (b->stage) {
    case STAGE_COUNT:
        RDB_TRY(rdb_get_len(in, &b->left));
        b->stage = STAGE_NODES;
        return RDB_GOT;
    case STAGE_NODES:
        if (b->left > 0) {
            RDB_TRY(add_node(b, in));
            b->left--;
        } else {
            b->stage = STAGE_HEAD;
        }
        return RDB_GOT;
    case STAGE_HEAD:
        RDB_TRY(get_head(b, in));
        b->stage = STAGE_GROUPS;
        return RDB_GOT;
    case STAGE_GROUPS:
        if (b->groups_left == 0) {
            *done = true;
            return RDB_GOT;
        }
        RDB_TRY(get_group(b, in));
        b->groups_left--;
        b->stage = STAGE_PEL;
        return RDB_GOT;
    case STAGE_PEL:
        if (b->left > 0) {
            RDB_TRY(get_pending(b, in));
            b->left--;
            return RDB_GOT;
        }
        RDB_TRY(rdb_get_len(in, &b->consumers_left));
        b->stage = STAGE_CONSUMERS;
        return RDB_GOT;
    case STAGE_CONSUMERS:
        if (b->consumers_left > 0) {
            RDB_TRY(get_consumer(b, in));
            b->consumers_left--;
            b->stage = STAGE_CONSUMER_PEL;
            return RDB_GOT;
        }
        if (b->pel_assigned != b->pel_count)
            return rdb_bad(in, "a group has an entry pending for no consumer");
        b->stage = STAGE_GROUPS;
        return RDB_GOT;
    default:
        if (b->left > 0) {
            RDB_TRY(get_assignment(b, in));
            b->left--;
        } else {
            b->stage = STAGE_CONSUMERS;
        }
        return RDB_GOT;
    }
}

enum rdb_got
rdb__build_stream(struct rdb_build *b, struct rdb_input *in)
{
    bool done = false;

    while (!done) {
        const unsigned char *from = in->p;
        enum rdb_got got = step(b, in, &done);
        if (got == RDB_MORE)
            in->p = from;
        if (got != RDB_GOT)
            return got;
    }
    return RDB_GOT;
}

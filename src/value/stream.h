/* value/stream.h - an append-only log of entries, with consumer groups.
 *
 * Entries lie in blocks, about a hundred each, ordered by the id of their first entry in a ds/btree. A block keeps the
 * field names of its first entry, and an entry whose names are the same stores only its values; ids are stored as
 * differences to the block's. Deleting marks an entry; a block whose last live entry goes is freed.
 *
 * A group holds what it has delivered and nobody has acknowledged: one struct stream_pending for each, which is in the
 * group's order by id and in its consumer's. Groups and consumers are kept sorted by name.
 *
 * A stream may be empty and still exist. Cost: append O(1), seek O(log n). Validity: slices and iterators live until
 * the stream changes; groups, consumers and pending entries until they are removed. Source: the documentation of the X
 * commands and the behaviour of redis-server 7.0.
 */
#ifndef SORREL_VALUE_STREAM_H
#define SORREL_VALUE_STREAM_H

#include "base/arena.h"
#include "base/pulse.h"
#include "base/slice.h"
#include "value/handle.h"
#include "value/limits.h"

struct stream {
    struct handle h;
};

struct stream_id {
    uint64_t ms, seq;
};
#define STREAM_ID_MIN ((struct stream_id){0, 0})
#define STREAM_ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})

static inline int
stream_id_cmp(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

/* The next and the previous id; false when there is none (then *id is untouched). */
bool stream_id_next(struct stream_id *id);
bool stream_id_prev(struct stream_id *id);

/* What a new block may hold: stream-node-max-bytes and stream-node-max-entries, 0: no limit. */
struct stream_node_limits {
    uint64_t max_bytes, max_entries;
};

void stream_fini(struct stream *s);                                 /* leaves an empty one */
struct stream stream_copy(const struct stream *s, struct pulse *p); /* p: NULL is fine */
size_t stream_count(const struct stream *s);
size_t stream_blocks(const struct stream *s);
size_t stream_bytes(const struct stream *s); /* outside the entry */
bool stream_verify(const struct stream *s);

/* The counters that XINFO STREAM prints and XSETID sets. The first id is that of the first live entry (0-0: none). */
struct stream_id stream_first_id(const struct stream *s);
struct stream_id stream_last_id(const struct stream *s); /* of the last entry ever added */
struct stream_id stream_max_deleted_id(const struct stream *s);
uint64_t stream_entries_added(const struct stream *s);
void stream_set_last_id(struct stream *s, struct stream_id id);
void stream_set_max_deleted_id(struct stream *s, struct stream_id id);
void stream_set_entries_added(struct stream *s, uint64_t n);

/* Appends; id must be above stream_last_id(). `fields` are names and values alternating, 2 * pairs slices, copied in.
 */
void stream_append(struct stream *s, const struct stream_node_limits *lim, struct stream_id id,
                   const struct slice *fields, size_t pairs);
/* True if it was there. */
bool stream_delete(struct stream *s, struct stream_id id);
bool stream_has(const struct stream *s, struct stream_id id);
/* What becomes of the groups' pending entries when an entry goes: they stay, they go as well, or the entry stays for as
 * long as some group has not read and acknowledged it. */
enum stream_refs { STREAM_REFS_KEEP, STREAM_REFS_DROP, STREAM_REFS_ACKED };
/* Some group has the entry pending, or has not come to it yet. */
bool stream_is_referenced(const struct stream *s, struct stream_id id);
/* Removes it from what the groups have pending; true if any had. */
bool stream_drop_references(struct stream *s, struct stream_id id);

/* Removes from the front until at most `keep` entries are left, or until ids are at least `min_id`. `approx` removes
 * what whole blocks hold only; `limit` (0: none) bounds how many entries are looked at in that case. Returns how many
 * were removed. */
struct stream_trim {
    bool by_count, approx;
    enum stream_refs refs;
    size_t keep, limit;
    struct stream_id min_id;
};
size_t stream_trim(struct stream *s, const struct stream_trim *t);

static inline size_t
stream_trim_count(struct stream *s, size_t keep, bool approx, size_t limit)
{
    return stream_trim(s, &(struct stream_trim){.by_count = true, .keep = keep, .approx = approx, .limit = limit});
}

static inline size_t
stream_trim_id(struct stream *s, struct stream_id min_id, bool approx, size_t limit)
{
    return stream_trim(s, &(struct stream_trim){.min_id = min_id, .approx = approx, .limit = limit});
}

/* -- reading --------------------------------------------------------------------------------------------------- */

struct stream_entry {
    struct stream_id id;
    size_t pairs;
    const unsigned char *names, *values; /* private: where the next ones are; names NULL when they lie among values */
};
/* The next name and value; call it `pairs` times. */
void stream_entry_pair(struct stream_entry *e, struct slice *name, struct slice *value);

struct stream_iter {
    const struct stream_body *body;
    const struct stream_block *block;
    size_t block_index, at;
    bool reverse;
};
/* Starts at the first entry with an id >= from, or in reverse at the last with an id <= from. */
struct stream_iter stream_seek(const struct stream *s, struct stream_id from, bool reverse);
/* False at the end. The caller stops at its own upper bound. */
bool stream_next(struct stream_iter *it, struct stream_entry *out);

/* -- groups ---------------------------------------------------------------------------------------------------- */

enum { STREAM_ENTRIES_READ_UNKNOWN = -1 };

struct stream_consumer {
    struct slice name;          /* first, as in a group: base/names.h */
    int64_t seen_ms, active_ms; /* last tried anything; last got something (-1: never) */
    struct btree *pending;      /* struct stream_pending by id */
};
struct stream_group {
    struct slice name;
    struct stream_id last_id;
    int64_t entries_read; /* or STREAM_ENTRIES_READ_UNKNOWN */
    struct btree *pending;
    struct stream_consumer **consumers; /* sorted by name */
    size_t consumer_count;
    struct stream_consumer *nobody; /* has what XNACK gave back; nameless, not among the consumers; NULL: never any */
    int64_t oldest_ms;              /* no pending entry was delivered before this */
};
struct stream_pending {
    struct stream_id id;
    struct stream_consumer *consumer;
    int64_t delivered_ms;
    uint64_t deliveries;
};

size_t stream_group_count(const struct stream *s);
struct stream_group *stream_group_at(const struct stream *s, size_t n); /* in order of name */
struct stream_group *stream_group_find(const struct stream *s, struct slice name);
/* NULL if there is one of that name already. */
struct stream_group *stream_group_create(struct stream *s, struct slice name, struct stream_id last_id,
                                         int64_t entries_read);
void stream_group_destroy(struct stream *s, struct stream_group *g);

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name);
struct stream_consumer *stream_consumer_create(struct stream_group *g, struct slice name, int64_t now_ms); /* or NULL */
/* Its pending entries go too; returns how many. */
size_t stream_consumer_delete(struct stream_group *g, struct stream_consumer *c);

/* Pending entries. All of them: n = 0 … count - 1, in order of id. Of a consumer when c is not NULL, else of the group.
 */
size_t stream_pending_count(const struct stream_group *g, const struct stream_consumer *c);
struct stream_pending *stream_pending_at(const struct stream_group *g, const struct stream_consumer *c, size_t n);
/* Index of the first one with an id >= from (may be the count). */
size_t stream_pending_seek(const struct stream_group *g, const struct stream_consumer *c, struct stream_id from);
struct stream_pending *stream_pending_find(const struct stream_group *g, struct stream_id id);
/* There must be none with that id yet. */
struct stream_pending *stream_pending_add(struct stream_group *g, struct stream_consumer *c, struct stream_id id,
                                          int64_t delivered_ms, uint64_t deliveries);
void stream_pending_remove(struct stream_group *g, struct stream_pending *p);
/* Hands it over: a new owner, time and count. */
void stream_pending_deliver(struct stream_group *g, struct stream_pending *p, struct stream_consumer *c,
                            int64_t delivered_ms, uint64_t deliveries);
/* The consumer that stands for none, made at the first call. */
struct stream_consumer *stream_group_nobody(struct stream_group *g);
/* The entries delivered at `until_ms` or before, the longest ago first, in the arena. Sets oldest_ms. */
size_t stream_pending_idle(struct stream_group *g, int64_t until_ms, struct arena *a, struct stream_pending ***out);

/* How many entries the group has read when it stands at `id`, if that can be known, else STREAM_ENTRIES_READ_UNKNOWN:
 * for entries_read and the lag. */
int64_t stream_estimate_read(const struct stream *s, struct stream_id id);

#endif

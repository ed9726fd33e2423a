/* value/stream_idmp.c - messages that producers have sent: a tree of producers by name, each with a tree of its iids
 * and a queue of them, oldest first. */
#include "value/stream_idmp.h"

#include "base/check.h"
#include "base/mem.h"
#include "value/stream_priv.h"

struct iid {
    struct slice name; /* first in both structs: they are ordered by it */
    struct stream_id id;
    struct iid *next; /* the next younger one */
    char bytes[];
};

struct producer {
    struct slice name;
    struct btree iids;
    struct iid *oldest, *youngest;
    char bytes[];
};

struct stream_idmp {
    struct stream_idmp_limits limits;
    struct btree producers;
    size_t ids, bytes, sweep; /* sweep: the producer to look at next */
    uint64_t added, duplicates;
};

/* -- order by name --------------------------------------------------------------------------------------------- */

static uint64_t
name_prefix(const void *item)
{
    struct slice name = *(const struct slice *)item;
    uint64_t prefix = 0;

    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < name.len ? (unsigned char)name.ptr[i] : 0);
    return prefix;
}

static int
name_compare(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static const struct btree_ops name_ops = {name_prefix, name_compare};

static bool
name_is_before(const void *ctx, const void *item)
{
    return slice_cmp(*(const struct slice *)item, *(const struct slice *)ctx) < 0;
}

static void *
find(const struct btree *t, struct slice name)
{
    size_t at = btree_count_before(t, name_is_before, &name);
    void *item = at < t->items ? btree_at(t, at) : NULL;

    return item != NULL && slice_eq(*(struct slice *)item, name) ? item : NULL;
}

/* -- producers ------------------------------------------------------------------------------------------------- */

static struct producer *
producer_get(struct stream_idmp *m, struct slice pid)
{
    struct producer *p = find(&m->producers, pid);

    if (p != NULL)
        return p;
    p = mem_get(sizeof(*p) + pid.len);
    *p = (struct producer){.name = slice_of(p->bytes, pid.len)};
    memcpy(p->bytes, pid.ptr, pid.len);
    btree_insert(&m->producers, &name_ops, p);
    m->bytes += sizeof(*p) + pid.len;
    return p;
}

static void
drop_oldest(struct stream_idmp *m, struct producer *p)
{
    struct iid *i = p->oldest;

    p->oldest = i->next;
    if (p->oldest == NULL)
        p->youngest = NULL;
    btree_remove(&p->iids, &name_ops, i);
    m->ids--;
    m->bytes -= sizeof(*i) + i->name.len;
    mem_free(i);
}

static void
producer_free(struct stream_idmp *m, struct producer *p)
{
    while (p->oldest != NULL)
        drop_oldest(m, p);
    btree_fini(&p->iids);
    m->bytes -= sizeof(*p) + p->name.len;
    mem_free(p);
}

static bool
is_expired(const struct stream_idmp *m, const struct iid *i, int64_t now_ms)
{
    uint64_t now = (uint64_t)now_ms;

    return now > i->id.ms && now - i->id.ms >= (uint64_t)m->limits.duration_s * 1000;
}

static void
drop_expired(struct stream_idmp *m, struct producer *p, int64_t now_ms)
{
    while (p->oldest != NULL && is_expired(m, p->oldest, now_ms))
        drop_oldest(m, p);
}

/* Looks at two other producers, so that those who fell silent are forgotten as well. */
static void
sweep(struct stream_idmp *m, const struct producer *current, int64_t now_ms)
{
    for (int n = 0; n < 2 && m->producers.items > 1; n++) {
        if (m->sweep >= m->producers.items)
            m->sweep = 0;
        struct producer *p = btree_at(&m->producers, m->sweep);
        drop_expired(m, p, now_ms);
        if (p->oldest != NULL || p == current) {
            m->sweep++;
            continue;
        }
        btree_remove(&m->producers, &name_ops, p);
        producer_free(m, p);
    }
}

static void
forget_all(struct stream_idmp *m)
{
    struct btree_iter it = btree_seek(&m->producers, 0);

    for (struct producer *p; (p = btree_get(it)) != NULL;) {
        btree_forward(&it);
        producer_free(m, p);
    }
    btree_fini(&m->producers);
    m->producers = (struct btree){0};
    m->sweep = 0;
}

static void
add(struct stream_idmp *m, struct producer *p, struct slice iid, struct stream_id id)
{
    struct iid *i = mem_get(sizeof(*i) + iid.len);

    *i = (struct iid){.name = slice_of(i->bytes, iid.len), .id = id};
    memcpy(i->bytes, iid.ptr, iid.len);
    btree_insert(&p->iids, &name_ops, i);
    *(p->youngest != NULL ? &p->youngest->next : &p->oldest) = i;
    p->youngest = i;
    m->ids++;
    m->bytes += sizeof(*i) + iid.len;
}

/* -- the stream's ---------------------------------------------------------------------------------------------- */

void
stream__idmp_free(struct stream_idmp *m)
{
    if (m == NULL)
        return;
    forget_all(m);
    mem_free(m);
}

struct stream_idmp *
stream__idmp_copy(const struct stream_idmp *m)
{
    if (m == NULL)
        return NULL;
    struct stream_idmp *copy = mem_get_zero(sizeof(*copy));
    copy->limits = m->limits;
    copy->added = m->added;
    copy->duplicates = m->duplicates;
    struct btree_iter it = btree_seek(&m->producers, 0);
    for (const struct producer *p; (p = btree_get(it)) != NULL; btree_forward(&it)) {
        struct producer *to = producer_get(copy, p->name);
        for (const struct iid *i = p->oldest; i != NULL; i = i->next)
            add(copy, to, i->name, i->id);
    }
    return copy;
}

size_t
stream__idmp_bytes(const struct stream_idmp *m)
{
    return m == NULL ? 0 : sizeof(*m) + m->bytes + btree_bytes(&m->producers);
}

bool
stream_idmp_state(const struct stream *s, struct stream_idmp_state *out)
{
    const struct stream_body *b = stream__body(s);

    if (b == NULL || b->idmp == NULL)
        return false;
    const struct stream_idmp *m = b->idmp;
    *out = (struct stream_idmp_state){m->limits, m->producers.items, m->ids, m->added, m->duplicates};
    return true;
}

static struct stream_idmp *
make(struct stream *s, struct stream_idmp_limits limits)
{
    struct stream_body *b = stream__body_make(s);

    if (b->idmp == NULL) {
        b->idmp = mem_get_zero(sizeof(*b->idmp));
        b->idmp->limits = limits;
    }
    return b->idmp;
}

void
stream_idmp_configure(struct stream *s, struct stream_idmp_limits limits)
{
    struct stream_idmp *m = make(s, limits);

    if (m->limits.duration_s != limits.duration_s || m->limits.max_ids != limits.max_ids)
        forget_all(m);
    m->limits = limits;
}

bool
stream_idmp_find(const struct stream *s, struct slice pid, struct slice iid, int64_t now_ms, struct stream_id *id)
{
    const struct stream_body *b = stream__body(s);
    const struct producer *p = b == NULL || b->idmp == NULL ? NULL : find(&b->idmp->producers, pid);
    const struct iid *i = p == NULL ? NULL : find(&p->iids, iid);

    if (i == NULL || is_expired(b->idmp, i, now_ms))
        return false;
    *id = i->id;
    return true;
}

void
stream_idmp_count_duplicate(struct stream *s)
{
    struct stream_body *b = stream__body(s);

    if (b != NULL && b->idmp != NULL)
        b->idmp->duplicates++;
}

void
stream_idmp_record(struct stream *s, struct stream_idmp_limits limits, struct slice pid, struct slice iid,
                   struct stream_id id, int64_t now_ms)
{
    struct stream_idmp *m = make(s, limits);
    struct producer *p = producer_get(m, pid);

    drop_expired(m, p, now_ms);
    sweep(m, p, now_ms);
    /* An old one of that name can only be left when ids run ahead of the clock; it makes way with all before it. */
    while (find(&p->iids, iid) != NULL || (p->iids.items > 0 && p->iids.items >= m->limits.max_ids))
        drop_oldest(m, p);
    add(m, p, iid, id);
    m->added++;
}

/* -- as bytes -------------------------------------------------------------------------------------------------- */

static void
put_number(struct buf *out, uint64_t v)
{
    buf_add(out, &v, sizeof(v));
}

static void
put_name(struct buf *out, struct slice name)
{
    put_number(out, name.len);
    buf_add_slice(out, name);
}

void
stream_idmp_save(const struct stream *s, struct buf *out)
{
    const struct stream_body *b = stream__body(s);
    const struct stream_idmp *m = b == NULL ? NULL : b->idmp;

    if (m == NULL)
        return;
    put_number(out, m->limits.duration_s);
    put_number(out, m->limits.max_ids);
    put_number(out, m->added);
    put_number(out, m->duplicates);
    struct btree_iter it = btree_seek(&m->producers, 0);
    for (const struct producer *p; (p = btree_get(it)) != NULL; btree_forward(&it)) {
        put_name(out, p->name);
        put_number(out, p->iids.items);
        for (const struct iid *i = p->oldest; i != NULL; i = i->next) {
            put_name(out, i->name);
            put_number(out, i->id.ms);
            put_number(out, i->id.seq);
        }
    }
}

static bool
get_number(struct slice *in, uint64_t *v)
{
    if (in->len < sizeof(*v))
        return false;
    memcpy(v, in->ptr, sizeof(*v));
    *in = slice_skip(*in, sizeof(*v));
    return true;
}

static bool
get_name(struct slice *in, struct slice *name)
{
    uint64_t len;

    if (!get_number(in, &len) || len == 0 || len > in->len)
        return false;
    *name = slice_of(in->ptr, len);
    *in = slice_skip(*in, len);
    return true;
}

static bool
get_producer(struct slice *in, struct stream_idmp *m)
{
    struct slice pid, iid;
    uint64_t count;
    struct stream_id id;

    if (!get_name(in, &pid) || find(&m->producers, pid) != NULL || !get_number(in, &count) || count > m->limits.max_ids)
        return false;
    struct producer *p = producer_get(m, pid);
    for (; count > 0; count--) {
        if (!get_name(in, &iid) || find(&p->iids, iid) != NULL || !get_number(in, &id.ms) || !get_number(in, &id.seq))
            return false;
        add(m, p, iid, id);
    }
    return true;
}

bool
stream_idmp_load(struct stream *s, struct slice bytes)
{
    struct stream_body *b = stream__body_make(s);
    uint64_t duration, max_ids, added, duplicates;

    if (b->idmp != NULL || !get_number(&bytes, &duration) || !get_number(&bytes, &max_ids) ||
        !get_number(&bytes, &added) || !get_number(&bytes, &duplicates))
        return false;
    if (duration < 1 || duration > STREAM_IDMP_DURATION_MAX || max_ids < 1 || max_ids > STREAM_IDMP_IDS_MAX)
        return false;
    struct stream_idmp *m = mem_get_zero(sizeof(*m));
    *m = (struct stream_idmp){
        .limits = {(uint32_t)duration, (uint32_t)max_ids}, .added = added, .duplicates = duplicates};
    while (bytes.len > 0) {
        if (!get_producer(&bytes, m)) {
            stream__idmp_free(m);
            return false;
        }
    }
    b->idmp = m;
    return true;
}

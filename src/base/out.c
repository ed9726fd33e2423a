/* base/out.c - the queue of struct out. */
#include "base/out.h"

#include "base/mem.h"

void
out_add_ref(struct out *o, struct slice data, void (*release)(void *owner), void *owner)
{
    if (data.len == 0) { /* nothing would ever be sent of it, so nothing would release it */
        release(owner);
        return;
    }
    if (o->ref_count == o->ref_cap) {
        o->ref_cap = o->ref_cap == 0 ? 4 : o->ref_cap * 2;
        o->refs = mem_resize(o->refs, o->ref_cap * sizeof(*o->refs));
    }
    o->refs[o->ref_count++] = (struct out_ref){o->bytes.len, data, release, owner};
    o->ref_pending += data.len;
}

int
out_vectors(const struct out *o, struct iovec *v, int max)
{
    size_t at = o->sent;
    uint32_t r = o->ref_first;
    int n = 0;

    while (n < max && (at < o->bytes.len || r < o->ref_count)) {
        size_t until = r < o->ref_count ? o->refs[r].at : o->bytes.len;
        if (at < until) {
            v[n++] = (struct iovec){o->bytes.ptr + at, until - at};
            at = until;
        } else {
            size_t done = r == o->ref_first ? o->ref_sent : 0;
            struct slice d = o->refs[r++].data;
            v[n++] = (struct iovec){(void *)(uintptr_t)(d.ptr + done), d.len - done};
        }
    }
    return n;
}

static void
empty(struct out *o)
{
    o->bytes.len = o->sent = 0;
    o->ref_count = o->ref_first = 0;
    o->ref_sent = 0;
}

void
out_sent(struct out *o, size_t n)
{
    CHECK(n <= out_pending(o));
    while (n > 0) {
        bool in_ref = o->ref_first < o->ref_count && o->refs[o->ref_first].at == o->sent;
        if (!in_ref) {
            size_t until = o->ref_first < o->ref_count ? o->refs[o->ref_first].at : o->bytes.len;
            size_t step = until - o->sent < n ? until - o->sent : n;
            o->sent += step;
            n -= step;
            continue;
        }
        struct out_ref *r = &o->refs[o->ref_first];
        size_t step = r->data.len - o->ref_sent < n ? r->data.len - o->ref_sent : n;
        o->ref_sent += step;
        o->ref_pending -= step;
        n -= step;
        if (o->ref_sent == r->data.len) {
            r->release(r->owner);
            o->ref_first++;
            o->ref_sent = 0;
        }
    }
    if (out_pending(o) == 0 && o->ref_first == o->ref_count)
        empty(o);
}

void
out_move(struct out *to, struct out *from)
{
    struct iovec v;

    while (out_pending(from) > 0 && out_vectors(from, &v, 1) == 1) {
        bool in_ref = from->ref_first < from->ref_count && from->refs[from->ref_first].at == from->sent;
        if (!in_ref) {
            buf_add(&to->bytes, v.iov_base, v.iov_len);
            from->sent += v.iov_len;
            continue;
        }
        struct out_ref *r = &from->refs[from->ref_first++];
        out_add_ref(to, slice_of(v.iov_base, v.iov_len), r->release, r->owner);
        from->ref_pending -= v.iov_len;
        from->ref_sent = 0;
    }
    empty(from);
}

/* Behind references that stand among text the text is copied; a queue that is sealed again and again has none such. */
void
out_seal(struct out *o)
{
    CHECK(o->sent == 0 && o->ref_first == 0 && o->ref_sent == 0);
    bool mixed = o->ref_count > 0 && o->refs[o->ref_count - 1].at > 0;
    if (!mixed) {
        size_t len;
        char *text = buf_take(&o->bytes, &len);
        if (len > 0)
            out_add_ref(o, slice_of(text, len), mem_free, text);
        else
            mem_free(text);
        if (o->ref_count > 0)
            o->refs[o->ref_count - 1].at = 0;
        return;
    }
    struct out sealed = {0};
    struct iovec v;
    while (out_vectors(o, &v, 1) == 1) {
        if (o->ref_first < o->ref_count && o->refs[o->ref_first].at == o->sent) {
            struct out_ref *r = &o->refs[o->ref_first++];
            out_add_ref(&sealed, r->data, r->release, r->owner);
            o->ref_pending -= r->data.len;
        } else {
            char *copy = mem_get(v.iov_len);
            memcpy(copy, v.iov_base, v.iov_len);
            out_add_ref(&sealed, slice_of(copy, v.iov_len), mem_free, copy);
            o->sent += v.iov_len;
        }
    }
    out_fini(o);
    *o = sealed;
}

void
out_fini(struct out *o)
{
    for (uint32_t i = o->ref_first; i < o->ref_count; i++)
        o->refs[i].release(o->refs[i].owner);
    mem_free(o->refs);
    buf_fini(&o->bytes);
    *o = (struct out){0};
}

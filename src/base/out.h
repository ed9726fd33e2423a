/* base/out.h - bytes on their way to a peer: copied text with large blobs by reference in between.
 *
 * All-zero is a valid empty queue. Copied bytes sit in one buffer; a reference remembers at which offset of that buffer
 * its own bytes belong, so a flush is one writev() and a 100 MB value is never copied.
 */
#ifndef SORREL_BASE_OUT_H
#define SORREL_BASE_OUT_H

#include "base/buf.h"

#include <sys/uio.h>

struct out_ref {
    size_t at; /* offset in `bytes` before which it goes */
    struct slice data;
    void (*release)(void *owner);
    void *owner;
};

struct out {
    struct buf bytes;
    size_t sent; /* of `bytes`, already written */
    struct out_ref *refs;
    uint32_t ref_count, ref_cap, ref_first; /* refs before ref_first are sent and released */
    size_t ref_sent;                        /* bytes of refs[ref_first] already written */
    size_t ref_pending;                     /* bytes of all references not yet written */
};

/* Queues data without copying it; release(owner) is called when it has been sent or dropped. */
void out_add_ref(struct out *o, struct slice data, void (*release)(void *owner), void *owner);
/* Fills up to max vectors with what is to be sent next; returns how many. */
int out_vectors(const struct out *o, struct iovec *v, int max);
/* n bytes have been written. Keeps the buffer's memory when everything is sent. */
void out_sent(struct out *o, size_t n);
/* Moves everything unsent to the end of `to`, emptying `from` and keeping its memory. */
void out_move(struct out *to, struct out *from);
/* Makes references of the text that is in it, so that more can be added, or all of it moved, without copying what is
 * there. Nothing of it may have been sent. */
void out_seal(struct out *o);
void out_fini(struct out *o);

static inline size_t
out_pending(const struct out *o)
{
    return o->bytes.len - o->sent + o->ref_pending;
}

/* Memory held, references not counted. */
static inline size_t
out_memory(const struct out *o)
{
    return o->bytes.cap + o->ref_cap * sizeof(struct out_ref);
}

#endif

/* store/listpack.h - writing the packed forms in which small collections lie in a snapshot.
 *
 * A listpack: bytes in all (4), elements (2, 65535: count them), then elements, each with its length behind it so that
 * it can be read backwards, then 0xff. A text that is an integer is written as one.
 */
#ifndef SORREL_STORE_LISTPACK_H
#define SORREL_STORE_LISTPACK_H

#include "base/buf.h"

enum { LISTPACK_HEAD = 6, LISTPACK_END = 0xff, LISTPACK_COUNT_MAX = 65535, LISTPACK_ELEMENT_OVERHEAD = 10 };

/* A listpack under construction at the end of a buffer, which nobody else changes meanwhile. */
struct listpack {
    struct buf *out;
    size_t start, count;
};

struct listpack listpack_begin(struct buf *out);
void listpack_add(struct listpack *lp, struct slice s);
void listpack_add_int(struct listpack *lp, int64_t v);
void listpack_add_score(struct listpack *lp, double score);
static inline size_t
listpack_bytes(const struct listpack *lp)
{
    return lp->out->len - lp->start;
}
/* Completes it; listpack_bytes() stays below 4 GiB by the caller's care. */
void listpack_end(struct listpack *lp);

/* How an element's own length is written behind it; shared with the reader. Returns the bytes it takes, 1 to 5. */
size_t listpack_back_len(size_t len, unsigned char out[5]);

#endif

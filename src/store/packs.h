/* store/packs.h - reading the packed forms that servers have written over the years, trusting none of them.
 *
 * A cursor walks a block from front to back and checks every byte that it passes: lengths stay inside the block,
 * lengths written backwards agree, the end is where the header says. Nothing is allocated.
 */
#ifndef SORREL_STORE_PACKS_H
#define SORREL_STORE_PACKS_H

#include "base/number.h"
#include "base/slice.h"

enum pack_form { PACK_LISTPACK, PACK_ZIPLIST, PACK_ZIPMAP, PACK_INTSET };
enum pack_next { PACK_ITEM, PACK_END, PACK_BAD };

struct pack_cursor {
    enum pack_form form;
    const unsigned char *start, *p, *end; /* end: one past the block */
    size_t count, want;                   /* elements so far; as the header says, SIZE_MAX: it does not */
    size_t last_len;                      /* of the element before, as ziplists want it */
    size_t tail;                          /* ziplist: offset of the last element, as the header says */
    size_t last_at;
    unsigned width; /* intset: bytes of an element */
    int64_t last_int;
    const char *why; /* set with PACK_BAD */
};

/* An element; an integer's text is in `text`, so a copy of the struct needs pack_item_moved(). */
struct pack_item {
    struct slice s;
    bool is_int;
    int64_t i;
    char text[INT64_TEXT_MAX];
};

/* False with why set when not even the header is right. The bytes outlive the cursor. */
bool pack_open(struct pack_cursor *c, enum pack_form form, struct slice bytes);
enum pack_next pack_next(struct pack_cursor *c, struct pack_item *out);

static inline struct slice
pack_item_slice(const struct pack_item *it)
{
    return it->is_int ? slice_of(it->text, it->s.len) : it->s;
}

#endif

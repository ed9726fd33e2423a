/* value/stream_priv.h - the body of a stream, shared by stream.c (entries) and stream_group.c. */
#ifndef SORREL_VALUE_STREAM_PRIV_H
#define SORREL_VALUE_STREAM_PRIV_H

#include "ds/btree.h"
#include "value/stream.h"

struct stream_body {
    struct btree blocks;       /* struct stream_block by base id */
    struct stream_block *last; /* the one that is appended to; NULL when there is none */
    uint64_t length;
    uint64_t entries_added;
    struct stream_id last_id, max_deleted_id;
    size_t block_bytes;           /* memory of all blocks */
    struct stream_group **groups; /* sorted by name */
    size_t group_count;
    struct stream_idmp *idmp; /* NULL: never used */
};

/* NULL is fine for each of them. */
void stream__idmp_free(struct stream_idmp *m);
struct stream_idmp *stream__idmp_copy(const struct stream_idmp *m);
size_t stream__idmp_bytes(const struct stream_idmp *m);

static inline struct stream_body *
stream__body(const struct stream *s)
{
    return handle_ptr(&s->h);
}

/* The body, made if there is none yet. */
struct stream_body *stream__body_make(struct stream *s);
/* Frees all groups, copies all groups, counts their memory. */
void stream__groups_fini(struct stream_body *b);
void stream__groups_copy(struct stream_body *to, const struct stream_body *from);
size_t stream__groups_bytes(const struct stream_body *b);

#endif

/* cmd/cmd_stream_priv.h - what the files of the stream family share: ids as arguments and replies, access to streams.
 */
#ifndef SORREL_CMD_CMD_STREAM_PRIV_H
#define SORREL_CMD_CMD_STREAM_PRIV_H

#include "engine/exec.h"
#include "value/stream.h"

enum { STREAM__ID_TEXT_MAX = 44 };

/* "ms-seq" or "ms"; missing_seq stands for a part that is not given. Any failure has redis's text. */
enum rc stream__arg_id(struct exec *x, struct slice arg, uint64_t missing_seq, struct stream_id *out);
/* Bounds of a range: "-", "+", an id, "(" before it leaves the bound itself out. */
enum rc stream__arg_range(struct exec *x, struct slice start, struct slice end, struct stream_id *from,
                          struct stream_id *to);
size_t stream__id_text(char out[STREAM__ID_TEXT_MAX], struct stream_id id);
void stream__reply_id(struct exec *x, struct stream_id id);
/* [id, [name, value, …]] */
void stream__reply_entry(struct exec *x, struct stream_entry *e);
/* The two without the array around them. */
void stream__reply_entry_parts(struct exec *x, struct stream_entry *e);
/* The id as an argument for propagation, in the arena. */
struct slice stream__id_arg(struct exec *x, struct stream_id id);

/* KEEPREF, DELREF, ACKED: false if the word is none of them. */
bool stream__arg_refs(struct slice word, enum stream_refs *out);
/* IDS numids id…, beginning at argument *at, which moves to the last id. The ids go to the arena. */
enum rc stream__arg_ids(struct exec *x, int *at, struct stream_id **ids, int64_t *n);

/* Messages of producers (cmd_stream_idmp.c): what XADD was told of one. */
struct stream__message {
    struct slice pid, iid; /* pid without bytes: no such message */
    bool hashed;           /* the iid is made from the fields */
};
/* Reads IDMP or IDMPAUTO at argument *at, moving it to the option's last word. *found tells. */
enum rc stream__message_option(struct exec *x, struct stream__message *m, int *at, bool *found);
/* Completes it from the fields, and looks whether the stream has it already. */
bool stream__message_known(struct exec *x, struct stream__message *m, const struct slice *fields, int n,
                           const struct stream *s, struct stream_id *id);
void stream__message_added(struct exec *x, const struct stream__message *m, struct stream *s, struct stream_id id);

/* "NOGROUP No such key ..." */
enum rc stream__fail_no_key_or_group(struct exec *x, struct slice key, struct slice group);

/* One more: XNACK FATAL sets the largest number, and there it stays. */
static inline uint64_t
stream__count_delivery(uint64_t deliveries)
{
    return deliveries < INT64_MAX ? deliveries + 1 : deliveries;
}

/* For how long an entry has been pending: -1 when it was given back. */
static inline int64_t
stream__idle(const struct exec *x, const struct stream_group *g, const struct stream_pending *p)
{
    int64_t idle = x->now_ms - p->delivered_ms;

    return p->consumer == g->nobody ? -1 : idle < 0 ? 0 : idle;
}

/* *out is NULL when the key is absent. */
enum rc stream__read(struct exec *x, struct slice key, const struct stream **out);
enum rc stream__edit(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct stream **s);

#endif

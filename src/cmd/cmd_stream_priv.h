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
/* The id as an argument for propagation, in the arena. */
struct slice stream__id_arg(struct exec *x, struct stream_id id);

/* "NOGROUP No such key ..." */
enum rc stream__fail_no_key_or_group(struct exec *x, struct slice key, struct slice group);

/* *out is NULL when the key is absent. */
enum rc stream__read(struct exec *x, struct slice key, const struct stream **out);
enum rc stream__edit(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct stream **s);

#endif

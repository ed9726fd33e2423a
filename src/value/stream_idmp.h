/* value/stream_idmp.h - what producers have added to a stream lately, so that a message sent twice is added once.
 *
 * A producer (pid) gives each message an id of its own (iid). The stream remembers the last of them, at most `max_ids`
 * of each producer and none for longer than `duration_s`, with the id that the entry got. An iid's age is that of its
 * entry's id. Cost: O(log n); what has expired goes a few at a time as others come.
 */
#ifndef SORREL_VALUE_STREAM_IDMP_H
#define SORREL_VALUE_STREAM_IDMP_H

#include "base/buf.h"
#include "value/stream.h"

enum { STREAM_IDMP_DURATION_MAX = 86400, STREAM_IDMP_IDS_MAX = 10000 };

struct stream_idmp_limits {
    uint32_t duration_s, max_ids;
};

struct stream_idmp_state {
    struct stream_idmp_limits limits;
    size_t producers, ids;
    uint64_t added, duplicates;
};
/* False when the stream has never had to do with it. */
bool stream_idmp_state(const struct stream *s, struct stream_idmp_state *out);
/* Limits of its own for this stream; what is remembered is forgotten if they differ from those before. */
void stream_idmp_configure(struct stream *s, struct stream_idmp_limits limits);
/* The entry that this message became, if that is remembered. */
bool stream_idmp_find(const struct stream *s, struct slice pid, struct slice iid, int64_t now_ms, struct stream_id *id);
void stream_idmp_count_duplicate(struct stream *s);
/* Remembers it, in place of an older one with the same iid; `limits` are for a stream that has none of its own yet. */
void stream_idmp_record(struct stream *s, struct stream_idmp_limits limits, struct slice pid, struct slice iid,
                        struct stream_id id, int64_t now_ms);

/* All of it as bytes, for snapshots. False if they are none that save() wrote; the stream is then as it was. */
void stream_idmp_save(const struct stream *s, struct buf *out);
bool stream_idmp_load(struct stream *s, struct slice bytes);

#endif

/* tests/support/values.c - see values.h. */
#include "support/values.h"

#include "value/hash.h"
#include "value/json.h"
#include "value/list.h"
#include "value/set.h"
#include "value/stream.h"
#include "value/zset.h"

bool
value_verify(struct entry *e)
{
    switch (entry_type(e)) {
    case TYPE_LIST: return list_verify((const struct list *)entry_handle(e));
    case TYPE_SET: return set_verify((const struct set *)entry_handle(e));
    case TYPE_ZSET: return zset_verify((const struct zset *)entry_handle(e));
    case TYPE_HASH: return hash_verify((const struct hash *)entry_handle(e));
    case TYPE_STREAM: return stream_verify((const struct stream *)entry_handle(e));
    case TYPE_JSON: return json_verify((const struct json *)entry_handle(e));
    default: return true;
    }
}

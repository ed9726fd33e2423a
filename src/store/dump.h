/* store/dump.h - one value as bytes, for DUMP, RESTORE and MIGRATE. */
#ifndef SORREL_STORE_DUMP_H
#define SORREL_STORE_DUMP_H

#include "base/buf.h"
#include "engine/cmd.h"
#include "value/entry.h"

/* Appends the entry's value, without key and expiry. */
void dump_value(struct entry *e, bool compress, struct buf *out);

enum dump_trouble { DUMP_FINE, DUMP_BAD_FOOTER, DUMP_BAD_FORMAT };
/* Makes an entry under that key, without expiry. The payload is not trusted. */
enum dump_trouble dump_read(struct slice payload, struct slice key, const struct value_limits *limits,
                            struct entry **out);

extern const struct cmd store_dump_family[];

#endif

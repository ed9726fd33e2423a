/* store/dump.h - one value as bytes, for DUMP, RESTORE and MIGRATE. */
#ifndef SORREL_STORE_DUMP_H
#define SORREL_STORE_DUMP_H

#include "base/buf.h"
#include "base/pulse.h"
#include "engine/cmd.h"
#include "value/entry.h"

/* Appends the entry's value, without key and expiry. False when p, which may be NULL, has said that it is not wanted
 * any more. */
bool dump_value(struct entry *e, bool compress, struct pulse *p, struct buf *out);

enum dump_trouble { DUMP_FINE, DUMP_BAD_FOOTER, DUMP_BAD_FORMAT };
/* Makes an entry under that key, without expiry. The payload is not trusted; when there is something wrong with it, or
 * p says that it is not wanted any more, *out is what there is of a value until then, to be freed, or NULL. p may be
 * NULL. */
enum dump_trouble dump_read(struct slice payload, struct slice key, const struct value_limits *limits, struct pulse *p,
                            struct entry **out);

extern const struct cmd store_dump_family[];

#endif

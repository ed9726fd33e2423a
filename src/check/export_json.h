/* check/export_json.h - a key and its value as one line of JSON. */
#ifndef SORREL_CHECK_EXPORT_JSON_H
#define SORREL_CHECK_EXPORT_JSON_H

#include "base/buf.h"
#include "value/entry.h"

/* {"db":0,"key":…,"type":"hash","expire_ms":…,"members_expire_ms":[["field",…],…],"value":…} and a newline. Bytes that
 * are not UTF-8 are {"base64":"…"}. */
void export_json(struct buf *out, int db, struct entry *e);

#endif

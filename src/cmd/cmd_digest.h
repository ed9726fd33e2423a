/* cmd/cmd_digest.h - one number for what a key or the whole keyspace holds: DEBUG DIGEST, DEBUG DIGEST-VALUE.
 *
 * Equal datasets give equal digests, whatever their encodings and history; the digests are those of redis-server 7 for
 * strings, lists, sets, sorted sets and hashes (found out by asking it about small datasets; see cmd_digest.c).
 */
#ifndef SORREL_CMD_CMD_DIGEST_H
#define SORREL_CMD_CMD_DIGEST_H

#include "base/sha1.h"
#include "engine/exec.h"

/* Adds the value of e to a digest (which may be zero, or that of the key). */
void digest_value(unsigned char digest[SHA1_BYTES], struct entry *e);
/* Of all databases. */
void digest_keyspace(struct exec *x, unsigned char digest[SHA1_BYTES]);

#endif

/* proto/reply.h - writing replies in RESP2 or RESP3.
 *
 * Writers never fail. Simple strings and errors replace CR, LF and NUL by blanks, so no name or value can forge a
 * reply. In RESP2 the RESP3 types fall back as redis does: maps and sets to arrays (a map has twice the elements),
 * doubles and big numbers to bulk strings, booleans to 0 and 1, null to $-1, pushes to arrays.
 */
#ifndef SORREL_PROTO_REPLY_H
#define SORREL_PROTO_REPLY_H

#include "base/out.h"

struct reply {
    struct out *out;
    int resp; /* 2 or 3 */
};

void reply_put_simple(struct reply *r, struct slice s);
void reply_put_error(struct reply *r, struct slice line); /* "ERR text", without '-' */
void reply_put_int(struct reply *r, int64_t v);
void reply_put_bulk(struct reply *r, struct slice s);
/* A bulk string whose bytes are sent from where they are; release(owner) comes later. */
void reply_put_bulk_ref(struct reply *r, struct slice s, void (*release)(void *), void *owner);
void reply_put_null(struct reply *r);       /* _ or $-1 */
void reply_put_null_array(struct reply *r); /* _ or *-1 */
void reply_put_array(struct reply *r, size_t n);
void reply_put_map(struct reply *r, size_t pairs);
void reply_put_set(struct reply *r, size_t n);
void reply_put_push(struct reply *r, size_t n);
void reply_put_attribute(struct reply *r, size_t pairs); /* RESP3 only; nothing in RESP2, pairs then must not follow */
void reply_put_double(struct reply *r, double v);
/* A double in a form of one's own: digits that RESP2 sends as a bulk string. */
void reply_put_double_text(struct reply *r, struct slice text);
void reply_put_bool(struct reply *r, bool v);
void reply_put_verbatim(struct reply *r, const char format[3], struct slice s);
void reply_put_bignum(struct reply *r, struct slice digits);

/* An array (map, set) whose length is known only after its elements have been written. `mark` remembers the place;
 * closing inserts the header there. The space reserved for it makes that a memmove of the elements only when needed. */
struct reply_mark {
    size_t at;
    uint32_t refs;
};
struct reply_mark reply_mark_here(struct reply *r);
/* Forgets the mark and everything written since, references included. */
void reply_drop_mark(struct reply *r, struct reply_mark m);
void reply_close_array(struct reply *r, struct reply_mark m, size_t n);
void reply_close_map(struct reply *r, struct reply_mark m, size_t pairs);
void reply_close_set(struct reply *r, struct reply_mark m, size_t n);

#endif

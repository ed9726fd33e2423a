/* tests/support/loopback.h - an engine with its host in one process, without sockets, on a clock that moves when told.
 *
 * For script tests and fuzzers. Sessions are small numbers; bytes go in, reply bytes come out. Whatever the engine asks
 * of its host is done before a call returns.
 */
#ifndef SORREL_TESTS_LOOPBACK_H
#define SORREL_TESTS_LOOPBACK_H

#include "base/buf.h"
#include "engine/engine.h"

enum { LOOPBACK_SESSIONS = 64 };
#define LOOPBACK_START_MS INT64_C(1700000000000)

struct loopback_session {
    struct session *session; /* NULL: not open */
    struct buf in;           /* not yet used up by the engine */
    struct buf out;          /* replies nobody has taken yet */
    bool closed;             /* the engine wanted it closed */
};

struct loopback {
    struct engine *engine;
    int64_t now_us;
    /* what each look at the monotonic clock adds to it: 0, unless something must end */
    int64_t mono_step_ns, mono_extra_ns;
    struct loopback_session sessions[LOOPBACK_SESSIONS];
};

struct loopback *loopback_new(uint64_t seed);
/* With one family of commands more, which is not of the engine: DUMP and RESTORE, say. NULL: none. */
struct loopback *loopback_new_with(uint64_t seed, const struct cmd *family);
void loopback_free(struct loopback *l);
/* False when that number is out of range or open already. */
bool loopback_open(struct loopback *l, unsigned number);
void loopback_close(struct loopback *l, unsigned number);
/* Feeds bytes to a session, which must be open, and lets everything that follows happen. */
void loopback_feed(struct loopback *l, unsigned number, struct slice bytes);
/* Feeds one command, its words as they are. */
void loopback_command(struct loopback *l, unsigned number, const struct slice *argv, size_t argc);
/* Lets time pass, with all that is due. */
void loopback_advance(struct loopback *l, int64_t ms);

#endif

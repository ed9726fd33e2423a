/* tests/support/talk.h - what goes into a session and comes out of it, without sockets. */
#ifndef SORREL_TESTS_TALK_H
#define SORREL_TESTS_TALK_H

#include "base/buf.h"
#include "base/out.h"
#include "engine/session.h"

struct talk {
    struct buf in, out; /* the last line sent, and what talk_take() returned */
};

void talk_fini(struct talk *t);
/* Sends a line, written as with printf(): an inline command. False: it was held back, and is not sent again. */
bool talk_say(struct talk *t, struct session *s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* All that the session has to send, as a string that lives until the next call; nothing is left to be sent. */
const char *talk_take(struct talk *t, struct session *s);
/* Appends all that is to be sent, as a socket would take it. */
void talk_drain(struct out *from, struct buf *to);

#endif

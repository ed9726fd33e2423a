/* client/reply.h - from the public, opaque reply to the parser's tree and back.
 *
 * For this folder and the tools beside it; programs outside use sorrel/reply.h.
 */
#ifndef SORREL_CLIENT_REPLY_H
#define SORREL_CLIENT_REPLY_H

#include "proto/reply_read.h"
#include "sorrel/reply.h"

static inline const struct resp_value *
reply_value(const struct sorrel_reply *r)
{
    return (const struct resp_value *)r;
}

static inline const struct sorrel_reply *
value_reply(const struct resp_value *v)
{
    return (const struct sorrel_reply *)v;
}

_Static_assert((int)SORREL_PUSH == (int)RESP_PUSH && (int)SORREL_STATUS == (int)RESP_STATUS &&
                   (int)SORREL_BIGNUM == (int)RESP_BIGNUM && (int)SORREL_MAP == (int)RESP_MAP,
               "the public types of replies are the parser's");

#endif

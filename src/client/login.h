/* client/login.h - the commands that begin a connection, for blocking and event-driven ones alike. */
#ifndef SORREL_CLIENT_LOGIN_H
#define SORREL_CLIENT_LOGIN_H

#include "base/number.h"
#include "sorrel/reply.h"
#include "sorrel/url.h"

enum { LOGIN_STEPS = 3, LOGIN_ARGS_MAX = 8 };

struct login_command {
    const char *argv[LOGIN_ARGS_MAX];
    int argc;               /* 0: this URL has no such step */
    enum sorrel_rc refused; /* what an error reply to it means */
    char number[INT64_TEXT_MAX + 1];
};

/* Step 0 is HELLO or AUTH, 1 CLIENT SETNAME, 2 SELECT. The arguments are the URL's and the struct's. */
void login_step(const struct sorrel_url *u, int step, struct login_command *out);

/* What an error reply to such a command means: `refused`, unless it says that the server takes nobody at all just now.
 */
enum sorrel_rc login_refusal(enum sorrel_rc refused, const struct sorrel_reply *r);

#endif

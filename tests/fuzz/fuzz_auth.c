/* The ways to log in and out, beside a model: AUTH, HELLO, RESET, changes of users and passwords while people are
 * logged in, over three sessions. Nobody is ever somebody else, or let in, but by the right password.
 *
 * Each byte of the input is a step; its arguments are the bytes that follow. */
#include "engine/acl.h"
#include "support/loopback.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SESSIONS = 3, ADMIN = 9, USERS = 4, PASSWORDS = 4, STEPS_MAX = 300, NOBODY = -1 };

static const struct slice names[USERS + 1] = {LIT_INIT("default"), LIT_INIT("alice"), LIT_INIT("bob"),
                                              LIT_INIT("carol"), LIT_INIT("nosuch")};
static const struct slice passwords[PASSWORDS] = {LIT_INIT("one"), LIT_INIT("two"), {"\0\xff\r\n", 4}, LIT_INIT("")};

struct model {
    struct loopback *l;
    bool exists[USERS], on[USERS], nopass[USERS], known[USERS][PASSWORDS];
    int user[SESSIONS]; /* NOBODY: has to log in */
};

struct input {
    const uint8_t *at, *end;
};

static unsigned
next(struct input *in, unsigned below)
{
    return in->at < in->end ? *in->at++ % below : 0;
}

static struct slice
run(struct model *m, unsigned session, const struct slice *argv, size_t argc)
{
    struct buf *out = &m->l->sessions[session].out;

    buf_reset(out);
    loopback_command(m->l, session, argv, argc);
    return buf_slice(out);
}

static bool
lets_in(const struct model *m, unsigned user, unsigned password)
{
    return user < USERS && m->exists[user] && m->on[user] && (m->nopass[user] || m->known[user][password]);
}

/* -- steps ------------------------------------------------------------------------------------------------------- */

static void
step_auth(struct model *m, struct input *in, unsigned s)
{
    bool named = next(in, 3) > 0;
    unsigned user = named ? next(in, USERS + 1) : 0, password = next(in, PASSWORDS);
    struct slice argv[] = {LIT("AUTH"), named ? names[user] : passwords[password], passwords[password]};
    struct slice reply = run(m, s, argv, named ? 3 : 2);

    if (!named && m->nopass[0]) {
        CHECK(slice_starts(reply, LIT("-ERR AUTH <password> called")));
        return;
    }
    if (lets_in(m, user, password)) {
        CHECK(slice_eq(reply, LIT("+OK\r\n")));
        m->user[s] = (int)user;
    } else {
        CHECK(slice_starts(reply, LIT("-WRONGPASS ")));
    }
}

static void
step_hello(struct model *m, struct input *in, unsigned s)
{
    static const struct slice versions[] = {LIT_INIT("2"), LIT_INIT("3"), LIT_INIT("4"), LIT_INIT("x")};
    unsigned version = next(in, 4), user = next(in, USERS + 1), password = next(in, PASSWORDS), form = next(in, 4);
    struct slice argv[] = {LIT("HELLO"),        versions[version], LIT("AUTH"), names[user],
                           passwords[password], LIT("SETNAME"),    LIT("me")};
    static const size_t counts[] = {2, 5, 7, 4}; /* the last one lacks its password */
    struct slice reply = run(m, s, argv, counts[form]);
    bool bad = version > 1 || form == 3;

    if (!bad && form > 0 && !lets_in(m, user, password))
        CHECK(slice_starts(reply, LIT("-WRONGPASS ")));
    else if (!bad && form > 0)
        m->user[s] = (int)user;
    else if (!bad && m->user[s] == NOBODY)
        CHECK(slice_starts(reply, LIT("-NOAUTH ")));
    if (bad)
        CHECK(reply.ptr[0] == '-');
}

static void
step_reset(struct model *m, unsigned s)
{
    struct slice argv = LIT("RESET");

    CHECK(slice_eq(run(m, s, &argv, 1), LIT("+RESET\r\n")));
    m->user[s] = m->nopass[0] && m->on[0] ? 0 : NOBODY;
}

static void
step_change_user(struct model *m, struct input *in)
{
    unsigned user = next(in, USERS), password = next(in, PASSWORDS), what = next(in, 7);
    char text[16] = ">";
    struct slice argv[] = {LIT("ACL"), LIT("SETUSER"), names[user], LIT("on")};

    memcpy(text + 1, passwords[password].ptr, passwords[password].len);
    struct slice add = slice_of(text, passwords[password].len + 1);
    if (!m->exists[user])
        memset(m->known[user], 0, sizeof(m->known[user]));
    switch (what) {
    case 0: m->on[user] = true; break;
    case 1:
        argv[3] = LIT("off");
        m->on[user] = false;
        break;
    case 2:
        argv[3] = LIT("nopass");
        m->nopass[user] = true;
        memset(m->known[user], 0, sizeof(m->known[user]));
        break;
    case 3:
        argv[3] = LIT("resetpass");
        m->nopass[user] = false;
        memset(m->known[user], 0, sizeof(m->known[user]));
        break;
    case 4:
        if (user == 0)
            return;
        argv[1] = LIT("DELUSER");
        (void)run(m, ADMIN, argv, 3);
        m->exists[user] = m->on[user] = m->nopass[user] = false;
        for (unsigned s = 0; s < SESSIONS; s++) {
            if (m->user[s] != (int)user)
                continue;
            CHECK(m->l->sessions[s].session == NULL); /* thrown out at once */
            CHECK(loopback_open(m->l, s));
            m->user[s] = m->nopass[0] && m->on[0] ? 0 : NOBODY;
        }
        return;
    default:
        argv[3] = add;
        m->nopass[user] = false;
        m->known[user][password] = true;
        break;
    }
    if (!m->exists[user]) {
        m->exists[user] = true;
        m->on[user] = what == 0;
    }
    CHECK(slice_eq(run(m, ADMIN, argv, 4), LIT("+OK\r\n")));
}

static void
step_reopen(struct model *m, unsigned s)
{
    loopback_close(m->l, s);
    CHECK(loopback_open(m->l, s));
    m->user[s] = m->nopass[0] && m->on[0] ? 0 : NOBODY;
}

/* -- what must hold ---------------------------------------------------------------------------------------------- */

static void
check(struct model *m)
{
    struct slice whoami[] = {LIT("ACL"), LIT("WHOAMI")}, get[] = {LIT("GET"), LIT("k")};

    for (unsigned s = 0; s < SESSIONS; s++) {
        const struct session *session = m->l->sessions[s].session;
        CHECK(session != NULL);
        CHECK(session_authenticated(session) == (m->user[s] != NOBODY));
        if (m->user[s] == NOBODY) {
            CHECK(slice_eq(run(m, s, get, 2), LIT("-NOAUTH Authentication required.\r\n")));
            CHECK(slice_eq(run(m, s, whoami, 2), LIT("-NOAUTH Authentication required.\r\n")));
        } else {
            CHECK(slice_eq(acl_user_name(session_user(session)), names[m->user[s]]));
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct model m = {.l = loopback_new(3), .exists = {true}, .on = {true}, .nopass = {true}};

    /* is the default user, and stays logged in whatever happens to that one's password */
    CHECK(loopback_open(m.l, ADMIN));
    for (unsigned s = 0; s < SESSIONS; s++) {
        CHECK(loopback_open(m.l, s));
        m.user[s] = 0;
    }
    for (int i = 0; i < STEPS_MAX && in.at < in.end; i++) {
        unsigned what = next(&in, 16), s = next(&in, SESSIONS);
        if (what < 5)
            step_auth(&m, &in, s);
        else if (what < 9)
            step_hello(&m, &in, s);
        else if (what < 10)
            step_reset(&m, s);
        else if (what < 15)
            step_change_user(&m, &in);
        else
            step_reopen(&m, s);
        check(&m);
    }
    loopback_free(m.l);
    return 0;
}

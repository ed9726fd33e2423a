/* client/login.c - see login.h. */
#include "client/login.h"

#include "base/slice.h"

/* AUTH's or HELLO's user and password. A URL with one name and no password ("redis://secret@host") means a password. */
static void
add_credentials(const struct sorrel_url *u, bool hello, struct login_command *c)
{
    const char *user = u->password != NULL ? u->username : NULL;
    const char *password = u->password != NULL ? u->password : u->username;

    if (password == NULL)
        return;
    c->refused = SORREL_ERR_AUTH;
    c->argv[c->argc++] = "AUTH";
    if (user != NULL || hello)
        c->argv[c->argc++] = user != NULL ? user : "default";
    c->argv[c->argc++] = password;
}

void
login_step(const struct sorrel_url *u, int step, struct login_command *out)
{
    *out = (struct login_command){.refused = SORREL_ERR_SERVER};
    if (step == 0) {
        if (u->protocol == 3) {
            out->argv[out->argc++] = "HELLO";
            out->argv[out->argc++] = "3";
        }
        add_credentials(u, u->protocol == 3, out);
    } else if (step == 1 && u->client_name != NULL) {
        out->argv[0] = "CLIENT";
        out->argv[1] = "SETNAME";
        out->argv[2] = u->client_name;
        out->argc = 3;
    } else if (step == 2 && u->db != 0) {
        out->number[format_int64(out->number, u->db)] = '\0';
        out->argv[0] = "SELECT";
        out->argv[1] = out->number;
        out->argc = 2;
    }
}

enum sorrel_rc
login_refusal(enum sorrel_rc refused, const struct sorrel_reply *r)
{
    size_t len = 0;
    const char *text = sorrel_reply_text(r, &len);
    struct slice line = slice_of(text != NULL ? text : "", len);

    /* A full server answers whatever comes first with this, a password included, and closes. */
    return slice_starts(line, LIT("ERR max number of clients")) || slice_starts(line, LIT("LOADING "))
               ? SORREL_ERR_CONNECT
               : refused;
}

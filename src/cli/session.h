/* cli/session.h - a connection that remembers what was agreed on, and shows what comes back.
 *
 * The session knows the database, the protocol, the user and whether a transaction is open, so that after a reconnect
 * everything is as it was, and a prompt can tell.
 */
#ifndef SORREL_CLI_SESSION_H
#define SORREL_CLI_SESSION_H

#include "cli/options.h"
#include "sorrel/conn.h"

enum outcome {
    OUTCOME_OK,
    OUTCOME_ERROR_REPLY, /* shown */
    OUTCOME_FAILED,      /* no connection, or it broke; shown */
    OUTCOME_INTERRUPTED, /* by Ctrl-C */
};

struct session {
    const struct options *opt;
    struct sorrel_url url;    /* as opt->url, then changed by AUTH, SELECT, HELLO and connect */
    struct sorrel_conn *conn; /* NULL: not connected */
    bool one_shot;            /* one command, not a line of many: -e means it */
    bool in_multi;
    int64_t db_before_multi; /* SELECTs inside a transaction that is discarded do not count */
    bool messages_seen;      /* since the last SUBSCRIBE: it was not refused */
    bool subscribed;         /* messages come, and commands may be typed in between */
    bool interrupted;        /* the last wait for a reply was ended by Ctrl-C */
    int interrupt_fd;        /* a signalfd for SIGINT, or -1 */
    int key_fd;              /* the terminal where someone could type while messages come, or -1 */
    const struct palette *colours;
    bool pages;      /* long replies go through a pager */
    struct buf text; /* reused */
};

void session_init(struct session *s, const struct options *o);
void session_fini(struct session *s);
/* Connects and logs in; what fails is said on standard error. False when there is no connection: a refused login leaves
 * the connection open, for the server to say so again. */
bool session_connect(struct session *s);
void session_disconnect(struct session *s);
/* Connects to another place and forgets the old one. */
bool session_connect_to(struct session *s, const char *host, uint16_t port);

/* Sends the command and shows its reply, or for MONITOR and SUBSCRIBE all that follow until they are interrupted. With
 * a key_fd, a key ends the showing of messages as well, with the session still subscribed. */
enum outcome session_run(struct session *s, int argc, const struct slice *argv);
/* The same `repeat` times (-1: for ever), with the interval in between. Stops at what is not OUTCOME_OK/ERROR_REPLY. */
enum outcome session_repeat(struct session *s, int argc, const struct slice *argv, int64_t repeat);
/* Sends the command and returns its reply without showing it; NULL, having said why, when that fails. For modes. */
const struct resp_value *session_ask(struct session *s, int argc, const struct slice *argv);

/* The same in two steps, for pipelines: the first sends nothing yet, the second sends all and reads one reply. */
void session_send(struct session *s, int argc, const struct slice *argv);
const struct resp_value *session_receive(struct session *s);

/* The exit code of a mode to which session_ask() or session_receive() gave NULL: 0 if Ctrl-C ended it, else 1. */
int session_exit_code(const struct session *s);

/* Shows what came without being asked for, without waiting; notices that the server has gone. */
void session_take_pushes(struct session *s);

/* Reads SIGINTs from a descriptor from now on, so that they end a reply that is waited for instead of the program. */
void session_catch_interrupts(struct session *s);
/* Waits that long unless interrupted; true if it was. */
bool session_sleep(struct session *s, int64_t us);

#endif

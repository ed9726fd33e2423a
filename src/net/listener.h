/* net/listener.h - sockets that wait for connections: TCP over IPv4 and IPv6, and Unix sockets.
 *
 * The number of connections accepted in one turn is bounded, so that a storm of them starves nobody; when the process
 * has no descriptors left the listener rests until listener_wake().
 */
#ifndef SORREL_NET_LISTENER_H
#define SORREL_NET_LISTENER_H

#include "base/buf.h"
#include "net/loop.h"

struct listener;

struct listener_owner {
    void *ctx;
    /* A new connection, non-blocking: the owner's from now on. */
    void (*accepted)(void *ctx, struct listener *l, int fd);
    /* accept() failed for lack of resources (errno); the listener rests. */
    void (*resting)(void *ctx, struct listener *l, int error);
};

/* One socket for each address that `host` stands for. `host` "*" is every IPv4 address, "::*" every IPv6 address. NULL
 * with errno and a text in *why on failure. */
struct listener *listener_tcp(struct loop *loop, struct listener_owner owner, const char *host, int port, int backlog,
                              struct buf *why);
/* Replaces a socket that a former server left behind. `perm` 0: as the umask has it. */
struct listener *listener_unix(struct loop *loop, struct listener_owner owner, const char *path, unsigned perm,
                               int backlog, struct buf *why);
/* Closes it; a Unix socket's file is removed. NULL is fine. */
void listener_close(struct listener *l);
void listener_wake(struct listener *l);
int listener_fd(const struct listener *l);
void listener_accept_now(struct listener *l); /* instead of waiting for the loop to find that somebody is there */
bool listener_is_unix(const struct listener *l);
int listener_port(const struct listener *l); /* the real one, also when asked for port 0 */
void listener_set_accepts_per_turn(struct listener *l, int n);

/* "ip:port", "[ip6]:port" or "path:0". */
enum { PEER_TEXT_MAX = 128 };
size_t peer_text(int fd, bool local, char out[PEER_TEXT_MAX]);
/* True when the other end is on this machine (loopback address or a Unix socket). */
bool peer_is_local(int fd);
/* TCP_NODELAY, and keep-alive probes after that many seconds of silence (0: none). */
void socket_tune(int fd, int keepalive_s);
/* Small writes may wait for more: TCP_NODELAY off again. */
void socket_delay(int fd);

#endif

/* Sentinels that do not agree. They, and the servers that they speak of, are played by threads of this program, so the
 * URL that it is given does not matter. */
#define _GNU_SOURCE
#include "test.h"

#include <sorrel/sentinel.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNS = 32 };

/* One that plays its part. Whatever it is sent comes in one piece, because nobody sends it a pipeline. */
struct player {
    int fd;
    uint16_t port;
    pthread_t thread;
    const struct player *master; /* whom a Sentinel names; changed while it plays */
    int hang_up;                 /* asks it to close its connections, once */
    int over;
};

static void
say(int fd, const char *text)
{
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
answer(struct player *p, int fd, const char *request, size_t len)
{
    char text[100], port[8];

    if (memmem(request, len, "get-master-addr-by-name", 23) != NULL) {
        const struct player *master = __atomic_load_n(&p->master, __ATOMIC_SEQ_CST);
        int n = snprintf(port, sizeof(port), "%u", master->port);
        snprintf(text, sizeof(text), "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", n, port);
        say(fd, text);
    } else if (memmem(request, len, "SUBSCRIBE", 9) != NULL) {
        say(fd, "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n");
    } else if (memmem(request, len, "ROLE", 4) != NULL) {
        say(fd, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    } else if (memmem(request, len, "BLPOP", 5) == NULL) {
        say(fd, "+PONG\r\n");
    }
}

static void *
play(void *arg)
{
    struct player *p = arg;
    struct pollfd fds[CONNS] = {{.fd = p->fd, .events = POLLIN}};
    char bytes[1000];
    int n = 1;

    while (__atomic_load_n(&p->over, __ATOMIC_SEQ_CST) == 0) {
        (void)poll(fds, (nfds_t)n, 10);
        if (fds[0].revents != 0 && n < CONNS)
            fds[n++] = (struct pollfd){.fd = accept(p->fd, NULL, NULL), .events = POLLIN};
        int hang_up = __atomic_exchange_n(&p->hang_up, 0, __ATOMIC_SEQ_CST);
        for (int i = n - 1; i > 0; i--) {
            ssize_t got = fds[i].revents != 0 ? recv(fds[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT) : -1;
            if (got > 0)
                answer(p, fds[i].fd, bytes, (size_t)got);
            if (got == 0 || hang_up) {
                close(fds[i].fd);
                fds[i] = fds[--n];
            }
        }
    }
    while (n > 0)
        close(fds[--n].fd);
    return NULL;
}

static void
enter(struct player *p, const struct player *master)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    *p = (struct player){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .master = master};
    EXPECT(bind(p->fd, (struct sockaddr *)&at, len) == 0 && listen(p->fd, 64) == 0);
    EXPECT(getsockname(p->fd, (struct sockaddr *)&at, &len) == 0);
    p->port = ntohs(at.sin_port);
    pthread_create(&p->thread, NULL, play, p);
}

static void
leave(struct player *p)
{
    __atomic_store_n(&p->over, 1, __ATOMIC_SEQ_CST);
    pthread_join(p->thread, NULL);
}

static int blocked;

static void *
block(void *arg)
{
    struct sorrel_error err;

    __atomic_store_n(&blocked, 1, __ATOMIC_SEQ_CST);
    EXPECT(sorrel_client_do(arg, 0, &err, "BLPOP", "never", "0", NULL) == NULL);
    __atomic_store_n(&blocked, 0, __ATOMIC_SEQ_CST);
    return NULL;
}

/* The Sentinel that was listened to hangs up. The next one knows of a switch already, of which the first has not heard:
 * whoever waits for the old master is cut loose, though the first one, asked again, would still name it. */
static void
switch_that_the_first_has_not_heard_of(void)
{
    struct player first, second, old, new;
    struct sorrel_error err = {0};
    char url[200];
    pthread_t t;

    enter(&old, NULL);
    enter(&new, NULL);
    enter(&first, &old);
    enter(&second, &old);
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%u,127.0.0.1:%u/0/service", first.port, second.port);
    struct sorrel_client *cl = sorrel_client_open(url, NULL, &err);
    struct sorrel_reply *r = sorrel_client_do(cl, SORREL_READ, &err, "PING", NULL);
    EXPECT(sorrel_reply_is(r, "PONG"));
    sorrel_reply_free(r);
    pthread_create(&t, NULL, block, cl);
    UNTIL(__atomic_load_n(&blocked, __ATOMIC_SEQ_CST) == 1);
    pause_ms(200); /* time to listen, and to wait */
    __atomic_store_n(&second.master, &new, __ATOMIC_SEQ_CST);
    __atomic_store_n(&first.hang_up, 1, __ATOMIC_SEQ_CST);
    UNTIL(__atomic_load_n(&blocked, __ATOMIC_SEQ_CST) == 0);
    leave(&old); /* should the test have failed, this ends the waiting */
    pthread_join(t, NULL);
    sorrel_client_free(cl);
    leave(&new);
    leave(&first);
    leave(&second);
}

TEST_MAIN(TEST(switch_that_the_first_has_not_heard_of))

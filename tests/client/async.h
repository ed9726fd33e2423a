/* tests/client/async.h - what every adapter must do; a program for each includes this after defining four functions:
 * loop_begin(), loop_open(), loop_run_until() and loop_end(). */
#include "test.h"

#include <sorrel/async.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sorrel_async *conn;
static int states_ok, states_bad, replies, failures, order_ok, pushes;
static enum sorrel_rc last_rc;
static bool finished;

static void
on_state(void *ctx, struct sorrel_async *a, enum sorrel_rc rc, const struct sorrel_error *err)
{
    (void)ctx;
    (void)a;
    last_rc = rc;
    states_ok += rc == SORREL_OK;
    states_bad += rc != SORREL_OK;
    EXPECT((err != NULL) == (rc != SORREL_OK));
}

static void
on_push(void *ctx, struct sorrel_async *a, const struct sorrel_reply *push)
{
    (void)ctx;
    (void)a;
    if (sorrel_reply_is(sorrel_reply_at(push, 0), "message"))
        pushes++;
    if (sorrel_reply_is(sorrel_reply_at(push, 0), "subscribe"))
        finished = true;
}

static void
on_number(void *ctx, struct sorrel_async *a, enum sorrel_rc rc, const struct sorrel_reply *r)
{
    int64_t n = 0;

    (void)a;
    replies++;
    if (rc != SORREL_OK)
        failures++;
    else if (sorrel_reply_int(r, &n) && n == (int64_t)(intptr_t)ctx)
        order_ok++;
}

static void
on_last(void *ctx, struct sorrel_async *a, enum sorrel_rc rc, const struct sorrel_reply *r)
{
    on_number(ctx, a, rc, r);
    finished = true;
}

static void
on_any_last(void *ctx, struct sorrel_async *a, enum sorrel_rc rc, const struct sorrel_reply *r)
{
    (void)ctx, (void)a, (void)r;
    EXPECT(rc == SORREL_OK);
    finished = true;
}

static void
close_inside(void *ctx, struct sorrel_async *a, enum sorrel_rc rc, const struct sorrel_reply *r)
{
    (void)ctx;
    (void)rc;
    (void)r;
    sorrel_async_close(a);
    finished = true;
}

static void
open_to(const char *url, bool no_reconnect)
{
    struct sorrel_async_options o = {.on_state = on_state, .on_push = on_push, .no_reconnect = no_reconnect};
    struct sorrel_url u;

    states_ok = states_bad = replies = failures = order_ok = pushes = 0;
    finished = false;
    EXPECT_OK(sorrel_url_parse(url, &u, &err));
    loop_begin();
    EXPECT_OK(loop_open(&u, &o, &err));
    sorrel_url_fini(&u);
}

static void
calls_in_order(void)
{
    char text[16], *big = malloc(3000001);

    open_to(test_url, false);
    sorrel_async_do(conn, NULL, NULL, "DEL", "async:n", NULL);
    for (intptr_t i = 1; i <= 5000; i++)
        EXPECT(sorrel_async_do(conn, i == 5000 ? on_last : on_number, (void *)i, "INCR", "async:n", NULL) == SORREL_OK);
    EXPECT(sorrel_async_pending(conn) == 5001);
    loop_run_until(&finished, 20000);
    EXPECT(states_ok == 1 && states_bad == 0 && replies == 5000 && order_ok == 5000 && sorrel_async_pending(conn) == 0);
    /* More than any socket buffer holds, in both directions. */
    memset(big, 'x', 3000000);
    big[3000000] = '\0';
    finished = false;
    for (intptr_t i = 0; i < 4; i++) {
        snprintf(text, sizeof(text), "async:b%d", (int)i);
        sorrel_async_do(conn, NULL, NULL, "SET", text, big, NULL);
        sorrel_async_do(conn, NULL, NULL, "GET", text, NULL);
    }
    order_ok = 0;
    sorrel_async_do(conn, on_last, (void *)(intptr_t)3000000, "STRLEN", "async:b3", NULL);
    loop_run_until(&finished, 20000);
    EXPECT(order_ok == 1);
    free(big);
    /* Ends of replies at every place of what TLS reads ahead: nothing may stay there unseen. */
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "%d", 600000 + i * 173);
        finished = false;
        sorrel_async_do(conn, on_any_last, NULL, "GETRANGE", "async:b3", "0", text, NULL);
        loop_run_until(&finished, 20000);
        EXPECT(finished);
    }
    finished = false;
    sorrel_async_do(conn, close_inside, NULL, "PING", NULL);
    sorrel_async_do(conn, on_number, NULL, "PING", NULL);
    failures = 0;
    loop_run_until(&finished, 20000);
    EXPECT(failures == 1);
    conn = NULL;
    loop_end();
}

static void
transactions_and_pushes(void)
{
    char url[300];

    snprintf(url, sizeof(url), "%s%sprotocol=3", test_url, strchr(test_url, '?') != NULL ? "&" : "?");
    for (int resp3 = 0; resp3 < 2; resp3++) {
        open_to(resp3 ? url : test_url, false);
        sorrel_async_do(conn, NULL, NULL, "SUBSCRIBE", "async:c", NULL);
        loop_run_until(&finished, 20000);
        struct sorrel_client *cl = test_client();
        for (int i = 0; i < 10; i++)
            sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "PUBLISH", "async:c", "hello", NULL));
        sorrel_client_free(cl);
        for (int i = 0; i < 1000 && pushes < 10; i++) {
            bool never = false;
            loop_run_until(&never, 10);
        }
        EXPECT(pushes == 10);
        finished = false;
        sorrel_async_do(conn, NULL, NULL, "UNSUBSCRIBE", NULL);
        sorrel_async_do(conn, NULL, NULL, "MULTI", NULL);
        sorrel_async_do(conn, NULL, NULL, "SET", "async:t", "4", NULL);
        sorrel_async_do(conn, NULL, NULL, "EXEC", NULL);
        sorrel_async_do(conn, on_last, (void *)(intptr_t)5, "INCR", "async:t", NULL);
        loop_run_until(&finished, 20000);
        EXPECT(order_ok == 1 && failures == 0);
        sorrel_async_close(conn);
        loop_end();
    }
}

static int refusals;

static void
on_refusal(void *ctx, struct sorrel_async *a, const struct sorrel_reply *push)
{
    (void)ctx, (void)a;
    if (sorrel_reply_type(push) == SORREL_ERROR)
        refusals++;
    else if (sorrel_reply_is(sorrel_reply_at(push, 0), "message"))
        pushes++;
}

/* A subscription that is refused: every other command still gets its own reply. */
static void
refused_subscriptions(void)
{
    static char user[] = "limited", password[] = "pw";
    struct sorrel_async_options o = {.on_state = on_state, .on_push = on_refusal};
    struct sorrel_client *cl = test_client();
    struct sorrel_url u;
    bool never = false;

    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "ACL", "SETUSER", user, "reset", "on", ">pw", "~*", "+@all",
                                       "resetchannels", "&open", NULL));
    for (int protocol = 2; protocol <= 3; protocol++) {
        states_ok = states_bad = replies = failures = order_ok = pushes = refusals = 0;
        finished = false;
        EXPECT_OK(sorrel_url_parse(test_url, &u, &err));
        struct sorrel_url as = u;
        as.username = user;
        as.password = password;
        as.protocol = protocol;
        loop_begin();
        EXPECT_OK(loop_open(&as, &o, &err));
        sorrel_url_fini(&u);
        sorrel_async_do(conn, NULL, NULL, "SET", "async:r", "11", NULL);
        sorrel_async_do(conn, NULL, NULL, "SUBSCRIBE", "open", "closed", NULL);
        sorrel_async_do(conn, on_number, (void *)(intptr_t)12, "INCR", "async:r", NULL);
        sorrel_async_do(conn, NULL, NULL, "LRANGE", "async:none", "0", "-1", NULL);
        sorrel_async_do(conn, on_number, (void *)(intptr_t)13, "INCR", "async:r", NULL);
        sorrel_async_do(conn, NULL, NULL, "SUBSCRIBE", "open", NULL);
        sorrel_async_do(conn, NULL, NULL, "SUBSCRIBE", "closed", NULL);
        sorrel_async_do(conn, on_any_last, NULL, "PING", NULL);
        loop_run_until(&finished, 20000);
        EXPECT(order_ok == 2 && refusals == 2 && states_bad == 0 && sorrel_async_pending(conn) == 0);
        sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "PUBLISH", "open", "hello", NULL));
        for (int i = 0; i < 1000 && pushes < 1; i++)
            loop_run_until(&never, 10);
        EXPECT(pushes == 1);
        finished = false;
        sorrel_async_do(conn, NULL, NULL, "UNSUBSCRIBE", "open", NULL);
        sorrel_async_do(conn, on_last, (void *)(intptr_t)14, "INCR", "async:r", NULL);
        loop_run_until(&finished, 20000);
        EXPECT(order_ok == 3 && sorrel_async_pending(conn) == 0);
        sorrel_async_close(conn);
        loop_end();
    }
    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "ACL", "DELUSER", user, NULL));
    sorrel_client_free(cl);
}

/* Killed in between: what was sent fails, the connection comes back, what comes later succeeds. */
static void
comes_back(void)
{
    struct sorrel_client *cl = test_client();

    open_to(test_url, false);
    sorrel_async_do(conn, on_last, NULL, "DEL", "async:k", NULL);
    loop_run_until(&finished, 20000);
    for (int i = 0; i < 5; i++) {
        finished = false;
        sorrel_async_do(conn, on_last, NULL, "BLPOP", "async:never", "0", NULL);
        bool never = false;
        loop_run_until(&never, 20);
        sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL));
        loop_run_until(&finished, 20000);
        EXPECT(failures == i + 1 && states_bad == i + 1 && last_rc == SORREL_ERR_CLOSED);
        finished = false;
        int before = order_ok;
        EXPECT(sorrel_async_do(conn, on_last, (void *)(intptr_t)(i + 1), "INCR", "async:k", NULL) == SORREL_OK);
        loop_run_until(&finished, 20000);
        EXPECT(order_ok == before + 1 && states_ok == i + 2);
    }
    sorrel_async_close(conn);
    loop_end();
    sorrel_client_free(cl);
}

static void
nobody_there(void)
{
    open_to("redis://127.0.0.1:1", true);
    sorrel_async_do(conn, on_last, NULL, "PING", NULL);
    loop_run_until(&finished, 20000);
    EXPECT(failures == 1 && states_bad == 1 && last_rc == SORREL_ERR_CONNECT);
    EXPECT(sorrel_async_do(conn, on_last, NULL, "PING", NULL) == SORREL_ERR_CLOSED);
    sorrel_async_close(conn);
    loop_end();
    /* A reply that never comes: the socket time-out ends it. */
    char url[300];
    snprintf(url, sizeof(url), "%s%ssocket_timeout=0.2", test_url, strchr(test_url, '?') != NULL ? "&" : "?");
    open_to(url, true);
    sorrel_async_do(conn, on_last, NULL, "BLPOP", "async:never", "0", NULL);
    long long start = mono_ms();
    loop_run_until(&finished, 20000);
    EXPECT(failures == 1 && last_rc == SORREL_ERR_TIMEOUT && mono_ms() - start >= 190 && mono_ms() - start < 3000);
    sorrel_async_close(conn);
    loop_end();
}

/* The resolver as the library finds it: "slow.test" is this machine, once the test says so; "two.test" is two
 * addresses of it; "nowhere.test" is nothing. */
static int lookups_begun, lookups_released, lookups_done;

int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if ((hints->ai_flags & AI_NUMERICHOST) != 0 || host == NULL || strstr(host, ".test") == NULL)
        return real(host, service, hints, out);
    if (strcmp(host, "two.test") == 0)
        return real("127.0.0.2", service, hints, out) != 0 ? EAI_FAIL
                                                           : real("127.0.0.1", service, hints, &(*out)->ai_next);
    if (strcmp(host, "nowhere.test") == 0)
        return EAI_NONAME;
    int mine = __atomic_add_fetch(&lookups_begun, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&lookups_released, __ATOMIC_SEQ_CST) < mine)
        pause_ms(1);
    int error = real("127.0.0.1", service, hints, out);
    __atomic_add_fetch(&lookups_done, 1, __ATOMIC_SEQ_CST);
    return error;
}

static int
count_of(const int *n)
{
    return __atomic_load_n(n, __ATOMIC_SEQ_CST);
}

static void
open_host(const struct sorrel_url *like, char *host, int connect_timeout_ms)
{
    struct sorrel_async_options o = {.on_state = on_state, .no_reconnect = true};
    struct sorrel_url u = *like;

    states_ok = states_bad = replies = failures = order_ok = 0;
    finished = false;
    u.host = host;
    if (u.server_name == NULL && u.tls)
        u.server_name = like->host;
    u.connect_timeout_ms = connect_timeout_ms;
    loop_begin();
    EXPECT_OK(loop_open(&u, &o, &err));
}

/* A resolver that takes its time: the loop goes on turning meanwhile. */
static void
names_are_looked_up_elsewhere(void)
{
    static char slow[] = "slow.test", nowhere[] = "nowhere.test";
    struct sorrel_url u;
    bool never = false;

    EXPECT_OK(sorrel_url_parse(test_url, &u, &err));
    if (u.transport != SORREL_TCP) {
        sorrel_url_fini(&u);
        return;
    }
    open_host(&u, slow, 0);
    sorrel_async_do(conn, on_last, (void *)(intptr_t)7, "STRLEN", "async:name", NULL);
    struct sorrel_client *cl = test_client();
    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "SET", "async:name", "seven b", NULL));
    sorrel_client_free(cl);
    for (int i = 0; i < 1000 && count_of(&lookups_begun) < 1; i++)
        loop_run_until(&never, 10);
    loop_run_until(&never, 20);
    EXPECT(states_ok + states_bad == 0 && replies == 0 && count_of(&lookups_done) == 0);
    __atomic_store_n(&lookups_released, 1, __ATOMIC_SEQ_CST);
    loop_run_until(&finished, 20000);
    EXPECT(states_ok == 1 && order_ok == 1);
    sorrel_async_close(conn);
    loop_end();

    /* Closed while the name is being looked up. */
    open_host(&u, slow, 0);
    sorrel_async_do(conn, on_last, NULL, "PING", NULL);
    for (int i = 0; i < 1000 && count_of(&lookups_begun) < 2; i++)
        loop_run_until(&never, 10);
    sorrel_async_close(conn);
    EXPECT(failures == 1);
    loop_end();

    /* It takes longer than connecting may. */
    open_host(&u, slow, 50);
    sorrel_async_do(conn, on_last, NULL, "PING", NULL);
    loop_run_until(&finished, 20000);
    EXPECT(failures == 1 && states_bad == 1 && last_rc == SORREL_ERR_TIMEOUT);
    sorrel_async_close(conn);
    loop_end();
    UNTIL(count_of(&lookups_begun) == 3);
    __atomic_store_n(&lookups_released, 3, __ATOMIC_SEQ_CST);
    UNTIL(count_of(&lookups_done) == 3);

    /* A name that nobody has. */
    open_host(&u, nowhere, 0);
    sorrel_async_do(conn, on_last, NULL, "PING", NULL);
    loop_run_until(&finished, 20000);
    EXPECT(failures == 1 && states_bad == 1 && last_rc == SORREL_ERR_CONNECT);
    sorrel_async_close(conn);
    loop_end();

    /* Blocking, too, a look-up takes no longer than connecting may. */
    struct sorrel_url blocking = {.host = slow, .connect_timeout_ms = 50};
    struct sorrel_conn *c = NULL;
    struct sorrel_error err = {0};
    EXPECT(sorrel_conn_open(&blocking, &c, &err) == SORREL_ERR_TIMEOUT && strstr(err.text, "looking up") != NULL);
    __atomic_store_n(&lookups_released, 4, __ATOMIC_SEQ_CST);
    UNTIL(count_of(&lookups_done) == 4);
    sorrel_url_fini(&u);
}

/* A name with two addresses, the first of which drops what comes: the second gets its share of the time. */
static void
first_address_does_not_answer(void)
{
    static char two[] = "two.test";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
    struct sorrel_conn *c = NULL;
    struct sorrel_url u;
    int fd = socket(AF_INET, SOCK_STREAM, 0), full[4];

    EXPECT_OK(sorrel_url_parse(test_url, &u, &err));
    at.sin_port = htons(u.port);
    if (u.transport == SORREL_TCP && !u.tls && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
        /* A full backlog: the kernel lets further connects wait. */
        EXPECT(listen(fd, 0) == 0);
        for (int i = 0; i < 4; i++) {
            full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            (void)connect(full[i], (struct sockaddr *)&at, sizeof(at));
        }
        char *host = u.host;
        open_host(&u, two, 1000);
        sorrel_async_do(conn, on_last, (void *)(intptr_t)7, "STRLEN", "async:name", NULL);
        long long start = mono_ms();
        loop_run_until(&finished, 20000);
        EXPECT(states_ok == 1 && order_ok == 1 && mono_ms() - start >= 400);
        sorrel_async_close(conn);
        loop_end();
        u.host = two;
        u.connect_timeout_ms = 1000;
        start = mono_ms();
        EXPECT_OK(sorrel_conn_open(&u, &c, &err));
        EXPECT(mono_ms() - start >= 400);
        sorrel_conn_close(c);
        u.host = host;
        for (int i = 0; i < 4; i++)
            close(full[i]);
    }
    close(fd);
    sorrel_url_fini(&u);
}

TEST_MAIN(TEST(calls_in_order), TEST(transactions_and_pushes), TEST(refused_subscriptions), TEST(comes_back),
          TEST(nobody_there), TEST(names_are_looked_up_elsewhere), TEST(first_address_does_not_answer))

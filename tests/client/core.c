/* Clients, batches, the environment, JSON, pools, servers that hang. */
#define _GNU_SOURCE
#include "test.h"

#include <sorrel/batch.h>
#include <sorrel/env.h>
#include <sorrel/json.h>
#include <sorrel/pubsub.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void
calls_and_errors(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_error err;
    struct sorrel_reply *r = sorrel_client_do(cl, SORREL_REPEAT, &err, "SET", "core:a", "1", NULL);
    int64_t n = 0;

    EXPECT(sorrel_reply_is(r, "OK"));
    sorrel_reply_free(r);
    r = sorrel_client_do(cl, 0, &err, "INCRBY", "core:a", "41", NULL);
    EXPECT(sorrel_reply_int(r, &n) && n == 42);
    sorrel_reply_free(r);
    EXPECT(sorrel_client_do(cl, 0, &err, "LPUSH", "core:a", "x", NULL) == NULL);
    EXPECT(err.code == SORREL_ERR_SERVER && strncmp(err.text, "WRONGTYPE", 9) == 0);
    r = sorrel_client_do(cl, SORREL_READ, &err, "LRANGE", "core:none", "0", "-1", NULL);
    EXPECT(r != NULL && sorrel_reply_type(r) == SORREL_ARRAY && sorrel_reply_count(r) == 0);
    sorrel_reply_free(r);
    sorrel_client_free(cl);
}

static void
batches(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_batch *b = sorrel_batch_new();
    int64_t n;

    for (int i = 0; i < 500; i++) {
        char key[32], value[32];
        snprintf(key, sizeof(key), "batch:%d", i);
        snprintf(value, sizeof(value), "%d", i * 3);
        sorrel_batch_do(b, "SET", key, value, NULL);
        sorrel_batch_do(b, "GET", key, NULL);
    }
    EXPECT_OK(sorrel_batch_run(b, cl, SORREL_REPEAT, &err));
    for (int i = 0; i < 500; i++)
        EXPECT(sorrel_reply_int(sorrel_batch_reply(b, (size_t)i * 2 + 1), &n) && n == i * 3);
    sorrel_batch_reset(b);
    sorrel_batch_do(b, "SET", "{batch}:x", "1", NULL);
    sorrel_batch_do(b, "INCR", "{batch}:x", NULL);
    sorrel_batch_do(b, "LPUSH", "{batch}:x", "no", NULL);
    sorrel_batch_do(b, "INCR", "{batch}:x", NULL);
    EXPECT_OK(sorrel_batch_exec(b, cl, 0, &err));
    EXPECT(sorrel_batch_count(b) == 4 && sorrel_reply_type(sorrel_batch_reply(b, 2)) == SORREL_ERROR);
    EXPECT(sorrel_reply_int(sorrel_batch_reply(b, 3), &n) && n == 3);
    sorrel_batch_reset(b);
    sorrel_batch_do(b, "INCR", "{batch}:x", NULL);
    sorrel_batch_do(b, "NOSUCHCOMMAND", "{batch}:x", NULL);
    struct sorrel_error err = {0};
    EXPECT(sorrel_batch_exec(b, cl, 0, &err) == SORREL_ERR_SERVER && strstr(err.text, "unknown command") != NULL);
    struct sorrel_reply *r = sorrel_client_do(cl, SORREL_READ, NULL, "GET", "{batch}:x", NULL);
    EXPECT(sorrel_reply_int(r, &n) && n == 3);
    sorrel_reply_free(r);
    sorrel_batch_free(b);
    sorrel_client_free(cl);
}

/* Killed connections: repeatable commands do not notice, and the client is whole afterwards. */
static void
killed_connections(void)
{
    struct sorrel_client *cl = test_client(), *killer = test_client();
    struct sorrel_error err;

    for (int i = 0; i < 20; i++) {
        sorrel_reply_free(sorrel_client_do(cl, SORREL_READ, NULL, "PING", NULL));
        sorrel_reply_free(sorrel_client_do(killer, 0, NULL, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL));
        struct sorrel_reply *r = sorrel_client_do(cl, SORREL_REPEAT, &err, "SET", "core:k", "v", NULL);
        EXPECT(sorrel_reply_is(r, "OK"));
        sorrel_reply_free(r);
    }
    struct sorrel_pool_stats stats;
    sorrel_client_stats(cl, &stats);
    EXPECT(stats.taken == 0 && stats.dropped > 0 && stats.open == stats.idle);
    sorrel_client_free(cl);
    sorrel_client_free(killer);
}

static void *
promote_later(void *arg)
{
    struct sorrel_client *cl = arg;

    pause_ms(300);
    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "REPLICAOF", "NO", "ONE", NULL));
    return NULL;
}

/* A master that has become a replica refuses writes; they are tried again until there is a master. */
static void
read_only_for_a_while(void)
{
    struct sorrel_client *cl = test_client(), *other = test_client();
    struct sorrel_client_options never = {.retry_ms = -1};
    struct sorrel_client *impatient = sorrel_client_open(test_url, &never, NULL);
    struct sorrel_batch *b = sorrel_batch_new();
    struct sorrel_error err = {0};
    pthread_t t;

    for (int round = 0; round < 2; round++) {
        sorrel_reply_free(sorrel_client_do(other, 0, NULL, "REPLICAOF", "127.0.0.1", "1", NULL));
        EXPECT(sorrel_client_do(impatient, 0, &err, "SET", "ro", "0", NULL) == NULL);
        EXPECT(err.code == SORREL_ERR_SERVER && strncmp(err.text, "READONLY", 8) == 0);
        pthread_create(&t, NULL, promote_later, other);
        if (round == 0) {
            /* Not even repeatable: it was not executed. */
            struct sorrel_reply *r = sorrel_client_do(cl, 0, &err, "INCR", "ro", NULL);
            EXPECT(r != NULL);
            sorrel_reply_free(r);
        } else {
            sorrel_batch_do(b, "INCR", "ro", NULL);
            sorrel_batch_do(b, "INCR", "ro", NULL);
            EXPECT_OK(sorrel_batch_exec(b, cl, 0, &err));
            int64_t n = 0;
            EXPECT(sorrel_reply_int(sorrel_batch_reply(b, 1), &n) && n == 3);
        }
        pthread_join(t, NULL);
    }
    sorrel_batch_free(b);
    sorrel_reply_free(sorrel_client_do(other, 0, NULL, "DEL", "ro", NULL));
    sorrel_client_free(cl);
    sorrel_client_free(other);
    sorrel_client_free(impatient);
}

static void
nobody_there(void)
{
    struct sorrel_client_options o = {.retry_ms = 300};
    struct sorrel_client *cl = sorrel_client_open("redis://u:geheim@127.0.0.1:1", &o, NULL);
    struct sorrel_error err = {0};
    long long start = mono_ms();

    EXPECT(sorrel_client_do(cl, SORREL_READ, &err, "PING", NULL) == NULL);
    long long took = mono_ms() - start;
    EXPECT(err.code == SORREL_ERR_CONNECT && strstr(err.text, "geheim") == NULL);
    EXPECT(took >= 250 && took < 3000);
    sorrel_client_free(cl);
    EXPECT(sorrel_client_open(NULL, NULL, &err) == NULL && err.code == SORREL_ERR_USAGE);
    o.retry_ms = -1;
    cl = sorrel_client_open("redis://127.0.0.1:1", &o, NULL);
    start = mono_ms();
    EXPECT(sorrel_client_do(cl, SORREL_READ, &err, "PING", NULL) == NULL && mono_ms() - start < 200);
    sorrel_client_free(cl);
}

struct variable {
    const char *name, *value;
};

static const char *
from_table(void *ctx, const char *name)
{
    for (const struct variable *v = ctx; v->name != NULL; v++)
        if (strcmp(v->name, name) == 0)
            return v->value;
    return NULL;
}

#define VARS(...)       \
    (struct variable[]) \
    {                   \
        __VA_ARGS__,    \
        {               \
            0           \
        }               \
    }

static void
environment(void)
{
    struct sorrel_env e;

    EXPECT_OK(sorrel_env_read(from_table, VARS({"X", "y"}), &e, &err));
    EXPECT(!e.enabled && strcmp(e.url.host, "localhost") == 0 && e.url.port == 6379 && e.url.db == 0);
    EXPECT(e.url.username == NULL && e.url.password == NULL && e.url.max_connections == 10);
    EXPECT(e.url.socket_timeout_ms == 5000 && e.url.connect_timeout_ms == 5000 && e.lock_timeout_ms == 60000);
    EXPECT(strcmp(e.websocket.host, "localhost") == 0);
    sorrel_env_fini(&e);
    EXPECT_OK(
        sorrel_env_read(from_table,
                        VARS({"ENABLE_REDIS", "True"}, {"REDIS_HOST", "h"}, {"REDIS_PORT", "7000"}, {"REDIS_DB", "3"},
                             {"REDIS_PASSWORD", "80u7dxerdVK+ZaKp2drp76OKtH0O1EYXLwebTQ/q7mA="},
                             {"REDIS_USERNAME", "me"}, {"REDIS_MAX_CONNECTIONS", "7"}, {"REDIS_SOCKET_TIMEOUT", "1.5"},
                             {"REDIS_SOCKET_CONNECT_TIMEOUT", "0.25"}, {"WEBSOCKET_REDIS_LOCK_TIMEOUT", "30"}),
                        &e, &err));
    EXPECT(e.enabled && strcmp(e.url.password, "80u7dxerdVK+ZaKp2drp76OKtH0O1EYXLwebTQ/q7mA=") == 0 && e.url.db == 3);
    EXPECT(e.url.max_connections == 7 && e.url.socket_timeout_ms == 1500 && e.url.connect_timeout_ms == 250);
    EXPECT(e.lock_timeout_ms == 30000 && e.url.port == 7000 && strcmp(e.url.username, "me") == 0);
    sorrel_env_fini(&e);
    EXPECT_OK(sorrel_env_read(from_table,
                              VARS({"REDIS_URL", "redis://me:p@ss/w@mymaster:6379/2"},
                                   {"REDIS_SENTINEL_HOSTS", " a , b:26380"}, {"REDIS_SENTINEL_PORT", "26390"},
                                   {"WEBSOCKET_REDIS_URL", "redis://ws:7001/1"}),
                              &e, &err));
    EXPECT(e.url.transport == SORREL_SENTINEL && strcmp(e.url.service, "mymaster") == 0 && e.url.sentinel_count == 2);
    EXPECT(strcmp(e.url.sentinels[0].host, "a") == 0 && e.url.sentinels[0].port == 26390);
    EXPECT(e.url.sentinels[1].port == 26380 && strcmp(e.url.password, "p@ss/w") == 0 && e.url.db == 2);
    EXPECT(e.websocket.transport == SORREL_TCP && e.websocket.port == 7001 && e.websocket.db == 1);
    char *text = sorrel_url_format(&e.url, true);
    EXPECT(strncmp(text, "redis+sentinel://me:p%40ss%2Fw@a:26390,b:26380/2/mymaster", 57) == 0);
    sorrel_free(text);
    sorrel_env_fini(&e);
    static const struct variable wrong[] = {
        {"REDIS_PORT", "0"},
        {"REDIS_PORT", "70000"},
        {"REDIS_PORT", "x"},
        {"REDIS_DB", "-1"},
        {"ENABLE_REDIS", "perhaps"},
        {"REDIS_MAX_CONNECTIONS", "0"},
        {"REDIS_SOCKET_TIMEOUT", "soon"},
        {"REDIS_SOCKET_CONNECT_TIMEOUT", "-1"},
        {"REDIS_URL", "http://u:hunter2@h"},
        {"REDIS_URL", "redis://u:hunter2@h:port"},
        {"REDIS_SENTINEL_HOSTS", "a,,b"},
        {"REDIS_SENTINEL_PORT", "no"},
        {"WEBSOCKET_REDIS_URL", "redis://u:hunter2@h/x"},
        {"WEBSOCKET_SENTINEL_HOSTS", ","},
        {"WEBSOCKET_SENTINEL_PORT", "99999"},
        {"WEBSOCKET_REDIS_LOCK_TIMEOUT", "0"},
        {"REDIS_HOST", "a b"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct sorrel_error err = {0};
        EXPECT(sorrel_env_read(from_table, VARS({wrong[i].name, wrong[i].value}), &e, &err) == SORREL_ERR_USAGE);
        EXPECT(strncmp(err.text, wrong[i].name, strlen(wrong[i].name)) == 0 && strstr(err.text, "hunter2") == NULL);
    }
}

static void
json(void)
{
    static const char *const good[] = {
        "0", "-1.5e+3", "\"a\\u00e9\\n\"", "[]", "{}", " [1, {\"a\": [true, null]}] ", "\"\\ud83d\\ude00\""};
    static const char *const bad[] = {
        "",    "01",     "1.",        "+1",         "[1,]", "{\"a\":}", "{a:1}",
        "[1}", "\"\t\"", "\"\\x\"",   "nul",        "1 2",  "\"\xff\"", "\"\xed\xa0\x80\"",
        "[",   "]",      "{\"a\" 1}", "{\"a\":1,}", "-"};
    int64_t n = 0;
    double d = 0;
    bool b = false;
    size_t len;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        EXPECT(sorrel_json_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        EXPECT(!sorrel_json_valid(bad[i], strlen(bad[i])));
    char deep[2000];
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    EXPECT(!sorrel_json_valid(deep, 2000) && sorrel_json_valid(deep + 600, 800));
    char *q = sorrel_json_quote("a\"\\\n\x01\xc3\xa9\xff", 8);
    EXPECT(strcmp(q, "\"a\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\"") == 0);
    char *t = sorrel_json_unquote(q, &len);
    EXPECT(t != NULL && len == 10 && memcmp(t, "a\"\\\n\x01\xc3\xa9\xef\xbf\xbd", 10) == 0);
    sorrel_free(q);
    sorrel_free(t);
    t = sorrel_json_unquote("\"\\ud83d\\ude00\\ud83d\"", NULL);
    EXPECT(t != NULL && strcmp(t, "\xf0\x9f\x98\x80\xef\xbf\xbd") == 0);
    sorrel_free(t);
    EXPECT(sorrel_json_unquote("12", NULL) == NULL && sorrel_json_unquote("\"a\" 1", NULL) == NULL);
    EXPECT(sorrel_json_int(" 42 ", &n) && n == 42 && !sorrel_json_int("\"42\"", &n) && !sorrel_json_int("4.2", &n));
    EXPECT(sorrel_json_double("4.5", &d) && d == 4.5 && !sorrel_json_double("inf", &d));
    EXPECT(sorrel_json_bool("true", &b) && b && !sorrel_json_bool("1", &b));
    static const char doc[] = "{\"x\": {\"a\": 1}, \"a\": [1, {\"a\": 2}], \"b\\u0041\": \"z\"}";
    t = sorrel_json_member(doc, "a");
    EXPECT(t != NULL && strcmp(t, "[1, {\"a\": 2}]") == 0);
    sorrel_free(t);
    t = sorrel_json_member(doc, "bA");
    EXPECT(t != NULL && strcmp(t, "\"z\"") == 0);
    sorrel_free(t);
    int64_t untouched = 3;
    EXPECT(sorrel_json_member(NULL, "c") == NULL && sorrel_json_unquote(NULL, NULL) == NULL &&
           !sorrel_json_valid(NULL, 0));
    EXPECT(!sorrel_json_int(sorrel_json_member(doc, "c"), &untouched) && untouched == 3);
    EXPECT(sorrel_json_member(doc, "c") == NULL && sorrel_json_member("[1]", "a") == NULL);
}

/* A server whose kernel accepts connections, and that says nothing ever. */
static int
mute_server(struct sorrel_url *u)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 64) == 0);
    EXPECT(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    *u = (struct sorrel_url){.port = ntohs(at.sin_port), .connect_timeout_ms = 200};
    return fd;
}

static long long
pings_counted(struct sorrel_client *cl)
{
    size_t len = 0;
    struct sorrel_reply *r = sorrel_client_do(cl, SORREL_READ, NULL, "INFO", "commandstats", NULL);
    const char *text = sorrel_reply_text(r, &len);
    const char *at = text != NULL ? memmem(text, len, "cmdstat_ping:calls=", 19) : NULL;
    long long n = at != NULL ? strtoll(at + 19, NULL, 10) : 0;

    EXPECT(text != NULL);
    sorrel_reply_free(r);
    return n;
}

static void
health_checks(void)
{
    struct sorrel_client *counting = test_client();
    struct sorrel_pool_stats stats;
    struct sorrel_conn *c = NULL, *again = NULL;
    struct sorrel_url u;

    /* A connection that was idle for long answers a PING before it is given out; one that was not is not asked. */
    EXPECT_OK(sorrel_url_parse(test_url, &u, &err));
    for (int ms = 1; ms <= 3600000; ms += 3599999) {
        u.health_check_ms = ms;
        struct sorrel_pool *p = sorrel_pool_new(&u, NULL);
        EXPECT_OK(sorrel_pool_take(p, &c, &err));
        long long before = pings_counted(counting);
        sorrel_pool_give(p, c);
        pause_ms(3);
        EXPECT_OK(sorrel_pool_take(p, &again, &err));
        EXPECT(again == c && pings_counted(counting) == before + (ms == 1));
        sorrel_pool_give(p, again);
        sorrel_pool_free(p);
    }
    sorrel_url_fini(&u);
    sorrel_client_free(counting);

    /* One that does not answer is dropped, though there is no time-out for replies. */
    int fd = mute_server(&u);
    u.health_check_ms = 1;
    struct sorrel_pool *p = sorrel_pool_new(&u, NULL);
    EXPECT_OK(sorrel_pool_take(p, &c, &err));
    sorrel_pool_give(p, c);
    pause_ms(3);
    EXPECT_OK(sorrel_pool_take(p, &c, &err));
    sorrel_pool_stats(p, &stats);
    EXPECT(stats.opened == 2 && stats.dropped == 1 && stats.open == 1 && stats.reused == 0);
    sorrel_pool_give(p, c);
    sorrel_pool_free(p);
    close(fd);
}

static int
no_message(void *ctx, const struct sorrel_message *m)
{
    (void)ctx;
    (void)m;
    return 0;
}

/* Servers that take connections and then hang: logging in, asking for the map and waiting for either all come to an
 * end, though there is no time-out for replies. */
static void
mute_servers(void)
{
    static char password[] = "secret";
    struct sorrel_client_options o = {.retry_ms = -1};
    struct sorrel_error err = {0};
    struct sorrel_url u;
    int fd = mute_server(&u);

    struct sorrel_client_options clustered = {.retry_ms = -1, .cluster = true};
    struct sorrel_client *cl = sorrel_client_new(&u, &clustered);
    EXPECT(sorrel_client_do(cl, 0, &err, "GET", "k", NULL) == NULL && err.code != SORREL_OK);
    sorrel_client_free(cl);
    u.password = password;
    cl = sorrel_client_new(&u, &o);
    err.code = SORREL_OK;
    EXPECT(sorrel_client_do(cl, 0, &err, "PING", NULL) == NULL && err.code == SORREL_ERR_TIMEOUT);
    EXPECT(strstr(err.text, "secret") == NULL);
    struct sorrel_pubsub *p = sorrel_pubsub_new(cl, NULL);
    EXPECT_OK(sorrel_pubsub_subscribe(p, "never", no_message, NULL, 0, &err));
    pause_ms(20); /* more likely than not it is logging in by now */
    sorrel_pubsub_free(p);
    sorrel_client_free(cl);
    close(fd);
}

/* A pool's connections go from hand to hand: what changes one is refused, and what would never answer, too. */
static void
commands_for_a_connection_of_ones_own(void)
{
    static const char *const names[] = {"MULTI", "watch", "SELECT", "SUBSCRIBE", "monitor", "AUTH", "HELLO", "quit"};
    struct sorrel_client *cl = test_client();
    struct sorrel_batch *b = sorrel_batch_new();
    struct sorrel_error err = {0};
    struct sorrel_pool_stats stats;
    int64_t n = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        err.code = SORREL_OK;
        EXPECT(sorrel_client_do(cl, 0, &err, names[i], "3", NULL) == NULL && err.code == SORREL_ERR_USAGE);
        sorrel_batch_reset(b);
        sorrel_batch_do(b, names[i], "3", NULL);
        EXPECT(sorrel_batch_exec(b, cl, 0, &err) == SORREL_ERR_USAGE);
        EXPECT(i < 2 || sorrel_batch_run(b, cl, 0, &err) == SORREL_ERR_USAGE);
    }
    sorrel_client_stats(cl, &stats);
    EXPECT(stats.opened == 0);
    sorrel_batch_reset(b);
    sorrel_batch_do(b, "MULTI", NULL);
    sorrel_batch_do(b, "SET", "core:m", "4", NULL);
    sorrel_batch_do(b, "EXEC", NULL);
    sorrel_batch_do(b, "INCR", "core:m", NULL);
    EXPECT_OK(sorrel_batch_run(b, cl, 0, &err));
    EXPECT(sorrel_reply_int(sorrel_batch_reply(b, 3), &n) && n == 5);
    sorrel_batch_free(b);
    sorrel_client_free(cl);
}

/* Sets and reads back a value of one's own, many times. */
static int
mine_only(struct sorrel_client *cl, const char *key)
{
    char value[32];
    int wrong = 0;

    for (int i = 0; i < 200; i++) {
        snprintf(value, sizeof(value), "%s %d", key, i);
        sorrel_reply_free(sorrel_client_do(cl, SORREL_REPEAT, NULL, "SET", key, value, NULL));
        struct sorrel_reply *r = sorrel_client_do(cl, SORREL_READ, NULL, "GET", key, NULL);
        wrong += !sorrel_reply_is(r, value);
        sorrel_reply_free(r);
    }
    return wrong;
}

/* Parent and child go on with the same client: no reply of the one comes to the other, and the end of the child's
 * leaves the parent's connection as it is. */
static void
after_a_fork(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_pool_stats stats;
    struct sorrel_conn *c = NULL;
    int status = -1;

    EXPECT(mine_only(cl, "core:before") == 0);
    EXPECT_OK(sorrel_client_take(cl, NULL, &c, &err));
    struct sorrel_pubsub *p = NULL;
/* Sanitizers bear no such child: one allows it no new threads, the other may have been forked while it held a lock. */
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    p = sorrel_pubsub_new(cl, NULL); /* a thread that the child does not have */
#endif
    pid_t child = fork();
    if (child == 0) {
        int wrong = mine_only(cl, "core:child");
        sorrel_client_give(cl, c);
        wrong += mine_only(cl, "core:child");
        sorrel_client_stats(cl, &stats);
        wrong += stats.opened != 1 || stats.open != 1;
        sorrel_pubsub_free(p);
        sorrel_client_free(cl);
        _exit(wrong > 0);
    }
    sorrel_client_give(cl, c);
    sorrel_pubsub_free(p);
    EXPECT(child > 0 && mine_only(cl, "core:parent") == 0);
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(mine_only(cl, "core:parent") == 0);
    sorrel_client_stats(cl, &stats);
    EXPECT(stats.opened == 1 && stats.dropped == 0);
    sorrel_client_free(cl);
}

/* Full for two connections, then it has room. */
static void *
full_at_first(void *arg)
{
    static const char full[] = "-ERR max number of clients reached\r\n";
    int fd = *(int *)arg;
    char bytes[512];

    for (int i = 0; i < 3; i++) {
        int c = accept(fd, NULL, NULL);
        if (i < 2)
            EXPECT(send(c, full, sizeof(full) - 1, MSG_NOSIGNAL) > 0 && shutdown(c, SHUT_WR) == 0);
        while (recv(c, bytes, sizeof(bytes), 0) > 0)
            if (i == 2)
                EXPECT(send(c, "+PONG\r\n", 7, MSG_NOSIGNAL) == 7);
        close(c);
    }
    return NULL;
}

/* What a full server says to a password is no word about the password, and what it says to a command is worth another
 * try, too. */
static void
full_servers(void)
{
    static char password[] = "secret";
    struct sorrel_url u;
    struct sorrel_error err = {0};
    pthread_t t;

    for (int with_password = 0; with_password < 2; with_password++) {
        int fd = mute_server(&u);
        u.password = with_password ? password : NULL;
        pthread_create(&t, NULL, full_at_first, &fd);
        struct sorrel_client *cl = sorrel_client_new(&u, NULL);
        struct sorrel_reply *r = sorrel_client_do(cl, 0, &err, "PING", NULL);
        EXPECT(sorrel_reply_is(r, "PONG"));
        sorrel_reply_free(r);
        sorrel_client_free(cl);
        pthread_join(t, NULL);
        close(fd);
    }
}

TEST_MAIN(TEST(calls_and_errors), TEST(batches), TEST(killed_connections), TEST(read_only_for_a_while),
          TEST(nobody_there), TEST(environment), TEST(json), TEST(health_checks), TEST(mute_servers),
          TEST(commands_for_a_connection_of_ones_own), TEST(after_a_fork), TEST(full_servers))

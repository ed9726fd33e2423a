/* Manager, dictionary, near cache, configuration, sessions, leaders. */
#include "test.h"

#include <sorrel/config.h>
#include <sorrel/dict.h>
#include <sorrel/leader.h>
#include <sorrel/manager.h>
#include <sorrel/near.h>
#include <sorrel/session.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static void
flush(struct sorrel_client *cl)
{
    sorrel_reply_free(sorrel_client_do(cl, SORREL_REPEAT, NULL, "FLUSHALL", NULL));
}

static void
manager(void)
{
    struct sorrel_url u;
    enum sorrel_rc code;
    int64_t n = 0;
    size_t len;

    EXPECT_OK(sorrel_url_parse(test_url, &u, &err));
    struct sorrel_manager *m = sorrel_manager_new(&u, NULL);
    EXPECT(!sorrel_manager_is_enabled(m) && sorrel_manager_get_client(m) == NULL);
    EXPECT(sorrel_manager_get(m, "x", NULL) == NULL &&
           strstr(sorrel_manager_reason(m, &code), "not initialized") != NULL);
    EXPECT(code == SORREL_ERR_USAGE);
    EXPECT(sorrel_manager_initialize(m) && sorrel_manager_is_enabled(m) && sorrel_manager_initialize(m));
    EXPECT(sorrel_manager_reason(m, &code)[0] == '\0' && code == SORREL_OK);
    flush(sorrel_manager_get_client(m));
    EXPECT(sorrel_manager_set(m, "a", "1\0002", 3, NULL));
    char *v = sorrel_manager_get(m, "a", &len);
    EXPECT(v != NULL && len == 3 && memcmp(v, "1\0002", 3) == 0);
    sorrel_free(v);
    EXPECT(sorrel_manager_get(m, "none", NULL) == NULL && sorrel_manager_reason(m, NULL)[0] == '\0');
    EXPECT(!sorrel_manager_set(m, "a", "x", 1, &(struct sorrel_set_options){.nx = true}));
    EXPECT(sorrel_manager_set(m, "a", "x", 1, &(struct sorrel_set_options){.xx = true, .ex_s = 100}));
    EXPECT(sorrel_manager_ttl(m, "a") > 95 && sorrel_manager_ttl(m, "none") == -2);
    EXPECT(sorrel_manager_set(m, "p", "x", 1, &(struct sorrel_set_options){.px_ms = 50000}) &&
           sorrel_manager_ttl(m, "p") <= 50);
    EXPECT(!sorrel_manager_set(m, "late", "x", 1, &(struct sorrel_set_options){.ex_s = -5}) &&
           strstr(sorrel_manager_reason(m, NULL), "expire") != NULL && !sorrel_manager_exists(m, "late"));
    EXPECT(!sorrel_manager_set(m, "late", "x", 1, &(struct sorrel_set_options){.px_ms = -1}));
    EXPECT(sorrel_manager_exists(m, "a") && !sorrel_manager_exists(m, "none"));
    EXPECT(sorrel_manager_expire(m, "a", 10) && !sorrel_manager_expire(m, "none", 10) &&
           sorrel_manager_ttl(m, "a") <= 10);
    EXPECT(sorrel_manager_delete(m, "a") && !sorrel_manager_delete(m, "a"));
    EXPECT(sorrel_manager_incr(m, "n", 5, &n) && n == 5 && sorrel_manager_incr(m, "n", -2, &n) && n == 3);
    EXPECT(sorrel_manager_ttl(m, "n") == -1);
    EXPECT(!sorrel_manager_incr(m, "p", 1, &n) && n == 3);
    EXPECT(sorrel_manager_reason(m, &code)[0] != '\0' && code == SORREL_ERR_SERVER);
    EXPECT(sorrel_manager_hset(m, "h", "f", "v", 1) && sorrel_manager_hset(m, "h", "f", "w", 1));
    EXPECT(sorrel_manager_hset_mapping(m, "h", 2, (const char *[]){"g", "i"}, (const char *[]){"1", "2"}));
    v = sorrel_manager_hget(m, "h", "f", NULL);
    EXPECT(v != NULL && strcmp(v, "w") == 0);
    sorrel_free(v);
    EXPECT(sorrel_manager_hget(m, "h", "none", NULL) == NULL);
    EXPECT(sorrel_manager_set_json(m, "j", "{\"a\": [1, 2]}", NULL) &&
           !sorrel_manager_set_json(m, "j", "{a: 1}", NULL) && !sorrel_manager_set_json(m, "j", NULL, NULL));
    v = sorrel_manager_get_json(m, "j");
    EXPECT(v != NULL && strcmp(v, "{\"a\": [1, 2]}") == 0);
    sorrel_free(v);
    EXPECT(sorrel_manager_set(m, "j", "no json", 7, NULL) && sorrel_manager_get_json(m, "j") == NULL);
    EXPECT(sorrel_manager_delete_many(m, 3, (const char *[]){"j", "h", "none"}) == 2);
    sorrel_manager_disconnect(m);
    EXPECT(!sorrel_manager_is_enabled(m) && !sorrel_manager_exists(m, "n"));
    EXPECT(sorrel_manager_initialize(m) && sorrel_manager_exists(m, "n"));
    /* Connections come back by themselves. */
    struct sorrel_client *killer = test_client();
    for (int i = 0; i < 5; i++) {
        sorrel_reply_free(sorrel_client_do(killer, 0, NULL, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL));
        EXPECT(sorrel_manager_exists(m, "n") && sorrel_manager_is_enabled(m));
    }
    sorrel_client_free(killer);
    sorrel_manager_free(m);
    sorrel_url_fini(&u);

    /* Nobody there: defaults, a reason, and life goes on. */
    EXPECT_OK(sorrel_url_parse("redis://u:geheim@127.0.0.1:1", &u, &err));
    struct sorrel_client_options quick = {.retry_ms = -1};
    m = sorrel_manager_new(&u, &quick);
    EXPECT(!sorrel_manager_initialize(m));
    EXPECT(sorrel_manager_get(m, "x", NULL) == NULL && !sorrel_manager_set(m, "x", "1", 1, NULL));
    EXPECT(sorrel_manager_delete_many(m, 1, (const char *[]){"x"}) == 0 && sorrel_manager_ttl(m, "x") == -2);
    EXPECT(sorrel_manager_reason(m, &code)[0] != '\0' && code == SORREL_ERR_CONNECT);
    EXPECT(strstr(sorrel_manager_reason(m, NULL), "geheim") == NULL);
    sorrel_manager_free(m);
    sorrel_url_fini(&u);
    unsetenv("ENABLE_REDIS");
    EXPECT(sorrel_manager_shared() == sorrel_manager_shared() && !sorrel_manager_initialize(sorrel_manager_shared()));
    EXPECT(strstr(sorrel_manager_reason(sorrel_manager_shared(), NULL), "ENABLE_REDIS") != NULL);
}

static struct sorrel_config *shared_config;

static void *
read_setting(void *arg)
{
    struct sorrel_error err = {0};

    (void)arg;
    char *v = sorrel_config_get(shared_config, "size", &err);
    EXPECT(v != NULL && strcmp(v, "10") == 0 && err.code == SORREL_ERR_CONNECT);
    sorrel_free(v);
    return NULL;
}

static void *
answer_pings(void *arg)
{
    char bytes[512];
    int c = accept(*(int *)arg, NULL, NULL);

    while (recv(c, bytes, sizeof(bytes), 0) > 0)
        EXPECT(send(c, "+PONG\r\n", 7, MSG_NOSIGNAL) == 7);
    close(c);
    return NULL;
}

/* A server that is not there costs one caller its retries, not every caller again. When it comes back, that is seen. */
static void
outages(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sorrel_client_options o = {.retry_ms = 400};
    struct sorrel_url u = {.connect_timeout_ms = 1000};
    socklen_t len = sizeof(at);
    enum sorrel_rc code;
    pthread_t t[8];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT(bind(fd, (struct sockaddr *)&at, len) == 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    u.port = ntohs(at.sin_port);
    struct sorrel_manager *m = sorrel_manager_new(&u, &o);
    long long start = mono_ms();
    EXPECT(!sorrel_manager_initialize(m) && mono_ms() - start >= 390);
    start = mono_ms();
    for (int i = 0; i < 1000; i++)
        EXPECT(!sorrel_manager_exists(m, "x") && sorrel_manager_reason(m, &code)[0] != '\0' &&
               code == SORREL_ERR_CONNECT);
    EXPECT(mono_ms() - start < 2000); /* one of them may have tried once more; all of them would have taken minutes */

    struct sorrel_client *cl = sorrel_client_new(&u, &o);
    shared_config = sorrel_config_new(cl, "config");
    EXPECT_OK(sorrel_config_declare(shared_config, "size", "10", NULL, NULL, &err));
    start = mono_ms();
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, read_setting, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    EXPECT(mono_ms() - start < 8 * 400 - 400); /* not one after the other */
    sorrel_config_free(shared_config);
    sorrel_client_free(cl);

    EXPECT(listen(fd, 8) == 0);
    pthread_create(&t[0], NULL, answer_pings, &fd);
    UNTIL(sorrel_manager_set(m, "x", "1", 1, NULL) || sorrel_manager_reason(m, &code)[0] == '\0');
    EXPECT(sorrel_manager_initialize(m));
    sorrel_manager_free(m);
    pthread_join(t[0], NULL);
    close(fd);
}

static bool
add_number(void *ctx, const char *name, const char *json)
{
    (void)name;
    *(long long *)ctx += strtoll(json, NULL, 10);
    return true;
}

static bool
stop_at_third(void *ctx, const char *name, const char *json)
{
    (void)name;
    (void)json;
    return ++*(int *)ctx < 3;
}

static void
dictionary(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_dict *d = sorrel_dict_new(cl, "dict");
    struct sorrel_error err = {0};
    char *v = NULL;
    bool yes = false;
    size_t n;

    flush(cl);
    EXPECT_OK(sorrel_dict_set(d, "a", "{\"x\": 1}", &err));
    EXPECT(sorrel_dict_set(d, "b", "{x}", &err) == SORREL_ERR_USAGE && strstr(err.text, "'b'") != NULL);
    EXPECT_OK(sorrel_dict_get(d, "a", &v, &err));
    EXPECT(v != NULL && strcmp(v, "{\"x\": 1}") == 0);
    sorrel_free(v);
    EXPECT_OK(sorrel_dict_get(d, "b", &v, &err));
    EXPECT(v == NULL);
    EXPECT_OK(sorrel_dict_contains(d, "a", &yes, &err));
    EXPECT(yes);
    EXPECT_OK(sorrel_dict_set_default(d, "a", "2", &v, &yes, &err));
    EXPECT(!yes && strcmp(v, "{\"x\": 1}") == 0);
    sorrel_free(v);
    EXPECT_OK(sorrel_dict_set_default(d, "c", "2", &v, &yes, &err));
    EXPECT(yes && strcmp(v, "2") == 0);
    sorrel_free(v);
    EXPECT_OK(sorrel_dict_delete(d, "a", &yes, &err));
    EXPECT(yes);
    EXPECT_OK(sorrel_dict_delete(d, "a", &yes, &err));
    EXPECT(!yes);
    EXPECT(sorrel_dict_update(d, 2, (const char *[]){"x", "y"}, (const char *[]){"1", "y"}, &err) == SORREL_ERR_USAGE);
    EXPECT_OK(sorrel_dict_len(d, &n, &err));
    EXPECT(n == 1);
    EXPECT_OK(sorrel_dict_clear(d, &err));
    char names[2000][16], values[2000][16];
    const char *np[2000], *vp[2000];
    for (int i = 0; i < 2000; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", i);
        snprintf(values[i], sizeof(values[i]), "%d", i);
        np[i] = names[i];
        vp[i] = values[i];
    }
    EXPECT_OK(sorrel_dict_update(d, 2000, np, vp, &err));
    struct sorrel_reply *r = NULL;
    EXPECT_OK(sorrel_dict_keys(d, &r, &err));
    EXPECT(sorrel_reply_count(r) == 2000);
    sorrel_reply_free(r);
    EXPECT_OK(sorrel_dict_values(d, &r, &err));
    EXPECT(sorrel_reply_count(r) == 2000);
    sorrel_reply_free(r);
    EXPECT_OK(sorrel_dict_items(d, &r, &err));
    EXPECT(sorrel_reply_count(r) == 4000 && sorrel_reply_is(sorrel_reply_get(r, "n77"), "77"));
    sorrel_reply_free(r);
    long long sum = 0;
    EXPECT_OK(sorrel_dict_each(d, add_number, &sum, &err));
    EXPECT(sum == 1999000);
    int seen = 0;
    EXPECT_OK(sorrel_dict_each(d, stop_at_third, &seen, &err));
    EXPECT(seen == 3);
    sorrel_dict_free(d);
    sorrel_client_free(cl);
}

static void
near_cache(void)
{
    struct sorrel_client *cl = test_client(), *other = test_client();
    struct sorrel_near *n = sorrel_near_new(cl, 100);
    struct sorrel_near_stats s;
    struct sorrel_error err = {0};
    char key[32];

    flush(other);
    sorrel_reply_free(sorrel_client_do(other, 0, NULL, "SET", "near", "1", NULL));
    for (int i = 0; i < 100; i++) {
        struct sorrel_reply *r = sorrel_near_do(n, &err, "GET", "near", NULL);
        EXPECT(sorrel_reply_is(r, "1"));
        sorrel_reply_free(r);
    }
    sorrel_near_stats(n, &s);
    EXPECT(s.hits == 99 && s.misses == 1 && s.entries == 1);
    for (int i = 2; i < 50; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        sorrel_reply_free(sorrel_client_do(other, 0, NULL, "SET", "near", value, NULL));
        /* The report is on its way when the writer has its answer; give it the time of one message. */
        bool seen = false;
        for (int k = 0; k < 1000 && !seen; k++) {
            struct sorrel_reply *r = sorrel_near_do(n, &err, "GET", "near", NULL);
            seen = sorrel_reply_is(r, value);
            sorrel_reply_free(r);
            if (!seen)
                pause_ms(1);
        }
        EXPECT(seen);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "many:%d", i);
        sorrel_reply_free(sorrel_near_do(n, &err, "GET", key, NULL));
    }
    sorrel_near_stats(n, &s);
    EXPECT(s.entries == 100);
    /* The connection is killed: everything is forgotten, and asked for again. */
    sorrel_reply_free(sorrel_client_do(other, 0, NULL, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL));
    sorrel_reply_free(sorrel_client_do(other, 0, NULL, "SET", "near", "after", NULL));
    pause_ms(20);
    struct sorrel_reply *r = sorrel_near_do(n, &err, "GET", "near", NULL);
    EXPECT(sorrel_reply_is(r, "after"));
    sorrel_reply_free(r);
    sorrel_near_stats(n, &s);
    EXPECT(s.entries == 1 && s.flushes >= 1);
    sorrel_reply_free(sorrel_client_do(other, 0, NULL, "FLUSHALL", NULL));
    bool gone = false;
    for (int k = 0; k < 1000 && !gone; k++) {
        r = sorrel_near_do(n, &err, "GET", "near", NULL);
        gone = sorrel_reply_type(r) == SORREL_NIL;
        sorrel_reply_free(r);
        if (!gone)
            pause_ms(1);
    }
    EXPECT(gone);
    sorrel_near_free(n);
    sorrel_client_free(cl);
    sorrel_client_free(other);
}

static bool
is_positive(void *ctx, const char *name, const char *json)
{
    (void)ctx;
    (void)name;
    return strtol(json, NULL, 10) > 0;
}

static bool
becomes(struct sorrel_config *c, const char *name, const char *want)
{
    for (int i = 0; i < 2000; i++) {
        struct sorrel_error err;
        char *v = sorrel_config_get(c, name, &err);
        bool same = v != NULL && strcmp(v, want) == 0 && err.code == SORREL_OK;
        sorrel_free(v);
        if (same)
            return true;
        pause_ms(1);
    }
    return false;
}

static void
configuration(void)
{
    struct sorrel_client *one = test_client(), *two = test_client();
    struct sorrel_config *a = sorrel_config_new(one, "config"), *b = sorrel_config_new(two, "config");
    struct sorrel_error err = {0};

    flush(one);
    EXPECT_OK(sorrel_config_declare(a, "size", "10", is_positive, NULL, &err));
    EXPECT_OK(sorrel_config_declare(b, "size", "10", is_positive, NULL, &err));
    EXPECT_OK(sorrel_config_declare(a, "name", "\"x\"", NULL, NULL, &err));
    EXPECT(sorrel_config_declare(a, "size", "10", NULL, NULL, &err) == SORREL_ERR_USAGE);
    EXPECT(sorrel_config_declare(a, "bad", "-1", is_positive, NULL, &err) == SORREL_ERR_USAGE);
    EXPECT(sorrel_config_get_int(a, "size", 0) == 10 && sorrel_config_get(a, "none", &err) == NULL);
    EXPECT(sorrel_config_set(a, "size", "-3", &err) == SORREL_ERR_USAGE && sorrel_config_get_int(b, "size", 0) == 10);
    EXPECT_OK(sorrel_config_set(a, "size", "20", &err));
    EXPECT(becomes(a, "size", "20") && becomes(b, "size", "20"));
    EXPECT_OK(sorrel_config_set(b, "size", "30", &err));
    EXPECT(becomes(a, "size", "30") && becomes(b, "size", "30"));
    /* Something that passes no check, put there by another program. */
    sorrel_reply_free(sorrel_client_do(one, 0, NULL, "HSET", "config", "size", "-7", NULL));
    EXPECT(becomes(a, "size", "10"));
    EXPECT_OK(sorrel_config_set(a, "size", "40", &err));
    EXPECT(becomes(b, "size", "40"));
    EXPECT_OK(sorrel_config_reset(b, "size", &err));
    EXPECT(becomes(a, "size", "10"));
    sorrel_config_free(a);
    sorrel_config_free(b);
    sorrel_client_free(one);
    sorrel_client_free(two);
    struct sorrel_client_options quick = {.retry_ms = -1};
    one = sorrel_client_open("redis://127.0.0.1:1", &quick, NULL);
    a = sorrel_config_new(one, "config");
    EXPECT_OK(sorrel_config_declare(a, "size", "10", NULL, NULL, &err));
    char *v = sorrel_config_get(a, "size", &err);
    EXPECT(strcmp(v, "10") == 0 && err.code == SORREL_ERR_CONNECT);
    sorrel_free(v);
    sorrel_config_free(a);
    sorrel_client_free(one);
}

static void
sessions(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_sessions *s = sorrel_sessions_new(cl, "sess", 200);
    char *id = NULL, *id2 = NULL, *v = NULL;
    bool alive = false;

    flush(cl);
    EXPECT_OK(sorrel_session_begin(s, 1, (const char *[]){"user"}, (const char *[]){"ann"}, &id, &err));
    EXPECT_OK(sorrel_session_begin(s, 0, NULL, NULL, &id2, &err));
    EXPECT(strlen(id) == 32 && strcmp(id, id2) != 0);
    EXPECT_OK(sorrel_session_get(s, id, "user", &alive, &v, &err));
    EXPECT(alive && strcmp(v, "ann") == 0);
    sorrel_free(v);
    for (int i = 0; i < 4; i++) {
        pause_ms(100);
        EXPECT_OK(sorrel_session_touch(s, id, &alive, &err));
        EXPECT(alive);
    }
    EXPECT_OK(sorrel_session_set(s, id, "page", "7", &alive, &err));
    EXPECT(alive);
    EXPECT_OK(sorrel_session_get(s, id2, "user", &alive, &v, &err));
    EXPECT(!alive && v == NULL);
    EXPECT_OK(sorrel_session_set(s, id2, "page", "7", &alive, &err));
    EXPECT(!alive);
    EXPECT_OK(sorrel_session_end(s, id2, &alive, &err));
    EXPECT(!alive);
    EXPECT_OK(sorrel_session_end(s, id, &alive, &err));
    EXPECT(alive);
    sorrel_free(id);
    sorrel_free(id2);
    sorrel_sessions_free(s);
    sorrel_client_free(cl);
}

static int jobs[3], leading, led_most = 1;

static void
job(void *ctx, struct sorrel_leader *l, int64_t fence)
{
    EXPECT(fence > 0 && sorrel_leader_is(l));
    __atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST);
    int n = __atomic_add_fetch(&leading, 1, __ATOMIC_SEQ_CST);
    if (n > 1)
        __atomic_store_n(&led_most, n, __ATOMIC_SEQ_CST);
    pause_ms(3);
    __atomic_sub_fetch(&leading, 1, __ATOMIC_SEQ_CST);
}

static int
done_by(int i)
{
    return __atomic_load_n(&jobs[i], __ATOMIC_SEQ_CST);
}

static void
leaders(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_leader *l[3];

    flush(cl);
    for (int i = 0; i < 3; i++) {
        struct sorrel_leader_options o = {.ttl_ms = 1500, .period_ms = 10, .job = job, .ctx = &jobs[i]};
        l[i] = sorrel_leader_new(cl, "leader", &o);
    }
    UNTIL(done_by(0) + done_by(1) + done_by(2) > 5);
    int first = done_by(0) > 0 ? 0 : done_by(1) > 0 ? 1 : 2;
    EXPECT(sorrel_leader_is(l[first]));
    sorrel_leader_free(l[first]);
    int next = (first + 1) % 3, other = (first + 2) % 3;
    UNTIL(done_by(next) + done_by(other) > 5);
    EXPECT(sorrel_leader_is(l[next]) != sorrel_leader_is(l[other]));
    EXPECT(__atomic_load_n(&led_most, __ATOMIC_SEQ_CST) == 1);
    /* The lock is taken away: whoever led is told, perhaps in the middle of the job, and one of the two leads again. */
    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "DEL", "leader", NULL));
    int before = done_by(next) + done_by(other);
    UNTIL(done_by(next) + done_by(other) > before + 5);
    sorrel_leader_free(l[next]);
    sorrel_leader_free(l[other]);
    sorrel_client_free(cl);
}

TEST_MAIN(TEST(manager), TEST(outages), TEST(dictionary), TEST(near_cache), TEST(configuration), TEST(sessions),
          TEST(leaders))

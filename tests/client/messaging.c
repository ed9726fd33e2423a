/* Pub/sub, queues, stream consumers. */
#include "test.h"

#include <sorrel/consumer.h>
#include <sorrel/pubsub.h>
#include <sorrel/queue.h>

#include <pthread.h>

static void
flush(struct sorrel_client *cl)
{
    sorrel_reply_free(sorrel_client_do(cl, SORREL_REPEAT, NULL, "FLUSHALL", NULL));
}

static int counts[4], errors, gaps;
static char last_payload[64];
static bool last_json;

static int
at(int i)
{
    return __atomic_load_n(&counts[i], __ATOMIC_SEQ_CST);
}

static int
on_message(void *ctx, const struct sorrel_message *m)
{
    snprintf(last_payload, sizeof(last_payload), "%s", m->payload);
    last_json = m->json;
    __atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int
fails(void *ctx, const struct sorrel_message *m)
{
    (void)m;
    __atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST);
    return 7;
}

static void
on_error(void *ctx, const struct sorrel_message *m, int error)
{
    (void)ctx;
    EXPECT(error == 7 && strcmp(m->channel, "news") == 0);
    __atomic_add_fetch(&errors, 1, __ATOMIC_SEQ_CST);
}

static void
on_gap(void *ctx)
{
    (void)ctx;
    __atomic_add_fetch(&gaps, 1, __ATOMIC_SEQ_CST);
}

static struct sorrel_pubsub *own;

/* Leaves its channel and comes back with another handler, from within. */
static int
replaces_itself(void *ctx, const struct sorrel_message *m)
{
    (void)m;
    sorrel_pubsub_unsubscribe(own, "self");
    EXPECT_OK(sorrel_pubsub_subscribe(own, "self", on_message, &counts[2], -1, &err));
    __atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void
handlers_that_change_handlers(void)
{
    struct sorrel_client *cl = test_client();
    int64_t n = 0;

    memset(counts, 0, sizeof(counts));
    own = sorrel_pubsub_new(cl, NULL);
    EXPECT_OK(sorrel_pubsub_subscribe(own, "self", replaces_itself, &counts[0], 5000, &err));
    EXPECT_OK(sorrel_pubsub_subscribe(own, "self", on_message, &counts[1], 5000, &err));
    EXPECT_OK(sorrel_publish(cl, "self", "x", 1, &n, &err));
    /* The new handler was there when the message was still being delivered; the second old one had gone. */
    UNTIL(at(0) == 1 && at(2) == 1);
    for (int i = 0; i < 1000 && at(2) < 4; i++) {
        EXPECT_OK(sorrel_publish(cl, "self", "x", 1, &n, &err));
        pause_ms(2);
    }
    EXPECT(at(0) == 1 && at(1) == 0 && at(2) >= 4);
    sorrel_pubsub_free(own);
    sorrel_client_free(cl);
}

/* The test's server, as a user who may read "open*" only. */
static struct sorrel_client *
limited_client(struct sorrel_client *admin)
{
    static char user[] = "limited", password[] = "pw";
    struct sorrel_url u;

    sorrel_reply_free(sorrel_client_do(admin, 0, NULL, "ACL", "SETUSER", user, "reset", "on", ">pw", "~*", "+@all",
                                       "resetchannels", "&open*", NULL));
    EXPECT_OK(sorrel_url_parse(test_url, &u, &err));
    struct sorrel_url as = u;
    as.username = user;
    as.password = password;
    struct sorrel_client *cl = sorrel_client_new(&as, NULL);
    sorrel_url_fini(&u);
    return cl;
}

/* A channel that this user may not read: whoever asks for it is told, the others get their messages as before. */
static void
refused_subscriptions(void)
{
    struct sorrel_client *admin = test_client(), *cl = limited_client(admin);
    struct sorrel_pubsub_options o = {.on_gap = on_gap};
    struct sorrel_pubsub *p = sorrel_pubsub_new(cl, &o);
    struct sorrel_error err = {0};
    int64_t n = 0;

    memset(counts, 0, sizeof(counts));
    int gaps_before = gaps;
    EXPECT_OK(sorrel_pubsub_subscribe(p, "open:1", on_message, &counts[0], 5000, &err));
    EXPECT(sorrel_pubsub_subscribe(p, "closed", on_message, &counts[1], 5000, &err) == SORREL_ERR_SERVER);
    EXPECT(strncmp(err.text, "NOPERM", 6) == 0);
    EXPECT_OK(sorrel_pubsub_subscribe(p, "closed:2", on_message, &counts[1], 0, &err));
    EXPECT_OK(sorrel_pubsub_subscribe(p, "open:2", on_message, &counts[2], 5000, &err));
    EXPECT(sorrel_pubsub_psubscribe(p, "*", on_message, &counts[1], 5000, &err) == SORREL_ERR_SERVER);
    EXPECT_OK(sorrel_publish(admin, "open:1", "x", 1, &n, &err));
    EXPECT_OK(sorrel_publish(admin, "open:2", "x", 1, &n, &err));
    EXPECT_OK(sorrel_publish(admin, "closed", "x", 1, &n, &err));
    UNTIL(at(0) == 1 && at(2) == 1);
    EXPECT(at(1) == 0 && __atomic_load_n(&gaps, __ATOMIC_SEQ_CST) == gaps_before);
    /* Once it is allowed, asking again is enough. */
    sorrel_reply_free(sorrel_client_do(admin, 0, NULL, "ACL", "SETUSER", "limited", "&closed", NULL));
    EXPECT_OK(sorrel_pubsub_subscribe(p, "closed", on_message, &counts[1], 5000, &err));
    EXPECT_OK(sorrel_publish(admin, "closed", "x", 1, &n, &err));
    UNTIL(at(1) == 1);
    sorrel_pubsub_free(p);
    sorrel_client_free(cl);
    sorrel_reply_free(sorrel_client_do(admin, 0, NULL, "ACL", "DELUSER", "limited", NULL));
    sorrel_client_free(admin);
}

static int entered, leaving, released;

static int
lingers(void *ctx, const struct sorrel_message *m)
{
    (void)m;
    __atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&entered, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&released, __ATOMIC_SEQ_CST) == 0)
        pause_ms(1);
    return 0;
}

static void *
leave_channel(void *arg)
{
    __atomic_store_n(&leaving, 1, __ATOMIC_SEQ_CST);
    sorrel_pubsub_unsubscribe(arg, "race");
    return NULL;
}

/* Somebody subscribes while somebody else waits for the old handler to end: the old one is gone all the same. */
static void
left_and_entered_at_once(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_pubsub *p = sorrel_pubsub_new(cl, NULL);
    pthread_t t;
    int64_t n;

    memset(counts, 0, sizeof(counts));
    entered = leaving = released = 0;
    EXPECT_OK(sorrel_pubsub_subscribe(p, "race", lingers, &counts[0], 5000, &err));
    EXPECT_OK(sorrel_publish(cl, "race", "x", 1, &n, &err));
    UNTIL(__atomic_load_n(&entered, __ATOMIC_SEQ_CST) == 1);
    pthread_create(&t, NULL, leave_channel, p);
    UNTIL(__atomic_load_n(&leaving, __ATOMIC_SEQ_CST) == 1);
    pause_ms(200);
    EXPECT_OK(sorrel_pubsub_subscribe(p, "race", on_message, &counts[1], 0, &err));
    __atomic_store_n(&released, 1, __ATOMIC_SEQ_CST);
    pthread_join(t, NULL);
    EXPECT_OK(sorrel_pubsub_subscribe(p, "race:other", on_message, &counts[2], 5000, &err));
    for (int i = 0; i < 1000 && at(1) < 3; i++) {
        EXPECT_OK(sorrel_publish(cl, "race", "x", 1, &n, &err));
        pause_ms(2);
    }
    EXPECT(at(0) == 1 && at(1) >= 3);
    sorrel_pubsub_free(p);
    sorrel_client_free(cl);
}

static void
publish_subscribe(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_pubsub_options o = {.on_error = on_error, .on_gap = on_gap};
    struct sorrel_pubsub *p = sorrel_pubsub_new(cl, &o);
    struct sorrel_error err = {0};
    int64_t n = 0;

    EXPECT_OK(sorrel_pubsub_subscribe(p, "news", fails, &counts[3], 5000, &err));
    EXPECT_OK(sorrel_pubsub_subscribe(p, "news", on_message, &counts[0], 5000, &err));
    EXPECT_OK(sorrel_pubsub_subscribe(p, "weather", on_message, &counts[1], 5000, &err));
    EXPECT_OK(sorrel_pubsub_psubscribe(p, "n*", on_message, &counts[2], 5000, &err));
    EXPECT_OK(sorrel_publish_json(cl, "news", "{\"a\": 1}", &n, &err));
    EXPECT(n == 2);
    UNTIL(at(0) == 1 && at(2) == 1);
    EXPECT(at(1) == 0 && at(3) == 1 && errors == 1);
    EXPECT(strcmp(last_payload, "{\"a\": 1}") == 0 && last_json);
    EXPECT(sorrel_publish_json(cl, "news", "{a}", &n, &err) == SORREL_ERR_USAGE);
    EXPECT_OK(sorrel_publish(cl, "weather", "fog\0", 4, &n, &err));
    UNTIL(at(1) == 1);
    EXPECT(!last_json);
    /* Killed: it comes back with all its subscriptions. */
    for (int i = 0; i < 3; i++) {
        int before = __atomic_load_n(&gaps, __ATOMIC_SEQ_CST);
        sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "CLIENT", "KILL", "TYPE", "pubsub", NULL));
        UNTIL(__atomic_load_n(&gaps, __ATOMIC_SEQ_CST) > before);
        EXPECT_OK(sorrel_pubsub_subscribe(p, "weather", on_message, &counts[1], 5000, &err));
        sorrel_pubsub_unsubscribe(p, "weather");
        EXPECT_OK(sorrel_pubsub_subscribe(p, "weather", on_message, &counts[1], 5000, &err));
        n = 0;
        for (int k = 0; k < 1000 && n < 2; k++) {
            EXPECT_OK(sorrel_publish(cl, "news", "again", 5, &n, &err));
            if (n < 2)
                pause_ms(2);
        }
        EXPECT(n == 2);
    }
    int before = at(0);
    sorrel_pubsub_unsubscribe(p, "news");
    for (int k = 0; k < 1000 && n > 1; k++) {
        EXPECT_OK(sorrel_publish(cl, "news", "gone", 4, &n, &err));
        pause_ms(1);
    }
    EXPECT(n == 1 && at(0) - before <= 3);
    sorrel_pubsub_punsubscribe(p, "n*");
    sorrel_pubsub_free(p);
    sorrel_client_free(cl);
}

static void
queue_hand_over(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_queue_options o = {.visibility_ms = 900, .tries_max = 2};
    struct sorrel_queue *q = sorrel_queue_new(cl, "jobs", &o);
    struct sorrel_queue_stats s;
    struct sorrel_item i, k;
    struct sorrel_error err = {0};
    int64_t n;

    flush(cl);
    EXPECT(sorrel_queue_take(q, 0, &i, &err) == SORREL_ERR_BUSY);
    long long start = mono_ms();
    EXPECT(sorrel_queue_take(q, 100, &i, &err) == SORREL_ERR_BUSY && mono_ms() - start >= 95);
    EXPECT_OK(sorrel_queue_put(q, "one", 3, &err));
    EXPECT_OK(sorrel_queue_put(q, "two", 3, &err));
    EXPECT_OK(sorrel_queue_put(q, "one", 3, &err));
    EXPECT_OK(sorrel_queue_take(q, 0, &i, &err));
    EXPECT(i.len == 3 && strcmp(i.payload, "one") == 0 && i.tries == 1);
    EXPECT_OK(sorrel_queue_stats(q, &s, &err));
    EXPECT(s.ready == 2 && s.taken == 1 && s.dead == 0);
    EXPECT_OK(sorrel_queue_done(q, &i, &err));
    EXPECT(sorrel_queue_done(q, &i, &err) == SORREL_ERR_LOST);
    sorrel_item_fini(&i);
    EXPECT_OK(sorrel_queue_take(q, 0, &i, &err));
    EXPECT(strcmp(i.payload, "two") == 0);
    EXPECT_OK(sorrel_queue_return(q, &i, false, &err));
    sorrel_item_fini(&i);
    EXPECT_OK(sorrel_queue_take(q, 0, &i, &err));
    EXPECT(strcmp(i.payload, "two") == 0 && i.tries == 2);
    EXPECT_OK(sorrel_queue_return(q, &i, true, &err));
    sorrel_item_fini(&i);
    /* Abandoned: it comes back, and its first taker finds that out. Extended: it does not. */
    EXPECT_OK(sorrel_queue_take(q, 0, &i, &err));
    for (int t = 0; t < 3; t++) {
        pause_ms(350);
        EXPECT_OK(sorrel_queue_extend(q, &i, &err));
        EXPECT_OK(sorrel_queue_recover(q, &n, &err));
        EXPECT(n == 0);
    }
    EXPECT_OK(sorrel_queue_take(q, 10000, &k, &err));
    EXPECT(strcmp(k.payload, "one") == 0 && k.tries == 2);
    EXPECT(sorrel_queue_done(q, &i, &err) == SORREL_ERR_LOST && sorrel_queue_extend(q, &i, &err) == SORREL_ERR_LOST);
    EXPECT(sorrel_queue_return(q, &i, false, &err) == SORREL_ERR_LOST);
    sorrel_item_fini(&i);
    sorrel_item_fini(&k);
    /* Abandoned for the second time: dead. */
    pause_ms(950);
    EXPECT_OK(sorrel_queue_recover(q, &n, &err));
    EXPECT_OK(sorrel_queue_stats(q, &s, &err));
    EXPECT(s.ready == 0 && s.taken == 0 && s.dead == 2);
    /* What BLMOVE moved for somebody who died at once has no due time; it comes back all the same. */
    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "RPUSH", "{jobs}:taken", "0123456789abcdef01234567stray", NULL));
    EXPECT_OK(sorrel_queue_take(q, 10000, &i, &err));
    EXPECT(strcmp(i.payload, "stray") == 0);
    EXPECT_OK(sorrel_queue_done(q, &i, &err));
    sorrel_item_fini(&i);
    struct sorrel_reply *r =
        sorrel_client_do(cl, SORREL_READ, NULL, "EXISTS", "{jobs}:tries", "{jobs}:due", "{jobs}:taken", NULL);
    EXPECT(sorrel_reply_int(r, &n) && n == 0);
    sorrel_reply_free(r);
    sorrel_queue_free(q);
    sorrel_client_free(cl);
}

enum { ITEMS = 300 };
static struct sorrel_client *shared_client;
static int seen[ITEMS];

static void *
work(void *arg)
{
    struct sorrel_queue_options o = {.visibility_ms = 300, .tries_max = 50};
    struct sorrel_queue *q = sorrel_queue_new(shared_client, "many", &o);
    unsigned careless = (unsigned)(uintptr_t)arg;
    struct sorrel_item i;

    while (sorrel_queue_take(q, 1500, &i, NULL) == SORREL_OK) {
        /* Every seventh item is forgotten by whoever got it first. */
        if (++careless % 7 != 0 && sorrel_queue_done(q, &i, NULL) == SORREL_OK)
            __atomic_add_fetch(&seen[strtol(i.payload, NULL, 10)], 1, __ATOMIC_SEQ_CST);
        sorrel_item_fini(&i);
    }
    sorrel_queue_free(q);
    return NULL;
}

static void
queue_with_careless_workers(void)
{
    struct sorrel_client_options o = {.pool = {.max_connections = 8, .wait_ms = -1}};
    pthread_t t[6];
    char text[16];

    shared_client = sorrel_client_open(test_url, &o, NULL);
    flush(shared_client);
    struct sorrel_queue *q = sorrel_queue_new(shared_client, "many", NULL);
    for (uintptr_t i = 0; i < 6; i++)
        pthread_create(&t[i], NULL, work, (void *)i);
    for (int i = 0; i < ITEMS; i++) {
        snprintf(text, sizeof(text), "%d", i);
        EXPECT_OK(sorrel_queue_put(q, text, strlen(text), &err));
    }
    for (int i = 0; i < 6; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < ITEMS; i++)
        EXPECT(seen[i] == 1);
    sorrel_queue_free(q);
    sorrel_client_free(shared_client);
}

/* Workers that hold a thousand items for long do not keep those behind them from coming back. */
static void
queue_with_much_in_work(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_queue_options slow = {.visibility_ms = 600000}, quick = {.visibility_ms = 100, .tries_max = 2};
    struct sorrel_queue *q = sorrel_queue_new(cl, "big", &slow), *p = sorrel_queue_new(cl, "big", &quick);
    struct sorrel_queue_stats s;
    struct sorrel_item item;
    int64_t n = 0;

    flush(cl);
    for (int i = 0; i < 1103; i++)
        EXPECT_OK(sorrel_queue_put(q, "x", 1, &err));
    for (int i = 0; i < 1103; i++) {
        EXPECT_OK(sorrel_queue_take(i < 1100 ? q : p, 0, &item, &err));
        sorrel_item_fini(&item);
    }
    EXPECT_OK(sorrel_queue_recover(q, &n, &err));
    EXPECT(n == 0);
    pause_ms(150);
    EXPECT_OK(sorrel_queue_recover(q, &n, &err));
    EXPECT(n == 3);
    EXPECT_OK(sorrel_queue_stats(q, &s, &err));
    EXPECT(s.ready == 3 && s.taken == 1100 && s.dead == 0);
    sorrel_queue_free(q);
    sorrel_queue_free(p);
    sorrel_client_free(cl);
}

static char *
id_of(const struct sorrel_reply *entries, size_t i, char *to, size_t cap)
{
    size_t len = 0;
    const char *text = sorrel_reply_text(sorrel_reply_at(sorrel_reply_at(entries, i), 0), &len);

    snprintf(to, cap, "%.*s", (int)len, text != NULL ? text : "");
    return to;
}

static void
stream_consumers(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_consumer_options o = {.idle_ms = 600, .deliveries_max = 2, .from_start = true};
    struct sorrel_consumer *a = sorrel_consumer_new(cl, "events", "g", "a", &o);
    struct sorrel_consumer *b = sorrel_consumer_new(cl, "events", "g", "b", &o);
    struct sorrel_reply *r = NULL;
    struct sorrel_error err = {0};
    char id[64], id2[64], *added = NULL;
    bool pending = false;

    flush(cl);
    EXPECT(sorrel_consumer_read(a, 10, 0, &r, &err) == SORREL_ERR_BUSY);
    long long start = mono_ms();
    EXPECT(sorrel_consumer_read(a, 10, 120, &r, &err) == SORREL_ERR_BUSY && mono_ms() - start >= 110);
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(sorrel_stream_add(cl, "events", 1000, 1, (const char *[]){"n"}, (const char *[]){"1"}, &added, &err));
        EXPECT(added != NULL && strchr(added, '-') != NULL);
        sorrel_free(added);
    }
    EXPECT_OK(sorrel_consumer_read(a, 2, 0, &r, &err));
    EXPECT(sorrel_reply_count(r) == 2);
    EXPECT_OK(sorrel_consumer_done(a, id_of(r, 0, id, sizeof(id)), &pending, &err));
    EXPECT(pending);
    EXPECT_OK(sorrel_consumer_done(a, id, &pending, &err));
    EXPECT(!pending);
    id_of(r, 1, id2, sizeof(id2)); /* never confirmed */
    sorrel_reply_free(r);
    r = NULL;
    EXPECT_OK(sorrel_consumer_read(b, 10, 0, &r, &err));
    EXPECT(sorrel_reply_count(r) == 1);
    EXPECT_OK(sorrel_consumer_done(b, id_of(r, 0, id, sizeof(id)), NULL, &err));
    sorrel_reply_free(r);
    /* The other one's unconfirmed entry, once it is idle. */
    r = NULL;
    EXPECT_OK(sorrel_consumer_read(b, 10, 10000, &r, &err));
    EXPECT(sorrel_reply_count(r) == 1 && strcmp(id_of(r, 0, id, sizeof(id)), id2) == 0);
    sorrel_reply_free(r);
    /* Not confirmed either: that was the second delivery, now it is dead. */
    pause_ms(650);
    EXPECT(sorrel_consumer_read(b, 10, 200, &r, &err) == SORREL_ERR_BUSY);
    r = sorrel_client_do(cl, SORREL_READ, NULL, "XRANGE", "{events}:dead", "-", "+", NULL);
    EXPECT(sorrel_reply_count(r) == 1);
    EXPECT(sorrel_reply_is(sorrel_reply_get(sorrel_reply_at(sorrel_reply_at(r, 0), 1), "id"), id2));
    EXPECT(sorrel_reply_is(sorrel_reply_get(sorrel_reply_at(sorrel_reply_at(r, 0), 1), "n"), "1"));
    sorrel_reply_free(r);
    r = sorrel_client_do(cl, SORREL_READ, NULL, "XPENDING", "events", "g", NULL);
    int64_t n = 1;
    EXPECT(sorrel_reply_int(sorrel_reply_at(r, 0), &n) && n == 0);
    sorrel_reply_free(r);
    sorrel_consumer_free(a);
    sorrel_consumer_free(b);
    sorrel_client_free(cl);
}

/* However many there are, none is delivered once more. */
static void
stream_with_many_dead(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_consumer_options o = {.idle_ms = 30, .deliveries_max = 1, .from_start = true};
    struct sorrel_consumer *a = sorrel_consumer_new(cl, "many", "g", "a", &o);
    struct sorrel_consumer *b = sorrel_consumer_new(cl, "many", "g", "b", &o);
    struct sorrel_reply *r = NULL;
    struct sorrel_error err;

    flush(cl);
    for (int i = 0; i < 230; i++)
        EXPECT_OK(sorrel_stream_add(cl, "many", 0, 1, (const char *[]){"n"}, (const char *[]){"1"}, NULL, &err));
    EXPECT_OK(sorrel_consumer_read(a, 1000, 0, &r, &err));
    EXPECT(sorrel_reply_count(r) == 230);
    sorrel_reply_free(r);
    pause_ms(50);
    EXPECT(sorrel_consumer_read(b, 1000, 0, &r, &err) == SORREL_ERR_BUSY);
    r = sorrel_client_do(cl, SORREL_READ, NULL, "XLEN", "{many}:dead", NULL);
    int64_t n = 0;
    EXPECT(sorrel_reply_int(r, &n) && n == 230);
    sorrel_reply_free(r);
    sorrel_consumer_free(a);
    sorrel_consumer_free(b);
    sorrel_client_free(cl);
}

TEST_MAIN(TEST(publish_subscribe), TEST(handlers_that_change_handlers), TEST(refused_subscriptions),
          TEST(left_and_entered_at_once), TEST(queue_hand_over), TEST(queue_with_careless_workers),
          TEST(queue_with_much_in_work), TEST(stream_consumers), TEST(stream_with_many_dead))

/* Locks, limiters. */
#include "test.h"

#include <sorrel/limiter.h>
#include <sorrel/lock.h>

#include <pthread.h>

static int losses;

static void
count_loss(void *ctx, struct sorrel_lock *l)
{
    (void)l;
    __atomic_add_fetch(ctx == NULL ? &losses : (int *)ctx, 1, __ATOMIC_SEQ_CST);
}

static void
one_holder(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_lock *a = sorrel_lock_new(cl, "lock:one", NULL), *b = sorrel_lock_new(cl, "lock:one", NULL);
    struct sorrel_error err = {0};

    EXPECT(!sorrel_lock_held(a) && sorrel_lock_fence(a) == 0);
    EXPECT_OK(sorrel_lock_acquire(a, 0, &err));
    EXPECT(sorrel_lock_held(a) && sorrel_lock_fence(a) > 0);
    EXPECT(sorrel_lock_acquire(a, 0, &err) == SORREL_ERR_USAGE);
    EXPECT(sorrel_lock_acquire(b, 0, &err) == SORREL_ERR_BUSY && !sorrel_lock_held(b));
    EXPECT(sorrel_lock_release(b, &err) == SORREL_ERR_USAGE && sorrel_lock_renew(b, &err) == SORREL_ERR_USAGE);
    EXPECT_OK(sorrel_lock_renew(a, &err));
    int64_t fence = sorrel_lock_fence(a);
    EXPECT_OK(sorrel_lock_release(a, &err));
    EXPECT(!sorrel_lock_held(a));
    EXPECT_OK(sorrel_lock_acquire(b, 0, &err));
    EXPECT(sorrel_lock_fence(b) > fence);
    sorrel_lock_free(b);
    struct sorrel_reply *r = sorrel_client_do(cl, SORREL_READ, NULL, "EXISTS", "lock:one", NULL);
    int64_t n = 1;
    EXPECT(sorrel_reply_int(r, &n) && n == 0);
    sorrel_reply_free(r);
    sorrel_lock_free(a);
    sorrel_client_free(cl);
}

/* The weakness of the helpers that this replaces: a release that deletes somebody else's lock. */
static void
late_release_leaves_the_next_holder_alone(void)
{
    struct sorrel_client *cl = test_client();
    /* long enough for a connection over TLS on a busy machine */
    struct sorrel_lock_options o = {.ttl_ms = 1500, .on_lost = count_loss};
    struct sorrel_lock *slow = sorrel_lock_new(cl, "lock:late", &o), *next = sorrel_lock_new(cl, "lock:late", NULL);
    struct sorrel_error err = {0};

    losses = 0;
    EXPECT_OK(sorrel_lock_acquire(slow, 0, &err));
    pause_ms(1550);
    EXPECT(!sorrel_lock_held(slow));
    EXPECT_OK(sorrel_lock_acquire(next, 0, &err));
    EXPECT(sorrel_lock_renew(slow, &err) == SORREL_ERR_LOST && losses == 1);
    EXPECT(sorrel_lock_release(slow, &err) == SORREL_ERR_LOST && losses == 1);
    EXPECT(sorrel_lock_held(next) && sorrel_lock_fence(next) > sorrel_lock_fence(slow));
    EXPECT_OK(sorrel_lock_renew(next, &err));
    EXPECT_OK(sorrel_lock_release(next, &err));
    sorrel_lock_free(slow);
    sorrel_lock_free(next);
    sorrel_client_free(cl);
}

static void
renewed_while_it_is_held(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_lock_options o = {.ttl_ms = 1200, .renew = true, .on_lost = count_loss};
    struct sorrel_lock *l = sorrel_lock_new(cl, "lock:renewed", &o), *other = sorrel_lock_new(cl, "lock:renewed", NULL);
    struct sorrel_error err = {0};

    losses = 0;
    EXPECT_OK(sorrel_lock_acquire(l, 0, &err));
    /* longer than the lock would live by itself; a busy machine may be late by most of that */
    for (int i = 0; i < 8; i++) {
        pause_ms(200);
        EXPECT(sorrel_lock_held(l) && sorrel_lock_acquire(other, 0, &err) == SORREL_ERR_BUSY);
    }
    EXPECT(losses == 0);
    /* Taken away behind its back: reported by the thread, without a call of ours. */
    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "SET", "lock:renewed", "somebody else", "PX", "5000", NULL));
    UNTIL(__atomic_load_n(&losses, __ATOMIC_SEQ_CST) == 1);
    EXPECT(!sorrel_lock_held(l));
    EXPECT(sorrel_lock_release(l, &err) == SORREL_ERR_LOST && losses == 1);
    struct sorrel_reply *r = sorrel_client_do(cl, SORREL_READ, NULL, "GET", "lock:renewed", NULL);
    EXPECT(sorrel_reply_is(r, "somebody else"));
    sorrel_reply_free(r);
    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "DEL", "lock:renewed", NULL));
    sorrel_lock_free(l);
    sorrel_lock_free(other);
    sorrel_client_free(cl);
}

static struct {
    struct sorrel_client *client;
    struct sorrel_lock_options options;
    int inside, most, count;
} shop;

static void *
visit(void *arg)
{
    struct sorrel_lock *l = sorrel_lock_new(shop.client, "lock:shop", &shop.options);

    (void)arg;
    for (int i = 0; i < 20; i++) {
        EXPECT_OK(sorrel_lock_acquire(l, -1, &err));
        int n = __atomic_add_fetch(&shop.inside, 1, __ATOMIC_SEQ_CST);
        if (n > shop.most)
            shop.most = n;
        shop.count++;
        __atomic_sub_fetch(&shop.inside, 1, __ATOMIC_SEQ_CST);
        EXPECT_OK(sorrel_lock_release(l, &err));
    }
    sorrel_lock_free(l);
    return NULL;
}

static void
threads_take_turns(void)
{
    pthread_t t[8];
    struct sorrel_client_options o = {.pool = {.max_connections = 8, .wait_ms = -1}};

    shop.client = sorrel_client_open(test_url, &o, NULL);
    for (int polling = 0; polling < 2; polling++) {
        shop.options = (struct sorrel_lock_options){.wait = polling ? SORREL_WAIT_POLLING : SORREL_WAIT_NOTIFIED};
        shop.most = shop.count = 0;
        for (int i = 0; i < 8; i++)
            pthread_create(&t[i], NULL, visit, NULL);
        for (int i = 0; i < 8; i++)
            pthread_join(t[i], NULL);
        EXPECT(shop.most == 1 && shop.count == 160);
    }
    sorrel_client_free(shop.client);
}

static void
waiting_ends(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_lock_options o = {.ttl_ms = 1000};
    struct sorrel_lock *a = sorrel_lock_new(cl, "lock:wait", &o), *b = sorrel_lock_new(cl, "lock:wait", NULL);
    struct sorrel_error err = {0};

    long long begun = mono_ms();
    EXPECT_OK(sorrel_lock_acquire(a, 0, &err));
    long long start = mono_ms();
    EXPECT(sorrel_lock_acquire(b, 100, &err) == SORREL_ERR_BUSY);
    EXPECT(mono_ms() - start >= 90 && mono_ms() - start < 1000);
    /* Nobody releases it; it expires. */
    EXPECT_OK(sorrel_lock_acquire(b, 5000, &err));
    EXPECT(mono_ms() - begun >= 990 && mono_ms() - start < 6000);
    sorrel_lock_free(a);
    sorrel_lock_free(b);
    sorrel_client_free(cl);
}

static void
sliding_window(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_limiter *l = sorrel_limiter_new(cl, "lim:s", SORREL_SLIDING_WINDOW, 5, 1500);
    struct sorrel_limit_result r;
    struct sorrel_error err = {0};

    EXPECT(sorrel_limiter_new(cl, "x", SORREL_SLIDING_WINDOW, 0, 1) == NULL);
    EXPECT(sorrel_limiter_ask(l, "me", 6, &r, &err) == SORREL_ERR_USAGE);
    for (int i = 0; i < 5; i++) {
        EXPECT_OK(sorrel_limiter_ask(l, "me", 1, &r, &err));
        EXPECT(r.allowed && r.remaining == 4 - i && r.retry_after_ms == 0);
    }
    EXPECT_OK(sorrel_limiter_ask(l, "me", 1, &r, &err));
    EXPECT(!r.allowed && r.remaining == 0 && r.retry_after_ms > 0 && r.retry_after_ms <= 1500);
    EXPECT_OK(sorrel_limiter_ask(l, "you", 3, &r, &err));
    EXPECT(r.allowed && r.remaining == 2);
    EXPECT_OK(sorrel_limiter_ask(l, "you", 3, &r, &err));
    EXPECT(!r.allowed && r.remaining == 2);
    pause_ms(1520);
    EXPECT_OK(sorrel_limiter_ask(l, "me", 5, &r, &err));
    EXPECT(r.allowed && r.remaining == 0);
    EXPECT_OK(sorrel_limiter_reset(l, "me", &err));
    EXPECT_OK(sorrel_limiter_ask(l, "me", 5, &r, &err));
    EXPECT(r.allowed);
    pause_ms(1550);
    struct sorrel_reply *reply = sorrel_client_do(cl, SORREL_READ, NULL, "EXISTS", "lim:s:me", "lim:s:you", NULL);
    int64_t n = 1;
    EXPECT(sorrel_reply_int(reply, &n) && n == 0);
    sorrel_reply_free(reply);
    sorrel_limiter_free(l);
    sorrel_client_free(cl);
}

static void *
ask_often(void *arg)
{
    struct sorrel_limiter *l = arg;
    struct sorrel_limit_result r;
    intptr_t allowed = 0;

    for (int i = 0; i < 50; i++) {
        EXPECT_OK(sorrel_limiter_ask(l, "all", 1, &r, &err));
        allowed += r.allowed;
    }
    return (void *)allowed;
}

static void
other_limiters(void)
{
    struct sorrel_client_options o = {.pool = {.wait_ms = -1}};
    struct sorrel_client *cl = sorrel_client_open(test_url, &o, NULL);
    struct sorrel_limit_result r;
    pthread_t t[8];

    struct sorrel_limiter *b = sorrel_limiter_new(cl, "lim:b", SORREL_TOKEN_BUCKET, 10, 5000);
    EXPECT_OK(sorrel_limiter_ask(b, "x", 10, &r, &err));
    EXPECT(r.allowed && r.remaining == 0);
    EXPECT_OK(sorrel_limiter_ask(b, "x", 1, &r, &err));
    EXPECT(!r.allowed && r.retry_after_ms > 0 && r.retry_after_ms <= 501);
    pause_ms(1050);
    EXPECT_OK(sorrel_limiter_ask(b, "x", 2, &r, &err));
    EXPECT(r.allowed);
    sorrel_limiter_free(b);

    /* Of 400 requests at once exactly 100 are allowed, whatever the kind. */
    for (int kind = 0; kind < 3; kind++) {
        struct sorrel_limiter *l = sorrel_limiter_new(cl,
                                                      kind == 0   ? "lim:a"
                                                      : kind == 1 ? "lim:f"
                                                                  : "lim:t",
                                                      (enum sorrel_limiter_kind)kind, 100, 1000000000);
        intptr_t sum = 0;
        for (int i = 0; i < 8; i++)
            pthread_create(&t[i], NULL, ask_often, l);
        for (int i = 0; i < 8; i++) {
            void *one;
            pthread_join(t[i], &one);
            sum += (intptr_t)one;
        }
        EXPECT(sum == 100);
        EXPECT_OK(sorrel_limiter_reset(l, "all", &err));
        sorrel_limiter_free(l);
    }
    sorrel_client_free(cl);
}

TEST_MAIN(TEST(one_holder), TEST(late_release_leaves_the_next_holder_alone), TEST(renewed_while_it_is_held),
          TEST(threads_take_turns), TEST(waiting_ends), TEST(sliding_window), TEST(other_limiters))

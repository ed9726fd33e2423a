/* A service that fails over while it is used. Not run by itself: failover.c URL SECONDS, see
 * tests/system/test_library_failover.py.
 *
 * Prints "ready", works until told to stop by SECONDS, and says what it saw. Every write is repeatable and carries a
 * number, so that nothing acknowledged by the last master may be missing for a client that saw it acknowledged there.
 */
#include "test.h"

#include <sorrel/batch.h>
#include <sorrel/lock.h>
#include <sorrel/pubsub.h>
#include <sorrel/sentinel.h>

#include <pthread.h>

const char *test_url;
int test_failures;

static struct sorrel_client *master;
static long long stop_at;
static long long longest_gap, failures, done, blocked_cut;
static long long locked, lock_failures, losses, heard, heard_last_ms, most_holders, holders;

static void *
write_pipelines(void *arg)
{
    struct sorrel_batch *b = sorrel_batch_new();
    long long last = mono_ms();
    struct sorrel_error err = {0};

    (void)arg;
    for (int round = 0; mono_ms() < stop_at; round++) {
        sorrel_batch_reset(b);
        for (int i = 0; i < 50; i++) {
            char key[32], value[32];
            snprintf(key, sizeof(key), "fail:%d", i);
            snprintf(value, sizeof(value), "%d", round);
            sorrel_batch_do(b, "SET", key, value, NULL);
        }
        if (sorrel_batch_run(b, master, SORREL_REPEAT, &err) != SORREL_OK) {
            printf("pipeline: %s\n", err.text);
            failures++;
        }
        for (size_t i = 0; i < 50; i++)
            if (sorrel_batch_reply(b, i) != NULL && !sorrel_reply_is(sorrel_batch_reply(b, i), "OK"))
                failures++;
        long long now = mono_ms();
        if (now - last > longest_gap)
            longest_gap = now - last;
        last = now;
        done++;
    }
    sorrel_batch_free(b);
    return NULL;
}

/* Waits for what never comes. Without the news of the switch it would hang on a master that hangs. */
static void *
block(void *arg)
{
    (void)arg;
    while (mono_ms() < stop_at) {
        long long start = mono_ms();
        struct sorrel_error err = {0};
        struct sorrel_reply *r = sorrel_client_do(master, 0, &err, "BLPOP", "fail:never", "2", NULL);
        if (r == NULL && mono_ms() - start < 5000)
            blocked_cut++;
        sorrel_reply_free(r);
    }
    return NULL;
}

static void
count_loss(void *ctx, struct sorrel_lock *l)
{
    (void)ctx;
    (void)l;
    __atomic_add_fetch(&losses, 1, __ATOMIC_SEQ_CST);
}

/* Two threads in turn. A lock that the new master does not know may be lost, but then its holder is told. */
static void *
take_turns(void *arg)
{
    struct sorrel_lock_options o = {.ttl_ms = 1000, .renew = true, .on_lost = count_loss};
    struct sorrel_lock *l = sorrel_lock_new(master, "fail:lock", &o);

    (void)arg;
    while (mono_ms() < stop_at) {
        if (sorrel_lock_acquire(l, 1000, NULL) != SORREL_OK) {
            __atomic_add_fetch(&lock_failures, 1, __ATOMIC_SEQ_CST);
            continue;
        }
        long long n = __atomic_add_fetch(&holders, 1, __ATOMIC_SEQ_CST);
        for (int i = 0; i < 5 && sorrel_lock_held(l); i++)
            pause_ms(10);
        if (n > most_holders && sorrel_lock_held(l))
            most_holders = n;
        __atomic_sub_fetch(&holders, 1, __ATOMIC_SEQ_CST);
        (void)sorrel_lock_release(l, NULL);
        __atomic_add_fetch(&locked, 1, __ATOMIC_SEQ_CST);
    }
    EXPECT_OK(sorrel_lock_acquire(l, 10000, &err));
    EXPECT(sorrel_lock_held(l));
    sorrel_lock_free(l);
    return NULL;
}

static int
hear(void *ctx, const struct sorrel_message *m)
{
    (void)ctx;
    (void)m;
    __atomic_add_fetch(&heard, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&heard_last_ms, mono_ms(), __ATOMIC_SEQ_CST);
    return 0;
}

int
main(int argc, char **argv)
{
    struct sorrel_url u;
    struct sorrel_error err = {0};
    struct sorrel_address at;
    pthread_t a, b, c[2];

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 3 || sorrel_url_parse(argv[1], &u, &err) != SORREL_OK) {
        printf("usage: failover URL SECONDS; %s\n", err.text);
        return 2;
    }
    stop_at = mono_ms() + strtol(argv[2], NULL, 10) * 1000;
    EXPECT_OK(sorrel_sentinel_master(&u, NULL, &at, &err));
    printf("master %d\n", at.port);
    sorrel_free(at.host);
    master = sorrel_master_for(&u, NULL);
    struct sorrel_client *replica = sorrel_replica_for(&u, NULL);
    struct sorrel_reply *r = sorrel_client_do(master, 0, &err, "ROLE", NULL);
    EXPECT(sorrel_reply_is(sorrel_reply_at(r, 0), "master"));
    sorrel_reply_free(r);
    r = sorrel_client_do(replica, SORREL_READ, &err, "ROLE", NULL);
    EXPECT(sorrel_reply_is(sorrel_reply_at(r, 0), "slave"));
    sorrel_reply_free(r);
    pthread_create(&a, NULL, write_pipelines, NULL);
    pthread_create(&b, NULL, block, NULL);
    pthread_create(&c[0], NULL, take_turns, NULL);
    pthread_create(&c[1], NULL, take_turns, NULL);
    struct sorrel_pubsub *p = sorrel_pubsub_new(master, NULL);
    EXPECT_OK(sorrel_pubsub_subscribe(p, "fail:news", hear, NULL, 5000, &err));
    printf("ready\n");
    while (mono_ms() < stop_at) {
        (void)sorrel_publish(master, "fail:news", "x", 1, NULL, NULL);
        pause_ms(20);
    }
    /* Subscribed to the new master, and hearing it. */
    long long before = __atomic_load_n(&heard, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 200 && __atomic_load_n(&heard, __ATOMIC_SEQ_CST) == before; i++) {
        (void)sorrel_publish(master, "fail:news", "x", 1, NULL, NULL);
        pause_ms(20);
    }
    EXPECT(__atomic_load_n(&heard, __ATOMIC_SEQ_CST) > before);
    sorrel_pubsub_free(p);
    pthread_join(c[0], NULL);
    pthread_join(c[1], NULL);
    printf("locked %lld failures %lld losses %lld heard %lld holders %lld\n", locked, lock_failures, losses, heard,
           most_holders);
    EXPECT(locked > 10 && heard > 10);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    EXPECT_OK(sorrel_sentinel_master(&u, NULL, &at, &err));
    r = sorrel_client_do(master, SORREL_REPEAT, &err, "SET", "fail:end", "1", NULL);
    EXPECT(sorrel_reply_is(r, "OK"));
    sorrel_reply_free(r);
    printf("done %lld failures %lld gap %lld cut %lld master %d\n", done, failures, longest_gap, blocked_cut, at.port);
    sorrel_free(at.host);
    sorrel_client_free(master);
    sorrel_client_free(replica);
    sorrel_url_fini(&u);
    return failures > 0 || test_failures > 0;
}

/* A network that is cut, slow, or silent while it is used: network URL SECONDS, see
 * tests/system/test_library_network.py.
 *
 * Repeatable commands go on all the time; how many failed and the longest time without a success are printed. A lock, a
 * near cache and a subscription must find back by themselves. */
#include "test.h"

#include <sorrel/lock.h>
#include <sorrel/near.h>
#include <sorrel/pubsub.h>

#include <pthread.h>

const char *test_url;
int test_failures;

static long long stop_at;
static long long heard;

static int
hear(void *ctx, const struct sorrel_message *m)
{
    (void)ctx;
    (void)m;
    __atomic_add_fetch(&heard, 1, __ATOMIC_SEQ_CST);
    return 0;
}

int
main(int argc, char **argv)
{
    struct sorrel_client_options o = {.retry_ms = 5000};
    long long last = 0, gap = 0, done = 0, failed = 0, stale = 0;
    struct sorrel_error err = {0};
    char value[32];

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 3)
        return 2;
    test_url = argv[1];
    stop_at = mono_ms() + strtol(argv[2], NULL, 10) * 1000;
    struct sorrel_client *cl = sorrel_client_open(test_url, &o, &err);
    struct sorrel_near *near = sorrel_near_new(cl, 0);
    struct sorrel_pubsub *p = sorrel_pubsub_new(cl, NULL);
    EXPECT_OK(sorrel_pubsub_subscribe(p, "net:news", hear, NULL, 10000, &err));
    printf("ready\n");
    last = mono_ms();
    for (long long i = 0; mono_ms() < stop_at; i++) {
        snprintf(value, sizeof(value), "%lld", i);
        struct sorrel_reply *r = sorrel_client_do(cl, SORREL_REPEAT, &err, "SET", "net:k", value, NULL);
        bool ok = sorrel_reply_is(r, "OK");
        sorrel_reply_free(r);
        r = sorrel_client_do(cl, SORREL_READ, &err, "GET", "net:k", NULL);
        ok = ok && sorrel_reply_is(r, value);
        sorrel_reply_free(r);
        failed += !ok;
        done += ok;
        long long now = mono_ms();
        if (ok) {
            gap = now - last > gap ? now - last : gap;
            last = now;
        }
        (void)sorrel_publish(cl, "net:news", "x", 1, NULL, NULL);
        if (ok && i % 10 == 0) {
            /* What the near cache says is what is there, once the report of the change has had time to come. */
            bool seen = false;
            for (int k = 0; k < 300 && !seen; k++) {
                r = sorrel_near_do(near, &err, "GET", "net:k", NULL);
                seen = r == NULL || sorrel_reply_is(r, value);
                sorrel_reply_free(r);
                if (!seen)
                    pause_ms(10);
            }
            stale += !seen;
        }
        pause_ms(1);
    }
    struct sorrel_lock *l = sorrel_lock_new(cl, "net:lock", NULL);
    EXPECT_OK(sorrel_lock_acquire(l, 5000, &err));
    sorrel_lock_free(l);
    long long before = __atomic_load_n(&heard, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 500 && __atomic_load_n(&heard, __ATOMIC_SEQ_CST) == before; i++) {
        (void)sorrel_publish(cl, "net:news", "x", 1, NULL, NULL);
        pause_ms(20);
    }
    EXPECT(__atomic_load_n(&heard, __ATOMIC_SEQ_CST) > before);
    EXPECT(stale == 0);
    printf("done %lld failed %lld gap %lld heard %lld\n", done, failed, gap, heard);
    sorrel_pubsub_free(p);
    sorrel_near_free(near);
    sorrel_client_free(cl);
    return test_failures > 0;
}

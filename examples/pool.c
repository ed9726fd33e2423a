/* examples/pool.c - threads that share connections.
 *
 * usage: pool URL [THREADS [ROUNDS]]
 * Each thread takes a connection, sends a pipeline of two commands, reads both replies and gives the connection back.
 * At the end the counter must have seen every round.
 */
#include <sorrel/pool.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
    struct sorrel_pool *pool;
    int rounds;
    int failures;
};

static void *
work(void *arg)
{
    static const char *const incr[] = {"INCRBY", "example:pool:counter", "1"};
    static const char *const ping[] = {"PING"};
    struct job *job = arg;

    for (int i = 0; i < job->rounds; i++) {
        const struct sorrel_reply *first, *second;
        struct sorrel_conn *c = NULL;
        struct sorrel_error err;
        int64_t n = 0;

        if (sorrel_pool_take(job->pool, &c, &err) != SORREL_OK) {
            fprintf(stderr, "%s\n", err.text);
            job->failures++;
            continue;
        }
        sorrel_conn_append(c, 3, incr, NULL);
        sorrel_conn_append(c, 1, ping, NULL);
        /* A reply lives until the next one is read, so the number is taken out of the first before that. */
        if (sorrel_conn_next(c, &first, &err) != SORREL_OK || !sorrel_reply_int(first, &n) || n <= 0 ||
            sorrel_conn_next(c, &second, &err) != SORREL_OK || !sorrel_reply_is(second, "PONG"))
            job->failures++;
        sorrel_pool_give(job->pool, c);
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    enum { THREADS_MAX = 256 };
    pthread_t threads[THREADS_MAX];
    struct job jobs[THREADS_MAX];
    int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 8, rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 100;
    struct sorrel_url url;
    struct sorrel_error err;
    struct sorrel_pool_options options = {.max_connections = 4, .wait_ms = -1, .retries = 3};
    struct sorrel_pool_stats stats;
    struct sorrel_conn *c;
    int64_t total = 0;
    int failures = 0;

    if (argc < 2 || count < 1 || count > THREADS_MAX) {
        fprintf(stderr, "usage: pool URL [THREADS [ROUNDS]]\n");
        return 2;
    }
    if (sorrel_url_parse(argv[1], &url, &err) != SORREL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    struct sorrel_pool *pool = sorrel_pool_new(&url, &options);
    for (int i = 0; i < count; i++) {
        jobs[i] = (struct job){pool, rounds, 0};
        pthread_create(&threads[i], NULL, work, &jobs[i]);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        failures += jobs[i].failures;
    }
    if (sorrel_pool_take(pool, &c, &err) == SORREL_OK) {
        sorrel_reply_int(sorrel_conn_do(c, &err, "GETDEL", "example:pool:counter", NULL), &total);
        sorrel_pool_give(pool, c);
    }
    sorrel_pool_stats(pool, &stats);
    printf("counter %" PRId64 ", failures %d, connections opened %" PRIu64 ", reused %" PRIu64 "\n", total, failures,
           stats.opened, stats.reused);
    sorrel_pool_free(pool);
    sorrel_url_fini(&url);
    return failures == 0 && total == (int64_t)count * rounds ? 0 : 1;
}

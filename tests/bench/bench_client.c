/* libsorrel beside hiredis: pipelines and single requests over one connection each, in turn, in one run.
 *
 * usage: bench_client PORT [ROUNDS]
 * Prints for each kind of work the requests a second and the client's own CPU time a request of both, and their ratio;
 * the median of the rounds counts. `make bench-client` builds and runs it.
 */
#include <sorrel/conn.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { KINDS = 5, ROUNDS_MAX = 101 };

struct work {
    const char *name;
    int depth, batches;
    bool set; /* else GET */
    int list; /* > 0: LRANGE of so many */
};

static const struct work works[KINDS] = {
    {"GET, pipelines of 100", 100, 1500, false, 0},
    {"SET, pipelines of 100", 100, 1500, true, 0},
    {"LRANGE 100, pipelines of 20", 20, 400, false, 100},
    {"GET, one at a time", 1, 8000, false, 0},
    {"SET, one at a time", 1, 8000, true, 0},
};

struct figures {
    double rate, cpu_us;
};

static double
seconds(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fail(const char *why)
{
    fprintf(stderr, "bench_client: %s\n", why);
    exit(1);
}

static const char value[] = "0123456789012345678901234567890123456789012345678901234567890123";

static size_t
run_sorrel(struct sorrel_conn *c, const struct work *w)
{
    static const char *const get[] = {"GET", "bench:key"}, *const set[] = {"SET", "bench:key", value};
    static const char *const range[] = {"LRANGE", "bench:list", "0", "99"};
    static const size_t get_lens[] = {3, 9}, set_lens[] = {3, 9, sizeof(value) - 1}, range_lens[] = {6, 10, 1, 2};
    const struct sorrel_reply *r;
    size_t bytes = 0, len;

    for (int b = 0; b < w->batches; b++) {
        for (int i = 0; i < w->depth; i++)
            if (w->list > 0)
                sorrel_conn_append(c, 4, range, range_lens);
            else if (w->set)
                sorrel_conn_append(c, 3, set, set_lens);
            else
                sorrel_conn_append(c, 2, get, get_lens);
        for (int i = 0; i < w->depth; i++) {
            if (sorrel_conn_next(c, &r, NULL) != SORREL_OK)
                fail("libsorrel has no reply");
            if (w->list > 0)
                for (size_t k = 0; k < sorrel_reply_count(r); k++, bytes += len)
                    (void)sorrel_reply_text(sorrel_reply_at(r, k), &len);
            else if (sorrel_reply_text(r, &len) != NULL)
                bytes += len;
        }
    }
    return bytes;
}

static size_t
run_hiredis(redisContext *c, const struct work *w)
{
    static const char *get[] = {"GET", "bench:key"}, *set[] = {"SET", "bench:key", value};
    static const char *range[] = {"LRANGE", "bench:list", "0", "99"};
    static const size_t get_lens[] = {3, 9}, set_lens[] = {3, 9, sizeof(value) - 1}, range_lens[] = {6, 10, 1, 2};
    size_t bytes = 0;

    for (int b = 0; b < w->batches; b++) {
        for (int i = 0; i < w->depth; i++)
            if (w->list > 0)
                redisAppendCommandArgv(c, 4, range, range_lens);
            else if (w->set)
                redisAppendCommandArgv(c, 3, set, set_lens);
            else
                redisAppendCommandArgv(c, 2, get, get_lens);
        for (int i = 0; i < w->depth; i++) {
            void *p = NULL;
            if (redisGetReply(c, &p) != REDIS_OK)
                fail("hiredis has no reply");
            redisReply *r = p;
            if (w->list > 0)
                for (size_t k = 0; k < r->elements; k++)
                    bytes += r->element[k]->len;
            else
                bytes += r->len;
            freeReplyObject(r);
        }
    }
    return bytes;
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return v[n / 2];
}

int
main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 6379,
        rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 15;
    struct sorrel_url u = {.port = (uint16_t)port};
    struct sorrel_conn *s = NULL;
    struct sorrel_error err;

    if (rounds < 1 || rounds > ROUNDS_MAX || sorrel_conn_open(&u, &s, &err) != SORREL_OK)
        fail("no server");
    redisContext *h = redisConnect("127.0.0.1", port);
    if (h == NULL || h->err != 0)
        fail("no server for hiredis");
    (void)sorrel_conn_do(s, NULL, "SET", "bench:key", value, NULL);
    (void)sorrel_conn_do(s, NULL, "DEL", "bench:list", NULL);
    for (int i = 0; i < 100; i++)
        (void)sorrel_conn_do(s, NULL, "RPUSH", "bench:list", "an element of twenty", NULL);
    printf("%-30s %12s %12s %7s   %9s %9s %7s\n", "", "libsorrel/s", "hiredis/s", "ratio", "cpu us", "cpu us", "ratio");
    for (int k = 0; k < KINDS; k++) {
        static double rate[2][ROUNDS_MAX], cpu[2][ROUNDS_MAX], rates[ROUNDS_MAX], cpus[ROUNDS_MAX];
        double n = (double)works[k].depth * works[k].batches;
        size_t bytes[2];
        for (int r = 0; r < rounds; r++) {
            /* In turn, and who begins changes: what the machine does besides hits both. */
            for (int turn = 0; turn < 2; turn++) {
                int who = (turn + r) % 2;
                double wall = seconds(CLOCK_MONOTONIC), own = seconds(CLOCK_PROCESS_CPUTIME_ID);
                bytes[who] = who == 0 ? run_sorrel(s, &works[k]) : run_hiredis(h, &works[k]);
                cpu[who][r] = (seconds(CLOCK_PROCESS_CPUTIME_ID) - own) / n * 1e6;
                rate[who][r] = n / (seconds(CLOCK_MONOTONIC) - wall);
            }
            if (bytes[0] != bytes[1])
                fail("the two have read different replies");
            rates[r] = rate[0][r] / rate[1][r];
            cpus[r] = cpu[1][r] / cpu[0][r];
        }
        printf("%-30s %12.0f %12.0f %7.2f   %9.3f %9.3f %7.2f\n", works[k].name, median(rate[0], rounds),
               median(rate[1], rounds), median(rates, rounds), median(cpu[0], rounds), median(cpu[1], rounds),
               median(cpus, rounds));
    }
    sorrel_conn_close(s);
    redisFree(h);
    return 0;
}

/* tests/bench/bench_engine.c - nanoseconds a command inside the engine, without sockets: parse, dispatch, execute,
 * reply.
 *
 *   make MODE=release build/release/libengine.a
 *   gcc -O2 -flto -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/bench_engine.c build/release/libengine.a -ljemalloc
 * -lluajit-5.1 -lcrypto -lm
 *   ./a.out [keys] [commands] [rounds]
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/families.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { VALUE_BYTES = 64, BUFFERS = 64 };

static double
cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

struct bench {
    struct engine *engine;
    struct session *session[BUFFERS];
    int group; /* connections read together; 0: fed one by one */
    struct rng rng;
    size_t keys;
};

typedef void write_command(struct bench *b, struct buf *in, uint64_t key);

static void
write_set(struct bench *b, struct buf *in, uint64_t key)
{
    char value[VALUE_BYTES];

    memset(value, 'x', sizeof(value));
    buf_printf(in, "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012llu\r\n$%d\r\n%.*s\r\n", (unsigned long long)key, VALUE_BYTES,
               VALUE_BYTES, value);
}

static void
write_get(struct bench *b, struct buf *in, uint64_t key)
{
    buf_printf(in, "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012llu\r\n", (unsigned long long)key);
}

static void
write_incr(struct bench *b, struct buf *in, uint64_t key)
{
    buf_printf(in, "*2\r\n$4\r\nINCR\r\n$20\r\ncounter:%012llu\r\n", (unsigned long long)key);
}

static void
write_ping(struct bench *b, struct buf *in, uint64_t key)
{
    buf_printf(in, "*1\r\n$4\r\nPING\r\n");
}

static void
write_lpush(struct bench *b, struct buf *in, uint64_t key)
{
    buf_printf(in, "*3\r\n$5\r\nLPUSH\r\n$6\r\nmylist\r\n$3\r\nxyz\r\n");
}

static void
write_sadd(struct bench *b, struct buf *in, uint64_t key)
{
    buf_printf(in, "*3\r\n$4\r\nSADD\r\n$5\r\nmyset\r\n$20\r\nelement:%012llu\r\n", (unsigned long long)key);
}

static void
write_hset(struct bench *b, struct buf *in, uint64_t key)
{
    buf_printf(in, "*4\r\n$4\r\nHSET\r\n$6\r\nmyhash\r\n$20\r\nelement:%012llu\r\n$3\r\nxyz\r\n",
               (unsigned long long)key);
}

static void
write_zadd(struct bench *b, struct buf *in, uint64_t key)
{
    buf_printf(in, "*4\r\n$4\r\nZADD\r\n$6\r\nmyzset\r\n$1\r\n0\r\n$20\r\nelement:%012llu\r\n",
               (unsigned long long)key);
}

static void
feed(struct bench *b, int which, const struct buf *in)
{
    size_t used = engine_feed(b->engine, b->session[which], buf_slice(in), SIZE_MAX);

    CHECK(used == in->len);
    struct out *o = session_out(b->session[which]);
    out_sent(o, out_pending(o));
}

/* What a host does that has read several connections. */
static void
hint(struct bench *b, const struct buf *in, int n)
{
    engine_now_update(b->engine);
    for (int i = 0; i < n; i++)
        engine_hint(b->engine, b->session[i], buf_slice(&in[i]));
    for (int i = 0; i < n; i++)
        engine_hint_again(b->engine, b->session[i]);
}

/* CPU time a command with `depth` of them in each piece of input. Inputs are made outside the clock. */
static double
measure(struct bench *b, write_command *write, int depth, size_t commands)
{
    struct buf in[BUFFERS] = {{0}};
    double spent = 0;
    size_t done = 0;

    while (done < commands) {
        for (int i = 0; i < BUFFERS; i++) {
            buf_reset(&in[i]);
            for (int k = 0; k < depth; k++)
                write(b, &in[i], rng_below(&b->rng, b->keys));
        }
        double from = cpu_ns();
        for (int i = 0; i < BUFFERS; i++) {
            if (b->group > 0 && i % b->group == 0)
                hint(b, &in[i], b->group);
            else if (b->group == 0)
                engine_now_update(b->engine);
            feed(b, i % (b->group > 0 ? b->group : 1), &in[i]);
        }
        spent += cpu_ns() - from;
        done += (size_t)BUFFERS * (size_t)depth;
    }
    for (int i = 0; i < BUFFERS; i++)
        buf_fini(&in[i]);
    return spent / (double)done;
}

static void
fill(struct bench *b)
{
    struct buf in = {0};

    for (size_t i = 0; i < b->keys; i++) {
        write_set(b, &in, i);
        if (i % 64 == 63 || i + 1 == b->keys) {
            feed(b, 0, &in);
            buf_reset(&in);
        }
    }
    buf_fini(&in);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        write_command *write;
    } kinds[] = {{"SET", write_set},     {"GET", write_get},   {"INCR", write_incr}, {"PING", write_ping},
                 {"LPUSH", write_lpush}, {"SADD", write_sadd}, {"HSET", write_hset}, {"ZADD", write_zadd}};
    struct hash_seed seed = {0x5bd1e995u, 0x27d4eb2fu};
    struct bench b = {.keys = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000};
    size_t commands = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    int rounds = argc > 3 ? (int)strtoul(argv[3], NULL, 10) : 1;
    const char *only = argc > 4 ? argv[4] : NULL;
    struct engine_options opt = {.clock = clock_system(),
                                 .rng_seed = 1,
                                 .hash_seed = seed,
                                 .databases = 16,
                                 .families = cmd_families,
                                 .limits = value_limits_default(seed)};

    rng_seed(&b.rng, 3);
    b.engine = engine_new(&opt);
    for (int i = 0; i < BUFFERS; i++)
        b.session[i] = engine_session_open(b.engine, NULL, LIT("a"), LIT("b"));
    fill(&b);
    printf("%zu keys; nanoseconds of CPU a command\n%-8s %8s %8s %8s %8s\n", b.keys, "", "-P 1", "-P1 x16", "-P 16",
           "-P 64");
    for (int r = 0; r < rounds; r++) {
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            if (only != NULL && strcmp(only, kinds[k].name) != 0)
                continue;
            printf("%-8s", kinds[k].name);
            printf(" %8.0f", measure(&b, kinds[k].write, 1, commands / 4));
            b.group = 16;
            printf(" %8.0f", measure(&b, kinds[k].write, 1, commands / 4));
            b.group = 0;
            printf(" %8.0f", measure(&b, kinds[k].write, 16, commands));
            printf(" %8.0f\n", measure(&b, kinds[k].write, 64, commands));
        }
    }
    engine_free(b.engine);
    return 0;
}

/* Sixteen processes raise a counter under a lock while holders are killed: see tests/system/test_library_lock.py.
 *
 * lock_counter URL GOAL [PROCESSES [KILLS]]. Each worker takes the lock, reads the counter, writes it raised by one,
 * and says so on a pipe to the parent: the value, and the fencing number that it held. The counter is read and written
 * by separate commands, so two holders at once would lose an increment; the write goes through a check of the fence,
 * which is what keeps a holder out that was late. Now and then the parent kills whoever has just taken the lock, and
 * starts another worker in its place.
 */
#include "test.h"

#include <sorrel/lock.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

const char *test_url;
int test_failures;

struct report {
    long long value, fence; /* value 0: the lock has been taken */
    pid_t pid;
};

/* Writes unless a later holder has written. */
static const char guarded[] = "local f = tonumber(redis.call('get', KEYS[2]) or 0)\n"
                              "if tonumber(ARGV[2]) < f then return 0 end\n"
                              "redis.call('set', KEYS[2], ARGV[2])\n"
                              "redis.call('set', KEYS[1], ARGV[1])\n"
                              "return 1\n";

static void
work(long long goal, int pipe_fd)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_lock_options o = {.ttl_ms = 400, .renew = true};
    struct sorrel_lock *l = sorrel_lock_new(cl, "{count}:lock", &o);
    struct sorrel_error err = {0};
    char value[32], fence[32];

    for (;;) {
        struct sorrel_reply *r = NULL;
        int64_t n = 0, written = 0;
        if (sorrel_lock_acquire(l, -1, &err) != SORREL_OK)
            continue;
        struct report done = {0, sorrel_lock_fence(l), getpid()};
        if (write(pipe_fd, &done, sizeof(done)) != sizeof(done))
            break;
        r = sorrel_client_do(cl, SORREL_READ, &err, "GET", "{count}:n", NULL);
        bool known = r != NULL;
        (void)sorrel_reply_int(r, &n);
        sorrel_reply_free(r);
        if (known && n >= goal) {
            (void)sorrel_lock_release(l, &err);
            break;
        }
        if (known && sorrel_lock_held(l)) {
            snprintf(value, sizeof(value), "%lld", (long long)n + 1);
            snprintf(fence, sizeof(fence), "%lld", (long long)sorrel_lock_fence(l));
            r = sorrel_client_do(cl, 0, &err, "EVAL", guarded, "2", "{count}:n", "{count}:seen", value, fence, NULL);
            (void)sorrel_reply_int(r, &written);
            sorrel_reply_free(r);
            done.value = n + 1;
            if (written == 1 && write(pipe_fd, &done, sizeof(done)) != sizeof(done))
                break;
        }
        (void)sorrel_lock_release(l, &err);
    }
    sorrel_lock_free(l);
    sorrel_client_free(cl);
}

int
main(int argc, char **argv)
{
    enum { WORKERS_MAX = 64 };
    long long goal = argc > 2 ? strtoll(argv[2], NULL, 10) : 10000, last_fence = 0;
    int workers = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 16,
        kills = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 20;
    int fds[2], killed = 0, alive = 0;
    long long reports = 0, doubles = 0, disorder = 0, next_kill;
    pid_t pids[WORKERS_MAX];

    if (argc < 2 || workers < 1 || workers > WORKERS_MAX || pipe(fds) != 0)
        return 2;
    test_url = argv[1];
    char *seen = calloc((size_t)goal + 2, 1);
    for (int i = 0; i < workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            work(goal, fds[1]);
            _exit(0);
        }
        alive++;
    }
    next_kill = goal / (kills + 1);
    while (alive > 0) {
        struct pollfd p = {.fd = fds[0], .events = POLLIN};
        struct report r = {.value = -1};
        if (poll(&p, 1, 20) > 0 && read(fds[0], &r, sizeof(r)) == sizeof(r) && r.value != 0) {
            reports++;
            if (r.value < 1 || r.value > goal || seen[r.value]++ != 0)
                doubles++;
            disorder += r.fence <= last_fence;
            last_fence = r.fence;
        }
        for (int i = 0; r.value == 0 && killed < kills && reports >= next_kill * (killed + 1) && i < workers; i++) {
            if (pids[i] != r.pid)
                continue;
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
            killed++;
            pids[i] = fork();
            if (pids[i] == 0) {
                work(goal, fds[1]);
                _exit(0);
            }
            break;
        }
        for (int i = 0; i < workers; i++) {
            if (pids[i] > 0 && waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
                pids[i] = 0;
                alive--;
            }
        }
        /* What is still in the pipe when the last one has gone. */
        while (alive == 0 && poll(&p, 1, 0) > 0 && read(fds[0], &r, sizeof(r)) == sizeof(r)) {
            if (r.value == 0)
                continue;
            reports++;
            if (r.value < 1 || r.value > goal || seen[r.value]++ != 0)
                doubles++;
        }
    }
    struct sorrel_client *cl = test_client();
    struct sorrel_reply *reply = sorrel_client_do(cl, SORREL_READ, NULL, "GET", "{count}:n", NULL);
    int64_t n = 0;
    (void)sorrel_reply_int(reply, &n);
    sorrel_reply_free(reply);
    sorrel_client_free(cl);
    printf("counter %lld reported %lld doubles %lld disorder %lld killed %d\n", (long long)n, reports, doubles,
           disorder, killed);
    /* Whoever was killed between writing and reporting has done one increment that nobody heard of. */
    bool ok = n == goal && doubles == 0 && disorder == 0 && reports <= goal && reports >= goal - killed;
    free(seen);
    return ok ? 0 : 1;
}

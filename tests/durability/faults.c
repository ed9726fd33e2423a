/* tests/durability/faults.c - a library to be preloaded: system calls on the server's data files fail when they are
 * told to.
 *
 * SORREL_FAULTS names a file of struct faults, which the test changes while the server runs. Calls on other files,
 * sockets and logs are not touched. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum op { OP_NONE, OP_OPEN, OP_WRITE, OP_SYNC, OP_RENAME, OP_TRUNCATE, OP_UNLINK, OP_ANY };
enum { SHORT_WRITE = -1, KILLED = -2, SLOW = -3, SLOW_US = 200000 };

struct faults {
    int32_t op;    /* which call; OP_NONE: all is well */
    int32_t after; /* so many of them work first */
    int32_t count; /* then so many fail */
    int32_t error; /* errno, SHORT_WRITE, KILLED: the process ends, instead of making the call; SLOW: it takes long */
    int32_t hits;  /* have failed */
};

static struct faults *shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void
map(void)
{
    const char *path = getenv("SORREL_FAULTS");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        shared = p;
}

static int
is_data(const char *path)
{
    return strstr(path, ".aof") != NULL || strstr(path, ".rdb") != NULL;
}

static int
fd_is_data(int fd)
{
    char link[64], path[PATH_MAX];
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return 1;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return 0;
    path[n] = '\0';
    return is_data(path);
}

static int
is_meant(enum op op)
{
    return shared != NULL && (shared->op == (int)op || shared->op == OP_ANY);
}

/* 0: go on; else what goes wrong. */
static int
fault(enum op op)
{
    int error = 0;

    pthread_mutex_lock(&lock);
    if (is_meant(op) && shared->after-- <= 0 && shared->count > 0) {
        shared->count--;
        shared->hits++;
        error = shared->error;
    }
    if (error == KILLED)
        (void)kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&lock);
    if (error != SLOW)
        return error;
    (void)usleep(SLOW_US);
    return 0;
}

static int
on_fd(enum op op, int fd)
{
    return is_meant(op) && fd_is_data(fd) ? fault(op) : 0;
}

static int
on_path(enum op op, const char *path)
{
    return is_meant(op) && is_data(path) ? fault(op) : 0;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define FAIL_ON(call)        \
    do {                     \
        int error_ = (call); \
        if (error_ != 0) {   \
            errno = error_;  \
            return -1;       \
        }                    \
    } while (0)

int
open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    unsigned mode = flags & O_CREAT ? va_arg(ap, unsigned) : 0;
    va_end(ap);
    FAIL_ON((flags & O_ACCMODE) != O_RDONLY ? on_path(OP_OPEN, path) : 0);
    return REAL(open)(path, flags, mode);
}

ssize_t
write(int fd, const void *p, size_t n)
{
    int error = on_fd(OP_WRITE, fd);

    if (error == SHORT_WRITE && n > 1)
        return REAL(write)(fd, p, n / 2);
    FAIL_ON(error == SHORT_WRITE ? 0 : error);
    return REAL(write)(fd, p, n);
}

int
fsync(int fd)
{
    FAIL_ON(on_fd(OP_SYNC, fd));
    return REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
    FAIL_ON(on_fd(OP_SYNC, fd));
    return REAL(fdatasync)(fd);
}

int
rename(const char *from, const char *to)
{
    FAIL_ON(on_path(OP_RENAME, from));
    return REAL(rename)(from, to);
}

int
unlink(const char *path)
{
    FAIL_ON(on_path(OP_UNLINK, path));
    return REAL(unlink)(path);
}

int
ftruncate(int fd, off_t size)
{
    FAIL_ON(on_fd(OP_TRUNCATE, fd));
    return REAL(ftruncate)(fd, size);
}

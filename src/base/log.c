/* base/log.c - formatting and escaping of log lines. */
#include "base/log.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

static void
write_stderr(void *ctx, enum log_level level, struct slice line)
{
    (void)ctx, (void)level;
    struct buf b = {0};
    buf_add_slice(&b, line);
    buf_add_char(&b, '\n');
    ssize_t ignored = write(STDERR_FILENO, b.ptr, b.len);
    (void)ignored;
    buf_fini(&b);
}

static struct log_sink sink = {write_stderr, NULL};
static _Atomic int level_min = LOG_NOTICE;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
log_set_sink(struct log_sink s)
{
    pthread_mutex_lock(&lock);
    sink = s.write != NULL ? s : (struct log_sink){write_stderr, NULL};
    pthread_mutex_unlock(&lock);
}

void
log_set_level(enum log_level level)
{
    atomic_store(&level_min, (int)level);
}

bool
log_wants(enum log_level level)
{
    return (int)level >= atomic_load(&level_min);
}

static void
add_escaped(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", c);
        else
            buf_add_char(out, (char)c);
    }
}

void
log_at(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    struct buf raw = {0}, line = {0};

    if (!log_wants(level))
        return;
    va_start(ap, fmt);
    buf_vprintf(&raw, fmt, ap);
    va_end(ap);
    add_escaped(&line, buf_slice(&raw));
    pthread_mutex_lock(&lock);
    sink.write(sink.ctx, level, buf_slice(&line));
    pthread_mutex_unlock(&lock);
    buf_fini(&raw);
    buf_fini(&line);
}

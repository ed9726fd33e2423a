/* server/process.c - log file, daemon, pid file, signals. */
#include "server/process.h"

#include "base/buf.h"
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* -- log ------------------------------------------------------------------------------------------------------- */

/* "123:M 20 Nov 2026 21:00:00.123 * text" */
static void
format_line(enum log_level level, struct slice line, struct buf *out)
{
    static const char marks[] = ".-*#";
    struct timeval now;
    struct tm tm;
    char text[64];

    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof(text), "%d %b %Y %H:%M:%S", &tm);
    buf_printf(out, "%d:M %s.%03d %c ", (int)getpid(), text, (int)(now.tv_usec / 1000), marks[level]);
    buf_add_slice(out, line);
    buf_add_char(out, '\n');
}

static void
write_log(void *ctx, enum log_level level, struct slice line)
{
    const char *path = ctx;
    struct buf out = {0};
    int fd = *path == '\0' ? STDOUT_FILENO : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    format_line(level, line, &out);
    if (fd >= 0) {
        ssize_t ignored = write(fd, out.ptr, out.len);
        (void)ignored;
    }
    if (fd > STDERR_FILENO)
        close(fd);
    buf_fini(&out);
}

void
log_to_file(const char *path)
{
    log_set_sink((struct log_sink){write_log, (void *)(uintptr_t)path});
}

static void
write_both(void *ctx, enum log_level level, struct slice line)
{
    static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};

    write_log(ctx, level, line);
    syslog(priorities[level], "%.*s", (int)line.len, line.ptr);
}

void
log_to_syslog(const char *path, const char *ident, int local)
{
    openlog(ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, local < 0 ? LOG_USER : LOG_LOCAL0 + (local << 3));
    log_set_sink((struct log_sink){write_both, (void *)(uintptr_t)path});
}

/* -- daemon ---------------------------------------------------------------------------------------------------- */

bool
daemonize(void)
{
    pid_t pid = fork();

    if (pid < 0)
        return false;
    if (pid > 0)
        _exit(0);
    if (setsid() < 0)
        return false;
    int null = open("/dev/null", O_RDWR);
    if (null < 0)
        return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
    return true;
}

bool
pidfile_write(const char *path)
{
    FILE *f = fopen(path, "w");

    if (f == NULL)
        return false;
    fprintf(f, "%d\n", (int)getpid());
    return fclose(f) == 0;
}

/* -- signals --------------------------------------------------------------------------------------------------- */

static void
on_signal(struct source *src, uint32_t events)
{
    struct signals *s = (struct signals *)src;
    struct signalfd_siginfo info;

    (void)events;
    while (read(src->fd, &info, sizeof(info)) == sizeof(info))
        s->stop(s->ctx, (int)info.ssi_signo);
}

bool
signals_block(struct signals *s)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    s->src.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    s->src.ready = on_signal;
    return s->src.fd >= 0;
}

bool
signals_watch(struct signals *s, struct loop *loop)
{
    return loop_add(loop, &s->src, LOOP_READ);
}

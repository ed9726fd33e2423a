/* server/process.c - log file, daemon, pid file, signals. */
#include "server/process.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/utf8.h"
#include "server/config_load.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* -- log ------------------------------------------------------------------------------------------------------- */

static const char *const level_names[] = {"debug", "verbose", "notice", "warning"};

/* Between quotes, for logfmt and JSON. Bytes that are no UTF-8 are escaped one by one: whatever they are, the line is
 * valid. */
static void
add_escaped(struct buf *out, struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;

    while (p < end) {
        unsigned n = utf8_length(p, end);
        if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if (n == 0 || *p < 0x20 || *p == 0x7f)
            buf_printf(out, "\\u%04x", *p);
        else
            buf_add(out, p, n);
        p += n > 0 ? n : 1;
    }
}

/* RFC 3339, in the local zone: "2026-11-20T21:00:00.123+01:00" */
static void
add_time(struct buf *out, int64_t now_ms)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    char text[64];

    localtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    long minutes = tm.tm_gmtoff / 60, off = minutes < 0 ? -minutes : minutes;
    buf_printf(out, "%s.%03d%c%02ld:%02ld", text, (int)(now_ms % 1000), minutes < 0 ? '-' : '+', off / 60, off % 60);
}

static void
format_fields(const struct log_target *t, enum log_format format, enum log_level level, struct slice line,
              struct buf *out)
{
    bool json = format == LOG_FORMAT_JSON;

    buf_printf(out, json ? "{\"pid\":%d,\"role\":\"%s\",\"timestamp\":\"" : "pid=%d role=%s timestamp=\"",
               (int)getpid(), t->replica ? "replica" : "master");
    add_time(out, clock_wall_us(&t->clock) / 1000);
    buf_printf(out, json ? "\",\"level\":\"%s\",\"message\":\"" : "\" level=%s message=\"", level_names[level]);
    add_escaped(out, line);
    buf_printf(out, json ? "\"}\n" : "\"\n");
}

/* "123:M 20 Nov 2026 21:00:00.123 * text" */
static void
format_line(const struct log_target *t, enum log_level level, struct slice line, struct buf *out)
{
    static const char marks[] = ".-*#";
    int64_t now_ms = clock_wall_us(&t->clock) / 1000;
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    char text[64];

    localtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%d %b %Y %H:%M:%S", &tm);
    buf_printf(out, "%d:%c %s.%03d %c ", (int)getpid(), t->replica ? 'S' : 'M', text, (int)(now_ms % 1000),
               marks[level]);
    buf_add_slice(out, line);
    buf_add_char(out, '\n');
}

static void
write_log(void *ctx, enum log_level level, struct slice line)
{
    static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};
    const struct log_target *t = ctx;
    struct buf out = {0};
    int fd = *t->path == '\0' ? STDOUT_FILENO : open(t->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    enum log_format format = (enum log_format)t->format;
    if (format == LOG_FORMAT_LOGFMT || format == LOG_FORMAT_JSON)
        format_fields(t, format, level, line, &out);
    else
        format_line(t, level, line, &out);
    if (fd >= 0) {
        ssize_t ignored = write(fd, out.ptr, out.len);
        (void)ignored;
    }
    if (fd > STDERR_FILENO)
        close(fd);
    buf_fini(&out);
    if (t->ident != NULL)
        syslog(priorities[level], "%.*s", (int)line.len, line.ptr);
}

void
log_to(const struct log_target *t)
{
    if (t != NULL && t->ident != NULL)
        openlog(t->ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, t->local < 0 ? LOG_USER : LOG_LOCAL0 + (t->local << 3));
    log_set_sink((struct log_sink){t != NULL ? write_log : NULL, (void *)(uintptr_t)t});
}

/* -- daemon ---------------------------------------------------------------------------------------------------- */

/* Options whose values are passwords, or rules with passwords in them. */
static bool
holds_secrets(struct slice option)
{
    static const struct slice tails[] = {LIT_INIT("pass"), LIT_INIT("auth"), LIT_INIT("--user")};

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        size_t n = tails[i].len;
        if (option.len >= n && slice_eq_nocase(slice_skip(option, option.len - n), tails[i]))
            return true;
    }
    return false;
}

void
process_hide_secrets(int argc, char **argv)
{
    bool secret = false, value_next = false;

    for (int i = 1; i < argc; i++) {
        size_t len = strlen(argv[i]), name = strcspn(argv[i], " \t");
        if (value_next || !config_is_option(argv[i])) {
            if (secret)
                memset(argv[i], '*', len);
            value_next = false;
            continue;
        }
        secret = holds_secrets(slice_of(argv[i], name));
        value_next = secret && name == len;
        if (secret)
            memset(argv[i] + name, '*', len - name);
    }
}

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
stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

static void
quit_at_once(int sig)
{
    (void)sig;
    _exit(1);
}

/* Whoever asks a second time does not want to wait for what the first time began: the signals go the direct way
 * then. */
static void
let_signals_through(bool on)
{
    struct sigaction a = {.sa_handler = on ? quit_at_once : SIG_DFL};
    sigset_t set;

    stop_signals(&set);
    if (on) {
        (void)sigaction(SIGINT, &a, NULL);
        (void)sigaction(SIGTERM, &a, NULL);
    }
    (void)pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
    if (!on) {
        (void)sigaction(SIGINT, &a, NULL);
        (void)sigaction(SIGTERM, &a, NULL);
    }
}

static void
on_signal(struct source *src, uint32_t events)
{
    struct signals *s = (struct signals *)src;
    struct signalfd_siginfo info;

    (void)events;
    while (read(src->fd, &info, sizeof(info)) == sizeof(info)) {
        let_signals_through(true);
        if (!s->stop(s->ctx, (int)info.ssi_signo))
            let_signals_through(false);
    }
}

bool
signals_block(struct signals *s)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGHUP, &ignore, NULL);
    stop_signals(&set);
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

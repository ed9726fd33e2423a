/* server/crash.c - the crash report.
 *
 * Everything here runs in a signal handler of a process that is not to be trusted any more: no memory is allocated, no
 * lock is taken, each line is written as soon as it is made, and what is most likely to fail comes last. A second fault
 * ends the process at once.
 */
#include "server/crash.h"

#include "base/version.h"
#include "engine/dispatch.h"
#include "engine/session.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK_BYTES = 64 * 1024, FRAMES_MAX = 64, LINE_MAX_BYTES = 256 };

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/* The third mutable global of the project: a signal handler has nobody to hand it anything. Written before any other
 * thread is there, and when the engine comes and goes. */
static struct report {
    const struct log_target *log;
    const struct engine *engine;
    char stack[STACK_BYTES]; /* of the handler: the usual one may be what has run over */
} report;

static int
open_log(void)
{
    const char *path = report.log != NULL ? report.log->path : "";

    if (path[0] == '\0')
        return STDOUT_FILENO;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 ? fd : STDERR_FILENO;
}

/* One line in the format of the others. The texts hold nothing that would have to be escaped: they are ours. */
static void __attribute__((format(printf, 2, 3))) line(int fd, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES], out[LINE_MAX_BYTES + 96];
    enum log_format format = report.log != NULL ? (enum log_format)report.log->format : LOG_FORMAT_LEGACY;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    int n = snprintf(out, sizeof(out),
                     format == LOG_FORMAT_JSON     ? "{\"pid\":%d,\"level\":\"warning\",\"message\":\"%s\"}\n"
                     : format == LOG_FORMAT_LOGFMT ? "pid=%d level=warning message=\"%s\"\n"
                                                   : "%d:M # %s\n",
                     (int)getpid(), text);
    ssize_t ignored = write(fd, out, (size_t)n < sizeof(out) ? (size_t)n : sizeof(out) - 1);
    (void)ignored;
}

static void
tell_registers(int fd, const ucontext_t *context)
{
#if defined(__x86_64__)
    static const struct {
        const char *name;
        int at;
    } registers[] = {{"RIP", REG_RIP}, {"RSP", REG_RSP}, {"RBP", REG_RBP}, {"RAX", REG_RAX}, {"RBX", REG_RBX},
                     {"RCX", REG_RCX}, {"RDX", REG_RDX}, {"RDI", REG_RDI}, {"RSI", REG_RSI}, {"R8", REG_R8},
                     {"R9", REG_R9},   {"R10", REG_R10}, {"R11", REG_R11}, {"R12", REG_R12}, {"R13", REG_R13},
                     {"R14", REG_R14}, {"R15", REG_R15}, {"EFL", REG_EFL}, {"CR2", REG_CR2}, {"ERR", REG_ERR}};
    enum { COUNT = sizeof(registers) / sizeof(registers[0]) };

    for (int i = 0; i + 3 < COUNT; i += 4) {
        const greg_t *g = context->uc_mcontext.gregs;
        line(fd, "%s:%016llx %s:%016llx %s:%016llx %s:%016llx", registers[i].name,
             (unsigned long long)g[registers[i].at], registers[i + 1].name, (unsigned long long)g[registers[i + 1].at],
             registers[i + 2].name, (unsigned long long)g[registers[i + 2].at], registers[i + 3].name,
             (unsigned long long)g[registers[i + 3].at]);
    }
#elif defined(__aarch64__)
    const mcontext_t *m = &context->uc_mcontext;

    line(fd, "PC:%016llx SP:%016llx PSTATE:%016llx FAULT:%016llx", (unsigned long long)m->pc, (unsigned long long)m->sp,
         (unsigned long long)m->pstate, (unsigned long long)m->fault_address);
    for (int i = 0; i + 3 < 31; i += 4)
        line(fd, "X%d:%016llx X%d:%016llx X%d:%016llx X%d:%016llx", i, (unsigned long long)m->regs[i], i + 1,
             (unsigned long long)m->regs[i + 1], i + 2, (unsigned long long)m->regs[i + 2], i + 3,
             (unsigned long long)m->regs[i + 3]);
#else
    (void)context;
    line(fd, "registers: not known on this processor");
#endif
}

static void
tell_stack(int fd)
{
    void *frames[FRAMES_MAX];
    int n = backtrace(frames, FRAMES_MAX);

    line(fd, "stack (addr2line -e sorrel-server -f ADDRESS):");
    backtrace_symbols_fd(frames, n, fd);
}

/* Who it was: numbers and the command's own name, nothing that a client has sent. */
static void
tell_client(int fd)
{
    struct engine_running r;

    if (report.engine == NULL || !engine_running(report.engine, &r)) {
        line(fd, "no client's command was running");
        return;
    }
    line(fd, "client id=%llu db=%d resp=%d flags=%x commands=%llu", (unsigned long long)r.client, r.db, r.resp, r.flags,
         (unsigned long long)r.commands);
    line(fd, "command: %.*s, %d arguments", (int)r.command.len, r.command.ptr, r.argc);
}

static void
on_fault(int sig, siginfo_t *info, void *context)
{
    char thread[17] = "";
    int fd = open_log();

    (void)prctl(PR_GET_NAME, thread);
    line(fd, "=== SORREL CRASH REPORT BEGIN ===");
    line(fd, "Sorrel " SORREL_VERSION " crashed by signal %d (%s), code %d, address %p, thread %s", sig,
         sigabbrev_np(sig), info->si_code, info->si_addr, thread);
    tell_registers(fd, context);
    tell_client(fd);
    tell_stack(fd);
    line(fd, "=== SORREL CRASH REPORT END === It holds no data; please send it with your report.");
    /* The handler is gone by now (SA_RESETHAND). */
    (void)raise(sig);
}

static void
handle(void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction a = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER};

    a.sa_sigaction = handler;
    if (handler == NULL) {
        a.sa_flags = 0;
        a.sa_handler = SIG_DFL;
    }
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        (void)sigaction(fatal[i], &a, NULL);
}

void
crash_watch(const struct log_target *log, const struct engine *engine)
{
    stack_t stack = {.ss_sp = report.stack, .ss_size = STACK_BYTES};
    void *frame;

    report.log = log;
    report.engine = engine;
    (void)backtrace(&frame, 1); /* loads what it needs while that is still allowed */
    (void)sigaltstack(&stack, NULL);
    handle(on_fault);
}

void
crash_ignore(void)
{
    handle(NULL);
    report.engine = NULL;
}

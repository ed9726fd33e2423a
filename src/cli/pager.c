/* cli/pager.c - a child that reads the text from a pipe. */
#include "cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* -F: what fits after all is printed; -R: colours; -X: it stays on the screen. */
#define PAGER_DEFAULT "less -FRX"

static const char *
pager_command(void)
{
    const char *own = getenv("SORREL_CLI_PAGER"), *usual = getenv("PAGER");

    if (own != NULL)
        return own;
    return usual != NULL ? usual : PAGER_DEFAULT;
}

static bool
fits(int fd, struct slice text)
{
    struct winsize size;
    size_t rows = 0, column = 0;

    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return true;
    for (size_t i = 0; i < text.len && rows < size.ws_row; i++) {
        column++;
        if (text.ptr[i] == '\n' || column == size.ws_col) {
            rows++;
            column = 0;
        }
    }
    return rows < size.ws_row;
}

/* The child gets signals as if we had never touched ours. 0 if it could not be started. */
static pid_t
start(const char *command, int in)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, usual;
    pid_t pid = 0;
    const char *argv[] = {"sh", "-c", command, NULL};

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &usual);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (posix_spawn(&pid, "/bin/sh", &files, &attr, (char *const *)(uintptr_t)argv, environ) != 0)
        pid = 0;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static void
write_until_quit(int fd, struct slice text)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;

    sigaction(SIGPIPE, &ignore, &before);
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno != EINTR)
            break; /* the reader has seen enough */
        text = slice_skip(text, n > 0 ? (size_t)n : 0);
    }
    sigaction(SIGPIPE, &before, NULL);
}

bool
pager_show(int fd, struct slice text)
{
    const char *command = pager_command();
    int ends[2], status = 0;

    if (command[0] == '\0' || fits(fd, text) || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t pid = start(command, ends[0]);
    close(ends[0]);
    if (pid > 0)
        write_until_quit(ends[1], text);
    close(ends[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    /* 127: the shell has not found it, so nothing was shown. */
    return pid > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 127);
}

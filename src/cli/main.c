/* cli/main.c - sorrel-cli: one command, lines of commands, or one of the modes. */
#include "cli/modes.h"
#include "cli/repl.h"
#include "cli/session.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CLI_VERSION "0.1.0"

struct command {
    struct slice *argv;
    int argc;
};

static bool
read_all(int fd, struct buf *out)
{
    for (;;) {
        ssize_t n = read(fd, buf_room(out, 65536), 65536);
        if (n <= 0)
            return n == 0;
        buf_advance(out, (size_t)n);
    }
}

/* Builds the command of a one-shot run. False, having said why, when it can't be. */
static bool
build_command(const struct options *o, struct arena *arena, struct buf *input, struct command *out)
{
    struct slice *argv = arena_array(arena, (size_t)o->argc + 1, sizeof(*argv));
    int argc = o->argc;
    bool tag_found = false;

    for (int i = 0; i < argc; i++) {
        argv[i] = slice_cstr(o->argv[i]);
        if (o->quoted_input && !unquote_argument(arena, argv[i], &argv[i])) {
            printf("Invalid quoted string\n"); /* where redis-cli says it */
            return false;
        }
    }
    if ((o->stdin_last || o->stdin_tag != NULL) && !read_all(STDIN_FILENO, input)) {
        perror("Reading standard input");
        return false;
    }
    for (int i = 0; i < argc && o->stdin_tag != NULL; i++) {
        if (slice_eq(argv[i], slice_cstr(o->stdin_tag))) {
            argv[i] = buf_slice(input);
            tag_found = true;
        }
    }
    if (o->stdin_tag != NULL && !tag_found) {
        fprintf(stderr, "Using -X option but stdin tag not match.\n");
        return false;
    }
    if (o->stdin_last)
        argv[argc++] = buf_slice(input);
    *out = (struct command){argv, argc};
    return true;
}

/* --eval FILE key ... , argument ... as an EVAL command. */
static bool
build_eval(const struct options *o, struct arena *arena, struct buf *script, struct command *out)
{
    FILE *f = fopen(o->file, "r");

    if (f == NULL || !read_all(fileno(f), script)) {
        fprintf(stderr, "Can't open file '%s': %m\n", o->file);
        if (f != NULL)
            fclose(f);
        return false;
    }
    fclose(f);
    struct slice *argv = arena_array(arena, (size_t)o->argc + 3, sizeof(*argv));
    int argc = 3, keys = 0;
    bool comma = false;
    for (int i = 0; i < o->argc; i++) {
        if (!comma && strcmp(o->argv[i], ",") == 0) {
            comma = true;
            continue;
        }
        argv[argc++] = slice_cstr(o->argv[i]);
        keys += !comma;
    }
    argv[0] = LIT("EVAL");
    argv[1] = buf_slice(script);
    argv[2] = arena_printf(arena, "%d", keys);
    *out = (struct command){argv, argc};
    return true;
}

static int
run_once(struct session *s, struct arena *arena)
{
    const struct options *o = s->opt;
    struct buf input = {0};
    struct command c;
    int status = 1;

    s->one_shot = true;
    bool ok = o->mode == MODE_EVAL ? build_eval(o, arena, &input, &c) : build_command(o, arena, &input, &c);
    if (ok && session_connect(s)) {
        enum outcome res = session_repeat(s, c.argc, c.argv, o->repeat);
        status = res == OUTCOME_FAILED || (res == OUTCOME_ERROR_REPLY && o->error_exit);
    }
    buf_fini(&input);
    return status;
}

/* Reads a password from the terminal, showing stars. The caller frees it. */
static char *
ask_password(const char *question)
{
    struct termios old, hidden;
    struct buf text = {0};
    bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
    size_t len;
    char c;

    if (terminal) {
        hidden = old;
        hidden.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    fputs(question, stderr);
    while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && c != '\r') {
        if (c == 127 || c == '\b') {
            if (text.len > 0) {
                text.len--;
                fputs("\b \b", stderr);
            }
            continue;
        }
        buf_add_char(&text, c);
        fputc('*', stderr);
    }
    fputc('\n', stderr);
    if (terminal)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    buf_add_char(&text, '\0');
    return buf_take(&text, &len);
}

static int
run_mode(struct session *s)
{
    const struct options *o = s->opt;

    switch (o->mode) {
    case MODE_SCAN: return mode_scan(s);
    case MODE_BIGKEYS:
    case MODE_MEMKEYS:
    case MODE_HOTKEYS:
    case MODE_KEYSTATS: return mode_big(s, o->mode);
    case MODE_LATENCY:
    case MODE_LATENCY_HISTORY:
    case MODE_LATENCY_DIST: return mode_latency(s, o->mode);
    case MODE_INTRINSIC_LATENCY: return mode_intrinsic_latency(o->mode_number);
    case MODE_STAT: return mode_stat(s);
    case MODE_LRU_TEST: return mode_lru_test(s, o->mode_number);
    case MODE_PIPE: return mode_pipe(s);
    case MODE_RDB: return mode_snapshot(s, false);
    case MODE_FUNCTIONS_RDB: return mode_snapshot(s, true);
    case MODE_REPLICA: return mode_replica(s);
    default: return 1;
    }
}

static int
run_cluster(struct options *o)
{
    char *password = o->cluster.from_askpass ? ask_password("Please input import source node password: ") : NULL;

    if (password != NULL)
        o->cluster.from_password = password;
    int status = mode_cluster(o);
    mem_free(password);
    return status;
}

static int
run(struct options *o, struct arena *arena)
{
    struct session s;
    int status;

    if (o->mode == MODE_HELP) {
        options_print_help(o->argc > 0 && strcmp(o->argv[0], "all") == 0);
        return 0;
    }
    if (o->mode == MODE_VERSION) {
        printf("sorrel-cli %s\n", CLI_VERSION);
        return 0;
    }
    if (o->ask_password) {
        mem_free(o->url.password);
        o->url.password = ask_password("Please input password: ");
    }
    if (o->mode == MODE_CLUSTER)
        return run_cluster(o);
    session_init(&s, o);
    switch (o->mode) {
    case MODE_COMMANDS: status = o->argc == 0 ? repl(&s) : run_once(&s, arena); break;
    case MODE_EVAL: status = run_once(&s, arena); break;
    default: status = run_mode(&s); break;
    }
    session_fini(&s);
    return status;
}

int
main(int argc, char **argv)
{
    struct arena arena = {0};
    struct options o;

    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    int status = options_parse(&o, argc, argv, &arena) ? run(&o, &arena) : 1;
    options_fini(&o);
    arena_fini(&arena);
    return fflush(stdout) == 0 ? status : 1;
}

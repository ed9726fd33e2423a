/* cli/repl.c - the loop, and the few words that are not commands of the server. */
#include "cli/repl.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "proto/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
prompt(const struct session *s, struct buf *out)
{
    const struct sorrel_url *u = &s->url;

    buf_reset(out);
    if (s->conn == NULL) {
        buf_add_slice(out, LIT("not connected> "));
        return;
    }
    if (u->transport == SORREL_UNIX)
        buf_printf(out, "redis %s", u->path);
    else
        buf_printf(out, strchr(u->host != NULL ? u->host : "", ':') != NULL ? "[%s]:%u" : "%s:%u",
                   u->host != NULL ? u->host : "127.0.0.1", u->port != 0 ? u->port : 6379);
    if (u->db != 0)
        buf_printf(out, "[%d]", u->db);
    if (s->in_multi)
        buf_add_slice(out, LIT("(TX)"));
    buf_add_slice(out, LIT("> "));
}

static bool
word_is(const struct slice_vec *w, size_t i, const char *text)
{
    return i < w->n && slice_eq_nocase(w->v[i], slice_cstr(text));
}

/* Says how long a slow command took, as redis-cli does. */
static void
say_elapsed(const struct session *s, int64_t ns)
{
    if (ns >= 500 * 1000000LL && s->opt->output == OUTPUT_STANDARD)
        printf("(%.2fs)\n", (double)ns / 1e9);
}

static bool
run_line(struct session *s, const struct slice_vec *w, struct arena *arena)
{
    int64_t repeat = s->opt->repeat, n;
    size_t from = 0;
    struct clock clock = clock_system();

    if (word_is(w, 0, "quit") || word_is(w, 0, "exit"))
        return false;
    if (word_is(w, 0, "clear") && w->n == 1) {
        printf("\x1b[H\x1b[2J");
        fflush(stdout);
        return true;
    }
    if (word_is(w, 0, "connect") && w->n == 3) {
        if (parse_int64(w->v[2], &n) && n > 0 && n < 65536)
            session_connect_to(s, arena_copy(arena, w->v[1]).ptr, (uint16_t)n);
        else
            fprintf(stderr, "Invalid server port.\n");
        return true;
    }
    if (w->n > 1 && parse_int64(w->v[0], &n)) {
        if (n <= 0) {
            printf("Invalid redis-cli repeat command option value.\n");
            return true;
        }
        repeat = n;
        from = 1;
    }
    int64_t start = clock_mono_ns(&clock);
    session_repeat(s, (int)(w->n - from), w->v + from, repeat);
    say_elapsed(s, clock_mono_ns(&clock) - start);
    return true;
}

int
repl(struct session *s)
{
    bool terminal = isatty(STDIN_FILENO);
    struct arena arena = {0};
    struct buf text = {0};
    struct slice_vec words = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (terminal)
        session_catch_interrupts(s);
    session_connect(s);
    for (;;) {
        if (terminal) {
            prompt(s, &text);
            fwrite(text.ptr, 1, text.len, stdout);
            fflush(stdout);
        }
        len = getline(&line, &cap, stdin);
        if (len < 0)
            break;
        arena_reset(&arena);
        words.n = 0;
        if (!words_split(slice_of(line, (size_t)len), &arena, &words))
            printf("Invalid argument(s)\n");
        else if (words.n > 0 && !run_line(s, &words, &arena))
            break;
        fflush(stdout);
    }
    (free)(line); /* getline() allocated it */
    buf_fini(&text);
    slice_vec_fini(&words);
    arena_fini(&arena);
    return 0;
}

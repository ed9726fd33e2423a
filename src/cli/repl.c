/* cli/repl.c - the loop, and the few words that are not commands of the server. */
#include "cli/repl.h"

#include "base/clock.h"
#include "base/number.h"
#include "cli/assist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct palette palette = {
    .number = "\x1b[36m",
    .string = "\x1b[32m",
    .error = "\x1b[31m",
    .nil = "\x1b[90m",
    .index = "\x1b[90m",
    .status = "\x1b[1m",
    .reset = "\x1b[0m",
};

/* Where lines come from: an editor on a terminal, or plain bytes. */
struct input {
    bool terminal; /* someone is there to be prompted */
    bool editing;
    struct editor editor;
    struct buf bytes; /* read and not used, of a plain input */
    bool ended;
};

struct repl {
    struct session *session;
    struct assist assist;
    struct history history;
    struct input input;
    bool no_hints;
};

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
    if (s->subscribed)
        buf_add_slice(out, LIT("(subscribed mode)"));
    buf_add_slice(out, LIT("> "));
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* The next line of a plain input, without its end. False at the end. */
static bool
plain_line(struct input *in, struct buf *line)
{
    size_t searched = 0;

    buf_reset(line);
    for (;;) {
        const char *nl =
            in->bytes.len > searched ? memchr(in->bytes.ptr + searched, '\n', in->bytes.len - searched) : NULL;
        if (nl != NULL || (in->ended && in->bytes.len > 0)) {
            size_t len = nl != NULL ? (size_t)(nl - in->bytes.ptr) : in->bytes.len;
            buf_add(line, in->bytes.ptr, len);
            buf_consume(&in->bytes, nl != NULL ? len + 1 : len);
            return true;
        }
        if (in->ended)
            return false;
        searched = in->bytes.len;
        ssize_t n = read(STDIN_FILENO, buf_room(&in->bytes, 16384), 16384);
        if (n > 0)
            buf_advance(&in->bytes, (size_t)n);
        else if (n == 0 || errno != EINTR)
            in->ended = true;
    }
}

static enum edit_result
next_line(struct repl *r, struct buf *text, struct buf *line)
{
    if (r->input.terminal)
        prompt(r->session, text);
    if (r->input.editing) {
        assist_learn(&r->assist);
        prompt(r->session, text);
        r->input.editor.assistant = assist_for_editor(&r->assist);
        if (r->no_hints)
            r->input.editor.assistant.hint = NULL;
        return edit_line(&r->input.editor, buf_slice(text), line);
    }
    if (r->input.terminal) {
        fwrite(text->ptr, 1, text->len, stdout);
        fflush(stdout);
    }
    return plain_line(&r->input, line) ? EDIT_LINE : EDIT_END;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

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

static void
connect_elsewhere(struct repl *r, const struct slice_vec *w, struct arena *arena)
{
    int64_t port;

    if (parse_int64(w->v[2], &port) && port > 0 && port < 65536)
        session_connect_to(r->session, arena_copy(arena, w->v[1]).ptr, (uint16_t)port);
    else
        fprintf(stderr, "Invalid server port.\n");
}

/* ":set hints" and ":set nohints", as redis-cli has them. */
static void
set_preference(struct repl *r, const struct slice_vec *w)
{
    if (!word_is(w, 0, ":set") || w->n < 2)
        printf("unknown redis-cli internal command '%.*s'\n", (int)w->v[0].len, w->v[0].ptr);
    else if (!word_is(w, 1, "hints") && !word_is(w, 1, "nohints"))
        printf("unknown redis-cli preference '%.*s'\n", (int)w->v[1].len, w->v[1].ptr);
    else
        r->no_hints = word_is(w, 1, "nohints");
}

/* The preferences in $REDISCLI_RCFILE, else in ~/.redisclirc. */
static void
read_preferences(struct repl *r)
{
    const char *path = getenv("REDISCLI_RCFILE"), *home = getenv("HOME");
    char line[256];
    struct buf usual = {0};

    buf_printf(&usual, "%s/.redisclirc%c", home != NULL ? home : "", '\0');
    FILE *f = fopen(path != NULL && path[0] != '\0' ? path : usual.ptr, "r");
    buf_fini(&usual);
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        struct arena arena = {0};
        struct slice_vec words = {0};
        if (words_split(slice_of(line, strcspn(line, "\r\n")), &arena, &words) && words.n > 0)
            set_preference(r, &words);
        slice_vec_fini(&words);
        arena_fini(&arena);
    }
    if (f != NULL)
        fclose(f);
}

/* False when the line ends the program. */
static bool
run_line(struct repl *r, const struct slice_vec *w, struct arena *arena)
{
    struct session *s = r->session;
    int64_t repeat = s->opt->repeat, n;
    size_t from = 0;
    struct clock clock = clock_system();

    if (word_is(w, 0, "quit") || word_is(w, 0, "exit"))
        return false;
    if (word_is(w, 0, "clear") && w->n == 1) {
        printf("\x1b[H\x1b[2J");
        return true;
    }
    if (word_is(w, 0, "help") || word_is(w, 0, "?")) {
        assist_help(&r->assist, w->v + 1, w->n - 1);
        return true;
    }
    if (w->v[0].len > 0 && w->v[0].ptr[0] == ':') {
        set_preference(r, w);
        return true;
    }
    if (word_is(w, 0, "connect") && w->n == 3) {
        connect_elsewhere(r, w, arena);
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
    enum outcome res = session_repeat(s, (int)(w->n - from), w->v + from, repeat);
    /* Ctrl-C gave up the connection, with the reply that was still to come on it: back to work on a new one. */
    if (res == OUTCOME_INTERRUPTED && s->conn == NULL)
        session_connect(s);
    if (!s->subscribed && res != OUTCOME_INTERRUPTED)
        say_elapsed(s, clock_mono_ns(&clock) - start);
    if (word_is(w, from, "auth") || word_is(w, from, "hello") || word_is(w, from, "function"))
        assist_forget(&r->assist);
    return true;
}

static void
loop(struct repl *r)
{
    struct arena arena = {0};
    struct buf text = {0}, line = {0};
    struct slice_vec words = {0};
    enum edit_result res;
    bool more = true;

    while (more && (res = next_line(r, &text, &line)) != EDIT_END) {
        if (res == EDIT_GIVEN_UP) {
            /* Ctrl-C drops what was typed; at an empty prompt it leaves, as it does in redis-cli. */
            more = line.len > 0;
            continue;
        }
        arena_reset(&arena);
        words.n = 0;
        history_add(&r->history, buf_slice(&line));
        if (!words_split(buf_slice(&line), &arena, &words))
            printf("Invalid argument(s)\n");
        else if (words.n > 0)
            more = run_line(r, &words, &arena);
        fflush(stdout);
    }
    buf_fini(&text);
    buf_fini(&line);
    slice_vec_fini(&words);
    arena_fini(&arena);
}

static bool
wants_colours(void)
{
    const char *no = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0');
}

int
repl(struct session *s)
{
    struct repl r = {.session = s, .assist = {.session = s}};
    struct buf path = {0};

    r.input.terminal = isatty(STDIN_FILENO);
    r.input.editing = edit_possible(STDIN_FILENO, STDOUT_FILENO);
    if (r.input.terminal)
        session_catch_interrupts(s);
    if (r.input.editing) {
        s->key_fd = STDIN_FILENO;
        s->pages = true;
        history_default_path(&path);
        buf_add_char(&path, '\0');
        history_open(&r.history, path.ptr);
        if (wants_colours())
            s->colours = &palette;
        r.input.editor = (struct editor){
            .in = STDIN_FILENO, .out = STDOUT_FILENO, .history = &r.history, .colours = s->colours != NULL};
    }
    if (r.input.terminal)
        read_preferences(&r);
    session_connect(s);
    loop(&r);
    edit_fini(&r.input.editor);
    history_close(&r.history);
    assist_fini(&r.assist);
    buf_fini(&r.input.bytes);
    buf_fini(&path);
    return 0;
}

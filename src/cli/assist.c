/* cli/assist.c - from docs and keys to what the editor shows. */
#include "cli/assist.h"

#include "base/clock.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS_MAX = 200, KEY_STEPS_MAX = 20, KEY_SEARCH_MS = 100 };

void
assist_fini(struct assist *a)
{
    docs_fini(&a->docs);
}

void
assist_forget(struct assist *a)
{
    a->asked = NULL;
}

void
assist_learn(struct assist *a)
{
    const struct slice docs[] = {LIT("COMMAND"), LIT("DOCS")};
    struct session *s = a->session;

    if (s->conn == NULL || s->in_multi || a->asked == s->conn)
        return;
    a->asked = s->conn;
    const struct resp_value *v = session_ask(s, 2, docs);
    if (v == NULL || !resp_is_aggregate(v))
        return;
    docs_fini(&a->docs);
    docs_load(&a->docs, v);
}

/* ---- the line so far --------------------------------------------------------------------------------------------- */

/* A line that is being typed: the finished words, and the one at the end that may go on. */
struct typing {
    struct slice_vec words;
    size_t last_at; /* where in the line the unfinished word begins */
    struct slice last;
    bool in_quotes;
};

/* False when the finished words have wrong quotes. */
static bool
read_typing(struct slice line, struct arena *mem, struct typing *t)
{
    char quote = '\0';

    *t = (struct typing){.last_at = 0};
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (quote != '\0') {
            if (c == '\\' && i + 1 < line.len)
                i++;
            else if (c == quote)
                quote = '\0';
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == ' ' || c == '\t') {
            t->last_at = i + 1;
        }
    }
    t->in_quotes = quote != '\0';
    t->last = slice_skip(line, t->last_at);
    return words_split(slice_of(line.ptr, t->last_at), mem, &t->words);
}

/* A number in front repeats the command: the rest is what counts. */
static size_t
skip_repeat(const struct slice_vec *w)
{
    return w->n > 0 && w->v[0].len > 0 && w->v[0].ptr[0] >= '0' && w->v[0].ptr[0] <= '9';
}

/* ---- hints ------------------------------------------------------------------------------------------------------- */

static void
hint_words(struct assist *a, const struct slice_vec *w, struct buf *out)
{
    size_t from = skip_repeat(w), used;
    const struct doc *doc = docs_find(&a->docs, w->v + from, w->n - from, &used);

    if (doc == NULL || doc->is_container)
        return;
    docs_rest(doc, w->v + from + used, w->n - from - used, out);
}

static void
hint(void *ctx, struct slice line, struct buf *out)
{
    struct assist *a = ctx;
    struct arena mem = {0};
    struct slice_vec words = {0};
    struct buf text = {0};

    if (line.len > 0 && words_split(line, &mem, &words) && words.n > 0) {
        hint_words(a, &words, &text);
        if (text.len > 0 && line.ptr[line.len - 1] != ' ')
            buf_add_char(out, ' ');
        buf_add_slice(out, buf_slice(&text));
    }
    buf_fini(&text);
    slice_vec_fini(&words);
    arena_fini(&mem);
}

/* ---- completion -------------------------------------------------------------------------------------------------- */

struct completion {
    struct slice before, typed; /* the line up to the word, and the word */
    struct arena *mem;
    struct slice_vec *out;
};

/* Adds line + word; letters of option words and commands follow the case of what was typed. */
static void
add_word(const struct completion *c, struct slice word, bool follow_case)
{
    struct buf line = {0};
    bool lower = follow_case && c->typed.len > 0 && ascii_lower(c->typed.ptr[0]) == c->typed.ptr[0];

    /* With nothing typed, the case of what comes before decides. */
    if (follow_case && c->typed.len == 0 && c->before.len > 0)
        lower = ascii_lower(c->before.ptr[0]) == c->before.ptr[0];
    buf_add_slice(&line, c->before);
    for (size_t i = 0; i < word.len; i++)
        buf_add_char(&line, lower ? ascii_lower(word.ptr[i]) : word.ptr[i]);
    slice_vec_add(c->out, arena_copy(c->mem, buf_slice(&line)));
    buf_fini(&line);
}

/* Names of commands; `prefix` is the container's name and a blank for subcommands. */
static void
complete_names(struct assist *a, const struct completion *c, struct slice prefix)
{
    for (size_t i = 0; i < a->docs.n; i++) {
        struct slice name = a->docs.list[i].name;
        if (!slice_starts_nocase(name, prefix))
            continue;
        name = slice_skip(name, prefix.len);
        if (memchr(name.ptr, ' ', name.len) == NULL && slice_starts_nocase(name, c->typed))
            add_word(c, name, true);
    }
}

static int
by_bytes(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* A pattern that matches what begins with the typed text. */
static struct slice
prefix_pattern(struct arena *mem, struct slice typed)
{
    struct buf b = {0};

    for (size_t i = 0; i < typed.len; i++) {
        if (strchr("*?[]\\^", typed.ptr[i]) != NULL)
            buf_add_char(&b, '\\');
        buf_add_char(&b, typed.ptr[i]);
    }
    buf_add_char(&b, '*');
    struct slice s = arena_copy(mem, buf_slice(&b));
    buf_fini(&b);
    return s;
}

static bool
is_plain(struct slice key)
{
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.ptr[i] <= ' ' || key.ptr[i] == '"' || key.ptr[i] == '\'' || key.ptr[i] == 0x7f)
            return false;
    return key.len > 0;
}

static void
add_key(const struct completion *c, struct slice key)
{
    struct buf quoted = {0};

    if (!is_plain(key))
        format_quoted(key, &quoted);
    add_word(c, quoted.len > 0 ? buf_slice(&quoted) : key, false);
    buf_fini(&quoted);
}

/* Looks for keys for a tenth of a second at most: a big database has more of them than anybody wants to step
 * through. */
static void
complete_keys(struct assist *a, const struct completion *c)
{
    struct clock clock = clock_system();
    int64_t end = clock_mono_ns(&clock) + KEY_SEARCH_MS * 1000000LL;
    struct slice pattern = prefix_pattern(c->mem, c->typed), cursor = LIT("0");
    size_t first = c->out->n;

    if (a->session->conn == NULL || a->session->in_multi)
        return;
    for (int step = 0; step < KEY_STEPS_MAX && c->out->n - first < KEYS_MAX && clock_mono_ns(&clock) < end; step++) {
        const struct slice scan[] = {LIT("SCAN"), cursor, LIT("MATCH"), pattern, LIT("COUNT"), LIT("500")};
        const struct resp_value *v = session_ask(a->session, 6, scan);
        if (v == NULL || v->type != RESP_ARRAY || v->count != 2 || !resp_is_aggregate(&v->items[1]) ||
            !resp_is_text(&v->items[0]))
            return;
        for (size_t i = 0; i < v->items[1].count && c->out->n - first < KEYS_MAX; i++)
            if (resp_is_text(&v->items[1].items[i]))
                add_key(c, v->items[1].items[i].text);
        cursor = arena_copy(c->mem, v->items[0].text);
        if (slice_eq(cursor, LIT("0")))
            break;
    }
    if (c->out->n > first)
        qsort(c->out->v + first, c->out->n - first, sizeof(*c->out->v), by_bytes);
}

static void
complete_arguments(struct assist *a, const struct completion *c, const struct slice_vec *w, size_t from)
{
    struct slice_vec tokens = {0};
    size_t used;
    bool key = false;
    const struct doc *doc = docs_find(&a->docs, w->v + from, w->n - from, &used);

    if (doc == NULL)
        return;
    docs_next(doc, w->v + from + used, w->n - from - used, &tokens, &key);
    for (size_t i = 0; i < tokens.n; i++)
        if (slice_starts_nocase(tokens.v[i], c->typed))
            add_word(c, tokens.v[i], true);
    slice_vec_fini(&tokens);
    if (key)
        complete_keys(a, c);
}

static void
complete_help(struct assist *a, const struct completion *c, size_t words)
{
    if (words == 1)
        complete_names(a, c, LIT(""));
    if (c->typed.len == 0 || c->typed.ptr[0] != '@')
        return;
    for (size_t i = 0; i < a->docs.n; i++) {
        struct slice group = a->docs.list[i].group;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = slice_eq(a->docs.list[k].group, group);
        if (!seen && slice_starts_nocase(group, slice_skip(c->typed, 1))) {
            struct slice name = arena_printf(c->mem, "@%.*s", (int)group.len, group.ptr);
            add_word(c, name, false);
        }
    }
}

static void
complete(void *ctx, struct slice line, struct arena *mem, struct slice_vec *out)
{
    struct assist *a = ctx;
    struct typing t;

    if (!read_typing(line, mem, &t) || t.in_quotes) {
        slice_vec_fini(&t.words);
        return;
    }
    struct completion c = {slice_of(line.ptr, t.last_at), t.last, mem, out};
    size_t from = skip_repeat(&t.words), n = t.words.n - from, used;
    if (n == 0) {
        complete_names(a, &c, LIT(""));
    } else if (slice_eq_nocase(t.words.v[from], LIT("help"))) {
        complete_help(a, &c, n);
    } else {
        const struct doc *doc = docs_find(&a->docs, t.words.v + from, n, &used);
        if (doc != NULL && doc->is_container && n == 1)
            complete_names(a, &c, arena_printf(mem, "%.*s ", (int)doc->name.len, doc->name.ptr));
        else
            complete_arguments(a, &c, &t.words, from);
    }
    slice_vec_fini(&t.words);
}

/* ---- colours ----------------------------------------------------------------------------------------------------- */

static void
paint_piece(struct slice s, const char *colour, struct buf *out)
{
    if (colour != NULL)
        buf_add_slice(out, slice_cstr(colour));
    for (size_t i = 0; i < s.len; i++)
        buf_add_char(out, (unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f ? ' ' : s.ptr[i]);
    if (colour != NULL)
        buf_add_slice(out, LIT("\x1b[0m"));
}

static const char *
colour_of(struct assist *a, struct slice word, size_t number)
{
    size_t used;

    if (word.ptr[0] == '"' || word.ptr[0] == '\'')
        return "\x1b[32m";
    if ((word.ptr[0] >= '0' && word.ptr[0] <= '9') || (word.ptr[0] == '-' && word.len > 1))
        return "\x1b[36m";
    if (number == 0 && a->docs.n > 0 && docs_find(&a->docs, &word, 1, &used) != NULL)
        return "\x1b[1m";
    return NULL;
}

static void
paint(void *ctx, struct slice line, struct buf *out)
{
    size_t at = 0, number = 0;

    while (at < line.len) {
        size_t from = at;
        char quote = '\0';
        while (at < line.len && line.ptr[at] == ' ')
            at++;
        paint_piece(slice_of(line.ptr + from, at - from), NULL, out);
        from = at;
        while (at < line.len && (quote != '\0' || line.ptr[at] != ' ')) {
            char c = line.ptr[at++];
            if (quote != '\0' && c == '\\' && at < line.len)
                at++;
            else if (quote != '\0' && c == quote)
                quote = '\0';
            else if (quote == '\0' && (c == '"' || c == '\''))
                quote = c;
        }
        if (at > from) {
            struct slice word = slice_of(line.ptr + from, at - from);
            paint_piece(word, colour_of(ctx, word, number++), out);
        }
    }
}

/* ---- pushes ------------------------------------------------------------------------------------------------------ */

static int
watch(void *ctx)
{
    struct assist *a = ctx;

    return a->session->conn != NULL && !sorrel_conn_broken(a->session->conn) ? sorrel_conn_fd(a->session->conn) : -1;
}

static void
on_readable(void *ctx)
{
    struct assist *a = ctx;

    session_take_pushes(a->session);
}

struct assistant
assist_for_editor(struct assist *a)
{
    return (struct assistant){complete, hint, paint, watch, on_readable, a};
}

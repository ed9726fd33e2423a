/* cli/docs.c - matching typed words against described arguments.
 *
 * An argument is a value, an option word ("NX"), an option word with a value ("EX seconds"), a choice or a block of
 * others; it may be optional or repeat. Words are matched from left to right: among the optional arguments that can
 * stand here one whose option word fits is taken first, then the next required one. That is how the server's own
 * parsers read them, and good enough where they are cleverer.
 */
#include "cli/docs.h"

#include <stdlib.h>

enum { ARGS_MAX = 64, DEPTH_MAX = 8 };

struct arg {
    struct slice name, token;
    bool is_block, is_choice, is_pure_token, is_key, optional, multiple, multiple_token;
    const struct resp_value *children; /* an array, or NULL */
};

static const struct resp_value *
field(const struct resp_value *map, const char *name)
{
    if (map == NULL || !resp_is_aggregate(map))
        return NULL;
    for (size_t i = 0; i + 1 < map->count; i += 2)
        if (resp_is_text(&map->items[i]) && slice_eq(map->items[i].text, slice_cstr(name)))
            return &map->items[i + 1];
    return NULL;
}

static struct slice
text_field(const struct resp_value *map, const char *name)
{
    const struct resp_value *v = field(map, name);

    return v != NULL && resp_is_text(v) ? v->text : LIT("");
}

static struct arg
read_arg(const struct resp_value *v)
{
    struct slice type = text_field(v, "type");
    const struct resp_value *flags = field(v, "flags");
    struct arg a = {
        .name = text_field(v, "display_text"),
        .token = text_field(v, "token"),
        .is_block = slice_eq(type, LIT("block")),
        .is_choice = slice_eq(type, LIT("oneof")),
        .is_pure_token = slice_eq(type, LIT("pure-token")),
        .is_key = slice_eq(type, LIT("key")),
        .children = field(v, "arguments"),
    };

    if (a.name.len == 0)
        a.name = text_field(v, "name");
    for (size_t i = 0; flags != NULL && resp_is_aggregate(flags) && i < flags->count; i++) {
        struct slice f = resp_is_text(&flags->items[i]) ? flags->items[i].text : LIT("");
        a.optional |= slice_eq(f, LIT("optional"));
        a.multiple |= slice_eq(f, LIT("multiple"));
        a.multiple_token |= slice_eq(f, LIT("multiple_token"));
    }
    if (a.children != NULL && !resp_is_aggregate(a.children))
        a.children = NULL;
    return a;
}

static size_t
child_count(const struct resp_value *list)
{
    return list == NULL ? 0 : list->count < ARGS_MAX ? list->count : ARGS_MAX;
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static struct slice
upper(struct arena *mem, struct slice s)
{
    char *p = arena_get(mem, s.len + 1);

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        p[i] = c == '|' ? ' ' : c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    p[s.len] = '\0';
    return slice_of(p, s.len);
}

static int
by_name(const void *a, const void *b)
{
    return slice_cmp(((const struct doc *)a)->name, ((const struct doc *)b)->name);
}

static size_t
count_commands(const struct resp_value *map)
{
    size_t n = 0;

    for (size_t i = 0; i + 1 < map->count; i += 2) {
        const struct resp_value *subs = field(&map->items[i + 1], "subcommands");
        n += 1 + (subs != NULL && resp_is_aggregate(subs) ? subs->count / 2 : 0);
    }
    return n;
}

static void
add_commands(struct docs *d, const struct resp_value *map, bool subcommands)
{
    for (size_t i = 0; i + 1 < map->count; i += 2) {
        const struct resp_value *v = &map->items[i + 1], *subs = field(v, "subcommands"), *args = field(v, "arguments");
        if (!resp_is_text(&map->items[i]))
            continue;
        bool container = !subcommands && subs != NULL && resp_is_aggregate(subs);
        d->list[d->n++] = (struct doc){
            .name = upper(&d->mem, map->items[i].text),
            .group = text_field(v, "group"),
            .summary = text_field(v, "summary"),
            .since = text_field(v, "since"),
            .arguments = args != NULL && resp_is_aggregate(args) ? args : NULL,
            .is_container = container,
        };
        if (container)
            add_commands(d, subs, true);
    }
}

void
docs_load(struct docs *d, const struct resp_value *reply)
{
    if (!resp_is_aggregate(reply))
        return;
    const struct resp_value *copy = resp_copy(&d->mem, reply);
    d->list = arena_array(&d->mem, count_commands(copy) + 1, sizeof(*d->list));
    d->n = 0;
    add_commands(d, copy, false);
    qsort(d->list, d->n, sizeof(*d->list), by_name);
}

void
docs_fini(struct docs *d)
{
    arena_fini(&d->mem);
    *d = (struct docs){0};
}

static const struct doc *
find_name(const struct docs *d, struct slice name)
{
    size_t low = 0, high = d->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = slice_cmp_nocase(d->list[mid].name, name);
        if (c == 0)
            return &d->list[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct doc *
docs_find(const struct docs *d, const struct slice *words, size_t n, size_t *used)
{
    char name[128];
    const struct doc *doc = NULL;

    if (n > 1 && words[0].len + 1 + words[1].len <= sizeof(name)) {
        memcpy(name, words[0].ptr, words[0].len);
        name[words[0].len] = ' ';
        memcpy(name + words[0].len + 1, words[1].ptr, words[1].len);
        doc = find_name(d, slice_of(name, words[0].len + 1 + words[1].len));
        *used = 2;
    }
    if (doc == NULL && n > 0) {
        doc = find_name(d, words[0]);
        *used = 1;
    }
    return doc;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void write_arg(const struct resp_value *v, int depth, struct buf *out);

static void
write_list(const struct resp_value *list, const char *between, int depth, struct buf *out)
{
    for (size_t i = 0; i < child_count(list); i++) {
        if (i > 0)
            buf_add_slice(out, slice_cstr(between));
        write_arg(&list->items[i], depth + 1, out);
    }
}

/* The argument once, without brackets and repetition. */
static void
write_once(const struct arg *a, bool with_token, int depth, struct buf *out)
{
    if (with_token && a->token.len > 0) {
        buf_add_slice(out, a->token);
        if (a->is_pure_token)
            return;
        buf_add_char(out, ' ');
    }
    if (depth >= DEPTH_MAX)
        buf_add_slice(out, LIT("..."));
    else if (a->is_choice)
        write_list(a->children, "|", depth, out);
    else if (a->is_block)
        write_list(a->children, " ", depth, out);
    else
        buf_add_slice(out, a->is_pure_token ? a->token : a->name);
}

static void
write_arg(const struct resp_value *v, int depth, struct buf *out)
{
    struct arg a = read_arg(v);

    if (a.optional)
        buf_add_char(out, '[');
    write_once(&a, true, depth, out);
    if (a.multiple) {
        buf_add_slice(out, LIT(" ["));
        write_once(&a, a.multiple_token, depth, out);
        buf_add_slice(out, LIT(" ...]"));
    }
    if (a.optional)
        buf_add_char(out, ']');
}

void
docs_syntax(const struct doc *doc, struct buf *out)
{
    write_list(doc->arguments, " ", 0, out);
}

/* ---- matching ---------------------------------------------------------------------------------------------------- */

struct typed {
    const struct slice *words;
    size_t n, at;
};

/* What is left of an argument whose beginning was typed goes here; NULL pointers are not wanted. */
struct rest {
    struct buf *text;
    struct slice_vec *tokens;
    bool *key;
    bool open; /* an argument was begun and not finished */
};

enum match { MATCH_NO, MATCH_YES, MATCH_BEGUN };

static enum match match_list(const struct resp_value *list, struct typed *t, struct rest *rest, int depth);

static void
first_tokens(const struct resp_value *v, struct rest *rest, int depth)
{
    struct arg a = read_arg(v);

    if (a.token.len > 0) {
        if (rest->tokens != NULL)
            slice_vec_add(rest->tokens, a.token);
        return;
    }
    if (a.is_key && rest->key != NULL)
        *rest->key = true;
    for (size_t i = 0; depth < DEPTH_MAX && i < child_count(a.children); i++) {
        first_tokens(&a.children->items[i], rest, depth + 1);
        if (a.is_block && !read_arg(&a.children->items[i]).optional)
            break;
    }
}

static void
add_rest(struct rest *rest, const struct arg *a, const struct resp_value *v, bool value_only, int depth)
{
    if (rest->text != NULL) {
        if (rest->text->len > 0)
            buf_add_char(rest->text, ' ');
        if (value_only)
            write_once(a, false, depth, rest->text);
        else
            write_arg(v, depth, rest->text);
    }
    if (!value_only)
        first_tokens(v, rest, depth);
    else if (a->is_key && rest->key != NULL)
        *rest->key = true;
}

/* Matches the argument once at the words that are left; takes nothing if it does not fit. */
static enum match
match_once(const struct resp_value *v, struct typed *t, struct rest *rest, int depth)
{
    struct arg a = read_arg(v);
    size_t start = t->at;

    if (t->at == t->n || depth >= DEPTH_MAX)
        return MATCH_NO;
    if (a.token.len > 0) {
        /* Server's own tokens may have blanks in them ("" for an empty one): compared as one word. */
        if (!slice_eq_nocase(t->words[t->at], a.token))
            return MATCH_NO;
        t->at++;
        if (a.is_pure_token)
            return MATCH_YES;
        if (t->at == t->n) {
            rest->open = true;
            add_rest(rest, &a, v, true, depth);
            return MATCH_BEGUN;
        }
    }
    if (a.is_choice) {
        /* Choices that are recognised by a word go before those that any word fits. */
        for (int plain = 0; plain <= 1; plain++) {
            for (size_t i = 0; i < child_count(a.children); i++) {
                struct arg c = read_arg(&a.children->items[i]);
                if ((c.token.len == 0) != plain)
                    continue;
                enum match m = match_once(&a.children->items[i], t, rest, depth + 1);
                if (m != MATCH_NO)
                    return m;
            }
        }
        t->at = start;
        return MATCH_NO;
    }
    if (a.is_block) {
        enum match m = match_list(a.children, t, rest, depth + 1);
        if (m == MATCH_NO)
            t->at = start;
        return m;
    }
    t->at++;
    return MATCH_YES;
}

static bool
has_leading_token(const struct resp_value *v, int depth)
{
    struct arg a = read_arg(v);

    if (a.token.len > 0)
        return true;
    return depth < DEPTH_MAX && child_count(a.children) > 0 && has_leading_token(&a.children->items[0], depth + 1);
}

/* One step: finds the argument that the next word belongs to. Returns its index, or -1. */
static int
match_next(const struct resp_value *list, uint64_t *done, struct typed *t, struct rest *rest, int depth, enum match *m)
{
    size_t n = child_count(list);

    for (int with_token = 1; with_token >= 0; with_token--) {
        for (size_t i = 0; i < n; i++) {
            struct arg a = read_arg(&list->items[i]);
            bool finished = *done >> i & 1;
            if (finished && !a.multiple)
                continue;
            if (has_leading_token(&list->items[i], depth) == (with_token == 1)) {
                *m = match_once(&list->items[i], t, rest, depth);
                if (*m != MATCH_NO)
                    return (int)i;
            }
            /* Nothing can be taken from beyond an argument that must come first. */
            if (!a.optional && !finished)
                break;
        }
    }
    return -1;
}

static enum match
match_list(const struct resp_value *list, struct typed *t, struct rest *rest, int depth)
{
    size_t n = child_count(list);
    uint64_t done = 0;

    while (t->at < t->n) {
        enum match m = MATCH_NO;
        bool all_required = true;
        for (size_t i = 0; i < n; i++)
            all_required &= (done >> i & 1) || read_arg(&list->items[i]).optional;
        int i = match_next(list, &done, t, rest, depth, &m);
        if (i < 0) {
            /* A block inside others ends where its arguments are complete; the caller goes on. */
            if (depth > 0 && all_required)
                break;
            return MATCH_NO;
        }
        done |= (uint64_t)1 << i;
        /* Required arguments in front of it can't come any more once a later one has. */
        if (m == MATCH_BEGUN) {
            for (size_t k = 0; k < n; k++)
                if (!(done >> k & 1)) {
                    struct arg a = read_arg(&list->items[k]);
                    add_rest(rest, &a, &list->items[k], false, depth);
                }
            return MATCH_BEGUN;
        }
        bool complete = true;
        for (size_t k = 0; k < n; k++)
            complete &= done >> k & 1 && !read_arg(&list->items[k]).multiple;
        if (depth > 0 && complete)
            return MATCH_YES;
    }
    bool begun = false;
    for (size_t k = 0; k < n; k++) {
        struct arg a = read_arg(&list->items[k]);
        bool finished = done >> k & 1;
        if (finished && !a.multiple)
            continue;
        begun |= !finished && !a.optional;
        if (t->at < t->n)
            continue;
        if (finished && rest->text != NULL) {
            buf_add_slice(rest->text, rest->text->len > 0 ? LIT(" [") : LIT("["));
            write_once(&a, a.multiple_token, depth, rest->text);
            buf_add_slice(rest->text, LIT(" ...]"));
            first_tokens(&list->items[k], rest, depth);
        } else {
            add_rest(rest, &a, &list->items[k], false, depth);
        }
    }
    if (begun && depth > 0) {
        rest->open = true;
        return MATCH_BEGUN;
    }
    return MATCH_YES;
}

static bool
match_all(const struct doc *doc, const struct slice *words, size_t n, struct rest *rest)
{
    struct typed t = {words, n, 0};

    if (doc->arguments == NULL)
        return n == 0;
    return match_list(doc->arguments, &t, rest, 0) != MATCH_NO && t.at == n;
}

bool
docs_rest(const struct doc *doc, const struct slice *words, size_t n, struct buf *out)
{
    struct buf text = {0};
    struct rest rest = {.text = &text};
    bool ok = match_all(doc, words, n, &rest);

    if (ok)
        buf_add_slice(out, buf_slice(&text));
    buf_fini(&text);
    return ok;
}

void
docs_next(const struct doc *doc, const struct slice *words, size_t n, struct slice_vec *tokens, bool *key)
{
    size_t before = tokens->n;
    bool wants_key = false;
    struct rest rest = {.tokens = tokens, .key = &wants_key};

    if (!match_all(doc, words, n, &rest)) {
        tokens->n = before;
        wants_key = false;
    }
    *key = wants_key;
}

/* server/config_load.c - configuration files and command-line options. */
#include "server/config_load.h"

#include "base/arena.h"
#include "base/mem.h"
#include "proto/words.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { INCLUDE_DEPTH_MAX = 16, FILE_MAX = 64 << 20 };

static bool load_text(struct config_loader *l, struct slice text, const char *name, int depth);

/* -- one directive --------------------------------------------------------------------------------------------- */

static bool
say(struct config_loader *l, const char *where, struct slice name, const char *why)
{
    buf_printf(&l->error, "%s: %.*s: %s", where, (int)name.len, name.ptr, why);
    return false;
}

static bool
unknown(struct config_loader *l, const char *where, struct slice name)
{
    const char *near = config_nearest(name);

    if (slice_eq_nocase(name, LIT("sentinel"))) {
        buf_printf(&l->error, "%s: sentinel directive while not in sentinel mode", where);
        return false;
    }
    buf_printf(&l->error, "%s: unknown directive '%.*s'", where, (int)name.len, name.ptr);
    if (near != NULL)
        buf_printf(&l->error, " (did you mean '%s'?)", near);
    return false;
}

/* A directive that stands for itself: kept, not stored as a value. */
static bool
keep_line(struct config_loader *l, enum config_id id, const struct slice *words, size_t n, const char *where)
{
    if (id == CFG_RENAME_COMMAND && n != 3)
        return say(l, where, words[0], "it needs the command's name and its new one");
    config_add_line(l->config, id, l->file, where, words + 1, n - 1);
    return true;
}

bool
config_load_words(struct config_loader *l, const struct slice *words, size_t n, const char *where)
{
    enum config_id id;
    struct buf why = {0};

    if (n == 0)
        return true;
    if (!config_find(words[0], &id))
        return unknown(l, where, words[0]);
    if (n == 1)
        return say(l, where, words[0], "wrong number of arguments");
    if (config_flags(id) & CONFIG_FILE_ONLY)
        return keep_line(l, id, words, n, where);
    /* Lines of one list add up; the first of them replaces the default. */
    bool ok = config_set(l->config, id, words + 1, n - 1, l->given[id] && id == CFG_SAVE, &why);
    if (ok) {
        l->given[id] = true;
    } else {
        buf_add_char(&why, '\0');
        say(l, where, words[0], why.ptr);
    }
    buf_fini(&why);
    return ok;
}

/* -- files ----------------------------------------------------------------------------------------------------- */

static bool
read_all(int fd, struct buf *out)
{
    for (;;) {
        ssize_t n = read(fd, buf_room(out, 16384), 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        buf_advance(out, (size_t)n);
        if (out->len > FILE_MAX) {
            errno = EFBIG;
            return false;
        }
    }
}

static bool
load_file(struct config_loader *l, const char *path, int depth)
{
    struct buf text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read_all(fd, &text);

    if (!ok)
        buf_printf(&l->error, "%s: %m", path);
    if (fd >= 0)
        close(fd);
    ok = ok && load_text(l, buf_slice(&text), path, depth);
    buf_fini(&text);
    return ok;
}

/* A pattern that matches nothing is no mistake (conf.d/ may be empty), a plain name is. */
static bool
include(struct config_loader *l, struct slice pattern, const char *where, int depth)
{
    glob_t found;
    struct buf path = {0};
    bool ok = true;

    if (depth >= INCLUDE_DEPTH_MAX)
        return say(l, where, LIT("include"), "files include one another too deeply");
    buf_add_slice(&path, pattern);
    buf_add_char(&path, '\0');
    bool plain = strpbrk(path.ptr, "*?[") == NULL;
    int rc = glob(path.ptr, 0, NULL, &found);
    if (rc == 0) {
        for (size_t i = 0; ok && i < found.gl_pathc; i++)
            ok = load_file(l, found.gl_pathv[i], depth + 1);
        globfree(&found);
    } else if (plain || rc != GLOB_NOMATCH) {
        buf_printf(&l->error, "%s: include: can't read '%s'", where, path.ptr);
        ok = false;
    }
    buf_fini(&path);
    return ok;
}

static struct slice
first_word(struct slice line)
{
    size_t n = 0;

    while (n < line.len && line.ptr[n] != ' ' && line.ptr[n] != '\t')
        n++;
    return slice_of(line.ptr, n);
}

static bool
load_line(struct config_loader *l, struct slice line, const char *where, int depth)
{
    struct arena arena = {0};
    struct slice_vec words = {0};
    bool ok = words_split(line, &arena, &words);

    if (!ok)
        say(l, where, first_word(line), "unbalanced quotes");
    else if (words.n >= 1 && slice_eq_nocase(words.v[0], LIT("include")))
        ok = words.n == 2 ? include(l, words.v[1], where, depth)
                          : say(l, where, words.v[0], "it needs the name of one file");
    else
        ok = config_load_words(l, words.v, words.n, where);
    slice_vec_fini(&words);
    arena_fini(&arena);
    return ok;
}

static struct slice
trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || (s.ptr[s.len - 1] >= '\t' && s.ptr[s.len - 1] <= '\r')))
        s.len--;
    while (s.len > 0 && (*s.ptr == ' ' || (*s.ptr >= '\t' && *s.ptr <= '\r')))
        s = slice_skip(s, 1);
    return s;
}

static bool
load_text(struct config_loader *l, struct slice text, const char *name, int depth)
{
    struct buf where = {0};
    int includer = l->file;
    bool ok = true;

    l->file = ++l->files;
    for (int number = 1; ok && text.len > 0; number++) {
        const char *lf = memchr(text.ptr, '\n', text.len);
        struct slice line = slice_of(text.ptr, lf != NULL ? (size_t)(lf - text.ptr) : text.len);
        text = slice_skip(text, line.len + 1);
        line = trim(line);
        if (line.len == 0 || *line.ptr == '#')
            continue;
        buf_reset(&where);
        buf_printf(&where, "%s, line %d", name, number);
        buf_add_char(&where, '\0');
        ok = load_line(l, line, where.ptr, depth);
    }
    l->file = includer;
    buf_fini(&where);
    return ok;
}

bool
config_load_text(struct config_loader *l, struct slice text, const char *name)
{
    return load_text(l, text, name, 0);
}

bool
config_load_file(struct config_loader *l, const char *path)
{
    return load_file(l, path, 0);
}

bool
config_load_fd(struct config_loader *l, int fd, const char *name)
{
    struct buf text = {0};
    bool ok = read_all(fd, &text);

    if (!ok)
        buf_printf(&l->error, "%s: %m", name);
    ok = ok && load_text(l, buf_slice(&text), name, 0);
    buf_fini(&text);
    return ok;
}

/* -- the command line ------------------------------------------------------------------------------------------ */

bool
config_is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] == '-' && arg[2] != '\0';
}

/* The words of the option at argv[i]: what it says itself ("--port 6380" may be one argument), then the arguments
 * behind it. Returns where the next option stands. Behind a bare name the next argument is its value, whatever it looks
 * like. */
static int
option_words(int argc, char **argv, int i, struct arena *a, struct slice_vec *words, bool *balanced)
{
    *balanced = words_split(slice_cstr(argv[i++] + 2), a, words);
    if (words->n == 1 && slice_eq_nocase(words->v[0], LIT("save"))) {
        /* `--save` alone is what `--save ""` becomes in some wrappers. */
        if (i == argc || config_is_option(argv[i]))
            slice_vec_add(words, LIT(""));
    } else if (words->n == 1 && i < argc) {
        slice_vec_add(words, slice_cstr(argv[i++]));
    }
    for (; i < argc && !config_is_option(argv[i]); i++)
        slice_vec_add(words, slice_cstr(argv[i]));
    return i;
}

bool
config_load_args(struct config_loader *l, int argc, char **argv)
{
    struct slice_vec words = {0};
    struct arena arena = {0};
    bool ok = true;

    for (int i = 0; ok && i < argc;) {
        if (!config_is_option(argv[i])) {
            buf_printf(&l->error, "command line: '%s' stands where an option was expected", argv[i]);
            ok = false;
            break;
        }
        struct slice option = slice_cstr(argv[i] + 2);
        words.n = 0;
        i = option_words(argc, argv, i, &arena, &words, &ok);
        if (!ok)
            say(l, "command line", first_word(option), "unbalanced quotes");
        else if (words.n == 2 && slice_eq_nocase(words.v[0], LIT("include")))
            ok = include(l, words.v[1], "command line", 0);
        else
            ok = config_load_words(l, words.v, words.n, "command line");
    }
    slice_vec_fini(&words);
    arena_fini(&arena);
    return ok;
}

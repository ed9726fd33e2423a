/* server/config_rewrite.c - CONFIG REWRITE. */
#include "server/config_rewrite.h"

#include "base/mem.h"
#include "proto/words.h"
#include "server/config_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rewrite {
    const struct config *config;
    const struct config *defaults;
    struct slice users; /* lines that take the place of those in the file */
    bool users_last;    /* behind the lines of files that are included: who is named later counts */
    bool written[CONFIG_COUNT];
    struct buf out;
};

static bool
needs_quotes(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\'' || c == '\\' || c == '#')
            return true;
    }
    return s.len == 0;
}

static void
add_quoted(struct buf *out, struct slice s)
{
    if (!needs_quotes(s)) {
        buf_add_slice(out, s);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < ' ' || c >= 0x7f)
            buf_printf(out, "\\x%02x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

void
config_quote_words(struct slice words, struct buf *out)
{
    while (words.len > 0) {
        const char *blank = memchr(words.ptr, ' ', words.len);
        struct slice word = slice_of(words.ptr, blank != NULL ? (size_t)(blank - words.ptr) : words.len);
        bool hash = word.len > 0 && *word.ptr == '#'; /* of a password: no comment, being behind others */
        words = slice_skip(words, word.len + (blank != NULL));
        if (hash)
            buf_add_slice(out, word);
        else
            add_quoted(out, word);
        if (blank != NULL)
            buf_add_char(out, ' ');
    }
}

/* The directive's line for its value in force. */
static void
add_value(struct rewrite *r, enum config_id id)
{
    struct buf value = {0};

    config_format(r->config, id, &value);
    buf_printf(&r->out, "%s ", config_name(id));
    if (config_type_of(id) == CONFIG_LIST && value.len > 0)
        buf_add_slice(&r->out, buf_slice(&value)); /* its words hold no blanks */
    else
        add_quoted(&r->out, buf_slice(&value));
    buf_add_char(&r->out, '\n');
    r->written[id] = true;
    buf_fini(&value);
}

/* Where the first of the file's user lines was. */
static void
add_users(struct rewrite *r)
{
    if (!r->written[CFG_USER])
        buf_add_slice(&r->out, r->users);
    r->written[CFG_USER] = true;
}

/* True if the line sets the directive to the value in force already: then it stays as its author wrote it. */
static bool
still_true(const struct rewrite *r, enum config_id id, const struct slice_vec *words)
{
    struct config *trial = config_new();
    struct buf why = {0};
    bool same = config_set(trial, id, words->v + 1, words->n - 1, false, &why) && config_same(trial, r->config, id);

    config_free(trial);
    buf_fini(&why);
    return same;
}

static void
rewrite_line(struct rewrite *r, struct slice line)
{
    struct arena arena = {0};
    struct slice_vec words = {0};
    enum config_id id;
    bool keep = true;

    bool known =
        words_split(line, &arena, &words) && words.n >= 2 && *words.v[0].ptr != '#' && config_find(words.v[0], &id);
    if (known && id == CFG_USER) {
        keep = false;
        if (!r->users_last)
            add_users(r);
    } else if (known && !(config_flags(id) & CONFIG_FILE_ONLY)) {
        keep = !r->written[id] && still_true(r, id, &words);
        if (!keep && !r->written[id] && !config_same(r->config, r->defaults, id))
            add_value(r, id);
        r->written[id] = true;
    }
    if (keep) {
        buf_add_slice(&r->out, line);
        buf_add_char(&r->out, '\n');
    }
    slice_vec_fini(&words);
    arena_fini(&arena);
}

/* Takes the next line, without its end, off the text. */
static struct slice
next_line(struct slice *text)
{
    const char *lf = memchr(text->ptr, '\n', text->len);
    struct slice line = slice_of(text->ptr, lf != NULL ? (size_t)(lf - text->ptr) : text->len);

    *text = slice_skip(*text, line.len + 1);
    return line;
}

static bool
has_includes(struct slice text)
{
    while (text.len > 0) {
        struct slice line = next_line(&text);
        while (line.len > 0 && (*line.ptr == ' ' || *line.ptr == '\t'))
            line = slice_skip(line, 1);
        if (slice_starts_nocase(line, LIT("include")))
            return true;
    }
    return false;
}

static void
rewrite_text(struct rewrite *r, struct slice text)
{
    bool headed = false;

    r->users_last = has_includes(text);
    while (text.len > 0)
        rewrite_line(r, next_line(&text));
    for (int i = 0; i < CONFIG_COUNT; i++) {
        enum config_id id = (enum config_id)i;
        if (r->written[id] || (config_flags(id) & CONFIG_FILE_ONLY) || config_same(r->config, r->defaults, id))
            continue;
        if (!headed)
            buf_printf(&r->out, "# Written by CONFIG REWRITE\n");
        headed = true;
        add_value(r, id);
    }
    add_users(r);
}

static bool
read_file(const char *path, struct buf *out, mode_t *mode, struct buf *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait for a writer */
    struct stat st = {0};
    ssize_t n = -1;

    if (fd < 0)
        return errno == ENOENT; /* it went away meanwhile: a new one is made */
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        /* A file that took the place of a device or pipe would be what nobody wants. */
        buf_printf(why, "%s is not a regular file", path);
    } else {
        *mode = st.st_mode & 0777;
        while ((n = read(fd, buf_room(out, 16384), 16384)) > 0)
            buf_advance(out, (size_t)n);
    }
    int error = errno;
    close(fd);
    errno = error;
    return n == 0;
}

/* Writes beside the file, then takes its place: at no moment is there half a file. */
static bool
replace_file(const char *path, struct slice text, mode_t mode)
{
    struct buf name = {0};
    bool ok;

    buf_printf(&name, "%s.XXXXXX", path);
    buf_add_char(&name, '\0');
    int fd = mkstemp(name.ptr);
    ok = fd >= 0 && fchmod(fd, mode) == 0;
    while (ok && text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        ok = n > 0 || (n < 0 && errno == EINTR);
        if (n > 0)
            text = slice_skip(text, (size_t)n);
    }
    ok = ok && fsync(fd) == 0;
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    ok = ok && rename(name.ptr, path) == 0;
    if (!ok && fd >= 0) {
        int saved = errno;
        (void)unlink(name.ptr);
        errno = saved;
    }
    buf_fini(&name);
    return ok;
}

/* The directory, too, has to know of the new name before a crash. */
static void
sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct buf folder = {0};

    buf_add(&folder, slash != NULL ? path : ".", slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path));
    buf_add_char(&folder, '\0');
    int fd = open(folder.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    buf_fini(&folder);
}

bool
config_rewrite(const struct config *c, struct slice users, const char *path, struct buf *why)
{
    struct config *defaults = config_new();
    struct rewrite r = {.config = c, .defaults = defaults, .users = users};
    struct buf text = {0};
    mode_t mode = 0644;
    bool ok = read_file(path, &text, &mode, why);

    if (ok) {
        rewrite_text(&r, buf_slice(&text));
        ok = replace_file(path, buf_slice(&r.out), mode);
    }
    int error = errno;
    if (ok)
        sync_folder(path);
    else if (why->len == 0)
        buf_printf(why, "%s", strerror(error));
    buf_fini(&text);
    buf_fini(&r.out);
    config_free(defaults);
    errno = error;
    return ok;
}

/* EBUSY: the file itself is a mount, as in containers. */
bool
config_is_read_only(int error)
{
    return error == EROFS || error == EACCES || error == EPERM || error == EBUSY;
}

bool
config_overlay_write(const struct config *c, struct slice users, const char *path, const char *overlay, struct buf *why)
{
    struct config_loader l = {.config = config_new()};
    struct rewrite r = {.config = c, .users = users};
    bool ok = config_load_file(&l, path);

    if (ok) {
        buf_printf(&r.out, "# Written by CONFIG REWRITE, because %s may not be changed: read after it.\n", path);
        for (int i = 0; i < CONFIG_COUNT; i++) {
            enum config_id id = (enum config_id)i;
            if (!(config_flags(id) & CONFIG_FILE_ONLY) && id != CFG_DIR && !config_same(c, l.config, id))
                add_value(&r, id);
        }
        add_users(&r);
        ok = replace_file(overlay, buf_slice(&r.out), 0600);
        if (ok)
            sync_folder(overlay);
        else
            buf_printf(why, "%m");
    } else {
        buf_add_slice(why, buf_slice(&l.error));
    }
    buf_fini(&r.out);
    buf_fini(&l.error);
    config_free(l.config);
    return ok;
}

/* cli/history.c - the file is appended to line by line, and written anew when it has grown to twice its limit. */
#include "cli/history.h"

#include "base/mem.h"
#include "proto/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 16 * 1024 * 1024 };

void
history_default_path(struct buf *out)
{
    const char *path = getenv("SORRELCLI_HISTFILE"), *home = getenv("HOME");

    if (path == NULL)
        path = getenv("REDISCLI_HISTFILE");
    buf_reset(out);
    if (path != NULL && strcmp(path, "/dev/null") != 0)
        buf_printf(out, "%s", path);
    else if (path == NULL && home != NULL && home[0] == '/')
        buf_printf(out, "%s/.sorrelcli_history", home);
}

/* ---- secrets ----------------------------------------------------------------------------------------------------- */

static bool
word_is(const struct slice_vec *w, size_t i, const char *text)
{
    return i < w->n && slice_eq_nocase(w->v[i], slice_cstr(text));
}

/* Names of settings whose values are passwords: requirepass, masterauth, tls-key-file-pass, auth-pass ... */
static bool
names_secret(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        struct slice rest = slice_skip(name, i);
        if (slice_starts_nocase(rest, LIT("pass")) || slice_starts_nocase(rest, LIT("auth")) ||
            slice_starts_nocase(rest, LIT("secret")))
            return true;
    }
    return false;
}

static bool
any_names_secret(const struct slice_vec *w, size_t from)
{
    for (size_t i = from; i < w->n; i++)
        if (names_secret(w->v[i]))
            return true;
    return false;
}

static bool
words_have_secret(const struct slice_vec *w, size_t at)
{
    if (word_is(w, at, "auth"))
        return true;
    if (word_is(w, at, "hello") || word_is(w, at, "migrate")) {
        for (size_t i = at + 1; i < w->n; i++)
            if (word_is(w, i, "auth") || word_is(w, i, "auth2"))
                return true;
        return false;
    }
    if (word_is(w, at, "config") && word_is(w, at + 1, "set"))
        return any_names_secret(w, at + 2);
    if (word_is(w, at, "acl"))
        return word_is(w, at + 1, "setuser") || word_is(w, at + 1, "deluser");
    if (word_is(w, at, "sentinel"))
        return (word_is(w, at + 1, "set") || word_is(w, at + 1, "config")) && any_names_secret(w, at + 2);
    return false;
}

bool
history_has_secret(struct slice line)
{
    struct slice_vec w = {0};
    struct arena mem = {0};
    bool secret;

    if (words_split(line, &mem, &w)) {
        /* A number in front repeats the command. */
        size_t at = w.n > 1 && w.v[0].len > 0 && w.v[0].ptr[0] >= '0' && w.v[0].ptr[0] <= '9' ? 1 : 0;
        secret = words_have_secret(&w, at);
    } else {
        /* Quotes that do not match: a mistyped AUTH is as secret as a good one. */
        secret = names_secret(line) || slice_starts_nocase(line, LIT("acl"));
    }
    slice_vec_fini(&w);
    arena_fini(&mem);
    return secret;
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static void
push(struct history *h, struct slice line)
{
    if (h->n == HISTORY_MAX) {
        mem_free((void *)(uintptr_t)h->lines[0].ptr);
        memmove(h->lines, h->lines + 1, (h->n - 1) * sizeof(*h->lines));
        h->n--;
    }
    if (h->n == h->cap) {
        h->cap = h->cap == 0 ? 64 : h->cap * 2;
        h->lines = mem_resize(h->lines, h->cap * sizeof(*h->lines));
    }
    char *copy = mem_get(line.len + 1);
    memcpy(copy, line.ptr, line.len);
    h->lines[h->n++] = slice_of(copy, line.len);
}

/* Reads the whole file; an unreadable one is an empty one. Returns how many lines it has. */
static size_t
load(struct history *h)
{
    struct buf text = {0};
    size_t lines = 0;
    int fd = open(h->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    for (ssize_t n = 1; n > 0 && text.len < FILE_BYTES_MAX;) {
        n = read(fd, buf_room(&text, 65536), 65536);
        if (n > 0)
            buf_advance(&text, (size_t)n);
    }
    close(fd);
    for (struct slice rest = buf_slice(&text); rest.len > 0;) {
        const char *nl = memchr(rest.ptr, '\n', rest.len);
        size_t len = nl == NULL ? rest.len : (size_t)(nl - rest.ptr);
        if (len > 0) {
            push(h, slice_of(rest.ptr, len));
            lines++;
        }
        rest = slice_skip(rest, len + 1);
    }
    buf_fini(&text);
    return lines;
}

/* Opens it for writing with the rights of its owner only, whatever the umask says and whatever it had before. */
static int
open_private(const char *path, int flags)
{
    int fd = open(path, flags | O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) != 0 || (S_ISREG(st.st_mode) && fchmod(fd, 0600) != 0))) {
        close(fd);
        return -1;
    }
    return fd;
}

static void
write_line(int fd, struct slice line)
{
    struct buf b = {0};

    buf_add_slice(&b, line);
    buf_add_char(&b, '\n');
    ssize_t n = write(fd, b.ptr, b.len);
    (void)n; /* a full disk costs a line of history, nothing else */
    buf_fini(&b);
}

void
history_open(struct history *h, const char *path)
{
    *h = (struct history){0};
    if (path == NULL || path[0] == '\0')
        return;
    h->path = mem_copy_text(path);
    if (load(h) <= 2 * HISTORY_MAX)
        return;
    int fd = open_private(path, O_TRUNC);
    for (size_t i = 0; fd >= 0 && i < h->n; i++)
        write_line(fd, h->lines[i]);
    if (fd >= 0)
        close(fd);
}

void
history_close(struct history *h)
{
    for (size_t i = 0; i < h->n; i++)
        mem_free((void *)(uintptr_t)h->lines[i].ptr);
    mem_free(h->lines);
    mem_free(h->path);
    *h = (struct history){0};
}

void
history_add(struct history *h, struct slice line)
{
    if (line.len == 0 || memchr(line.ptr, '\n', line.len) != NULL || history_has_secret(line))
        return;
    if (h->n > 0 && slice_eq(h->lines[h->n - 1], line))
        return;
    push(h, line);
    if (h->path == NULL)
        return;
    int fd = open_private(h->path, O_APPEND);
    if (fd < 0)
        return;
    write_line(fd, line);
    close(fd);
}

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
    struct engine *users;   /* NULL: they stand elsewhere */
    struct buf shown_users; /* names that have been dealt with, a newline before and after each */
    bool written[CONFIG_COUNT], headed;
    struct buf out;
};

static void
add_header(struct rewrite *r)
{
    if (!r->headed)
        buf_printf(&r->out, "# Written by CONFIG REWRITE\n");
    r->headed = true;
}

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

/* -- users ----------------------------------------------------------------------------------------------------- */

/* Whether a user of that name is the same in both sets, where not being there is the same, too. */
static bool
same_user(struct acl *a, struct acl *b, struct slice name)
{
    const struct acl_user *u = acl_find(a, name), *v = acl_find(b, name);
    struct buf x = {0}, y = {0};

    if (u != NULL)
        acl_describe(u, &x);
    if (v != NULL)
        acl_describe(v, &y);
    bool same = slice_eq(buf_slice(&x), buf_slice(&y));
    buf_fini(&x);
    buf_fini(&y);
    return same;
}

static bool
is_shown(const struct rewrite *r, struct slice name)
{
    struct buf needle = {0};

    buf_printf(&needle, "\n%.*s\n", (int)name.len, name.ptr);
    bool found = r->shown_users.len > 0 && memmem(r->shown_users.ptr, r->shown_users.len, needle.ptr, needle.len) != NULL;
    buf_fini(&needle);
    return found;
}

static void
add_user(struct rewrite *r, const struct acl_user *u)
{
    acl_describe(u, &r->out);
    buf_add_char(&r->out, '\n');
}

/* A line `user NAME rules...`: as it was if it still says what is so, as it is now if not; without one of that name, gone. */
static void
rewrite_user(struct rewrite *r, struct slice line, const struct slice_vec *words)
{
    struct slice name = words->v[1];
    struct acl *now = engine_acl(r->users), *trial = acl_new(r->users);
    const struct acl_user *u = acl_find(now, name);
    struct buf why = {0};

    if (u != NULL && !is_shown(r, name)) {
        if (acl_set(trial, name, words->v + 2, (int)words->n - 2, &why) && same_user(trial, now, name)) {
            buf_add_slice(&r->out, line);
            buf_add_char(&r->out, '\n');
        } else {
            add_user(r, u);
        }
        buf_printf(&r->shown_users, "\n%.*s\n", (int)name.len, name.ptr);
    }
    buf_fini(&why);
    acl_free(trial);
}

/* All that have not been shown, but for a default user that nobody has touched. */
static void
add_users(struct rewrite *r)
{
    struct acl *now = engine_acl(r->users), *fresh = acl_new(r->users);

    for (size_t i = 0; i < acl_count(now); i++) {
        const struct acl_user *u = acl_at(now, i);
        struct slice name = acl_user_name(u);
        if (is_shown(r, name) || (u == acl_default(now) && same_user(now, fresh, name)))
            continue;
        add_header(r);
        add_user(r, u);
    }
    acl_free(fresh);
}

/* For an overlay: whoever is not as the file says. Its rules come on top of the file's, hence the reset. */
static void
add_users_unlike(struct rewrite *r, const struct config *file)
{
    struct acl *now = engine_acl(r->users), *then = acl_new(r->users);
    struct buf text = {0};

    for (size_t i = 0; i < config_line_count(file); i++) {
        const struct config_line *l = config_line_at(file, i);
        if (l->id != CFG_USER)
            continue;
        (void)acl_set(then, l->argv[0], l->argv + 1, l->argc - 1, &text);
        if (acl_find(now, l->argv[0]) == NULL)
            buf_printf(&r->out, "user %.*s reset\n", (int)l->argv[0].len, l->argv[0].ptr);
    }
    for (size_t i = 0; i < acl_count(now); i++) {
        struct slice name = acl_user_name(acl_at(now, i));
        if (same_user(now, then, name))
            continue;
        buf_reset(&text);
        acl_describe(acl_at(now, i), &text);
        struct slice rules = slice_skip(buf_slice(&text), strlen("user ") + name.len);
        buf_printf(&r->out, "user %.*s reset%.*s\n", (int)name.len, name.ptr, (int)rules.len, rules.ptr);
    }
    buf_fini(&text);
    acl_free(then);
}

/* -- lines ----------------------------------------------------------------------------------------------------- */

static void
rewrite_line(struct rewrite *r, struct slice line)
{
    struct arena arena = {0};
    struct slice_vec words = {0};
    enum config_id id;
    bool keep = true;

    if (words_split(line, &arena, &words) && words.n >= 2 && *words.v[0].ptr != '#' && config_find(words.v[0], &id) &&
        !(config_flags(id) & CONFIG_FILE_ONLY)) {
        keep = !r->written[id] && still_true(r, id, &words);
        if (!keep && !r->written[id] && !config_same(r->config, r->defaults, id))
            add_value(r, id);
        r->written[id] = true;
    } else if (words.n >= 2 && r->users != NULL && slice_eq_nocase(words.v[0], LIT("user"))) {
        rewrite_user(r, line, &words);
        keep = false;
    }
    if (keep) {
        buf_add_slice(&r->out, line);
        buf_add_char(&r->out, '\n');
    }
    slice_vec_fini(&words);
    arena_fini(&arena);
}

static void
rewrite_text(struct rewrite *r, struct slice text)
{
    while (text.len > 0) {
        const char *lf = memchr(text.ptr, '\n', text.len);
        struct slice line = slice_of(text.ptr, lf != NULL ? (size_t)(lf - text.ptr) : text.len);
        rewrite_line(r, line);
        text = slice_skip(text, line.len + 1);
    }
    for (int i = 0; i < CONFIG_COUNT; i++) {
        enum config_id id = (enum config_id)i;
        if (r->written[id] || (config_flags(id) & CONFIG_FILE_ONLY) || config_same(r->config, r->defaults, id))
            continue;
        add_header(r);
        add_value(r, id);
    }
    if (r->users != NULL)
        add_users(r);
}

static bool
read_file(const char *path, struct buf *out, mode_t *mode)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ssize_t n = 0;

    if (fd < 0)
        return errno == ENOENT; /* it went away meanwhile: a new one is made */
    if (fstat(fd, &st) == 0)
        *mode = st.st_mode & 0777;
    while ((n = read(fd, buf_room(out, 16384), 16384)) > 0)
        buf_advance(out, (size_t)n);
    close(fd);
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
config_rewrite(const struct config *c, struct engine *users, const char *path, struct buf *why)
{
    struct config *defaults = config_new();
    struct rewrite r = {.config = c, .defaults = defaults, .users = users};
    struct buf text = {0};
    mode_t mode = 0644;
    bool ok = read_file(path, &text, &mode);

    if (ok) {
        rewrite_text(&r, buf_slice(&text));
        ok = replace_file(path, buf_slice(&r.out), mode);
    }
    int error = errno;
    if (ok)
        sync_folder(path);
    else
        buf_printf(why, "%s", strerror(error));
    buf_fini(&text);
    buf_fini(&r.out);
    buf_fini(&r.shown_users);
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
config_overlay_write(const struct config *c, struct engine *users, const char *path, const char *overlay,
                     struct buf *why)
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
        if (users != NULL)
            add_users_unlike(&r, l.config);
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

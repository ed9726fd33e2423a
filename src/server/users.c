/* server/users.c - users in the ACL file, one "user NAME rules…" a line with blank lines and # comments between, and in
 * lines of the configuration. */
#include "server/users.h"

#include "base/disk.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/config_rewrite.h"

#include <errno.h>
#include <string.h>

enum { FILE_MAX = 64 << 20, MODE = 0600 };

static bool
fail_errno(struct buf *why, const char *what, const char *path, int rc)
{
    char text[128];

    buf_printf(why, "Error loading ACLs, %s file '%s': %s", what, path, strerror_r(-rc, text, sizeof(text)));
    return false;
}

static bool
read_whole(const char *path, struct buf *out, struct buf *why)
{
    struct disk d = disk_system();
    int fd = d.open(d.ctx, path, O_RDONLY, 0);

    if (fd < 0)
        return fail_errno(why, "opening", path, fd);
    int64_t size = d.size(d.ctx, fd);
    ssize_t n = size > FILE_MAX ? -EFBIG : size < 0 ? (ssize_t)size : 0;
    if (n == 0 && size > 0) {
        n = disk_read_full(&d, fd, buf_room(out, (size_t)size), (size_t)size);
        if (n > 0)
            buf_advance(out, (size_t)n);
    }
    d.close(d.ctx, fd);
    return n >= 0 ? true : fail_errno(why, "reading", path, (int)n);
}

/* Splits at blanks; at most as many words as the line has bytes. */
static int
split(struct slice line, struct slice *words)
{
    int n = 0;

    for (size_t i = 0; i < line.len;) {
        size_t from = i;
        while (i < line.len && line.ptr[i] != ' ' && line.ptr[i] != '\t')
            i++;
        if (i > from)
            words[n++] = slice_of(line.ptr + from, i - from);
        i++;
    }
    return n;
}

struct reading {
    struct acl *acl;
    const char *path;
    int line;
    bool default_seen;
    struct buf *why;
};

/* A name twice is a mistake: which of the two was meant? The set begins with a default user, who may stand in the file
 * once. */
static bool
is_second(struct reading *r, struct slice name)
{
    bool is_default = slice_eq(name, LIT("default"));
    bool second = is_default ? r->default_seen : acl_find(r->acl, name) != NULL;

    r->default_seen |= is_default;
    return second;
}

static bool
read_line(struct reading *r, struct slice line)
{
    struct slice *words = mem_get_array(line.len / 2 + 2, sizeof(*words));
    int n = split(line, words);
    struct buf place = {0};
    bool ok = false;

    buf_printf(&place, "%s:%d", r->path, r->line);
    if (n < 2 || !slice_eq(words[0], LIT("user")))
        buf_printf(r->why, "%.*s should start with user keyword followed by the username. ", (int)place.len, place.ptr);
    else if (is_second(r, words[1]))
        buf_printf(r->why, "WARNING: Duplicate user '%.*s' found on line %d. ", (int)words[1].len, words[1].ptr,
                   r->line);
    else
        ok = acl_define(r->acl, words[1], words + 2, n - 2, buf_slice(&place), r->why);
    buf_fini(&place);
    mem_free(words);
    return ok;
}

static bool
read_lines(struct acl *acl, struct slice text, const char *path, struct buf *why)
{
    struct reading r = {.acl = acl, .path = path, .why = why};
    bool ok = true;

    for (r.line = 1; text.len > 0; r.line++) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        struct slice line = slice_of(text.ptr, len);
        text = slice_skip(text, len + 1);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        while (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
            line = slice_skip(line, 1);
        if (line.len > 0 && line.ptr[0] != '#')
            ok &= read_line(&r, line);
    }
    return ok;
}

bool
users_read_file(struct engine *e, const char *path, struct buf *why)
{
    struct buf text = {0};
    struct acl *fresh = acl_new_like(engine_acl(e));
    bool readable = read_whole(path, &text, why), ok = readable && read_lines(fresh, buf_slice(&text), path, why);

    if (ok)
        acl_replace(engine_acl(e), fresh);
    else
        acl_free(fresh);
    if (readable && !ok)
        buf_printf(why, "WARNING: ACL errors detected, no change to the previously active ACL rules was performed");
    buf_fini(&text);
    return ok;
}

bool
users_write_file(struct engine *e, const char *path, struct buf *why)
{
    char reason[128];
    struct disk d = disk_system();
    struct acl *acl = engine_acl(e);
    struct buf text = {0}, temp = {0};

    for (size_t i = 0; i < acl_count(acl); i++) {
        acl_describe(acl_at(acl, i), &text);
        buf_add_char(&text, '\n');
    }
    buf_printf(&temp, "%s.tmp", path);
    buf_add_char(&temp, '\0');
    int rc = d.open(d.ctx, temp.ptr, O_WRONLY | O_CREAT | O_TRUNC, MODE);
    if (rc >= 0) {
        int fd = rc;
        rc = disk_write_all(&d, fd, buf_slice(&text));
        if (rc == 0) {
            rc = disk_publish(&d, fd, temp.ptr, path);
        } else {
            d.close(d.ctx, fd);
            d.unlink(d.ctx, temp.ptr);
        }
    }
    buf_fini(&text);
    buf_fini(&temp);
    if (rc < 0) {
        log_warning("ACL SAVE can't write %s: %s", path, strerror_r(-rc, reason, sizeof(reason)));
        buf_printf(why,
                   "There was an error trying to save the ACLs. Please check the server logs for more information");
    }
    return rc >= 0;
}

/* -- the configuration ------------------------------------------------------------------------------------------- */

static bool
in_same_file(const struct config *c, size_t n)
{
    const struct config_line *l = config_line_at(c, n);

    while (n-- > 0) {
        const struct config_line *other = config_line_at(c, n);
        if (other->id == CFG_USER && other->file == l->file && slice_eq(other->argv[0], l->argv[0]))
            return true;
    }
    return false;
}

/* A user of a file that is read later replaces one of the same name. */
static bool
define(struct engine *e, const struct config *c, size_t n, struct buf *why)
{
    const struct config_line *l = config_line_at(c, n);
    struct slice name = l->argv[0];
    struct buf place = {0};

    if (!acl_name_fits(name)) {
        buf_printf(why, "%s: user: spaces not allowed in ACL usernames", l->where);
        return false;
    }
    if (acl_find(engine_acl(e), name) != NULL && in_same_file(c, n)) {
        buf_printf(why, "%s: user %s: Duplicate user found. A user can only be defined once in a configuration file",
                   l->where, name.ptr);
        return false;
    }
    buf_printf(&place, "%s: user %s", l->where, name.ptr);
    bool ok = acl_define(engine_acl(e), name, l->argv + 1, l->argc - 1, buf_slice(&place), why);
    buf_fini(&place);
    return ok;
}

static bool
any_lines(const struct config *c)
{
    for (size_t i = 0; i < config_line_count(c); i++)
        if (config_line_at(c, i)->id == CFG_USER)
            return true;
    return false;
}

bool
users_load(struct engine *e, const struct config *c, struct buf *why)
{
    struct slice path = config_text(c, CFG_ACLFILE);

    if (path.len > 0 && any_lines(c)) {
        buf_printf(why, "users stand both in the configuration and in aclfile %s; keep them in one place", path.ptr);
        return false;
    }
    for (size_t i = 0; i < config_line_count(c); i++)
        if (config_line_at(c, i)->id == CFG_USER && !define(e, c, i, why))
            return false;
    return path.len == 0 || users_read_file(e, path.ptr, why);
}

/* Whether requirepass alone would make the users as they are. */
static bool
as_without_lines(struct acl *acl, const struct config *c)
{
    struct acl *plain = acl_new_like(acl);
    struct buf now = {0}, then = {0};

    acl_set_default_password(plain, config_text(c, CFG_REQUIREPASS));
    acl_describe(acl_default(acl), &now);
    acl_describe(acl_default(plain), &then);
    bool same = acl_count(acl) == 1 && slice_eq(buf_slice(&now), buf_slice(&then));
    buf_fini(&now);
    buf_fini(&then);
    acl_free(plain);
    return same;
}

void
users_to_config(struct engine *e, const struct config *c, struct buf *out)
{
    struct acl *acl = engine_acl(e);
    struct buf line = {0};

    if (config_text(c, CFG_ACLFILE).len > 0 || (!any_lines(c) && as_without_lines(acl, c)))
        return;
    for (size_t i = 0; i < acl_count(acl); i++) {
        buf_reset(&line);
        acl_describe(acl_at(acl, i), &line);
        config_quote_words(buf_slice(&line), out);
        buf_add_char(out, '\n');
    }
    buf_fini(&line);
}

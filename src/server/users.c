/* server/users.c - reading and writing the ACL file: one "user NAME rules…" a line, blank lines and # comments between.
 */
#include "server/users.h"

#include "base/disk.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum { FILE_MAX = 64 << 20, MODE = 0600 };

static bool
fail_errno(struct buf *why, const char *what, const char *path, int rc)
{
    char text[128];

    buf_printf(why, "%s %s: %s", what, path, strerror_r(-rc, text, sizeof(text)));
    return false;
}

static bool
read_whole(const char *path, struct buf *out, struct buf *why)
{
    struct disk d = disk_system();
    int fd = d.open(d.ctx, path, O_RDONLY, 0);

    if (fd < 0)
        return fail_errno(why, "Error loading ACLs, opening file", path, fd);
    int64_t size = d.size(d.ctx, fd);
    ssize_t n = size > FILE_MAX ? -EFBIG : size < 0 ? (ssize_t)size : 0;
    if (n == 0 && size > 0) {
        n = disk_read_full(&d, fd, buf_room(out, (size_t)size), (size_t)size);
        if (n > 0)
            buf_advance(out, (size_t)n);
    }
    d.close(d.ctx, fd);
    return n >= 0 ? true : fail_errno(why, "Error loading ACLs, reading file", path, (int)n);
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

static bool
read_line(struct acl *acl, struct slice line, const char *path, int number, struct buf *why)
{
    struct slice *words = mem_get_array(line.len / 2 + 2, sizeof(*words));
    int n = split(line, words);
    bool ok = n >= 2 && slice_eq(words[0], LIT("user"));
    struct buf reason = {0};

    if (!ok)
        buf_printf(why, "%s:%d: should start with user keyword followed by a name. ", path, number);
    else if (!acl_set(acl, words[1], words + 2, n - 2, &reason)) {
        buf_printf(why, "%s:%d: %.*s. ", path, number, (int)reason.len, reason.ptr);
        ok = false;
    }
    buf_fini(&reason);
    mem_free(words);
    return ok;
}

static bool
read_lines(struct acl *acl, struct slice text, const char *path, struct buf *why)
{
    bool ok = true;

    for (int number = 1; text.len > 0; number++) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        struct slice line = slice_of(text.ptr, len);
        text = slice_skip(text, len + 1);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        while (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
            line = slice_skip(line, 1);
        if (line.len > 0 && line.ptr[0] != '#')
            ok &= read_line(acl, line, path, number, why);
    }
    return ok;
}

bool
users_read_file(struct engine *e, const char *path, struct buf *why)
{
    struct buf text = {0};
    struct acl *fresh = acl_new(e);
    bool ok = read_whole(path, &text, why) && read_lines(fresh, buf_slice(&text), path, why);

    if (ok) {
        acl_replace(engine_acl(e), fresh);
    } else {
        buf_printf(why, "WARNING: ACL errors detected, no change to the previously active ACL rules was performed");
        acl_free(fresh);
    }
    buf_fini(&text);
    return ok;
}

bool
users_write_file(struct engine *e, const char *path, struct buf *why)
{
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
    if (rc < 0)
        fail_errno(why, "There was an error trying to save the ACLs to", path, rc);
    return rc >= 0;
}

bool
users_load(struct engine *e, const struct config *c, struct buf *why)
{
    struct slice path = config_text(c, CFG_ACLFILE);
    bool any = false, ok = true;

    for (size_t i = 0; i < config_line_count(c) && ok; i++) {
        const struct config_line *l = config_line_at(c, i);
        if (l->id != CFG_USER)
            continue;
        any = true;
        struct buf reason = {0};
        ok = acl_set(engine_acl(e), l->argv[0], l->argv + 1, l->argc - 1, &reason);
        if (!ok)
            buf_printf(why, "%s: user %.*s: %.*s", l->where, (int)l->argv[0].len, l->argv[0].ptr, (int)reason.len,
                       reason.ptr);
        buf_fini(&reason);
    }
    if (!ok || path.len == 0)
        return ok;
    if (any) {
        buf_printf(why, "users stand both in the configuration and in aclfile %s; keep them in one place", path.ptr);
        return false;
    }
    return users_read_file(e, path.ptr, why);
}

/* store/manifest.c - see manifest.h. */
#include "store/manifest.h"

#include "base/mem.h"
#include "base/number.h"
#include "proto/words.h"

#include <errno.h>

void
manifest_fini(struct manifest *m)
{
    for (size_t i = 0; i < m->n; i++)
        mem_free(m->files[i].name);
    mem_free(m->files);
    *m = (struct manifest){0};
}

void
manifest_add(struct manifest *m, struct slice name, uint64_t seq, char type)
{
    if (m->n == m->cap) {
        m->cap = m->cap == 0 ? 8 : m->cap * 2;
        m->files = mem_resize(m->files, m->cap * sizeof(*m->files));
    }
    char *copy = mem_get(name.len + 1);
    memcpy(copy, name.ptr, name.len);
    copy[name.len] = '\0';
    m->files[m->n++] = (struct manifest_file){copy, seq, type};
    if (type == 'b' && seq > m->base_seq)
        m->base_seq = seq;
    if (type == 'i' && seq > m->incr_seq)
        m->incr_seq = seq;
}

void
manifest_copy(struct manifest *to, const struct manifest *from)
{
    *to = (struct manifest){0};
    for (size_t i = 0; i < from->n; i++)
        manifest_add(to, slice_cstr(from->files[i].name), from->files[i].seq, from->files[i].type);
    to->base_seq = from->base_seq;
    to->incr_seq = from->incr_seq;
}

const struct manifest_file *
manifest_base(const struct manifest *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->files[i].type == 'b')
            return &m->files[i];
    }
    return NULL;
}

const struct manifest_file *
manifest_last(const struct manifest *m)
{
    const struct manifest_file *last = NULL;

    for (size_t i = 0; i < m->n; i++) {
        if (m->files[i].type == 'i')
            last = &m->files[i];
    }
    return last;
}

void
manifest_retire(struct manifest *m, uint64_t incr_seq)
{
    for (size_t i = 0; i < m->n; i++) {
        struct manifest_file *f = &m->files[i];
        if (f->type == 'b' || (f->type == 'i' && f->seq <= incr_seq))
            f->type = 'h';
    }
}

void
manifest_drop_history(struct manifest *m)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->n; i++) {
        if (m->files[i].type == 'h')
            mem_free(m->files[i].name);
        else
            m->files[kept++] = m->files[i];
    }
    m->n = kept;
}

/* -- text ------------------------------------------------------------------------------------------------------ */

static bool
name_ok(struct slice name)
{
    return name.len > 0 && name.len < 256 && memchr(name.ptr, '/', name.len) == NULL &&
           memchr(name.ptr, '\0', name.len) == NULL && !slice_eq(name, LIT(".")) && !slice_eq(name, LIT(".."));
}

/* Pairs of words; those that are not known are left to later versions. */
static const char *
parse_line(struct manifest *m, const struct slice_vec *words)
{
    struct slice name = {NULL, 0};
    int64_t seq = 0;
    char type = 0;

    if (words->n < 6 || words->n % 2 != 0)
        return "a line is not made of pairs";
    for (size_t i = 0; i < words->n; i += 2) {
        struct slice key = words->v[i], value = words->v[i + 1];
        if (slice_eq_nocase(key, LIT("file")))
            name = value;
        else if (slice_eq_nocase(key, LIT("seq")) && !parse_int64(value, &seq))
            return "seq is not a number";
        else if (slice_eq_nocase(key, LIT("type")) && value.len == 1)
            type = value.ptr[0];
    }
    if (!name_ok(name))
        return "the name of a file is missing or not a plain name";
    if (seq <= 0)
        return "seq is missing or not positive";
    if (type != 'b' && type != 'i' && type != 'h')
        return "type is missing or unknown";
    if (type == 'b' && manifest_base(m) != NULL)
        return "there are two bases";
    if (type == 'i' && (uint64_t)seq <= m->incr_seq)
        return "the increments are not in order";
    manifest_add(m, name, (uint64_t)seq, type);
    return NULL;
}

bool
manifest_parse(struct manifest *m, struct slice text, struct buf *why)
{
    struct slice_vec words = {0};
    struct arena arena = {0};
    const char *bad = NULL;
    int line_number = 0;

    while (text.len > 0 && bad == NULL) {
        const char *end = memchr(text.ptr, '\n', text.len);
        struct slice line = slice_of(text.ptr, end != NULL ? (size_t)(end - text.ptr) : text.len);
        line_number++;
        words.n = 0;
        if (end == NULL)
            bad = "the last line is not complete";
        else if (line.len == 0)
            bad = "there is an empty line";
        else if (line.ptr[0] == '#')
            bad = NULL;
        else if (!words_split(line, &arena, &words))
            bad = "quotes do not match";
        else
            bad = parse_line(m, &words);
        text = slice_skip(text, line.len + 1);
    }
    if (bad == NULL && m->n == 0)
        bad = "it names no file";
    if (bad != NULL)
        buf_printf(why, "line %d: %s", line_number, bad);
    slice_vec_fini(&words);
    arena_fini(&arena);
    return bad == NULL;
}

static bool
is_plain(const char *name)
{
    for (; *name != '\0'; name++) {
        bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                     (*name >= '0' && *name <= '9') || *name == '.' || *name == '-' || *name == '_';
        if (!plain)
            return false;
    }
    return true;
}

static void
put_name(struct buf *out, const char *name)
{
    if (is_plain(name)) {
        buf_add_slice(out, slice_cstr(name));
        return;
    }
    buf_add_char(out, '"');
    for (; *name != '\0'; name++)
        buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*name);
    buf_add_char(out, '"');
}

static void
put_files(const struct manifest *m, char type, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->files[i].type != type)
            continue;
        buf_add_slice(out, LIT("file "));
        put_name(out, m->files[i].name);
        buf_printf(out, " seq %llu type %c\n", (unsigned long long)m->files[i].seq, type);
    }
}

void
manifest_format(const struct manifest *m, struct buf *out)
{
    put_files(m, 'b', out);
    put_files(m, 'h', out);
    put_files(m, 'i', out);
}

/* -- file ------------------------------------------------------------------------------------------------------ */

int
manifest_load(struct manifest *m, const struct disk *d, const char *path, struct buf *why)
{
    struct buf text = {0};
    int fd = d->open(d->ctx, path, O_RDONLY, 0), r = 0;

    if (fd < 0) {
        buf_printf(why, "can't open %s: %s", path, strerror(-fd));
        return fd;
    }
    ssize_t n = disk_read_full(d, fd, buf_room(&text, MANIFEST_BYTES_MAX + 1), MANIFEST_BYTES_MAX + 1);
    (void)d->close(d->ctx, fd);
    if (n < 0 || n > MANIFEST_BYTES_MAX) {
        r = n < 0 ? (int)n : -EFBIG;
        buf_printf(why, "can't read %s: %s", path, strerror(-r));
    } else {
        struct buf reason = {0};
        buf_advance(&text, (size_t)n);
        if (!manifest_parse(m, buf_slice(&text), &reason)) {
            r = -EINVAL;
            buf_printf(why, "%s is damaged: %.*s", path, (int)reason.len, reason.ptr);
            manifest_fini(m);
        }
        buf_fini(&reason);
    }
    buf_fini(&text);
    return r;
}

int
manifest_store(const struct manifest *m, const struct disk *d, const char *path, const char *temp)
{
    struct buf text = {0};
    int fd = d->open(d->ctx, temp, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0)
        return fd;
    manifest_format(m, &text);
    int r = disk_write_all(d, fd, buf_slice(&text));
    buf_fini(&text);
    if (r < 0) {
        (void)d->close(d->ctx, fd);
        (void)d->unlink(d->ctx, temp);
        return r;
    }
    return disk_publish(d, fd, temp, path);
}

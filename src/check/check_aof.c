/* check/check_aof.c - reads append-only files as a server would, tells what it found, and cuts off what is no good. */
#include "base/number.h"
#include "base/progress.h"
#include "check/check.h"
#include "store/aof.h"
#include "store/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STEP_BYTES = 1 << 20 };

struct wanted {
    const char *path;
    bool fix;
    int64_t until_s;
};

static enum aof_progress
read_all(struct aof_reader *r, struct buf *why)
{
    struct progress bar;
    enum aof_progress p;

    progress_begin(&bar, aof_reader_total(r));
    do {
        p = aof_reader_step(r, STEP_BYTES, why);
        progress_at(&bar, aof_reader_at(r));
    } while (p == AOF_MORE);
    progress_end(&bar, aof_reader_at(r));
    return p;
}

static int
repair(const struct disk *d, const char *path, struct aof_reader *r)
{
    struct buf why = {0};
    bool ok = aof_repair(d, clock_system(), path, r, true, &why);

    if (ok)
        printf("%s has been cut off at offset %llu\n", path, (unsigned long long)aof_reader_keep(r));
    else
        fprintf(stderr, "%s can't be repaired: %.*s\n", path, (int)why.len, why.ptr);
    buf_fini(&why);
    return ok ? CHECK_FINE : CHECK_FAILED;
}

static int
check_file(const struct disk *d, const struct wanted *w, const char *path, bool last)
{
    struct aof_reader_options ro = {.disk = d, .path = path, .until_s = last ? w->until_s : 0};
    struct buf why = {0};
    int error = 0, code = CHECK_FINE;
    struct aof_reader *r = aof_reader_open(&ro, &error, &why);

    if (r == NULL) {
        fprintf(stderr, "%.*s\n", (int)why.len, why.ptr);
        buf_fini(&why);
        return CHECK_FAILED;
    }
    enum aof_progress p = read_all(r, &why);
    printf("%s: %llu bytes, %llu commands and keys: %s\n", path, (unsigned long long)aof_reader_total(r),
           (unsigned long long)aof_reader_commands(r),
           p == AOF_DONE         ? "fine"
           : p == AOF_CUT        ? "cut"
           : p == AOF_UNREADABLE ? "not read to its end"
                                 : "damaged");
    if (p == AOF_UNREADABLE) {
        fprintf(stderr, "%s can't be read %.*s\n", path, (int)why.len, why.ptr);
        code = CHECK_FAILED;
    } else if (p != AOF_DONE) {
        fprintf(stderr, "%s: %.*s; good up to offset %llu\n", path, (int)why.len, why.ptr,
                (unsigned long long)aof_reader_keep(r));
        code = CHECK_DAMAGED;
        if (last && (w->fix || (w->until_s > 0 && p == AOF_CUT)))
            code = repair(d, path, r);
        else if (w->fix)
            fprintf(stderr, "Only the last file of a log can be cut off.\n");
    }
    aof_reader_free(r);
    buf_fini(&why);
    return code;
}

static int
check_manifest(const struct disk *d, const struct wanted *w)
{
    const char *slash = strrchr(w->path, '/');
    struct manifest m = {0};
    struct buf why = {0}, path = {0};
    int code = CHECK_FINE;

    int r = manifest_load(&m, d, w->path, &why);
    if (r < 0) {
        fprintf(stderr, "%.*s\n", (int)why.len, why.ptr);
        code = r == -EINVAL || r == -EFBIG ? CHECK_DAMAGED : CHECK_FAILED;
    }
    for (size_t i = 0; i < m.n && code == CHECK_FINE; i++) {
        if (m.files[i].type == 'h')
            continue;
        buf_reset(&path);
        buf_printf(&path, "%.*s%s", slash != NULL ? (int)(slash - w->path + 1) : 0, w->path, m.files[i].name);
        buf_add_char(&path, '\0');
        code = check_file(d, w, path.ptr, &m.files[i] == manifest_last(&m) || m.n == 1);
    }
    manifest_fini(&m);
    buf_fini(&why);
    buf_fini(&path);
    return code;
}

static bool
read_arguments(int argc, char **argv, struct wanted *w)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--fix") == 0) {
            w->fix = true;
        } else if (strcmp(argv[i], "--truncate-to-timestamp") == 0 && i + 1 < argc) {
            if (!parse_int64(slice_cstr(argv[++i]), &w->until_s) || w->until_s <= 0)
                return false;
        } else if (argv[i][0] == '-' || w->path != NULL) {
            return false;
        } else {
            w->path = argv[i];
        }
    }
    return w->path != NULL;
}

int
check_aof(int argc, char **argv)
{
    struct disk d = disk_system();
    struct wanted w = {0};

    if (!read_arguments(argc, argv, &w)) {
        fputs("usage: sorrel-check aof FILE|MANIFEST [--fix] [--truncate-to-timestamp SECONDS]\n", stderr);
        return CHECK_FAILED;
    }
    size_t n = strlen(w.path);
    int code =
        n > 9 && strcmp(w.path + n - 9, ".manifest") == 0 ? check_manifest(&d, &w) : check_file(&d, &w, w.path, true);
    puts(code == CHECK_FINE      ? "The append-only file is fine."
         : code == CHECK_DAMAGED ? "The append-only file is not fine."
                                 : "The append-only file could not be checked or repaired.");
    return code;
}

/* store/manifest.h - which files make up the append-only log, in which order.
 *
 * One line each: "file NAME seq N type b|i|h", for the base, the increments behind it, and history that is to be
 * removed. The manifest is replaced as a whole, so it always names a complete log; a file it does not name is not part
 * of it.
 */
#ifndef SORREL_STORE_MANIFEST_H
#define SORREL_STORE_MANIFEST_H

#include "base/buf.h"
#include "base/disk.h"

enum { MANIFEST_BYTES_MAX = 1 << 20 };

struct manifest_file {
    char *name; /* in the log's folder */
    uint64_t seq;
    char type; /* b, i, h */
};

struct manifest {
    struct manifest_file *files;
    size_t n, cap;
    uint64_t base_seq, incr_seq; /* the largest there has been */
};

void manifest_fini(struct manifest *m);
void manifest_copy(struct manifest *to, const struct manifest *from);
void manifest_add(struct manifest *m, struct slice name, uint64_t seq, char type);
/* The base; NULL: none. */
const struct manifest_file *manifest_base(const struct manifest *m);
/* The last increment; NULL: none. */
const struct manifest_file *manifest_last(const struct manifest *m);
/* The base and all increments up to that number become history. */
void manifest_retire(struct manifest *m, uint64_t incr_seq);
void manifest_drop_history(struct manifest *m);

/* Reads the text into an empty manifest; false with a reason. */
bool manifest_parse(struct manifest *m, struct slice text, struct buf *why);
void manifest_format(const struct manifest *m, struct buf *out);

/* 0, or a negative errno with a reason (-ENOENT: there is none). */
int manifest_load(struct manifest *m, const struct disk *d, const char *path, struct buf *why);
/* Replaces the file, durably. `temp` is a name in the same folder. 0 or a negative errno. */
int manifest_store(const struct manifest *m, const struct disk *d, const char *path, const char *temp);

#endif

/* engine/fieldsets.h - lists of field names under a name, prepared once for many hashes of the same kind (HIMPORT).
 *
 * They belong to the connection and go with it (or with RESET). A script has its own, which go when it ends.
 */
#ifndef SORREL_ENGINE_FIELDSETS_H
#define SORREL_ENGINE_FIELDSETS_H

#include "engine/exec.h"

struct fieldset {
    int count;
    struct slice name;
    struct slice fields[]; /* their bytes lie behind */
};

/* Copies everything; replaces what had that name. */
void fieldset_put(struct exec *x, struct slice name, const struct slice *fields, int count);
const struct fieldset *fieldset_find(struct exec *x, struct slice name); /* NULL: there is none */
bool fieldset_drop(struct exec *x, struct slice name);
size_t fieldset_drop_all(struct exec *x); /* how many there were */
/* The script for which this exec stands is over. */
void fieldset_script_over(struct exec *script);

#endif

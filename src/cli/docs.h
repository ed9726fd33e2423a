/* cli/docs.h - what a server says of its commands (COMMAND DOCS): names, arguments, summaries.
 *
 * From the description of the arguments comes the syntax line of the help, the hint of what may follow a line that is
 * being typed, and the words that complete it. Nothing here talks to the server.
 */
#ifndef SORREL_CLI_DOCS_H
#define SORREL_CLI_DOCS_H

#include "base/buf.h"
#include "proto/reply_read.h"
#include "proto/words.h"

struct doc {
    struct slice name; /* upper case; a subcommand with its command and a blank: "CONFIG GET" */
    struct slice group, summary, since;
    const struct resp_value *arguments; /* an array, or NULL */
    bool is_container;                  /* has subcommands */
};

struct docs {
    struct arena mem;
    struct doc *list; /* sorted by name */
    size_t n;
};

/* Takes over (by copying) a reply to COMMAND DOCS of either protocol; one that isn't leaves it empty. */
void docs_load(struct docs *d, const struct resp_value *reply);
void docs_fini(struct docs *d);

/* The description that fits the first words best ("config get maxmemory" finds CONFIG GET); *used is how many words
 * name it. NULL if there is none. */
const struct doc *docs_find(const struct docs *d, const struct slice *words, size_t n, size_t *used);
/* Appends the whole syntax after the name: "key value [NX|XX] [GET] ...". */
void docs_syntax(const struct doc *doc, struct buf *out);
/* Appends what may follow the words typed after the name. False, appending nothing, if they do not fit. */
bool docs_rest(const struct doc *doc, const struct slice *words, size_t n, struct buf *out);
/* Adds the option words that may follow the words typed after the name, and says whether a key may. */
void docs_next(const struct doc *doc, const struct slice *words, size_t n, struct slice_vec *tokens, bool *key);

#endif

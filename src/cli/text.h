/* cli/text.h - UTF-8 as a terminal shows it.
 *
 * A character here is what the cursor steps over: a code point with the marks that combine with it. Bytes that are not
 * UTF-8 count as one column each.
 */
#ifndef SORREL_CLI_TEXT_H
#define SORREL_CLI_TEXT_H

#include "base/slice.h"

/* Where the character after the one at `at` begins; s.len at the end. */
size_t text_next(struct slice s, size_t at);
/* Where the character before `at` begins; 0 at the beginning. */
size_t text_previous(struct slice s, size_t at);
/* Columns that s takes. */
size_t text_width(struct slice s);
/* The longest beginning of s that takes at most `columns`. */
struct slice text_fit(struct slice s, size_t columns);

#endif

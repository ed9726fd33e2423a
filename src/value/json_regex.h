/* value/json_regex.h - regular expressions in filters: I-Regexp (RFC 9485) with `^`, `$`, `\d`, `\w`, `\s` and
 * `(?:`.
 *
 * All alternatives are followed at once, so time is bounded by text times pattern whatever the pattern is.
 */
#ifndef SORREL_VALUE_JSON_REGEX_H
#define SORREL_VALUE_JSON_REGEX_H

#include "base/slice.h"

/* Whether the pattern matches the text as a whole or anywhere in it; false for a pattern that is not valid or too
 * large. */
bool json_regex(struct slice pattern, struct slice text, bool whole);

#endif

/* sorrel/json.h - the little JSON that shared values need: checking, strings, numbers, one member.
 *
 * Values in dictionaries, configurations and messages are JSON texts, so that programs in other languages read them.
 * Whoever has a JSON library keeps using it; this is for those who have none. No function sends anything; all are
 * thread-safe. Texts are NUL-terminated UTF-8; NULL instead of one counts as a text that is not JSON.
 */
#ifndef SORREL_JSON_H
#define SORREL_JSON_H

#include "sorrel/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* True if `text` is one JSON value as RFC 8259 has it: valid UTF-8, nested at most 512 deep. */
SORREL_API bool sorrel_json_valid(const char *text, size_t len);
/* A JSON string of len bytes of UTF-8; invalid bytes become U+FFFD. The caller frees it with sorrel_free(). */
SORREL_API char *sorrel_json_quote(const char *text, size_t len);
/* The text of a JSON string, or NULL if `json` is none. *len (NULL is fine) is its length, since it may contain a NUL.
 * The caller frees it with sorrel_free(). */
SORREL_API char *sorrel_json_unquote(const char *json, size_t *len);
/* The value of a JSON number without fraction, or 0 or 1 for a boolean. False, *out untouched, for anything else. */
SORREL_API bool sorrel_json_int(const char *json, int64_t *out);
/* The value of a JSON number. False, *out untouched, for anything else. */
SORREL_API bool sorrel_json_double(const char *json, double *out);
/* The value of true or false. False, *out untouched, for anything else. */
SORREL_API bool sorrel_json_bool(const char *json, bool *out);
/* The value of member `name` of a JSON object, as a JSON text of its own; NULL if there is none or `json` is not valid.
 * Of several of that name the last. The caller frees it with sorrel_free(). */
SORREL_API char *sorrel_json_member(const char *json, const char *name);

#ifdef __cplusplus
}
#endif

#endif

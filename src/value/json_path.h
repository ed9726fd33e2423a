/* value/json_path.h - JSONPath, and the older dialect that names one place.
 *
 * JSONPath is RFC 9535: names, indexes, slices, wildcards, unions, descendants, filters with comparisons, logical
 * operators and the RFC's functions. Beyond it: `=~` for a match anywhere, `.["a"]`, and more characters in a name
 * after a dot (`$.a-b`, `$.0`). A path that does not begin with `$` is of the older dialect (`.`, `.a.b[0]`, `a["b"]`):
 * the same grammar, meant to name one value. The order of matches is the RFC's, that of members the document's.
 */
#ifndef SORREL_VALUE_JSON_PATH_H
#define SORREL_VALUE_JSON_PATH_H

#include "base/arena.h"
#include "value/json.h"

enum { JSON_MATCHES_MAX = 4 << 20, JSON_STEPS_MAX = 1 << 26, JSON_FILTER_DEPTH = 32 };

struct json_path_segment;
struct json_path {
    struct json_path_segment *segments;
    size_t count;
    bool legacy;       /* the older dialect */
    bool is_static;    /* names and indexes only: at most one match */
    struct slice text; /* as given; points to it */
};

/* Compiles. Everything is in the arena and points into the text. False with *error set (where: bytes from the start).
 */
bool json_path_parse(struct arena *a, struct slice text, struct json_path *out, const char **error, size_t *where);

struct json_match {
    size_t at, parent; /* offsets; the root has JSON_NO_PARENT */
};
#define JSON_NO_PARENT SIZE_MAX
/* The value that was found; a number of a packed array is copied to *own. */
json_node json_match_node(json_node root, struct json_match m, struct json_own *own);
/* Whether it is a number of a packed array, which has no tag in the document. */
bool json_in_packed(json_node root, struct json_match m);

/* The matches, in an array in the arena. False when there are more than JSON_MATCHES_MAX, or more than JSON_STEPS_MAX
 * values would have to be looked at. */
bool json_path_find(const struct json_path *p, struct arena *a, json_node root, struct json_match **out, size_t *count);
/* The same for all but the last segment, which must be a name or an index: where a value may be added. */
bool json_path_find_parent(const struct json_path *p, struct arena *a, json_node root, struct json_match **out,
                           size_t *count);
/* The name in the last segment of a static path; false when it is an index. The path has a segment. */
bool json_path_last_name(const struct json_path *p, struct slice *name);

#endif

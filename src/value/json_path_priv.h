/* value/json_path_priv.h - a compiled path: segments of selectors, and the expressions of filters. */
#ifndef SORREL_VALUE_JSON_PATH_PRIV_H
#define SORREL_VALUE_JSON_PATH_PRIV_H

#include "value/json_path.h"

struct json_expr;

enum json_selector_kind { SELECT_NAME, SELECT_WILD, SELECT_INDEX, SELECT_SLICE, SELECT_FILTER };
struct json_selector {
    enum json_selector_kind kind;
    struct slice name;
    int64_t from, to, step; /* an index is `from` */
    bool has_from, has_to;
    struct json_expr *filter;
    struct json_selector *next;
};
struct json_path_segment {
    struct json_selector *selectors;
    bool descend;
};

enum json_expr_kind {
    EXPR_OR,
    EXPR_AND,
    EXPR_NOT,
    EXPR_EXISTS,
    EXPR_LITERAL,
    EXPR_PATH,
    EXPR_EQ,
    EXPR_NE,
    EXPR_LT,
    EXPR_LE,
    EXPR_GT,
    EXPR_GE,
    EXPR_MATCHES, /* =~ */
    EXPR_LENGTH,
    EXPR_COUNT,
    EXPR_MATCH,
    EXPR_SEARCH,
    EXPR_VALUE,
};
struct json_expr {
    enum json_expr_kind kind;
    struct json_expr *a, *b;
    json_node literal;
    bool absolute; /* a path from $, not @ */
    struct json_path path;
};

#endif

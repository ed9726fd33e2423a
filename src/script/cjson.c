/* script/cjson.c - the library `cjson`: JSON to Lua values and back.
 *
 * Ours, with the names, defaults, texts and forms of the library that Redis carries. Neither way recurses; nesting ends
 * at SCRIPT_DEPTH_MAX. Settings that a script changes hold for that script only.
 */
#include "script/script_priv.h"

#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void
script__json_reset(struct json_settings *s)
{
    *s = (struct json_settings){
        .encode_depth = SCRIPT_DEPTH_MAX,
        .decode_depth = SCRIPT_DEPTH_MAX,
        .precision = 14,
        .sparse_ratio = 2,
        .sparse_safe = 10,
        .sparse_convert = false,
        .keep_buffer = true,
        .encode_invalid = 0,
        .decode_invalid = true,
    };
}

/* -- encoding -------------------------------------------------------------------------------------------------- */

struct encode_frame {
    bool array;
    bool begun;
    int next, max; /* of an array */
};

struct encoder {
    lua_State *L;
    struct buf *out;
    const struct json_settings *set;
    struct encode_frame frames[SCRIPT_DEPTH_MAX];
    int depth;
};

static void
put_string(struct buf *b, struct slice s)
{
    static const char digits[] = "0123456789abcdef";

    buf_add_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        switch (c) {
        case '"': buf_add(b, "\\\"", 2); break;
        case '\\': buf_add(b, "\\\\", 2); break;
        case '/': buf_add(b, "\\/", 2); break;
        case '\b': buf_add(b, "\\b", 2); break;
        case '\f': buf_add(b, "\\f", 2); break;
        case '\n': buf_add(b, "\\n", 2); break;
        case '\r': buf_add(b, "\\r", 2); break;
        case '\t': buf_add(b, "\\t", 2); break;
        default:
            if (c < 0x20 || c == 0x7f) {
                buf_add(b, "\\u00", 4);
                buf_add_char(b, digits[c >> 4]);
                buf_add_char(b, digits[c & 15]);
            } else {
                buf_add_char(b, (char)c);
            }
        }
    }
    buf_add_char(b, '"');
}

static int
fail_encode(struct encoder *e, int idx, const char *why)
{
    return luaL_error(e->L, "Cannot serialise %s: %s", luaL_typename(e->L, idx), why);
}

static void
put_number(struct encoder *e, int idx)
{
    char text[DOUBLE_TEXT_MAX];
    lua_Number v = lua_tonumber(e->L, idx);

    if (!isfinite(v)) {
        if (e->set->encode_invalid == 2) {
            buf_add_slice(e->out, LIT("null"));
            return;
        }
        if (e->set->encode_invalid == 0)
            fail_encode(e, idx, "must not be NaN or Inf");
        buf_add_slice(e->out, isnan(v) ? LIT("nan") : v > 0 ? LIT("inf") : LIT("-inf"));
        return;
    }
    /* The usual case, cheaper. */
    if (v >= INT32_MIN && v <= INT32_MAX && v == (lua_Number)(int32_t)v && !(v == 0 && signbit(v))) {
        buf_add(e->out, text, format_int64(text, (int64_t)v));
        return;
    }
    int n = snprintf(text, sizeof(text), "%.*g", e->set->precision, v);
    buf_add(e->out, text, n > 0 ? (size_t)n : 0);
}

/* How long the table on top is as an array; 0: it is none. */
static int
array_length(struct encoder *e)
{
    lua_State *L = e->L;
    lua_Number max = 0;
    size_t items = 0;
    const struct json_settings *s = e->set;

    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_Number k = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        lua_pop(L, 1);
        if (!(k >= 1 && k <= INT32_MAX && k == floor(k))) {
            lua_pop(L, 1);
            return 0;
        }
        max = k > max ? k : max;
        items++;
    }
    if (s->sparse_ratio > 0 && max > (lua_Number)items * s->sparse_ratio && max > s->sparse_safe) {
        if (!s->sparse_convert)
            fail_encode(e, -1, "excessively sparse array");
        return 0;
    }
    return (int)max;
}

static void
open_table(struct encoder *e)
{
    int max = array_length(e);

    if (e->depth >= e->set->encode_depth || e->depth >= SCRIPT_DEPTH_MAX)
        luaL_error(e->L, "Cannot serialise, excessive nesting (%d)", e->depth + 1);
    luaL_checkstack(e->L, 6, "too many nested tables");
    e->frames[e->depth++] = (struct encode_frame){.array = max > 0, .next = 1, .max = max};
    buf_add_char(e->out, max > 0 ? '[' : '{');
    if (max == 0)
        lua_pushnil(e->L);
}

/* Writes the value on top. False: it is a table, which has been opened and stays on the stack. */
static bool
encode_one(struct encoder *e)
{
    lua_State *L = e->L;
    struct slice s;

    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        s.ptr = lua_tolstring(L, -1, &s.len);
        put_string(e->out, s);
        return true;
    case LUA_TNUMBER: put_number(e, -1); return true;
    case LUA_TBOOLEAN: buf_add_slice(e->out, lua_toboolean(L, -1) ? LIT("true") : LIT("false")); return true;
    case LUA_TNIL: buf_add_slice(e->out, LIT("null")); return true;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, -1) != NULL)
            fail_encode(e, -1, "type not supported");
        buf_add_slice(e->out, LIT("null"));
        return true;
    case LUA_TTABLE: open_table(e); return false;
    default: fail_encode(e, -1, "type not supported"); return true;
    }
}

static void
encode_key(struct encoder *e)
{
    lua_State *L = e->L;

    if (lua_type(L, -2) == LUA_TSTRING) {
        struct slice s;
        s.ptr = lua_tolstring(L, -2, &s.len);
        put_string(e->out, s);
    } else if (lua_type(L, -2) == LUA_TNUMBER) {
        buf_add_char(e->out, '"');
        put_number(e, -2);
        buf_add_char(e->out, '"');
    } else {
        luaL_error(L, "Cannot serialise %s: table key must be a number or string", luaL_typename(L, -2));
    }
    buf_add_char(e->out, ':');
}

/* Pushes the next element of the innermost table, its key written. False: the table is complete, and on top. */
static bool
next_member(struct encoder *e)
{
    lua_State *L = e->L;
    struct encode_frame *f = &e->frames[e->depth - 1];

    if (f->array) {
        if (f->next > f->max) {
            buf_add_char(e->out, ']');
            return false;
        }
        if (f->begun)
            buf_add_char(e->out, ',');
        lua_rawgeti(L, -1, f->next++);
    } else {
        if (!lua_next(L, -2)) {
            buf_add_char(e->out, '}');
            return false;
        }
        if (f->begun)
            buf_add_char(e->out, ',');
        encode_key(e);
    }
    f->begun = true;
    return true;
}

static int
json_encode(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    struct encoder e;

    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    e.L = L;
    e.out = &h->text;
    e.set = &h->json;
    e.depth = 0;
    buf_reset(&h->text);
    if (!encode_one(&e)) {
        while (e.depth > 0) {
            if (next_member(&e)) {
                if (encode_one(&e))
                    lua_pop(L, 1);
            } else {
                e.depth--;
                if (e.depth > 0)
                    lua_pop(L, 1);
            }
            if (UNLIKELY(h->text.len > SCRIPT_MEMORY_MAX / 2))
                return luaL_error(L, "not enough memory");
        }
    }
    lua_pushlstring(L, h->text.ptr, h->text.len);
    script__text_done(h);
    return 1;
}

/* -- decoding -------------------------------------------------------------------------------------------------- */

enum token {
    T_OBJ_BEGIN,
    T_OBJ_END,
    T_ARR_BEGIN,
    T_ARR_END,
    T_STRING,
    T_NUMBER,
    T_TRUE,
    T_FALSE,
    T_NULL,
    T_COLON,
    T_COMMA,
    T_END,
    T_ERROR
};

struct decode_frame {
    bool array;
    int next;
};

struct decoder {
    lua_State *L;
    const char *start, *p, *end;
    size_t token_at; /* where the last token began */
    lua_Number number;
    const char *error; /* of T_ERROR */
    struct buf *text;  /* of T_STRING */
    const struct json_settings *set;
    struct decode_frame frames[SCRIPT_DEPTH_MAX];
    int depth;
};

static const char *
token_name(const struct decoder *d, enum token t)
{
    static const char *const names[] = {"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER",
                                        "T_BOOLEAN",   "T_BOOLEAN", "T_NULL",      "T_COLON",   "T_COMMA",  "T_END"};

    return t == T_ERROR ? d->error : names[t];
}

static int
fail_decode(struct decoder *d, const char *expected, enum token t)
{
    return luaL_error(d->L, "Expected %s but found %s at character %d", expected, token_name(d, t),
                      (int)d->token_at + 1);
}

static enum token
token_error(struct decoder *d, const char *at, const char *why)
{
    d->token_at = (size_t)(at - d->start);
    d->error = why;
    return T_ERROR;
}

/* Four digits at p, or -1. */
static int32_t
hex4(const struct decoder *d, const char *p)
{
    int32_t v = 0;

    if (d->end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static void
put_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_add_char(b, (char)c);
    } else if (c < 0x800) {
        buf_add_char(b, (char)(0xc0 | c >> 6));
        buf_add_char(b, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_add_char(b, (char)(0xe0 | c >> 12));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(b, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add_char(b, (char)(0xf0 | c >> 18));
        buf_add_char(b, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(b, (char)(0x80 | (c & 0x3f)));
    }
}

/* "\uXXXX" at p, or two of them that are one character. Moves behind; false if it is not well formed. */
static bool
take_unicode(struct decoder *d)
{
    int32_t c = hex4(d, d->p + 2);

    if (c < 0)
        return false;
    if ((c & 0xfc00) == 0xdc00)
        return false; /* the second half of a pair without the first */
    if ((c & 0xfc00) == 0xd800) {
        if (d->end - d->p < 12 || d->p[6] != '\\' || d->p[7] != 'u')
            return false;
        int32_t low = hex4(d, d->p + 8);
        if (low < 0 || (low & 0xfc00) != 0xdc00)
            return false;
        c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
        d->p += 6;
    }
    d->p += 6;
    put_utf8(d->text, (uint32_t)c);
    return true;
}

static enum token
take_string(struct decoder *d)
{
    buf_reset(d->text);
    d->p++;
    for (;;) {
        const char *from = d->p;
        while (d->p < d->end && *d->p != '"' && *d->p != '\\' && *d->p != '\0')
            d->p++;
        buf_add(d->text, from, (size_t)(d->p - from));
        if (d->p >= d->end)
            return token_error(d, d->p, "unexpected end of string");
        if (*d->p == '"') {
            d->p++;
            return T_STRING;
        }
        if (*d->p == '\0') {
            buf_add_char(d->text, *d->p++);
            continue;
        }
        char c = d->end - d->p > 1 ? d->p[1] : '\0';
        static const char from_c[] = "\"\\/bfnrt", to_c[] = "\"\\/\b\f\n\r\t";
        const char *found = c != '\0' ? strchr(from_c, c) : NULL;
        if (found != NULL) {
            buf_add_char(d->text, to_c[found - from_c]);
            d->p += 2;
        } else if (c != 'u') {
            return token_error(d, d->p, "invalid escape code");
        } else if (!take_unicode(d)) {
            return token_error(d, d->p, "invalid unicode escape code");
        }
    }
}

/* The form that JSON allows, when the looser one is switched off. */
static bool
is_json_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (p >= end || *p < '0' || *p > '9')
        return false;
    return !(*p == '0' && end - p > 1 && ((p[1] >= '0' && p[1] <= '9') || ascii_lower(p[1]) == 'x'));
}

static enum token
take_number(struct decoder *d)
{
    char *behind;

    if (!d->set->decode_invalid && !is_json_number(d->p, d->end))
        return token_error(d, d->p, "invalid number");
    d->number = strtod(d->p, &behind); /* Lua ends its strings with a NUL */
    if (behind == d->p)
        return token_error(d, d->p, "invalid number");
    d->p = behind;
    return T_NUMBER;
}

static bool
take_word(struct decoder *d, struct slice word)
{
    if ((size_t)(d->end - d->p) < word.len || memcmp(d->p, word.ptr, word.len) != 0)
        return false;
    d->p += word.len;
    return true;
}

static enum token
next_token(struct decoder *d)
{
    while (d->p < d->end && (*d->p == ' ' || *d->p == '\t' || *d->p == '\n' || *d->p == '\r'))
        d->p++;
    d->token_at = (size_t)(d->p - d->start);
    if (d->p >= d->end)
        return T_END;
    switch (*d->p) {
    case '{': d->p++; return T_OBJ_BEGIN;
    case '}': d->p++; return T_OBJ_END;
    case '[': d->p++; return T_ARR_BEGIN;
    case ']': d->p++; return T_ARR_END;
    case ':': d->p++; return T_COLON;
    case ',': d->p++; return T_COMMA;
    case '"': return take_string(d);
    case '-':
    case '0' ... '9': return take_number(d);
    case 't':
        if (take_word(d, LIT("true")))
            return T_TRUE;
        break;
    case 'f':
        if (take_word(d, LIT("false")))
            return T_FALSE;
        break;
    case 'n':
        if (take_word(d, LIT("null")))
            return T_NULL;
        break;
    default: break;
    }
    if (d->set->decode_invalid) {
        struct slice rest = slice_of(d->p, (size_t)(d->end - d->p));
        if (slice_starts_nocase(rest, LIT("inf")) || slice_starts_nocase(rest, LIT("nan")))
            return take_number(d);
    }
    return token_error(d, d->p, "invalid token");
}

static void
open_value(struct decoder *d, bool array)
{
    if (d->depth >= d->set->decode_depth || d->depth >= SCRIPT_DEPTH_MAX)
        luaL_error(d->L, "Found too many nested data structures (%d)", d->depth + 1);
    luaL_checkstack(d->L, 6, "too many nested data structures");
    lua_newtable(d->L);
    d->frames[d->depth++] = (struct decode_frame){array, 1};
}

/* Pushes a value that begins with token t. False: a table was opened. */
static bool
decode_value(struct decoder *d, enum token t)
{
    lua_State *L = d->L;

    switch (t) {
    case T_STRING: lua_pushlstring(L, d->text->ptr, d->text->len); return true;
    case T_NUMBER: lua_pushnumber(L, d->number); return true;
    case T_TRUE: lua_pushboolean(L, 1); return true;
    case T_FALSE: lua_pushboolean(L, 0); return true;
    case T_NULL: lua_pushlightuserdata(L, NULL); return true;
    case T_OBJ_BEGIN: open_value(d, false); return false;
    case T_ARR_BEGIN: open_value(d, true); return false;
    default: fail_decode(d, "value", t); return true;
    }
}

/* Reads `"key":` given its first token; pushes the key. */
static void
decode_key(struct decoder *d, enum token t)
{
    if (t != T_STRING)
        fail_decode(d, "object key string", t);
    lua_pushlstring(d->L, d->text->ptr, d->text->len);
    t = next_token(d);
    if (t != T_COLON)
        fail_decode(d, "colon", t);
}

/* A value is complete and on top: puts it into the innermost table, and reads on to the next value's first token.
 * False: that table is complete now. */
static bool
after_value(struct decoder *d, enum token *next)
{
    struct decode_frame *f = &d->frames[d->depth - 1];

    if (f->array)
        lua_rawseti(d->L, -2, f->next++);
    else
        lua_rawset(d->L, -3);
    enum token t = next_token(d);
    if (t == (f->array ? T_ARR_END : T_OBJ_END))
        return false;
    if (t != T_COMMA)
        fail_decode(d, f->array ? "comma or array end" : "comma or object end", t);
    t = next_token(d);
    if (!f->array) {
        decode_key(d, t);
        t = next_token(d);
    }
    *next = t;
    return true;
}

/* A table was opened. True: it has a first value, whose token is in *next. */
static bool
first_value(struct decoder *d, enum token *next)
{
    struct decode_frame *f = &d->frames[d->depth - 1];
    enum token t = next_token(d);

    if (t == (f->array ? T_ARR_END : T_OBJ_END))
        return false;
    if (!f->array) {
        decode_key(d, t);
        t = next_token(d);
    }
    *next = t;
    return true;
}

static int
json_decode(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    struct decoder d;
    size_t len;

    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    d.L = L;
    d.start = d.p = luaL_checklstring(L, 1, &len);
    d.end = d.start + len;
    d.text = &h->text;
    d.set = &h->json;
    d.depth = 0;
    if (len >= 2 && (d.start[0] == '\0' || d.start[1] == '\0'))
        return luaL_error(L, "JSON parser does not support UTF-16 or UTF-32");
    enum token t = next_token(&d);
    bool complete = decode_value(&d, t);
    while (!complete || d.depth > 0) {
        bool more = complete ? after_value(&d, &t) : first_value(&d, &t);
        if (more) {
            complete = decode_value(&d, t);
        } else {
            d.depth--;
            complete = true;
        }
    }
    t = next_token(&d);
    if (t != T_END)
        fail_decode(&d, "the end", t);
    script__text_done(h);
    return 1;
}

/* -- settings -------------------------------------------------------------------------------------------------- */

/* The optional integer argument 1 into *value; pushes what is in force. */
static int
integer_setting(lua_State *L, int *value, int min, int max)
{
    char why[80];

    luaL_argcheck(L, lua_gettop(L) <= 1, 2, "found too many arguments");
    if (!lua_isnoneornil(L, 1)) {
        lua_Integer v = luaL_checkinteger(L, 1);
        snprintf(why, sizeof(why), "expected integer between %d and %d", min, max);
        luaL_argcheck(L, v >= min && v <= max, 1, why);
        *value = (int)v;
    }
    lua_pushinteger(L, *value);
    return 1;
}

static int
json_encode_max_depth(lua_State *L)
{
    return integer_setting(L, &script__host_of(L)->json.encode_depth, 1, INT32_MAX);
}

static int
json_decode_max_depth(lua_State *L)
{
    return integer_setting(L, &script__host_of(L)->json.decode_depth, 1, INT32_MAX);
}

static int
json_precision(lua_State *L)
{
    return integer_setting(L, &script__host_of(L)->json.precision, 1, 14);
}

static int
json_sparse(lua_State *L)
{
    struct json_settings *s = &script__host_of(L)->json;

    luaL_argcheck(L, lua_gettop(L) <= 3, 4, "found too many arguments");
    if (!lua_isnoneornil(L, 1))
        s->sparse_convert = lua_toboolean(L, 1);
    if (!lua_isnoneornil(L, 2)) {
        lua_Integer v = luaL_checkinteger(L, 2);
        luaL_argcheck(L, v >= 0 && v <= INT32_MAX, 2, "expected integer between 0 and 2147483647");
        s->sparse_ratio = (int)v;
    }
    if (!lua_isnoneornil(L, 3)) {
        lua_Integer v = luaL_checkinteger(L, 3);
        luaL_argcheck(L, v >= 0 && v <= INT32_MAX, 3, "expected integer between 0 and 2147483647");
        s->sparse_safe = (int)v;
    }
    lua_pushboolean(L, s->sparse_convert);
    lua_pushinteger(L, s->sparse_ratio);
    lua_pushinteger(L, s->sparse_safe);
    return 3;
}

static int
json_keep_buffer(lua_State *L)
{
    struct json_settings *s = &script__host_of(L)->json;

    if (!lua_isnoneornil(L, 1))
        s->keep_buffer = lua_toboolean(L, 1);
    lua_pushboolean(L, s->keep_buffer);
    return 1;
}

static int
json_encode_invalid(lua_State *L)
{
    static const char *const names[] = {"off", "on", "null", NULL};
    struct json_settings *s = &script__host_of(L)->json;

    if (!lua_isnoneornil(L, 1))
        s->encode_invalid = lua_isboolean(L, 1) ? lua_toboolean(L, 1) : luaL_checkoption(L, 1, NULL, names);
    if (s->encode_invalid == 2)
        lua_pushliteral(L, "null");
    else
        lua_pushboolean(L, s->encode_invalid);
    return 1;
}

static int
json_decode_invalid(lua_State *L)
{
    static const char *const names[] = {"off", "on", NULL};
    struct json_settings *s = &script__host_of(L)->json;

    if (!lua_isnoneornil(L, 1))
        s->decode_invalid = lua_isboolean(L, 1) ? lua_toboolean(L, 1) : luaL_checkoption(L, 1, NULL, names) == 1;
    lua_pushboolean(L, s->decode_invalid);
    return 1;
}

static void push_library(lua_State *L);

/* A table of its own; the settings are the script's in any case. */
static int
json_new(lua_State *L)
{
    push_library(L);
    return 1;
}

static void
push_library(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"encode", json_encode},
        {"decode", json_decode},
        {"encode_max_depth", json_encode_max_depth},
        {"decode_max_depth", json_decode_max_depth},
        {"encode_number_precision", json_precision},
        {"encode_sparse_array", json_sparse},
        {"encode_keep_buffer", json_keep_buffer},
        {"encode_invalid_numbers", json_encode_invalid},
        {"decode_invalid_numbers", json_decode_invalid},
        {"new", json_new},
        {NULL, NULL},
    };

    script__library(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushliteral(L, "cjson");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "2.1.0");
    lua_setfield(L, -2, "_VERSION");
}

void
script__open_cjson(lua_State *L)
{
    push_library(L);
}

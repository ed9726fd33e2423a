/* check/export_json.c - see export_json.h. Lists and sets are arrays, hashes arrays of pairs (names may be any bytes),
 * sorted sets arrays of member and score, streams arrays of entries; a JSON document is itself. */
#include "check/export_json.h"

#include "base/number.h"
#include "value/deadlines.h"
#include "value/hash.h"
#include "value/json.h"
#include "value/list.h"
#include "value/set.h"
#include "value/stream.h"
#include "value/zset.h"

#include <math.h>

/* Length of the UTF-8 character at p, 0 if there is none. */
static size_t
utf8_char(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80                   ? 1
                 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
                 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                               : 0;

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
               (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : len;
}

static bool
is_utf8(struct slice s)
{
    for (size_t i = 0; i < s.len;) {
        size_t n = utf8_char((const unsigned char *)s.ptr + i, s.len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

static void
add_base64(struct buf *out, struct slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)s.ptr;

    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_add_char(out, k <= n ? digits[v >> (18 - 6 * k) & 63] : '=');
    }
}

static void
add_text(struct buf *out, struct slice s)
{
    if (!is_utf8(s)) {
        buf_add_slice(out, LIT("{\"base64\":\""));
        add_base64(out, s);
        buf_add_slice(out, LIT("\"}"));
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

/* JSON has no infinities: those are texts. */
static void
add_score(struct buf *out, double score)
{
    char text[DOUBLE_TEXT_MAX];
    struct slice s = slice_of(text, format_double(text, score));

    if (isinf(score))
        add_text(out, s);
    else
        buf_add_slice(out, s);
}

static void
add_comma(struct buf *out, size_t *n)
{
    if ((*n)++ > 0)
        buf_add_char(out, ',');
}

static void
add_pair(struct buf *out, struct slice a, struct slice b)
{
    buf_add_char(out, '[');
    add_text(out, a);
    buf_add_char(out, ',');
    add_text(out, b);
    buf_add_char(out, ']');
}

static void
add_stream(struct buf *out, const struct stream *s)
{
    struct stream_iter it = stream_seek(s, STREAM_ID_MIN, false);
    struct stream_entry e;
    struct slice name, value;
    size_t n = 0;

    while (stream_next(&it, &e)) {
        add_comma(out, &n);
        buf_printf(out, "{\"id\":\"%llu-%llu\",\"fields\":[", (unsigned long long)e.id.ms,
                   (unsigned long long)e.id.seq);
        size_t pairs = 0;
        for (size_t left = e.pairs; left > 0; left--) {
            stream_entry_pair(&e, &name, &value);
            add_comma(out, &pairs);
            add_pair(out, name, value);
        }
        buf_add_slice(out, LIT("]}"));
    }
}

static void
add_collection(struct buf *out, struct entry *e)
{
    const void *h = entry_handle(e);
    struct slice a, b;
    struct set_member m;
    double score;
    size_t n = 0;

    buf_add_char(out, '[');
    if (entry_type(e) == TYPE_LIST) {
        struct list_iter it = list_seek(h, 0, LIST_TAIL);
        for (; list_next(h, &it, &a); add_text(out, a))
            add_comma(out, &n);
    } else if (entry_type(e) == TYPE_SET) {
        for (struct set_iter it = {0}; set_next(h, &it, &m); add_text(out, m.s))
            add_comma(out, &n);
    } else if (entry_type(e) == TYPE_HASH) {
        for (struct hash_iter it = {0}; hash_next(h, &it, &a, &b); add_pair(out, a, b))
            add_comma(out, &n);
    } else if (entry_type(e) == TYPE_ZSET) {
        struct zset_iter it = zset_seek(h, 0, false);
        while (zset_next(h, &it, &a, &score)) {
            add_comma(out, &n);
            buf_add_char(out, '[');
            add_text(out, a);
            buf_add_char(out, ',');
            add_score(out, score);
            buf_add_char(out, ']');
        }
    } else {
        add_stream(out, h);
    }
    buf_add_char(out, ']');
}

static void
add_deadlines(struct buf *out, const struct zset *d)
{
    struct zset_iter it = zset_seek(d, 0, false);
    struct slice member;
    double at;
    size_t n = 0;

    buf_add_slice(out, LIT("\"members_expire_ms\":["));
    while (zset_next(d, &it, &member, &at)) {
        add_comma(out, &n);
        buf_add_char(out, '[');
        add_text(out, member);
        buf_printf(out, ",%lld]", (long long)at);
    }
    buf_add_slice(out, LIT("],"));
}

void
export_json(struct buf *out, int db, struct entry *e)
{
    char text[STRING_TEXT_MAX];

    buf_printf(out, "{\"db\":%d,\"key\":", db);
    add_text(out, entry_key(e));
    buf_printf(out, ",\"type\":\"%s\",", value_type_name(entry_type(e)));
    if (entry_expiry(e) >= 0)
        buf_printf(out, "\"expire_ms\":%lld,", (long long)entry_expiry(e));
    if (entry_deadlines(e) != NULL && zset_count(entry_deadlines(e)) > 0)
        add_deadlines(out, entry_deadlines(e));
    buf_add_slice(out, LIT("\"value\":"));
    if (entry_type(e) == TYPE_STRING)
        add_text(out, string_get(e, text));
    else if (entry_type(e) == TYPE_JSON)
        json_print(json_root((const struct json *)entry_handle(e)), NULL, out);
    else
        add_collection(out, e);
    buf_add_slice(out, LIT("}\n"));
}

/* cli/words.c - the quoting rules of the command line. */
#include "cli/words.h"

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

static int
hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character that a backslash and s[*i] (and, for x, two digits) stand for. *i moves to its last byte. */
static char
escaped(struct slice s, size_t *i)
{
    char c = s.ptr[*i];

    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    case 'x':
        if (*i + 2 < s.len && hex(s.ptr[*i + 1]) >= 0 && hex(s.ptr[*i + 2]) >= 0) {
            char v = (char)(hex(s.ptr[*i + 1]) * 16 + hex(s.ptr[*i + 2]));
            *i += 2;
            return v;
        }
        return c;
    default: return c;
    }
}

/* Reads one word from s at *at into `to`, which has room for all of s. False on bad quotes. */
static bool
read_word(struct slice s, size_t *at, char *to, size_t *len)
{
    char quote = '\0';
    size_t i = *at, n = 0;

    for (; i < s.len; i++) {
        char c = s.ptr[i];
        if (quote == '\0') {
            if (is_blank(c))
                break;
            if (c == '"' || c == '\'')
                quote = c;
            else
                to[n++] = c;
        } else if (c == quote) {
            if (i + 1 < s.len && !is_blank(s.ptr[i + 1]))
                return false;
            quote = '\0';
        } else if (c == '\\' && i + 1 < s.len && (quote == '"' || s.ptr[i + 1] == '\'')) {
            i++;
            to[n++] = quote == '"' ? escaped(s, &i) : '\'';
        } else {
            to[n++] = c;
        }
    }
    *at = i;
    *len = n;
    return quote == '\0';
}

bool
words_split(struct arena *mem, struct slice line, struct words *out)
{
    /* A word takes at least one byte and a blank, so this is room enough. */
    struct slice *argv = arena_array(mem, line.len / 2 + 1, sizeof(*argv));
    char *room = arena_array(mem, line.len + 1, 2); /* no text is longer than what it was typed as, NULs added */
    size_t at = 0;
    int argc = 0;

    for (;;) {
        while (at < line.len && is_blank(line.ptr[at]))
            at++;
        if (at == line.len)
            break;
        size_t len;
        if (!read_word(line, &at, room, &len))
            return false;
        room[len] = '\0';
        argv[argc++] = slice_of(room, len);
        room += len + 1;
    }
    *out = (struct words){argv, argc};
    return true;
}

bool
words_unquote(struct arena *mem, struct slice text, struct slice *out)
{
    struct words w;

    if (!words_split(mem, text, &w) || w.argc != 1)
        return false;
    *out = w.argv[0];
    return true;
}

/* store/aof_block.c - see aof_block.h. */
#include "store/aof_block.h"

static char *
put_hex(char *to, uint64_t v, int digits)
{
    for (int i = digits - 1; i >= 0; i--, v >>= 4)
        to[i] = "0123456789abcdef"[v & 15];
    return to + digits;
}

static bool
get_hex(const char *from, int digits, uint64_t *out)
{
    uint64_t v = 0;

    for (int i = 0; i < digits; i++) {
        char c = from[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

void
aof_block_put(char *to, const struct aof_block *b)
{
    const struct slice tag = LIT("#SUM:");

    memcpy(to, tag.ptr, tag.len);
    to = put_hex(to + tag.len, b->len, 10);
    *to++ = ' ';
    to = put_hex(to, b->synced, 12);
    *to++ = ' ';
    to = put_hex(to, b->sum, 16);
    to[0] = '\r';
    to[1] = '\n';
}

bool
aof_block_get(struct slice in, struct aof_block *out)
{
    const char *p = in.ptr;

    return in.len >= AOF_BLOCK_HEAD && memcmp(p, "#SUM:", 5) == 0 && get_hex(p + 5, 10, &out->len) && p[15] == ' ' &&
           get_hex(p + 16, 12, &out->synced) && p[28] == ' ' && get_hex(p + 29, 16, &out->sum) &&
           memcmp(p + 45, "\r\n", 2) == 0;
}

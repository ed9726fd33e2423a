/* cmd/cmd_lcs.c - LCS, the longest common subsequence of two strings.
 *
 * Of the table of lengths only the current row is kept. The way back through it needs one bit a cell, "up rather than
 * left": where the bytes are equal it is diagonal, and that can be seen from the bytes. This is 32 times less than a
 * table of 32-bit lengths.
 */
#include "base/mem.h"
#include "cmd/args.h"

struct lcs_options {
    bool len, idx, with_match_len;
    int64_t min_match_len;
};

struct lcs {
    struct slice a, b;
    uint32_t *row;     /* lengths for the current prefix of a */
    unsigned char *up; /* a bit for each cell, NULL when only the length is wanted */
    size_t stride;     /* bytes of `up` for one byte of a */
    size_t steps;      /* since others could run */
};

enum { CELLS_AT_ONCE = 64 * 1024 };

static enum rc
breathe(struct exec *x, struct lcs *l)
{
    if (LIKELY(l->steps < CELLS_AT_ONCE))
        return RC_OK;
    l->steps = 0;
    return exec_breathe(x);
}

static enum rc
parse_lcs_options(struct exec *x, struct lcs_options *o)
{
    for (int i = 3; i < x->argc; i++) {
        struct slice arg = x->argv[i];

        if (arg_is(arg, LIT("IDX"))) {
            o->idx = true;
        } else if (arg_is(arg, LIT("LEN"))) {
            o->len = true;
        } else if (arg_is(arg, LIT("WITHMATCHLEN"))) {
            o->with_match_len = true;
        } else if (arg_is(arg, LIT("MINMATCHLEN")) && i + 1 < x->argc) {
            TRY(arg_int(x, x->argv[++i], &o->min_match_len));
            if (o->min_match_len < 0)
                o->min_match_len = 0;
        } else {
            return RC_SYNTAX;
        }
    }
    if (o->idx && o->len)
        return fail(x, "ERR If you want both the length and indexes, please just use IDX.");
    return RC_OK;
}

static enum rc
lcs_check(struct exec *x, const struct lcs *l)
{
    size_t table;

    if (l->a.len >= UINT32_MAX - 1 || l->b.len >= UINT32_MAX - 1)
        return fail(x, "ERR String too long for LCS");
    /* Redis's limit for its table of 32-bit lengths. It bounds the time as well, so it holds when only one row is kept.
     */
    if (!size_mul(l->a.len + 1, (l->b.len + 1) * sizeof(uint32_t), &table) || table > string_max(x))
        return fail(x, "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return RC_OK;
}

static enum rc
lcs_open(struct exec *x, struct lcs *l, bool length_only)
{
    size_t rows = (l->b.len + 1) * sizeof(uint32_t), bits;

    l->stride = (l->b.len + 7) / 8;
    bits = length_only ? 0 : l->a.len * l->stride;
    char *p = mem_try_zero(rows + bits);
    if (p == NULL)
        return fail(x, "ERR Insufficient memory, failed allocating transient memory for LCS");
    l->row = (uint32_t *)(void *)p;
    l->up = length_only ? NULL : (unsigned char *)p + rows;
    return RC_OK;
}

/* The cells [from, to) of row i. *left and *diagonal are what stands beside the first of them, then beside the next. */
static void
fill_cells(struct lcs *l, size_t i, size_t from, size_t to, uint32_t *left, uint32_t *diagonal)
{
    uint32_t *row = l->row, beside = *left, across = *diagonal;
    unsigned char *up = l->up != NULL ? l->up + i * l->stride : NULL;
    char c = l->a.ptr[i];

    for (size_t j = from; j < to; j++) {
        uint32_t above = row[j + 1], best;
        if (c == l->b.ptr[j]) {
            best = across + 1;
        } else {
            best = above > beside ? above : beside;
            if (up != NULL && above > beside)
                up[j >> 3] |= (unsigned char)(1u << (j & 7));
        }
        across = above;
        row[j + 1] = beside = best;
    }
    *left = beside;
    *diagonal = across;
}

/* Fills the table row by row; the length is in the last cell then. */
static enum rc
lcs_fill(struct exec *x, struct lcs *l)
{
    CHECK(l->row != NULL);
    for (size_t i = 0; i < l->a.len; i++) {
        uint32_t left = 0, diagonal = 0;
        for (size_t from = 0, to; from < l->b.len; from = to) {
            to = l->b.len - from < CELLS_AT_ONCE ? l->b.len : from + CELLS_AT_ONCE;
            fill_cells(l, i, from, to, &left, &diagonal);
            l->steps += to - from;
            TRY(breathe(x, l));
        }
    }
    return RC_OK;
}

/* A run of equal bytes: a[a_at .. a_at+len) is b[b_at .. b_at+len). */
struct match {
    size_t a_at, b_at, len;
};

static void
reply_match(struct exec *x, const struct lcs_options *o, struct match m)
{
    reply_array(x, o->with_match_len ? 3 : 2);
    reply_array(x, 2);
    reply_int(x, (int64_t)m.a_at);
    reply_int(x, (int64_t)(m.a_at + m.len - 1));
    reply_array(x, 2);
    reply_int(x, (int64_t)m.b_at);
    reply_int(x, (int64_t)(m.b_at + m.len - 1));
    if (o->with_match_len)
        reply_int(x, (int64_t)m.len);
}

/* Walks the table backwards. With text: writes the subsequence there (its end is text + length); otherwise replies with
 * the matches, last one first, and tells how many. */
static enum rc
lcs_walk(struct exec *x, struct lcs *l, const struct lcs_options *o, char *text, size_t length, size_t *matches)
{
    size_t i = l->a.len, j = l->b.len, count = 0;
    struct match run = {0};

    while (i > 0 && j > 0) {
        l->steps++;
        TRY(breathe(x, l));
        if (l->a.ptr[i - 1] == l->b.ptr[j - 1]) {
            i--;
            j--;
            if (text != NULL)
                text[--length] = l->a.ptr[i];
            bool goes_on = run.len > 0 && run.a_at == i + 1 && run.b_at == j + 1;
            if (!goes_on && run.len > 0 && text == NULL && (int64_t)run.len >= o->min_match_len) {
                reply_match(x, o, run);
                count++;
            }
            run = (struct match){i, j, goes_on ? run.len + 1 : 1};
        } else if (l->up[(i - 1) * l->stride + ((j - 1) >> 3)] >> ((j - 1) & 7) & 1) {
            i--;
        } else {
            j--;
        }
    }
    if (run.len > 0 && text == NULL && (int64_t)run.len >= o->min_match_len) {
        reply_match(x, o, run);
        count++;
    }
    *matches = count;
    return RC_OK;
}

static enum rc
reply_text(struct exec *x, struct lcs *l, const struct lcs_options *o, size_t length)
{
    size_t matches;
    char *text = mem_try(length + 1);

    if (text == NULL)
        return RC_NO_MEMORY;
    enum rc rc = lcs_walk(x, l, o, text, length, &matches);
    if (rc == RC_OK)
        reply_bulk(x, slice_of(text, length));
    mem_free(text);
    return rc;
}

static enum rc
reply_lcs(struct exec *x, struct lcs *l, const struct lcs_options *o)
{
    size_t length, matches;

    TRY(lcs_fill(x, l));
    length = l->row[l->b.len];
    if (o->len)
        return reply_int(x, (int64_t)length);
    if (!o->idx)
        return reply_text(x, l, o, length);
    reply_map(x, 2);
    reply_bulk(x, LIT("matches"));
    struct reply_mark mark = reply_mark_here(&x->reply);
    TRY(lcs_walk(x, l, o, NULL, 0, &matches));
    reply_close_array(&x->reply, mark, matches);
    reply_bulk(x, LIT("len"));
    return reply_int(x, (int64_t)length);
}

static enum rc
cmd_lcs(struct exec *x)
{
    struct lcs_options o = {0};
    struct lcs l = {0};
    char text[2][STRING_TEXT_MAX];
    struct slice *sides[] = {&l.a, &l.b};
    enum { LONG_CELLS = 256 * 1024 };

    const struct entry *e[2] = {look(x, x->argv[1]), look(x, x->argv[2])};
    for (int i = 0; i < 2; i++)
        if (e[i] != NULL && entry_type(e[i]) != TYPE_STRING)
            return fail(x, "ERR The specified keys must contain string values");
    for (int i = 0; i < 2; i++)
        *sides[i] = e[i] != NULL ? string_get(e[i], text[i]) : LIT("");
    TRY(parse_lcs_options(x, &o));
    TRY(lcs_check(x, &l));
    if ((l.a.len + 1) * (l.b.len + 1) >= LONG_CELLS && !exec_is_sliced(x))
        return exec_in_slices(x, cmd_lcs, SLICES_MARKS);
    TRY(lcs_open(x, &l, o.len));
    enum rc rc = reply_lcs(x, &l, &o);
    mem_free(l.row);
    return rc;
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_lcs_family[] = {
    {"lcs", cmd_lcs, .arity = -3, .group = GROUP_STRING, .flags = CMD_READONLY,
     .keys = {KEY_RANGE(1, 1, 1, KEY_RO | KEY_ACCESS)}, .since = "7.0.0",
     .args = "key1:key key2:key [LEN] [IDX] [MINMATCHLEN min-match-len:int] [WITHMATCHLEN]",
     .reply = "bulk | integer | array | map", .about = "Finds the longest common subsequence of two strings.",
     .complexity = "O(N*M)"},
    {0},
};

/* cmd/cmd_sort.c - SORT and SORT_RO: the elements of a list, set or sorted set in order of what they or other keys
 * hold.
 *
 * What is sorted is an array of sixteen bytes an element: a rank (of its number, or of the first eight bytes of its
 * text) and its index. Ranks are sorted digit by digit, which compares nothing; where they are equal, or few, elements
 * are compared and merged. Both keep equals in their order, as Redis does. */
#include "cmd/args.h"
#include "engine/acl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { BREATH = 1024 }; /* steps of a loop that is too short for exec_pulse() */

struct options {
    bool alpha, descending, as_it_is;
    struct slice by, destination; /* ptr NULL: not said */
    int64_t offset, count;
    struct slice *gets;
    int get_count;
};

struct element {
    struct slice member, by;
    bool has_by;
};

struct sorted {
    uint64_t rank, index;
};

struct sorting {
    const struct options *o;
    struct element *all;
    struct sorted *order;
    size_t n;
};

/* -- arguments ------------------------------------------------------------------------------------------------- */

static enum rc
parse_options(struct exec *x, bool may_store, struct options *o)
{
    o->count = -1;
    o->gets = arena_array(x->arena, (size_t)x->argc, sizeof(*o->gets));
    for (int i = 2; i < x->argc; i++) {
        struct slice w = x->argv[i];
        int left = x->argc - i - 1;

        if (arg_is(w, LIT("asc"))) {
            o->descending = false;
        } else if (arg_is(w, LIT("desc"))) {
            o->descending = true;
        } else if (arg_is(w, LIT("alpha"))) {
            o->alpha = true;
        } else if (left >= 2 && arg_is(w, LIT("limit"))) {
            TRY(arg_int(x, x->argv[++i], &o->offset));
            TRY(arg_int(x, x->argv[++i], &o->count));
        } else if (may_store && left >= 1 && arg_is(w, LIT("store"))) {
            o->destination = x->argv[++i];
        } else if (left >= 1 && arg_is(w, LIT("by"))) {
            o->by = x->argv[++i];
            /* A pattern without a place for the element is the same for all of them. */
            o->as_it_is = o->by.len == 0 || memchr(o->by.ptr, '*', o->by.len) == NULL;
            if (!o->as_it_is && !acl_may_read_all(x))
                return fail(x, "ERR BY option of SORT denied due to insufficient ACL permissions.");
        } else if (left >= 1 && arg_is(w, LIT("get"))) {
            if (!acl_may_read_all(x))
                return fail(x, "ERR GET option of SORT denied due to insufficient ACL permissions.");
            o->gets[o->get_count++] = x->argv[++i];
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

/* -- elements -------------------------------------------------------------------------------------------------- */

/* The element that follows those that are there, in the collection's own order. */
static enum rc
take(struct exec *x, struct sorting *s, struct slice member)
{
    s->all[s->n] = (struct element){.member = member};
    s->order[s->n] = (struct sorted){.index = s->n};
    s->n++;
    return exec_pulse(x);
}

static enum rc
take_list(struct exec *x, struct sorting *s, const struct list *list)
{
    struct list_iter it = list_seek(list, 0, LIST_TAIL);
    struct slice member;

    while (list_next(list, &it, &member))
        TRY(take(x, s, member));
    return RC_OK;
}

static enum rc
take_set(struct exec *x, struct sorting *s, const struct set *set)
{
    struct set_iter it = {0};
    struct set_member m;

    while (set_next(set, &it, &m))
        TRY(take(x, s, m.s.ptr == m.text ? arena_copy(x->arena, m.s) : m.s));
    return RC_OK;
}

static enum rc
take_zset(struct exec *x, struct sorting *s, const struct zset *z)
{
    struct zset_iter it = zset_seek(z, 0, false);
    struct slice member;
    double score;

    while (zset_next(z, &it, &member, &score))
        TRY(take(x, s, member));
    return RC_OK;
}

static size_t
element_count(struct entry *e)
{
    const void *value = entry_handle(e);
    enum value_type type = entry_type(e);

    return type == TYPE_LIST ? list_count(value) : type == TYPE_SET ? set_count(value) : zset_count(value);
}

static enum rc
take_elements(struct exec *x, struct sorting *s, struct entry *e)
{
    const void *value = entry_handle(e);
    size_t n = element_count(e);

    s->all = arena_array(x->arena, n, sizeof(*s->all));
    s->order = arena_array(x->arena, n, sizeof(*s->order));
    switch (entry_type(e)) {
    case TYPE_LIST: return take_list(x, s, value);
    case TYPE_SET: return take_set(x, s, value);
    default: return take_zset(x, s, value);
    }
}

/* What a pattern stands for: the element put in place of its first '*'; after "->" a field of a hash. False: nothing.
 */
static bool
look_up(struct exec *x, struct slice pattern, struct slice element, struct buf *key, struct slice *out)
{
    struct slice field = {0}, value;
    char text[STRING_TEXT_MAX];

    if (slice_eq(pattern, LIT("#"))) {
        *out = element;
        return true;
    }
    const char *star = pattern.len > 0 ? memchr(pattern.ptr, '*', pattern.len) : NULL;
    if (star == NULL)
        return false;
    struct slice tail = slice_skip(pattern, (size_t)(star - pattern.ptr) + 1);
    const char *arrow = tail.len > 2 ? memmem(tail.ptr, tail.len, "->", 2) : NULL;
    if (arrow != NULL && (size_t)(arrow - tail.ptr) + 2 < tail.len) {
        field = slice_skip(tail, (size_t)(arrow - tail.ptr) + 2);
        tail.len = (size_t)(arrow - tail.ptr);
    }
    buf_reset(key);
    buf_add(key, pattern.ptr, (size_t)(star - pattern.ptr));
    buf_add_slice(key, element);
    buf_add_slice(key, tail);
    struct entry *e = look(x, buf_slice(key));
    if (e == NULL || entry_type(e) != (field.len > 0 ? TYPE_HASH : TYPE_STRING))
        return false;
    if (field.len > 0)
        return hash_get((const struct hash *)entry_handle(e), field, out);
    value = string_get(e, text);
    *out = value.ptr == text ? arena_copy(x->arena, value) : value;
    return true;
}

/* What C's strtod takes, blanks and hexadecimal included, up to the end or a NUL. */
static bool
number_of(struct exec *x, struct slice s, double *out)
{
    char brief[256], *text = brief, *end;
    int64_t whole;

    if (parse_int64(s, &whole)) {
        *out = (double)whole;
        return true;
    }
    if (s.len >= sizeof(brief))
        text = arena_get(x->arena, s.len + 1);
    if (s.len > 0)
        memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    errno = 0;
    *out = strtod(text, &end);
    return *end == '\0' && errno != ERANGE && !isnan(*out);
}

/* Numbers as integers of the same order; both zeros are one. */
static uint64_t
rank_of_number(double number)
{
    const uint64_t sign = UINT64_C(1) << 63;
    uint64_t bits;

    number += 0.0;
    memcpy(&bits, &number, sizeof(bits));
    return bits & sign ? ~bits : bits | sign;
}

static uint64_t
rank_of_text(struct slice s)
{
    unsigned char bytes[8] = {0};
    uint64_t v = 0;

    if (s.len > 0)
        memcpy(bytes, s.ptr, s.len < 8 ? s.len : 8);
    for (int i = 0; i < 8; i++)
        v = v << 8 | bytes[i];
    return v;
}

/* Finds out what each element is sorted by. */
static enum rc
weigh(struct exec *x, struct sorting *s)
{
    const struct options *o = s->o;
    struct buf *key = exec_scratch(x);

    for (size_t i = 0; i < s->n; i++) {
        struct element *e = &s->all[i];

        e->by = e->member;
        e->has_by = o->by.ptr == NULL || look_up(x, o->by, e->member, key, &e->by);
        if (o->alpha) {
            /* Redis compares up to a NUL unless the result is stored. */
            const char *nul = o->destination.ptr == NULL && e->by.len > 0 ? memchr(e->by.ptr, '\0', e->by.len) : NULL;
            if (nul != NULL)
                e->by.len = (size_t)(nul - e->by.ptr);
            s->order[i].rank = e->has_by ? rank_of_text(e->by) : 0;
        } else {
            double number = 0;

            if (e->has_by && !number_of(x, e->by, &number))
                return fail(x, "ERR One or more scores can't be converted into double");
            s->order[i].rank = rank_of_number(number);
        }
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

/* -- sorting --------------------------------------------------------------------------------------------------- */

static inline int
compare(const struct sorting *s, const struct sorted *a, const struct sorted *b)
{
    const struct element *ea = &s->all[a->index], *eb = &s->all[b->index];

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (!s->o->alpha)
        return slice_cmp(ea->member, eb->member);
    if (!ea->has_by || !eb->has_by)
        return (int)ea->has_by - (int)eb->has_by;
    return slice_cmp(ea->by, eb->by);
}

static inline bool
in_order(const struct sorting *s, const struct sorted *a, const struct sorted *b)
{
    int c = compare(s, a, b);

    return s->o->descending ? c >= 0 : c <= 0;
}

static void
sort_short(const struct sorting *s, struct sorted *a, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct sorted v = a[i];
        size_t j = i;
        for (; j > 0 && !in_order(s, &a[j - 1], &v); j--)
            a[j] = a[j - 1];
        a[j] = v;
    }
}

/* Runs of a few elements, then ever longer ones merged from one array into the other, to and fro. */
static enum rc
merge_sort(struct exec *x, const struct sorting *s, struct sorted *all, struct sorted *spare, size_t n)
{
    enum { RUN = 8 };
    struct sorted *from = all, *to = spare;

    for (size_t i = 0; i < n; i += RUN) {
        sort_short(s, from + i, n - i < RUN ? n - i : RUN);
        TRY(exec_pulse(x));
    }
    for (size_t width = RUN; width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t mid = n - i < width ? n : i + width, end = n - i < 2 * width ? n : i + 2 * width;
            size_t a = i, b = mid, k = i;

            while (a < mid && b < end) {
                to[k++] = in_order(s, &from[a], &from[b]) ? from[a++] : from[b++];
                if (UNLIKELY(k % BREATH == 0))
                    TRY(exec_breathe(x));
            }
            memcpy(to + k, from + a, (mid - a) * sizeof(*to));
            memcpy(to + k + (mid - a), from + b, (end - b) * sizeof(*to));
        }
        struct sorted *other = from;
        from = to;
        to = other;
    }
    if (from != all)
        memcpy(all, from, n * sizeof(*all));
    return RC_OK;
}

/* Sorts by rank alone, from the lowest of its eight digits to the highest. The arrays may change their places. */
static enum rc
sort_digits(struct exec *x, struct sorting *s, struct sorted **spare)
{
    enum { DIGITS = 8, VALUES = 256 };
    size_t(*counts)[VALUES] = arena_array(x->arena, DIGITS, sizeof(*counts));
    uint64_t flip = s->o->descending ? UINT64_MAX : 0;

    memset(counts, 0, DIGITS * sizeof(*counts));
    for (size_t i = 0; i < s->n; i++) {
        for (unsigned d = 0; d < DIGITS; d++)
            counts[d][(s->order[i].rank ^ flip) >> 8 * d & 0xff]++;
        TRY(exec_pulse(x));
    }
    for (unsigned d = 0; d < DIGITS; d++) {
        struct sorted *from = s->order, *to = *spare;
        size_t *at = counts[d], before = 0;

        if (at[(from[0].rank ^ flip) >> 8 * d & 0xff] == s->n)
            continue; /* it is the same in all of them */
        for (unsigned v = 0; v < VALUES; v++) {
            size_t n = at[v];
            at[v] = before;
            before += n;
        }
        for (size_t i = 0; i < s->n; i++) {
            to[at[(from[i].rank ^ flip) >> 8 * d & 0xff]++] = from[i];
            if (UNLIKELY(i % BREATH == 0))
                TRY(exec_breathe(x));
        }
        s->order = to;
        *spare = from;
    }
    return RC_OK;
}

static enum rc
sort_all(struct exec *x, struct sorting *s)
{
    enum { DIGITS_FROM = 256 }; /* elements: counting digits has its price */
    struct sorted *spare = arena_array(x->arena, s->n, sizeof(*spare));

    if (s->n < DIGITS_FROM)
        return merge_sort(x, s, s->order, spare, s->n);
    TRY(sort_digits(x, s, &spare));
    for (size_t i = 0, end; i < s->n; i = end) {
        for (end = i + 1; end < s->n && s->order[end].rank == s->order[i].rank; end++)
            TRY(exec_pulse(x));
        if (end - i > 1)
            TRY(merge_sort(x, s, s->order + i, spare, end - i));
    }
    return RC_OK;
}

static void
reverse(struct sorting *s)
{
    for (size_t i = 0, j = s->n; i + 1 < j; i++) {
        struct sorted v = s->order[i];
        s->order[i] = s->order[--j];
        s->order[j] = v;
    }
}

/* -- results --------------------------------------------------------------------------------------------------- */

static enum rc
reply_sorted(struct exec *x, const struct sorting *s, size_t from, size_t n)
{
    const struct options *o = s->o;
    struct buf *key = exec_scratch(x);
    struct slice v;

    reply_array(x, n * (o->get_count > 0 ? (size_t)o->get_count : 1));
    for (size_t i = from; i < from + n; i++) {
        struct slice member = s->all[s->order[i].index].member;

        if (o->get_count == 0)
            reply_bulk(x, member);
        for (int g = 0; g < o->get_count; g++) {
            if (look_up(x, o->gets[g], member, key, &v))
                reply_bulk(x, v);
            else
                reply_null(x);
        }
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
fill_list(struct exec *x, const struct sorting *s, size_t from, size_t n, struct list *list)
{
    const struct options *o = s->o;
    struct buf *key = exec_scratch(x);
    struct slice v;

    for (size_t i = from; i < from + n; i++) {
        struct slice member = s->all[s->order[i].index].member;

        if (o->get_count == 0)
            list_push(list, x->limits, LIST_TAIL, member);
        for (int g = 0; g < o->get_count; g++)
            list_push(list, x->limits, LIST_TAIL, look_up(x, o->gets[g], member, key, &v) ? v : LIT(""));
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
store_sorted(struct exec *x, const struct sorting *s, size_t from, size_t n)
{
    struct slice destination = s->o->destination;

    if (n == 0) {
        key_delete(x, x->db, destination, EV_DEL);
        return reply_int(x, 0);
    }
    struct entry *made = entry_new(TYPE_LIST, destination);
    struct list *list = (struct list *)entry_handle(made);
    enum rc rc = fill_list(x, s, from, n, list);
    if (rc != RC_OK) {
        entry_free(made);
        return rc;
    }
    int64_t stored = (int64_t)list_count(list);
    key_put(x, x->db, made, EV_SORTSTORE);
    return reply_int(x, stored);
}

static enum rc
sort_key(struct exec *x, exec_body *again, bool may_store)
{
    struct options o = {0};
    struct sorting s = {.o = &o};

    TRY(parse_options(x, may_store, &o));
    struct entry *e = look(x, x->argv[1]);
    if (e != NULL) {
        enum value_type type = entry_type(e);
        if (type != TYPE_LIST && type != TYPE_SET && type != TYPE_ZSET)
            return RC_WRONGTYPE;
        bool reads_others = (o.by.ptr != NULL && !o.as_it_is) || o.get_count > 0;
        if (exec_is_long(x, element_count(e)))
            return exec_in_slices(x, again, reads_others ? SLICES_PIN_ALL : 0);
        /* A set has no order to be stored in that would be the same elsewhere. */
        if (o.as_it_is && type == TYPE_SET && (o.destination.ptr != NULL || x->depth > 0)) {
            o.as_it_is = false;
            o.alpha = true;
            o.by = (struct slice){0};
        }
        TRY(take_elements(x, &s, e));
        if (!o.as_it_is) {
            TRY(weigh(x, &s));
            TRY(sort_all(x, &s));
        } else if (o.descending && type != TYPE_SET) {
            reverse(&s);
        }
    }
    size_t from = o.offset <= 0 ? 0 : (uint64_t)o.offset < s.n ? (size_t)o.offset : s.n;
    size_t n = o.count < 0 || (uint64_t)o.count > s.n - from ? s.n - from : (size_t)o.count;
    return o.destination.ptr != NULL ? store_sorted(x, &s, from, n) : reply_sorted(x, &s, from, n);
}

static enum rc
cmd_sort(struct exec *x)
{
    return sort_key(x, cmd_sort, true);
}

static enum rc
cmd_sort_ro(struct exec *x)
{
    return sort_key(x, cmd_sort_ro, false);
}

/* The source and the last STORE's destination. What follows BY and GET may look like an option, but is none. */
static int
sort_keys(const struct slice *argv, int argc, int *index, uint16_t *flags, int max)
{
    int n = 0, store = 0;

    for (int i = 2; i < argc; i++) {
        if (slice_eq_nocase(argv[i], LIT("limit"))) {
            i += 2;
        } else if (slice_eq_nocase(argv[i], LIT("by")) || slice_eq_nocase(argv[i], LIT("get"))) {
            i++;
        } else if (slice_eq_nocase(argv[i], LIT("store")) && i + 1 < argc) {
            store = ++i;
        }
    }
    if (argc > 1 && n < max) {
        index[n] = 1;
        flags[n++] = KEY_RO | KEY_ACCESS;
    }
    if (store > 0 && n < max) {
        index[n] = store;
        flags[n++] = KEY_OW | KEY_UPDATE;
    }
    return n;
}

static int
sort_ro_keys(const struct slice *argv, int argc, int *index, uint16_t *flags, int max)
{
    if (argc < 2 || max < 1)
        return 0;
    index[0] = 1;
    flags[0] = KEY_RO | KEY_ACCESS;
    return 1;
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

#define UNKNOWN_KEYS(fl)                                                    \
    {                                                                       \
        .flags = (fl), .begin = KEY_BEGIN_UNKNOWN, .find = KEY_FIND_UNKNOWN \
    }
#define SORT_ARGS                                                                                         \
    "key by-pattern=[BY by-pattern:pattern] [LIMIT {offset:int count:int}] [GET get-pattern:pattern]... " \
    "order=[ASC|DESC] sorting=[ALPHA]"
#define SORT_CATEGORIES CAT_NOT_BY_GROUP | CAT(SET) | CAT(SORTEDSET) | CAT(LIST) | CAT(DANGEROUS)
#define SORT_COST       "O(N+M*log(M)) for N elements and M in the result, O(N) without sorting"

const struct cmd cmd_sort_family[] = {
    {"sort", cmd_sort, .arity = -2, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
     .categories = SORT_CATEGORIES,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), UNKNOWN_KEYS(KEY_RO | KEY_ACCESS), UNKNOWN_KEYS(KEY_OW | KEY_UPDATE)},
     .find_keys = sort_keys, .since = "1.0.0", .args = SORT_ARGS " [STORE destination:key#2]",
     .reply = "array | integer", .about = "Sorts the elements of a list, set or sorted set, and may store the result.",
     .complexity = SORT_COST},
    {"sort_ro", cmd_sort_ro, .arity = -2, .group = GROUP_GENERIC, .flags = CMD_READONLY | CMD_MOVABLEKEYS,
     .categories = SORT_CATEGORIES, .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), UNKNOWN_KEYS(KEY_RO | KEY_ACCESS)},
     .find_keys = sort_ro_keys, .since = "7.0.0", .args = SORT_ARGS, .reply = "array",
     .about = "Sorts the elements of a list, set or sorted set.", .complexity = SORT_COST},
    {0},
};

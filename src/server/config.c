/* server/config.c - the values of all directives. */
#include "server/config.h"

#include "base/mem.h"
#include "base/number.h"
#include "proto/words.h"
#include "server/config_priv.h"

#include <stdio.h>

struct row {
    const char *name;
    enum config_type type;
    const char *initial;
    int64_t least, most;
    unsigned flags;
    const char *choices; /* blank-separated */
    config_check *check;
};

/* Short names for the table's columns. */
enum {
    BOOL = CONFIG_BOOL,
    INT = CONFIG_INT,
    MEMORY = CONFIG_MEMORY,
    ENUM = CONFIG_ENUM,
    OCTAL = CONFIG_OCTAL,
    TEXT = CONFIG_TEXT,
    LIST = CONFIG_LIST,
    IMMUTABLE = CONFIG_IMMUTABLE,
    PROTECTED = CONFIG_PROTECTED,
    HIDDEN = CONFIG_HIDDEN,
    SECRET = CONFIG_SECRET,
    FILE_ONLY = CONFIG_FILE_ONLY,
    MERGED = CONFIG_MERGED,
};

static const struct row rows[CONFIG_COUNT] = {
#define CONFIG(id, name, type, initial, least, most, flags, choices, check) \
    [CFG_##id] = {name, (enum config_type)type, initial, least, most, flags, choices, check},
#include "server/config_rows.h"
#undef CONFIG
};

/* Former names, and Valkey's. */
static const struct {
    const char *alias;
    enum config_id id;
    bool shown;
} aliases[] = {
    {"aof_rewrite_cpulist", CFG_AOF_REWRITE_CPULIST, true},
    {"bgsave_cpulist", CFG_BGSAVE_CPULIST, true},
    {"bio_cpulist", CFG_BIO_CPULIST, true},
    {"server_cpulist", CFG_SERVER_CPULIST, true},
    {"lua-time-limit", CFG_BUSY_REPLY_THRESHOLD, true},
    {"cluster-slave-no-failover", CFG_CLUSTER_REPLICA_NO_FAILOVER, true},
    {"cluster-slave-validity-factor", CFG_CLUSTER_REPLICA_VALIDITY_FACTOR, true},
    {"hash-max-ziplist-entries", CFG_HASH_MAX_LISTPACK_ENTRIES, true},
    {"hash-max-ziplist-value", CFG_HASH_MAX_LISTPACK_VALUE, true},
    {"list-max-ziplist-size", CFG_LIST_MAX_LISTPACK_SIZE, true},
    {"zset-max-ziplist-entries", CFG_ZSET_MAX_LISTPACK_ENTRIES, true},
    {"zset-max-ziplist-value", CFG_ZSET_MAX_LISTPACK_VALUE, true},
    {"min-slaves-max-lag", CFG_MIN_REPLICAS_MAX_LAG, true},
    {"min-slaves-to-write", CFG_MIN_REPLICAS_TO_WRITE, true},
    {"repl-ping-slave-period", CFG_REPL_PING_REPLICA_PERIOD, true},
    {"slave-announce-ip", CFG_REPLICA_ANNOUNCE_IP, true},
    {"slave-announce-port", CFG_REPLICA_ANNOUNCE_PORT, true},
    {"slave-ignore-maxmemory", CFG_REPLICA_IGNORE_MAXMEMORY, true},
    {"slave-lazy-flush", CFG_REPLICA_LAZY_FLUSH, true},
    {"slave-priority", CFG_REPLICA_PRIORITY, true},
    {"slave-read-only", CFG_REPLICA_READ_ONLY, true},
    {"slave-serve-stale-data", CFG_REPLICA_SERVE_STALE_DATA, true},
    {"slaveof", CFG_REPLICAOF, true},
    {"primaryauth", CFG_MASTERAUTH, false},
    {"primaryuser", CFG_MASTERUSER, false},
    {"commandlog-execution-slower-than", CFG_SLOWLOG_LOG_SLOWER_THAN, false},
    {"commandlog-slow-execution-max-len", CFG_SLOWLOG_MAX_LEN, false},
};
enum { ALIAS_COUNT = sizeof(aliases) / sizeof(aliases[0]) };

struct value {
    int64_t num;
    char *text; /* NUL-terminated; NULL stands for an empty one */
    size_t len;
};

struct config {
    struct value values[CONFIG_COUNT];
    struct config_line *lines;
    size_t line_count, line_cap;
};

/* -- facts ----------------------------------------------------------------------------------------------------- */

const char *
config_name(enum config_id id)
{
    return rows[id].name;
}

enum config_type
config_type_of(enum config_id id)
{
    return rows[id].type;
}

unsigned
config_flags(enum config_id id)
{
    return rows[id].flags;
}

const char *
config_default(enum config_id id)
{
    return rows[id].initial;
}

bool
config_alias(size_t n, const char **alias, enum config_id *id, bool *shown)
{
    if (n >= ALIAS_COUNT)
        return false;
    *alias = aliases[n].alias;
    *id = aliases[n].id;
    *shown = aliases[n].shown;
    return true;
}

bool
config_find(struct slice name, enum config_id *id)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (slice_eq_nocase(name, slice_cstr(rows[i].name))) {
            *id = (enum config_id)i;
            return true;
        }
    }
    for (size_t i = 0; i < ALIAS_COUNT; i++) {
        if (slice_eq_nocase(name, slice_cstr(aliases[i].alias))) {
            *id = aliases[i].id;
            return true;
        }
    }
    return false;
}

/* How many single characters must be inserted, removed or exchanged to make a into b (Levenshtein). */
static size_t
edit_distance(struct slice a, struct slice b)
{
    enum { MOST = 64 };
    size_t row[MOST + 1];

    if (a.len > MOST || b.len > MOST)
        return MOST;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t exchanged = diagonal + (ascii_lower(a.ptr[i - 1]) != ascii_lower(b.ptr[j - 1]));
            size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = exchanged < shorter ? exchanged : shorter;
        }
    }
    return row[b.len];
}

const char *
config_nearest(struct slice name)
{
    const char *best = NULL;
    size_t least = name.len / 3 + 2; /* farther than that it would be a guess */

    for (size_t i = 0; i < CONFIG_COUNT + ALIAS_COUNT; i++) {
        const char *known = i < CONFIG_COUNT ? rows[i].name : aliases[i - CONFIG_COUNT].alias;
        size_t d = edit_distance(name, slice_cstr(known));
        if (d < least) {
            least = d;
            best = known;
        }
    }
    return best;
}

/* -- values ---------------------------------------------------------------------------------------------------- */

static void
keep_text(struct value *v, struct slice s)
{
    char *copy = mem_get(s.len + 1);

    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    mem_free(v->text);
    v->text = copy;
    v->len = s.len;
}

struct config *
config_new(void)
{
    struct config *c = mem_get_zero(sizeof(*c));
    struct buf why = {0};

    for (int i = 0; i < CONFIG_COUNT; i++)
        if (!(rows[i].flags & CONFIG_FILE_ONLY) && rows[i].initial[0] != '\0')
            CHECK(config_set_text(c, (enum config_id)i, slice_cstr(rows[i].initial), &why));
    buf_fini(&why);
    return c;
}

void
config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (int i = 0; i < CONFIG_COUNT; i++)
        mem_free(c->values[i].text);
    for (size_t i = 0; i < c->line_count; i++)
        mem_free(c->lines[i].argv);
    mem_free(c->lines);
    mem_free(c);
}

int64_t
config_num(const struct config *c, enum config_id id)
{
    CHECK(rows[id].type < CONFIG_TEXT);
    return c->values[id].num;
}

struct slice
config_text(const struct config *c, enum config_id id)
{
    const struct value *v = &c->values[id];

    CHECK(rows[id].type >= CONFIG_TEXT);
    return v->text != NULL ? slice_of(v->text, v->len) : LIT("");
}

/* The n-th of the row's choices. */
static struct slice
choice(const struct row *row, int64_t n)
{
    const char *p = row->choices;

    for (; n > 0; n--)
        p = strchr(p, ' ') + 1;
    return slice_of(p, strcspn(p, " "));
}

void
config_format(const struct config *c, enum config_id id, struct buf *out)
{
    const struct row *row = &rows[id];
    const struct value *v = &c->values[id];

    switch (row->type) {
    case CONFIG_BOOL: buf_add_slice(out, v->num != 0 ? LIT("yes") : LIT("no")); break;
    case CONFIG_INT:
    case CONFIG_MEMORY: buf_printf(out, "%lld", (long long)v->num); break;
    case CONFIG_ENUM: buf_add_slice(out, choice(row, v->num)); break;
    case CONFIG_OCTAL: buf_printf(out, "%llo", (unsigned long long)v->num); break;
    case CONFIG_TEXT:
    case CONFIG_LIST: buf_add_slice(out, config_text(c, id)); break;
    }
}

static bool
refuse(struct buf *why, const char *text)
{
    buf_add_slice(why, slice_cstr(text));
    return false;
}

static bool
parse_octal(struct slice s, int64_t *out)
{
    int64_t v = 0;

    if (s.len == 0 || s.len > 8)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '7')
            return false;
        v = v * 8 + (s.ptr[i] - '0');
    }
    *out = v;
    return true;
}

static bool
parse_choice(const struct row *row, struct slice s, int64_t *out, struct buf *why)
{
    int64_t n = 0;

    for (const char *p = row->choices; *p != '\0'; n++) {
        size_t len = strcspn(p, " ");
        if (slice_eq_nocase(s, slice_of(p, len))) {
            *out = n;
            return true;
        }
        p += len + (p[len] == ' ');
    }
    buf_printf(why, "argument(s) must be one of the following: ");
    for (const char *p = row->choices; *p != '\0'; p++)
        *p == ' ' ? buf_printf(why, ", ") : buf_add_char(why, *p);
    return false;
}

static bool
parse_number(const struct row *row, struct slice s, int64_t *out, struct buf *why)
{
    uint64_t bytes;

    switch (row->type) {
    case CONFIG_BOOL:
        *out = slice_eq_nocase(s, LIT("yes"));
        return *out != 0 || slice_eq_nocase(s, LIT("no")) || refuse(why, "argument must be 'yes' or 'no'");
    case CONFIG_ENUM: return parse_choice(row, s, out, why);
    case CONFIG_INT:
        if (!parse_int64(s, out))
            return refuse(why, "argument couldn't be parsed into an integer");
        break;
    case CONFIG_OCTAL:
        if (!parse_octal(s, out))
            return refuse(why, "argument couldn't be parsed as an octal number");
        break;
    default:
        if (!parse_memory(s, &bytes) || bytes > INT64_MAX)
            return refuse(why, "argument must be a memory value");
        *out = (int64_t)bytes;
    }
    if (*out >= row->least && *out <= row->most)
        return true;
    if (row->type == CONFIG_OCTAL)
        buf_printf(why, "argument must be between %llo and %llo inclusive", (unsigned long long)row->least,
                   (unsigned long long)row->most);
    else
        buf_printf(why, "argument must be between %lld and %lld inclusive", (long long)row->least,
                   (long long)row->most);
    return false;
}

static void
join(const struct slice *words, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(out, ' ');
        buf_add_slice(out, words[i]);
    }
}

bool
config_set(struct config *c, enum config_id id, const struct slice *words, size_t n, bool add, struct buf *why)
{
    const struct row *row = &rows[id];
    struct value *v = &c->values[id];
    struct buf text = {0};
    int64_t num;

    if (row->type != CONFIG_LIST && n != 1)
        return refuse(why, "wrong number of arguments");
    if (row->type < CONFIG_TEXT) {
        if (!parse_number(row, words[0], &num, why))
            return false;
        v->num = num;
        return true;
    }
    bool ok = true;
    if (row->check != NULL) {
        struct config_given given = {row->name, words, n, LIT("")};
        if (add || (row->flags & CONFIG_MERGED))
            given.old = config_text(c, id);
        ok = row->check(&given, &text, why);
    } else {
        join(words, n, &text);
    }
    if (ok && text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        ok = refuse(why, "argument must not contain a NUL byte");
    if (ok)
        keep_text(v, buf_slice(&text));
    buf_fini(&text);
    return ok;
}

bool
config_set_text(struct config *c, enum config_id id, struct slice text, struct buf *why)
{
    struct arena arena = {0};
    struct slice_vec words = {0};
    bool ok;

    if (rows[id].type != CONFIG_LIST)
        return config_set(c, id, &text, 1, false, why);
    if (!words_split(text, &arena, &words))
        ok = refuse(why, "unbalanced quotes");
    else
        ok = config_set(c, id, words.v, words.n, false, why);
    slice_vec_fini(&words);
    arena_fini(&arena);
    return ok;
}

void
config_swap(struct config *a, struct config *b, enum config_id id)
{
    struct value v = a->values[id];

    a->values[id] = b->values[id];
    b->values[id] = v;
}

void
config_copy(struct config *to, const struct config *from, enum config_id id)
{
    to->values[id].num = from->values[id].num;
    if (rows[id].type >= CONFIG_TEXT)
        keep_text(&to->values[id], config_text(from, id));
}

bool
config_same(const struct config *a, const struct config *b, enum config_id id)
{
    if (rows[id].type < CONFIG_TEXT)
        return a->values[id].num == b->values[id].num;
    return slice_eq(config_text(a, id), config_text(b, id));
}

/* -- lines ----------------------------------------------------------------------------------------------------- */

size_t
config_line_count(const struct config *c)
{
    return c->line_count;
}

const struct config_line *
config_line_at(const struct config *c, size_t n)
{
    CHECK(n < c->line_count);
    return &c->lines[n];
}

/* The words and their bytes are kept in one block. */
void
config_add_line(struct config *c, enum config_id id, int file, const char *where, const struct slice *argv, size_t n)
{
    size_t where_bytes = strlen(where) + 1, bytes = n * sizeof(*argv) + where_bytes;

    for (size_t i = 0; i < n; i++)
        bytes += argv[i].len + 1;
    struct slice *copy = mem_get(bytes);
    char *text = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        copy[i] = slice_of(text, argv[i].len);
        if (argv[i].len > 0)
            memcpy(text, argv[i].ptr, argv[i].len);
        text[argv[i].len] = '\0';
        text += argv[i].len + 1;
    }
    if (c->line_count == c->line_cap) {
        c->line_cap = c->line_cap == 0 ? 8 : c->line_cap * 2;
        c->lines = mem_resize(c->lines, c->line_cap * sizeof(*c->lines));
    }
    c->lines[c->line_count++] = (struct config_line){id, file, memcpy(text, where, where_bytes), (int)n, copy};
}

void
config_supersede_lines(struct config *c, enum config_id id, size_t n)
{
    bool any = false;
    size_t kept = 0;

    for (size_t i = n; i < c->line_count; i++)
        any |= c->lines[i].id == id;
    for (size_t i = 0; any && i < c->line_count; i++) {
        if (i < n && c->lines[i].id == id)
            mem_free(c->lines[i].argv);
        else
            c->lines[kept++] = c->lines[i];
    }
    if (any)
        c->line_count = kept;
}

/* cli/mode_scan.c - walks over all keys: --scan lists them, --bigkeys and its like find the largest and the hottest.
 *
 * Each page of SCAN brings one pipeline for the types of its keys and one for their sizes, so a walk costs three round
 * trips a page however many keys there are.
 */
#include "cli/modes.h"

#include "base/mem.h"
#include "base/number.h"
#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOT_MAX = 16, SLEEP_EVERY = 100, SAY_EVERY = 1000000 };

struct page {
    struct arena mem; /* of the keys */
    struct slice *keys;
    size_t n;
    char cursor[32];
    size_t cursor_len;
    bool last;
};

/* Sends one SCAN and copies its keys. False, having said why, if that fails. */
static bool
next_page(struct session *s, struct page *p)
{
    struct slice argv[8] = {LIT("SCAN"), slice_of(p->cursor, p->cursor_len)};
    char count[INT64_TEXT_MAX];
    int argc = 2;

    if (s->opt->pattern.len > 0) {
        argv[argc++] = LIT("MATCH");
        argv[argc++] = s->opt->pattern;
    }
    if (s->opt->count > 0) {
        argv[argc++] = LIT("COUNT");
        argv[argc++] = slice_of(count, format_int64(count, s->opt->count));
    }
    if (s->opt->type.len > 0) {
        argv[argc++] = LIT("TYPE");
        argv[argc++] = s->opt->type;
    }
    const struct resp_value *v = session_ask(s, argc, argv);
    if (v == NULL)
        return false;
    if (v->type == RESP_ERROR) {
        fprintf(stderr, "ERROR: %.*s\n", (int)v->text.len, v->text.ptr);
        return false;
    }
    if (v->type != RESP_ARRAY || v->count != 2 || !resp_is_text(&v->items[0]) ||
        v->items[0].text.len > sizeof(p->cursor) || !resp_is_aggregate(&v->items[1])) {
        fprintf(stderr, "The server's answer to SCAN is not one.\n");
        return false;
    }
    const struct resp_value *list = &v->items[1];
    arena_reset(&p->mem);
    p->keys = arena_array(&p->mem, list->count, sizeof(*p->keys));
    p->n = 0;
    for (size_t i = 0; i < list->count; i++)
        if (resp_is_text(&list->items[i]))
            p->keys[p->n++] = arena_copy(&p->mem, list->items[i].text);
    p->cursor_len = v->items[0].text.len;
    memcpy(p->cursor, v->items[0].text.ptr, p->cursor_len);
    p->last = slice_eq(slice_of(p->cursor, p->cursor_len), LIT("0"));
    return true;
}

static void
page_init(struct page *p)
{
    *p = (struct page){.cursor = "0", .cursor_len = 1};
}

int
mode_scan(struct session *s)
{
    struct page p;
    struct buf text = {0};
    bool ok;

    if (!session_connect(s))
        return 1;
    page_init(&p);
    do {
        ok = next_page(s, &p);
        buf_reset(&text);
        for (size_t i = 0; ok && i < p.n; i++) {
            if (s->opt->output == OUTPUT_STANDARD)
                format_quoted(p.keys[i], &text);
            else
                buf_add_slice(&text, p.keys[i]);
            buf_add_char(&text, '\n');
        }
        fwrite(text.ptr, 1, text.len, stdout);
        if (ok && !p.last && s->opt->interval_us > 0)
            session_sleep(s, s->opt->interval_us);
    } while (ok && !p.last);
    arena_fini(&p.mem);
    buf_fini(&text);
    return ok ? 0 : 1;
}

/* ---- the largest ------------------------------------------------------------------------------------------------- */

struct kind {
    char name[32];
    struct slice command; /* that tells the size; empty if there is none */
    const char *unit;
    uint64_t count, total, biggest;
    struct buf biggest_key;
};

enum { KINDS_MAX = 32 };

struct survey {
    struct session *s;
    enum mode what;
    struct kind kinds[KINDS_MAX];
    size_t kind_count;
    uint64_t sampled, key_bytes, db_size;
    struct {
        uint64_t counter;
        struct buf key;
    } hot[HOT_MAX];
    struct progress bar;
    uint64_t histogram[65]; /* sizes by power of two, for --keystats */
};

static void
add_kind(struct survey *v, struct slice name, struct slice command, const char *unit)
{
    struct kind *k = &v->kinds[v->kind_count++];

    *k = (struct kind){.command = command, .unit = unit};
    memcpy(k->name, name.ptr, name.len < sizeof(k->name) - 1 ? name.len : sizeof(k->name) - 1);
}

/* The kind of a type's name; modules' types are added as they are met. NULL when there are too many. */
static struct kind *
kind_of(struct survey *v, struct slice type)
{
    for (size_t i = 0; i < v->kind_count; i++)
        if (slice_eq(type, slice_cstr(v->kinds[i].name)))
            return &v->kinds[i];
    if (v->kind_count == KINDS_MAX || type.len >= sizeof(v->kinds[0].name))
        return NULL;
    add_kind(v, type, LIT(""), "?");
    return &v->kinds[v->kind_count - 1];
}

static double
percent(const struct survey *v, uint64_t n)
{
    return v->db_size == 0 ? 0 : 100.0 * (double)n / (double)v->db_size;
}

static void
say_key(struct slice key)
{
    struct buf text = {0};

    format_quoted(key, &text);
    printf("%.*s", (int)text.len, text.ptr);
    buf_fini(&text);
}

static void
note_size(struct survey *v, struct kind *k, struct slice key, uint64_t size)
{
    k->count++;
    k->total += size;
    v->histogram[size == 0 ? 0 : 64 - __builtin_clzll(size)]++;
    if (size <= k->biggest)
        return;
    k->biggest = size;
    buf_reset(&k->biggest_key);
    buf_add_slice(&k->biggest_key, key);
    progress_hide(&v->bar);
    printf("[%05.2f%%] Biggest %-6s found so far '", percent(v, v->sampled), k->name);
    say_key(key);
    printf("' with %llu %s\n", (unsigned long long)size, k->unit);
    fflush(stdout);
}

/* Asks for one thing about each key of the page: what `command` makes of it. */
static bool
ask_sizes(struct survey *v, struct page *p, struct kind *const *kinds)
{
    char samples[INT64_TEXT_MAX];
    struct slice count = slice_of(samples, format_int64(samples, v->s->opt->memkeys_samples));
    bool memory = v->what == MODE_MEMKEYS;

    for (size_t i = 0; i < p->n; i++) {
        const struct slice usage[] = {LIT("MEMORY"), LIT("USAGE"), p->keys[i], LIT("SAMPLES"), count};
        const struct slice size[] = {kinds[i] != NULL ? kinds[i]->command : LIT(""), p->keys[i]};
        if (kinds[i] == NULL || (!memory && size[0].len == 0))
            continue;
        session_send(v->s, memory ? (v->s->opt->memkeys_samples >= 0 ? 5 : 3) : 2, memory ? usage : size);
    }
    for (size_t i = 0; i < p->n; i++) {
        if (kinds[i] == NULL || (!memory && kinds[i]->command.len == 0))
            continue;
        const struct resp_value *r = session_receive(v->s);
        if (r == NULL)
            return false;
        /* A key that expired or changed its type in between has no size; that is no reason to stop. */
        note_size(v, kinds[i], p->keys[i], r->type == RESP_INTEGER && r->integer > 0 ? (uint64_t)r->integer : 0);
    }
    return true;
}

static bool
survey_sizes(struct survey *v, struct page *p)
{
    struct kind **kinds = arena_array(&p->mem, p->n, sizeof(struct kind *));

    for (size_t i = 0; i < p->n; i++) {
        const struct slice type[] = {LIT("TYPE"), p->keys[i]};
        session_send(v->s, 2, type);
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct resp_value *r = session_receive(v->s);
        if (r == NULL)
            return false;
        kinds[i] = resp_is_text(r) && !slice_eq(r->text, LIT("none")) ? kind_of(v, r->text) : NULL;
    }
    return ask_sizes(v, p, kinds);
}

/* Keeps the hottest keys sorted, coldest first. */
static void
note_heat(struct survey *v, struct slice key, uint64_t counter)
{
    size_t at = 0;

    while (at < HOT_MAX && counter > v->hot[at].counter)
        at++;
    if (at == 0)
        return;
    struct buf reused = v->hot[0].key;
    for (size_t i = 1; i < at; i++)
        v->hot[i - 1] = v->hot[i];
    v->hot[at - 1].counter = counter;
    v->hot[at - 1].key = reused;
    buf_reset(&v->hot[at - 1].key);
    buf_add_slice(&v->hot[at - 1].key, key);
    progress_hide(&v->bar);
    printf("[%05.2f%%] Hot key '", percent(v, v->sampled));
    say_key(key);
    printf("' found so far with counter %llu\n", (unsigned long long)counter);
}

static bool
survey_heat(struct survey *v, struct page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct slice freq[] = {LIT("OBJECT"), LIT("FREQ"), p->keys[i]};
        session_send(v->s, 3, freq);
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct resp_value *r = session_receive(v->s);
        if (r == NULL)
            return false;
        if (r->type == RESP_ERROR) {
            fflush(stdout);
            fprintf(stderr, "Error: %.*s\n", (int)r->text.len, r->text.ptr);
            return false;
        }
        if (r->type == RESP_INTEGER && r->integer > 0)
            note_heat(v, p->keys[i], (uint64_t)r->integer);
    }
    return true;
}

static void
say_histogram(const struct survey *v)
{
    uint64_t most = 1;

    for (size_t i = 0; i < 65; i++)
        most = v->histogram[i] > most ? v->histogram[i] : most;
    printf("\nSizes (items, or bytes of strings):\n");
    for (size_t i = 0; i < 65; i++) {
        if (v->histogram[i] == 0)
            continue;
        int bar = (int)(40 * v->histogram[i] / most);
        uint64_t up_to = i == 0 ? 0 : UINT64_MAX >> (64 - i);
        printf("  up to %20llu  %10llu  %.*s\n", (unsigned long long)up_to, (unsigned long long)v->histogram[i], bar,
               "########################################");
    }
}

static void
say_summary(struct survey *v)
{
    printf("\n-------- summary -------\n\nSampled %llu keys in the keyspace!\n", (unsigned long long)v->sampled);
    if (v->what == MODE_HOTKEYS) {
        for (size_t i = HOT_MAX; i-- > 0;) {
            if (v->hot[i].counter == 0)
                continue;
            printf("hot key found with counter: %llu\tkeyname: ", (unsigned long long)v->hot[i].counter);
            say_key(buf_slice(&v->hot[i].key));
            printf("\n");
        }
        return;
    }
    printf("Total key length in bytes is %llu (avg len %.2f)\n\n", (unsigned long long)v->key_bytes,
           v->sampled > 0 ? (double)v->key_bytes / (double)v->sampled : 0);
    for (size_t i = 0; i < v->kind_count; i++) {
        const struct kind *k = &v->kinds[i];
        if (k->biggest_key.len == 0)
            continue;
        printf("Biggest %6s found '", k->name);
        say_key(buf_slice(&k->biggest_key));
        printf("' has %llu %s\n", (unsigned long long)k->biggest, k->unit);
    }
    printf("\n");
    for (size_t i = 0; i < v->kind_count; i++) {
        const struct kind *k = &v->kinds[i];
        printf("%llu %ss with %llu %s (%05.2f%% of keys, avg size %.2f)\n", (unsigned long long)k->count, k->name,
               (unsigned long long)k->total, k->unit,
               v->sampled > 0 ? 100.0 * (double)k->count / (double)v->sampled : 0,
               k->count > 0 ? (double)k->total / (double)k->count : 0);
    }
    if (v->what == MODE_KEYSTATS)
        say_histogram(v);
}

static bool
walk(struct survey *v)
{
    struct page p;
    uint64_t pages = 0;
    bool ok;

    page_init(&p);
    progress_begin(&v->bar, v->db_size);
    do {
        ok = next_page(v->s, &p) && (v->what == MODE_HOTKEYS ? survey_heat(v, &p) : survey_sizes(v, &p));
        for (size_t i = 0; i < p.n; i++)
            v->key_bytes += p.keys[i].len;
        if (v->sampled / SAY_EVERY != (v->sampled + p.n) / SAY_EVERY) {
            progress_hide(&v->bar);
            printf("[%05.2f%%] Sampled %llu keys so far\n", percent(v, v->sampled + p.n),
                   (unsigned long long)(v->sampled + p.n));
            fflush(stdout);
        }
        v->sampled += p.n;
        progress_at(&v->bar, v->sampled);
        if (ok && v->s->opt->interval_us > 0 && ++pages % SLEEP_EVERY == 0)
            session_sleep(v->s, v->s->opt->interval_us);
    } while (ok && !p.last);
    progress_hide(&v->bar);
    arena_fini(&p.mem);
    return ok;
}

int
mode_big(struct session *s, enum mode what)
{
    static const struct slice dbsize = LIT_INIT("DBSIZE");
    bool memory = what == MODE_MEMKEYS;

    if (!session_connect(s))
        return 1;
    const struct resp_value *r = session_ask(s, 1, &dbsize);
    if (r == NULL)
        return 1;
    if (r->type != RESP_INTEGER) {
        fprintf(stderr, "Couldn't determine DBSIZE: %.*s\n", resp_is_aggregate(r) ? 0 : (int)r->text.len, r->text.ptr);
        return 1;
    }
    struct survey *v = mem_get_zero(sizeof(*v));
    v->s = s;
    v->what = what;
    v->db_size = r->integer > 0 ? (uint64_t)r->integer : 0;
    add_kind(v, LIT("string"), LIT("STRLEN"), "bytes");
    add_kind(v, LIT("list"), LIT("LLEN"), memory ? "bytes" : "items");
    add_kind(v, LIT("hash"), LIT("HLEN"), memory ? "bytes" : "fields");
    add_kind(v, LIT("stream"), LIT("XLEN"), memory ? "bytes" : "entries");
    add_kind(v, LIT("set"), LIT("SCARD"), memory ? "bytes" : "members");
    add_kind(v, LIT("zset"), LIT("ZCARD"), memory ? "bytes" : "members");
    printf("\n# Scanning the entire keyspace to find %s keys as well as\n"
           "# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n"
           "# per 100 SCAN commands (not usually needed).\n\n",
           what == MODE_HOTKEYS ? "hot" : "biggest");
    bool ok = walk(v);
    if (ok)
        say_summary(v);
    for (size_t i = 0; i < KINDS_MAX; i++)
        buf_fini(&v->kinds[i].biggest_key);
    for (size_t i = 0; i < HOT_MAX; i++)
        buf_fini(&v->hot[i].key);
    mem_free(v);
    return ok ? 0 : 1;
}

/* server/config_check.c - values with a form of their own. */
#include "base/cores.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/settings.h"
#include "proto/words.h"
#include "server/config_priv.h"
#include "server/title.h"

static bool
refuse(struct buf *why, const char *text)
{
    buf_add_slice(why, slice_cstr(text));
    return false;
}

static void
add_word(struct buf *out, struct slice word)
{
    if (out->len > 0)
        buf_add_char(out, ' ');
    buf_add_slice(out, word);
}

/* A word in quotes may hold several ("30 1"); the result's slices are parts of the given ones. */
static void
flatten(const struct slice *words, size_t n, struct slice_vec *out)
{
    for (size_t i = 0; i < n; i++)
        if (!words_have_quotes(words[i]))
            (void)words_split(words[i], NULL, out);
        else
            slice_vec_add(out, words[i]);
}

bool
check_filename(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    if (given->words[0].len == 0)
        return refuse(why, "argument must not be empty");
    if (memchr(given->words[0].ptr, '/', given->words[0].len) != NULL)
        return buf_printf(why, "%s can't be a path, just a filename", given->name), false;
    buf_add_slice(canonical, given->words[0]);
    return true;
}

bool
check_bind(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    enum { ADDRESSES_MAX = 16 };
    struct slice_vec w = {0};
    bool ok;

    flatten(given->words, given->n, &w);
    ok = w.n <= ADDRESSES_MAX || refuse(why, "Too many bind addresses specified.");
    for (size_t i = 0; ok && i < w.n; i++)
        add_word(canonical, w.v[i]);
    slice_vec_fini(&w);
    return ok;
}

bool
check_replicaof(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    struct slice_vec w = {0};
    int64_t port;
    bool ok = true;

    flatten(given->words, given->n, &w);
    if (w.n == 2 && slice_eq_nocase(w.v[0], LIT("no")) && slice_eq_nocase(w.v[1], LIT("one")))
        w.n = 0;
    if (w.n != 0 && (w.n != 2 || !parse_int64(w.v[1], &port) || port < 0 || port > 65535))
        ok = refuse(why, "it needs a host and a port between 0 and 65535");
    for (size_t i = 0; ok && i < w.n; i++)
        add_word(canonical, w.v[i]);
    slice_vec_fini(&w);
    return ok;
}

bool
check_save(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    struct slice_vec w = {0};
    bool ok = true;

    flatten(given->words, given->n, &w);
    ok = w.n % 2 == 0;
    for (size_t i = 0; ok && i + 1 < w.n; i += 2) {
        int64_t seconds, changes;
        ok = parse_int64(w.v[i], &seconds) && parse_int64(w.v[i + 1], &changes) && seconds >= 1 && changes >= 0;
    }
    if (!ok)
        refuse(why, "Invalid save parameters");
    if (ok && w.n > 0) /* an empty one clears what earlier lines said */
        buf_add_slice(canonical, given->old);
    for (size_t i = 0; ok && i < w.n; i++)
        add_word(canonical, w.v[i]);
    slice_vec_fini(&w);
    return ok;
}

static bool
class_named(struct slice name, enum client_class *out)
{
    static const struct {
        struct slice name;
        enum client_class class;
    } names[] = {{LIT_INIT("normal"), CLASS_NORMAL},
                 {LIT_INIT("slave"), CLASS_REPLICA},
                 {LIT_INIT("replica"), CLASS_REPLICA},
                 {LIT_INIT("pubsub"), CLASS_PUBSUB}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_eq_nocase(name, names[i].name)) {
            *out = names[i].class;
            return true;
        }
    }
    return false;
}

/* Reads "class hard soft seconds" groups on top of what `out` holds. */
static bool
parse_output_limits(const struct slice_vec *w, struct output_limit out[CLIENT_CLASSES], struct buf *why)
{
    if (w->n % 4 != 0)
        return refuse(why, "Wrong number of arguments in buffer limit configuration.");
    for (size_t i = 0; i < w->n; i += 4) {
        enum client_class class;
        struct output_limit l;
        if (!class_named(w->v[i], &class))
            return refuse(why, "Invalid client class specified in buffer limit configuration.");
        if (!parse_memory(w->v[i + 1], &l.hard) || !parse_memory(w->v[i + 2], &l.soft) ||
            !parse_int64(w->v[i + 3], &l.soft_seconds) || l.soft_seconds < 0)
            return refuse(why, "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
        out[class] = l;
    }
    return true;
}

static void
read_output_limits(struct slice text, struct output_limit out[CLIENT_CLASSES])
{
    struct slice_vec w = {0};
    struct buf why = {0};

    (void)words_split(text, NULL, &w);
    (void)parse_output_limits(&w, out, &why);
    buf_fini(&why);
    slice_vec_fini(&w);
}

/* Classes that are not named keep what they had, on CONFIG SET too. */
bool
check_output_limits(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    static const char *const names[] = {"normal", "slave", "pubsub"};
    struct output_limit limits[CLIENT_CLASSES] = {0};
    struct slice_vec w = {0};

    read_output_limits(given->old, limits);
    flatten(given->words, given->n, &w);
    bool ok = parse_output_limits(&w, limits, why);
    slice_vec_fini(&w);
    for (int i = 0; ok && i < CLIENT_CLASSES; i++)
        buf_printf(canonical, "%s%s %llu %llu %lld", i > 0 ? " " : "", names[i], (unsigned long long)limits[i].hard,
                   (unsigned long long)limits[i].soft, (long long)limits[i].soft_seconds);
    return ok;
}

bool
check_oom_scores(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    struct slice_vec w = {0};
    bool ok;

    flatten(given->words, given->n, &w);
    ok = w.n == 3 || refuse(why, "wrong number of arguments");
    for (size_t i = 0; ok && i < w.n; i++) {
        int64_t v;
        if (!parse_int64(w.v[i], &v) || v < -2000 || v > 2000)
            ok = refuse(why, "Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
        add_word(canonical, w.v[i]);
    }
    slice_vec_fini(&w);
    return ok;
}

bool
check_hostname(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    struct slice name = given->words[0];

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i], lower = ascii_lower(c);
        if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9') && c != '-' && c != '.')
            return refuse(why, "Hostnames may only contain alphanumeric characters, hyphens or dots");
    }
    buf_add_slice(canonical, name);
    return true;
}

bool
check_cores(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    if (!cores_valid(given->words[0]))
        return refuse(why, "argument must be a list of cores such as 0,2-5,8-15:2");
    buf_add_slice(canonical, given->words[0]);
    return true;
}

bool
check_events(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    char text[NOTIFY_TEXT_MAX];
    uint32_t mask;

    if (!notify_mask_parse(given->words[0], &mask))
        return refuse(why, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    buf_add(canonical, text, notify_mask_format(mask, text));
    return true;
}

bool
check_percentiles(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    struct slice_vec w = {0};
    bool ok = true;

    flatten(given->words, given->n, &w);
    for (size_t i = 0; ok && i < w.n; i++) {
        double v = 0;
        if (!parse_double(w.v[i], &v))
            ok = refuse(why, "Invalid latency-tracking-info-percentiles parameters");
        else if (v < 0 || v > 100)
            ok = refuse(why, "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
        buf_printf(canonical, "%s%.10g", i > 0 ? " " : "", v);
    }
    slice_vec_fini(&w);
    return ok;
}

bool
check_shutdown(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    static const struct slice known[] = {LIT_INIT("default"), LIT_INIT("save"), LIT_INIT("nosave"), LIT_INIT("now"),
                                         LIT_INIT("force")};
    static const char unknown[] = "argument(s) must be one of the following: default, save, nosave, now, force";
    enum { KNOWN = sizeof(known) / sizeof(known[0]) };
    struct slice_vec w = {0};
    unsigned seen = 0;
    bool ok = true;

    flatten(given->words, given->n, &w);
    for (size_t i = 0; ok && i < w.n; i++) {
        unsigned at = 0;
        while (at < KNOWN && !slice_eq_nocase(w.v[i], known[at]))
            at++;
        if (at == KNOWN)
            ok = refuse(why, unknown);
        else
            seen |= 1u << at;
    }
    slice_vec_fini(&w);
    if (ok && seen == 0)
        ok = refuse(why, unknown);
    /* `default` is the absence of the others. */
    for (unsigned at = seen > 1 ? 1 : 0; ok && at < KNOWN; at++)
        if (seen & (1u << at))
            add_word(canonical, known[at]);
    return ok;
}

bool
check_title(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    if (given->words[0].len == 0 || !title_valid(given->words[0]))
        return refuse(why, "template format is invalid or contains unknown variables");
    buf_add_slice(canonical, given->words[0]);
    return true;
}

/* Bytes, or "auto": as much as is good for the machine or container. */
bool
check_maxmemory(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    uint64_t v;

    if (slice_eq_nocase(given->words[0], LIT("auto"))) {
        buf_add_slice(canonical, LIT("auto"));
        return true;
    }
    if (!parse_memory(given->words[0], &v) || v > INT64_MAX)
        return refuse(why, "argument must be a memory value");
    buf_printf(canonical, "%llu", (unsigned long long)v);
    return true;
}

uint64_t
config_maxmemory(const struct config *c, uint64_t available)
{
    struct slice text = config_text(c, CFG_MAXMEMORY);
    uint64_t v = 0;

    if (slice_eq(text, LIT("auto")))
        return available / 4 * 3;
    return parse_uint64(text, &v) ? v : 0;
}

uint64_t
config_maxmemory_clients(const struct config *c, uint64_t maxmemory)
{
    struct slice text = config_text(c, CFG_MAXMEMORY_CLIENTS);
    uint64_t v = 0;

    if (text.len > 0 && text.ptr[text.len - 1] == '%')
        return parse_uint64(slice_of(text.ptr, text.len - 1), &v) ? maxmemory / 100 * v : 0;
    return parse_uint64(text, &v) ? v : 0;
}

/* Bytes, or a share of maxmemory: "5%". */
bool
check_memory_share(const struct config_given *given, struct buf *canonical, struct buf *why)
{
    struct slice s = given->words[0];
    uint64_t v;

    if (s.len > 1 && s.ptr[s.len - 1] == '%') {
        if (!parse_uint64(slice_of(s.ptr, s.len - 1), &v))
            return refuse(why, "argument must be a memory or percent value");
        if (v > 100)
            return refuse(why, "percentage argument must be less or equal to 100");
        buf_printf(canonical, "%llu%%", (unsigned long long)v);
        return true;
    }
    if (!parse_memory(s, &v) || v > INT64_MAX)
        return refuse(why, "argument must be a memory or percent value");
    buf_printf(canonical, "%llu", (unsigned long long)v);
    return true;
}

/* -- reading them back ----------------------------------------------------------------------------------------- */

size_t
config_save_points(const struct config *c, struct save_point *out, size_t max)
{
    struct slice_vec w = {0};
    size_t n = 0;

    (void)words_split(config_text(c, CFG_SAVE), NULL, &w);
    for (size_t i = 0; i + 1 < w.n; i += 2, n++)
        if (n < max)
            CHECK(parse_int64(w.v[i], &out[n].seconds) && parse_int64(w.v[i + 1], &out[n].changes));
    slice_vec_fini(&w);
    return n;
}

void
config_output_limits(const struct config *c, struct output_limit out[CLIENT_CLASSES])
{
    for (int i = 0; i < CLIENT_CLASSES; i++)
        out[i] = (struct output_limit){0};
    read_output_limits(config_text(c, CFG_CLIENT_OUTPUT_BUFFER_LIMIT), out);
}

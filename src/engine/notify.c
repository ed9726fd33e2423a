/* engine/notify.c - keyspace notifications: events published on channels named after the key and after the event. */
#include "engine/engine_priv.h"

/* In the order in which CONFIG GET prints them. */
static const struct {
    char letter;
    uint32_t bit;
} classes[] = {
    {'g', NOTIFY_GENERIC}, {'$', NOTIFY_STRING},   {'l', NOTIFY_LIST},     {'s', NOTIFY_SET},      {'h', NOTIFY_HASH},
    {'z', NOTIFY_ZSET},    {'x', NOTIFY_EXPIRED},  {'e', NOTIFY_EVICTED},  {'t', NOTIFY_STREAM},   {'d', NOTIFY_MODULE},
    {'n', NOTIFY_NEW},     {'K', NOTIFY_KEYSPACE}, {'E', NOTIFY_KEYEVENT}, {'m', NOTIFY_KEY_MISS},
};
enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

static uint32_t
class_bit(char letter)
{
    for (int i = 0; i < CLASSES; i++) {
        if (classes[i].letter == letter)
            return classes[i].bit;
    }
    return 0;
}

bool
notify_mask_parse(struct slice letters, uint32_t *mask)
{
    uint32_t m = 0;

    for (size_t i = 0; i < letters.len; i++) {
        uint32_t bit = letters.ptr[i] == 'A' ? NOTIFY_ALL : class_bit(letters.ptr[i]);
        if (bit == 0)
            return false;
        m |= bit;
    }
    *mask = m;
    return true;
}

size_t
notify_mask_format(uint32_t mask, char out[NOTIFY_TEXT_MAX])
{
    size_t n = 0;
    bool all = (mask & NOTIFY_ALL) == NOTIFY_ALL;

    if (all)
        out[n++] = 'A';
    for (int i = 0; i < CLASSES; i++) {
        if ((mask & classes[i].bit) && !(all && (classes[i].bit & NOTIFY_ALL)))
            out[n++] = classes[i].letter;
    }
    return n;
}

/* "__keyspace@0__:key" or "__keyevent@0__:event"; valid until the next. */
static struct slice
channel_name(struct engine *e, struct slice kind, int db, struct slice what)
{
    struct buf *b = &e->notify_channel;

    buf_reset(b);
    buf_add_slice(b, kind);
    buf_add_int64(b, db);
    buf_add_slice(b, LIT("__:"));
    buf_add_slice(b, what);
    return buf_slice(b);
}

void
notify__event(struct engine *e, const struct effect_touch *t)
{
    enum { CHANNEL_KEPT = 4096 };
    uint32_t mask = e->settings.notify_mask;
    struct slice name = slice_cstr(event_name(t->event));

    if (t->key.ptr == NULL || (mask & class_bit(event_class(t->event))) == 0)
        return;
    if (mask & NOTIFY_KEYSPACE)
        pubsub_publish(e, PUBSUB_CHANNEL, channel_name(e, LIT("__keyspace@"), t->db_index, t->key), name);
    if (mask & NOTIFY_KEYEVENT)
        pubsub_publish(e, PUBSUB_CHANNEL, channel_name(e, LIT("__keyevent@"), t->db_index, name), t->key);
    buf_reset(&e->notify_channel);
    buf_shrink(&e->notify_channel, CHANNEL_KEPT);
}

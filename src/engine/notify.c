/* engine/notify.c - keyspace notifications: events published on channels named after the key and after the event. */
#include "engine/engine_priv.h"

#include <stdio.h>

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

void
notify__event(struct engine *e, const struct effect_touch *t)
{
    uint32_t mask = e->settings.notify_mask;
    struct slice name = slice_cstr(event_name(t->event));
    struct buf channel = {0};

    if (t->key.ptr == NULL || (mask & class_bit(event_class(t->event))) == 0)
        return;
    if (mask & NOTIFY_KEYSPACE) {
        buf_printf(&channel, "__keyspace@%d__:", t->db_index);
        buf_add_slice(&channel, t->key);
        pubsub_publish(e, PUBSUB_CHANNEL, buf_slice(&channel), name);
    }
    if (mask & NOTIFY_KEYEVENT) {
        buf_reset(&channel);
        buf_printf(&channel, "__keyevent@%d__:%s", t->db_index, event_name(t->event));
        pubsub_publish(e, PUBSUB_CHANNEL, buf_slice(&channel), t->key);
    }
    buf_fini(&channel);
}

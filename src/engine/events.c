/* engine/events.c - names and classes of events. */
#include "engine/events.h"

const char *
event_name(enum event event)
{
    static const char *const names[EVENT_COUNT] = {
#define X(id, name, class) name,
        EVENT_LIST(X)
#undef X
    };

    return names[event];
}

char
event_class(enum event event)
{
    static const char classes[EVENT_COUNT] = {
#define X(id, name, class) class,
        EVENT_LIST(X)
#undef X
    };

    return classes[event];
}

/* base/cores.c - lists of cores, and the kernel's affinity mask. */
#include "base/cores.h"

#include "base/log.h"
#include "base/number.h"

#include <sched.h>

/* Takes a number off the front of the text. */
static bool
take_number(struct slice *text, unsigned *out)
{
    size_t digits = 0;
    uint64_t v;

    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9')
        digits++;
    if (!parse_uint64(slice_of(text->ptr, digits), &v) || v >= CPU_SETSIZE)
        return false;
    *text = slice_skip(*text, digits);
    *out = (unsigned)v;
    return true;
}

static bool
take_char(struct slice *text, char c)
{
    if (text->len == 0 || *text->ptr != c)
        return false;
    *text = slice_skip(*text, 1);
    return true;
}

static bool
parse(struct slice text, cpu_set_t *set)
{
    CPU_ZERO(set);
    do {
        unsigned first, last, stride = 1;
        if (!take_number(&text, &first))
            return false;
        last = first;
        if (take_char(&text, '-')) {
            if (!take_number(&text, &last) || last < first)
                return false;
            if (take_char(&text, ':') && (!take_number(&text, &stride) || stride == 0))
                return false;
        }
        for (unsigned core = first; core <= last; core += stride)
            CPU_SET(core, set);
    } while (take_char(&text, ','));
    return text.len == 0;
}

bool
cores_valid(struct slice list)
{
    cpu_set_t set;

    return list.len == 0 || parse(list, &set);
}

void
cores_pin(struct slice list)
{
    cpu_set_t set;

    if (list.len > 0 && (!parse(list, &set) || sched_setaffinity(0, sizeof(set), &set) != 0))
        log_warning("Can't keep a thread to the cores %.*s: %m", (int)list.len, list.ptr);
}

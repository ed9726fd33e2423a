/* tests/fuzz/fuzz_script.c - whole scripts, function libraries and dumps of them, in an engine of their own.
 *
 * The first byte says which the rest is. Time is bounded from outside: a script that runs for long is ended by the
 * host.
 */
#include "support/loopback.h"

#include "engine/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 4096)
        return 0;
    struct loopback *l = loopback_new(7);
    struct slice rest = slice_of((const char *)data + 1, size - 1);
    const struct slice load[] = {LIT("FUNCTION"), LIT("LOAD"), rest};
    const struct slice restore[] = {LIT("FUNCTION"), LIT("RESTORE"), rest};
    const struct slice eval[] = {LIT("EVAL"), rest, LIT("1"), LIT("key"), LIT("argument")};

    l->mono_step_ns = 1000000;
    engine_settings(l->engine)->script_busy_ms = 50;
    loopback_open(l, 0);
    switch (data[0] % 4) {
    case 0: loopback_command(l, 0, load, 3); break;
    case 1: loopback_command(l, 0, restore, 3); break;
    default: loopback_command(l, 0, eval, 5); break;
    }
    loopback_free(l);
    return 0;
}

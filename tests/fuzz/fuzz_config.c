/* tests/fuzz/fuzz_config.c - any text as a configuration file: it is refused with a reason or kept, and what is kept
 * can be shown and set again. */
#include "base/mem.h"
#include "server/config_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = {0}, why = {0};

    /* Files of the machine we run on are none of our business. */
    for (size_t i = 0; i < size; i++)
        if (slice_starts_nocase(slice_of(data + i, size - i), LIT("include")))
            return 0;
    struct config_loader l = {.config = config_new()};
    struct config *again = config_new();
    bool ok = config_load_text(&l, slice_of(data, size), "fuzz");
    CHECK(ok || l.error.len > 0);
    for (int i = 0; ok && i < CONFIG_COUNT; i++) {
        enum config_id id = (enum config_id)i;
        if (config_flags(id) & CONFIG_FILE_ONLY)
            continue;
        buf_reset(&text);
        config_format(l.config, id, &text);
        /* A list's words were given in quotes, perhaps with blanks in them: those can't be told from words afterwards.
         */
        if (config_type_of(id) != CONFIG_LIST && !config_same(l.config, again, id)) {
            CHECK(config_set_text(again, id, buf_slice(&text), &why));
            CHECK(config_same(l.config, again, id));
        }
    }
    config_free(again);
    config_free(l.config);
    buf_fini(&l.error);
    buf_fini(&text);
    buf_fini(&why);
    return 0;
}

/* Lines as people type them: what is split into words can be written with quotes and is split into the same again; one
 * argument of --quoted-input is the one word of its line. */
#include "base/arena.h"
#include "base/check.h"
#include "cli/format.h"
#include "cli/options.h"
#include "proto/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_again(const struct slice_vec *words, struct arena *arena)
{
    struct slice_vec again = {0};
    struct buf line = {0};

    for (size_t i = 0; i < words->n; i++) {
        format_quoted(words->v[i], &line);
        buf_add_char(&line, ' ');
    }
    CHECK(words_split(buf_slice(&line), arena, &again) && again.n == words->n);
    for (size_t i = 0; i < words->n; i++)
        CHECK(slice_eq(words->v[i], again.v[i]));
    slice_vec_fini(&again);
    buf_fini(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = slice_of((const char *)data, size), one;
    struct slice_vec words = {0};
    struct arena arena = {0};

    bool ok = words_split(line, &arena, &words);
    if (ok)
        check_again(&words, &arena);
    bool single = unquote_argument(&arena, line, &one);
    CHECK(single == (ok && words.n == 1));
    CHECK(!single || slice_eq(one, words.v[0]));
    slice_vec_fini(&words);
    arena_fini(&arena);
    return 0;
}

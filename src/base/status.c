/* base/status.c - the texts of status.h. */
#include "base/status.h"

#include "base/check.h"

struct slice
rc_text(enum rc rc)
{
    static const struct slice texts[] = {
#define X(name, text) LIT_INIT(text),
        RC_LIST(X)
#undef X
    };

    CHECK(rc < RC_COUNT);
    return texts[rc];
}

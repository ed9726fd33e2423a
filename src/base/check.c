/* base/check.c - how a failed assertion ends the process. */
#include "base/check.h"

#include "base/log.h"

#include <stdlib.h>

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
    log_warning("internal error, please report it: CHECK(%s) failed at %s:%d", what, file, line);
    abort();
}

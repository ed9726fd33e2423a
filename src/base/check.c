/* base/check.c - how a failed assertion ends the process. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "sorrel: internal error, please report it: CHECK(%s) failed at %s:%d\n", what, file, line);
    fflush(stderr);
    abort();
}

/* tests/support/values.h - what may be asked of any value. */
#ifndef SORREL_TESTS_VALUES_H
#define SORREL_TESTS_VALUES_H

#include "value/entry.h"

/* Whether the structures of an entry's value hold together. */
bool value_verify(struct entry *e);

#endif

/* cmd/cmd_string_match.h - conditions on what a string is: IFEQ, IFNE and, by digest, IFDEQ, IFDNE. */
#ifndef SORREL_CMD_CMD_STRING_MATCH_H
#define SORREL_CMD_CMD_STRING_MATCH_H

#include "engine/exec.h"

enum match_kind { MATCH_ANY, MATCH_EQ, MATCH_NE, MATCH_DIGEST_EQ, MATCH_DIGEST_NE };
struct string_match {
    enum match_kind kind;
    struct slice with;
};

/* MATCH_ANY when the word is none of the four. */
enum match_kind string_match_word(struct slice word);
/* A digest must be 16 hexadecimal digits. */
enum rc string_match_check(struct exec *x, const struct string_match *m);
/* Whether a string (NULL: absent, which equals nothing) is what the condition asks for. */
bool string_matches(const struct string_match *m, const struct entry *e);

#endif

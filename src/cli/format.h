/* cli/format.h - replies as text, in the forms that redis-cli's users parse.
 *
 * The texts are redis-cli 7.0's to the byte (tests/system/test_cli.py compares them), with one exception: --quoted-json
 * and keys of maps that are no strings are escaped so that the output is JSON.
 */
#ifndef SORREL_CLI_FORMAT_H
#define SORREL_CLI_FORMAT_H

#include "base/buf.h"
#include "proto/reply_read.h"

enum output {
    OUTPUT_STANDARD, /* for people: types, numbered items */
    OUTPUT_RAW,
    OUTPUT_CSV,
    OUTPUT_JSON,
    OUTPUT_QUOTED_JSON,
};

/* How replies of different types are set apart on a terminal; all NULL: not at all. */
struct palette {
    const char *number, *string, *error, *nil, *index, *status, *reset;
};

struct format {
    enum output output;
    struct slice item_delimiter; /* between the items of an array, raw form */
    const struct palette *colours;
};

/* Appends v as text, with the end of line that the form has. */
void format_reply(const struct format *f, const struct resp_value *v, struct buf *out);
/* "text" with escapes for what is not printable ASCII: the form that commands are typed in. */
void format_quoted(struct slice s, struct buf *out);
/* "text" as a JSON string. Bytes from 0x80 on pass as they are. */
void format_json_string(struct slice s, struct buf *out);

#endif

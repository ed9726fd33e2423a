/* The library's JSON (sorrel/json.h) on values that any program may have put into a shared dictionary: nothing is read
 * beyond the text, what is taken out of a valid value is valid itself, and quoting is undone by unquoting. */
#include "base/check.h"
#include "base/mem.h"
#include "sorrel/json.h"
#include "sorrel/url.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_get(size + 1); /* exactly as long as it is, so that a read beyond it shows */
    int64_t n;
    double d;
    bool b;
    size_t len;

    memcpy(text, data, size);
    text[size] = '\0';
    bool valid = sorrel_json_valid(text, size) && strlen(text) == size;
    char *member = sorrel_json_member(text, "a");
    CHECK(member == NULL || sorrel_json_valid(member, strlen(member)));
    char *string = sorrel_json_unquote(text, &len);
    CHECK(string == NULL || !valid || text[strspn(text, " \t\r\n")] == '"');
    CHECK(!sorrel_json_int(text, &n) || sorrel_json_valid(text, strlen(text)));
    CHECK(!sorrel_json_double(text, &d) || sorrel_json_valid(text, strlen(text)));
    CHECK(!sorrel_json_bool(text, &b) || sorrel_json_int(text, &n));
    sorrel_free(member);
    if (string != NULL) {
        /* What was taken out is UTF-8, so putting it in again and taking it out changes nothing. */
        size_t again_len;
        char *quoted = sorrel_json_quote(string, len);
        CHECK(sorrel_json_valid(quoted, strlen(quoted)));
        char *again = sorrel_json_unquote(quoted, &again_len);
        CHECK(again != NULL && again_len == len && memcmp(again, string, len) == 0);
        sorrel_free(quoted);
        sorrel_free(again);
        sorrel_free(string);
    }
    char *quoted = sorrel_json_quote(text, size);
    CHECK(sorrel_json_valid(quoted, strlen(quoted)));
    sorrel_free(quoted);
    mem_free(text);
    return 0;
}

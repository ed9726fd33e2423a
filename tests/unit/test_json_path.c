/* Paths: the examples of RFC 9535 and what its text says about the edges, the older dialect, and regular
 * expressions. */
#include "base/mem.h"
#include "base/rng.h"
#include "value/json_path.h"
#include "value/json_regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char store[] =
    "{\"store\":{\"book\":[{\"category\":\"reference\",\"author\":\"Nigel Rees\",\"title\":\"Sayings of the Century\","
    "\"price\":8.95},{\"category\":\"fiction\",\"author\":\"Evelyn Waugh\",\"title\":\"Sword of "
    "Honour\",\"price\":12.99},"
    "{\"category\":\"fiction\",\"author\":\"Herman Melville\",\"title\":\"Moby Dick\",\"isbn\":\"0-553-21311-3\","
    "\"price\":8.99},{\"category\":\"fiction\",\"author\":\"J. R. R. Tolkien\",\"title\":\"The Lord of the Rings\","
    "\"isbn\":\"0-395-19395-8\",\"price\":22.99}],\"bicycle\":{\"color\":\"red\",\"price\":399}}}";
static const char letters[] = "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"]";
static const char mixed[] = "{\"o\":{\"j\":1,\"k\":2},\"a\":[5,3,[{\"j\":4},{\"k\":6}]],\"n\":null,\"e\":{},\"x y\":7,"
                            "\"s\":\"b\",\"t\":\"\xc3\xa9"
                            "a\",\"k.y\":8}";
static const char filters[] = "{\"a\":[3,5,1,2,4,6,{\"b\":\"j\"},{\"b\":\"k\"},{\"b\":{}},{\"b\":\"kilo\"}],"
                              "\"o\":{\"p\":1,\"q\":2,\"r\":3,\"s\":5,\"t\":{\"u\":6}},\"e\":\"f\"}";

static const char rfc_compare[] = "{\"obj\":{\"x\":\"y\"},\"arr\":[2,3],\"w\":[0]}";
static const char rfc_names[] = "{\"o\":{\"j j\":{\"k.k\":3}},\"'\":{\"@\":2}}";
static const char rfc_null[] = "{\"a\":null,\"b\":[null],\"c\":[{}],\"null\":1}";

static const struct {
    const char *document, *path, *want; /* NULL: no path */
    /* clang-format off */
} table[] = {
    {store, "$.store.book[*].author", "[\"Nigel Rees\",\"Evelyn Waugh\",\"Herman Melville\",\"J. R. R. Tolkien\"]"},
    {store, "$..author", "[\"Nigel Rees\",\"Evelyn Waugh\",\"Herman Melville\",\"J. R. R. Tolkien\"]"},
    {store, "$.store..price", "[8.95,12.99,8.99,22.99,399]"},
    {store, "$..book[2].title", "[\"Moby Dick\"]"},
    {store, "$..book[2].publisher", "[]"},
    {store, "$..book[-1].title", "[\"The Lord of the Rings\"]"},
    {store, "$..book[0,1].title", "[\"Sayings of the Century\",\"Sword of Honour\"]"},
    {store, "$..book[:2].price", "[8.95,12.99]"},
    {store, "$..book[?@.isbn].price", "[8.99,22.99]"},
    {store, "$..book[?(@.isbn)].price", "[8.99,22.99]"},
    {store, "$..book[?@.price<10].title", "[\"Sayings of the Century\",\"Moby Dick\"]"},
    {store, "$..book[?@.price==8.95 || @.price > 20].price", "[8.95,22.99]"},
    {store, "$..book[?@.author =~ \"(?:Tolk|Mel)\"].price", "[8.99,22.99]"},
    {store, "$..book[?match(@.author, 'Evelyn.*')].price", "[12.99]"},
    {store, "$..book[?search(@.title, '[Ll]ord')].price", "[22.99]"},
    {store, "$..book[?length(@.title) == 9].price", "[8.99]"},
    {store, "$.store[?count(@.*) == 2].color", "[\"red\"]"},
    {store, "$..book[?@.price < $.store.bicycle.price].price", "[8.95,12.99,8.99,22.99]"},
    {store, "$.store.bicycle", "[{\"color\":\"red\",\"price\":399}]"},
    {letters, "$[1]", "[\"b\"]"}, {letters, "$[-2]", "[\"f\"]"}, {letters, "$[7]", "[]"}, {letters, "$[-8]", "[]"},
    {letters, "$[1:3]", "[\"b\",\"c\"]"}, {letters, "$[5:]", "[\"f\",\"g\"]"}, {letters, "$[1:5:2]", "[\"b\",\"d\"]"},
    {letters, "$[5:1:-2]", "[\"f\",\"d\"]"}, {letters, "$[::-1]", "[\"g\",\"f\",\"e\",\"d\",\"c\",\"b\",\"a\"]"},
    {letters, "$[0,3]", "[\"a\",\"d\"]"}, {letters, "$[0:2,5]", "[\"a\",\"b\",\"f\"]"}, {letters, "$[0,0]", "[\"a\",\"a\"]"},
    {letters, "$[::0]", "[]"}, {letters, "$[-2:]", "[\"f\",\"g\"]"}, {letters, "$[:-5]", "[\"a\",\"b\"]"},
    {letters, "$[10:2:-3]", "[\"g\",\"d\"]"}, {letters, "$[ 1 : 3 ]", "[\"b\",\"c\"]"}, {letters, "$.a", "[]"},
    {letters, "$[9007199254740991::9007199254740991]", "[]"},
    {letters, "$[-9007199254740991:9007199254740991:9007199254740991]", "[\"a\"]"},
    {mixed, "$", NULL}, {mixed, "$.o[*]", "[1,2]"}, {mixed, "$.o[*,*]", "[1,2,1,2]"}, {mixed, "$['o','a']", "[{\"j\":1,\"k\":2},[5,3,[{\"j\":4},{\"k\":6}]]]"},
    {mixed, "$..j", "[1,4]"}, {mixed, "$..[0]", "[5,{\"j\":4}]"}, {mixed, "$.a..[0,1]", "[5,3,{\"j\":4},{\"k\":6}]"},
    {mixed, "$.o..[*,*]", "[1,2,1,2]"}, {mixed, "$.a[2]..*", "[{\"j\":4},{\"k\":6},4,6]"},
    {mixed, "$['x y']", "[7]"}, {mixed, "$[\"k.y\"]", "[8]"}, {mixed, "$.n", "[null]"}, {mixed, "$.n.a", "[]"},
    {mixed, "$.e.*", "[]"}, {mixed, "$.o['\\u006a']", "[1]"}, {mixed, "$.s[0]", "[]"}, {mixed, ".o.k", "[2]"},
    {mixed, "o.k", "[2]"}, {mixed, "[\"o\"].j", "[1]"}, {mixed, ".a[2][0].j", "[4]"}, {mixed, "o[\"j\"]", "[1]"},
    {mixed, "$[?@ == 'b']", "[\"b\"]"}, {mixed, "$[?length(@) == 2]", "[{\"j\":1,\"k\":2},\"\xc3\xa9""a\"]"},
    {mixed, "$[?@ == null]", "[null]"}, {mixed, "$[?@.none == $.none]", "[{\"j\":1,\"k\":2},[5,3,[{\"j\":4},{\"k\":6}]],null,{},7,\"b\",\"\xc3\xa9""a\",8]"},
    {filters, "$.a[?@.b == 'kilo']", "[{\"b\":\"kilo\"}]"}, {filters, "$.a[?@>3.5]", "[5,4,6]"},
    {filters, "$.a[?@.b]", "[{\"b\":\"j\"},{\"b\":\"k\"},{\"b\":{}},{\"b\":\"kilo\"}]"},
    {filters, "$.a[?@<2 || @.b == \"k\"]", "[1,{\"b\":\"k\"}]"}, {filters, "$.o[?@>1 && @<4]", "[2,3]"},
    {filters, "$.o[?@.u || @.x]", "[{\"u\":6}]"}, {filters, "$.a[?match(@.b, '[jk]')]", "[{\"b\":\"j\"},{\"b\":\"k\"}]"},
    {filters, "$.a[?search(@.b, '[jk]')]", "[{\"b\":\"j\"},{\"b\":\"k\"},{\"b\":\"kilo\"}]"},
    {filters, "$.a[?@.b == $.x]", "[3,5,1,2,4,6]"}, {filters, "$.a[?!(@.b) && @ >= 5]", "[5,6]"},
    {filters, "$.a[?!@.b]", "[3,5,1,2,4,6]"}, {filters, "$.o[?@<3, ?@<3]", "[1,2,1,2]"}, {filters, "$.a[?@ != 3 && @ <= 4]", "[1,2,4]"},
    {rfc_compare, "$.w[?$.absent1 == $.absent2]", "[0]"},
    {rfc_compare, "$.w[?$.absent1 <= $.absent2]", "[0]"},
    {rfc_compare, "$.w[?$.absent == 'g']", "[]"},
    {rfc_compare, "$.w[?$.absent1 != $.absent2]", "[]"},
    {rfc_compare, "$.w[?$.absent != 'g']", "[0]"},
    {rfc_compare, "$.w[?1 <= 2]", "[0]"},
    {rfc_compare, "$.w[?1 > 2]", "[]"},
    {rfc_compare, "$.w[?13 == '13']", "[]"},
    {rfc_compare, "$.w[?'a' <= 'b']", "[0]"},
    {rfc_compare, "$.w[?'a' > 'b']", "[]"},
    {rfc_compare, "$.w[?$.obj == $.arr]", "[]"},
    {rfc_compare, "$.w[?$.obj != $.arr]", "[0]"},
    {rfc_compare, "$.w[?$.obj == $.obj]", "[0]"},
    {rfc_compare, "$.w[?$.obj != $.obj]", "[]"},
    {rfc_compare, "$.w[?$.arr == $.arr]", "[0]"},
    {rfc_compare, "$.w[?$.arr != $.arr]", "[]"},
    {rfc_compare, "$.w[?$.obj == 17]", "[]"},
    {rfc_compare, "$.w[?$.obj != 17]", "[0]"},
    {rfc_compare, "$.w[?$.obj <= $.arr]", "[]"},
    {rfc_compare, "$.w[?$.obj < $.arr]", "[]"},
    {rfc_compare, "$.w[?$.obj <= $.obj]", "[0]"},
    {rfc_compare, "$.w[?$.arr <= $.arr]", "[0]"},
    {rfc_compare, "$.w[?1 <= $.arr]", "[]"},
    {rfc_compare, "$.w[?1 >= $.arr]", "[]"},
    {rfc_compare, "$.w[?1 > $.arr]", "[]"},
    {rfc_compare, "$.w[?1 < $.arr]", "[]"},
    {rfc_compare, "$.w[?true <= true]", "[0]"},
    {rfc_compare, "$.w[?true > true]", "[]"},
    {rfc_compare, "$.w[?1 == 1.0]", "[0]"},
    {rfc_compare, "$.w[?-0 == 0]", "[0]"},
    {rfc_compare, "$.w[?1e2 == 100]", "[0]"},
    {rfc_compare, "$.w[?null == null]", "[0]"},
    {rfc_compare, "$.w[?null <= null]", "[0]"},
    {rfc_compare, "$.w[?false < true]", "[]"},
    {rfc_compare, "$.w[?'' < 'a']", "[0]"},
    {rfc_compare, "$.w[?'\\u00e9' == '\\u00e9']", "[0]"},
    {rfc_names, "$.o['j j']", "[{\"k.k\":3}]"},
    {rfc_names, "$.o['j j']['k.k']", "[3]"},
    {rfc_names, "$.o[\"j j\"][\"k.k\"]", "[3]"},
    {rfc_names, "$[\"'\"][\"@\"]", "[2]"},
    {rfc_names, "$.o[*]['k.k']", "[3]"},
    {rfc_null, "$.a", "[null]"},
    {rfc_null, "$.a[0]", "[]"},
    {rfc_null, "$.a.d", "[]"},
    {rfc_null, "$.b[0]", "[null]"},
    {rfc_null, "$.b[*]", "[null]"},
    {rfc_null, "$.b[?@]", "[null]"},
    {rfc_null, "$.b[?@==null]", "[null]"},
    {rfc_null, "$.c[?@.d==null]", "[]"},
    {rfc_null, "$.null", "[1]"},
    {mixed, "$..j", "[1,4]"},
    {mixed, "$..[0]", "[5,{\"j\":4}]"},
    {mixed, "$.o..[*,*]", "[1,2,1,2]"},
    {mixed, "$.a..[0, 1]", "[5,3,{\"j\":4},{\"k\":6}]"},
    {mixed, "$..o", "[{\"j\":1,\"k\":2}]"},
    {mixed, "$.a[2]['0','1'][0]", "[]"},
    {mixed, "$ .o", "[{\"j\":1,\"k\":2}]"},
    {mixed, "$.o\n['j']", "[1]"},
    {mixed, "$\t['o'] [ 'k' ]", "[2]"},
    {filters, "$.a[?@.b, ?@==3]", "[{\"b\":\"j\"},{\"b\":\"k\"},{\"b\":{}},{\"b\":\"kilo\"},3]"},
    {filters, "$.a[? @ > 3.5 ]", "[5,4,6]"},
    {filters, "$.a[?(@ < 2) || (@ > 5)]", "[1,6]"},
    {filters, "$.a[?@ == 1.0e0]", "[1]"},
    {filters, "$.o[?@ == 6 || @.u == 6]", "[{\"u\":6}]"},
    {filters, "$.a[?length(@.b) > 1]", "[{\"b\":\"kilo\"}]"},
    {filters, "$.a[?count(@.*) == 1]", "[{\"b\":\"j\"},{\"b\":\"k\"},{\"b\":{}},{\"b\":\"kilo\"}]"},
    {filters, "$[?match(@,'f')]", "[\"f\"]"},
    {filters, "$[?match(@,'')]", "[]"},
    {filters, "$.a[?!match(@.b,'[jk]') && @.b]", "[{\"b\":{}},{\"b\":\"kilo\"}]"},
    {filters, "$.a[?value(@..b) == 'j']", "[{\"b\":\"j\"}]"}, {filters, "$[?@[?@>5]]", "[[3,5,1,2,4,6,{\"b\":\"j\"},{\"b\":\"k\"},{\"b\":{}},{\"b\":\"kilo\"}]]"},
};
/* clang-format on */

static void
test_table(void **state)
{
    struct json_error error;
    struct buf tape = {0}, out = {0};
    struct arena arena = {0};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct json_path p;
        struct json_match *m;
        struct json_own own;
        size_t n, where;
        const char *why;
        buf_reset(&tape);
        buf_reset(&out);
        assert_true(json_parse(slice_cstr(table[i].document), JSON_DEPTH_MAX, &tape, &error));
        if (!json_path_parse(&arena, slice_cstr(table[i].path), &p, &why, &where))
            fail_msg("%s: %s at %zu", table[i].path, why, where);
        assert_true(json_path_find(&p, &arena, (json_node)tape.ptr, &m, &n));
        buf_add_char(&out, '[');
        for (size_t k = 0; k < n; k++) {
            if (k > 0)
                buf_add_char(&out, ',');
            json_print(json_match_node((json_node)tape.ptr, m[k], &own), NULL, &out);
        }
        buf_add(&out, "]", 2);
        if (table[i].want == NULL)
            assert_true(n == 1 && m[0].at == 0 && m[0].parent == JSON_NO_PARENT);
        else if (strcmp(out.ptr, table[i].want) != 0)
            fail_msg("%s gave %s", table[i].path, out.ptr);
        arena_reset(&arena);
    }
    buf_fini(&tape);
    buf_fini(&out);
    arena_fini(&arena);
}

static void
test_invalid(void **state)
{
    /* clang-format off */
    static const char *const wrong[] = {
        "", "$.", "$[", "$[]", "$[1", "$['a", "$[1,]", "$..", "$.a.", "$[?]", "$[?@.a==]", "$[?(@.a]", "$[?@.a=1]",
        "$[?1]", "$[01]", "$[?count(1)>1]", "$[?length(@.a]", "$[?match(@.a)]", "$x y", "$[?@.a=='x]", "$[99999999999999999999]",
        "$['\\x']", "$a b", "$ .", "$[?@.a == {}]",
        "$[?length(@.*) < 3]", "$[?count(1) == 1]", "$[?match(@.a, 'x') == true]", "$[?value(@..c)]", "$[-0]", "$[1e0]", "$[-01]",
        "$[?@.* == 1]", "$[?@..a == 1]", "$[?foo(@)]", "$[?length()]", "$[?length(@.a, 1) == 1]", "$[?@.a == '\\u00']", "$['\\']", "$[:::]",
        "$[1:2:3:4]", "$[9007199254740992123456]", "$.'a'", "$[?(@.a)==1]", "$[?@.a < ]", "$[?true]", "$[?'a']", "$[?@.a && 1]", "$[*,]", "$['a' 'b']",
    };
    /* clang-format on */
    struct arena arena = {0};
    struct buf deep = {0};
    struct json_path p;
    const char *why;
    size_t where;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (json_path_parse(&arena, slice_cstr(wrong[i]), &p, &why, &where) && !p.legacy)
            fail_msg("%s is no path", wrong[i]);
    for (int k = 0; k < 3; k++) {
        static const char *const pieces[] = {"$[?@", "(", "!"};
        buf_reset(&deep);
        buf_printf(&deep, k == 0 ? "" : "$[?");
        for (int i = 0; i < 100000; i++)
            buf_printf(&deep, "%s", pieces[k]);
        assert_false(json_path_parse(&arena, buf_slice(&deep), &p, &why, &where));
    }
    buf_reset(&deep);
    buf_printf(&deep, "$[?@.a");
    for (int i = 0; i < 100000; i++)
        buf_printf(&deep, "||@.a");
    buf_printf(&deep, "]");
    assert_false(json_path_parse(&arena, buf_slice(&deep), &p, &why, &where));
    buf_fini(&deep);
    arena_fini(&arena);
}

static void
test_regex(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool whole, any;
        /* clang-format off */
    } rows[] = {
        {"a", "a", true, true}, {"a", "xax", false, true}, {"a*", "", true, true}, {"a+b?", "aaab", true, true},
        {"(ab|cd)+", "abcdab", true, true}, {"(ab|cd)+", "abc", false, true}, {"a{2,3}", "aa", true, true},
        {"a{2,3}", "aaaa", false, true}, {"a{2}", "a", false, false}, {"[a-c]x", "bx", true, true}, {"[^a-c]", "b", false, false},
        {".", "\xc3\xa9", true, true}, {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true, true}, {"\\d+\\.\\w", "12.x", true, true},
        {"^b", "ab", false, false}, {"b$", "ab", false, true}, {"a|b|c", "c", true, true}, {"(", "(", false, false},
        {"*", "*", false, false}, {"a{,2}", "a", false, false}, {"(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false, false},
        {"a{255}{255}", "a", false, false}, {"[\\d-]", "-", true, true}, {".", "\n", false, false}, {"", "x", false, true},
        {"(|a)+", "a", true, true}, {"x{0}y", "y", true, true}, {"a{1,}", "aaa", true, true}, {"\\p{L}", "a", true, true},
        {"\\p{Lu}", "A", true, true}, {"\\p{Lu}", "a", false, false}, {"\\P{Lu}", "a", true, true}, {"\\p{Ll}+", "\xc3\xa9z", true, true},
        {"[\\p{Nd}x-]+", "\xd9\xa3x-", true, true}, {"[^\\p{L}]", "\xc3\x89", false, false}, {"\\p{u}", "u", false, false},
        {"\\p{Lu", "A", false, false}, {"\\p{}", "A", false, false}, {"\\p{Cs}", "A", false, false}, {"\\pL", "A", false, false},
        {"\\p{Zs}", "\xc2\xa0", true, true}, {"\\p{Sm}\\P{L}", "+1", true, true}, {"\\p{Cn}", "\xcd\xb8", true, true},
        {"a]", "a]", false, false}, {"a}", "a}", false, false}, {"[[]", "[", false, false}, {"[]", "", false, false},
        {"[]a]", "]", false, false}, {"[^]", "a", false, false}, {"\\a", "a", false, false}, {"\\b", "b", false, false},
        {"\\n\\t\\r", "\n\t\r", true, true}, {"[\\n-\\r]", "\x0b", true, true}, {"\\", "\\", false, false}, {"a\\.b", "a.b", true, true},
        {"a\\\\.b", "a\\xb", true, true}, {"[-a]+", "-a", true, true}, {"[a-]+", "-a", true, true}, {"[\\]\\[\\^]+", "[]^", true, true},
        {"(a|b){2}c{0}d?", "ba", true, true}, {"(a|b){2}c{0}d?", "bcd", false, false}, {"((a{2}){2}b?){2}", "aaaabaaaa", true, true},
        {"((a{2}){2}b?){2}", "aaaabaaa", false, false}, {"(a?b*){3}c", "bbabac", true, true}, {"(ab{1,2}){2,}", "abbabab", true, true},
        {"(ab{1,2}){2,}", "abb", false, false}, {"a.b", "a\xf0\x90\x84\x81""b", true, true}, {".", "\xe2\x80\xa8", true, true}, {".", "\r", false, false},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (json_regex(slice_cstr(rows[i].pattern), slice_cstr(rows[i].text), true) != rows[i].whole ||
            json_regex(slice_cstr(rows[i].pattern), slice_cstr(rows[i].text), false) != rows[i].any)
            fail_msg("%s on %s", rows[i].pattern, rows[i].text);
    }
}

/* Patterns that cost more with each of their parentheses, if they were read again for each repetition. */
static void
test_regex_costs(void **state)
{
    struct buf pattern = {0};

    for (int i = 0; i < 30; i++)
        buf_add_char(&pattern, '(');
    buf_add_char(&pattern, 'a');
    for (int i = 0; i < 30; i++)
        buf_printf(&pattern, ")*");
    assert_true(json_regex(buf_slice(&pattern), LIT("aaaa"), true));
    assert_false(json_regex(buf_slice(&pattern), LIT("aaab"), true));
    buf_reset(&pattern);
    for (int i = 0; i < 30; i++)
        buf_add_char(&pattern, '(');
    buf_printf(&pattern, "x{0}");
    for (int i = 0; i < 30; i++)
        buf_printf(&pattern, "){255}");
    assert_true(json_regex(buf_slice(&pattern), LIT(""), true));
    assert_false(json_regex(buf_slice(&pattern), LIT("x"), true));
    buf_fini(&pattern);
}

/* Whatever the path, nothing is read that is not there. */
static void
test_hostile(void **state)
{
    static const char bits[] = "$.[]()*?@:,'\"ab01-<>=!&|~ o\\";
    struct rng rng;
    struct json_error error;
    struct buf tape = {0};
    struct arena arena = {0};

    rng_seed(&rng, 99);
    assert_true(json_parse(slice_cstr(filters), JSON_DEPTH_MAX, &tape, &error));
    for (int i = 0; i < 60000; i++) {
        char text[40];
        size_t len = rng_below(&rng, sizeof(text)), n, where, base = rng_below(&rng, sizeof(table) / sizeof(table[0]));
        struct json_path p;
        struct json_match *m;
        const char *why, *from = table[base].path;
        for (size_t k = 0; k < len; k++)
            text[k] = i % 2 == 0 && k < strlen(from) && rng_below(&rng, 8) > 0
                          ? from[k]
                          : bits[rng_below(&rng, sizeof(bits) - 1)];
        if (json_path_parse(&arena, slice_of(text, len), &p, &why, &where) &&
            json_path_find(&p, &arena, (json_node)tape.ptr, &m, &n))
            for (size_t k = 0; k < n; k++)
                assert_true(m[k].at < tape.len);
        arena_reset(&arena);
    }
    buf_fini(&tape);
    arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),       cmocka_unit_test(test_invalid), cmocka_unit_test(test_regex),
        cmocka_unit_test(test_regex_costs), cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

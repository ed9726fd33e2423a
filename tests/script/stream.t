# Streams without groups: adding, ranges, deleting, trimming, XREAD. Additions of Redis 8 are in stream_additions.t.

== XADD, XLEN, XRANGE, XREVRANGE
> XADD s 1-1 a 1 b 2
"1-1"
> XADD s 1-* a 3 b 4
"1-2"
> XADD s 5 a 5
"5-0"
> XLEN s
:3
> XRANGE s - +
[["1-1" ["a" "1" "b" "2"]] ["1-2" ["a" "3" "b" "4"]] ["5-0" ["a" "5"]]]
> XREVRANGE s + - COUNT 1
[["5-0" ["a" "5"]]]
> XRANGE s (1-1 (5-0
[["1-2" ["a" "3" "b" "4"]]]
> XRANGE s 1 1
[["1-1" ["a" "1" "b" "2"]] ["1-2" ["a" "3" "b" "4"]]]
> XRANGE s 2 3
[]
> XRANGE s - + COUNT 0
nil*
> XRANGE nokey - +
[]
> XRANGE s (18446744073709551615-18446744073709551615 +
-ERR invalid start ID for the interval
> XRANGE s - (0-0
-ERR invalid end ID for the interval
> XRANGE s a +
-ERR Invalid stream ID specified as stream command argument
> XRANGE s - + COUNT
-ERR syntax error
> TYPE s
stream
> OBJECT ENCODING s
"stream"

== ids that XADD refuses
> XADD s 0-0 a 1
-ERR The ID specified in XADD must be greater than 0-0
> EXISTS s
:0
> XADD s 0-* a 1
"0-1"
> XADD s 5-5 a 1
"5-5"
> XADD s 5-5 a 1
-ERR The ID specified in XADD is equal or smaller than the target stream top item
> XADD s 5-4 a 1
-ERR The ID specified in XADD is equal or smaller than the target stream top item
> XADD s 4-* a 1
-ERR The ID specified in XADD is equal or smaller than the target stream top item
> XADD s 5-x a 1
-ERR Invalid stream ID specified as stream command argument
> XADD s 18446744073709551616-0 a 1
-ERR Invalid stream ID specified as stream command argument
> XADD s * a
-ERR wrong number of arguments for 'xadd' command
> XADD s * a b c
-ERR wrong number of arguments for 'xadd' command
> XADD s 18446744073709551615-18446744073709551615 a 1
"18446744073709551615-18446744073709551615"
> XADD s * a 1
-ERR The stream has exhausted the last possible ID, unable to add more items

== NOMKSTREAM
> XADD s NOMKSTREAM * a 1
nil
> EXISTS s
:0
> XADD s 1-1 a 1
"1-1"
> XADD s nomkstream 1-2 a 2
"1-2"

== other types
> SET k x
OK
> XADD k * a 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> XLEN k
-WRONGTYPE Operation against a key holding the wrong kind of value
> XREAD STREAMS k 0
-WRONGTYPE Operation against a key holding the wrong kind of value
> XDEL k 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> XTRIM k MAXLEN 0
-WRONGTYPE Operation against a key holding the wrong kind of value
> XINFO STREAM k
-WRONGTYPE Operation against a key holding the wrong kind of value
> XSETID k 1-1
-WRONGTYPE Operation against a key holding the wrong kind of value

== trimming
> XADD s 1 a 1
"1-0"
> XADD s 2 a 2
"2-0"
> XADD s 3 a 3
"3-0"
> XADD s MAXLEN 2 4 a 4
"4-0"
> XRANGE s - +
[["3-0" ["a" "3"]] ["4-0" ["a" "4"]]]
> XTRIM s MAXLEN = 1
:1
> XTRIM s MINID 4
:0
> XTRIM s MINID 5
:1
> XLEN s
:0
> EXISTS s
:1
> XADD s MINID 10 9 a 9
"9-0"
> XLEN s
:0
> XTRIM s MAXLEN -1
-ERR The MAXLEN argument must be >= 0.
> XTRIM s MAXLEN 1 LIMIT 5
-ERR syntax error, LIMIT cannot be used without the special ~ option
> XTRIM s LIMIT 1
-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
> XTRIM s MAXLEN ~ 1 LIMIT -1
-ERR The LIMIT argument must be >= 0.
> XTRIM s MAXLEN 1 MINID 1
-ERR syntax error, MAXLEN and MINID options at the same time are not compatible
> XTRIM s MAXLEN 1 BY 1
-ERR syntax error
> XTRIM s MINID x
-ERR Invalid stream ID specified as stream command argument
> XTRIM nokey MAXLEN 1
:0
> XADD s MAXLEN 1 LIMIT 1 * a 1
-ERR syntax error, LIMIT cannot be used without the special ~ option

== XDEL and XSETID
> XADD s 1 a 1
"1-0"
> XADD s 2 a 2
"2-0"
> XDEL s 1 7 2 1
:2
> XDEL s x
-ERR Invalid stream ID specified as stream command argument
> XLEN s
:0
> XINFO STREAM s
{"length" :0 "radix-tree-keys" :0 "radix-tree-nodes" :1 "last-generated-id" "2-0" "max-deleted-entry-id" "2-0" "entries-added" :2 "recorded-first-entry-id" "0-0" "groups" :0 "first-entry" nil "last-entry" nil}
> XSETID s 9-1 ENTRIESADDED 100 MAXDELETEDID 8-1
OK
> XADD s 9-1 a 1
-ERR The ID specified in XADD is equal or smaller than the target stream top item
> XADD s 9-* a 1
"9-2"
> XSETID s 9-1
-ERR The ID specified in XSETID is smaller than the target stream top item
> XSETID s 10-0 ENTRIESADDED 0 MAXDELETEDID 11-0
-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id
> XSETID s 10-0 ENTRIESADDED -1
-ERR entries_added must be positive
> XSETID s 10-0 ENTRIESADDED 0 MAXDELETEDID 0-0
-ERR The entries_added specified in XSETID is smaller than the target stream length
> XSETID nokey 1-1
-ERR no such key
> XSETID s x
-ERR Invalid stream ID specified as stream command argument

== XREAD
> XADD s 1 a 1
"1-0"
> XADD t 2 b 2
"2-0"
> XREAD STREAMS s t 0 0
2: [["s" [["1-0" ["a" "1"]]]] ["t" [["2-0" ["b" "2"]]]]]
3: {"s" [["1-0" ["a" "1"]]] "t" [["2-0" ["b" "2"]]]}
> XREAD COUNT 1 STREAMS s nokey 0 0
2: [["s" [["1-0" ["a" "1"]]]]]
3: {"s" [["1-0" ["a" "1"]]]}
> XREAD STREAMS s 1
nil*
> XREAD STREAMS s $
nil*
# oracle: differs because + came with 7.4
> XREAD STREAMS s t + +
2: [["s" [["1-0" ["a" "1"]]]] ["t" [["2-0" ["b" "2"]]]]]
3: {"s" [["1-0" ["a" "1"]]] "t" [["2-0" ["b" "2"]]]}
# oracle: differs because 7.0 named the command otherwise
> XREAD STREAMS s t 0
-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.
> XREAD STREAMS s >
-ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.
> XREAD COUNT x STREAMS s 0
-ERR value is not an integer or out of range
> XREAD BLOCK -1 STREAMS s 0
-ERR timeout is negative
> XREAD BLOCK x STREAMS s 0
-ERR timeout is not an integer or out of range
> XREAD GROUP g c STREAMS s 0
-ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.
> XREAD NOACK STREAMS s 0
-ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.
> XREAD COUNT 1
-ERR wrong number of arguments for 'xread' command
> XREAD COUNT 1 s 0
-ERR syntax error

== XREAD BLOCK
a> XREAD BLOCK 0 STREAMS s $
...
b> XREAD BLOCK 0 STREAMS s t $ $
...
> XADD s 1 a 1
"1-0"
a<
2: [["s" [["1-0" ["a" "1"]]]]]
3: {"s" [["1-0" ["a" "1"]]]}
b<
2: [["s" [["1-0" ["a" "1"]]]]]
3: {"s" [["1-0" ["a" "1"]]]}
a> XREAD BLOCK 0 COUNT 1 STREAMS s 1
...
# Only what is new wakes, and deletion leaves it waiting.
> XDEL s 1
:1
a<
...
> DEL s
:1
a<
...
> XADD s 3 a 3
"3-0"
a<
2: [["s" [["3-0" ["a" "3"]]]]]
3: {"s" [["3-0" ["a" "3"]]]}
a> XREAD BLOCK 20 STREAMS s $
...
@advance 60
a<
nil*

== XREAD BLOCK in a transaction does not wait
> MULTI
OK
> XREAD BLOCK 0 STREAMS s $
QUEUED
> XADD s 1 a 1
QUEUED
> EXEC
[nil* "1-0"]

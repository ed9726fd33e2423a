# Consumer groups. Additions of Redis 8 are in stream_additions.t.

== XGROUP CREATE, SETID, DESTROY
> XGROUP CREATE s g $
-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
> XGROUP CREATE s g $ MKSTREAM
OK
> XLEN s
:0
> XGROUP CREATE s g 0
-BUSYGROUP Consumer Group name already exists
> XGROUP CREATE s h x
-ERR Invalid stream ID specified as stream command argument
> XGROUP CREATE s h 0 ENTRIESREAD -2
-ERR value for ENTRIESREAD must be positive or -1
> XGROUP CREATE s h 0 WHAT
-ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.
> XGROUP SETID s none 0
-NOGROUP No such consumer group 'none' for key name 's'
> XGROUP SETID s g 5-1 ENTRIESREAD 3
OK
> XINFO GROUPS s
[{"name" "g" "consumers" :0 "pending" :0 "last-delivered-id" "5-1" "entries-read" :3 "lag" :0}]
> XGROUP DESTROY s none
:0
> XGROUP DESTROY s g
:1
> XINFO GROUPS s
[]
> XINFO GROUPS nokey
-ERR no such key

== consumers
> XGROUP CREATE s g $ MKSTREAM
OK
> XGROUP CREATECONSUMER s g alice
:1
> XGROUP CREATECONSUMER s g alice
:0
> XGROUP CREATECONSUMER s none alice
-NOGROUP No such consumer group 'none' for key name 's'
> XADD s 1 a 1
"1-0"
> XREADGROUP GROUP g bob STREAMS s >
2: [["s" [["1-0" ["a" "1"]]]]]
3: {"s" [["1-0" ["a" "1"]]]}
# oracle: differs because 7.2 tells idle and inactive apart
> XINFO CONSUMERS s g
[{"name" "alice" "pending" :0 "idle" :* "inactive" :-1} {"name" "bob" "pending" :1 "idle" :* "inactive" :*}]
> XGROUP DELCONSUMER s g bob
:1
> XGROUP DELCONSUMER s g bob
:0
> XPENDING s g
[:0 nil nil nil*]
> XINFO CONSUMERS s none
-NOGROUP No such consumer group 'none' for key name 's'

== XREADGROUP: new entries, history, acknowledgement
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
"1-0"
> XADD s 2 a 2
"2-0"
> XADD s 3 a 3
"3-0"
> XREADGROUP GROUP g c COUNT 2 STREAMS s >
2: [["s" [["1-0" ["a" "1"]] ["2-0" ["a" "2"]]]]]
3: {"s" [["1-0" ["a" "1"]] ["2-0" ["a" "2"]]]}
> XREADGROUP GROUP g d STREAMS s >
2: [["s" [["3-0" ["a" "3"]]]]]
3: {"s" [["3-0" ["a" "3"]]]}
> XREADGROUP GROUP g d STREAMS s >
nil*
> XREADGROUP GROUP g c STREAMS s 0
2: [["s" [["1-0" ["a" "1"]] ["2-0" ["a" "2"]]]]]
3: {"s" [["1-0" ["a" "1"]] ["2-0" ["a" "2"]]]}
> XREADGROUP GROUP g c STREAMS s 1
2: [["s" [["2-0" ["a" "2"]]]]]
3: {"s" [["2-0" ["a" "2"]]]}
> XACK s g 1 1 9
:1
> XACK s none 1
:0
> XACK nokey g 1
:0
> XACK s g x
-ERR Invalid stream ID specified as stream command argument
> XDEL s 2
:1
> XREADGROUP GROUP g c STREAMS s 0
2: [["s" [["2-0" nil*]]]]
3: {"s" [["2-0" nil*]]}
> XINFO GROUPS s
[{"name" "g" "consumers" :2 "pending" :2 "last-delivered-id" "3-0" "entries-read" :3 "lag" :0}]
> XREADGROUP GROUP g c STREAMS s $
-ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.
> XREADGROUP GROUP none c STREAMS s >
-NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option
> XREADGROUP GROUP g c STREAMS nokey >
-NOGROUP No such key 'nokey' or consumer group 'g' in XREADGROUP with GROUP option
> XREADGROUP COUNT 1 NOACK STREAMS s
-ERR wrong number of arguments for 'xreadgroup' command
> XREADGROUP COUNT 1 NOACK BLOCK 1 STREAMS s >
-ERR Missing GROUP option for XREADGROUP

== NOACK
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
"1-0"
> XREADGROUP GROUP g c NOACK STREAMS s >
2: [["s" [["1-0" ["a" "1"]]]]]
3: {"s" [["1-0" ["a" "1"]]]}
> XPENDING s g
[:0 nil nil nil*]

== XPENDING
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
"1-0"
> XADD s 2 a 2
"2-0"
> XREADGROUP GROUP g c COUNT 1 STREAMS s >
*
> XREADGROUP GROUP g d COUNT 1 STREAMS s >
*
> XPENDING s g
[:2 "1-0" "2-0" [["c" "1"] ["d" "1"]]]
> XPENDING s g - + 10
[["1-0" "c" :* :1] ["2-0" "d" :* :1]]
> XPENDING s g - + 10 d
[["2-0" "d" :* :1]]
> XPENDING s g - + 10 nobody
[]
> XPENDING s g (1 + 10
[["2-0" "d" :* :1]]
> XPENDING s g IDLE 100000 - + 10
[]
> XPENDING s g IDLE 0 - + 1 c
[["1-0" "c" :* :1]]
> XPENDING s none
-NOGROUP No such key 's' or consumer group 'none'
> XPENDING nokey g
-NOGROUP No such key 'nokey' or consumer group 'g'
> XPENDING s g -
-ERR syntax error
> XPENDING s g x + 1
-ERR Invalid stream ID specified as stream command argument
> XPENDING s g - + x
-ERR value is not an integer or out of range

== XCLAIM
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
"1-0"
> XADD s 2 a 2
"2-0"
> XREADGROUP GROUP g c COUNT 1 STREAMS s >
*
> XCLAIM s g d 0 1
[["1-0" ["a" "1"]]]
> XPENDING s g - + 10
[["1-0" "d" :* :2]]
> XCLAIM s g e 100000 1
[]
> XCLAIM s g e 0 1 JUSTID
["1-0"]
> XPENDING s g - + 10
[["1-0" "e" :* :2]]
> XCLAIM s g e 0 2
[]
> XCLAIM s g e 0 2 FORCE JUSTID RETRYCOUNT 7
["2-0"]
> XPENDING s g - + 10
[["1-0" "e" :* :2] ["2-0" "e" :* :7]]
> XCLAIM s g e 0 1 IDLE 5000 JUSTID
["1-0"]
> XPENDING s g IDLE 5000 - + 10
[["1-0" "e" :* :2]]
> XDEL s 1
:1
> XCLAIM s g e 0 1
[]
> XPENDING s g - + 10
[["2-0" "e" :* :7]]
> XCLAIM s g e 0 2 LASTID 9-9 JUSTID
["2-0"]
> XINFO GROUPS s
[{"name" "g" "consumers" :3 "pending" :1 "last-delivered-id" "9-9" "entries-read" :1 "lag" :*}]
> XCLAIM s none e 0 1
-NOGROUP No such key 's' or consumer group 'none'
> XCLAIM s g e x 1
-ERR Invalid min-idle-time argument for XCLAIM
> XCLAIM s g e 0 2 IDLE x
-ERR Invalid IDLE option argument for XCLAIM
> XCLAIM s g e 0 2 WHAT
-ERR Unrecognized XCLAIM option 'WHAT'

== XAUTOCLAIM
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
"1-0"
> XADD s 2 a 2
"2-0"
> XADD s 3 a 3
"3-0"
> XREADGROUP GROUP g c STREAMS s >
*
> XAUTOCLAIM s g d 0 - COUNT 1
["2-0" [["1-0" ["a" "1"]]] []]
> XDEL s 2
:1
> XAUTOCLAIM s g d 0 2-0
["0-0" [["3-0" ["a" "3"]]] ["2-0"]]
> XAUTOCLAIM s g e 0 - JUSTID
["0-0" ["1-0" "3-0"] []]
> XPENDING s g - + 10
[["1-0" "e" :* :2] ["3-0" "e" :* :2]]
> XAUTOCLAIM s g e 100000 -
["0-0" [] []]
> XAUTOCLAIM s g e 0 - COUNT 0
-ERR COUNT must be > 0
> XAUTOCLAIM s g e x -
-ERR Invalid min-idle-time argument for XAUTOCLAIM
> XAUTOCLAIM s none e 0 -
-NOGROUP No such key 's' or consumer group 'none'

== blocked readers of a group are served in order
> XGROUP CREATE s g $ MKSTREAM
OK
a> XREADGROUP GROUP g a BLOCK 0 STREAMS s >
...
b> XREADGROUP GROUP g b BLOCK 0 STREAMS s >
...
> XADD s 1 a 1
"1-0"
a<
2: [["s" [["1-0" ["a" "1"]]]]]
3: {"s" [["1-0" ["a" "1"]]]}
b<
...
> XADD s 2 a 2
"2-0"
b<
2: [["s" [["2-0" ["a" "2"]]]]]
3: {"s" [["2-0" ["a" "2"]]]}
a> XREADGROUP GROUP g a BLOCK 20 STREAMS s >
...
@advance 60
a<
nil*

== blocked readers when the group or the key goes
> XGROUP CREATE s g $ MKSTREAM
OK
a> XREADGROUP GROUP g a BLOCK 0 STREAMS s >
...
> XGROUP DESTROY s g
:1
# oracle: differs because 7.0 had another text
a<
/-NOGROUP No such key 's' or consumer group 'g'.*/
> XGROUP CREATE s g $
OK
a> XREADGROUP GROUP g a BLOCK 0 STREAMS s >
...
> DEL s
:1
# oracle: differs because 7.0 had another text
a<
/-NOGROUP No such key 's' or consumer group 'g'.*/

== lag
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
*
> XADD s 2 a 1
*
> XADD s 3 a 1
*
> XINFO GROUPS s
[{"name" "g" "consumers" :0 "pending" :0 "last-delivered-id" "0-0" "entries-read" nil "lag" :3}]
> XREADGROUP GROUP g c COUNT 1 STREAMS s >
*
> XINFO GROUPS s
[{"name" "g" "consumers" :1 "pending" :1 "last-delivered-id" "1-0" "entries-read" :1 "lag" :2}]
> XDEL s 2
:1
> XINFO GROUPS s
[{"name" "g" "consumers" :1 "pending" :1 "last-delivered-id" "1-0" "entries-read" :1 "lag" nil}]
> XREADGROUP GROUP g c STREAMS s >
*
# oracle: differs because 7.0 did not count what was deleted ahead of the group
> XINFO GROUPS s
[{"name" "g" "consumers" :1 "pending" :2 "last-delivered-id" "3-0" "entries-read" :3 "lag" :0}]

== XINFO STREAM FULL
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
*
> XREADGROUP GROUP g c STREAMS s >
*
# oracle: differs because 7.2 tells active-time as well
> XINFO STREAM s FULL
{"length" :1 "radix-tree-keys" :1 "radix-tree-nodes" :2 "last-generated-id" "1-0" "max-deleted-entry-id" "0-0" "entries-added" :1 "recorded-first-entry-id" "1-0" "entries" [["1-0" ["a" "1"]]] "groups" [{"name" "g" "last-delivered-id" "1-0" "entries-read" :1 "lag" :0 "pel-count" :1 "pending" [["1-0" "c" :* :1]] "consumers" [{"name" "c" "seen-time" :* "active-time" :* "pel-count" :1 "pending" [["1-0" :* :1]]}]}]}
> XINFO STREAM s FULL COUNT
-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
> XINFO STREAM nokey
-ERR no such key

# COMMAND.

== INFO
> COMMAND INFO get
2: [["get" :2 [+readonly +fast] :1 :1 :1 [+@read +@string +@fast] [] [["flags" [+RO +access] "begin_search" ["type" "index" "spec" ["index" :1]] "find_keys" ["type" "range" "spec" ["lastkey" :0 "keystep" :1 "limit" :0]]]] []]]
3: [["get" :2 ~[+readonly +fast] :1 :1 :1 ~[+@read +@string +@fast] ~[] ~[{"flags" ~[+RO +access] "begin_search" {"type" "index" "spec" {"index" :1}} "find_keys" {"type" "range" "spec" {"lastkey" :0 "keystep" :1 "limit" :0}}}] ~[]]]
> COMMAND INFO nosuch get|foo
[nil nil]
> COMMAND INFO CLIENT|ID
[["client|id" :2 ~[+noscript +loading +stale] :0 :0 :0 ~[+@slow +@connection] ~[] ~[] ~[]]]

== DOCS
> COMMAND DOCS nosuch
{}
# oracle: differs because the sentences are our own
> COMMAND DOCS zscore
{"zscore" {"summary" str "since" "1.2.0" "group" "sorted-set" "complexity" "O(1)" "arguments" [{"name" "key" "type" "key" "display_text" "key" "key_spec_index" :0} {"name" "member" "type" "string" "display_text" "member"}]}}

== COUNT and LIST
> COMMAND COUNT
:150..600
> COMMAND COUNT x
-ERR wrong number of arguments for 'command|count' command
> COMMAND LIST FILTERBY PATTERN zrange*
?["zrange" "zrangebyscore" "zrangebylex" "zrangestore"]
> COMMAND LIST FILTERBY ACLCAT transaction
?["multi" "exec" "discard" "watch" "unwatch"]
> COMMAND LIST FILTERBY MODULE m
[]
> COMMAND LIST FILTERBY ACLCAT nosuch
[]
> COMMAND LIST FILTERBY FOO x
-ERR syntax error
> COMMAND LIST FOO
-ERR syntax error

== GETKEYS
> COMMAND GETKEYS GET a
["a"]
> COMMAND GETKEYS MSET a 1 b 2
["a" "b"]
> COMMAND GETKEYS ZUNIONSTORE d 2 a b WEIGHTS 1 2
["d" "a" "b"]
> COMMAND GETKEYS ZUNIONSTORE d 5 a b
-ERR Invalid arguments specified for command
> COMMAND GETKEYS BZPOPMIN a b 0
["a" "b"]
> COMMAND GETKEYS MEMORY USAGE k
["k"]
> COMMAND GETKEYS PING a
-ERR The command has no key arguments
> COMMAND GETKEYS NOSUCH a
-ERR Invalid command specified
# oracle: differs because 7.2 lowered its arity
> COMMAND GETKEYS GET
-ERR Invalid number of arguments specified for command
> COMMAND GETKEYSANDFLAGS ZUNIONSTORE d 1 a
[["d" ~[+OW +update]] ["a" ~[+RO +access]]]
> COMMAND FOO
-ERR unknown subcommand 'FOO'. Try COMMAND HELP.

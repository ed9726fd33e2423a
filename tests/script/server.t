# SLOWLOG, TIME, ROLE, SHUTDOWN, MEMORY, LATENCY, DEBUG.

== SLOWLOG
> SLOWLOG RESET
OK
> SLOWLOG LEN
:0
> SLOWLOG GET
[]
> SLOWLOG GET -1
[]
> SLOWLOG GET -2
-ERR count should be greater than or equal to -1
> SLOWLOG GET x
-ERR count should be greater than or equal to -1
> SLOWLOG GET 1 2
-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.
> SLOWLOG FOO
-ERR unknown subcommand 'FOO'. Try SLOWLOG HELP.

== TIME
> TIME
[/\d{10}/ /\d{1,6}/]

== SHUTDOWN: arguments
> SHUTDOWN FOO
-ERR syntax error
> SHUTDOWN SAVE NOSAVE
-ERR syntax error
> SHUTDOWN ABORT NOW
-ERR syntax error
> SHUTDOWN ABORT
-ERR No shutdown in progress.
> MULTI
OK
> SHUTDOWN
-ERR Command not allowed inside a transaction
> DISCARD
OK

== MONITOR
> PING
PONG
a> MONITOR
OK
> SET k "a\"b\n"
OK
a<
/\d+\.\d{6} \[0 \S+\] "SET" "k" "a\\"b\\n"/
> SELECT 2
OK
> EVAL "return redis.call('incr', KEYS[1])" 1 n
:1
a<
/.* \[2 \S+:\d+\] "SELECT" "2"/
/.* \[2 \S+:\d+\] "EVAL" .*/
/.* \[2 lua\] "incr" "n"/

== a client that monitors keeps off the keyspace until it resets
a> MONITOR
OK
a> GET k
-ERR Replica can't interact with the keyspace
a> SET k v
-ERR Replica can't interact with the keyspace
a> PUBLISH c x
-ERR Replica can't interact with the keyspace
a> MULTI
OK
/.*/
a> GET k
-ERR Replica can't interact with the keyspace
a> RESET
/.*|RESET/
a> EXISTS k
:0

== MONITOR of a part
# oracle: skip because filters are ours
> ACL SETUSER mona reset on nopass +@all ~* &*
OK
a> MONITOR COMMAND set COMMAND hget* COMMAND config MATCH user:* DB 0
OK
> SET user:1 x
OK
> SET other x
OK
> GET user:1
"x"
> SELECT 1
OK
> SET user:1 x
OK
> SELECT 0
OK
> HGETALL user:2
{}
> MSET user:1 x user:2 y
OK
a<
/.* "SET" "user:1" "x"/
/.* "HGETALL" "user:2"/
a> MONITOR USER mona
OK
> SET k v
OK
b> AUTH mona x
OK
b> GET k
"v"
a<
/.* "AUTH" "\(redacted\)" "\(redacted\)"/
/.* "GET" "k"/
a> MONITOR MATCH *z ADDR *:*
OK
> MSET a 1 z 2 b 3
OK
> PING
PONG
a<
/.* "MSET" "a" "1" "z" "2" "b" "3"/
a> MONITOR SAMPLE 1000000000
OK
> PING
PONG
> SET k v
OK
a> RESET
RESET
a> MONITOR SAMPLE 0
-ERR SAMPLE must be a positive number: one command in so many is shown
a> MONITOR DB 99
-ERR DB index is out of range
a> MONITOR MATCH
-ERR syntax error
a> MONITOR NOSUCH x
-ERR syntax error

== MEMORY, LATENCY
> MEMORY USAGE none
nil
> SET k v
OK
> MEMORY USAGE k
:16..200
> MEMORY USAGE k SAMPLES 5
:16..200
> MEMORY USAGE k SAMPLES -1
-ERR syntax error
> MEMORY USAGE k FOO 1
-ERR syntax error
> MEMORY PURGE
OK
> LATENCY RESET
:*
> LATENCY HISTORY none
[]
> LATENCY GRAPH none
-ERR No samples available for event 'none'

== DEBUG DIGEST is the same for the same data
> DEBUG DIGEST
+0000000000000000000000000000000000000000
> SET s x
OK
> DEBUG DIGEST-VALUE s none
[+e1c099d36d86ec50b7f83540e7e59065055be33d +0000000000000000000000000000000000000000]
> DEBUG DIGEST
+b245822ee4f3e5c4dc06b48c05725a20c41b6198
> ZADD z 1 a 2 b
:2
> DEBUG DIGEST-VALUE z
[+4de4c922f0624dd27cb8fc6bbf04d3d6df72c877]
> RPUSH l a b
:2
> SADD set a b
:2
> HSET h f 1 g 2
:2
> SET exp v EX 1000
OK
> SELECT 3
OK
> SET other 1
OK
> DEBUG DIGEST
+af910cb76bdde23ae4bcd91535ed2b0bf77c7f7b

== DEBUG: what it says
> DEBUG PROTOCOL string
"Hello World"
> DEBUG PROTOCOL integer
:12345
> DEBUG PROTOCOL double
,3.141
> DEBUG PROTOCOL null
nil
> DEBUG PROTOCOL array
[:0 :1 :2]
> DEBUG PROTOCOL set
~[:0 :1 :2]
> DEBUG PROTOCOL map
{:0 #f :1 #t :2 #f}
> DEBUG PROTOCOL true
#t
> DEBUG PROTOCOL false
#f
> DEBUG PROTOCOL verbatim
=txt "This is a verbatim\nstring"
> DEBUG PROTOCOL bignum
(1234567999999999999999999999999999999
> DEBUG PROTOCOL foo
-ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false
> DEBUG ERROR "FOO bar\r\n-baz"
-FOO bar  -baz
> DEBUG NOSUCH
-ERR unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP.
> DEBUG
-ERR wrong number of arguments for 'debug' command
> DEBUG JMAP
-ERR unknown subcommand or wrong number of arguments for 'JMAP'. Try DEBUG HELP.

== DEBUG POPULATE
> DEBUG POPULATE 3
OK
> GET key:2
"value:2"
> DEBUG POPULATE 2 p 10
OK
> GET p:1
"value:1\x00\x00\x00"
> DEBUG POPULATE 1 q 3
OK
> GET q:0
"val"
> DBSIZE
:6
> DEBUG POPULATE -1
-ERR value is out of range, must be positive
> DEBUG POPULATE 1 p x
-ERR value is out of range, must be positive

== DEBUG OBJECT
> SET s abc
OK
> DEBUG OBJECT s
/Value at:0x[0-9a-f]+ refcount:1 encoding:embstr serializedlength:\d+ lru:\d+ lru_seconds_idle:\d+.*/
> DEBUG OBJECT none
-ERR no such key
> DEBUG HTSTATS 99
-ERR Out of range database
> DEBUG SET-ACTIVE-EXPIRE 0
OK
> DEBUG SET-ACTIVE-EXPIRE 1
OK
> DEBUG SLEEP 0
OK

== LATENCY HISTOGRAM
> SET k 1
OK
> GET k
"1"
> LATENCY HISTOGRAM get nosuch
{"get" *}
> LATENCY RESET nosuch
:0

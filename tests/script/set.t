# Sets.

== members
> SADD s a b c a
:3
> SADD s c d
:1
> SCARD s
:4
> SCARD nokey
:0
> SISMEMBER s a
:1
> SISMEMBER s z
:0
> SMISMEMBER s a z d
[:1 :0 :1]
> SMISMEMBER nokey a b
[:0 :0]
> SMEMBERS s
~["a" "b" "c" "d"]
> SMEMBERS nokey
~[]
> SREM s a z
:1
> SREM nokey a
:0
> SREM s b c d e
:3
> EXISTS s
:0
> SET k v
OK
> SADD k a
-WRONGTYPE Operation against a key holding the wrong kind of value
> SMEMBERS k
-WRONGTYPE Operation against a key holding the wrong kind of value
> SREM k a
-WRONGTYPE Operation against a key holding the wrong kind of value

== integers and texts that look like them
> SADD s 1 2 3 -9223372036854775808 9223372036854775807
:5
> OBJECT ENCODING s
"intset"
> SISMEMBER s 01
:0
> SADD s 01 "" 1.0 9223372036854775808
:4
> SISMEMBER s 1
:1
> SREM s 01
:1
> SMEMBERS s
~["1" "2" "3" "-9223372036854775808" "9223372036854775807" "" "1.0" "9223372036854775808"]

== SMOVE
> SADD a x y
:2
> SMOVE a b x
:1
> SMOVE a b x
:0
> SMOVE a a y
:1
> SMOVE a a z
:0
> SMOVE nokey b y
:0
> SADD b y
:1
> SMOVE a b y
:1
> EXISTS a
:0
> SMEMBERS b
~["x" "y"]
> SET k v
OK
> SMOVE b k x
-WRONGTYPE Operation against a key holding the wrong kind of value
> SMOVE b k nope
-WRONGTYPE Operation against a key holding the wrong kind of value
> SMOVE k b x
-WRONGTYPE Operation against a key holding the wrong kind of value
> SMOVE nokey k x
:0

== SPOP and SRANDMEMBER
> SADD s a
:1
> SRANDMEMBER s
"a"
> SRANDMEMBER s 3
["a"]
> SRANDMEMBER s -3
["a" "a" "a"]
> SRANDMEMBER s 0
[]
> SPOP s 0
~[]
> SPOP s
"a"
> SPOP s
nil
> SPOP s 1
~[]
> SRANDMEMBER s
nil
> SRANDMEMBER s 1
[]
> SADD s a b c
:3
> SPOP s 5
~["a" "b" "c"]
> EXISTS s
:0
> SADD s {1..600|m@}
:600
> SPOP s 2
~[/m\d+/ /m\d+/]
> SPOP s 590
*
> SCARD s
:8
> SRANDMEMBER s 8
?[str str str str str str str str]
> SPOP s -1
-ERR value is out of range, must be positive
> SPOP s x
-ERR value is out of range, must be positive
> SPOP s 1 2
-ERR syntax error
> SRANDMEMBER s x
-ERR value is not an integer or out of range
> SRANDMEMBER s 1 2
-ERR syntax error
> SRANDMEMBER s -9223372036854775808
-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807

== a count that would fill the memory is refused
# oracle: skip because redis tries
> SADD s a
:1
> SRANDMEMBER s -9223372036854775807
-ERR not enough memory for a value of that size

== intersections, unions and differences
> SADD a 1 2 3 x
:4
> SADD b 2 3 4 x y
:5
> SADD c 3 x
:2
> SINTER a b c
~["3" "x"]
> SINTER a
~["1" "2" "3" "x"]
> SINTER a a
~["1" "2" "3" "x"]
> SINTER a nokey
~[]
> SUNION a b
~["1" "2" "3" "4" "x" "y"]
> SUNION nokey
~[]
> SDIFF a b
~["1"]
> SDIFF b a c
~["4" "y"]
> SDIFF a a
~[]
> SDIFF nokey a
~[]
> SDIFF a nokey
~["1" "2" "3" "x"]
> SINTERCARD 2 a b
:3
> SINTERCARD 2 a b LIMIT 2
:2
> SINTERCARD 2 a b LIMIT 0
:3
> SINTERCARD 2 a nokey
:0
> SINTERCARD 0 a
-ERR numkeys should be greater than 0
> SINTERCARD x a
-ERR numkeys should be greater than 0
> SINTERCARD 3 a b
-ERR Number of keys can't be greater than number of args
> SINTERCARD 1 a LIMIT -1
-ERR LIMIT can't be negative
> SINTERCARD 1 a LIMIT
-ERR syntax error
> SINTERCARD 1 a what 1
-ERR syntax error
> SET k v
OK
> SINTER a k
-WRONGTYPE Operation against a key holding the wrong kind of value
> SINTER nokey k
-WRONGTYPE Operation against a key holding the wrong kind of value
> SUNION a k
-WRONGTYPE Operation against a key holding the wrong kind of value
> SDIFF nokey k
-WRONGTYPE Operation against a key holding the wrong kind of value

== storing results
> SADD a 1 2 3
:3
> SADD b 2 3 4
:3
> SINTERSTORE d a b
:2
> SMEMBERS d
~["2" "3"]
> OBJECT ENCODING d
"intset"
> SUNIONSTORE a a b
:4
> SMEMBERS a
~["1" "2" "3" "4"]
> SDIFFSTORE d a b
:1
> SET k v EX 100
OK
> SDIFFSTORE k a b
:1
> TTL k
:-1
> TYPE k
set
> SINTERSTORE k a nokey
:0
> EXISTS k
:0
> SET k v
OK
> SUNIONSTORE d a k
-WRONGTYPE Operation against a key holding the wrong kind of value
> SDIFFSTORE d nokey
:0
> EXISTS d
:0

== differences of unequal sizes
> SADD big {1..500|m@}
:500
> SADD small m1 m2 nope
:3
> SADD small2 m3
:1
> SDIFFSTORE d big small small2
:497
> SDIFF small big small2
~["nope"]
> SINTER big small
~["m1" "m2"]
> SUNIONSTORE u small small2 big
:501

== SSCAN
> SADD s a b 12
:3
> SSCAN s 0
["0" ?["a" "b" "12"]]
> SSCAN s 0 MATCH [ab] COUNT 100
["0" ?["a" "b"]]
> SSCAN s 0 COUNT x
-ERR value is not an integer or out of range
> SSCAN s 0 what
-ERR syntax error

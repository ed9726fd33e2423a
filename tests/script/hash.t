# Hashes.

== setting and getting
> HSET h a 1 b 2
:2
> HSET h a 3 c 4
:1
> HMSET h d 5
OK
> HGET h a
"3"
> HGET h nope
nil
> HGET nokey a
nil
> HMGET h a nope d
["3" nil "5"]
> HMGET nokey a b
[nil nil]
> HLEN h
:4
> HEXISTS h a
:1
> HEXISTS h nope
:0
> HSTRLEN h a
:1
> HSTRLEN h nope
:0
> HGETALL h
{"a" "3" "b" "2" "c" "4" "d" "5"}
> HGETALL nokey
{}
> HKEYS h
?["a" "b" "c" "d"]
> HVALS h
?["3" "2" "4" "5"]
> HKEYS nokey
[]
> HSETNX h a x
:0
> HSETNX h e x
:1
> HDEL h a nope b
:2
> HDEL h c d e c
:3
> EXISTS h
:0
> HDEL h a
:0
> HLEN h
:0
> HSET h a
-ERR wrong number of arguments for 'hset' command
> HSET h a 1 b
-ERR wrong number of arguments for 'hset' command
> HMSET h a 1 b
-ERR wrong number of arguments for 'hmset' command
> HSET h "" ""
:1
> HGET h ""
""

== the wrong type
> SET k v
OK
> HSET k a 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> HSET k a
-ERR wrong number of arguments for 'hset' command
> HGET k a
-WRONGTYPE Operation against a key holding the wrong kind of value
> HMGET k a
-WRONGTYPE Operation against a key holding the wrong kind of value
> HGETALL k
-WRONGTYPE Operation against a key holding the wrong kind of value
> HINCRBY k a x
-ERR value is not an integer or out of range
> HINCRBY k a 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> HRANDFIELD k
-WRONGTYPE Operation against a key holding the wrong kind of value
> HDEL k a
-WRONGTYPE Operation against a key holding the wrong kind of value

== HINCRBY and HINCRBYFLOAT
> HINCRBY h n 5
:5
> HINCRBY h n -7
:-2
> HSET h n 9223372036854775807
:0
> HINCRBY h n 1
-ERR increment or decrement would overflow
> HSET h n x
:0
> HINCRBY h n 1
-ERR hash value is not an integer
> HINCRBYFLOAT h n 1
-ERR hash value is not a float
> HINCRBY new n x
-ERR value is not an integer or out of range
> EXISTS new
:0
> HINCRBYFLOAT h f 10.5
"10.5"
> HINCRBYFLOAT h f 0.1
"10.6"
> HINCRBYFLOAT h f -5
"5.6"
> HINCRBYFLOAT h f x
-ERR value is not a valid float
> HINCRBYFLOAT h f inf
-ERR value is NaN or Infinity
> HINCRBYFLOAT h f nan
-ERR value is not a valid float
> HGET h f
"5.6"

== HRANDFIELD
> HRANDFIELD nokey
nil
> HRANDFIELD nokey 5
[]
> HSET h a 1
:1
> HRANDFIELD h
"a"
> HRANDFIELD h 0
[]
> HRANDFIELD h 5
["a"]
> HRANDFIELD h -3
["a" "a" "a"]
> HRANDFIELD h 5 WITHVALUES
2: ["a" "1"]
3: [["a" "1"]]
> HRANDFIELD h -2 withvalues
2: ["a" "1" "a" "1"]
3: [["a" "1"] ["a" "1"]]
> HSET h b 2 c 3
:2
> HRANDFIELD h 3
?["a" "b" "c"]
> HRANDFIELD h 100
?["a" "b" "c"]
> HRANDFIELD h 1
[</a|b|c/>]
> HRANDFIELD h x
-ERR value is not an integer or out of range
> HRANDFIELD h 1 what
-ERR syntax error
> HRANDFIELD h 1 WITHVALUES more
-ERR syntax error
> HRANDFIELD h -9223372036854775808
-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
> HRANDFIELD h -9223372036854775807 WITHVALUES
-ERR value is out of range

== a count that would fill the memory is refused
# oracle: skip because redis tries
> HSET h a 1
:1
> HRANDFIELD h -4611686018427387903
-ERR not enough memory for a value of that size
> HRANDFIELD h -100000000
-ERR not enough memory for a value of that size

== HSCAN
> HSET h a 1 b 2
:2
> HSCAN h 0
["0" ?["a" "1" "b" "2"]]
> HSCAN h 0 MATCH a* COUNT 1
["0" ["a" "1"]]
> HSCAN h 0 COUNT 0
-ERR syntax error
> HSCAN h 0 TYPE string
-ERR syntax error
# oracle: differs because NOVALUES came with 7.4
> HSCAN h 0 NOVALUES
["0" ?["a" "b"]]

== many fields
> HSET h {1..600|f@ v@}
:600
> OBJECT ENCODING h
"hashtable"
> HLEN h
:600
> HGET h f600
"v600"
> HMGET h f1 f300 nope
["v1" "v300" nil]
> HDEL h {1..599|f@}
:599
> HGETALL h
{"f600" "v600"}

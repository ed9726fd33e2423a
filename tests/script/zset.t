# Sorted sets: members, scores, options.

== ZADD: new members, changed scores, CH
> ZADD z 1 a 2 b
:2
> ZADD z 1 a 3 b 4 c
:1
> ZADD z CH 1 a 5 b 6 d
:2
> ZSCORE z b
,5
> ZCARD z
:4

== ZADD: conditions
> ZADD z 5 a
:1
> ZADD z NX 6 a 1 b
:1
> ZADD z XX CH 7 a 1 c
:1
> ZADD z GT CH 6 a
:0
> ZADD z GT CH 8 a
:1
> ZADD z LT CH 9 a
:0
> ZADD z LT 1 a
:0
> ZMSCORE z a b c
[,1 ,1 nil]
> ZADD z xx gt ch 2 a 3 new
:1
> EXISTS none
:0
> ZADD none XX 1 a
:0
> EXISTS none
:0

== ZADD INCR
> ZADD z INCR 5 a
,5
> ZADD z INCR -7.5 a
,-2.5
> ZADD z NX INCR 1 a
nil
> ZADD z XX INCR 1 b
nil
> ZADD z GT INCR -1 a
nil
> ZADD z INCR 0 a
,-2.5
> ZADD z INCR inf a
,inf
> ZADD z INCR -inf a
-ERR resulting score is not a number (NaN)
> ZSCORE z a
,inf
> ZINCRBY z 2 n
,2
> ZINCRBY z -inf a
-ERR resulting score is not a number (NaN)
> ZINCRBY z x a
-ERR value is not a valid float

== ZADD: errors, in redis's order
> ZADD z NX XX 1 a
-ERR XX and NX options at the same time are not compatible
> ZADD z GT LT 1 a
-ERR GT, LT, and/or NX options at the same time are not compatible
> ZADD z NX GT 1 a
-ERR GT, LT, and/or NX options at the same time are not compatible
> ZADD z INCR 1 a 2 b
-ERR INCR option supports a single increment-element pair
> ZADD z NX 1
-ERR syntax error
> ZADD z 1 a 2
-ERR syntax error
> ZADD z 1 a x b
-ERR value is not a valid float
> ZADD z nan a
-ERR value is not a valid float
> EXISTS z
:0
> SET s x
OK
> ZADD s nan a
-ERR value is not a valid float
> ZADD s 1 a
-WRONGTYPE Operation against a key holding the wrong kind of value
> ZADD z NX
-ERR wrong number of arguments for 'zadd' command

== an empty sorted set does not exist
> ZADD z 1 a 2 b
:2
> ZREM z a c b b
:2
> EXISTS z
:0
> ZREM z a
:0

== ranks
> ZADD z 1 a 2 b 3 c
:3
> ZRANK z c
:2
> ZREVRANK z c
:0
> ZRANK z x
nil
> ZRANK none x
nil
# oracle: differs because WITHSCORE came with 7.2
> ZRANK z b WITHSCORE
[:1 ,2]
# oracle: differs because WITHSCORE came with 7.2
> ZREVRANK z a withscore
[:2 ,1]
# oracle: differs because WITHSCORE came with 7.2
> ZRANK z x WITHSCORE
nil*
# oracle: differs because WITHSCORE came with 7.2
> ZRANK z b SCORE
-ERR syntax error

== counts
> ZADD z -inf a 0 b 1 c 1 d inf e
:5
> ZCOUNT z -inf +inf
:5
> ZCOUNT z (0 1
:2
> ZCOUNT z 1 (1
:0
> ZCOUNT z (-inf (inf
:3
> ZCOUNT z 2 1
:0
> ZCOUNT z a 1
-ERR min or max is not a float
> ZCOUNT z nan 1
-ERR min or max is not a float
> ZADD l {1..9|0 m@}
:9
> ZLEXCOUNT l - +
:9
> ZLEXCOUNT l [m2 (m5
:3
> ZLEXCOUNT l + -
:0
> ZLEXCOUNT l m2 +
-ERR min or max not valid string range item
> ZLEXCOUNT l "" +
-ERR min or max not valid string range item

== ZRANDMEMBER
> ZRANDMEMBER none
nil
> ZRANDMEMBER none 3
[]
> ZADD z 1 a
:1
> ZRANDMEMBER z
"a"
> ZRANDMEMBER z 5
["a"]
> ZRANDMEMBER z -3
["a" "a" "a"]
> ZRANDMEMBER z 0
[]
> ZRANDMEMBER z -2 WITHSCORES
2: ["a" "1" "a" "1"]
3: [["a" ,1] ["a" ,1]]
> ZADD z 2 b 3 c
:2
> ZRANDMEMBER z 3 WITHSCORES
2: ["c" "3" "b" "2" "a" "1"]
3: [["c" ,3] ["b" ,2] ["a" ,1]]
> ZRANDMEMBER z 1 FOO
-ERR syntax error
> ZRANDMEMBER z x
-ERR value is not an integer or out of range
> ZRANDMEMBER z 4611686018427387905 WITHSCORES
-ERR value is out of range
> ZRANDMEMBER z -9223372036854775808
-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
# oracle: skip because it would try to send so many
> ZRANDMEMBER z -9223372036854775807
-ERR not enough memory for a value of that size

== ZSCAN
> ZADD z 1 a 2.5 b 3 ab
:3
> ZSCAN z 0
["0" ["a" "1" "b" "2.5" "ab" "3"]]
> ZSCAN z 0 MATCH a* COUNT 100
["0" ["a" "1" "ab" "3"]]
> ZSCAN none 0 FOO
["0" []]
> ZSCAN z 0 FOO
-ERR syntax error
> ZSCAN z 0 COUNT 0
-ERR syntax error
> ZSCAN z 0 COUNT x
-ERR value is not an integer or out of range
> ZSCAN z x
-ERR invalid cursor

== encodings
> ZADD z {1..128|@ m@}
:128
> OBJECT ENCODING z
"listpack"
> ZADD z 129 m129
:1
> OBJECT ENCODING z
"skiplist"
> ZADD y 1 "x"*64
:1
> OBJECT ENCODING y
"listpack"
> ZADD y 1 "x"*65
:1
> OBJECT ENCODING y
"skiplist"
> ZRANK z m77
:76
> ZRANGE z -2 -1
["m128" "m129"]

== a score of -0 is 0 in a small sorted set, and keeps its sign in a large one
> ZADD z -0 a
:1
> ZSCORE z a
,0
> ZADD z 1 "x"*65
:1
> ZSCORE z a
,0
> ZADD z -0 b
:1
> ZMSCORE z a b
[,0 ,-0]
> ZPOPMIN z 2
2: ["a" "0" "b" "-0"]
3: [["a" ,0] ["b" ,-0]]

== SORT leaves a small sorted set as it is
> ZADD z 2 b 1 a
:2
> SORT z BY nosort
["a" "b"]
# oracle: differs because redis turns it into a skiplist
> OBJECT ENCODING z
"listpack"
> ZADD z -0 c
:1
# oracle: differs because a skiplist keeps the sign
> ZSCORE z c
,0

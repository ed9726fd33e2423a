# ZRANGE in all its forms, ZRANGESTORE, ZREMRANGE.

== by position
> ZADD z 1 a 2 b 3 c 4 d
:4
> ZRANGE z 0 -1
["a" "b" "c" "d"]
> ZRANGE z 1 2 WITHSCORES
2: ["b" "2" "c" "3"]
3: [["b" ,2] ["c" ,3]]
> ZRANGE z -2 -1
["c" "d"]
> ZRANGE z 2 1
[]
> ZRANGE z 4 9
[]
> ZRANGE z -100 100
["a" "b" "c" "d"]
> ZRANGE z 0 1 REV
["d" "c"]
> ZREVRANGE z 0 1 WITHSCORES
2: ["d" "4" "c" "3"]
3: [["d" ,4] ["c" ,3]]
> ZRANGE none 0 -1
[]
> ZRANGE z a b
-ERR value is not an integer or out of range
> ZRANGE z 0 1 LIMIT 0 1
-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
> ZRANGE z 0 1 LIMIT 0 -1
["a" "b"]
> ZRANGE z 0 1 REV REV
-ERR syntax error
> ZREVRANGE z 0 1 BYSCORE
-ERR syntax error

== by score
> ZADD z 1 a 2 b 2 c 4 d inf e
:5
> ZRANGE z 2 4 BYSCORE
["b" "c" "d"]
> ZRANGE z (2 +inf BYSCORE
["d" "e"]
> ZRANGE z +inf (2 BYSCORE REV
["e" "d"]
> ZRANGEBYSCORE z -inf (inf LIMIT 1 2
["b" "c"]
> ZRANGEBYSCORE z -inf inf LIMIT 3 -1 WITHSCORES
2: ["d" "4" "e" "inf"]
3: [["d" ,4] ["e" ,inf]]
> ZRANGEBYSCORE z 0 9 LIMIT -1 2
[]
> ZRANGEBYSCORE z 0 9 LIMIT 9 2
[]
> ZREVRANGEBYSCORE z 4 1 LIMIT 1 2
["c" "b"]
> ZREVRANGEBYSCORE z 1 4
[]
> ZRANGEBYSCORE z "" 0x2
["a" "b" "c"]
> ZRANGEBYSCORE z x 1
-ERR min or max is not a float
> ZRANGEBYSCORE z 1 2 LIMIT 1
-ERR syntax error
> ZRANGEBYSCORE z 1 2 LIMIT a b
-ERR value is not an integer or out of range
> ZRANGEBYSCORE z 1 2 REV
-ERR syntax error

== by bytes
> ZADD z {1..5|0 k@} 0 "k\xff"
:6
> ZRANGE z - + BYLEX
["k1" "k2" "k3" "k4" "k5" "k\xff"]
> ZRANGE z [k2 (k4 BYLEX
["k2" "k3"]
> ZRANGE z (k4 [k2 BYLEX REV LIMIT 0 1
["k3"]
> ZRANGEBYLEX z (k5 +
["k\xff"]
> ZREVRANGEBYLEX z + [k5
["k\xff" "k5"]
> ZRANGEBYLEX z + -
[]
> ZRANGEBYLEX z k1 +
-ERR min or max not valid string range item
> ZRANGE z - + BYLEX WITHSCORES
-ERR syntax error, WITHSCORES not supported in combination with BYLEX
> ZRANGE z - + BYLEX BYSCORE
-ERR syntax error

== wrong types come after wrong arguments
> SET s x
OK
> ZRANGE s a b
-ERR value is not an integer or out of range
> ZRANGE s 0 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> ZRANGEBYSCORE s a b
-ERR min or max is not a float
> ZREMRANGEBYLEX s a b
-ERR min or max not valid string range item
> ZRANGESTORE d s 0 1
-WRONGTYPE Operation against a key holding the wrong kind of value

== ZRANGESTORE
> ZADD z 1 a 2 b 3 c
:3
> ZRANGESTORE d z 0 1 REV
:2
> ZRANGE d 0 -1 WITHSCORES
2: ["b" "2" "c" "3"]
3: [["b" ,2] ["c" ,3]]
> ZRANGESTORE d z (1 +inf BYSCORE LIMIT 0 1
:1
> ZRANGE d 0 -1
["b"]
> ZRANGESTORE z z 1 1
:1
> ZRANGE z 0 -1
["b"]
> SET d x
OK
> ZRANGESTORE d z 5 6
:0
> EXISTS d
:0
> ZRANGESTORE d z 0 1 WITHSCORES
-ERR syntax error

== removing ranges
> ZADD z {1..9|@ m@}
:9
> ZREMRANGEBYRANK z 0 1
:2
> ZREMRANGEBYRANK z 5 2
:0
> ZREMRANGEBYSCORE z (3 5
:2
> ZREMRANGEBYRANK z -1 -1
:1
> ZRANGE z 0 -1
["m3" "m6" "m7" "m8"]
> ZREMRANGEBYSCORE z -inf inf
:4
> EXISTS z
:0
> ZADD l {1..5|0 m@}
:5
> ZREMRANGEBYLEX l (m1 [m3
:2
> ZREMRANGEBYLEX l - +
:3
> EXISTS l
:0
> ZREMRANGEBYRANK z x 1
-ERR value is not an integer or out of range

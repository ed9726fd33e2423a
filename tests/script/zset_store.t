# Unions, intersections and differences of sorted sets.

== union
> ZADD a 1 x 2 y
:2
> ZADD b 10 y 20 z
:2
> ZUNION 2 a b
["x" "y" "z"]
> ZUNION 2 a b WITHSCORES
2: ["x" "1" "y" "12" "z" "20"]
3: [["x" ,1] ["y" ,12] ["z" ,20]]
> ZUNION 2 a b WEIGHTS 10 1 AGGREGATE MAX WITHSCORES
2: ["x" "10" "y" "20" "z" "20"]
3: [["x" ,10] ["y" ,20] ["z" ,20]]
> ZUNION 3 a none a AGGREGATE MIN WITHSCORES
2: ["x" "1" "y" "2"]
3: [["x" ,1] ["y" ,2]]
> ZUNIONSTORE d 2 a b
:3
> ZRANGE d 0 -1
["x" "y" "z"]
> ZUNIONSTORE a 2 a b
:3
> ZSCORE a y
,12

== sets count with score 1
> SADD s x y
:2
> ZADD z 5 y 6 w
:2
> ZUNION 2 s z WITHSCORES
2: ["x" "1" "w" "6" "y" "6"]
3: [["x" ,1] ["w" ,6] ["y" ,6]]
> ZINTER 2 s z WEIGHTS 3 2 WITHSCORES
2: ["y" "13"]
3: [["y" ,13]]
> ZDIFF 2 s z
["x"]

== infinities never become NaN
> ZADD a inf x -inf y
:2
> ZADD b -inf x 1 y
:2
> ZUNION 2 a b WITHSCORES
2: ["y" "-inf" "x" "0"]
3: [["y" ,-inf] ["x" ,0]]
> ZUNION 1 a WEIGHTS 0 WITHSCORES
2: ["x" "0" "y" "0"]
3: [["x" ,0] ["y" ,0]]
> ZINTER 2 a b WEIGHTS inf -inf WITHSCORES
2: ["y" "-inf" "x" "inf"]
3: [["y" ,-inf] ["x" ,inf]]

== intersection and difference
> ZADD a 1 x 2 y 3 z
:3
> ZADD b 1 y 1 z
:2
> ZADD c 7 z
:1
> ZINTER 3 a b c WITHSCORES
2: ["z" "11"]
3: [["z" ,11]]
> ZINTER 2 a none
[]
> ZINTERSTORE d 2 a b
:2
> ZINTERSTORE d 2 a none
:0
> EXISTS d
:0
> ZDIFF 3 a c none WITHSCORES
2: ["x" "1" "y" "2"]
3: [["x" ,1] ["y" ,2]]
> ZDIFFSTORE d 2 a b
:1
> ZDIFFSTORE d 2 a a
:0
> EXISTS d
:0
> ZINTERCARD 2 a b
:2
> ZINTERCARD 2 a b LIMIT 1
:1
> ZINTERCARD 2 a b LIMIT 0
:2
> ZINTERCARD 2 a none LIMIT 5
:0

== errors
> SET str x
OK
> ZADD z 1 a
:1
> ZUNION 0 z
-ERR at least 1 input key is needed for 'zunion' command
> ZUNIONSTORE d -1 z
-ERR at least 1 input key is needed for 'zunionstore' command
> ZUNION x z
-ERR value is not an integer or out of range
> ZUNION 2 z
-ERR syntax error
> ZUNION 9223372036854775807 z
-ERR syntax error
> ZUNION 2 z str FOO
-WRONGTYPE Operation against a key holding the wrong kind of value
> ZUNION 1 z FOO
-ERR syntax error
> ZUNION 1 z WEIGHTS
-ERR syntax error
> ZUNION 1 z WEIGHTS x
-ERR weight value is not a float
> ZUNION 1 z WEIGHTS 1 2
-ERR syntax error
> ZUNION 1 z AGGREGATE AVG
-ERR syntax error
> ZUNIONSTORE d 1 z WITHSCORES
-ERR syntax error
> ZDIFF 1 z WEIGHTS 1
-ERR syntax error
> ZINTERCARD 1 z LIMIT -1
-ERR LIMIT can't be negative
> ZINTERCARD 1 z LIMIT x
-ERR LIMIT can't be negative
> ZINTERCARD 1 z WITHSCORES
-ERR syntax error

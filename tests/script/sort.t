# SORT and SORT_RO.

== numbers and texts
> RPUSH l 3 1 2 10
:4
> SORT l
["1" "2" "3" "10"]
> SORT l DESC
["10" "3" "2" "1"]
> SORT l ALPHA
["1" "10" "2" "3"]
> SORT l LIMIT 1 2
["2" "3"]
> SORT l LIMIT 1 -1
["2" "3" "10"]
> SORT l LIMIT 10 1
[]
> SORT l BY nosort
["3" "1" "2" "10"]
> SORT l BY nosort DESC LIMIT 0 2
["10" "2"]
> SADD t 5 -1 2.5 1e3
:4
> SORT t
["-1" "2.5" "5" "1e3"]
> ZADD z 3 a 2 b 1 c
:3
> SORT z ALPHA DESC
["c" "b" "a"]
> SORT z BY nosort DESC
["a" "b" "c"]
> SORT_RO z BY nosort LIMIT 0 1
["c"]
> SORT none
[]
> RPUSH bad 1 x
:2
> SORT bad
-ERR One or more scores can't be converted into double
> SET s x
OK
> SORT s
-WRONGTYPE Operation against a key holding the wrong kind of value
> SORT l FOO
-ERR syntax error
> SORT l LIMIT a 1
-ERR value is not an integer or out of range
> RPUSH big {1..300} {1..300}
:600
> SORT big LIMIT 0 4
["1" "1" "2" "2"]
> SORT big DESC LIMIT 597 3
["2" "1" "1"]

== by and get
> RPUSH l 1 2 3
:3
> MSET w1 30 w2 10 w3 20 n1 one n2 two
OK
> HSET h1 f B
:1
> HSET h2 f A
:1
> SORT l BY w*
["2" "3" "1"]
> SORT l BY w* GET n* GET #
["two" "2" nil "3" "one" "1"]
> SORT l BY h*->f ALPHA
["3" "2" "1"]
> SORT l GET h*->f GET h*-> GET plain
["B" nil nil "A" nil nil nil nil nil]
> SORT l BY w* DESC GET n* STORE d
:3
> LRANGE d 0 -1
["one" "" "two"]
> SORT none STORE d
:0
> EXISTS d
:0
> SADD t b a c
:3
> SORT t BY nosort STORE d
:3
> LRANGE d 0 -1
["a" "b" "c"]
> SORT_RO l STORE d
-ERR syntax error
> COMMAND GETKEYS SORT l BY store GET x STORE d
["l" "d"]

== numbers may have hundreds of digits
> INCRBYFLOAT weight_1 1e308
/.*/
> SET weight_2 5
OK
> RPUSH items 1 2
:2
> SORT items BY weight_*
["2" "1"]

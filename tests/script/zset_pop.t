# Popping from sorted sets, and waiting for something to pop.

== ZPOPMIN, ZPOPMAX
> ZADD z 1 a 2 b 3 c
:3
> ZPOPMIN z
["a" ,1]
> ZPOPMAX z 5
2: ["c" "3" "b" "2"]
3: [["c" ,3] ["b" ,2]]
> EXISTS z
:0
> ZPOPMIN z
[]
> ZPOPMIN z 0
[]
> ZPOPMIN z -1
-ERR value is out of range, must be positive
> ZPOPMIN z x
-ERR value is out of range, must be positive
> ZPOPMIN z 1 2
-ERR syntax error
> SET s x
OK
> ZPOPMIN s 0
-WRONGTYPE Operation against a key holding the wrong kind of value

== ZMPOP
> ZADD z 1 a 2 b 3 c
:3
> ZMPOP 2 none z MIN
["z" [["a" ,1]]]
> ZMPOP 1 z MAX COUNT 10
["z" [["c" ,3] ["b" ,2]]]
> ZMPOP 2 none z MAX
nil*
> ZMPOP 0 z MIN
-ERR numkeys should be greater than 0
> ZMPOP 2 z MIN
-ERR syntax error
> ZMPOP 1 z FOO
-ERR syntax error
> ZMPOP 1 z MIN COUNT 0
-ERR count should be greater than 0
> ZMPOP 1 z MIN COUNT 1 COUNT 1
-ERR syntax error
> SET s x
OK
> ZMPOP 2 none s MIN
-WRONGTYPE Operation against a key holding the wrong kind of value

== BZPOPMIN takes what is there
> ZADD z 1 a 2 b
:2
> BZPOPMIN none z 0
["z" "a" ,1]
> BZPOPMAX none z 0
["z" "b" ,2]
> BZPOPMIN z x
-ERR timeout is not a float or out of range
> BZPOPMIN z -1
-ERR timeout is negative
> BZMPOP x 0 z MIN
-ERR numkeys should be greater than 0
> BZMPOP x 1 z MIN
-ERR timeout is not a float or out of range

== waiting, served in order
a> BZPOPMIN z y 0
...
b> BZPOPMAX z 0
...
c> BZMPOP 0 2 y z MAX COUNT 5
...
> ZADD z 1 m1
:1
a<
["z" "m1" ,1]
> ZADD z 1 m1 2 m2
:2
b<
["z" "m2" ,2]
c<
["z" [["m1" ,1]]]
> EXISTS z
:0

== a wait is woken by stores and renames, not by other types
a> BZPOPMIN z 0
...
> RPUSH z x
:1
> DEL z
:1
> ZADD y 1 a
:1
> RENAME y z
OK
a<
["z" "a" ,1]
b> BZPOPMAX d 0
...
> ZADD y 1 a 2 b
:2
> ZUNIONSTORE d 1 y
:2
b<
["d" "b" ,2]

== time-outs
a> BZPOPMIN z 0.1
...
b> BZMPOP 0.1 1 z MIN
...
@advance 300
a<
nil*
b<
nil*

== no waiting inside MULTI
> MULTI
OK
> BZPOPMIN z 0
QUEUED
> BZMPOP 0 1 z MAX
QUEUED
> EXEC
[nil* nil*]

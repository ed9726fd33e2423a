# Lists that clients wait for.

== what is there is taken at once
> RPUSH b x y
:2
> BLPOP a b 0
["b" "x"]
> BRPOP a b 0
["b" "y"]
> RPUSH b x y z
:3
> BLMPOP 0 2 a b LEFT COUNT 2
["b" ["x" "y"]]
> BLMOVE b c LEFT RIGHT 0
"z"
> BRPOPLPUSH c b 0
"z"

== waiting ends with a push
a> BLPOP q r 0
...
> RPUSH r x
:1
a<
["r" "x"]
> EXISTS r
:0
a> BRPOP q 0
...
> RPUSH q 1 2 3
:3
a<
["q" "3"]
> LRANGE q 0 -1
["1" "2"]

== who came first is served first
a> BLPOP q 0
...
b> BLPOP q 0
...
> RPUSH q 1
:1
a<
["q" "1"]
b<
...
> RPUSH q 2
:1
b<
["q" "2"]

== a push wakes as many as there are elements
a> BLPOP q 0
...
b> BRPOP q 0
...
> RPUSH q 1 2 3
:3
a<
["q" "1"]
b<
["q" "3"]
> LRANGE q 0 -1
["2"]

== time-outs
a> BLPOP q 0.05
...
b> BLMOVE q r LEFT LEFT 0.05
...
c> BLMPOP 0.05 1 q LEFT
...
d> BRPOPLPUSH q r 0.05
...
@advance 100
a<
nil*
b<
nil*
c<
nil*
d<
nil*
> RPUSH q x
:1

== moving on to another who waits
a> BLMOVE q r LEFT RIGHT 0
...
b> BLPOP r 0
...
> RPUSH q x
:1
a<
"x"
b<
["r" "x"]

== a list that comes by another way
a> BLPOP q 0
...
> RPUSH other x
:1
> RENAME other q
OK
a<
["q" "x"]
a> BLPOP q 0
...
> RPUSH other y
:1
> COPY other q
:1
a<
["q" "y"]
a> BLPOP q 0
...
> SELECT 1
OK
> RPUSH q z
:1
> MOVE q 0
:1
a<
["q" "z"]
a> BLPOP q 0
...
> RPUSH q far
:1
> SWAPDB 0 1
OK
a<
["q" "far"]

== another type does not wake, a wrong one is an error
> SET k v
OK
> BLPOP k 0
-WRONGTYPE Operation against a key holding the wrong kind of value
> BLPOP nokey k 0
-WRONGTYPE Operation against a key holding the wrong kind of value
a> BLPOP q 0
...
> SADD q x
:1
a<
...
> DEL q
:1
> RPUSH q x
:1
a<
["q" "x"]

== in a transaction nobody waits
> MULTI
OK
> BLPOP q 0
QUEUED
> BLMOVE q r LEFT LEFT 0
QUEUED
> BLMPOP 0 1 q LEFT
QUEUED
> EXEC
[nil* nil nil*]
a> BLPOP q 0
...
> MULTI
OK
> RPUSH q x
QUEUED
> DEL q
QUEUED
> EXEC
[:1 :1]
a<
...
> RPUSH q y
:1
a<
["q" "y"]

== arguments
> BLPOP q x
-ERR timeout is not a float or out of range
> BLPOP q -1
-ERR timeout is negative
> BLPOP q
-ERR wrong number of arguments for 'blpop' command
> BLMPOP x 1 q LEFT COUNT -1
-ERR count should be greater than 0
> BLMPOP x 1 q LEFT
-ERR timeout is not a float or out of range
> BLMPOP 0 0 q LEFT
-ERR numkeys should be greater than 0
> BLMOVE q r what LEFT x
-ERR syntax error
> BLMOVE q r LEFT LEFT x
-ERR timeout is not a float or out of range
> BRPOPLPUSH q r -5
-ERR timeout is negative
> RPUSH q x
:1
> SET k v
OK
> BLMOVE q k LEFT LEFT 0
-WRONGTYPE Operation against a key holding the wrong kind of value
> LRANGE q 0 -1
["x"]

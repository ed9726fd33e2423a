# Lists, without waiting.

== pushing and reading
> RPUSH l a b c
:3
> LPUSH l x y
:5
> LRANGE l 0 -1
["y" "x" "a" "b" "c"]
> LLEN l
:5
> LLEN nokey
:0
> LPUSHX nokey a
:0
> RPUSHX nokey a b
:0
> RPUSHX l d e
:7
> LPUSHX l z
:8
> LINDEX l 0
"z"
> LINDEX l -1
"e"
> LINDEX l 100
nil
> LINDEX l -100
nil
> LINDEX nokey x
nil
> LINDEX l x
-ERR value is not an integer or out of range
> SET k v
OK
> LPUSH k a
-WRONGTYPE Operation against a key holding the wrong kind of value
> RPUSHX k a
-WRONGTYPE Operation against a key holding the wrong kind of value
> LLEN k
-WRONGTYPE Operation against a key holding the wrong kind of value
> LINDEX k x
-WRONGTYPE Operation against a key holding the wrong kind of value

== LRANGE
> RPUSH l {0..9}
:10
> LRANGE l 2 4
["2" "3" "4"]
> LRANGE l -3 -1
["7" "8" "9"]
> LRANGE l -100 1
["0" "1"]
> LRANGE l 8 100
["8" "9"]
> LRANGE l 5 3
[]
> LRANGE l 10 20
[]
> LRANGE l 0 -100
[]
> LRANGE l -9223372036854775808 9223372036854775807
["0" "1" "2" "3" "4" "5" "6" "7" "8" "9"]
> LRANGE nokey 0 -1
[]
> LRANGE l a 1
-ERR value is not an integer or out of range
> LRANGE l 1 b
-ERR value is not an integer or out of range

== popping
> RPUSH l a b c d e
:5
> LPOP l
"a"
> RPOP l
"e"
> LPOP l 0
[]
> LPOP l 2
["b" "c"]
> RPOP l 5
["d"]
> EXISTS l
:0
> LPOP l
nil
> RPOP l 1
nil*
> LPOP l 0
nil*
> LPOP l -1
-ERR value is out of range, must be positive
> LPOP l x
-ERR value is out of range, must be positive
> LPOP l 1 2
-ERR wrong number of arguments for 'lpop' command
> RPUSH l a b c
:3
> RPOP l 2
["c" "b"]
> SET k v
OK
> LPOP k
-WRONGTYPE Operation against a key holding the wrong kind of value
> LPOP k -1
-ERR value is out of range, must be positive

== LMPOP
> RPUSH b 1 2 3
:3
> LMPOP 2 a b LEFT
["b" ["1"]]
> LMPOP 2 a b RIGHT COUNT 5
["b" ["3" "2"]]
> LMPOP 2 a b LEFT
nil*
> LMPOP 0 a LEFT
-ERR numkeys should be greater than 0
> LMPOP x a LEFT
-ERR numkeys should be greater than 0
> LMPOP 2 a LEFT
-ERR syntax error
> LMPOP 1 a what
-ERR syntax error
> LMPOP 1 a LEFT COUNT
-ERR syntax error
> LMPOP 1 a LEFT COUNT 0
-ERR count should be greater than 0
> LMPOP 1 a LEFT COUNT 1 COUNT 2
-ERR syntax error
> SET k v
OK
> LMPOP 2 a k LEFT
-WRONGTYPE Operation against a key holding the wrong kind of value

== LPOS
> RPUSH l a b c 1 2 3 c c
:8
> LPOS l c
:2
> LPOS l c RANK 2
:6
> LPOS l c RANK -1
:7
> LPOS l c RANK -2 COUNT 2
[:6 :2]
> LPOS l c COUNT 0
[:2 :6 :7]
> LPOS l c COUNT 2
[:2 :6]
> LPOS l c COUNT 0 MAXLEN 3
[:2]
> LPOS l c RANK -1 COUNT 0 MAXLEN 3
[:7 :6]
> LPOS l c MAXLEN 2
nil
> LPOS l 1
:3
> LPOS l zz
nil
> LPOS l zz COUNT 1
[]
> LPOS nokey a
nil
> LPOS nokey a COUNT 1
[]
> LPOS l c RANK 9223372036854775807
nil
> LPOS l c RANK 0
-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list
> LPOS l c COUNT -1
-ERR COUNT can't be negative
> LPOS l c MAXLEN -1
-ERR MAXLEN can't be negative
> LPOS l c RANK
-ERR syntax error
> LPOS l c what 1
-ERR syntax error
> LPOS l c RANK x
-ERR value is not an integer or out of range
# oracle: differs because 7.0 overflows here
> LPOS l c RANK -9223372036854775808
-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807

== LSET, LINSERT, LREM, LTRIM
> RPUSH l a b c
:3
> LSET l 1 B
OK
> LSET l -1 C
OK
> LRANGE l 0 -1
["a" "B" "C"]
> LSET l 3 x
-ERR index out of range
> LSET l -4 x
-ERR index out of range
> LSET l x x
-ERR value is not an integer or out of range
> LSET nokey x x
-ERR no such key
> LINSERT l BEFORE B x
:4
> LINSERT l after C y
:5
> LINSERT l BEFORE nope z
:-1
> LINSERT nokey BEFORE a b
:0
> LINSERT l what a b
-ERR syntax error
> LRANGE l 0 -1
["a" "x" "B" "C" "y"]
> RPUSH l a a b a
:9
> LREM l 1 a
:1
> LREM l -2 a
:2
> LRANGE l 0 -1
["x" "B" "C" "y" "a" "b"]
> LREM l 0 nope
:0
> LREM nokey 0 a
:0
> LREM l x a
-ERR value is not an integer or out of range
> LTRIM l 1 -2
OK
> LRANGE l 0 -1
["B" "C" "y" "a"]
> LTRIM l -2 100
OK
> LRANGE l 0 -1
["y" "a"]
> LTRIM l 5 10
OK
> EXISTS l
:0
> LTRIM l 0 0
OK
> SET k v
OK
> LTRIM k x 0
-ERR value is not an integer or out of range
> LTRIM k 0 0
-WRONGTYPE Operation against a key holding the wrong kind of value

== LMOVE and RPOPLPUSH
> RPUSH a 1 2 3
:3
> LMOVE a b LEFT RIGHT
"1"
> LMOVE a b RIGHT LEFT
"3"
> LRANGE b 0 -1
["3" "1"]
> RPOPLPUSH a b
"2"
> EXISTS a
:0
> LRANGE b 0 -1
["2" "3" "1"]
> LMOVE b b LEFT RIGHT
"2"
> RPOPLPUSH b b
"2"
> LMOVE b b LEFT LEFT
"2"
> LRANGE b 0 -1
["2" "3" "1"]
> RPUSH one x
:1
> RPOPLPUSH one one
"x"
> LRANGE one 0 -1
["x"]
> SET k v
OK
> LMOVE nokey k LEFT LEFT
nil
> LMOVE b k LEFT LEFT
-WRONGTYPE Operation against a key holding the wrong kind of value
> LMOVE k b LEFT LEFT
-WRONGTYPE Operation against a key holding the wrong kind of value
> LMOVE b b what LEFT
-ERR syntax error
> LRANGE b 0 -1
["2" "3" "1"]

== a list of many elements, some of them large
> RPUSH l {1..300|e@} "x"*10000 "y"*10000
:302
> LINDEX l 150
"e151"
> LINDEX l -2
"x"*10000
> LREM l 0 e150
:1
> LINSERT l BEFORE e200 new
:302
> LPOS l new
:198
> LTRIM l 197 199
OK
> LRANGE l 0 -1
["e199" "new" "e200"]

# JSON documents: both dialects of paths, replies in both protocols.
# oracle: skip because redis-server 7.0 has no JSON

== JSON.SET, JSON.GET
> JSON.SET d $ '{"a":1,"b":[1,2.50,"x"],"c":{"a":true}}'
OK
> TYPE d
ReJSON-RL
> OBJECT ENCODING d
"raw"
> JSON.GET d .
'{"a":1,"b":[1,2.5,"x"],"c":{"a":true}}'
> JSON.GET d
2: '{"a":1,"b":[1,2.5,"x"],"c":{"a":true}}'
3: '[{"a":1,"b":[1,2.5,"x"],"c":{"a":true}}]'
> JSON.GET d $..a
'[1,true]'
> JSON.GET d .a
"1"
> JSON.GET d a c.a
'{"a":1,"c.a":true}'
> JSON.GET d $.a .c
'{"$.a":[1],".c":[{"a":true}]}'
> JSON.GET d INDENT "  " NEWLINE "\n" SPACE " " .c
"{\n  \"a\": true\n}"
> JSON.GET d .none
-ERR Path '$.none' does not exist
> JSON.GET d $.none
"[]"
> JSON.GET nokey
nil
> JSON.SET d $.c.new '[]'
OK
> JSON.SET d $.x.y 1
nil
> JSON.SET d $.b[9] 1
-ERR array index out of range
> JSON.SET d $.b[*].z 1
-Err wrong static path
> JSON.SET d $.a 2 NX
nil
> JSON.SET d $.none 2 XX
nil
> JSON.SET d $..a 5
OK
> JSON.GET d .
'{"a":5,"b":[1,2.5,"x"],"c":{"a":5,"new":[]}}'
> JSON.SET none $.a 1
-ERR new objects must be created at the root
> JSON.SET none $ 1 XX
nil
> JSON.SET d $ '{"a":1,}'
-ERR trailing comma at line 1 column 8
> JSON.SET d $ 1 NX XX
-ERR syntax error
> JSON.SET d $ '[1.5,2.5]' FPHA FP32
OK
> SET s 1
OK
> JSON.GET s
-WRONGTYPE Operation against a key holding the wrong kind of value
> JSON.SET s $ 1
-WRONGTYPE Operation against a key holding the wrong kind of value

== JSON.MGET, JSON.MSET
> JSON.MSET a $ '{"x":1}' b $ '{"x":[2]}'
OK
> JSON.MGET a b none $.x
["[1]" "[[2]]" nil]
> JSON.MGET a b .x
["1" "[2]"]
> JSON.MSET a $.x 3 c $.y 4
-ERR new objects must be created at the root
> JSON.GET a .x
"1"
> JSON.MSET a $
-ERR wrong number of arguments for 'json.mset' command
# All or none, whatever comes first; several of one key build on one another.
> JSON.MSET b $.x[0] 9 a $.x 8 a $.list 1 b $.x[7] 1
-ERR array index out of range
> JSON.MGET a b $
['[{"x":1}]' '[{"x":[2]}]']
> JSON.MSET new $ '{"k":1}' a $.x 5 new $.k '[]' new $.l 2
OK
> JSON.MGET a new $
['[{"x":5}]' '[{"k":[],"l":2}]']
> SET str x
OK
> JSON.MSET a $.x 6 str $ 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> JSON.GET a $.x
"[5]"

== json-max-depth
@only tcp
> CONFIG SET json-max-depth 3
OK
> JSON.SET d $ '[[[[]]]]'
/-ERR .*/
> JSON.SET d $ '[[1]]'
OK
> JSON.SET d $[0][0] '[]'
OK
> JSON.SET d $[0][0] '[1]'
OK
> JSON.SET d $[0][0][0] '[]'
/-ERR .*/
> JSON.ARRAPPEND d $[0][0] '{}'
/-ERR .*/
> CONFIG SET json-max-depth 129
/-ERR .*/
> CONFIG SET json-max-depth 128
OK
> JSON.ARRAPPEND d $[0][0] '{}'
[:2]

== deeper than a document may be, by putting values together
> JSON.SET d $ '{"a":[]}'
OK
> JSON.SET e $ '[]'
OK
> JSON.ARRAPPEND d $.a '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
-ERR the document would be too large or too deep
> JSON.ARRAPPEND e $ '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
-ERR the document would be too large or too deep
> JSON.ARRINSERT e . 0 '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
-ERR the document would be too large or too deep
> JSON.ARRAPPEND e $ '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
[:1]
> JSON.ARRAPPEND e $[0] 1
[:2]
> JSON.SET d $.a '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
-ERR the document would be too large or too deep
> JSON.MERGE d $.a.x '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
nil
> JSON.MERGE d $.b '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
-ERR the document would be too large or too deep
> JSON.MSET d $.b '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
-ERR the document would be too large or too deep
> JSON.SET e $ '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
OK
> JSON.SET e $ '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
-ERR recursion limit exceeded at line 1 column 129
> JSON.GET d .
'{"a":[]}'

== JSON.MERGE
> JSON.MERGE d $ '{"a":{"b":1,"n":null}}'
OK
> JSON.GET d .
'{"a":{"b":1}}'
> JSON.MERGE d $ '{"a":{"c":2,"b":null},"z":[1]}'
OK
> JSON.GET d .
'{"a":{"c":2},"z":[1]}'
> JSON.MERGE d $.a null
OK
> JSON.MERGE d $.y 7
OK
> JSON.GET d .
'{"z":[1],"y":7}'

== JSON.DEL, JSON.FORGET
> JSON.SET d $ '{"a":{"a":1,"b":2},"l":[1,2,3]}'
OK
> JSON.DEL d $..a
:1
> JSON.GET d .
'{"l":[1,2,3]}'
> JSON.FORGET d .l[1]
:1
> JSON.GET d .
'{"l":[1,3]}'
> JSON.DEL d $.l[*]
:2
> JSON.GET d .
'{"l":[]}'
> JSON.DEL d $.none
:0
> JSON.DEL d
:1
> EXISTS d
:0
> JSON.DEL d
:0

== JSON.TYPE
> JSON.SET d $ '{"a":[1,1.5,"s",null,true,{},[]]}'
OK
> JSON.TYPE d $.a[*]
2: ["integer" "number" "string" "null" "boolean" "object" "array"]
3: [["integer" "number" "string" "null" "boolean" "object" "array"]]
> JSON.TYPE d .a
2: "array"
3: ["array"]

== numbers
> JSON.SET d $ '{"a":1,"b":2.5,"c":"x","l":[{"a":10}],"big":9223372036854775807}'
OK
> JSON.NUMINCRBY d $..a 2
2: "[3,12]"
3: [:3 :12]
> JSON.NUMINCRBY d .b 0.25
2: "2.75"
3: [,2.75]
> JSON.NUMMULTBY d $.* 2
2: "[6,5.5,null,null,1.8446744073709552e19]"
3: [:6 ,5.5 nil nil ,18446744073709552000]
> JSON.NUMPOWBY d .a 3
2: "216"
3: [:216]
> JSON.NUMINCRBY d .c 1
-WRONGTYPE wrong type of path value - expected a number but found string
> JSON.NUMINCRBY d .none 1
-ERR Path '$.none' does not exist
> JSON.NUMINCRBY none $ 1
-ERR could not perform this operation on a key that doesn't exist
> JSON.SET d .a 1e308
OK
> JSON.NUMMULTBY d .a 1e10
-ERR result is not a number

== strings and booleans
> JSON.SET d $ '{"a":"foo","l":["x",1],"t":true}'
OK
> JSON.STRAPPEND d $..* '"ba\u0072"'
[:6 nil nil :4 nil]
> JSON.STRLEN d .a
:6
> JSON.STRLEN d $.*
[:6 nil nil]
> JSON.STRAPPEND d .t '"x"'
-WRONGTYPE wrong type of path value - expected string but found boolean
> JSON.TOGGLE d $.*
[nil nil :0]
> JSON.TOGGLE d .t
"true"
> JSON.GET d .
'{"a":"foobar","l":["xbar",1],"t":true}'
> JSON.STRLEN none .a
nil

== JSON.CLEAR
> JSON.SET d $ '{"a":1,"b":[1],"c":{"x":1},"s":"x","z":0,"e":[]}'
OK
> JSON.CLEAR d $.*
:3
> JSON.GET d .
'{"a":0,"b":[],"c":{},"s":"x","z":0,"e":[]}'
> JSON.CLEAR d
:1
> JSON.GET d .
"{}"

== objects
> JSON.SET d $ '{"a":{"x":1,"y":2},"b":3}'
OK
> JSON.OBJKEYS d $.*
[["x" "y"] nil]
> JSON.OBJKEYS d .a
["x" "y"]
> JSON.OBJLEN d $
[:2]
> JSON.OBJLEN d .
:2
> JSON.RESP d .a
[/\{/ "x" :1 "y" :2]
> JSON.DEBUG MEMORY d .b
:1
> JSON.DEBUG FOO
-ERR unknown subcommand 'FOO'. Try JSON.DEBUG HELP.

== arrays
> JSON.SET d $ '{"a":[1,2],"b":{"a":[]},"c":{"a":1}}'
OK
> JSON.ARRAPPEND d $..a 3 '"x"'
[:4 :2 nil]
> JSON.GET d $..a
'[[1,2,3,"x"],[3,"x"],1]'
> JSON.ARRINDEX d $..a '"x"'
[:3 :1 nil]
> JSON.ARRINDEX d .a 2.0
:-1
> JSON.ARRINDEX d .a 2 2
:-1
> JSON.ARRINDEX d .a 2 -3
:1
> JSON.ARRINSERT d .a 1 9 8
:6
> JSON.ARRINSERT d .a 7 1
-ERR index out of bounds
> JSON.GET d .a
'[1,9,8,2,3,"x"]'
> JSON.ARRLEN d $..a
[:6 :2 nil]
> JSON.ARRPOP d .a
'"x"'
> JSON.ARRPOP d .a 0
"1"
> JSON.ARRPOP d $..a -2
["2" "3" nil]
> JSON.ARRTRIM d .a 1 1
:1
> JSON.GET d .a
"[8]"
> JSON.ARRTRIM d .a 5 9
:0
> JSON.ARRPOP d .a
nil
> JSON.ARRLEN d .c.a
-WRONGTYPE wrong type of path value - expected array but found integer

== with everything else
> JSON.SET d $ '{"a":[1,{"b":"x"}]}'
OK
> EXPIRE d 100
:1
> JSON.SET d $.a[0] 5
OK
> TTL d
:99..100
> COPY d e
:1
> RENAME d f
OK
> JSON.GET f .
'{"a":[5,{"b":"x"}]}'
> JSON.GET e .a[1].b
'"x"'
> MULTI
OK
> JSON.NUMINCRBY f .a[0] 1
QUEUED
> JSON.GET f .a[0]
QUEUED
> EXEC
2: ["6" "6"]
3: [[:6] "6"]
> EVAL "return redis.call('JSON.GET', KEYS[1], '.a[0]')" 1 f
"6"

== JSON.GET FORMAT
> JSON.SET d $ '{"a":[1,2.5,"x",null,true,{"b":[]}],"n":-1}'
OK
> JSON.GET d FORMAT STRING $.n
"[-1]"
> JSON.GET d FORMAT EXPAND $.a .n
2: -ERR FORMAT argument is not supported on RESP2
3: [[[:1 ,2.5 "x" nil #t {"b" []}]] [:-1]]
> JSON.GET d FORMAT EXPAND1 $
2: -ERR FORMAT argument is not supported on RESP2
3: [[{"a" '[1,2.5,"x",null,true,{"b":[]}]' "n" :-1}]]
> JSON.GET d FORMAT EXPAND $.none
2: -ERR FORMAT argument is not supported on RESP2
3: [[]]
> JSON.GET d FORMAT BSON $
-ERR FORMAT is not supported

== JSON.SET FPHA
> JSON.SET d $ '{"v":[1,2.5,3e2],"w":[[0.1,-0.0],["x",1]],"n":1,"e":[]}' FPHA FP16
OK
> JSON.GET d .
'{"v":[1.0,2.5,300.0],"w":[[0.1,-0.0],["x",1]],"n":1,"e":[]}'
> JSON.TYPE d $.v[0]
2: ["number"]
3: [["number"]]
> JSON.SET d $.v '[3.14159265358979,65504,65519]' FPHA FP16
OK
> JSON.GET d .v
"[3.14,65500.0,65500.0]"
> JSON.SET d $.v '[0.000000059604645,1e-9]' FPHA fp16
OK
> JSON.GET d .v
"[6e-8,0.0]"
> JSON.SET d $.v "[[1], [2,\n 65520 ]]" FPHA FP16
-ERR value out of range for FP16 at line 2 column 2
> JSON.SET d $.v '[3.14159265358979,1e38]' FPHA BF16
OK
> JSON.GET d .v
"[3.14,1e38]"
> JSON.SET d $.v '[1,3.4e38]' FPHA BF16
-ERR value out of range for BF16 at line 1 column 4
> JSON.SET d $.v '[3.14159265358979,1e-45,3.4e38]' FPHA FP32
OK
> JSON.GET d .v
"[3.1415927,1e-45,3.4e38]"
> JSON.SET d $.v '[1e39]' FPHA FP32
-ERR value out of range for FP32 at line 1 column 2
> JSON.SET d $.v '[3.14159265358979,9007199254740993,18446744073709551615]' FPHA FP64
OK
> JSON.GET d .v
"[3.14159265358979,9007199254740992.0,1.8446744073709552e19]"
> JSON.SET d $.v '[1]' FPHA FP8
-ERR syntax error
> JSON.SET d $.v '[2]' XX FPHA FP64
OK
> JSON.GET d .v
"[2.0]"

== the older dialect of paths, as documented
> JSON.SET s $ '{"inventory":{"headphones":{"id":1,"free-shipping":false},"$x":2,"_y":3,"n1":4,"a b":5,"a.b":6,"é":7},"l":[[1,2],[3]]}'
OK
# The root is a dot; the dot before the first name may be left out; brackets with either quotes.
> JSON.GET s .inventory.headphones.id
"1"
> JSON.GET s inventory.headphones.id
"1"
> JSON.GET s inventory["headphones"].id
"1"
> JSON.GET s .inventory['headphones']['id']
"1"
> JSON.GET s ["inventory"]["headphones"].id
"1"
# Names: a letter, $ or _, then digits as well; others, and more, between quotes.
> JSON.GET s .inventory.$x
"2"
> JSON.GET s inventory._y
"3"
> JSON.GET s inventory.n1
"4"
> JSON.GET s inventory.headphones.free-shipping
"false"
> JSON.GET s '.inventory["a b"]'
"5"
> JSON.GET s .inventory["a.b"]
"6"
> JSON.GET s .inventory.é
"7"
> JSON.SET r $ '{"$x":1,"$":2}'
OK
> JSON.GET r $x
"1"
> JSON.GET r .$
"2"
> JSON.GET s .l[0][1]
"2"
> JSON.GET s l[-1][-1]
"3"
> JSON.GET s .l[0]["x"]
-ERR Path '$.l[0]["x"]' does not exist
> JSON.GET s l[5]
-ERR Path '$.l[5]' does not exist
> JSON.TYPE s l[5]
2: nil
3: [nil]
> JSON.DEL s .none
:0
> JSON.CLEAR s .none
:0
> JSON.ARRLEN s .none
-ERR Path '$.none' does not exist
> JSON.OBJKEYS s .l
-WRONGTYPE wrong type of path value - expected object but found array
> JSON.SET s .inventory.new 1
OK
> JSON.SET s inventory.new 2 NX
nil
> JSON.GET s inventory.new inventory.n1
'{"inventory.new":1,"inventory.n1":4}'
> JSON.GET s inventory.none inventory.n1
-ERR Path '$.inventory.none' does not exist
> JSON.MGET s r nokey .inventory.n1
["4" nil nil]
# A path that leads to several: all are changed, the last answers; of a read the first.
> JSON.ARRAPPEND s .l[*] 9
:2
> JSON.GET s .l[*]
"[1,2,9]"
> JSON.GET s ..id
"1"

== keys that are there again
> JSON.SET d $ '[{"name":"x","address":{"name":1}},{"name":"y","address":{"name":2}},{"name":"z","address":{"name":3}}]'
OK
> JSON.GET d $[1:]
'[{"name":"y","address":{"name":2}},{"name":"z","address":{"name":3}}]'
> JSON.OBJKEYS d $[2]
[["name" "address"]]
> JSON.RESP d $[2].address
[[/\{/ "name" :3]]
> JSON.ARRINDEX d $ '{"address":{"name":2},"name":"y"}'
[:1]
> JSON.GET d '$[?@.address.name > 1].name'
'["y","z"]'
> COPY d e
:1
> JSON.DEL d $[0]
:1
> JSON.GET d $
'[[{"name":"y","address":{"name":2}},{"name":"z","address":{"name":3}}]]'
> JSON.SET e $..name 7
OK
> JSON.GET e .
'[{"name":7,"address":{"name":7}},{"name":7,"address":{"name":7}},{"name":7,"address":{"name":7}}]'
> JSON.MSET e $ '[{"name":1},{"name":2}]' e $[1].name 3 e $[0].more '{"name":4,"again":{"name":5}}'
OK
> JSON.GET e .
'[{"name":1,"more":{"name":4,"again":{"name":5}}},{"name":3}]'
> JSON.SET e $ '{"name":{"name":1}}'
OK
> JSON.MERGE e $ '{"name":{"name":null,"else":{"name":2}}}'
OK
> JSON.GET e .
'{"name":{"else":{"name":2}}}'
> JSON.SET e $ '[{"name":[{"name":1}]},{"name":[]}]'
OK
> JSON.ARRPOP e $[0].name
['{"name":1}']
> JSON.ARRINSERT e $ 1 '{"name":2}'
[:3]
> JSON.GET e .
'[{"name":[]},{"name":2},{"name":[]}]'

== commands on a key that is not there
> JSON.TYPE none $
2: nil
3: [nil]
> JSON.GET none $
nil
> JSON.MGET none none $
[nil nil]
> JSON.STRLEN none $
nil
> JSON.ARRLEN none $
nil
> JSON.OBJLEN none $
nil
> JSON.OBJKEYS none $
nil
> JSON.ARRINDEX none $ 1
nil
> JSON.RESP none $
nil
> JSON.DEL none $
:0
> JSON.FORGET none
:0
> JSON.DEBUG MEMORY none .
:0
> JSON.DEBUG MEMORY none $
[]
> JSON.MERGE none $.a 1
-ERR new objects must be created at the root
> JSON.MERGE none $ null
OK
> EXISTS none
:0
> JSON.NUMINCRBY none $ 1
-ERR could not perform this operation on a key that doesn't exist
> JSON.STRAPPEND none $ '"x"'
-ERR could not perform this operation on a key that doesn't exist
> JSON.ARRAPPEND none $ 1
-ERR could not perform this operation on a key that doesn't exist
> JSON.ARRINSERT none $ 0 1
-ERR could not perform this operation on a key that doesn't exist
> JSON.ARRPOP none $
-ERR could not perform this operation on a key that doesn't exist
> JSON.ARRTRIM none $ 0 1
-ERR could not perform this operation on a key that doesn't exist
> JSON.TOGGLE none $
-ERR could not perform this operation on a key that doesn't exist
> JSON.CLEAR none $
-ERR could not perform this operation on a key that doesn't exist
> JSON.MERGE none $ '{"a":{"b":null}}'
OK
> JSON.GET none .
'{"a":{}}'

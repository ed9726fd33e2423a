# JSON arrays that have only numbers: one block without tags. What they say must not depend on it.
# oracle: skip because redis-server 7.0 has no JSON

== bytes: as many as the narrowest type that has all of them exactly, and six for the array
> JSON.SET n $ '{"a":[1,-2,127],"b":[0,255],"c":[-1,255],"d":[65535],"e":[-65536,0],"f":[4294967295],"g":[1,4294967296,1,4294967296]}'
OK
> JSON.DEBUG MEMORY n $.*
[:9 :8 :10 :8 :14 :10 :29]
> JSON.SET n $ '{"a":[0.5,-1.25],"b":[0.1,12.5],"c":[0.1,3.1415927],"d":[0.10000000149011612,0.20000000298023224],"e":[0.1,0.30000000000000004]}'
OK
> JSON.DEBUG MEMORY n $.*
[:10 :10 :14 :14 :22]
> JSON.SET n $ '{"a":[0.5,1,-3],"b":[0.5,1.0,1],"c":[1,"x"],"d":[0.1,18446744073709551615],"e":[]}'
OK
> JSON.GET n .
'{"a":[0.5,1,-3],"b":[0.5,1.0,1],"c":[1,"x"],"d":[0.1,18446744073709551615],"e":[]}'
> JSON.DEBUG MEMORY n $.a
[:12]

== the texts of numbers
> JSON.SET n $ [1.50,2e3,1e-7,-0.0,0.30000000000000004,123456789012345678,1E400]
-ERR number out of range at line 1 column 60
> JSON.SET n $ [1.50,2e3,1e-7,-0.0,0.30000000000000004,1.7976931348623157e308,5e-324]
OK
> JSON.GET n .
"[1.5,2000.0,1e-7,-0.0,0.30000000000000004,1.7976931348623157e308,5e-324]"
> JSON.SET n $ [9223372036854775807,-9223372036854775808,0]
OK
> JSON.GET n .
"[9223372036854775807,-9223372036854775808,0]"
> JSON.SET n $ [9007199254740993,0.5]
OK
> JSON.GET n .
"[9007199254740993,0.5]"
> JSON.SET n $ '{"v":[1,2.5],"w":[[3],[]]}'
OK
> JSON.GET n INDENT " " NEWLINE "\n" SPACE " " .
"{\n \"v\": [\n  1,\n  2.5\n ],\n \"w\": [\n  [\n   3\n  ],\n  []\n ]\n}"
> JSON.GET n INDENT "-" NEWLINE "\n" $.v $.w[0]
"{\n-\"$.v\":[\n--[\n---1,\n---2.5\n--]\n-],\n-\"$.w[0]\":[\n--[\n---3\n--]\n-]\n}"

== reading one, several, by filter
> JSON.SET n $ '{"v":[10,20,30,40,300],"f":[0.5,1.5,2.5]}'
OK
> JSON.GET n $.v[1]
"[20]"
> JSON.GET n $.v[-1]
"[300]"
> JSON.GET n $.v[5]
"[]"
> JSON.GET n .v[0]
"10"
> JSON.GET n $.v[0].x
"[]"
> JSON.GET n $.v[0][0]
"[]"
> JSON.GET n $.v[1:4:2]
"[20,40]"
> JSON.GET n $.v[::-2]
"[300,30,10]"
> JSON.GET n $.v[4,0]
"[300,10]"
> JSON.GET n $.v[?(@>20)]
"[30,40,300]"
> JSON.GET n $.f[?@<2]
"[0.5,1.5]"
> JSON.GET n $..*
"[[10,20,30,40,300],[0.5,1.5,2.5],10,20,30,40,300,0.5,1.5,2.5]"
> JSON.GET n '$[?@[4]==300]'
"[[10,20,30,40,300]]"
> JSON.GET n '$[?count(@.*)==3]'
"[[0.5,1.5,2.5]]"
> JSON.GET n '$[?length(@)==5 && @[0]==$.v[0]]'
"[[10,20,30,40,300]]"
> JSON.TYPE n $.v[0]
2: ["integer"]
3: [["integer"]]
> JSON.TYPE n $.f[*]
2: ["number" "number" "number"]
3: [["number" "number" "number"]]
> JSON.ARRLEN n $.*
[:5 :3]
> JSON.ARRINDEX n $.v 300
[:4]
> JSON.ARRINDEX n $.f 1.5
[:1]
> JSON.ARRINDEX n $.f 1
[:-1]
> JSON.RESP n $.f
[[/\[/ "0.5" "1.5" "2.5"]]
> JSON.OBJLEN n $.v[0]
[nil]
> JSON.STRLEN n .v[0]
-WRONGTYPE wrong type of path value - expected string but found integer

== changing one in its place, and out of its type
> JSON.SET n $ '{"v":[1,2,3],"f":[0.5,1.5]}'
OK
> JSON.NUMINCRBY n $.v[1] 5
2: "[7]"
3: [:7]
> JSON.DEBUG MEMORY n $.v
[:9]
> JSON.NUMINCRBY n $.v[1] 1000
2: "[1007]"
3: [:1007]
> JSON.DEBUG MEMORY n $.v
[:12]
> JSON.GET n .v
"[1,1007,3]"
> JSON.NUMMULTBY n $.v[*] 2
2: "[2,2014,6]"
3: [:2 :2014 :6]
> JSON.NUMINCRBY n $.f[0] 0.1
2: "[0.6]"
3: [,0.6]
> JSON.NUMINCRBY n $.f[1] 0.5
2: "[2.0]"
3: [,2]
> JSON.GET n .
'{"v":[2,2014,6],"f":[0.6,2.0]}'
> JSON.SET n $.v[0] 5
OK
> JSON.SET n $.v[*] '"x"' NX
nil
> JSON.SET n $.v[9] 5
-ERR array index out of range
> JSON.SET n $.v[0].x 5
nil
> JSON.SET n $.v[1] '"x"'
OK
> JSON.GET n .v
'[5,"x",6]'
> JSON.SET n $.v[1] 70000
OK
> JSON.SET n $.f[*] '{"a":[1]}'
OK
> JSON.GET n .
'{"v":[5,70000,6],"f":[{"a":[1]},{"a":[1]}]}'
> JSON.CLEAR n $..a[0]
:2
> JSON.CLEAR n $.v[*]
:3
> JSON.GET n .
'{"v":[0,0,0],"f":[{"a":[0]},{"a":[0]}]}'
> JSON.MERGE n $.v[1] 4
OK
> JSON.MERGE n $.f[0].a[0] '{"b":null,"c":1}'
OK
> JSON.MERGE n $.v[2] null
OK
> JSON.GET n .
'{"v":[0,4],"f":[{"a":[{"c":1}]},{"a":[0]}]}'
> JSON.DEL n $.v[0]
:1
> JSON.DEL n $..[0]
:3
> JSON.GET n .
'{"v":[],"f":[{"a":[]}]}'
> JSON.NUMINCRBY n $.v[0] 1
2: "[]"
3: []
> JSON.SET n $ [1,2]
OK
> JSON.TOGGLE n .[0]
-WRONGTYPE wrong type of path value - expected boolean but found integer
> JSON.TOGGLE n $[*]
[nil nil]
> JSON.STRAPPEND n $[1] '"x"'
[nil]
> JSON.NUMINCRBY n $[0] 1e308
2: "[1e308]"
3: [,1e+308]
> JSON.NUMMULTBY n $[*] 10
-ERR result is not a number
> JSON.GET n .
"[1e308,2]"
> JSON.DEL n $[1]
:1
> JSON.DEL n $
:1

== growing and shrinking
> JSON.SET n $ [1,2,3]
OK
> JSON.ARRAPPEND n $ 4 5
[:5]
> JSON.DEBUG MEMORY n $
[:11]
> JSON.ARRAPPEND n $ 500
[:6]
> JSON.DEBUG MEMORY n $
[:17]
> JSON.ARRINSERT n $ 1 -7
[:7]
> JSON.ARRINSERT n $ -1 0.5
[:8]
> JSON.GET n .
"[1,-7,2,3,4,5,0.5,500]"
> JSON.ARRPOP n $
["500"]
> JSON.ARRPOP n $ 1
["-7"]
> JSON.ARRINSERT n $ 0 '"x"' 9
[:8]
> JSON.GET n .
'["x",9,1,2,3,4,5,0.5]'
> JSON.ARRTRIM n $ 1 6
[:6]
> JSON.DEBUG MEMORY n $
[:12]
> JSON.ARRTRIM n $ 2 -3
[:2]
> JSON.GET n .
"[2,3]"
> JSON.ARRTRIM n $ 5 9
[:0]
> JSON.ARRAPPEND n $ 1.25
[:1]
> JSON.GET n .
"[1.25]"
> JSON.ARRPOP n .
"1.25"
> JSON.ARRPOP n .
nil

== JSON.ARRPOP FORMAT
> JSON.SET n $ '[[1,0.5],{"a":[1]},"s",7]'
OK
> JSON.ARRPOP n FORMAT STRINGS
2: "7"
3: ["7"]
> JSON.ARRPOP n FORMAT EXPAND $ 1
2: -ERR FORMAT argument is not supported on RESP2
3: [{"a" [:1]}]
> JSON.ARRPOP n FORMAT EXPAND1 . 0
2: -ERR FORMAT argument is not supported on RESP2
3: [:1 ,0.5]
> JSON.ARRPOP n FORMAT STRINGS . 0 1
-ERR wrong number of arguments for 'json.arrpop' command
> JSON.SET n $ '{"format":[1,2]}'
OK
> JSON.ARRPOP n format 0
2: "1"
3: "1"

== JSON.SET FPHA: two or four bytes for each
> JSON.SET n $ [0.1,3.14159265,1] FPHA BF16
OK
> JSON.GET n .
"[0.1,3.14,1.0]"
> JSON.DEBUG MEMORY n .
:12
> JSON.SET n $ [0.1,3.14159265,1] FPHA FP16
OK
> JSON.GET n .
"[0.1,3.14,1.0]"
> JSON.DEBUG MEMORY n .
:12
> JSON.SET n $ [0.1,3.14159265,1] FPHA FP32
OK
> JSON.GET n .
"[0.1,3.1415927,1.0]"
> JSON.DEBUG MEMORY n .
:18
> JSON.SET n $ [0.1,3.14159265358979,1] FPHA FP64
OK
> JSON.GET n .
"[0.1,3.14159265358979,1.0]"
> JSON.DEBUG MEMORY n .
:30
> JSON.SET n $ [1,70000] FPHA FP16
-ERR value out of range for FP16 at line 1 column 4

== copies
> JSON.SET n $ '{"v":[1,2,3],"f":[0.5,0.1]}'
OK
> COPY n m
:1
> JSON.NUMINCRBY m .v[0] 1
2: "2"
3: [:2]
> JSON.GET n .v
"[1,2,3]"

== powers of integers are integers or an error
> JSON.SET n $ [2,2.0,-8,0]
OK
> JSON.NUMPOWBY n $[0] 64
-ERR numeric overflow
> JSON.NUMPOWBY n $[0] -1
-ERR numeric overflow
> JSON.NUMPOWBY n $[0] -1.0
2: "[0.5]"
3: [,0.5]
> JSON.NUMPOWBY n $[1] 64
2: "[1.8446744073709552e19]"
3: [,18446744073709552000]
> JSON.NUMPOWBY n $[2] 0.5
-ERR result is not a number
> JSON.NUMPOWBY n $[3] -1.0
-ERR result is not a number
> JSON.NUMPOWBY n $[2] 3
2: "[-512]"
3: [:-512]
> JSON.GET n .
"[0.5,1.8446744073709552e19,-512,0]"

# What Lua 5.1 does otherwise than LuaJIT: scripts get Lua 5.1's answers.

== numbers and their texts
> EVAL "return {tostring(0/0), tostring(-(0/0)), tostring(1/0), tostring(-1/0), string.format('%f %g', 0/0, -1/0)}" 0
["-nan" "nan" "inf" "-inf" "-nan -inf"]
> EVAL "return {tostring(tonumber('-nan')), tostring(tonumber('0b11')), tostring(tonumber('1LL')), tonumber('0x10')}" 0
["-nan" "nil" "nil" :16]
> EVAL "return {tonumber('zz', 36), tonumber('ff', 16), tonumber(' 10 ', 2), tonumber('8', 8)}" 0
[:1295 :255 :2]
> EVAL "return {pcall(tonumber, '1', 37)}" 0
[nil "bad argument #2 to '?' (base out of range)"]
> EVAL "return tostring(math.log(8, 2))" 0
"2.0794415416798"
> EVAL "return math.mod(7, 4)" 0
:3
> EVAL "return 0b11" 0
/-ERR Error compiling script \(new function\): user_script:1: malformed number near '0b11'.*/
> EVAL "return 1LL" 0
/-ERR Error compiling script \(new function\): user_script:1: malformed number near '1LL'.*/
> EVAL "return {tostring(1e15), tostring(2^53), tostring(1e100), tostring(0.1), tostring(-0)}" 0
["1e+15" "9.007199254741e+15" "1e+100" "0.1" "-0"]

== string.format
> EVAL "return string.format('%q', 'a\\0b\\n\\r\\\"\\\\')" 0
"\"a\\000b\\\n\\r\\\"\\\\\""
> EVAL "return {pcall(string.format, '%s', nil)}" 0
[nil "bad argument #2 to '?' (string expected, got nil)"]
> EVAL "return {pcall(string.format, '%s')}" 0
[nil "bad argument #2 to '?' (no value)"]
> EVAL "return {pcall(string.format, '%a', 1)}" 0
[nil "invalid option '%a' to 'format'"]
> EVAL "return {pcall(string.format, '%123d', 1)}" 0
[nil "invalid format (width or precision too long)"]
> EVAL "return {pcall(string.format, '%-+ #0-d', 1)}" 0
[nil "invalid format (repeated flags)"]
> EVAL "return {pcall(string.format, '%')}" 0
[nil "bad argument #2 to '?' (no value)"]
> EVAL "return string.format('%5.2f|%-6s|%06d|%x|%X|%o|%e|%G|%c|%%|%i', 3.14159, 'ab', 42, 255, -1, 8, 1e10, 1e-10, 65, -3.7)" 0
" 3.14|ab    |000042|ff|FFFFFFFFFFFFFFFF|10|1.000000e+10|1E-10|A|%|-3"
> EVAL "return {string.format('%s', 'a\\0b'), #string.format('%s', ('x'):rep(200)), string.format('%.3s', 'abcdef'), #string.format('%99.99f', 1e300), string.format('%c', 0)}" 0
["a" :200 "abc" :401 ""]
> EVAL "return {string.format('%c', 123456789012), string.format('%c', 4294967361), string.format('%c', -191), string.format('%c', 1/0), string.format('%c%c', 65.9, 256 + 66)}" 0
["" "" "A" "" "AB"]

== words and calls
> EVAL "goto x ::x:: return 1" 0
/-ERR Error compiling script \(new function\): user_script:1: '=' expected near 'x'.*/
> EVAL "return 1 ::x::" 0
/-ERR Error compiling script \(new function\): user_script:1: .* near ':'.*/
> EVAL "local goto = 5 goto = goto + 1 return {goto, ':: text', ({goto = 2}).goto} -- ::x::" 0
[:6 ":: text" :2]
> EVAL "return string.rep('ab', 3, ',')" 0
"ababab"
> EVAL "return {xpcall(function(...) return select('#', ...) end, function(e) return e end, 1, 2)}" 0
[:1 :0]
> EVAL "return {pcall(load, 'return 1')}" 0
[nil "bad argument #1 to '?' (function expected, got string)"]
> EVAL "local s = '' for w in string.gfind('a b', '%a') do s = s .. w end return s" 0
"ab"
> EVAL "return {type(bit), type(rawget(_G, 'jit')), type(rawget(_G, 'ffi')), _VERSION, '\\x41\\u{41}', type(table.pack), type(table.unpack), type(rawget(_G, 'rawlen'))}" 0
["table" "nil" "nil" "Lua 5.1" "x41u{41}" "nil" "nil" "nil"]

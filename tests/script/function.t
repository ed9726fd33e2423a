# Libraries of functions: FUNCTION, FCALL.

== loading and calling
> FUNCTION FLUSH
OK
> FUNCTION LOAD "#!lua name=lib1\nredis.register_function('f', function(k,a) return {k[1],a[1],#k,#a} end)"
"lib1"
> FCALL f 1 a b
["a" "b" :1 :1]
> FCALL F 1 a b
["a" "b" :1 :1]
> FCALL nosuch 0
-ERR Function not found
> FCALL f x
-ERR Bad number of keys provided
> FCALL f 2 a
-ERR Number of keys can't be greater than number of args
> FUNCTION LOAD "#!lua name=lib1\nredis.register_function('f', function(k,a) return 1 end)"
-ERR Library 'lib1' already exists
> FUNCTION LOAD "#!lua name=lib2\nredis.register_function('f', function(k,a) return 1 end)"
-ERR Function f already exists
> FUNCTION LOAD REPLACE "#!lua name=lib1\nlocal n = 0\nredis.register_function('count', function() n = n + 1 return n end)\nredis.register_function{function_name='g', callback=function(k) return redis.call('get',k[1]) end, flags={'no-writes'}, description='gets'}\nredis.register_function('w', function(k,a) return redis.call('set',k[1],a[1]) end)\nredis.register_function('e', function() error('boom') end)"
"lib1"
> FCALL f 0
-ERR Function not found
> FCALL count 0
:1
> FCALL count 0
:2
> FCALL w 1 k v
OK
> FCALL_RO g 1 k
"v"
> FCALL_RO w 1 k v
-ERR Can not execute a script with write flag using *_ro command.
> FCALL e 0
-ERR user_function:6: boom script: e, on @user_function:6.
> FUNCTION STATS
{"running_script" nil "engines" {"LUA" {"libraries_count" :1 "functions_count" :4}}}
> FUNCTION DELETE nosuch
-ERR Library not found
> FUNCTION DELETE lib1
OK
> FUNCTION LIST
[]

== listing
> FUNCTION FLUSH SYNC
OK
> FUNCTION LOAD "#!lua name=one\nredis.register_function{function_name='g', callback=function(k) return 1 end, flags={'allow-oom','no-writes'}, description='gets'}"
"one"
> FUNCTION LIST LIBRARYNAME o* WITHCODE
[{"library_name" "one" "engine" "LUA" "functions" [{"name" "g" "description" "gets" "flags" ~[+no-writes +allow-oom]}] "library_code" /(?s)#!lua name=one.*/}]
> FUNCTION LIST LIBRARYNAME x*
[]
> FUNCTION LIST LIBRARYNAME
-ERR library name argument was not given
> FUNCTION LIST nonsense
-ERR Unknown argument nonsense

== what is wrong with a library
> FUNCTION FLUSH
OK
> FUNCTION LOAD "x"
-ERR Missing library metadata
> FUNCTION LOAD "#!lua"
-ERR Invalid library metadata
> FUNCTION LOAD "#!lua\n"
-ERR Library name was not given
> FUNCTION LOAD "#!lua name=a\n"
-ERR No functions registered
> FUNCTION LOAD "#!foo name=a\n"
-ERR Engine 'foo' not found
> FUNCTION LOAD "#!lua name=a-b\n"
-ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long
> FUNCTION LOAD "#!lua name=a\nredis.register_function('x', 5)"
-ERR Error registering functions: ERR second argument to redis.register_function must be a function
> FUNCTION LOAD "#!lua name=a\nredis.call('get','x')"
-ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'call'
> FUNCTION LOAD "#!lua name=a\nx = 5"
-ERR Error registering functions: ERR user_function:2: Attempt to modify a readonly table
> FUNCTION LOAD "#!lua name=a\nx x"
-ERR Error compiling function: user_function:2: '=' expected near 'x'
> FUNCTION LOAD "#!lua name=a\nredis.register_function('aa', function() return redis.register_function('z', function() end) end)"
"a"
> FCALL aa 0
-ERR user_function:2: attempt to call field 'register_function' (a nil value) script: aa, on @user_function:2.

== dumps
> FUNCTION FLUSH
OK
> FUNCTION RESTORE "\xf5\xc3@f@p\x1f#!lua name=m1\nredis.register_fun\x05ction{\xc0\x08\x00_`(\x0c'f',callback=\xc0\x1a\x1a() end,flags={'no-writes',' *\x08ow-oom'}}\n\x00\xcbf\xe1\x8c\x02\x85\x1c8"
OK
> FCALL f 0
nil
> FUNCTION RESTORE "\xf5\xc3@f@p\x1f#!lua name=m1\nredis.register_fun\x05ction{\xc0\x08\x00_`(\x0c'f',callback=\xc0\x1a\x1a() end,flags={'no-writes',' *\x08ow-oom'}}\n\x00\xcbf\xe1\x8c\x02\x85\x1c8"
-ERR Library m1 already exists
> FUNCTION RESTORE "\xf5\xc3@f@p\x1f#!lua name=m1\nredis.register_fun\x05ction{\xc0\x08\x00_`(\x0c'f',callback=\xc0\x1a\x1a() end,flags={'no-writes',' *\x08ow-oom'}}\n\x00\xcbf\xe1\x8c\x02\x85\x1c8" REPLACE
OK
> FUNCTION RESTORE "\xf5\xc3@f@p\x1f#!lua name=m1\nredis.register_fun\x05ction{\xc0\x08\x00_`(\x0c'f',callback=\xc0\x1a\x1a() end,flags={'no-writes',' *\x08ow-oom'}}\n\x00\xcbf\xe1\x8c\x02\x85\x1c9" REPLACE
-ERR DUMP payload version or checksum are wrong
> FUNCTION RESTORE foo bar
-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.
> FUNCTION FLUSH
OK

== flags in the first line of a script
> EVAL "#!lua\nreturn 1" 0
:1
> EVAL "#!lua flags=foo\nreturn 1" 0
-ERR Unexpected flag in script shebang: foo
> EVAL "#!lua flags=no-writes\nreturn redis.call('set','a','b')" 0
-ERR Write commands are not allowed from read-only scripts. script: 6acb400a50fe96e33eca4e0af6e9dcfb21193726, on @user_script:2.
> EVAL "#!lua foo\nreturn 1" 0
-ERR Unknown lua shebang option: foo
> EVAL "#!lux\nreturn 1" 0
-ERR Unexpected engine in script shebang: #!lux
> EVAL "#!lua" 0
-ERR Invalid script shebang
> EVAL_RO "#!lua\nreturn 1" 0
-ERR Can not execute a script with write flag using *_ro command.

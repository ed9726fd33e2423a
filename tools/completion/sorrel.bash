# bash completion for Sorrel's programs (and their redis-* and valkey-* names). Options come from the programs' own --help,
# subcommands of --cluster from its help, and the names of commands from the server that the line leads to, if it answers.

# The words of the line that say how to connect.
_sorrel_connection() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -h|-p|-s|-a|-u|-n|--pass|--user|--sni|--cacert|--cacertdir|--cert|--key)
            printf '%s\n' "${COMP_WORDS[i]}" "${COMP_WORDS[i+1]}"; ((i++)) ;;
        --tls|--insecure) printf '%s\n' "${COMP_WORDS[i]}" ;;
        esac
    done
}

# True if every word before the current one is an option or an option's value.
_sorrel_only_options() {
    local i flags=$1
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] || return 1
        [[ $flags == *" ${COMP_WORDS[i]}="* ]] && ((i++))
    done
    ((i == COMP_CWORD))
}

_sorrel_complete() {
    mapfile -t COMPREPLY < <(compgen "$@" -- "${COMP_WORDS[COMP_CWORD]}")
}

_sorrel_tool() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} program=${COMP_WORDS[0]} line help flags=' '
    case $prev in
    -s|--eval|--rdb|--functions-rdb|--cacert|--cert|--key|--html) _sorrel_complete -f; return ;;
    --cacertdir) _sorrel_complete -d; return ;;
    -h) _sorrel_complete -A hostname; return ;;
    --type) _sorrel_complete -W 'string list set zset hash stream ReJSON-RL'; return ;;
    --key-dist) _sorrel_complete -W 'uniform zipf seq hot'; return ;;
    --show-pushes) _sorrel_complete -W 'yes no'; return ;;
    -k) _sorrel_complete -W '0 1'; return ;;
    -t)
        [[ $program == *benchmark ]] || return
        # A list: what stands before the last comma stays.
        local list=ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,lrange_100,lrange_300
        list+=,lrange_500,lrange_600,mset,xadd
        local before=
        [[ $cur == *,* ]] && before=${cur%,*},
        mapfile -t COMPREPLY < <(compgen -P "$before" -W "${list//,/ }" -- "${cur##*,}")
        compopt -o nospace 2> /dev/null
        return ;;
    --cluster)
        [[ $program == *benchmark ]] || { _sorrel_complete -W "$("$program" --cluster help 2> /dev/null | sed -n 's/^  \([a-z-]*\) .*/\1/p')"; return; } ;;
    esac
    help=$("$program" --help all 2> /dev/null || "$program" --help 2> /dev/null)
    if [[ $cur == -* ]]; then
        local options
        options=$(sed -n 's/^  \(-[-a-zA-Z0-9]*\).*/\1/p' <<< "$help")
        [[ " ${COMP_WORDS[*]} " == *' --cluster '* ]] && options+=" $("$program" --cluster help 2> /dev/null | grep -o -e '--cluster-[a-z-]*')"
        _sorrel_complete -W "$options"
        return
    fi
    [[ $program == *benchmark ]] && return
    while read -r line; do flags+="${line%% *}= "; done < <(sed -n 's/^  \(-[-a-zA-Z0-9]* [A-Z]\)/\1/p' <<< "$help")
    _sorrel_only_options "$flags" || return
    local -a connection
    mapfile -t connection < <(_sorrel_connection)
    local names
    names=$(timeout 1 "$program" "${connection[@]}" --no-auth-warning -e --raw command list 2> /dev/null < /dev/null) || return
    [[ $cur == *[a-z]* ]] || names=${names^^}
    _sorrel_complete -W "$names"
}

_sorrel_check() {
    local cur=${COMP_WORDS[COMP_CWORD]} kind=${COMP_WORDS[1]}
    case ${COMP_WORDS[0]} in *-check-rdb) kind=rdb ;; *-check-aof) kind=aof ;; *) ((COMP_CWORD == 1)) && { _sorrel_complete -W 'rdb aof --help --version'; return; } ;; esac
    case ${COMP_WORDS[COMP_CWORD-1]} in
    --export) _sorrel_complete -W json; return ;;
    --truncate-to-timestamp) return ;;
    esac
    if [[ $cur == -* && $kind == aof ]]; then
        _sorrel_complete -W '--fix --truncate-to-timestamp'
    elif [[ $cur == -* ]]; then
        _sorrel_complete -W '--export'
    else
        _sorrel_complete -f
    fi
}

_sorrel_server() {
    case ${COMP_WORDS[COMP_CWORD-1]} in
    --dir) _sorrel_complete -d; return ;;
    --loglevel) _sorrel_complete -W 'debug verbose notice warning nothing'; return ;;
    --daemonize|--appendonly) _sorrel_complete -W 'yes no'; return ;;
    esac
    case ${COMP_WORDS[COMP_CWORD]} in
    -*) _sorrel_complete -W "--version $("${COMP_WORDS[0]}" --help 2> /dev/null | grep -o -e '--[a-z][a-z-]*')" ;;
    *) _sorrel_complete -f ;;
    esac
}

complete -F _sorrel_tool {sorrel,redis,valkey}-cli {sorrel,redis,valkey}-benchmark
complete -o filenames -F _sorrel_check sorrel-check {redis,valkey}-check-{rdb,aof}
complete -o filenames -F _sorrel_server {sorrel,redis,valkey}-server

# bash completion for firsthopctl.

# Names from the daemon, if it answers: the value of "$2" in each element of
# the list that "firsthopctl --json $1" prints, which is three levels deep.
_firsthopctl_names()
{
    local socket=()

    [[ -n $socket_path ]] && socket=(--socket "$socket_path")
    firsthopctl "${socket[@]}" --json "$1" 2>/dev/null \
        | sed -n "s/^   \"$2\": \"\([^\"]*\)\".*/\1/p" | sort -u
}

_firsthopctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]}
    local prev=${COMP_WORDS[COMP_CWORD - 1]}
    local commands="status routers paths clients explain events history
        exposure usage flows trace move drain undrain uplink sweep config
        cluster page report top"
    local options="--socket --json --segment --state --active --since
        --client --router --type --cause --follow --dry-run --version
        --help"
    local words=() socket_path= i

    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --socket)
                socket_path=${COMP_WORDS[++i]} ;;
            --segment | --state | --active | --since | --client | --router \
                | --type | --cause)
                ((i++)) ;;
            -*) ;;
            *)
                words+=("${COMP_WORDS[i]}") ;;
        esac
    done

    case $prev in
        --socket)
            COMPREPLY=($(compgen -f -- "$cur"))
            return ;;
        --state)
            COMPREPLY=($(compgen -W "pending active lost" -- "$cur"))
            return ;;
        --active | --router)
            COMPREPLY=($(compgen -W "$(_firsthopctl_names routers name)" \
                -- "$cur"))
            return ;;
        --segment)
            COMPREPLY=($(compgen -W "$(_firsthopctl_names clients segment)" \
                -- "$cur"))
            return ;;
        --client)
            COMPREPLY=($(compgen -W "$(_firsthopctl_names clients address)" \
                -- "$cur"))
            return ;;
        --cause)
            COMPREPLY=($(compgen -W "first unreachable router_lost port_down
                drain preempt manual restored config uplink" -- "$cur"))
            return ;;
        --since | --type)
            return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        return
    fi

    case "${#words[@]} ${words[0]} ${words[1]}" in
        "0 "*)
            COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
        "1 routers "* | "1 exposure "* | "1 drain "* | "1 undrain "* \
            | "1 uplink "* | "2 move "*)
            COMPREPLY=($(compgen -W "$(_firsthopctl_names routers name)" \
                -- "$cur")) ;;
        "1 clients "* | "1 explain "* | "1 history "* | "1 flows "* \
            | "1 trace "* | "2 trace "* | "1 move "*)
            COMPREPLY=($(compgen -W "$(_firsthopctl_names clients address)" \
                -- "$cur")) ;;
        "1 sweep "*)
            COMPREPLY=($(compgen -W "$(_firsthopctl_names clients segment)" \
                -- "$cur")) ;;
        "2 uplink "*)
            COMPREPLY=($(compgen -W "down up" -- "$cur")) ;;
        "1 cluster "*)
            COMPREPLY=($(compgen -W "transfer" -- "$cur")) ;;
        "2 cluster transfer")
            COMPREPLY=($(compgen -W "$(_firsthopctl_names cluster name)" \
                -- "$cur")) ;;
        "1 config "*)
            COMPREPLY=($(compgen -W "check show apply diff versions rollback" \
                -- "$cur")) ;;
        "1 report "* | "2 config check" | "2 config apply" | "2 config diff")
            COMPREPLY=($(compgen -f -- "$cur")) ;;
        *" usage "*)
            COMPREPLY=($(compgen -W "$(_firsthopctl_names clients address)" \
                -- "$cur")) ;;
    esac
}

complete -o filenames -F _firsthopctl firsthopctl

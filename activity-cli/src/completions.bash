# Completions of `activity` for bash 3.2 and newer.
_activity() {
    # Bash splits words at colons and equal signs. Joins what has no space between.
    local line=${COMP_LINE:0:COMP_POINT} words=() last=-1 i word
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((last < 0)) || [[ $line == [[:space:]]* ]]; then
            last=$((last + 1))
            words[last]=
        fi
        line=${line#"${line%%[![:space:]]*}"}
        # The word at the cursor may go on behind it.
        if ((i == COMP_CWORD)); then
            word=$line
        fi
        line=${line#"$word"}
        words[last]+=$word
    done
    # Readline replaces only the part behind the last separator.
    local prefix=${words[last]%"$2"} IFS=$'\013' answer
    answer=$(_CLAP_IFS=$IFS _CLAP_COMPLETE_INDEX=$last ACTIVITY_COMPLETE=bash \
        "${COMP_WORDS[0]}" -- "${words[@]}" 2>/dev/null) || return
    COMPREPLY=()
    # Without an answer bash completes paths.
    [[ -n $answer ]] || return
    while read -r -d "$IFS" word; do
        COMPREPLY+=("${word#"$prefix"}")
    done <<<"$answer$IFS"
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:.=,/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -F _activity activity

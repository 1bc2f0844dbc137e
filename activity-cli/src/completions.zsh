#compdef activity
# Completions of `activity` for zsh.
_activity() {
    local answer value
    local -a answers words_of_filter others
    answer=$(_CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$((CURRENT - 1)) ACTIVITY_COMPLETE=zsh \
        "${words[1]}" -- "${words[@]}" 2>/dev/null) || return
    answers=("${(@f)answer}")
    for answer in $answers; do
        # A colon of the value is escaped, one before a description is not.
        value=${${answer//\\:/$'\v'}%%:*}
        case $value in
            *[$'\v'./]) words_of_filter+=("$answer") ;;
            *) others+=("$answer") ;;
        esac
    done
    # More of the word follows a field.
    (($#words_of_filter)) && _describe -V values words_of_filter -S ''
    (($#others)) && _describe -V values others
}
# The first completion loads this file as the function itself.
if [[ $funcstack[1] == _activity ]]; then
    _activity "$@"
else
    compdef _activity activity
fi

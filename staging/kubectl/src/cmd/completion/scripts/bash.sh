# Completion for kubectl in bash: every word is asked of `kubectl __complete`.
# An alias completes with: complete -o default -F __start_kubectl ALIAS

__start_kubectl() {
    local line="${COMP_LINE:0:COMP_POINT}" words=() request="" word out directive prefix strip candidate
    COMPREPLY=()
    read -ra words <<<"$line"
    # Behind a blank a new word begins.
    if [[ "$line" == *[[:space:]] ]]; then
        words+=("")
    fi
    for word in "${words[@]:1}"; do
        request+=" $(printf '%q' "$word")"
    done
    # eval, because the first word may be an alias.
    out=$(eval "${words[0]} __complete$request" 2>/dev/null) || return
    directive="${out##*$'\n':}"
    directive="${directive#:}"
    # 1: no completion at all. 2: no blank behind the word. 4: no files.
    if (((directive & 1) != 0)); then
        return
    fi
    if (((directive & 2) != 0)); then
        compopt -o nospace 2>/dev/null
    fi
    if (((directive & 4) != 0)); then
        compopt +o default 2>/dev/null
    fi
    word="${words[${#words[@]} - 1]}"
    # Of --flag=value the candidates are values. Bash replaces only what stands behind the last of its word breaks.
    prefix=""
    strip=""
    if [[ "$word" == --*=* ]]; then
        if [[ "$COMP_WORDBREAKS" != *=* ]]; then
            prefix="${word%%=*}="
        fi
        word="${word#*=}"
    elif [[ "$COMP_WORDBREAKS" == *:* && "$word" == *:* ]]; then
        strip="${word%"${word##*:}"}"
    fi
    while IFS='' read -r candidate; do
        candidate="${candidate%%$'\t'*}"
        if [[ -n "$candidate" && "$candidate" != :* && "$candidate" == "$word"* ]]; then
            COMPREPLY+=("$prefix${candidate#"$strip"}")
        fi
    done <<<"$out"
}

complete -o default -F __start_kubectl kubectl

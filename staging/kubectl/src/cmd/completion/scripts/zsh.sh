#compdef kubectl
# Completion for kubectl in zsh: every word is asked of `kubectl __complete`.

_kubectl() {
    local out directive line name description flags=()
    local -a candidates
    out=$(eval "${words[1]} __complete ${(@qq)words[2,CURRENT]}" 2>/dev/null) || return
    directive="${${(f)out}[-1]#:}"
    for line in "${(@f)out}"; do
        if [[ -z "$line" || "$line" == :* ]]; then
            continue
        fi
        name="${line%%$'\t'*}"
        name="${name//:/\\:}"
        if [[ "$line" == *$'\t'* ]]; then
            description="${line#*$'\t'}"
            candidates+=("${name}:${description}")
        else
            candidates+=("$name")
        fi
    done
    # 1: no completion at all. 2: no blank behind the word. 4: no files.
    if ((directive & 1)); then
        return
    fi
    if ((directive & 2)); then
        flags+=(-S '')
    fi
    # Of --flag=value the candidates are values.
    if [[ "${words[CURRENT]}" == --*=* ]]; then
        compset -P '--*='
    fi
    if (( ${#candidates} )) && _describe -V kubectl candidates "${flags[@]}"; then
        return
    fi
    if ! ((directive & 4)); then
        _files
    fi
}

# Sourced, the function has to be made known; as a file of fpath it is called.
if [[ "${funcstack[1]}" == "_kubectl" ]]; then
    _kubectl
else
    compdef _kubectl kubectl
fi

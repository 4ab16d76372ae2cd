# Completion for kubectl in fish: every word is asked of `kubectl __complete`.

function __kubectl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l out ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    if test (count $out) -eq 0
        return
    end
    set -l directive (string replace ':' '' -- $out[-1])
    # 1: no completion at all. 4: no files.
    if test (math "bitand($directive, 1)") -ne 0
        return
    end
    # Of --flag=value the candidates are values.
    set -l prefix (string match -r -- '^--[^=]*=' "$current")
    if test (count $out) -gt 1
        printf '%s\n' "$prefix"$out[1..-2]
    else if test (math "bitand($directive, 4)") -eq 0
        __fish_complete_path "$current"
    end
end

complete -c kubectl -e
complete -c kubectl -f -a '(__kubectl_complete)'

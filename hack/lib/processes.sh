# Daemons of a cluster: each has a file with its pid and start time, and a log. Sourced; wants STATE.

# started_at PID: the kernel's start time of a process, which with the pid names it for ever; nothing of one that has ended.
started_at() { awk '{ sub(/^.*\) /, ""); if ($1 !~ /[ZX]/) print $20 }' "/proc/$1/stat" 2>/dev/null; }

# is_running NAME
is_running() {
    local pid start
    read -r pid start 2>/dev/null <"$STATE/pids/$1" || return 1
    [[ -n $start && $(started_at "$pid") == "$start" ]]
}

pid_of() { cut -d' ' -f1 "$STATE/pids/$1"; }

# run_daemon NAME COMMAND...: starts it unless it runs. It writes its own pid before it becomes the program, so that a daemon
# is known even if whoever starts it is killed at that moment; file 9 is the lock of the command, and not the daemon's, nor is
# file 8, where the command complains.
run_daemon() {
    local name=$1 pid
    shift
    is_running "$name" && return 0
    # shellcheck disable=SC2016
    setsid bash -c '
        read -r stat </proc/$$/stat; fields=(${stat##*) })
        echo "$$ ${fields[19]}" >"$1.new" && mv "$1.new" "$1"
        shift; exec "$@"' daemon "$STATE/pids/$name" "$@" >>"$STATE/logs/$name.log" 2>&1 </dev/null 8>&- 9>&- &
    pid=$!
    disown "$pid"
    until is_running "$name"; do
        kill -0 "$pid" 2>/dev/null || fail "$name does not start" "$name"
        sleep 0.01
    done
}

# ports NAME ADDRESS:PORT...: fails if somebody else listens where that daemon is to, there or on every address; TCP, or UDP
# where it says udp:ADDRESS:PORT.
ports() {
    local name=$1 place address port holder kind
    shift
    is_running "$name" && return 0
    for place in "$@"; do
        kind=t
        [[ $place != udp:* ]] || kind=u place=${place#udp:}
        address=${place%:*} port=${place##*:}
        holder=$(ss -Hlnp"$kind" "sport = :$port" 2>/dev/null | awk -v exact="$place" -v port=":$port" '
            { sub(/%[^:]*:/, ":", $4) }
            $4 == exact || $4 == "0.0.0.0" port || $4 == "*" port || $4 == "[::]" port { print; exit }')
        [[ -n $holder ]] || continue
        holder=$(sed -nE 's/.*users:\(\("([^"]*)",pid=([0-9]+).*/\1 (process \2)/p' <<<"$holder")
        fail "$name wants to listen on $address port $port, and ${holder:-somebody of another namespace} does already: end that first" no
    done
}

# stop_daemon NAME [SECONDS]: asks it to end, and ends it when it does not.
stop_daemon() {
    local name=$1 seconds=${2:-5} pid
    if is_running "$name"; then
        pid=$(pid_of "$name")
        kill -TERM "$pid" 2>/dev/null || true
        local _
        for _ in $(seq $((seconds * 20))); do
            is_running "$name" || break
            sleep 0.05
        done
        if is_running "$name"; then kill -KILL "$pid" 2>/dev/null || true; fi
    fi
    rm -f "$STATE/pids/$name"
}

# wait_until SECONDS WHAT DAEMON COMMAND...: until the command succeeds; else, or when the daemon has ended, says what is
# missing and where to look.
wait_until() {
    local seconds=$1 what=$2 log=$3 deadline
    shift 3
    deadline=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        if [[ -e $STATE/pids/$log ]] && ! is_running "$log"; then
            fail "$what: $log has ended" "$log"
        fi
        if ((SECONDS >= deadline)); then
            fail "$what: not after $seconds s" "$log"
        fi
        sleep 0.05
    done
}

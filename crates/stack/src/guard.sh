# The guard of one child process: waits on its standard input, the lifeline, whose other end only the child's owner
# holds. The word "released" says that the child has ended. Anything else, above all the end of the pipe, says that the
# owner is gone: then the child ends here, with all its descendants, and its folder is removed.
#
# Arguments: the process id; the signal to ask with first (KILL: do not ask); the folder, or nothing.
trap '' HUP INT QUIT TERM
IFS= read -r word && [ "$word" = released ] && exit 0
root=$1 ask=$2 folder=$3

# Prints "PID PARENT" of every process that runs.
table() {
    if [ -r /proc/self/stat ]; then
        for stat in /proc/[0-9]*/stat; do
            { IFS= read -r line <"$stat"; } 2>/dev/null || continue
            set -- ${line##*) }
            case $1 in Z | X) ;; *) echo "${line%% *} $2" ;; esac
        done
    else
        ps -A -o pid= -o stat= -o ppid= | while read -r pid state parent; do
            case $state in Z*) ;; *) echo "$pid $parent" ;; esac
        done
    fi
}

# Sets "members" to the process and its descendants, each with a blank on both sides.
family() {
    members=' ' known=" $root " before=
    rows=$(table)
    while [ "$before" != "$known" ]; do
        before=$known
        while read -r pid parent; do
            case $members in *" $pid "*) continue ;; esac
            if [ "$pid" = "$root" ]; then
                members="$members$pid "
                continue
            fi
            case $known in *" $parent "*) known="$known$pid " members="$members$pid " ;; esac
        done <<ROWS
$rows
ROWS
    done
}

family
if [ "$ask" != KILL ] && [ "$members" != ' ' ]; then
    kill -s "$ask" "$root"
    kill -s CONT $members
    tries=0
    while [ "$members" != ' ' ] && [ "$tries" -lt 20 ]; do
        sleep 0.1
        tries=$((tries + 1))
        family
    done
fi

# Stopped first, from the root on, so that nobody has a child that is not seen.
before=
while [ "$members" != ' ' ] && [ "$members" != "$before" ]; do
    before=$members
    kill -s STOP $members
    family
done
[ "$members" = ' ' ] || kill -s KILL $members

if [ -n "$folder" ]; then
    rm -rf -- "$folder" || { sleep 1; rm -rf -- "$folder"; }
fi

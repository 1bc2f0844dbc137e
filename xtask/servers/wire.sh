#!/bin/sh
# Runs a command, and keeps the bytes that pass: `wire.sh FOLDER COMMAND…`. Signals reach the command itself.
# Around a proxy whose server it also runs, it keeps those before and behind the proxy in one folder of a connection,
# whose lock is held until all processes of the connection have ended.
set -e
if [ -z "$CONNECTION" ]; then
    CONNECTION=$(mktemp -d "$1/XXXXXX")
    export CONNECTION
    side=before
    exec 9>"$CONNECTION/lock"
    flock 9
else
    side=behind
fi
shift
mkfifo "$CONNECTION/$side.in" "$CONNECTION/$side.out"
# A background command has no standard input of its own.
exec 3<&0
tee "$CONNECTION/client-$side" <&3 >"$CONNECTION/$side.in" &
tee "$CONNECTION/server-$side" <"$CONNECTION/$side.out" &
exec "$@" <"$CONNECTION/$side.in" >"$CONNECTION/$side.out" 3<&-

#!/bin/sh
# The policies are the arguments: helm upgrade … --post-renderer klockc --post-renderer-args locks.klock
# Helm 4 keeps to itself what a plugin says, errors included: where that is possible, it is said where Helm speaks.
says=/proc/$PPID/fd/2
if [ -w "$says" ] && { [ -p "$says" ] || [ -c "$says" ]; }; then
	exec klockc post-render "$@" 2>>"$says"
fi
exec klockc post-render "$@"

# Every call that writes is made to fail once: a file is the old one or the new one, nothing half-written is left, and the
# exit status tells. Sourced by run.sh in its working directory.
failing=$root/build/${BUILD:-release}/tests/cli/klockc-failing

old='# what was there before'
"$KLOCKC" compile payments.klock >whole 2>/dev/null

# One run with the n-th call failing; sets `status`, and `reached` to whether it was called at all.
failing_run() {
	status=0
	KLOCK_FAIL_AT=$n "$failing" "$@" >out 2>err </dev/null || status=$?
	judge "call $n of $* fails: status $status" test "$status" -eq 0 -o "$status" -eq 2
	[ "$status" -eq 0 ] || judge "call $n of $*: says so" grep -q 'No space left' err
}

# Calls whose failure harms nobody (closing a file that was read) let the run succeed, so the series ends only after
# a run of successes longer than there are such calls in a row.
for kind in standard-output output-file output-dir; do
	n=1 successes=0
	while [ $successes -lt 12 ] && [ $n -lt 200 ]; do
		case $kind in
		standard-output)
			failing_run compile payments.klock
			[ "$status" -ne 0 ] || judge "call $n: standard output is whole" cmp -s whole out
			;;
		output-file)
			printf '%s\n' "$old" >objects.yaml
			failing_run compile payments.klock --output-file objects.yaml
			if cmp -s whole objects.yaml; then
				pass
			else
				judge "call $n: the file is as it was" grep -qx "$old" objects.yaml
				judge "call $n: and that is an error" test "$status" -eq 2
			fi
			judge "call $n: nothing is left beside the file" test "$(ls objects.yaml* | wc -l)" -eq 1
			;;
		output-dir)
			rm -rf objects
			mkdir objects
			for name in $("$KLOCKC" compile payments.klock --output-dir whole-dir >/dev/null 2>&1 && ls whole-dir); do
				printf '%s\n' "$old" >"objects/$name"
			done
			failing_run compile payments.klock --output-dir objects
			torn=
			for path in objects/*; do
				name=${path#objects/}
				cmp -s "whole-dir/$name" "$path" || grep -qx "$old" "$path" || torn="$torn $name"
			done
			judge "call $n: files are old or new:$torn" test -z "$torn"
			judge "call $n: nothing is left beside them" test "$(ls objects | wc -l)" -eq "$(ls whole-dir | wc -l)"
			;;
		esac
		if [ "$status" -eq 0 ]; then successes=$((successes + 1)); else successes=0; fi
		n=$((n + 1))
	done
	judge "$kind: the series comes to its end" test $n -lt 200
	judge "$kind: some call failed" test $n -gt 13
done

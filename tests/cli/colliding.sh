# Names that collide, which none do: the program is linked with functions that make them so. Whatever is there twice is an
# internal error, nothing is written, and the exit status is 3. Sourced by run.sh in its working directory.
colliding=$OUT/tests/cli/klockc-colliding

cat >near.klock <<'POLICY'
policy near
lock one { resources configmaps namespace default labels tier=a deny delete exclusive user u1 break-glass group g }
lock two { resources configmaps namespace default annotations tier=b deny delete exclusive user u2 break-glass group g }
lock three { resources pods namespace default labels tier deny delete }
lock four { resources pods namespace default labels zone deny delete }
grant first to user u { resources configmaps namespace default allow get }
grant second to user u { resources configmaps namespace default allow list }
POLICY
cat >rows.klock <<'POLICY'
policy rows
lock one { resources configmaps namespace default labels tier=a deny delete exclusive user u1 }
lock two { resources configmaps namespace default labels tier=b deny delete exclusive user u2 }
lock three { resources configmaps namespace default labels tier=c deny delete exclusive user u3 }
POLICY

for kind in none part identifier grant id; do
	policy=near.klock wanted=3
	case $kind in
	none) wanted=0 ;;
	id) policy=rows.klock ;;
	esac
	for verb in compile check test; do
		status=0
		KLOCK_COLLIDE=$kind "$colliding" $verb $policy >out 2>err </dev/null || status=$?
		judge "$kind collides, $verb: status $wanted" test "$status" -eq $wanted
		if [ $wanted -eq 3 ]; then
			says K0009 "$kind"
			silent "$kind"
		fi
	done
	[ $wanted -eq 3 ] || continue
	printf 'what was there\n' >kept
	KLOCK_COLLIDE=$kind "$colliding" compile $policy --output-file kept >out 2>err </dev/null || :
	judge "$kind collides: the file is as it was" grep -qx 'what was there' kept
	KLOCK_COLLIDE=$kind "$colliding" compile $policy --output-dir never >out 2>err </dev/null || :
	judge "$kind collides: no directory is made" test ! -e never
done

# AppProjects are called like tenants, whatever the policy.
for name in first second; do
	printf 'policy %s\ndeployer group platform\ntenant web { namespaces %s members group team role edit deployer argocd }\n' $name $name >tenants-$name.klock
done
status=0
"$KLOCKC" check tenants-first.klock tenants-second.klock >out 2>err </dev/null || status=$?
judge "two policies have an AppProject of one name: status 1" test "$status" -eq 1
says K0102 "two policies have an AppProject of one name"

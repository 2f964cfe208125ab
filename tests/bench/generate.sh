#!/bin/sh
# Prints a policy of COUNT locks: as many as people write by generator, of one form unless `mixed` says that each has another.
#
#   generate.sh COUNT [mixed]
awk -v count="${1:-100}" -v mixed="${2-}" 'BEGIN {
	print "policy bench"
	for (i = 0; i < count; i++) {
		printf "actor op%d = serviceaccount team-%d/operator\n", i, i
		printf "lock keep%d {\n  resources  configmaps, secrets\n  namespace  team-%d\n  labels     app=app-%d\n", i, i, i
		if (mixed != "") printf "  where      field data.f%d = \"%d\"\n", i % 50, i
		printf "  deny       update, delete\n  exclusive  op%d\n}\n", i
	}
}'

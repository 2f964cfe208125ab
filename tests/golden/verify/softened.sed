s/\[Deny\]/[Warn, Audit]/
s/failurePolicy: Fail/failurePolicy: Ignore/

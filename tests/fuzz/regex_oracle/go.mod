module klock.io/tests/regex-oracle

go 1.22

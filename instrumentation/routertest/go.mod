module github.com/apispan/apispan/instrumentation/routertest

go 1.25.0

replace github.com/apispan/apispan => ../..

require github.com/apispan/apispan v0.0.0-00010101000000-000000000000

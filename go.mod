module github.com/atasks-io/atasks

go 1.26

//go:build !packaged

package cli

// prefix is before the names of programs where they are installed.
const prefix = ""

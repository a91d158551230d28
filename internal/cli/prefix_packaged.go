//go:build packaged

package cli

// prefix is before the names of programs where they are installed: by the Debian package.
const prefix = "wrp-"

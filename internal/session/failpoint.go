//go:build !crashpoints

package session

// failpoint marks a point at which a process may die; see failpoint_crash.go.
func failpoint(string) {}

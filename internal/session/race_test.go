//go:build race

package session_test

// underRace: SSH handshakes take ten times as long.
const underRace = true

package database

import "crypto/sha256"

// Identity returns what makes a client that client: a hash over its address, in
// canonical form, and its User-Agent, byte for byte. It has 32 bytes, whatever
// the length of the User-Agent, and a unique key.
func Identity(ip, userAgent string) []byte {
	// No address contains a NUL, so no two clients run into each other.
	sum := sha256.Sum256([]byte(ip + "\x00" + userAgent))
	return sum[:]
}

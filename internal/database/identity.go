package database

import (
	"crypto/sha256"
	"encoding/binary"
)

// Identity returns what makes a client that client: a hash over its address, in
// canonical form, and its User-Agent, byte for byte. It has 32 bytes, whatever
// the length of the User-Agent, and a unique key.
func Identity(ip, userAgent string) []byte {
	// No address contains a NUL, so no two clients run into each other.
	sum := sha256.Sum256([]byte(ip + "\x00" + userAgent))
	return sum[:]
}

// NamedIdentity is [Identity] for who is not told by an address: of a kind, and names
// within it. No two kinds, and no two lists of names, have the same, nor has any address.
func NamedIdentity(kind string, names ...string) []byte {
	// No address is as long, nor is any text that stands in the place of one.
	text := []byte("wrp-distributor: an identity that is of no address\x00")
	for _, part := range append([]string{kind}, names...) {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

package accounts

import (
	"crypto/rand"
	"math/big"
	"strings"
)

// Letters that stand on the same key of most keyboards, and that nobody mistakes.
const (
	consonants = "bdfghjknprstv"
	vowels     = "aeiou"
)

const (
	words     = 4
	syllables = 2 // of each: 48 bits in all
)

// MakePassword returns a password that can be read aloud and typed, such as
// kuru-sibe-fota-hedi. It is random, and so worth nothing elsewhere.
func MakePassword() string {
	made := make([]string, words)
	for i := range made {
		var b strings.Builder
		for range syllables {
			b.WriteByte(oneOf(consonants))
			b.WriteByte(oneOf(vowels))
		}
		made[i] = b.String()
	}
	return strings.Join(made, "-")
}

func oneOf(letters string) byte {
	n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(letters)))) // never fails
	return letters[n.Int64()]
}

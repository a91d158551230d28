package accounts

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName     = 32
	maxNote     = 255
	maxPassword = 72 // bytes that bcrypt looks at
)

const nameChars = "abcdefghijklmnopqrstuvwxyz0123456789._-"

// CheckName returns [ErrName], with what would be right, for what cannot be the name of
// an account or a device.
func CheckName(name string) error {
	if !isName(name) {
		return fmt.Errorf("%q is %w: want 1 to %d of a-z, 0-9, dot, hyphen and underscore, beginning with a letter or digit", name, ErrName, maxName)
	}
	return nil
}

// isName leaves out what would be a flag to a command, or a path to a server.
func isName(name string) bool {
	if name == "" || len(name) > maxName || strings.ContainsRune("._-", rune(name[0])) {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return !strings.ContainsRune(nameChars, c) })
}

// SplitDevice takes a user's name apart as people type it: anna, or anna/second. It may
// return [ErrName].
func SplitDevice(user string) (name, device string, err error) {
	name, device, named := strings.Cut(user, "/")
	if err := CheckName(name); err != nil {
		return "", "", err
	}
	if named {
		if err := CheckName(device); err != nil {
			return "", "", err
		}
	}
	return name, device, nil
}

// CheckPassword returns [ErrInvalid], with what would be right, for what cannot be a
// password. It does not quote it.
func CheckPassword(password string) error {
	switch {
	case password == "":
		return fmt.Errorf("an empty password is %w", ErrInvalid)
	case len(password) > maxPassword:
		return fmt.Errorf("a password of %d bytes is %w: want at most %d, since bcrypt looks at no more", len(password), ErrInvalid, maxPassword)
	case strings.ContainsFunc(password, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return fmt.Errorf("a password with control characters is %w: want letters, digits, signs and spaces; nobody can type a NUL or a tab into a form, and bcrypt takes some of them for others", ErrInvalid)
	case strings.ContainsFunc(password, func(c rune) bool { return c > '~' }):
		return fmt.Errorf("a password with other characters than ASCII is %w: old browsers send them in other bytes than this machine", ErrInvalid)
	}
	return nil
}

// CheckMaxSessions is the same for how many sessions an account may have.
func CheckMaxSessions(n int) error {
	if n < 1 || n > MostSessions {
		return fmt.Errorf("%d sessions at once are %w: want 1 to %d; disable the account to give it none", n, ErrInvalid, MostSessions)
	}
	return nil
}

// CheckNote is the same for a note.
func CheckNote(note string) error {
	unfit := func(c rune) bool { return c > 0xffff || !unicode.IsPrint(c) }
	if utf8.RuneCountInString(note) > maxNote || !utf8.ValidString(note) || strings.ContainsFunc(note, unfit) {
		return fmt.Errorf("such a note is %w: want one line of at most %d characters", ErrInvalid, maxNote)
	}
	return nil
}

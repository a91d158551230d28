package gateway

import (
	"net/url"
	pathpkg "path"
	"slices"
	"strings"
)

// IsShutdown reports whether a path is WRP's /shutdown/, which asks for no token,
// in any spelling that a server might take for it. Nothing else in WRP is called
// so, hence no part of the path may be.
func IsShutdown(path string) bool {
	return anySpelling(path, func(parts []string) bool { return slices.ContainsFunc(parts, meansShutdown) })
}

// beginsWithShutdown reports the same of an address of another host, where other parts of
// the path may well be called so.
func beginsWithShutdown(path string) bool {
	return anySpelling(path, func(parts []string) bool {
		cleaned := split(pathpkg.Clean("/" + strings.Join(parts, "/")))
		return len(parts) > 0 && meansShutdown(parts[0]) || len(cleaned) > 0 && meansShutdown(cleaned[0])
	})
}

func meansShutdown(part string) bool { return strings.EqualFold(strings.TrimSpace(part), "shutdown") }

func split(path string) []string {
	return strings.FieldsFunc(path, func(c rune) bool { return c == '/' || c == '\\' || c == ';' })
}

// anySpelling reports whether a path, unescaped as often as a server might, has parts that match.
func anySpelling(path string, match func(parts []string) bool) bool {
	for range 3 { // someone may have escaped the escapes
		if match(split(path)) {
			return true
		}
		plain, err := url.PathUnescape(path)
		if err != nil || plain == path {
			return false
		}
		path = plain
	}
	return true
}

// Entrance recognises /s/TOKEN/, by which a plain browser enters, and returns the
// token. It is empty if there is anything else below /s/.
func Entrance(path string) (token string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/s/")
	token = strings.TrimSuffix(rest, "/")
	if strings.Contains(token, "/") {
		token = ""
	}
	return token, ok
}

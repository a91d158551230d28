package gateway

import (
	"net/url"
	"strings"
)

// isShutdown reports whether a path is WRP's /shutdown/, which asks for no token,
// in any spelling that a server might take for it. Nothing else in WRP is called
// so, hence no part of the path may be.
func isShutdown(path string) bool {
	for range 3 { // someone may have escaped the escapes
		for part := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == '/' || c == '\\' || c == ';' }) {
			if strings.EqualFold(strings.TrimSpace(part), "shutdown") {
				return true
			}
		}
		plain, err := url.PathUnescape(path)
		if err != nil || plain == path {
			return false
		}
		path = plain
	}
	return true
}

// entrance recognises /s/TOKEN/, by which a plain browser enters, and returns the
// token. It is empty if there is anything else below /s/.
func entrance(path string) (token string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/s/")
	token = strings.TrimSuffix(rest, "/")
	if strings.Contains(token, "/") {
		token = ""
	}
	return token, ok
}

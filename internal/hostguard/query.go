package hostguard

import (
	"net/url"
	"slices"
	"strings"
)

// readQuery returns the values of a query in which each key is one of those that are
// allowed, written plainly, and comes once.
func readQuery(raw string, allowed ...string) (map[string]string, error) {
	values := make(map[string]string)
	switch {
	case raw == "":
		return values, nil
	case strings.Contains(raw, ";"): // some read it as &
		return nil, refuse("query: it has a semicolon")
	}
	for pair := range strings.SplitSeq(raw, "&") {
		key, escaped, ok := strings.Cut(pair, "=")
		if !ok || !slices.Contains(allowed, key) {
			return nil, refuse("query: sessions do not need %.40q here", key)
		}
		if _, twice := values[key]; twice {
			return nil, refuse("query: %s comes twice", key)
		}
		value, err := url.QueryUnescape(escaped)
		if err != nil {
			return nil, refuse("query: %s is written wrong", key)
		}
		values[key] = value
	}
	return values, nil
}

// flagOf returns whether a value is set: to 1, which is all that it may be.
func flagOf(values map[string]string, key string) (bool, error) {
	switch value, set := values[key]; {
	case !set:
		return false, nil
	case value == "1":
		return true, nil
	}
	return false, refuse("query: %s: want 1, or nothing", key)
}

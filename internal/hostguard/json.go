package hostguard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth is how deep bodies may be nested; those of distributors are five deep.
const maxDepth = 10

// readJSON reads one object that can be read in one way only. An engine's decoder takes
// the last of several keys that are the same, and takes keys for each other that differ
// in case, or in letters such as ſ and s that are each other's case: all of that is
// refused, and what stands behind the object as well.
func readJSON(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, refuse("the body is no UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	value, err := readValue(dec, 0)
	if err != nil {
		return nil, asRefusal(err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, refuse("the body is no JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse("something stands behind the body's JSON object")
	}
	return object, nil
}

func asRefusal(err error) error {
	if _, ok := errors.AsType[refusal](err); ok {
		return err
	}
	return refuse("the body is no JSON: %v", err)
}

// readValue reads the next value: an object, an array, or what stands for itself.
func readValue(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if depth == maxDepth {
		return nil, refuse("the body is nested more than %d deep", maxDepth)
	}
	if delim == '{' {
		return readObject(dec, depth+1)
	}
	return readArray(dec, depth+1)
}

func readObject(dec *json.Decoder, depth int) (map[string]any, error) {
	object, seen := make(map[string]any), make(map[string]struct{})
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key := token.(string) // the decoder knows no other keys
		if _, twice := seen[fold(key)]; twice {
			return nil, refuse("a key comes twice: %.40q", key)
		}
		seen[fold(key)] = struct{}{}
		if object[key], err = readValue(dec, depth); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token() // its end
	return object, err
}

func readArray(dec *json.Decoder, depth int) ([]any, error) {
	array := []any{}
	for dec.More() {
		value, err := readValue(dec, depth)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := dec.Token() // its end
	return array, err
}

// fold returns the same for all keys that a decoder may take for each other.
func fold(key string) string { return strings.Map(foldRune, key) }

// foldRune returns the least of the letters that are each other's case.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// isEmpty reports whether a value says nothing: what a decoder would have without it.
func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		return v == "0"
	case []any:
		for _, element := range v {
			if !isEmpty(element) {
				return false
			}
		}
		return true
	case map[string]any:
		for _, member := range v {
			// In sets it is the keys that say something.
			if _, isObject := member.(map[string]any); isObject || !isEmpty(member) {
				return false
			}
		}
		return true
	}
	return false
}

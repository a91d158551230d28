package statistics

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxText is what the column holds, with all that MySQL may make of it.
const maxText = 60000

// encode writes the sessions of hosts as JSON. Of more hosts than fit those with the most
// sessions are written.
func encode(perHost map[string]int) string {
	for {
		text, _ := json.Marshal(perHost) // there is nothing in it that has no JSON
		if len(text) <= maxText {
			return string(text)
		}
		perHost = fuller(perHost)
	}
}

// fuller leaves half of the hosts.
func fuller(perHost map[string]int) map[string]int {
	names := slices.SortedFunc(maps.Keys(perHost), func(a, b string) int {
		return cmp.Or(perHost[b]-perHost[a], cmp.Compare(a, b))
	})
	half := make(map[string]int)
	for _, name := range names[:len(names)/2] {
		half[name] = perHost[name]
	}
	return half
}

var errShape = errors.New("neither JSON nor what the PHP program wrote")

// PerHost reads the sessions of hosts, as we write them and as the PHP program did:
// a:1:{s:9:"127.0.0.1";i:2;}. Nothing is none.
func PerHost(text string) (map[string]int, error) {
	var perHost map[string]int
	var err error
	switch {
	case text == "":
	case strings.HasPrefix(text, "{"):
		err = json.Unmarshal([]byte(text), &perHost)
	default:
		perHost, err = readPHP(text)
	}
	for _, n := range perHost {
		if n < 0 || n > largest {
			err = errShape
		}
	}
	if err != nil {
		return nil, fmt.Errorf("sessions per host: %w", err)
	}
	return perHost, nil
}

// readPHP reads an array of numbers by name, and nothing else.
func readPHP(text string) (map[string]int, error) {
	r := &phpReader{rest: text}
	r.skip("a:")
	n := r.number()
	r.skip(":{")
	perHost := make(map[string]int)
	for ; n > 0 && r.err == nil; n-- {
		r.skip("s:")
		name := r.name(r.number())
		r.skip("i:")
		perHost[name] = r.number()
		r.skip(";")
	}
	if r.skip("}"); r.rest != "" && r.err == nil {
		r.err = errShape
	}
	if r.err != nil {
		return nil, r.err
	}
	return perHost, nil
}

// A phpReader reads from the start of rest. After an error it reads nothing.
type phpReader struct {
	rest string
	err  error
}

func (r *phpReader) skip(want string) {
	rest, ok := strings.CutPrefix(r.rest, want)
	if r.rest = rest; !ok && r.err == nil {
		r.err = errShape
	}
}

// number reads decimal digits.
func (r *phpReader) number() int {
	digits := len(r.rest) - len(strings.TrimLeft(r.rest, "0123456789"))
	n, err := strconv.Atoi(r.rest[:digits])
	if err != nil && r.err == nil {
		r.err = errShape
	}
	r.rest = r.rest[digits:]
	return n
}

// name reads a text of so many bytes. Whatever they are, they end it not: their number
// does.
func (r *phpReader) name(length int) string {
	r.skip(":\"")
	if r.err != nil || length > len(r.rest) {
		r.err = errShape
		return ""
	}
	name := r.rest[:length]
	r.rest = r.rest[length:]
	r.skip("\";")
	return name
}

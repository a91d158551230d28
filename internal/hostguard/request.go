package hostguard

import (
	"errors"
	"io"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody  = 16 << 10         // distributors send 2 KiB, and up to 4 of arguments
	bodyTime = 10 * time.Second // for a body to come

	oldestMinor = 40 // of the API: what is let through means the same from here on
)

// A request is what was understood of one.
type request struct {
	method string
	minor  int    // of the API's version 1.x; 0: the path names none
	path   string // without the version
	query  string
	body   []byte
}

var (
	// plainPath has no letter that could be written in another way.
	plainPath     = regexp.MustCompile(`^/[a-zA-Z0-9_.:@/-]*$`)
	versionedPath = regexp.MustCompile(`^/v1\.([1-9][0-9])(/.+)$`)
)

// readRequest reads a request that can be read in one way only, body and all.
func readRequest(w http.ResponseWriter, r *http.Request) (*request, error) {
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		return nil, refuse("want HTTP/1.1")
	}
	for _, name := range [...]string{"Upgrade", "Expect", "Trailer", "Content-Encoding"} {
		if r.Header.Get(name) != "" {
			return nil, refuse("sessions do not need the header %s", name)
		}
	}
	q, err := readTarget(r.RequestURI)
	if err != nil {
		return nil, err
	}
	q.method = r.Method
	q.body, err = readBody(w, r)
	return q, err
}

// readTarget reads a path that is its own shortest form, and a query.
func readTarget(target string) (*request, error) {
	target, query, _ := strings.Cut(target, "?")
	if !plainPath.MatchString(target) || path.Clean(target) != target {
		return nil, refuse("the path is not written plainly")
	}
	q := &request{path: target, query: query}
	if m := versionedPath.FindStringSubmatch(target); m != nil {
		q.minor, _ = strconv.Atoi(m[1]) // two digits
		q.path = m[2]
		if q.minor < oldestMinor {
			return nil, refuse("client version 1.%d is too old: want API 1.%d or newer", q.minor, oldestMinor)
		}
	}
	return q, nil
}

// readBody reads a body whose length was said before.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	switch {
	case len(r.TransferEncoding) > 0:
		return nil, refuse("the body's length is not said")
	case r.ContentLength > maxBody:
		return nil, refuse("the body is longer than %d KiB", maxBody>>10)
	case r.ContentLength == 0:
		return nil, nil
	}
	limits := http.NewResponseController(w)
	_ = limits.SetReadDeadline(time.Now().Add(bodyTime)) // each of our connections has deadlines
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	if err != nil {
		return nil, refuse("the body does not come")
	}
	if err := limits.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	return body, nil
}

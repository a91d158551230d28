package hostguard

import (
	"net/url"
	"regexp"
	"strings"
)

// An order is a request of our own to the engine.
type order struct {
	method string
	minor  int // of the API's version; 0: no version

	// The path: ref, where there is one, is a container that has to be ours, and is
	// replaced by its id.
	before, ref, after string

	query  url.Values
	filter *filter // of what is listed; nil: nothing is
	body   any     // nil: none
	answer answer

	database string // of the container that is made; empty: none is
}

// An answer is what becomes of the engine's.
type answer int

const (
	whole   answer = iota // it passes
	stream                // it passes, piece by piece as it comes, and may last
	created               // it passes, and the container in it is ours from now on
	some                  // what distributors read of it passes
	ownWord               // the guard answers itself
)

// decide returns what the engine is asked for a request, or why it is not asked.
func (c *Config) decide(q *request) (*order, error) {
	if len(q.body) > 0 && q.method != "POST" {
		return nil, refuse("sessions do not need a body here")
	}
	o, err := c.decideUnversioned(q)
	if o == nil && err == nil {
		o, err = c.decideVersioned(q)
	}
	if err != nil {
		return nil, err
	}
	o.method, o.minor = q.method, q.minor
	return o, nil
}

// decideUnversioned is for what is asked before a version is agreed on, and for what is
// ours.
func (c *Config) decideUnversioned(q *request) (*order, error) {
	if q.minor != 0 {
		return nil, nil // it is one of the others
	}
	var o *order
	switch q.method + " " + q.path {
	case "GET /_ping", "HEAD /_ping":
		o = &order{before: "/_ping"}
	case "GET /hostguard/facts":
		o = &order{answer: ownWord}
	default:
		return nil, refuse("sessions do not need this (or without a version: want /v1.%d/...)", oldestMinor)
	}
	return o, q.bare()
}

// bare returns why a request has a query or a body where none is to be.
func (q *request) bare() error {
	switch {
	case q.query != "":
		return refuse("sessions do not need a query here")
	case len(q.body) > 0:
		return refuse("sessions do not need a body here")
	}
	return nil
}

func (c *Config) decideVersioned(q *request) (*order, error) {
	switch q.method + " " + q.path {
	case "GET /info", "GET /version":
		return &order{before: q.path, answer: some}, q.bare()
	case "GET /containers/json":
		return c.decideList(q)
	case "GET /events":
		return c.decideEvents(q)
	case "POST /containers/create":
		return c.decideCreate(q)
	case "POST /networks/create":
		return c.decideNewNetwork(q)
	case "GET /networks/" + c.Network:
		return &order{before: "/networks/" + c.Network}, q.bare()
	case "POST /images/create":
		return c.decidePull(q)
	}
	if name, ok := between(q.path, "/images/", "/json"); ok && q.method == "GET" {
		return c.decideImage(name, q)
	}
	if rest, ok := strings.CutPrefix(q.path, "/containers/"); ok {
		return c.decideContainer(rest, q)
	}
	return nil, refuse("sessions do not need this")
}

// between returns what stands between the beginning and the end of a text.
func between(text, begin, end string) (string, bool) {
	text, begins := strings.CutPrefix(text, begin)
	text, ends := strings.CutSuffix(text, end)
	return text, begins && ends
}

func (c *Config) decideImage(name string, q *request) (*order, error) {
	image, ok := c.image(name)
	if !ok {
		return nil, c.refuseImage(name)
	}
	return &order{before: "/images/" + image.Name + "/json"}, q.bare()
}

func (c *Config) refuseImage(name string) error {
	return refuse("image %.80q is not among those of this host, %s: IMAGES in %s", name, c.imageNames(), ConfigFile)
}

// decidePull is for the images of the host, from where they come by their names. What a
// client says of its registry's passwords does not go on.
func (c *Config) decidePull(q *request) (*order, error) {
	values, err := readQuery(q.query, "fromImage", "tag")
	if err != nil {
		return nil, err
	}
	if len(q.body) > 0 {
		return nil, refuse("sessions do not need a body here")
	}
	for _, image := range c.Images {
		if normalized(values["fromImage"]) == image.repo && values["tag"] == image.tag {
			query := url.Values{"fromImage": {image.repo}, "tag": {image.tag}}
			return &order{before: "/images/create", query: query, answer: stream}, nil
		}
	}
	return nil, c.refuseImage(values["fromImage"] + ":" + values["tag"])
}

// refForm is of a container's id or name.
var refForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$`)

// decideContainer is for what is done to one container, or asked of it.
func (c *Config) decideContainer(rest string, q *request) (*order, error) {
	ref, verb, _ := strings.Cut(rest, "/")
	if !refForm.MatchString(ref) {
		return nil, refuse("sessions do not need this")
	}
	o := &order{before: "/containers/", ref: ref}
	if verb != "" {
		o.after = "/" + verb
	}
	var err error
	switch q.method + " " + verb {
	case "GET json", "POST start", "POST pause", "POST unpause":
		err = q.bare()
	case "POST stop":
		o.query, err = q.stopQuery()
	case "DELETE ":
		o.query, err = q.removeQuery()
	case "GET logs":
		o.answer = stream
		o.query, err = q.logsQuery()
	default:
		err = refuse("sessions do not need this")
	}
	return o, err
}

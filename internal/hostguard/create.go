package hostguard

import (
	"net/url"
	"regexp"
	"strings"
)

// The labels of a container, beside whose it is: for which session, and which claim of it.
const (
	labelSession = "wrpdistributor.session"
	labelClaim   = "wrpdistributor.claim"
)

const (
	maxArgs    = 64
	maxArgSize = 4 << 10 // of all arguments together
)

var (
	nameForm    = regexp.MustCompile(`^wrp_[a-zA-Z0-9_.-]{1,100}$`) // never an id
	sessionForm = regexp.MustCompile(`^[0-9]{1,20}$`)
	claimForm   = regexp.MustCompile(`^[a-zA-Z0-9_-]{0,128}$`)
)

// A newContainer is what an engine is asked to make: the keys are the engine's.
type newContainer struct {
	Image        string
	Cmd          []string            `json:",omitempty"`
	Labels       map[string]string   `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
	HostConfig   newHostConfig
}

// decideCreate makes a container anew from what it may differ in: image, arguments, labels,
// port, limits, and whether it gets the certificate. All else is as distributors have it.
func (c *Config) decideCreate(q *request) (*order, error) {
	values, err := readQuery(q.query, "name")
	if err != nil {
		return nil, err
	}
	members, err := readJSON(q.body)
	if err != nil {
		return nil, err
	}
	body := &object{members: members}
	if members["Image"] == noImage && len(values) == 0 {
		return c.decideProbe(body)
	}
	if !nameForm.MatchString(values["name"]) {
		return nil, refuse("query: name: want wrp_ and letters, digits, dots and dashes")
	}
	made, database, err := c.readContainer(body, q)
	if err != nil {
		return nil, err
	}
	return &order{
		before: "/containers/create", query: url.Values{"name": {values["name"]}},
		body: made, answer: created, database: database,
	}, nil
}

// readContainer reads what a container may differ in, and whose it is.
func (c *Config) readContainer(body *object, q *request) (made newContainer, database string, err error) {
	made.Image = body.text("Image")
	if _, ok := c.image(made.Image); !ok {
		return made, "", c.refuseImage(made.Image)
	}
	made.Cmd = body.arguments("Cmd")
	labels := body.child("Labels")
	made.Labels, database = labels.ownership()
	exposed, port := body.exposed("ExposedPorts")
	if body.err != nil {
		return made, "", body.err
	}
	made.ExposedPorts = map[string]struct{}{port: {}}
	config := body.child("HostConfig")
	made.HostConfig, err = c.readHostConfig(config, port)
	if err != nil {
		return made, "", err
	}
	return made, database, body.end(labels, exposed)
}

// arguments takes those of a command.
func (o *object) arguments(key string) []string {
	args := o.texts(key)
	size := 0
	for _, a := range args {
		size += len(a)
		if strings.ContainsRune(a, 0) {
			o.wrong(key, "an argument has a zero byte")
		}
	}
	if len(args) > maxArgs || size > maxArgSize {
		o.wrong(key, "want at most %d arguments of %d bytes together", maxArgs, maxArgSize)
	}
	return args
}

// ownership takes the labels that say whose a container is.
func (o *object) ownership() (labels map[string]string, database string) {
	labels = make(map[string]string)
	forms := map[string]func(string) bool{labelDatabase: isDatabase, labelSession: sessionForm.MatchString, labelClaim: claimForm.MatchString}
	for key, fits := range forms {
		labels[key] = o.text(key)
		if !fits(labels[key]) {
			o.wrong(key, "%.40q is none that distributors give", labels[key])
		}
	}
	return labels, labels[labelDatabase]
}

// exposed takes the one port within a container on which it serves.
func (o *object) exposed(key string) (ports *object, port string) {
	ports = o.child(key)
	for _, served := range [...]string{"8080/tcp", "8081/tcp"} { // HTTP, and TLS
		if _, has := ports.members[served]; has && port == "" {
			port = served
			if !isEmpty(ports.take(served)) {
				ports.wrong(served, "want {}")
			}
		}
	}
	if port == "" || len(ports.members) > 0 {
		o.wrong(key, "want one port, 8080/tcp or 8081/tcp")
	}
	return ports, port
}

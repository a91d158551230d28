package hosts

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A ContainerConfig says how WRP containers are run.
type ContainerConfig struct {
	Image  string
	Args   []string // "{token}" stands for the session's token
	Memory int64    // bytes
	CPUs   float64  // 0: no limit
	Pids   int64

	Network Network
}

func (c ContainerConfig) command(token string) []string {
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = strings.ReplaceAll(a, "{token}", token)
	}
	return args
}

// A Ref names one container of ours: by ID, or while that is not known by name,
// in which case the labels decide whether it is really the one.
type Ref struct {
	Host    string
	ID      string // empty: not known
	Name    string
	Session int64
	Nonce   string
}

// String names the container for logs and errors.
func (r Ref) String() string {
	if r.ID != "" {
		return r.ID[:min(len(r.ID), 12)] + " on " + r.Host
	}
	return r.Name + " on " + r.Host
}

// A Spec says what to start.
type Spec struct {
	Ref
	Port  int    // of the host
	Token string // WRP's secret
	TLS   bool   // serve TLS, with the host's certificate

	// Gateway publishes the port on the host's own loopback only, where the
	// gateway connects by [Pool.Dial]; else it is published on the host's [Host.Publish].
	Gateway bool

	databaseID string
	publishOn  string // an address of the host; empty: all
}

// The labels that make a container ours: of which database, for which session,
// and for which claim of it.
const (
	labelDatabase = "wrpdistributor.database"
	labelSession  = "wrpdistributor.session"
	labelNonce    = "wrpdistributor.claim"
)

func (s Spec) labels() map[string]string {
	return map[string]string{
		labelDatabase: s.databaseID,
		labelSession:  strconv.FormatInt(s.Session, 10),
		labelNonce:    s.Nonce,
	}
}

// A Container is a container as its engine describes it.
type Container struct {
	ID      string
	Name    string
	Session int64 // 0: not labelled
	Nonce   string
	Created time.Time // by the engine's clock
	Running bool      // a paused one counts
	Paused  bool
	Exit    *Exit // how it ended; nil: it has not, or it was not asked
	Port    int   // of the host; 0: none is open, or it was not listed but inspected

	database string
	image    string // the image's id, which a listing does not say
}

func newContainer(id, name string, labels map[string]string, created time.Time) Container {
	session, _ := strconv.ParseInt(labels[labelSession], 10, 64) // a foreign label may be anything
	return Container{
		ID:       id,
		Name:     inLine(strings.TrimPrefix(name, "/")),
		Session:  session,
		Nonce:    labels[labelNonce],
		Created:  created,
		database: labels[labelDatabase],
	}
}

// mayHaveRunOutOfMemory reports whether a container was killed, and its engine does not say,
// or not yet, that this was for its memory: it is told that a moment later.
func (c Container) mayHaveRunOutOfMemory() bool {
	return !c.Running && c.Exit != nil && c.Exit.Code == exitKilled && !c.Exit.OutOfMemory
}

// gone returns [ErrGone] with what is known of the end of a container.
func (c Container) gone() error {
	if c.Exit == nil {
		return fmt.Errorf("%w: it does not run", ErrGone)
	}
	return fmt.Errorf("%w: it does not run, %s", ErrGone, c.Exit)
}

// ourLabel is the label that all containers of ours have.
func (h *host) ourLabel() string { return labelDatabase + "=" + h.cfg.DatabaseID }

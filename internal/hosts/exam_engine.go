package hosts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"wrpdistributor/internal/clock"
)

// Engine returns what the host's engine says of itself.
func (x *Exam) Engine(ctx context.Context) (EngineFacts, error) {
	limited, cancel := x.limit(ctx)
	defer cancel()
	if err := x.h.engine.ping(limited); err != nil {
		return EngineFacts{}, err
	}
	return x.h.engine.facts(limited)
}

// A NetworkFact is what is known of the network that containers are to be on.
type NetworkFact struct {
	Name    string
	Missing bool // it is made when the first container starts
	Open    bool // its containers reach each other
}

// Network looks for the network of containers, and does not make it. The error is
// [ErrNetwork] if no container can be on it.
func (x *Exam) Network(ctx context.Context) (NetworkFact, error) {
	limited, cancel := x.limit(ctx)
	defer cancel()
	want := x.h.cfg.Container.Network
	found, err := x.h.engine.network(limited, want.name())
	fact := NetworkFact{Name: want.name(), Open: found.open}
	switch {
	case want.Name != "":
		return fact, x.h.judgeOperatorsNetwork(want.Name, found, err)
	case errors.Is(err, errNoSuchNetwork):
		return NetworkFact{Name: want.name(), Missing: true}, nil
	case err != nil:
		return fact, err
	}
	return fact, found.confirmOurs()
}

// Image returns the id of the image, or [ErrImageMissing].
func (x *Exam) Image(ctx context.Context) (string, error) {
	limited, cancel := x.limit(ctx)
	defer cancel()
	image, err := x.h.engine.image(limited, x.h.cfg.Container.Image)
	return image.id, err
}

// Certificate returns [ErrCertificate] if the host does not have its certificate files.
func (x *Exam) Certificate(ctx context.Context) error {
	limited, cancel := x.limit(ctx)
	defer cancel()
	return x.h.engine.checkCertificate(limited, x.h.TLS)
}

// CanPublish returns why containers cannot be published on this machine's address.
func (x *Exam) CanPublish() error { return x.h.canPublish() }

// Ports are the ports of a range.
type Ports struct {
	Foreign map[int]string      // held by others, in words
	InUse   int                 // by containers of services like this one
	Whose   map[string][]string // their names, by the id of the service's database
	Free    []int               // in ascending order
	Guessed bool                // the key does not let us look for others than containers
}

// Ports looks who has the ports from first on: n of them.
func (x *Exam) Ports(ctx context.Context, first, n int) (Ports, error) {
	limited, cancel := context.WithTimeout(ctx, 2*x.h.cfg.ConnectTimeout)
	defer cancel()
	published, err := x.h.engine.publishedPorts(limited)
	if err != nil {
		return Ports{}, err
	}
	p := Ports{Foreign: make(map[int]string), Whose: make(map[string][]string)}
	for port := first; port < first+n; port++ {
		holder, taken := published[port]
		switch {
		case taken && holder.database != "":
			p.InUse++
			p.Whose[holder.database] = append(p.Whose[holder.database], holder.name)
		case taken:
			p.Foreign[port] = "container " + holder.name
		default:
			p.Free = append(p.Free, port)
		}
	}
	return p, x.findProcesses(limited, &p)
}

// findProcesses takes those ports from the free ones on which something listens.
func (x *Exam) findProcesses(ctx context.Context, p *Ports) error {
	var free []int
	for _, port := range p.Free {
		nc, err := x.dialLoopback(ctx, port)
		switch {
		case err == nil:
			nc.Close()
			p.Foreign[port] = x.somebody()
			continue
		case errors.Is(err, ErrForbidden):
			p.Guessed = true
			return nil
		case ctx.Err() != nil:
			return err
		}
		free = append(free, port)
	}
	p.Free = free
	return nil
}

// somebody is who has a port on which no container is known.
func (x *Exam) somebody() string {
	if x.conn != nil && x.conn.way == guardSocket {
		return "a process, or a container that hostguard does not show"
	}
	return "a process that is no container"
}

func (x *Exam) dialLoopback(ctx context.Context, port int) (net.Conn, error) {
	if x.h.client == nil {
		return dialOwn(ctx, cmp.Or(x.h.Publish, loopback), port)
	}
	return x.conn.dialPort(ctx, port)
}

// Start creates the container of s and starts it, on a network that it makes if there
// is none. Whatever comes of it, s is to be removed. An interruption does not end it
// halfway.
func (x *Exam) Start(ctx context.Context, s Spec) (Spec, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*callTimeout)
	defer cancel()
	if err := x.h.ensureNetwork(ctx); err != nil {
		return s, err
	}
	id, err := x.h.create(ctx, s)
	if err != nil {
		return s, err
	}
	s.ID = id
	return s, x.h.start(ctx, id)
}

// Remove removes the container of r, also if the exam is interrupted.
func (x *Exam) Remove(ctx context.Context, r Ref) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*callTimeout)
	defer cancel()
	return x.h.remove(ctx, r, false)
}

// RemoveOld removes what earlier exams have left that were killed.
func (x *Exam) RemoveOld(ctx context.Context, age time.Duration) error {
	list, now, err := x.h.list(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if now.Sub(c.Created).Abs() > age {
			err = errors.Join(err, x.Remove(ctx, Ref{Host: x.h.Name, ID: c.ID}))
		}
	}
	return err
}

// Answers waits until the container of s answers by our way to it: its port on the
// host's loopback, unless the key forbids that, in which case it returns
// [ErrForbidden]. It returns [ErrGone] with the container's last words if it ended.
func (x *Exam) Answers(ctx context.Context, s Spec) error {
	limited, cancel := context.WithTimeout(ctx, x.h.cfg.ReadyTimeout)
	defer cancel()
	return x.await(limited, s, func(ctx context.Context) (net.Conn, error) { return x.dialLoopback(ctx, s.Port) })
}

// AnswersClients waits until the container of s answers where clients connect to.
func (x *Exam) AnswersClients(ctx context.Context, s Spec) error {
	limited, cancel := context.WithTimeout(ctx, x.h.cfg.ReadyTimeout)
	defer cancel()
	return x.await(limited, s, func(ctx context.Context) (net.Conn, error) {
		return dialOwn(ctx, x.ClientAddress(), s.Port)
	})
}

// ClientAddress is where clients connect to, as far as it is known here.
func (x *Exam) ClientAddress() string { return cmp.Or(x.h.Address, x.h.Publish, loopback) }

// await asks the container for a page until it answers, or ends, or ctx is done.
func (x *Exam) await(ctx context.Context, s Spec, dial func(context.Context) (net.Conn, error)) error {
	var why error
	for next := time.Now().Add(inspectInterval); ; {
		err := getPageBy(ctx, s, "/", dial)
		if err == nil || errors.Is(err, ErrForbidden) {
			return err
		}
		if why == nil || ctx.Err() == nil { // the last try is cut off, and says only that
			why = err
		}
		if time.Now().After(next) {
			if ended := x.lastWords(ctx, s.Ref); ended != nil {
				return ended
			}
			next = time.Now().Add(inspectInterval)
		}
		if clock.Sleep(ctx, probePause) != nil {
			return fmt.Errorf("no answer from port %d: %w", s.Port, why)
		}
	}
}

// lastWords returns [ErrGone] if the container has ended, with how, and what it wrote.
func (x *Exam) lastWords(ctx context.Context, r Ref) error {
	f, err := x.h.find(ctx, r)
	if err != nil || f.Running {
		return nil
	}
	output, err := x.h.engine.lastOutput(ctx, f.ID)
	if err != nil {
		return f.gone()
	}
	return outputError{f.gone(), x.h.cfg.Container.describeOutput(output)}
}

package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/hosts"
)

// leftAfter is the age at which a container of the doctor's was left by one that was
// killed.
const leftAfter = 5 * time.Minute

// portTries is how many ports are tried that somebody else takes at that moment.
const portTries = 3

// container starts one, asks it for a page in every way in which it will be asked, and
// removes it; and if there are direct TLS sessions, one more that serves TLS.
func container(ctx context.Context, p *patient) (found string, err error) {
	if len(p.ports.Free) == 0 {
		return "", skip("all ports are in use by containers of distributors: those that distributor sessions list does not have cleanup removes, or they are another database's")
	}
	if err := p.exam.RemoveOld(ctx, leftAfter); err != nil {
		return "", p.fails(err, mendEngine(err))
	}
	found, err = p.try(ctx, false)
	if err == nil && p.TLS != nil && p.cfg.Hosts.GatewayStartPort == 0 {
		_, err = p.try(ctx, true)
		found += "; so does one over TLS"
	}
	return found + "; removed", err
}

// try starts a container, asks it for a page, and removes it.
func (p *patient) try(ctx context.Context, tls bool) (found string, err error) {
	s, err := p.start(ctx, tls)
	if err == nil {
		found, err = p.ask(ctx, s)
	}
	if removal := p.exam.Remove(ctx, s.Ref); removal != nil {
		return "", p.stays(s.Name, removal, err)
	}
	return found, err
}

// errStays means that the doctor's container may still be there.
var errStays = errors.New("the container may still be there")

// stays says that a container was not removed, beside what else is wrong with it.
func (p *patient) stays(name string, removal, cause error) error {
	command := "docker rm -f " + name
	err := fmt.Errorf("%w: %w", errStays, removal)
	if cause == nil {
		return p.fails(err, command)
	}
	if a, ok := errors.AsType[ailment](cause); ok {
		command += "; " + a.mend.Command
	}
	return p.fails(fmt.Errorf("%w; and %w", cause, err), command)
}

// start starts a container on the last of the free ports: the distributor takes the
// first.
func (p *patient) start(ctx context.Context, tls bool) (hosts.Spec, error) {
	s := hosts.Spec{
		Ref:     hosts.Ref{Host: p.Name, Name: "wrp_doctor_" + strings.ToLower(rand.Text()[:10]), Nonce: rand.Text()},
		Token:   rand.Text(),
		TLS:     tls,
		Gateway: p.cfg.Hosts.GatewayStartPort > 0,
	}
	for i, port := range slices.Backward(p.ports.Free[max(0, len(p.ports.Free)-portTries):]) {
		s.Port = port
		started, err := p.exam.Start(ctx, s)
		if errors.Is(err, hosts.ErrPortTaken) && i > 0 && p.exam.Remove(ctx, started.Ref) == nil {
			continue
		}
		if err != nil {
			return started, p.fails(fmt.Errorf("it does not start: %w", err), p.mendStart(err, port))
		}
		return started, nil
	}
	return s, nil // there is at least one port
}

// ask asks the container for a page in our way, and in that of clients.
func (p *patient) ask(ctx context.Context, s hosts.Spec) (string, error) {
	begun := time.Now()
	ours := p.exam.Answers(ctx, s)
	switch {
	case errors.Is(ours, hosts.ErrForbidden) && !s.Gateway: // then we look as clients do
	case errors.Is(ours, hosts.ErrGone):
		return "", p.fails(ours, p.mendExit())
	case ours != nil && s.TLS:
		return "", p.fails(fmt.Errorf("one with the certificate runs and does not answer over TLS (do certificate and key fit each other?): %w", ours), p.mendCertificate())
	case ours != nil:
		return "", p.fails(fmt.Errorf("it runs and does not answer: %w", ours), p.mendMute())
	}
	found := fmt.Sprintf("answers on port %d after %s", s.Port, time.Since(begun).Round(time.Millisecond))
	if s.Gateway {
		return found + " by the gateway's way", nil
	}
	clients := p.exam.AnswersClients(ctx, s)
	switch {
	case errors.Is(clients, hosts.ErrGone):
		return "", p.fails(clients, p.mendExit())
	case clients != nil:
		return "", p.fails(fmt.Errorf("it runs, and clients do not reach it at %s: %w", p.exam.ClientAddress(), clients), p.mendFirewall())
	}
	if ours != nil {
		return found + ", where clients connect (the key does not let us through)", nil
	}
	return fmt.Sprintf("%s on the host itself, and at %s where clients connect", found, p.exam.ClientAddress()), nil
}

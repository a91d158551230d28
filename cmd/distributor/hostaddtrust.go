package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"wrpdistributor/internal/doctor"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service"
)

// errNotTrusted means that the host's key was not said to be right.
var errNotTrusted = errors.New("the host's key was not confirmed")

// trust has the host's key among those that are known. Its own are what the host says of
// itself by the operator's ssh, which trusts it.
func (a *addition) trust(ctx context.Context, own []string) error {
	key, err := a.shownKey(ctx)
	if err != nil {
		return err
	}
	if f := a.flags.fingerprint; f != "" && f != key.Fingerprint {
		return fmt.Errorf("%w: it is %s %s, and --fingerprint is another", errNotTrusted, key.Kind, key.Fingerprint)
	}
	if key.IsKnown {
		a.say("ok", "host key", key.Kind+" "+key.Fingerprint+", as known_hosts says")
		return nil
	}
	if err := a.confirm(ctx, key, own); err != nil {
		return err
	}
	file := a.cfg.KnownHosts.Files[0]
	if err := a.cfg.KnownHosts.Trust(a.host.SSH.Addr, key); err != nil {
		return fmt.Errorf("remember the host's key: %w", err)
	}
	a.did(doctor.Here, hosts.KnownHosts{Files: []string{file}}.Forgetting(a.host.SSH.Addr))
	a.say("changed", "host key", key.Kind+" "+key.Fingerprint+", written into "+file)
	return nil
}

// shownKey returns the key that the host shows to the distributor's own way of connecting.
// One that is known and another is an error.
func (a *addition) shownKey(ctx context.Context) (hosts.HostKey, error) {
	exam, err := hosts.NewExam(a.host, service.PoolConfig(a.cfg, "", nil))
	if err != nil {
		return hosts.HostKey{}, err
	}
	defer exam.Close()
	if _, err := exam.Connect(ctx); err != nil {
		return hosts.HostKey{}, fmt.Errorf("the distributor has to reach %s from here, which is not your ssh's way: %w", a.host.SSH.Addr, err)
	}
	key, err := exam.HostKey(ctx)
	if err != nil && (key.Kind == "" || key.IsKnown) {
		return key, err
	}
	return key, nil
}

// confirm asks whether the key is the right one, unless the operator has said which is.
func (a *addition) confirm(ctx context.Context, key hosts.HostKey, own []string) error {
	if a.flags.fingerprint != "" {
		return nil
	}
	w := a.cmd.ErrOrStderr()
	fmt.Fprintf(w, "The key of %s is\n  %s %s\n", a.host.SSH.Addr, key.Kind, key.Fingerprint)
	switch {
	case slices.ContainsFunc(own, func(line string) bool { return strings.Contains(line, " "+key.Fingerprint+" ") }):
		fmt.Fprintln(w, "The machine that your ssh has reached says the same of itself.")
	case len(own) > 0:
		fmt.Fprintf(w, "WARNING: the machine that your ssh has reached has others, so this may be another machine:\n  %s\n", strings.Join(own, "\n  "))
	default:
		fmt.Fprintln(w, `Compare it with what the host says at its console: for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$f"; done`)
	}
	fmt.Fprint(w, "Is it the host's? Type yes, or the fingerprint: ")
	answer, err := a.answer(ctx)
	fmt.Fprintln(w)
	if err != nil {
		return err
	}
	if answer != "yes" && answer != key.Fingerprint {
		return fmt.Errorf("%w: the answer was %q. If it is right: --fingerprint %s", errNotTrusted, answer, key.Fingerprint)
	}
	return nil
}

// answer reads a line of the operator's.
func (a *addition) answer(ctx context.Context) (string, error) {
	read := make(chan string, 1)
	go func() { // ends with the program at the latest
		line, _ := bufio.NewReader(a.cmd.InOrStdin()).ReadString('\n') // none is an answer, too
		read <- strings.TrimSpace(line)
	}()
	select {
	case line := <-read:
		return line, nil
	case <-ctx.Done():
		return "", fmt.Errorf("interrupted: %w", ctx.Err())
	}
}
